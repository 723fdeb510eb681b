//! That no secret value appears in what people see.

use serde_json::Value;

use super::{Case, Found, Rule};

/// What stands for a value that is not shown.
const MASK: &str = "***";

/// A value shorter than this is found in any text by chance; differences are looked at value by value.
const SHORTEST: usize = 4;

pub(super) fn judge(case: &Case, found: &mut Found) {
    let strings = strings(case);
    for (place, text) in texts(case) {
        let shows = |secret: &&String| text.contains(secret.as_str());
        if let Some(secret) = strings.secrets().find(shows) {
            // The value itself must not spread through the report about it.
            let length = secret.chars().count();
            found.breach(Rule::SecretShown, format!("a secret of {length} characters is shown in {place}"));
        }
    }
    let of_steps = case.plan.steps.iter().flat_map(|planned| &planned.differences);
    for difference in case.plan.differences.iter().chain(of_steps) {
        for side in [&difference.desired, &difference.live].into_iter().flatten() {
            found.demand(is_masked(&difference.path, side), Rule::SecretShown, || {
                format!("{} is shown unmasked", difference.path)
            });
        }
    }
}

/// All that a plan says in words, and where.
fn texts(case: &Case) -> Vec<(String, String)> {
    let plan = case.plan;
    let mut texts = vec![("the plan's own words".to_owned(), plan.to_string())];
    for condition in &plan.conditions {
        texts.push((format!("condition {:?}", condition.kind), condition.message.clone()));
    }
    for event in &plan.events {
        texts.push((format!("an event {}", event.reason), event.to_string()));
    }
    for planned in &plan.steps {
        texts.push((format!("the reason of {}", planned.step.operation()), planned.because.clone()));
    }
    for difference in &plan.differences {
        texts.push((format!("the difference of {}", difference.path), difference.to_string()));
    }
    if let Some(hold) = &plan.record.hold {
        let died_of = hold.cause.as_ref().map(ToString::to_string).unwrap_or_default();
        texts.push(("the hold".to_owned(), format!("{} {died_of}", hold.message)));
    }
    texts
}

/// Strings of what is wanted and of what is live, told apart by where they stand.
#[derive(Default)]
struct Strings {
    hidden: Vec<String>,
    open: Vec<String>,
}

impl Strings {
    /// Those that stand nowhere in the open: a Region is no secret because a variable holds it, too.
    fn secrets(&self) -> impl Iterator<Item = &String> {
        let is_open = |secret: &str| self.open.iter().any(|text| text.contains(secret));
        self.hidden.iter().filter(move |secret| secret.chars().count() >= SHORTEST && !is_open(secret))
    }

    fn read(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.open.push(name.clone());
                    self.read(&format!("{path}.{name}"), member);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.read(&format!("{path}[]"), item)),
            Value::String(text) if is_secret_place(path) => self.hidden.push(text.clone()),
            Value::String(text) => self.open.push(text.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn strings(case: &Case) -> Strings {
    let mut strings = Strings::default();
    let desired = case.desired;
    for value in [&desired.register, &desired.create, desired.service.as_value()] {
        strings.read("", value);
    }
    if let Some(live) = case.observed.service.active() {
        strings.read("", live.service.as_value());
        if let Some(definition) = &live.task_definition.definition {
            strings.read("", definition.as_value());
        }
        strings.open.push(live.identity.arn.clone());
        strings.open.push(live.task_definition.arn.clone());
        strings.open.extend(live.deployments.iter().map(|deployment| deployment.id.clone()));
    }
    strings.open.extend([desired.key.to_string(), desired.cluster.clone(), desired.family.clone()]);
    strings
}

/// The value of a variable, of a log driver's option that is not CloudWatch's own, of a volume's option.
fn is_secret_place(path: &str) -> bool {
    let bare: String =
        path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect();
    let option = |holder: &str| bare.rsplit_once(holder).map(|(_, option)| option);
    let is_variable = bare.ends_with(".environment.value");
    let is_option = option("logConfiguration.options.").is_some_and(|name| !name.starts_with("awslogs-"));
    is_variable || is_option || option(".driverOpts.").is_some()
}

/// Whether every string of `value` that stands in a secret place is masked.
fn is_masked(path: &str, value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.iter().all(|(name, member)| is_masked(&format!("{path}.{name}"), member))
        }
        Value::Array(items) => items.iter().all(|item| is_masked(&format!("{path}[]"), item)),
        Value::String(text) => text == MASK || !is_secret_place(path),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}
