//! One thing that is wrong, with all that people need to mend it.

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::key::Key;
use crate::source::Location;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The object, or the bundle, cannot be applied.
    Error,
    /// It can, and probably should not.
    Warning,
}

/// One thing that is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// What kind of fault, of a closed list.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// The object it is in, where that is known.
    pub object: Option<Key>,
    /// Where.
    pub location: Location,
    /// The field's path within the document: `spec.taskDefinition.containerDefinitions[0].image`; empty
    /// where no field is meant.
    pub field: String,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What is said beside the caret: what was expected.
    pub label: String,
    /// Other places that have to do with it, each with a word on why.
    pub secondary: Vec<(Location, String)>,
    /// Ways to mend it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub(crate) fn error(code: Code, location: Location, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            object: None,
            location,
            field: String::new(),
            message: tidy(message.into()),
            label: String::new(),
            secondary: Vec::new(),
            help: Vec::new(),
        }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = tidy(label.into());
        self
    }

    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = tidy(field.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(tidy(help.into()));
        self
    }

    pub(crate) fn also(mut self, location: Location, why: impl Into<String>) -> Self {
        self.secondary.push((location, why.into()));
        self
    }

    pub(crate) fn object(mut self, object: Option<&Key>) -> Self {
        self.object = object.cloned();
        self
    }
}

/// Longer texts are cut: a file may hold a megabyte in one scalar.
const LONGEST: usize = 400;

/// One line of bounded length, without control characters.
fn tidy(text: String) -> String {
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return text;
    }
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut tidy: String = text.chars().take(LONGEST).map(clean).collect();
    if text.chars().nth(LONGEST).is_some() {
        tidy.push_str("...");
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line_of_bounded_length() {
        assert_eq!(tidy("a\u{1b}[31mb\nc".to_owned()), "a [31mb c");
        assert_eq!(tidy("ü".repeat(1000)).chars().count(), LONGEST + 3);
    }
}
