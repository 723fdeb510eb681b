//! UpdateService's members.

use serde_json::{Map, Value};

use crate::{
    canonical::{Canonical, Part, operation_input},
    compare::{differences, is_merged},
    rules::{Context, Reset, default_value, rule},
};
use coxswain_ecs_shapes::Shape;

/// The members of UpdateService that bring `live` to `desired`, empty when nothing of ours differs.
///
/// Only members that differ are sent: some services refuse others even unchanged. A removed member is
/// sent as what it is reset to. A deployment configuration goes whole, ours laid over what is live,
/// because ECS replaces some of its structures and merges others. A change of capacity providers brings
/// `forceNewDeployment`, without which ECS refuses it. What cannot be changed is left out, and so are
/// `taskDefinition` and `desiredCount`, which the caller adds.
pub fn update_members(
    desired: &Canonical,
    last_sent: Option<&Canonical>,
    live: &Canonical,
) -> Map<String, Value> {
    let shape = Part::Service.request();
    let update = operation_input("UpdateService");
    let context = Context::of_service(live.as_value(), desired.as_value());
    let mut members = Map::new();
    for difference in differences(Part::Service, desired, last_sent, live) {
        let name = difference.path.split(['.', '[']).next().unwrap_or_default();
        let is_known = shape.member(name).is_some();
        if members.contains_key(name) || is_known && update.member(name).is_none() {
            continue;
        }
        let [ours, sent, is] = [Some(desired), last_sent, Some(live)]
            .map(|form| form.and_then(|form| form.as_value().get(name)));
        let value = match shape.member(name).filter(|member| is_merged(member.shape)) {
            Some(member) => Some(overlaid(member.shape, ours, sent, is, context)),
            None => ours.cloned().or_else(|| reset(shape, name, context)),
        };
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
        if name == "capacityProviderStrategy" {
            members.insert("forceNewDeployment".to_owned(), Value::Bool(true));
        }
    }
    members
}

/// `live` with what `desired` names, and with what only `sent` names reset.
fn overlaid(
    shape: &Shape,
    desired: Option<&Value>,
    sent: Option<&Value>,
    live: Option<&Value>,
    context: Context,
) -> Value {
    let members = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let (desired, sent, mut all) = (members(desired), members(sent), members(live));
    let named: Map<_, _> =
        sent.iter().chain(&desired).map(|(name, value)| (name.clone(), value.clone())).collect();
    for name in named.keys() {
        let (ours, was) = (desired.get(name), sent.get(name));
        let value = match shape.member(name).filter(|member| is_merged(member.shape)) {
            Some(member) => Some(overlaid(member.shape, ours, was, all.get(name), context)),
            None => ours.cloned().or_else(|| reset(shape, name, context)),
        };
        if let Some(value) = value {
            all.insert(name.clone(), value);
        }
    }
    drop_other_strategies(shape, &mut all);
    Value::Object(all)
}

/// ECS refuses the settings of a strategy that is not the one in use.
///
/// Source: "Linear configuration can only be present with LINEAR deployment strategy",
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>
fn drop_other_strategies(shape: &Shape, configuration: &mut Map<String, Value>) {
    if shape.name != "DeploymentConfiguration" {
        return;
    }
    let strategy = configuration.get("strategy").and_then(Value::as_str).unwrap_or("ROLLING").to_owned();
    for (member, owner) in [("linearConfiguration", "LINEAR"), ("canaryConfiguration", "CANARY")] {
        if strategy != owner {
            configuration.remove(member);
        }
    }
}

/// What takes a member back; `None` where ECS has no way.
fn reset(shape: &Shape, name: &str, context: Context) -> Option<Value> {
    let rule = rule(shape, name);
    match rule.map_or(Reset::Default, |rule| rule.reset) {
        Reset::To(constant) => Some(constant.value()),
        Reset::Default => default_value(rule, shape.member(name)?.shape, &Map::new(), context),
        Reset::Impossible => None,
    }
}
