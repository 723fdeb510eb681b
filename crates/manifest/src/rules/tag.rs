//! Tags: never an empty list, no key twice, none of AWS's own.

use crate::code::Code;
use crate::cursor::{Cursor, Report};

/// The `tags` member of a request.
pub(super) fn check(owner: &Cursor<'_>, report: &mut Report<'_>) {
    let Some(tags) = owner.get("tags") else { return };
    if tags.tree.items().is_empty() && !tags.tree.is_unknown() {
        let diagnostic = report.error_at_key(owner, "tags", Code::InvalidTags, "tags is an empty list");
        report.push(
            diagnostic
                .label("ECS refuses it: \"Tags can not be empty.\"")
                .help("leave tags out"),
        );
    }
    let items = tags.items();
    for item in &items {
        match item.get("key") {
            Some(key) => prefix(&key, report),
            None => {
                let diagnostic = report.error(item, Code::MissingField, "\"key\" is missing");
                report.push(diagnostic.label("a tag needs \"key\""));
            }
        }
    }
    report.unique(&items, "key", Code::InvalidTags, |name| {
        format!("the tag \"{name}\" stands twice")
    });
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
    key.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}
