//! How much one file may hold, each limit refused by its name and with the number found.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{Location, Sources, Span};

/// Bytes of a file.
pub(crate) const BYTES: usize = 1024 * 1024;
/// Documents of a file.
pub(crate) const DOCUMENTS: usize = 200;
/// Scalars, lists and objects of a file.
pub(crate) const NODES: usize = 20_000;
/// Lists and objects within one another.
pub(crate) const DEPTH: usize = 32;

/// What a file holds, counted on beyond the limits so that the refusal can say how much it was.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    documents: usize,
    nodes: usize,
    depth: usize,
    /// Where each limit was passed first.
    too_many_documents: Option<Span>,
    too_many_nodes: Option<Span>,
    too_deep: Option<Span>,
}

impl Usage {
    pub(crate) fn document(&mut self, at: Span) {
        self.documents += 1;
        if self.documents > DOCUMENTS {
            self.too_many_documents.get_or_insert(at);
        }
    }

    pub(crate) fn node(&mut self, depth: usize, at: Span) {
        self.nodes += 1;
        if self.nodes > NODES {
            self.too_many_nodes.get_or_insert(at);
        }
        self.depth = self.depth.max(depth);
        if depth > DEPTH {
            self.too_deep.get_or_insert(at);
        }
    }

    /// Whether a limit is passed: nothing is built any more, only counted.
    pub(crate) fn is_over(&self) -> bool {
        self.too_many_documents.is_some() || self.too_many_nodes.is_some() || self.too_deep.is_some()
    }

    /// One refusal for each limit that is passed.
    pub(crate) fn refusals(&self, sources: &Sources) -> Vec<Diagnostic> {
        let refuse = |code, at: Option<Span>, found: usize, limit: usize, what: &str| {
            at.map(|span| {
                let message =
                    format!("the file has {} {what}; the limit is {}", grouped(found), grouped(limit));
                Diagnostic::error(code, sources.location(span), message).label("the limit is passed here")
            })
        };
        [
            refuse(Code::TooManyDocuments, self.too_many_documents, self.documents, DOCUMENTS, "documents"),
            refuse(Code::TooManyNodes, self.too_many_nodes, self.nodes, NODES, "nodes"),
            refuse(Code::TooDeep, self.too_deep, self.depth, DEPTH, "levels of nesting"),
        ]
        .into_iter()
        .flatten()
        .map(|diagnostic| match diagnostic.code {
            Code::TooDeep => diagnostic,
            _ => diagnostic.help("split the file; a bundle may have any number of files"),
        })
        .collect()
    }
}

/// The refusal of a file of so many bytes.
pub(crate) fn too_large(path: &str, bytes: usize) -> Diagnostic {
    let message = format!("the file has {} bytes; the limit is {} (1 MB)", grouped(bytes), grouped(BYTES));
    Diagnostic::error(Code::FileTooLarge, Location::of_file(path), message)
        .help("split the file, or keep it out of the bundle")
}

/// `1,048,576`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (8_388_608, "8,388,608")] {
            assert_eq!(super::grouped(number), text);
        }
    }
}
