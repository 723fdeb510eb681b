//! What a difference is: where, what on either side, whose, and what settling it does.

use std::fmt;

use coxswain_ecs_shapes::ecs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    canonical::{Part, operation_input},
    rules,
};

/// One member that is not as it should be.
///
/// Sensitive values are masked in the value itself, so that it can be shown, stored and sent; that the
/// two sides differ stays visible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// Where; list items by their key: `containerDefinitions[api].image`.
    pub path: String,
    /// What it should be; `None` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// What it is; `None` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
    /// Why it is ours to settle.
    pub owner: Owner,
    /// What settling it does.
    pub effect: Effect,
    /// Whether values were masked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// Why a difference is ours to settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// The manifest names it.
    Manifest,
    /// We had applied it and the manifest no longer names it: it is reset.
    Removed,
}

/// What settling a difference does, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// UpdateService changes it and no task is replaced.
    InPlace,
    /// UpdateService changes it and starts a deployment.
    NewDeployment,
    /// A revision is registered, and the service moved to it by a deployment.
    NewRevision,
    /// ECS cannot change it on a living service.
    Recreate,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InPlace => "in place",
            Self::NewDeployment => "new deployment",
            Self::NewRevision => "new revision",
            Self::Recreate => "cannot change: recreate",
        })
    }
}

/// One line: `platformVersion: LATEST -> 1.4.0 (new deployment)`, from live to desired.
impl fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| match value {
            None => "(absent)".to_owned(),
            Some(Value::String(text)) if !text.is_empty() => one_line(text),
            Some(other) => one_line(&other.to_string()),
        };
        write!(f, "{}: {} -> {} (", one_line(&self.path), side(&self.live), side(&self.desired))?;
        if self.owner == Owner::Removed {
            f.write_str("removed, reset; ")?;
        }
        write!(f, "{})", self.effect)
    }
}

/// Names and values are other people's text: they must not break a line or move a terminal's cursor.
fn one_line(text: &str) -> String {
    let escaped =
        |letter: char| if letter.is_control() { letter.escape_default().to_string() } else { letter.into() };
    text.chars().map(escaped).collect()
}

/// What changing one of a service's own members does to a living service.
///
/// A member that this crate has no rule for is taken to start a deployment where UpdateService has it,
/// and to be unchangeable where it has not.
pub fn service_effect(member: &str) -> Effect {
    let ruled = rules::rule(Part::Service.request(), member).and_then(|rule| rule.effect);
    let is_known =
        || ecs().operation("CreateService").is_some_and(|create| create.input.member(member).is_some());
    let is_fixed = || is_known() && operation_input("UpdateService").member(member).is_none();
    ruled.unwrap_or_else(|| if is_fixed() { Effect::Recreate } else { Effect::NewDeployment })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_one_line_whatever_the_names_and_values_are() {
        let difference = FieldDifference {
            path: "containerDefinitions[a\u{1b}[2J]".to_owned(),
            desired: Some(json!(["it's\u{7f}", "\n"])),
            live: Some(json!("\r\nforged: line")),
            owner: Owner::Removed,
            effect: Effect::Recreate,
            sensitive: false,
        };
        assert_eq!(
            difference.to_string(),
            r#"containerDefinitions[a\u{1b}[2J]: \r\nforged: line -> ["it's\u{7f}","\n"] (removed, reset; cannot change: recreate)"#,
        );
    }

    #[test]
    fn an_absent_side_and_an_empty_text_are_told_apart() {
        let difference = FieldDifference {
            path: "user".to_owned(),
            desired: Some(json!("")),
            live: None,
            owner: Owner::Manifest,
            effect: Effect::NewRevision,
            sensitive: false,
        };
        assert_eq!(difference.to_string(), r#"user: (absent) -> "" (new revision)"#);
    }
}
