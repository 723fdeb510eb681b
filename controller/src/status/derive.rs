//! From one look's report to what is said of the object: pure.

use coxswain_plan::{ConditionType, LiveService, Reason};
use serde_json::Value;

use super::{
    condition::{Found, foremost, found, merged},
    document::{Counts, Difference, FieldEffect, FieldOwner, Hold, Rollout, ServiceStatus},
    word::{Health, Sync},
};
use crate::{phase::PhaseError, report::Report};

/// What is said of an object that nobody has looked at yet.
pub(crate) fn unseen(environment: &str, name: &str) -> ServiceStatus {
    ServiceStatus {
        environment: environment.to_owned(),
        name: name.to_owned(),
        sync: Sync::Unknown,
        health: Health::Unknown,
        reason: Reason::Unavailable,
        summary: "not looked at yet".to_owned(),
        advice: String::new(),
        observed_revision: None,
        conditions: Vec::new(),
        differences: Vec::new(),
        steps: Vec::new(),
        rollout: None,
        hold: None,
        counts: None,
        task_definition: None,
        images: Vec::new(),
        is_current: false,
        seen_at: None,
        next_look_at: None,
    }
}

/// What is said of an object after one more look.
pub(crate) fn derive(before: &ServiceStatus, report: &Report) -> ServiceStatus {
    let now = report.ended_at;
    let mut status = before.clone();
    status.next_look_at = report.next_look_at;
    let planned = report.plan.as_ref().map(|plan| &plan.revision);
    if let Some(revision) = report.desired.as_ref().map(|desired| &desired.revision).or(planned) {
        status.observed_revision = Some(revision.clone());
    }
    if let Some(observed) = &report.observed {
        status.seen_at = Some(observed.seen_at);
        let live = observed.service.active();
        status.counts = live.map(counts);
        status.task_definition = live.map(|live| live.task_definition.arn.clone());
        status.images = live.map(images).unwrap_or_default();
        status.rollout = live.and_then(|live| rollout(live, report));
    }
    if let Some(plan) = &report.plan {
        status.hold = plan.record.hold.as_ref().map(Hold::from);
        status.differences = plan.differences.iter().map(Difference::from).collect();
        status.steps = plan.steps.iter().map(Into::into).collect();
    } else {
        status.differences.clear();
        status.steps.clear();
    }
    let mut found = found(report.plan.as_deref(), report.error.as_ref(), now);
    if report.plan.is_none() {
        found.extend(stopped(before, report.is_stopped));
    }
    status.conditions = merged(&before.conditions, found, status.observed_revision.as_ref(), now);
    status.sync = Sync::of(&status.conditions);
    status.health = Health::of(&status.conditions, status.counts);
    name_what_is_missing(&mut status);
    explain(&mut status, report.error.as_ref());
    status
}

/// Whether an object that could not be planned is stopped all the same; a plan says it itself.
fn stopped(before: &ServiceStatus, is_stopped: bool) -> Option<Found> {
    let was_stopped = before
        .condition(ConditionType::Suspended)
        .is_some_and(|condition| condition.reason == Reason::KillSwitch);
    (is_stopped || was_stopped).then(|| Found {
        kind: ConditionType::Suspended,
        status: is_stopped.into(),
        reason: if is_stopped { Reason::KillSwitch } else { Reason::Suspended },
        message: if is_stopped {
            "the kill switch is set: nothing is sent to AWS"
        } else {
            "it is not suspended"
        }
        .to_owned(),
    })
}

/// Out of sync always names a field: of a service that is not there, the service itself.
fn name_what_is_missing(status: &mut ServiceStatus) {
    let is_out = status.conditions.iter().any(|condition| {
        condition.kind == ConditionType::Synced && condition.status == super::ConditionStatus::False
    });
    if is_out && status.differences.is_empty() {
        status.differences.push(Difference {
            path: "service".to_owned(),
            desired: Some(Value::from(status.name.clone())),
            live: None,
            owner: FieldOwner::Manifest,
            effect: FieldEffect::NewDeployment,
            origin: None,
        });
    }
}

fn explain(status: &mut ServiceStatus, error: Option<&PhaseError>) {
    let (reason, summary) = match (error, foremost(&status.conditions)) {
        (Some(error), _) => (error.reason(), error.message()),
        (None, Some(condition)) => (condition.reason, condition.message.clone()),
        (None, None) => (Reason::Unavailable, "nothing is known of it".to_owned()),
    };
    status.reason = reason;
    status.summary = summary;
    status.advice = advice(reason, &status.name);
}

/// What to do about it, with the object's own name.
pub(crate) fn advice(reason: Reason, name: &str) -> String {
    reason.cure().replace("service/NAME", &format!("service/{name}"))
}

fn counts(live: &LiveService) -> Counts {
    Counts { desired: live.desired_count, running: live.running_count, pending: live.pending_count }
}

