//! The spanned tree that YAML and JSON are read into: every node knows its place.

use coxswain_ecs_shapes::{Node, View};
use serde_json::Number;

use crate::reference::Template;
use crate::source::Span;

/// A node and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) data: Data,
    pub(crate) span: Span,
    /// As written, where this value was put in the place of a reference.
    pub(crate) reference: Option<String>,
}

/// What a node holds.
///
/// Numbers stay in the spelling of the source: the image tag `1.10` must not become `1.1`. The shape
/// of the field decides what a text or a number is, when the tree is lowered; only in a document of free
/// form the two are told apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Null,
    Boolean(bool),
    Text(String),
    /// A scalar without quotes that JSON has as a number too.
    Number(String),
    /// A text with references that have no value yet.
    Template(Template),
    List(Vec<Tree>),
    Object(Vec<Entry>),
}

impl Data {
    /// A list that is complete.
    pub(crate) fn list(mut items: Vec<Tree>) -> Self {
        // Most lists are shorter than the four items that a first push makes room for.
        items.shrink_to_fit();
        Self::List(items)
    }

    /// An object that is complete.
    pub(crate) fn object(mut entries: Vec<Entry>) -> Self {
        entries.shrink_to_fit();
        Self::Object(entries)
    }
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Tree,
}

impl Tree {
    pub(crate) fn new(data: Data, span: Span) -> Self {
        Self { data, span, reference: None }
    }

    /// The members, empty where this is no object.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Object(entries) => entries,
            _ => &[],
        }
    }

    /// The items, empty where this is no list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The first member of that name.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The first member's value, unless it is null.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value).filter(|value| !matches!(value.data, Data::Null))
    }

    /// The text of a scalar that is known.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) | Data::Number(text) => Some(text),
            Data::Boolean(true) => Some("true"),
            Data::Boolean(false) => Some("false"),
            _ => None,
        }
    }

    /// Whether this is a list without items.
    pub(crate) fn is_empty_list(&self) -> bool {
        matches!(&self.data, Data::List(items) if items.is_empty())
    }

    /// Whether the value waits for a reference.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.data, Data::Template(_))
    }

    /// What this is, in words for people.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.data {
            Data::Null => "nothing",
            Data::Boolean(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(text) if text.parse::<f64>().is_ok() => "a number",
            Data::Text(_) => "a string",
            Data::Template(_) => "a reference",
            Data::List(_) => "a list",
            Data::Object(_) => "an object",
        }
    }
}

impl Node for Tree {
    fn view(&self) -> View<'_, Self> {
        match &self.data {
            Data::Null => View::Null,
            Data::Boolean(value) => View::Boolean(*value),
            Data::Text(text) | Data::Number(text) => View::String(text),
            Data::Template(_) => View::Unknown,
            Data::List(items) => View::List(items),
            Data::Object(entries) => {
                View::Object(entries.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect())
            }
        }
    }

    fn number(&self) -> Option<Number> {
        match &self.data {
            Data::Number(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }
}
