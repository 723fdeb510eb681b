//! Scaling activities: what was set, why, and whether ECS has followed.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Inner, Look, TargetKey, is_wanted, pages};
use crate::{clock::Time, error::ApiError};

/// For how long an activity is described. Source: *API* API_DescribeScalingActivities.html.
const KEPT: Duration = Duration::from_hours(6 * 7 * 24);

/// How an activity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    InProgress,
    Successful,
    /// Another one came before ECS had followed.
    Overridden,
    Failed,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Successful => "Successful",
            Self::Overridden => "Overridden",
            Self::Failed => "Failed",
        }
    }
}

/// A scaling activity. Its words are those of published answers; source: *user guide*
/// application-auto-scaling-scaling-activities.html.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Activity {
    id: String,
    key: TargetKey,
    description: String,
    cause: String,
    message: String,
    status: Status,
    started_at: Time,
    ended_at: Option<Time>,
    /// The count that ECS is to follow to.
    awaits: Option<u64>,
}

impl Activity {
    fn end(&mut self, status: Status, message: String, now: Time) {
        self.status = status;
        self.message = message;
        self.ended_at = Some(now);
        self.awaits = None;
    }

    fn show(&self) -> Value {
        let mut shown = self.key.show();
        let mut set = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        set("ActivityId", json!(self.id));
        set("Description", json!(self.description));
        set("Cause", json!(self.cause));
        set("StatusCode", json!(self.status.name()));
        set("StatusMessage", json!(self.message));
        set("StartTime", self.started_at.to_json());
        if let Some(ended) = self.ended_at {
            set("EndTime", ended.to_json());
        }
        shown.into()
    }
}

impl Inner {
    /// Notes that a target's bounds were set.
    pub(super) fn note_bounds(&mut self, key: &TargetKey, cause: String, bounds: (u64, u64), now: Time) {
        let what = format!("min capacity to {} and max capacity to {}", bounds.0, bounds.1);
        let id = self.random.uuid();
        self.activities.push(Activity {
            id,
            key: key.clone(),
            description: format!("Setting {what}"),
            cause,
            message: format!("Successfully set {what}"),
            status: Status::Successful,
            started_at: now,
            ended_at: Some(now),
            awaits: None,
        });
    }

    /// Notes that a count was set, or why it could not be.
    pub(super) fn note_count(
        &mut self,
        key: &TargetKey,
        cause: String,
        (count, outcome): (u64, Result<(), String>),
        now: Time,
    ) {
        let open =
            self.activities.iter_mut().filter(|activity| activity.key == *key && activity.awaits.is_some());
        for activity in open {
            let text = "Scaling activity was overridden by a later one.".to_owned();
            activity.end(Status::Overridden, text, now);
        }
        let mut activity = Activity {
            id: self.random.uuid(),
            key: key.clone(),
            description: format!("Setting desired count to {count}."),
            cause,
            message: format!(
                "Successfully set desired count to {count}. Waiting for change to be fulfilled by ecs."
            ),
            status: Status::InProgress,
            started_at: now,
            ended_at: None,
            awaits: Some(count),
        };
        if let Err(reason) = outcome {
            let text = format!("Failed to set desired count to {count}. Reason: {reason}");
            activity.end(Status::Failed, text, now);
        }
        self.activities.push(activity);
    }
}

/// Ends the activities that ECS has followed.
pub(super) fn close_fulfilled(inner: &mut Inner, look: Look<'_>, now: Time) {
    inner.activities.retain(|activity| now.since(activity.started_at) < KEPT);
    for activity in &mut inner.activities {
        let Some(count) = activity.awaits else { continue };
        let standing = activity.key.service().and_then(|(cluster, name)| look(cluster, name));
        if standing.is_some_and(|standing| standing.running == count) {
            let text =
                format!("Successfully set desired count to {count}. Change successfully fulfilled by ecs.");
            activity.end(Status::Successful, text, now);
        }
    }
}

/// Newest first.
pub(super) fn describe(inner: &Inner, request: &Value, now: Time) -> Result<Value, ApiError> {
    let wanted =
        inner.activities.iter().enumerate().rev().filter(|(_, activity)| {
            is_wanted(&activity.key, request) && now.since(activity.started_at) < KEPT
        });
    // Keys that rise where the numbers fall.
    let shown = wanted.map(|(number, activity)| (format!("{:020}", usize::MAX - number), activity.show()));
    pages(request, "ScalingActivities", shown)
}
