//! The files of a bundle as people see them: paths, lines, columns.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as it is shown to people, relative to the bundle's root. A name that ends in `.json`
    /// is read as JSON, every other one as YAML.
    pub path: String,
    /// The bytes as they were found.
    pub content: Vec<u8>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// [`SourceFile::path`].
    pub file: String,
    /// The line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 where the whole file is meant.
    pub column: u32,
    /// How many characters of that line are meant.
    pub length: u32,
}

impl Location {
    /// A whole file.
    pub(crate) fn of_file(path: &str) -> Self {
        Self { file: path.to_owned(), line: 0, column: 0, length: 0 }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// Which file of [`Sources`] a span lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(u32);

/// A range of bytes of one file's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    pub(crate) file: FileId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The texts of all files that could be read as text, for excerpts.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    texts: Arc<Vec<Text>>,
}

#[derive(Debug)]
struct Text {
    path: String,
    content: String,
    is_ascii: bool,
    /// Where each line starts, in bytes; the first is 0.
    lines: Vec<u32>,
}

impl Sources {
    /// Takes the files in the order in which their ids are given out.
    pub(crate) fn new(files: Vec<(String, String)>) -> Self {
        let files = files.into_iter().map(|(path, text)| Text::new(path, text)).collect();
        Self { texts: Arc::new(files) }
    }

    /// Every file with its id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FileId, &str, &str)> {
        (0_u32..)
            .zip(self.texts.iter())
            .map(|(id, file)| (FileId(id), file.path.as_str(), file.content.as_str()))
    }

    /// The text of the file of that path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.iter().find(|file| file.path == path).map(|file| file.content.as_str())
    }

    /// The text of a span.
    pub(crate) fn slice(&self, span: Span) -> &str {
        let file = self.texts.get(span.file.0 as usize);
        file.and_then(|file| file.content.get(span.start as usize..span.end as usize)).unwrap_or("")
    }

    /// Where a span is, for people. A span of several lines ends with its first.
    pub(crate) fn location(&self, span: Span) -> Location {
        let Some(file) = self.texts.get(span.file.0 as usize) else {
            return Location { file: String::new(), line: 0, column: 0, length: 0 };
        };
        let line = file.lines.partition_point(|start| *start <= span.start).max(1);
        let line_start = file.lines.get(line - 1).copied().unwrap_or(0);
        let line_end = file.lines.get(line).copied().unwrap_or(to_u32(file.content.len()));
        let end = span.end.clamp(span.start, line_end.max(span.start));
        let text = file.content.get(span.start as usize..end as usize).unwrap_or("");
        let text = text.trim_end_matches(['\n', '\r', ' ']);
        Location {
            file: file.path.clone(),
            line: to_u32(line),
            column: file.characters(line_start, span.start) + 1,
            length: file.characters(span.start, span.start + to_u32(text.len())).max(1),
        }
    }
}

impl Text {
    fn new(path: String, text: String) -> Self {
        let starts =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| to_u32(at) + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Self { path, is_ascii: text.is_ascii(), content: text, lines }
    }

    /// How many characters a range of bytes holds: at once for ASCII, so that a file of one long line
    /// costs no more than another.
    fn characters(&self, start: u32, end: u32) -> u32 {
        if self.is_ascii {
            return end.saturating_sub(start);
        }
        to_u32(self.content.get(start as usize..end as usize).unwrap_or("").chars().count())
    }
}

/// Files are bounded far below 4 GiB, so that this never saturates in practice.
pub(crate) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_counts_lines_and_characters_from_one() {
        let sources = Sources::new(vec![("a.yaml".to_owned(), "é: 1\r\nb: zwei\n".to_owned())]);
        let (file, ..) = sources.iter().next().unwrap();
        let at = |start, end| {
            let location = sources.location(Span { file, start, end });
            (location.line, location.column, location.length)
        };
        assert_eq!(at(0, 2), (1, 1, 1));
        assert_eq!(at(4, 5), (1, 4, 1));
        assert_eq!(at(10, 14), (2, 4, 4));
        assert_eq!(at(4, 14), (1, 4, 1), "a span of two lines ends with its first");
    }
}
