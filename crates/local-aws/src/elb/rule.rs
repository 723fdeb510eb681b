//! Rules of listeners, the default ones among them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Action, Balancing, State,
    condition::Condition,
    error::{self, invalid, not_done},
    limits, page,
    tag::Tags,
};
use crate::{ecs::Members, error::ApiError};

/// A rule: the first whose conditions are all met decides.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) arn: String,
    pub(super) listener: String,
    /// The lowest comes first; the default rule, which has none, comes last.
    pub(super) priority: Option<u64>,
    pub(super) conditions: Vec<Condition>,
    pub(super) action: Action,
    pub(super) tags: Tags,
}

impl Rule {
    fn show(&self) -> Value {
        let priority = self.priority.map_or("default".to_owned(), |priority| priority.to_string());
        json!({
            "RuleArn": self.arn,
            "Priority": priority,
            "Conditions": self.conditions.iter().map(Condition::show).collect::<Vec<_>>(),
            "Actions": [self.action.show()],
            "IsDefault": self.priority.is_none(),
            "Transforms": [],
        })
    }

    /// Sorts as ELB looks at them.
    pub(super) fn place(&self) -> u64 {
        self.priority.unwrap_or(u64::MAX)
    }
}

fn no_transforms(request: &Value) -> Result<(), ApiError> {
    if request.items("Transforms").is_empty() { Ok(()) } else { Err(not_done("transforms of rules")) }
}

impl Balancing {
    pub(super) fn create_rule(&self, request: &Value) -> Result<Value, ApiError> {
        let arn = request.text("ListenerArn").unwrap_or_default();
        no_transforms(request)?;
        let mut state = self.state();
        let listener = state.listeners.get(arn).ok_or_else(|| error::no_listener(arn))?;
        let balancer = listener.balancer.clone();
        let priority = request.whole("Priority").unwrap_or_default();
        let conditions = Condition::read_all(request.items("Conditions"))?;
        let action = Action::read(request.items("Actions"), &state)?;
        state.check_association(&action, &balancer)?;
        if state.rules.values().any(|rule| rule.listener == arn && rule.priority == Some(priority)) {
            return Err(ApiError::new("PriorityInUse", format!("Priority '{priority}' is currently in use")));
        }
        let of_balancer = |rule: &&Rule| {
            rule.priority.is_some()
                && state.listeners.get(&rule.listener).is_some_and(|listener| listener.balancer == balancer)
        };
        let count = state.rules.values().filter(of_balancer).count();
        limits::check("rules-per-application-load-balancer", count + 1)?;
        let tags = Tags::read(request)?;
        let rule = Rule {
            arn: state.rule_arn(arn),
            listener: arn.to_owned(),
            priority: Some(priority),
            conditions,
            action,
            tags,
        };
        let shown = rule.show();
        state.rules.insert(rule.arn.clone(), rule);
        drop(state);
        self.changed.notify_one();
        Ok(json!({"Rules": [shown]}))
    }

    pub(super) fn describe_rules(&self, request: &Value) -> Result<Value, ApiError> {
        let state = self.state();
        let (listener, arns) = (request.text("ListenerArn"), request.items("RuleArns"));
        if listener.is_none() && arns.is_empty() {
            return Err(invalid("You must specify either listener ARN or rule ARNs"));
        }
        if let Some(arn) = listener.filter(|arn| !state.listeners.contains_key(*arn)) {
            return Err(error::no_listener(arn));
        }
        for arn in request.texts("RuleArns") {
            if !state.rules.contains_key(arn) {
                return Err(error::no_rule(arn));
            }
        }
        let mut found: Vec<&Rule> = state
            .rules
            .values()
            .filter(|rule| listener.is_none_or(|arn| rule.listener == arn))
            .filter(|rule| arns.is_empty() || arns.iter().any(|arn| *arn == rule.arn))
            .collect();
        let key = |rule: &&Rule| format!("{:020}{}", rule.place(), rule.arn);
        found.sort_by_key(key);
        page::answer(request, "Rules", found.into_iter(), key, |rule| rule.show())
    }

