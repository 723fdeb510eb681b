//! References inside texts: `${param:/path}`, `${image:name:tag}`, `${env.name}`; `$${` is a literal `${`.

mod target;

use std::collections::{BTreeMap, BTreeSet};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::image::ImageName;
use crate::resolved::{EnvironmentSettings, ParameterValue};
use crate::source::{Sources, Span, to_u32};
use crate::tree::{Data, Tree};

use target::{Target, target};

/// A text with references in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    Reference(Reference),
    /// Already refused; it has no value.
    Broken,
}

#[derive(Debug, Clone, PartialEq)]
struct Reference {
    target: Target,
    written: String,
    span: Span,
}

/// Turns every text of the tree that holds references into a [`Template`].
pub(crate) fn find(tree: &mut Tree, sources: &Sources, report: &mut Vec<Diagnostic>) {
    match &mut tree.data {
        Data::Text(text) if text.contains("${") => {
            let source = sources.slice(tree.span);
            let mut scan = Scan { span: tree.span, source, searched: 0, refused: 0, sources, report };
            tree.data = scan.template(text);
        }
        Data::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let before = report.len();
                find(item, sources, report);
                within(&format!("[{index}]"), before, report);
            }
        }
        Data::Object(entries) => {
            for entry in entries {
                let before = report.len();
                if entry.key.contains("${") {
                    let message = "a key cannot hold a reference";
                    let location = sources.location(entry.key_span);
                    report.push(Diagnostic::error(Code::ReferenceNotAllowed, location, message));
                }
                find(&mut entry.value, sources, report);
                within(&entry.key, before, report);
            }
        }
        _ => {}
    }
}

/// What was reported since `before` lies below that member or item.
fn within(segment: &str, before: usize, report: &mut [Diagnostic]) {
    for diagnostic in report.iter_mut().skip(before) {
        let dot = if diagnostic.field.is_empty() || diagnostic.field.starts_with('[') { "" } else { "." };
        diagnostic.field = format!("{segment}{dot}{}", diagnostic.field);
    }
}

/// Unknown references of one text that are told.
const MOST_REFUSALS: usize = 20;

struct Scan<'a> {
    span: Span,
    /// The scalar as it stands in the file, quotes and all, to find each reference's own place.
    source: &'a str,
    searched: usize,
    refused: usize,
    sources: &'a Sources,
    report: &'a mut Vec<Diagnostic>,
}

impl Scan<'_> {
    fn template(&mut self, text: &str) -> Data {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            if let Some(before) = before.strip_suffix('$') {
                self.skip_escape();
                literal.push_str(before);
                literal.push_str("${");
                rest = from.get(2..).unwrap_or("");
                continue;
            }
            literal.push_str(before);
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            let (written, after) = match from.find('}') {
                Some(end) => from.split_at(end + 1),
                None => (from, ""),
            };
            pieces.push(self.reference(written));
            rest = after;
        }
        literal.push_str(rest);
        if pieces.is_empty() {
            return Data::Text(literal);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Data::Template(Template { pieces })
    }

    /// Past the next `$${`, so that the reference it spells is not taken for a real one's place.
    fn skip_escape(&mut self) {
        let rest = self.source.get(self.searched..).unwrap_or("");
        self.searched += rest.find("$${").map_or(0, |at| at + "$${".len());
    }

    fn reference(&mut self, written: &str) -> Piece {
        let span = self.place(written);
        let Some(inside) = written.strip_prefix("${").and_then(|text| text.strip_suffix('}')) else {
            let diagnostic = Diagnostic::error(
                Code::UnknownReference,
                self.sources.location(span),
                "a reference has no closing brace",
            );
            self.report.push(diagnostic.label("${ starts here").help("write $${ for a literal ${"));
            return Piece::Broken;
        };
        match target(inside) {
            Ok(target) => Piece::Reference(Reference { target, written: written.to_owned(), span }),
            Err(refusal) => {
                self.refused += 1;
                if self.refused > MOST_REFUSALS {
                    return Piece::Broken;
                }
                self.report.push(refusal.into_diagnostic(written, inside, self.sources.location(span)));
                Piece::Broken
            }
        }
    }

    fn place(&mut self, written: &str) -> Span {
        let found = self.source.get(self.searched..).and_then(|source| source.find(written));
        match found {
            Some(at) => {
                let start = self.searched + at;
                self.searched = start + written.len();
                let at = |offset: usize| self.span.start.saturating_add(to_u32(offset));
                Span { start: at(start), end: at(self.searched), ..self.span }
            }
            // An escape or a fold inside the reference: the whole scalar has to do.
            None => self.span,
        }
    }
}

