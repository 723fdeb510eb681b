//! A place in a tree with its path, and where rules report to.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Sources;
use crate::tree::{Data, Tree};

/// A node that knows its path from the document's root.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) path: String,
}

impl<'a> Cursor<'a> {
    pub(crate) fn root(tree: &'a Tree) -> Self {
        Self { tree, path: String::new() }
    }

    /// The member, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        Some(Self { tree: self.tree.get(key)?, path: crate::faults::join(&self.path, key) })
    }

    /// Down several members.
    pub(crate) fn at(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |cursor, key| cursor.get(key))
    }

    /// The items of a list, none for anything else. Items that are nothing are refused elsewhere.
    pub(crate) fn items(&self) -> Vec<Self> {
        let item = |(index, tree)| Self { tree, path: format!("{}[{index}]", self.path) };
        let items = self.tree.items().iter().enumerate().filter(|(_, tree)| tree.data != Data::Null);
        items.map(item).collect()
    }

    /// The items of the member.
    pub(crate) fn list(&self, key: &str) -> Vec<Self> {
        self.get(key).map(|list| list.items()).unwrap_or_default()
    }

    /// The text of the scalar, if it is known.
    pub(crate) fn text(&self) -> Option<&'a str> {
        self.tree.text()
    }

    /// The text of the member, if it is known.
    pub(crate) fn text_of(&self, key: &str) -> Option<&'a str> {
        self.tree.get(key)?.text()
    }

    /// The whole number of the member, if it is known and one.
    pub(crate) fn number_of(&self, key: &str) -> Option<i64> {
        self.text_of(key)?.trim().parse().ok()
    }

    /// Whether the member is written at all.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.tree.get(key).is_some()
    }

    /// Whether some item of the list member is that text; nothing where it is not known yet.
    pub(crate) fn lists(&self, key: &str, text: &str) -> Option<bool> {
        let list = self.tree.get(key)?;
        if list.items().iter().any(|item| item.text() == Some(text)) {
            return Some(true);
        }
        let is_open = list.is_unknown() || list.items().iter().any(Tree::is_unknown);
        (!is_open).then_some(false)
    }
}

/// Where rules put what they find.
pub(crate) struct Report<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) found: Vec<Diagnostic>,
}

impl Report<'_> {
    /// An error at a value, to be completed and pushed.
    pub(crate) fn error(&self, at: &Cursor<'_>, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.sources.location(at.tree.span), message).field(at.path.clone())
    }

    /// An error at a member's key: for members that are lists or objects, or should not be there.
    pub(crate) fn error_at_key(
        &self,
        owner: &Cursor<'_>,
        key: &str,
        code: Code,
        message: impl Into<String>,
    ) -> Diagnostic {
        let span = owner.tree.entry(key).map_or(owner.tree.span, |entry| match entry.value.data {
            Data::List(_) | Data::Object(_) => entry.key_span,
            _ => entry.value.span,
        });
        Diagnostic::error(code, self.sources.location(span), message)
            .field(crate::faults::join(&owner.path, key))
    }

    /// A member that is missing from its owner.
    pub(crate) fn missing(&self, owner: &Cursor<'_>, field: &str, message: impl Into<String>) -> Diagnostic {
        self.error(owner, Code::MissingField, message)
            .label(format!("{} needs \"{field}\"", owner.path))
            .field(crate::faults::join(&owner.path, field))
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// A number of a member outside `min..=max`.
    pub(crate) fn range(&mut self, owner: &Cursor<'_>, key: &str, min: i64, max: i64) {
        let Some(value) = owner.get(key) else { return };
        if let Some(number) = owner.number_of(key).filter(|number| !(min..=max).contains(number)) {
            let message = format!("{key} {number} is out of range");
            let diagnostic =
                self.error(&value, Code::OutOfRange, message).label(format!("must be {min}-{max}"));
            self.push(diagnostic);
        }
    }

    /// A list member of more items than allowed.
    pub(crate) fn at_most(&mut self, owner: &Cursor<'_>, key: &str, most: usize) {
        let count = owner.list(key).len();
        if count > most {
            let message = format!("{key} has {count} items");
            let label = format!("must have at most {most}");
            let diagnostic = self.error_at_key(owner, key, Code::WrongLength, message).label(label);
            self.push(diagnostic);
        }
    }

    /// A name outside `[A-Za-z0-9_-]{1,255}`.
    ///
    /// Source: RegisterTaskDefinition `family`, CreateService `serviceName`, ContainerDefinition `name`
    /// in the Amazon ECS API Reference.
    pub(crate) fn name(&mut self, at: &Cursor<'_>, what: &str) {
        let Some(text) = at.text() else { return };
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.len() > 255 || !text.chars().all(is_allowed) {
            let shown: String = text.chars().take(40).collect();
            let dots = if shown.len() < text.len() { "..." } else { "" };
            let message = format!("{what} \"{shown}{dots}\" is not allowed");
            let label = match text.chars().count() {
                256.. => "longer than 255 characters",
                _ => "expected 1 to 255 of A-Z, a-z, 0-9, _ and -",
            };
            let diagnostic = self.error(at, Code::InvalidName, message).label(label);
            let cured: String = text.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect();
            let is_cured = !text.is_empty() && text.len() <= 255;
            self.push(if is_cured { diagnostic.help(format!("did you mean {cured}?")) } else { diagnostic });
        }
    }

    /// Items of a list whose `key` member repeats; each repetition is reported with the first place.
    pub(crate) fn unique(
        &mut self,
        items: &[Cursor<'_>],
        key: &str,
        code: Code,
        message: impl Fn(&str) -> String,
    ) {
        for (position, item) in items.iter().enumerate() {
            let Some(value) = item.get(key) else { continue };
            let Some(name) = value.text() else { continue };
            let first = items.iter().take(position).find(|earlier| earlier.text_of(key) == Some(name));
            if let Some(first) = first.and_then(|first| first.get(key)) {
                let diagnostic = self
                    .error(&value, code, message(name))
                    .label("again here")
                    .also(self.sources.location(first.tree.span), "first here");
                self.push(diagnostic);
            }
        }
    }
}
