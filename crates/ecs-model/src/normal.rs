//! The walk that brings a tree to one form: with what was written kept, or with defaults folded away.

use coxswain_ecs_shapes::{Kind, Shape};
use serde_json::{Map, Value};

use crate::{
    keyed,
    rules::{Context, Order, Rule, Spelling, default_value, rule},
};

/// What becomes of members that say what ECS would take anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defaults {
    /// Kept: that a member was written says that it is owned.
    Kept,
    /// Dropped, and what is then empty too: two trees are equal when ECS would run the same.
    Folded,
}

/// The one form of a value of `shape`; `None` is absent.
pub(crate) fn normal(
    shape: &Shape,
    rule: Option<&Rule>,
    value: &Value,
    context: Context,
    defaults: Defaults,
) -> Option<Value> {
    let folded = defaults == Defaults::Folded;
    match (&shape.kind, value) {
        (_, Value::Null) => None,
        // Its lists have an order and its nulls a meaning that are not ECS's to know.
        (Kind::Document, document) => Some(document.clone()),
        (Kind::Structure(_), Value::Object(members)) => {
            let members = structure(shape, members, context, defaults);
            let vanishes = folded && members.is_empty() && !rule.is_some_and(|rule| rule.empty_counts);
            (!vanishes).then_some(Value::Object(members))
        }
        (Kind::Map { value: shape, .. }, Value::Object(entries)) => {
            let entries: Map<_, _> = entries
                .iter()
                .filter_map(|(key, entry)| Some((key.clone(), scalar(shape, None, entry)?)))
                .collect();
            (!(folded && entries.is_empty())).then_some(Value::Object(entries))
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            let items =
                items.iter().filter_map(|entry| normal(item, None, entry, context, defaults)).collect();
            Some(Value::Array(ordered(rule, items)))
        }
        _ => scalar(shape, rule, value),
    }
}

/// A member's value with defaults folded away; `None` where it says no more than leaving it out.
///
/// For a member whose default does not hang on its siblings, as those of a service.
pub(crate) fn folded_member(shape: &Shape, name: &str, value: &Value, context: Context) -> Option<Value> {
    let mut alone = Map::new();
    alone.insert(name.to_owned(), value.clone());
    structure(shape, &alone, context, Defaults::Folded).remove(name)
}

fn structure(
    shape: &Shape,
    members: &Map<String, Value>,
    context: Context,
    defaults: Defaults,
) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in members {
        let value = match shape.member(name) {
            Some(member) => normal(member.shape, rule(shape, name), value, context, defaults),
            None => Some(value.clone()).filter(|value| !value.is_null()),
        };
        if let Some(value) = value {
            all.insert(name.clone(), value);
        }
    }
    if defaults == Defaults::Kept {
        return all;
    }
    let stated = |(name, value): &(&String, &Value)| match shape.member(name) {
        Some(member) => {
            let rule = rule(shape, name);
            !is_default(rule, member.shape, value, &all, context)
        }
        None => true,
    };
    all.iter().filter(stated).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn is_default(
    rule: Option<&Rule>,
    shape: &Shape,
    value: &Value,
    siblings: &Map<String, Value>,
    context: Context,
) -> bool {
    use crate::rules::Absent::HostPort;
    // On a network of its own a task has no other host port; 0 is how tools spell "none given".
    let zero_port = context.host_network
        && matches!(rule.map(|rule| rule.absent), Some(HostPort(_)))
        && value.as_i64() == Some(0);
    zero_port || default_value(rule, shape, siblings, context).is_some_and(|default| default == *value)
}

fn ordered(rule: Option<&Rule>, mut items: Vec<Value>) -> Vec<Value> {
    match rule.map_or(Order::Kept, |rule| rule.order) {
        Order::Kept => {}
        Order::Set => {
            items.sort_by_cached_key(Value::to_string);
            items.dedup();
        }
        Order::Keyed(by) => items.sort_by_cached_key(|item| (keyed::label(by, item), item.to_string())),
    }
    items
}

/// A scalar in its wire type; what does not fit the shape is carried as it is.
fn scalar(shape: &Shape, rule: Option<&Rule>, value: &Value) -> Option<Value> {
    let wire = match coxswain_ecs_shapes::lower(shape, value) {
        Value::Null => return None,
        Value::String(text) => Value::String(rule.map_or(Spelling::Verbatim, |rule| rule.spelling).of(&text)),
        Value::Number(number) => whole(shape, &number).unwrap_or(Value::Number(number)),
        other => other,
    };
    Some(wire)
}

/// A double without a fraction reads the same as the whole number.
fn whole(shape: &Shape, number: &serde_json::Number) -> Option<Value> {
    let value = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9.0e15)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits, checked above")]
    let whole = value as i64;
    matches!(shape.kind, Kind::Double { .. }).then(|| Value::from(whole))
}
