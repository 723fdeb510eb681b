//! What state an object is in, as conditions.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::{
    desired::Desired,
    observed::{Deployment, LiveService},
    reason::Reason,
    record::Record,
    step::{Condition, ConditionType},
};

/// A condition's claim with its reason.
pub(crate) fn condition(
    kind: ConditionType,
    status: bool,
    reason: Reason,
    message: impl Into<String>,
) -> Condition {
    Condition { kind, status, reason, message: message.into() }
}

/// Whether it works: as many tasks run as are wanted, and one of the deployments they belong to has once
/// come to a good end. The tasks of a first rollout count once it has completed.
pub(crate) fn ready(record: &Record, live: &LiveService) -> Condition {
    let (running, desired) = (live.running_count, live.desired_count);
    let proven = live.deployments.iter().any(|deployment| {
        matches!(deployment.rollout_state.as_deref(), Some("COMPLETED") | None)
            || record.was_good(&deployment.task_definition_arn)
    });
    let message = format!("{running} of {desired} tasks running");
    if desired == 0 {
        condition(ConditionType::Ready, true, Reason::ScaledToZero, message)
    } else if running >= desired && proven {
        condition(ConditionType::Ready, true, Reason::TasksRunning, message)
    } else {
        condition(ConditionType::Ready, false, Reason::TasksMissing, message)
    }
}

/// Whether a rollout is going on, ours or anybody's.
pub(crate) fn progressing(
    desired: &Desired,
    record: &Record,
    live: &LiveService,
    now: Timestamp,
) -> Condition {
    let Some(primary) = live.primary() else {
        return condition(ConditionType::Progressing, false, Reason::RolloutCompleted, "no deployment");
    };
    let text = progress_text(primary);
    if primary.rollout_state.as_deref() == Some("FAILED") {
        return condition(ConditionType::Progressing, false, Reason::RolloutFailed, text);
    }
    if primary.rollout_state.as_deref() != Some("IN_PROGRESS") {
        return condition(ConditionType::Progressing, false, Reason::RolloutCompleted, text);
    }
    let rolls_back =
        primary.rollout_state_reason.as_deref().is_some_and(|reason| reason.contains("rolling back"));
    if rolls_back {
        return condition(ConditionType::Progressing, true, Reason::RollingBack, text);
    }
    let started = record.in_flight.as_ref().map_or(primary.created_at, |rollout| rollout.sent_at);
    let deadline = SignedDuration::from_secs(i64::from(desired.progress_deadline_seconds));
    if now.duration_since(started) >= deadline {
        let message = format!("{text}; the deadline is {} s", desired.progress_deadline_seconds);
        return condition(ConditionType::Progressing, false, Reason::ProgressDeadlineExceeded, message);
    }
    condition(ConditionType::Progressing, true, Reason::RolloutInProgress, text)
}

fn progress_text(primary: &Deployment) -> String {
    let mut text = format!(
        "deployment {}: {} of {} tasks running",
        primary.id, primary.running_count, primary.desired_count
    );
    if primary.failed_tasks > 0 {
        let _ = write!(text, ", {} failed", primary.failed_tasks);
    }
    text
}

/// What is held, and what still stands.
pub(crate) fn held(record: &Record) -> Condition {
    match &record.hold {
        None => condition(ConditionType::Held, false, Reason::InSync, "nothing is held"),
        Some(hold) => {
            let mut message = hold.message.clone();
            if let Some(cause) = &hold.cause {
                let _ = write!(message, " ({cause})");
            }
            condition(ConditionType::Held, true, hold.reason, message)
        }
    }
}
