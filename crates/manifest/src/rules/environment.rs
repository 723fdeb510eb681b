//! An Environment's own settings.

use crate::code::Code;
use crate::cursor::{Cursor, Report};

/// Tags that a resource can carry. Source: Amazon ECS Developer Guide, "Tag restrictions".
const MOST_TAGS: usize = 50;

pub(super) fn check(spec: &Cursor<'_>, report: &mut Report<'_>) {
    if let Some(cluster) = spec.get("cluster") {
        report.name(&cluster, "the cluster");
    }
    if let Some(account) = spec.get("account") {
        let is_odd = |text: &str| text.len() == 12 && !text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(text) = account.text().filter(|text| is_odd(text)) {
            let diagnostic = report.error(&account, Code::ValueNotAllowed, format!("{text:?} is no account"));
            report.push(diagnostic.label("expected 12 digits"));
        }
    }
    if let Some(region) = spec.get("region") {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(text) = region.text().filter(|text| !text.contains('-') || !text.chars().all(is_allowed))
        {
            let diagnostic = report.error(&region, Code::ValueNotAllowed, format!("{text:?} is no Region"));
            report.push(diagnostic.label("expected a Region's name, such as eu-west-1"));
        }
    }
    if let Some(tags) = spec.get("tags") {
        let count = tags.tree.entries().len();
        if count > MOST_TAGS {
            let diagnostic =
                report.error_at_key(spec, "tags", Code::WrongLength, format!("tags has {count} items"));
            report.push(diagnostic.label(format!("must have at most {MOST_TAGS}")));
        }
        for entry in tags.tree.entries().iter().filter(|entry| super::tag::is_reserved(&entry.key)) {
            let at = Cursor { tree: &entry.value, path: crate::faults::join(&tags.path, &entry.key) };
            let message = format!("the tag \"{}\" is AWS's own", entry.key);
            let diagnostic = report.error(&at, Code::InvalidTags, message);
            report.push(diagnostic.label("keys that begin with aws: cannot be set"));
        }
    }
}
