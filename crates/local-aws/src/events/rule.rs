//! Rules: a pattern, and the queues that matching events go to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Event, pattern::Pattern};
use crate::{ecs::Members, sqs::NewMessage};

/// Whether a rule listens, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Enabled,
    Disabled,
    /// Also to calls that only read. Source:
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html>
    EnabledWithReads,
}

impl State {
    pub(super) fn read(name: &str) -> Self {
        match name {
            "DISABLED" => Self::Disabled,
            "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" => Self::EnabledWithReads,
            _ => Self::Enabled,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::EnabledWithReads => "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        }
    }
}

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) pattern: Pattern,
    pub(super) state: State,
    pub(super) description: Option<String>,
    pub(super) role: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    /// By id, as PutTargets had them.
    pub(super) targets: BTreeMap<String, Value>,
}

impl Rule {
    pub(super) fn hears(&self, event: &Event, shown: &Value) -> bool {
        let listens = match self.state {
            State::Enabled => !event.of_reading,
            State::EnabledWithReads => true,
            State::Disabled => false,
        };
        listens && self.pattern.matches(shown)
    }

    /// What each target is sent, with the queue's ARN before it.
    pub(super) fn messages(&self, shown: &Value) -> Vec<(String, NewMessage)> {
        let message = |target: &Value| {
            let body = match (target.text("Input"), target.text("InputPath")) {
                (Some(input), _) => input.to_owned(),
                (None, Some(path)) => at_path(shown, path).unwrap_or(&Value::Null).to_string(),
                (None, None) => shown.to_string(),
            };
            let group = target.member("SqsParameters").and_then(|queue| queue.text("MessageGroupId"));
            // What EventBridge deduplicates by in a FIFO queue is the event's own id.
            let id = group.and(shown.text("id"));
            NewMessage {
                body,
                group: group.map(str::to_owned),
                deduplication: id.map(str::to_owned),
                ..NewMessage::default()
            }
        };
        self.targets
            .values()
            .map(|target| (target.text("Arn").unwrap_or_default().to_owned(), message(target)))
            .collect()
    }

    /// As DescribeRule and ListRules show it.
    pub(super) fn show(&self) -> Value {
        let mut shown = Map::new();
        let mut set = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        set("Name", json!(self.name));
        set("Arn", json!(self.arn));
        set("EventPattern", json!(self.pattern.text));
        set("State", json!(self.state.name()));
        set("EventBusName", json!("default"));
        if let Some(description) = &self.description {
            set("Description", json!(description));
        }
        if let Some(role) = &self.role {
            set("RoleArn", json!(role));
        }
        shown.into()
    }
}

/// What stands at a path such as `$.detail.lastStatus`.
fn at_path<'a>(event: &'a Value, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    if names.next() != Some("$") {
        return None;
    }
    names.try_fold(event, |value, name| value.get(name))
}
