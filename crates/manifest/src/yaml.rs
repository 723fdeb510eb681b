//! YAML's events into the spanned tree: no anchors, tags or merge keys; duplicate keys are errors.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limit::{DEPTH, Usage};
use crate::source::{FileId, Sources, Span, to_u32};
use crate::tree::{Data, Entry, Tree};

/// Reads every document of a file.
///
/// A syntax error ends the file: what came before it is kept. A passed limit refuses the whole file.
pub(crate) fn read(file: FileId, text: &str, sources: &Sources, report: &mut Vec<Diagnostic>) -> Vec<Tree> {
    let mut reader = Reader {
        file,
        text,
        offsets: Offsets::new(text),
        sources,
        report,
        usage: Usage::default(),
        refused: 0,
        end: 0,
        stack: Vec::new(),
        documents: Vec::new(),
    };
    let mut parser = Parser::new_from_str(text);
    reader.run(&mut parser);
    if reader.usage.is_over() {
        let refusals = reader.usage.refusals(sources);
        report.extend(refusals);
        return Vec::new();
    }
    reader.documents
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    offsets: Offsets,
    sources: &'a Sources,
    report: &'a mut Vec<Diagnostic>,
    usage: Usage,
    refused: usize,
    /// Where the last text that was read ends, in bytes.
    end: u32,
    stack: Vec<Frame>,
    documents: Vec<Tree>,
}

/// Anchors, aliases, tags and odd keys that are told of one file.
const MOST_REFUSALS: usize = 50;

/// A list or object that is still open.
enum Frame {
    List { start: Span, items: Vec<Tree> },
    Object { start: Span, entries: Vec<Entry>, seen: HashMap<String, Span>, key: Option<Key> },
}

/// A key that waits for its value.
struct Key {
    /// Nothing where the key was refused: its value is dropped.
    name: Option<String>,
    span: Span,
}