    pub(super) fn modify_rule(&self, request: &Value) -> Result<Value, ApiError> {
        let arn = request.text("RuleArn").unwrap_or_default();
        no_transforms(request)?;
        let mut state = self.state();
        let rule = state.rules.get(arn).ok_or_else(|| error::no_rule(arn))?;
        if rule.priority.is_none() {
            return Err(ApiError::new(
                "OperationNotPermitted",
                format!("Default rule '{arn}' cannot be modified"),
            ));
        }
        let listener = rule.listener.clone();
        let balancer = state.listeners.get(&listener).map(|it| it.balancer.clone()).unwrap_or_default();
        let conditions = match request.items("Conditions") {
            [] => rule.conditions.clone(),
            list => Condition::read_all(list)?,
        };
        let action = match request.items("Actions") {
            [] => rule.action.clone(),
            list => Action::read(list, &state)?,
        };
        state.check_association(&action, &balancer)?;
        let rule = state.rules.get_mut(arn).ok_or_else(|| error::no_rule(arn))?;
        (rule.conditions, rule.action) = (conditions, action);
        let shown = rule.show();
        drop(state);
        self.changed.notify_one();
        Ok(json!({"Rules": [shown]}))
    }

    pub(super) fn delete_rule(&self, request: &Value) -> Result<Value, ApiError> {
        let arn = request.text("RuleArn").unwrap_or_default();
        let mut state = self.state();
        let rule = state.rules.get(arn).ok_or_else(|| error::no_rule(arn))?;
        if rule.priority.is_none() {
            return Err(ApiError::new(
                "OperationNotPermitted",
                format!("Default rule '{arn}' cannot be deleted"),
            ));
        }
        state.rules.remove(arn);
        drop(state);
        self.changed.notify_one();
        Ok(json!({}))
    }

    /// All of the named priorities are set, or none.
    pub(super) fn set_rule_priorities(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let mut wanted = BTreeMap::new();
        for pair in request.items("RulePriorities") {
            let (arn, priority) = (pair.text("RuleArn").unwrap_or_default(), pair.whole("Priority"));
            let rule = state.rules.get(arn).ok_or_else(|| error::no_rule(arn))?;
            if rule.priority.is_none() {
                return Err(ApiError::new(
                    "OperationNotPermitted",
                    format!("Default rule '{arn}' has no priority"),
                ));
            }
            wanted.insert(arn.to_owned(), (rule.listener.clone(), priority));
        }
        let mut taken: Vec<(String, Option<u64>)> = wanted.values().cloned().collect();
        let others = state.rules.values().filter(|rule| !wanted.contains_key(&rule.arn));
        taken.extend(others.map(|rule| (rule.listener.clone(), rule.priority)));
        taken.sort_unstable();
        if let Some([(_, Some(priority)), _]) = taken.array_windows().find(|[one, other]| one == other) {
            return Err(ApiError::new("PriorityInUse", format!("Priority '{priority}' is currently in use")));
        }
        let mut shown = Vec::new();
        for (arn, (_, priority)) in wanted {
            if let Some(rule) = state.rules.get_mut(&arn) {
                rule.priority = priority;
                shown.push(rule.show());
            }
        }
        Ok(json!({"Rules": shown}))
    }

    /// Gives the target groups of a rule new weights: what ECS does in a shift of traffic.
    ///
    /// A rule that is gone is left alone. Safe to repeat.
    pub(crate) fn set_weights(&self, rule: &str, weights: Vec<(String, u64)>) {
        let mut state = self.state();
        if let Some(rule) = state.rules.get_mut(rule) {
            rule.action = Action::Forward(weights);
        }
        drop(state);
        self.changed.notify_one();
    }
}

impl State {
    /// A target group serves one load balancer only.
    pub(super) fn check_association(&self, action: &Action, balancer: &str) -> Result<(), ApiError> {
        let Action::Forward(groups) = action else { return Ok(()) };
        for (arn, _) in groups {
            if self.balancers_of(arn).iter().any(|other| other != balancer) {
                return Err(ApiError::new(
                    "TargetGroupAssociationLimit",
                    format!(
                        "The following target groups cannot be associated with more than one load balancer: {arn}"
                    ),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn rule_arn(&mut self, listener: &str) -> String {
        format!("{}/{}", listener.replacen(":listener/", ":listener-rule/", 1), self.id())
    }
}