/// `api=123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:1.0`, by container.
fn images(live: &LiveService) -> Vec<String> {
    let definition = live.task_definition.definition.as_ref().map(coxswain_ecs_model::Canonical::as_value);
    let containers = definition.and_then(|definition| definition.get("containerDefinitions"));
    let image = |name: Option<&str>, container: &Value| {
        let image = container.get("image").and_then(Value::as_str)?;
        let name = name.or_else(|| container.get("name").and_then(Value::as_str)).unwrap_or_default();
        Some(format!("{name}={image}"))
    };
    match containers {
        Some(Value::Array(items)) => items.iter().filter_map(|container| image(None, container)).collect(),
        Some(Value::Object(members)) => {
            members.iter().filter_map(|(name, container)| image(Some(name), container)).collect()
        }
        _ => Vec::new(),
    }
}

/// The rollout that is going on, ours or anybody's.
fn rollout(live: &LiveService, report: &Report) -> Option<Rollout> {
    let record = report.plan.as_ref().map(|plan| &plan.record);
    let ours = record.and_then(|record| record.in_flight.as_ref());
    let deployment = ours
        .and_then(|rollout| rollout.deployment_id.as_deref())
        .and_then(|id| live.deployment(id))
        .or_else(|| live.primary())?;
    let is_going_on = deployment.rollout_state.as_deref() == Some("IN_PROGRESS") || ours.is_some();
    let ours = ours.filter(|rollout| rollout.deployment_id.as_ref().is_none_or(|id| *id == deployment.id));
    is_going_on.then(|| Rollout {
        deployment_id: Some(deployment.id.clone()),
        digest: ours.map(|rollout| rollout.rollout.to_string()),
        task_definition: deployment.task_definition_arn.clone(),
        started_at: ours.map_or(deployment.created_at, |rollout| rollout.sent_at),
        revision: ours.map(|rollout| rollout.revision.clone()),
        state: deployment.rollout_state.clone().unwrap_or_else(|| "UNKNOWN".to_owned()),
        state_reason: deployment.rollout_state_reason.clone(),
        counts: Counts {
            desired: deployment.desired_count,
            running: deployment.running_count,
            pending: deployment.pending_count,
        },
        failed_tasks: deployment.failed_tasks,
    })
}

#[cfg(test)]
mod tests {
    use coxswain_manifest::Key;
    use jiff::Timestamp;

    use super::*;
    use crate::status::ConditionStatus;

    fn now() -> Timestamp {
        Timestamp::from_second(100).unwrap()
    }

    #[test]
    fn an_object_that_could_not_be_looked_at_is_unknown_whatever_was_said_before() {
        let mut report = Report::begin(&Key::service("dev", "api"), now());
        report.error = Some(PhaseError::Answer { operation: "DescribeServices", member: "services" });
        let before = ServiceStatus {
            sync: Sync::Synced,
            health: Health::Healthy,
            counts: Some(Counts { desired: 2, running: 2, pending: 0 }),
            ..unseen("dev", "api")
        };
        let after = derive(&before, &report);
        assert_eq!((after.sync, after.health), (Sync::Unknown, Health::Unknown));
        assert_eq!(after.reason, Reason::Unavailable);
        assert!(after.summary.contains("DescribeServices"), "{}", after.summary);
    }

    #[test]
    fn a_blocked_object_says_what_stands_in_the_way_and_what_to_do() {
        let mut report = Report::begin(&Key::service("dev", "api"), now());
        report.error = Some(PhaseError::Blocked { reason: Reason::InvalidManifest, diagnostics: Vec::new() });
        let after = derive(&unseen("dev", "api"), &report);
        assert_eq!(after.sync, Sync::Blocked);
        assert_eq!(after.reason, Reason::InvalidManifest);
        assert_eq!(after.advice, "Run: cox validate.");
        assert!(after.is(ConditionType::Blocked));
    }

    #[test]
    fn under_the_kill_switch_an_object_that_cannot_be_planned_is_stopped_too_and_not_after_it() {
        let mut report = Report::begin(&Key::service("dev", "api"), now());
        report.error = Some(PhaseError::Blocked { reason: Reason::InvalidManifest, diagnostics: Vec::new() });
        report.is_stopped = true;
        let stopped = derive(&unseen("dev", "api"), &report);
        assert_eq!(stopped.sync, Sync::Suspended);
        report.is_stopped = false;
        assert_eq!(derive(&stopped, &report).sync, Sync::Blocked);
    }

    #[test]
    fn out_of_sync_always_names_a_field() {
        let mut status = unseen("dev", "api");
        status.conditions = vec![super::super::document::Condition {
            kind: ConditionType::Synced,
            status: ConditionStatus::False,
            reason: Reason::NotCreated,
            message: String::new(),
            last_transition_time: now(),
            observed_revision: None,
        }];
        name_what_is_missing(&mut status);
        assert_eq!(status.differences.len(), 1);
        assert_eq!(status.differences[0].path, "service");
    }

    #[test]
    fn advice_names_the_object() {
        assert!(advice(Reason::CircuitBreakerRolledBack, "api").contains("cox retry service/api"));
        assert_eq!(advice(Reason::InSync, "api"), "");
    }
}