impl Reader<'_> {
    fn run(&mut self, parser: &mut Parser<'_, StrInput<'_>>) {
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => {
                    let span = self.offsets.span(self.file, &span);
                    self.event(event, span);
                }
                Err(error) => {
                    self.syntax_error(&error);
                    return;
                }
            }
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        if span.end > span.start && !matches!(event, Event::DocumentStart(_) | Event::DocumentEnd) {
            self.end = span.end;
        }
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => self.usage.document(span),
            Event::Alias(_) => {
                self.refuse_anchor(span, "aliases");
                self.node(Tree::new(Data::Null, span), false);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_marks(anchor, tag.is_some(), span);
                let is_plain = style == ScalarStyle::Plain;
                self.usage.node(self.stack.len(), span);
                self.node(Tree::new(scalar(&text, is_plain), span), is_plain && text == "<<");
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, tag.is_some(), span, Frame::List { start: span, items: Vec::new() });
            }
            Event::MappingStart(anchor, tag) => {
                let (entries, seen) = (Vec::new(), HashMap::new());
                self.open(
                    anchor,
                    tag.is_some(),
                    span,
                    Frame::Object { start: span, entries, seen, key: None },
                );
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
        }
    }

    fn open(&mut self, anchor: usize, has_tag: bool, span: Span, frame: Frame) {
        self.refuse_marks(anchor, has_tag, span);
        self.stack.push(frame);
        self.usage.node(self.stack.len(), span);
    }

    /// A block ends where its last text does, also where that was refused: its end event stands at the
    /// next token, which may be another document's.
    fn close(&mut self) {
        let (data, start) = match self.stack.pop() {
            Some(Frame::List { start, items }) => (Data::list(items), start),
            Some(Frame::Object { start, entries, .. }) => (Data::object(entries), start),
            None => return,
        };
        let end = self.end.max(start.end);
        self.node(Tree::new(data, Span { end, ..start }), false);
    }

    /// A complete node goes into what is open, or is a document.
    fn node(&mut self, tree: Tree, is_merge_key: bool) {
        if self.usage.is_over() {
            return;
        }
        match self.stack.last_mut() {
            None => self.documents.push(tree),
            Some(Frame::List { items, .. }) => items.push(tree),
            Some(Frame::Object { key: Some(_), .. }) => self.value(tree),
            Some(Frame::Object { .. }) => self.key(tree, is_merge_key),
        }
    }

    fn key(&mut self, tree: Tree, is_merge_key: bool) {
        let span = tree.span;
        let name = match tree.data {
            _ if is_merge_key => {
                let help =
                    "write the members out, or put what is shared into the Environment's spec.defaults";
                self.refuse(Code::MergeKeyNotAllowed, span, "the merge key << is not allowed", help);
                None
            }
            Data::Text(text) | Data::Number(text) => Some(text),
            Data::Boolean(value) => Some(value.to_string()),
            _ => {
                self.refuse(
                    Code::InvalidKey,
                    span,
                    "a key has to be a string",
                    "write a name before the colon",
                );
                None
            }
        };
        let Some(Frame::Object { key, seen, .. }) = self.stack.last_mut() else {
            return;
        };
        let first = name.as_ref().and_then(|name| seen.get(name).copied());
        if let (Some(name), None) = (&name, first) {
            seen.insert(name.clone(), span);
        }
        if let (Some(name), Some(first)) = (&name, first) {
            self.report.push(duplicate_key(self.sources, name, span, first));
        }
        *key = Some(Key { name, span });
    }

    fn value(&mut self, value: Tree) {
        if let Some(Frame::Object { entries, key, .. }) = self.stack.last_mut()
            && let Some(Key { name: Some(name), span }) = key.take()
        {
            entries.push(Entry { key: name, key_span: span, value });
        }
    }

    fn refuse(&mut self, code: Code, at: Span, message: &str, help: &str) {
        // What a generator wrote a thousand times is told often enough.
        self.refused += 1;
        if !self.usage.is_over() && self.refused <= MOST_REFUSALS {
            let diagnostic = Diagnostic::error(code, self.sources.location(at), message);
            self.report.push(diagnostic.help(help));
        }
    }

    fn refuse_anchor(&mut self, at: Span, what: &str) {
        let message = format!("YAML {what} are not allowed");
        let help = "write the value out, or put what is shared into the Environment's spec.defaults";
        self.refuse(Code::AnchorNotAllowed, at, &message, help);
    }

    /// Anchors and tags stand before their node; the caret goes to the mark itself.
    fn refuse_marks(&mut self, anchor: usize, has_tag: bool, node: Span) {
        if anchor != 0 {
            let at = self.mark_before(node, '&');
            self.refuse_anchor(at, "anchors");
        }
        if has_tag {
            let at = self.mark_before(node, '!');
            let help = "remove the tag; references are written ${param:/path} or ${env.name}";
            self.refuse(Code::TagNotAllowed, at, "YAML tags are not allowed", help);
        }
    }

    fn mark_before(&self, node: Span, mark: char) -> Span {
        let before = self.text.get(..node.start as usize).unwrap_or("");
        // A scalar's span may begin with its mark.
        let here = self.text.get(node.start as usize..).is_some_and(|rest| rest.starts_with(mark));
        let start = match before.rfind(mark) {
            _ if here => node.start as usize,
            Some(start) => before.get(..start).map_or(start, |text| text.trim_end_matches(mark).len()),
            None => return node,
        };
        let rest = self.text.get(start..).unwrap_or("");
        let length = rest.find([' ', '\t', '\r', '\n', ',', ']', '}']).unwrap_or(rest.len());
        Span { start: to_u32(start), end: to_u32(start + length), ..node }
    }

    /// The next tab that indents a line: the parser complains where the text before it began.
    fn tab_after(&self, from: Span) -> Option<Span> {
        let rest = self.text.get(from.start as usize..)?;
        let mut offset = from.start as usize;
        for line in rest.split_inclusive('\n') {
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            if let Some(tab) = line.get(..indent).and_then(|indent| indent.find('\t')) {
                return Some(Span { start: to_u32(offset + tab), end: to_u32(offset + tab + 1), ..from });
            }
            offset += line.len();
        }
        None
    }

    fn syntax_error(&mut self, error: &ScanError) {
        if self.usage.is_over() {
            return;
        }
        let start = self.offsets.byte(error.marker().index());
        let at = Span { file: self.file, start, end: start };
        let at = self.tab_after(at).filter(|_| error.info().contains("tab")).unwrap_or(at);
        let location = self.sources.location(at);
        // The parser's own answer to an alias whose anchor it has not seen.
        if error.info().contains("unknown anchor") {
            self.refuse_anchor(self.mark_before(at, '*'), "aliases");
            return;
        }
        // It looks ahead for keys, and gives up at 256 brackets before our own count sees them.
        if error.info().contains("recursion limit") {
            let message = format!("the file has over 255 levels of nesting; the limit is {DEPTH}");
            self.report
                .push(Diagnostic::error(Code::TooDeep, location, message).label("the limit is passed here"));
            return;
        }
        let message = format!("this is not YAML: {}", error.info());
        let mut diagnostic = Diagnostic::error(Code::InvalidYaml, location, message);
        if let Some((_, hint)) = SYNTAX_HINTS.iter().find(|(words, _)| error.info().contains(words)) {
            diagnostic = diagnostic.help(*hint);
        }
        self.report.push(diagnostic.help("what follows in this file is not judged until this is mended"));
    }
}

