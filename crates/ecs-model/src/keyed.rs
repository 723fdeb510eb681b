//! List items by name instead of by place.

use std::collections::BTreeMap;

use serde_json::Value;

/// What an item of a keyed list is called: its key members, joined by `/`.
pub(crate) fn label(by: &[&str], item: &Value) -> String {
    let part = |member: &&str| match item.get(*member)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    by.iter().filter_map(part).collect::<Vec<_>>().join("/")
}

/// The items by what they are called; a second one of the same name is `name#2`.
pub(crate) fn by_label<'a>(by: &[&str], items: &'a [Value]) -> BTreeMap<String, &'a Value> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut labelled = BTreeMap::new();
    for item in items {
        let name = label(by, item);
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        let name = if *count == 1 { name } else { format!("{name}#{count}") };
        labelled.insert(name, item);
    }
    labelled
}
