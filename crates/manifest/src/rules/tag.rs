//! Tags: never an empty list, no key twice, none of AWS's own.

use crate::code::Code;
use crate::cursor::{Cursor, Report};
use crate::diagnostic::Severity;

/// The `tags` member of a request.
pub(super) fn check(owner: &Cursor<'_>, report: &mut Report<'_>) {
    let Some(tags) = owner.get("tags") else { return };
    if tags.tree.is_empty_list() {
        let mut diagnostic = report.error_at_key(owner, "tags", Code::InvalidTags, "tags is an empty list");
        // It is never sent: people paste it from ECS's own answers.
        diagnostic.severity = Severity::Warning;
        report.push(diagnostic.label("says nothing; ECS would refuse it").help("leave tags out"));
    }
    let items = tags.items();
    for item in &items {
        if let Some(key) = item.get("key") {
            prefix(&key, report);
        } else {
            let diagnostic = report.error(item, Code::MissingField, "\"key\" is missing");
            report.push(diagnostic.label("a tag needs \"key\""));
        }
    }
    report.unique(&items, "key", Code::InvalidTags, |name| format!("the tag \"{name}\" stands twice"));
}

fn prefix(key: &Cursor<'_>, report: &mut Report<'_>) {
    if let Some(text) = key.text().filter(|text| is_reserved(text)) {
        let message = format!("the tag \"{text}\" is AWS's own");
        let diagnostic = report.error(key, Code::InvalidTags, message);
        report.push(diagnostic.label("keys that begin with aws: cannot be set"));
    }
}

/// Whether AWS keeps the key for itself.
pub(super) fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}