/// What people mostly did where the parser says this.
const SYNTAX_HINTS: &[(&str, &str)] = &[
    ("tab", "YAML is indented by spaces, never by tabs"),
    (
        "mapping values are not allowed",
        "a text that holds \": \" needs quotes; otherwise look at the indentation",
    ),
    ("simple key expect", "a key needs a colon and a space after it; look at the line above, too"),
    ("quoted scalar", "a quote that opens has to close; look for it above"),
    ("did not find expected", "look at the indentation of this line and of the one above"),
    ("indent", "members of one object stand in one column"),
    ("misplaced bracket", "a bracket or brace closes that was never opened"),
];

/// A key that an object holds twice, at the second place and with the first.
pub(crate) fn duplicate_key(sources: &Sources, name: &str, second: Span, first: Span) -> Diagnostic {
    let message = format!("the key \"{name}\" stands twice in this object");
    Diagnostic::error(Code::DuplicateKey, sources.location(second), message)
        .label("again here")
        .also(sources.location(first), "first here")
        .help("remove one of the two")
}

/// YAML 1.2's core schema as far as it is not the field's business: null and the two booleans.
fn scalar(text: &str, is_plain: bool) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" if is_plain => Data::Null,
        "true" if is_plain => Data::Boolean(true),
        "false" if is_plain => Data::Boolean(false),
        number if is_plain && serde_json::from_str::<serde_json::Number>(number).is_ok() => {
            Data::Number(number.to_owned())
        }
        _ => Data::Text(text.to_owned()),
    }
}

/// From the parser's characters to bytes.
struct Offsets {
    /// The byte at which each character starts; empty for ASCII, where the two are the same.
    starts: Vec<u32>,
    bytes: u32,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let starts = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(byte, _)| to_u32(byte)).collect()
        };
        Self { starts, bytes: to_u32(text.len()) }
    }

    fn byte(&self, character: usize) -> u32 {
        if self.starts.is_empty() {
            to_u32(character).min(self.bytes)
        } else {
            self.starts.get(character).copied().unwrap_or(self.bytes)
        }
    }

    fn span(&self, file: FileId, span: &saphyr_parser::Span) -> Span {
        Span { file, start: self.byte(span.start.index()), end: self.byte(span.end.index()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<Tree>, Vec<Diagnostic>, Sources) {
        let sources = Sources::new(vec![("a.yaml".to_owned(), text.to_owned())]);
        let (file, _, text) = sources.iter().next().unwrap();
        let mut report = Vec::new();
        let documents = read(file, text, &sources, &mut report);
        (documents, report, sources)
    }

    #[test]
    fn every_scalar_knows_its_place_in_any_line_ending_and_alphabet() {
        let lines = "é: ü1\nlist:\n  - eins\n  - {b: zwei, \"c\": 'drei'}\nlast: 1.10\n";
        for text in [lines.to_owned(), lines.replace('\n', "\r\n")] {
            let (documents, report, _) = read_text(&text);
            assert_eq!(report, []);
            let mut found = Vec::new();
            collect(&documents[0], &text, &mut found);
            assert_eq!(found, ["é", "ü1", "list", "eins", "b", "zwei", "\"c\"", "'drei'", "last", "1.10"]);
        }
    }

    fn collect(tree: &Tree, text: &str, found: &mut Vec<String>) {
        let slice = |span: Span| text[span.start as usize..span.end as usize].to_owned();
        for entry in tree.entries() {
            found.push(slice(entry.key_span));
            collect(&entry.value, text, found);
        }
        tree.items().iter().for_each(|item| collect(item, text, found));
        if tree.text().is_some() {
            found.push(slice(tree.span));
        }
    }

    #[test]
    fn scalars_keep_the_spelling_of_the_source() {
        let (documents, report, _) = read_text("[1.10, 010, 0x10, yes, True, 'null', null, ~, true]");
        assert_eq!(report, []);
        let data: Vec<_> = documents[0].items().iter().map(|item| &item.data).collect();
        let text = |text: &str| Data::Text(text.to_owned());
        let expected = [
            Data::Number("1.10".to_owned()),
            text("010"),
            text("0x10"),
            text("yes"),
            text("True"),
            text("null"),
            Data::Null,
            Data::Null,
            Data::Boolean(true),
        ];
        assert_eq!(data, expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_megabyte_of_brackets_is_counted_and_refused_by_its_depth() {
        let (documents, report, _) = read_text(&"[".repeat(1_000_000));
        assert!(documents.is_empty());
        assert_eq!(report[0].code, Code::TooDeep);
    }
}
