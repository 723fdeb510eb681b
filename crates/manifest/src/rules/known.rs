//! Names that other fields refer to: volumes, containers, port mappings.

use std::collections::BTreeSet;

use crate::code::Code;
use crate::cursor::{Cursor, Report};
use crate::suggest::nearest;

/// No suggestion is looked for among more names than this.
const MOST_CANDIDATES: usize = 100;

/// The names that a task definition gives to things of one kind.
pub(super) struct Known<'a> {
    /// What has the names, for people: `volume`.
    what: &'static str,
    names: BTreeSet<&'a str>,
    /// Whether a name waits for a reference, and may be any.
    is_open: bool,
}

impl<'a> Known<'a> {
    /// The names of the items.
    pub(super) fn of(what: &'static str, items: &[Cursor<'a>]) -> Self {
        let is_open = items.iter().any(|item| {
            item.tree.is_unknown() || item.get("name").is_some_and(|name| name.tree.is_unknown())
        });
        Self { what, names: items.iter().filter_map(|item| item.text_of("name")).collect(), is_open }
    }

    /// Of the items of that list, which may wait for a reference as a whole.
    pub(super) fn in_list(what: &'static str, definition: &Cursor<'a>, list: &str) -> Self {
        let known = Self::of(what, &definition.list(list));
        let is_open = known.is_open || definition.get(list).is_some_and(|list| list.tree.is_unknown());
        Self { is_open, ..known }
    }

    /// Refuses the member's value where nothing has that name.
    pub(super) fn check(&self, owner: &Cursor<'_>, field: &str, report: &mut Report<'_>) {
        let Some(value) = owner.get(field) else { return };
        let Some(name) = value.text() else { return };
        if self.is_open || self.names.contains(name) {
            return;
        }
        let what = self.what;
        let diagnostic = report
            .error(&value, Code::UnknownName, format!("there is no {what} \"{name}\""))
            .label(format!("no {what} of this name"));
        let few = self.names.iter().copied().take(MOST_CANDIDATES);
        report.push(diagnostic.help(match nearest(name, few.clone()) {
            Some(best) => format!("did you mean \"{best}\"?"),
            None if self.names.is_empty() => format!("no {what} has a name here"),
            None => format!("known are {}", few.collect::<Vec<_>>().join(", ")),
        }));
    }
}