/// Every parameter that the tree refers to.
pub(crate) fn parameters(tree: &Tree, names: &mut BTreeSet<String>) {
    each(tree, &mut |target| {
        if let Target::Parameter(path) = target {
            names.insert(path.clone());
        }
    });
}

/// Every image that the tree refers to.
pub(crate) fn images(tree: &Tree, names: &mut BTreeSet<ImageName>) {
    each(tree, &mut |target| {
        if let Target::Image(name) = target {
            names.insert(name.clone());
        }
    });
}

fn each(tree: &Tree, visit: &mut dyn FnMut(&Target)) {
    match &tree.data {
        Data::Template(template) => {
            for piece in &template.pieces {
                if let Piece::Reference(reference) = piece {
                    visit(&reference.target);
                }
            }
        }
        Data::List(items) => items.iter().for_each(|item| each(item, visit)),
        Data::Object(entries) => entries.iter().for_each(|entry| each(&entry.value, visit)),
        _ => {}
    }
}

/// The first reference of the tree, as written and where.
pub(crate) fn first(tree: &Tree) -> Option<(&str, Span)> {
    first_where(tree, &|_| true)
}

/// The first reference of the tree to something that has to be looked up, as written and where.
pub(crate) fn first_looked_up(tree: &Tree) -> Option<(&str, Span)> {
    first_where(tree, &|target| target.name().is_some())
}

fn first_where<'a>(tree: &'a Tree, is_wanted: &dyn Fn(&Target) -> bool) -> Option<(&'a str, Span)> {
    match &tree.data {
        Data::Template(template) => template.pieces.iter().find_map(|piece| match piece {
            Piece::Reference(reference) if is_wanted(&reference.target) => {
                Some((reference.written.as_str(), reference.span))
            }
            _ => None,
        }),
        Data::List(items) => items.iter().find_map(|item| first_where(item, is_wanted)),
        Data::Object(entries) => entries.iter().find_map(|entry| first_where(&entry.value, is_wanted)),
        _ => None,
    }
}

/// The first text of the tree whose references have no value.
pub(crate) fn unresolved(tree: &Tree) -> Option<Span> {
    match &tree.data {
        Data::Template(_) => Some(tree.span),
        Data::List(items) => items.iter().find_map(unresolved),
        Data::Object(entries) => entries.iter().find_map(|entry| unresolved(&entry.value)),
        _ => None,
    }
}

/// What references are replaced by.
pub(crate) struct Values<'a> {
    /// Nothing while the Environment cannot be read: its references stay.
    pub(crate) environment: Option<&'a EnvironmentSettings>,
    /// Nothing before parameters and images are looked up: references to them stay.
    pub(crate) parameters: Option<&'a BTreeMap<String, ParameterValue>>,
}

/// What a reference stands for.
enum Found {
    Text(String),
    List(Vec<String>),
    NotYet,
    Nothing(String),
}

/// Puts values in the place of references. Where one has none, the reason is reported and the
/// template stays.
pub(crate) fn substitute(
    tree: &mut Tree,
    values: &Values<'_>,
    sources: &Sources,
    report: &mut Vec<Diagnostic>,
) {
    match &mut tree.data {
        Data::Template(template) => {
            if let Some((data, written)) = template.fill(values, tree.span, sources, report) {
                tree.data = data;
                tree.reference = Some(written);
            }
        }
        Data::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let before = report.len();
                substitute(item, values, sources, report);
                within(&format!("[{index}]"), before, report);
            }
            splice(items);
        }
        Data::Object(entries) => {
            for entry in entries {
                let before = report.len();
                substitute(&mut entry.value, values, sources, report);
                within(&entry.key, before, report);
            }
        }
        _ => {}
    }
}

/// An item that became a list stands for its items: `["${param:/x}", sg-2]`.
fn splice(items: &mut Vec<Tree>) {
    let is_list = |item: &Tree| item.reference.is_some() && matches!(item.data, Data::List(_));
    if items.iter().any(is_list) {
        *items = std::mem::take(items)
            .into_iter()
            .flat_map(|item| match item.data {
                Data::List(inner) if item.reference.is_some() => inner,
                _ => vec![item],
            })
            .collect();
    }
}

