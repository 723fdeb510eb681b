//! The rollouts of one object, newest first, kept over restarts.

use coxswain_plan::{Cause, Event, Reason};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Rollout, ServiceStatus};

/// The number of rollouts that are kept of one object.
pub const ROLLOUTS_KEPT: usize = 50;

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// It is going on.
    InProgress,
    /// It completed.
    Succeeded,
    /// It ended otherwise, and what it rolled out is held.
    Failed,
    /// Another deployment replaced it before it had ended.
    Superseded,
}

impl Outcome {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Superseded => "Superseded",
        }
    }
}

/// A rollout of the past, or the one that is going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Digest of all that triggers a deployment.
    pub digest: String,
    /// `<bundle sequence>.<input number>` of the manifest.
    pub revision: String,
    /// The task definition's ARN.
    pub task_definition: String,
    /// `ecs-svc/N`, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// When it was started.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// When its end was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// In words, for people.
    pub message: String,
    /// What its tasks died of, where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

impl Entry {
    /// The entry of an event that ends a rollout.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let end = event.rollout.as_ref()?;
        Some(Self {
            digest: end.rollout.clone(),
            revision: end.revision.clone(),
            task_definition: end.task_definition_arn.clone(),
            deployment_id: end.deployment_id.clone(),
            started_at: end.started_at,
            ended_at: Some(event.at),
            outcome: match event.reason {
                _ if end.succeeded => Outcome::Succeeded,
                Reason::Superseded => Outcome::Superseded,
                _ => Outcome::Failed,
            },
            reason: event.reason,
            message: event.message.clone(),
            cause: end.cause.clone(),
        })
    }

    /// The entry of the rollout of ours that a status shows as going on.
    fn in_progress(rollout: &Rollout) -> Option<Self> {
        Some(Self {
            digest: rollout.digest.clone()?,
            revision: rollout.revision.clone()?,
            task_definition: rollout.task_definition.clone(),
            deployment_id: rollout.deployment_id.clone(),
            started_at: rollout.started_at,
            ended_at: None,
            outcome: Outcome::InProgress,
            reason: Reason::RolloutInProgress,
            message: rollout.state_reason.clone().unwrap_or_default(),
            cause: None,
        })
    }

    /// Whether both tell of one rollout: it is known by what it rolled out and when it was started.
    fn is_the_same(&self, other: &Self) -> bool {
        self.digest == other.digest && self.started_at == other.started_at
    }
}

/// The rollouts of one object, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct History {
    entries: Vec<Entry>,
}

impl History {
    /// Adds what ended; `false` where all of it was known.
    ///
    /// # Guarantees
    /// The same end told twice is one entry, so a process that dies after writing it may tell it again.
    pub(crate) fn add<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) -> bool {
        let mut changed = false;
        for entry in events.into_iter().filter_map(Entry::of) {
            if !self.entries.iter().any(|known| known.is_the_same(&entry)) {
                self.entries.insert(0, entry);
                changed = true;
            }
        }
        self.entries.truncate(ROLLOUTS_KEPT);
        changed
    }

    /// All entries, the one that is going on first.
    pub(crate) fn with_current(&self, status: Option<&ServiceStatus>) -> Vec<Entry> {
        let current = status.and_then(|status| status.rollout.as_ref()).and_then(Entry::in_progress);
        let current = current.filter(|current| !self.entries.iter().any(|known| known.is_the_same(current)));
        current.into_iter().chain(self.entries.iter().cloned()).collect()
    }

    /// The entry whose tasks died of that task's cause.
    pub(crate) fn of_task(&self, task_arn: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.cause.as_ref().is_some_and(|cause| cause.task_arn == task_arn))
    }
}

#[cfg(test)]
mod tests {
    use coxswain_plan::RolloutEnd;

    use super::*;

    fn end(number: i64, succeeded: bool) -> Event {
        Event {
            at: Timestamp::from_second(number * 100 + 50).unwrap(),
            reason: if succeeded { Reason::RolloutCompleted } else { Reason::CircuitBreakerRolledBack },
            message: "over".to_owned(),
            rollout: Some(RolloutEnd {
                rollout: "v1:sha256:aa".to_owned(),
                task_definition_arn: format!(
                    "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:{number}"
                ),
                deployment_id: None,
                started_at: Timestamp::from_second(number * 100).unwrap(),
                succeeded,
                revision: format!("{number}.0"),
                cause: None,
            }),
        }
    }

    #[test]
    fn the_newest_is_first_and_the_oldest_are_forgotten() {
        let mut history = History::default();
        for number in 0..60 {
            assert!(history.add(&[end(number, number % 2 == 0)]));
        }
        let entries = history.with_current(None);
        assert_eq!(entries.len(), ROLLOUTS_KEPT);
        assert_eq!(entries[0].revision, "59.0");
        assert_eq!(entries[0].outcome, Outcome::Failed);
        assert_eq!(entries[1].outcome, Outcome::Succeeded);
    }

    #[test]
    fn an_end_that_is_told_twice_is_one_entry() {
        let mut history = History::default();
        assert!(history.add(&[end(1, true), end(2, true)]));
        assert!(!history.add(&[end(1, true)]));
        assert_eq!(history.with_current(None).len(), 2);
    }

    #[test]
    fn an_event_that_ends_nothing_is_no_rollout() {
        let mut history = History::default();
        assert!(!history.add(&[Event { rollout: None, ..end(1, true) }]));
    }
}
