//! What people may see.

use coxswain_ecs_shapes::{Kind, Member, Shape};
use serde_json::{Map, Value};

use crate::{
    canonical::Part,
    rules::{Masking, Order, Rule, rule},
};

/// Stands for every value that is not shown, whatever its length.
const MASK: &str = "***";

/// What of the values at a place people may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    /// All.
    None,
    /// No value; keys of keyed lists and maps stay.
    Values,
    /// Of a map's values those whose key starts so.
    Except(&'static str),
}

impl Mask {
    /// The mask of a member's value.
    pub(crate) fn below(self, rule: Option<&Rule>, member: &Member) -> Self {
        match rule.map_or(Masking::ByTable, |rule| rule.masking) {
            Masking::Values => Self::Values,
            Masking::ValuesExcept(prefix) => Self::Except(prefix),
            Masking::ByTable if member.sensitive => Self::Values,
            Masking::ByTable => self,
        }
    }

    /// What is shown of `value`.
    ///
    /// What does not fit its shape, or is unknown to the table, may be a secret in the wrong place, and a
    /// document may hold any: of them only the structure is shown.
    pub(crate) fn of(self, shape: &Shape, at: Option<&Rule>, value: &Value) -> Value {
        match (&shape.kind, value) {
            (_, Value::Null) => Value::Null,
            (Kind::Document, document) => opaque(document),
            (Kind::Structure(_), Value::Object(members)) => self.structure(&[shape], members),
            (Kind::Map { value: element, .. }, Value::Object(entries)) => {
                let entry = |(key, entry): (&String, &Value)| {
                    let mask = match self {
                        Self::Except(prefix) if key.starts_with(prefix) => Self::None,
                        Self::Except(_) => Self::Values,
                        other => other,
                    };
                    (key.clone(), mask.of(element, None, entry))
                };
                Value::Object(entries.iter().map(entry).collect())
            }
            (Kind::List { item, .. }, Value::Array(items)) => {
                let keys = match at.map(|rule| rule.order) {
                    Some(Order::Keyed(keys)) => keys,
                    _ => &[],
                };
                items.iter().map(|entry| with_keys(keys, entry, self.of(item, None, entry))).collect()
            }
            (Kind::Structure(_) | Kind::Map { .. } | Kind::List { .. }, _)
            | (_, Value::Object(_) | Value::Array(_)) => opaque(value),
            _ if self == Self::None => value.clone(),
            _ => Value::from(MASK),
        }
    }

    /// The first of `shapes` that knows a member says what it is.
    fn structure(self, shapes: &[&Shape], members: &Map<String, Value>) -> Value {
        let known = |name: &str| shapes.iter().find_map(|shape| Some((*shape, shape.member(name)?)));
        let shown = |(name, value): (&String, &Value)| {
            let value = match known(name) {
                Some((shape, member)) => {
                    let rule = rule(shape, name);
                    self.below(rule, member).of(member.shape, rule, value)
                }
                None => opaque(value),
            };
            (name.clone(), value)
        };
        Value::Object(members.iter().map(shown).collect())
    }
}

/// An item's key members stay readable: a variable's name is no secret.
pub(crate) fn with_keys(keys: &[&str], item: &Value, mut shown: Value) -> Value {
    for key in keys {
        if let (Some(Value::String(name)), Some(slot)) = (item.get(*key), shown.get_mut(*key)) {
            *slot = Value::from(name.clone());
        }
    }
    shown
}

fn opaque(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Array(items) => items.iter().map(opaque).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), opaque(value))).collect())
        }
        _ => Value::from(MASK),
    }
}

/// For people: environment values and whatever else may be a secret become `***`, the structure stays.
///
/// Takes the request's JSON, the answer's or a canonical form.
///
/// ```
/// use coxswain_ecs_model::{Part, redact};
/// use serde_json::json;
/// let written = json!({"containerDefinitions": [{"name": "api", "environment": [{"name": "KEY", "value": "s3cret"}]}]});
/// let shown = redact(Part::TaskDefinition, &written);
/// assert_eq!(shown["containerDefinitions"][0]["environment"][0], json!({"name": "KEY", "value": "***"}));
/// ```
pub fn redact(part: Part, value: &Value) -> Value {
    match value {
        Value::Object(members) => Mask::None.structure(&[part.request(), part.answer()], members),
        other => opaque(other),
    }
}