impl Template {
    /// The text with its references as they were written.
    pub(crate) fn written(&self) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Literal(literal) => literal.clone(),
            Piece::Reference(reference) => reference.written.clone(),
            Piece::Broken => String::new(),
        };
        self.pieces.iter().map(text).collect()
    }

    fn fill(
        &self,
        values: &Values<'_>,
        span: Span,
        sources: &Sources,
        report: &mut Vec<Diagnostic>,
    ) -> Option<(Data, String)> {
        let mut text = String::new();
        let mut written = Vec::new();
        let mut is_complete = true;
        for piece in &self.pieces {
            let reference = match piece {
                Piece::Literal(literal) => {
                    text.push_str(literal);
                    continue;
                }
                Piece::Reference(reference) => reference,
                Piece::Broken => {
                    is_complete = false;
                    continue;
                }
            };
            written.push(reference.written.as_str());
            let unresolved = |message: String, label: &str| {
                let location = sources.location(reference.span);
                Diagnostic::error(Code::UnresolvedReference, location, message).label(label)
            };
            match reference.find(values) {
                Found::Text(value) => text.push_str(&value),
                Found::List(items) if self.pieces.len() == 1 => {
                    let item = |text| Tree {
                        reference: Some(reference.written.clone()),
                        ..Tree::new(Data::Text(text), span)
                    };
                    return Some((
                        Data::List(items.into_iter().map(item).collect()),
                        reference.written.clone(),
                    ));
                }
                Found::List(_) => {
                    let message = format!("{} is a list and stands inside a text", reference.written);
                    report.push(unresolved(message, "a list fits only where it is the whole value"));
                    is_complete = false;
                }
                Found::Nothing(why) => {
                    report.push(unresolved(format!("{} {why}", reference.written), "no value to put here"));
                    is_complete = false;
                }
                Found::NotYet => is_complete = false,
            }
        }
        is_complete.then(|| (Data::Text(text), written.join(" ")))
    }
}

impl Reference {
    fn find(&self, values: &Values<'_>) -> Found {
        if let Some(name) = self.target.name() {
            let Some(parameters) = values.parameters else {
                return Found::NotYet;
            };
            return match parameters.get(name.as_ref()) {
                Some(ParameterValue::String(text)) => Found::Text(text.clone()),
                Some(ParameterValue::StringList(items)) => Found::List(items.clone()),
                Some(ParameterValue::Unavailable(why)) => Found::Nothing(why.clone()),
                None => Found::Nothing("was not looked up".to_owned()),
            };
        }
        let Some(environment) = values.environment else {
            return Found::NotYet;
        };
        let set = |value: Option<&String>, what: &str| match value {
            Some(value) => Found::Text(value.clone()),
            None => Found::Nothing(format!("has no value: the Environment sets no {what}")),
        };
        match &self.target {
            Target::Name => Found::Text(environment.name.clone()),
            Target::Cluster => Found::Text(environment.cluster.clone()),
            Target::Region => set(environment.region.as_ref(), "region"),
            Target::Account => set(environment.account.as_ref(), "account"),
            Target::Tag(tag) => set(environment.tags.get(tag), "such tag"),
            Target::Parameter(_) | Target::Image(_) => Found::NotYet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Tree, Sources, Vec<Diagnostic>) {
        let sources = Sources::new(vec![("a.yaml".to_owned(), text.to_owned())]);
        let mut report = Vec::new();
        let file = sources.iter().next().map(|(file, ..)| file);
        let mut documents = crate::yaml::read(file.unwrap(), text, &sources, &mut report);
        let mut tree = documents.remove(0);
        find(&mut tree, &sources, &mut report);
        (tree, sources, report)
    }

    #[test]
    fn an_escape_is_a_text_and_no_reference() {
        let (tree, _, report) = tree("a $${b} $$${c} ${param:/d}$${e}");
        assert_eq!(report, []);
        let mut names = BTreeSet::new();
        parameters(&tree, &mut names);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["/d"]);
        let (tree, ..) = super::tests::tree("a $${b} $$");
        assert_eq!(tree.data, Data::Text("a ${b} $$".to_owned()));
    }

    #[test]
    fn an_escape_is_not_taken_for_the_place_of_a_reference() {
        let (_, _, report) = tree("$${img:x} ${img:x}");
        assert_eq!((report.len(), report[0].location.column), (1, 11));
    }

    #[test]
    fn a_value_that_holds_a_reference_itself_is_not_resolved_again() {
        let (mut tree, sources, mut report) = tree("${param:/a}");
        let parameters =
            BTreeMap::from([("/a".to_owned(), ParameterValue::String("${param:/b}".to_owned()))]);
        let values = Values { environment: None, parameters: Some(&parameters) };
        substitute(&mut tree, &values, &sources, &mut report);
        assert_eq!((tree.data, report), (Data::Text("${param:/b}".to_owned()), Vec::new()));
    }

    #[test]
    fn what_has_no_value_stays_unresolved() {
        let (mut tree, sources, mut report) = tree("[1, [\"${img:x}\"]]");
        let values = Values { environment: None, parameters: Some(&BTreeMap::new()) };
        substitute(&mut tree, &values, &sources, &mut report);
        assert_eq!(unresolved(&tree).map(|span| sources.slice(span)), Some("\"${img:x}\""));
    }
}
