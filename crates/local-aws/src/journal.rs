//! The journal: every distinct request in a file, for whoever judges the clients later.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

/// How many lines a journal has at most; the last of a full one says that it is full.
const MOST_LINES: usize = 50_000;

/// A file of the requests that came in: JSON, one to a line, each distinct one once.
///
/// A line has `service` and `operation` in botocore's and AWS's names, `client`, the first word of
/// what the client calls itself, and `request`, the body as it came. A line `{"full": true}` is the
/// last where there was no room for more, so that a reader does not take a part for the whole.
///
/// Guarantees: a line is written whole, by one write to a file that is open for appending, so that
/// several programs can share a file; and before its request is answered.
#[derive(Debug)]
pub struct Journal {
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    file: File,
    /// Hashes of the lines, not the lines: of ten billion full journals, one lacks a line for it.
    lines: HashSet<u64>,
    most: usize,
}

impl Journal {
    /// Opens the file for appending, and makes it and its folder where they are missing.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with_room_for(MOST_LINES, path)
    }

    fn with_room_for(most: usize, path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { written: Mutex::new(Written { file, lines: HashSet::new(), most }) })
    }

    /// Writes a request down, unless one like it stands there already.
    pub(crate) fn note(&self, (service, operation): (&str, &str), client: Option<&str>, request: &Value) {
        let client = client.and_then(|client| client.split_whitespace().next());
        let line = json!({"service": service, "operation": operation, "client": client, "request": request});
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = written.line(&line.to_string()) {
            tracing::error!(%error, "the journal of requests has a gap");
        }
    }
}

impl Written {
    fn line(&mut self, line: &str) -> io::Result<()> {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        if self.lines.len() > self.most || !self.lines.insert(hasher.finish()) {
            return Ok(());
        }
        let line = if self.lines.len() > self.most { r#"{"full":true}"# } else { line };
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_request_stands_there_once_however_often_it_comes_and_beside_those_of_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/requests.jsonl");
        let (first, second) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
        for _ in 0..3 {
            let names = ("ecs", "ListTasks");
            first.note(names, Some("aws-sdk-rust/1.3 os/linux"), &json!({"cluster": "dev"}));
            second.note(names, None, &json!({"cluster": "dev"}));
        }
        let line = |client: Option<&str>| json!({"service": "ecs", "operation": "ListTasks", "client": client, "request": {"cluster": "dev"}});
        assert_eq!(lines(&path), [line(Some("aws-sdk-rust/1.3")), line(None)]);
    }

    #[test]
    fn a_full_journal_says_so_and_grows_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.jsonl");
        let journal = Journal::with_room_for(2, &path).unwrap();
        for number in 0..5 {
            journal.note(("ecs", "ListTasks"), None, &json!({"maxResults": number}));
        }
        let told = lines(&path);
        assert_eq!((told.len(), &told[2]), (3, &json!({"full": true})));
    }
}
