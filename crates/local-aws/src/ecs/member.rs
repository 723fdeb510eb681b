//! Reading the members of a checked request or a stored body.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A JSON object, read by member; what is absent or of another type is `None` or empty.
pub(crate) trait Members {
    /// The member, if it is there.
    fn member(&self, name: &str) -> Option<&Value>;

    /// A string.
    fn text(&self, name: &str) -> Option<&str> {
        self.member(name)?.as_str()
    }

    /// A whole number from 0 on.
    fn whole(&self, name: &str) -> Option<u64> {
        self.member(name)?.as_u64()
    }

    /// A boolean.
    fn flag(&self, name: &str) -> Option<bool> {
        self.member(name)?.as_bool()
    }

    /// A list's items.
    fn items(&self, name: &str) -> &[Value] {
        self.member(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// A list's strings.
    fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.items(name).iter().filter_map(Value::as_str)
    }

    /// A map of strings.
    fn text_map(&self, name: &str) -> BTreeMap<String, String> {
        let members = self.member(name).and_then(Value::as_object).into_iter().flatten();
        members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }
}

impl Members for Value {
    fn member(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null())
    }
}

impl Members for Map<String, Value> {
    fn member(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null())
    }
}

/// Sets a member.
pub(crate) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// Sets a member that is absent.
pub(super) fn fill(object: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    object.entry(name).or_insert_with(|| value.into());
}
