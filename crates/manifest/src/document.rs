//! The envelope of a document: apiVersion, kind, name.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::key::{KINDS_FOR_LATER, Kind};
use crate::source::{Sources, Span, to_u32};
use crate::suggest::nearest;
use crate::tree::{Data, Tree};
use crate::v1::API_VERSION;

/// A document of a known kind.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) kind: Kind,
    /// `metadata.name`, where it is a text.
    pub(crate) name: Option<String>,
    pub(crate) tree: Tree,
    /// What was refused while it was read: anchors, tags, keys that stand twice.
    pub(crate) faults: Vec<Diagnostic>,
}

impl Document {
    /// Takes over what was reported of its lines while its file was read.
    ///
    /// A value that was refused is nothing in the tree: without its faults the object would seem sound.
    pub(crate) fn claim(&mut self, report: &mut Vec<Diagnostic>, sources: &Sources) {
        let first = sources.location(self.tree.span);
        let last = sources.location(Span { start: self.tree.span.end, ..self.tree.span });
        let is_mine = |found: &Diagnostic| {
            found.location.file == first.file && (first.line..=last.line).contains(&found.location.line)
        };
        let (mine, others) = std::mem::take(report).into_iter().partition(is_mine);
        (self.faults, *report) = (mine, others);
    }

    /// Tells what a document is, or why it is nothing of ours.
    pub(crate) fn open(tree: Tree, sources: &Sources, report: &mut Vec<Diagnostic>) -> Option<Self> {
        if !matches!(tree.data, Data::Object(_)) {
            let message = format!("a manifest is an object, and this is {}", tree.describe());
            let diagnostic = Diagnostic::error(Code::WrongType, sources.location(tree.span), message);
            report.push(diagnostic.label("expected apiVersion, kind, metadata and spec"));
            return None;
        }
        if let Some(version) = tree.get("apiVersion")
            && version.text() != Some(API_VERSION)
        {
            let written = version.text().unwrap_or("");
            let message = format!("unknown apiVersion \"{written}\"");
            let diagnostic =
                Diagnostic::error(Code::UnknownApiVersion, sources.location(version.span), message)
                    .label(format!("expected {API_VERSION}"))
                    .field("apiVersion");
            report.push(diagnostic.help("other tools' files have to stay outside the bundle"));
            return None;
        }
        let kind = kind(&tree, sources, report)?;
        let name = tree.get("metadata").and_then(|metadata| metadata.get("name"));
        let name = name.and_then(Tree::text).map(str::to_owned);
        Some(Self { kind, name, tree, faults: Vec::new() })
    }
}

fn kind(tree: &Tree, sources: &Sources, report: &mut Vec<Diagnostic>) -> Option<Kind> {
    let Some(node) = tree.get("kind") else {
        let diagnostic =
            Diagnostic::error(Code::MissingField, sources.location(tree.span), "\"kind\" is missing");
        let known = Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" or ");
        report.push(
            diagnostic
                .label("this document does not say what it is")
                .field("kind")
                .help(format!("a manifest begins with apiVersion: {API_VERSION} and kind: {known}")),
        );
        return None;
    };
    let written = node.text().unwrap_or("");
    if let Some(kind) = Kind::from_manifest(written) {
        return Some(kind);
    }
    let at = sources.location(node.span);
    if KINDS_FOR_LATER.contains(&written) {
        let message = format!("the kind {written} is documented for a later version");
        let diagnostic = Diagnostic::error(Code::NotBuiltYet, at, message).field("kind");
        report.push(diagnostic.label("this version does not do it").help("remove the document for now"));
        return None;
    }
    let diagnostic = Diagnostic::error(Code::UnknownKind, at, format!("unknown kind \"{written}\""))
        .label("expected Environment or Service")
        .field("kind");
    report.push(match nearest(written, Kind::ALL.iter().map(|kind| kind.as_str())) {
        Some(best) => diagnostic.help(format!("did you mean {best}?")),
        None => diagnostic,
    });
    None
}

/// A document's file, line and canonical JSON: keys sorted, scalars in the source's spelling.
pub(crate) fn fingerprint(tree: &Tree, sources: &Sources) -> (String, u32, String) {
    let location = sources.location(tree.span);
    let mut json = String::new();
    write(tree, &mut json);
    (location.file, location.line, json)
}

fn write(tree: &Tree, out: &mut String) {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match &tree.data {
        Data::Null | Data::Template(_) => out.push_str("null"),
        Data::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Data::Text(text) | Data::Number(text) => out.push_str(&quoted(text)),
        Data::List(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                write(item, out);
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Data::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|one, other| one.key.cmp(&other.key));
            for (index, entry) in sorted.iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                out.push_str(&quoted(&entry.key));
                out.push(':');
                write(&entry.value, out);
            }
            out.push_str(if entries.is_empty() { "{}" } else { "}" });
        }
    }
}

/// The text of a file, or why it is none. A byte order mark is taken off.
pub(crate) fn decode(path: &str, content: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    if content.len() > crate::limit::BYTES {
        return Err(Box::new(crate::limit::too_large(path, content.len())));
    }
    let refuse = |message: String| {
        let location = crate::source::Location::of_file(path);
        Box::new(
            Diagnostic::error(Code::NotText, location, message)
                .help("save it as UTF-8, or keep it out of the bundle"),
        )
    };
    if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") {
        return Err(refuse("this is UTF-16, not UTF-8".to_owned()));
    }
    if let Some(at) = content.iter().position(|byte| *byte == 0) {
        return Err(refuse(format!("this is no text: byte {} is NUL", to_u32(at) + 1)));
    }
    match String::from_utf8(content) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            Err(refuse(format!("this is not UTF-8: byte {} begins no character", to_u32(at) + 1)))
        }
    }
}
