//! What became of what we sent: the record is settled against what is seen, before anything is decided.
//!
//! ```text
//!  (nothing) --before(step)--> in flight --seen, COMPLETED------------> good
//!                               |  |  \---seen, ended otherwise-------> hold
//!                               |  \------superseded by another's-----> (nothing)
//!                               \---------never seen for `settle`-----> (nothing): it never arrived
//! ```

use jiff::Timestamp;

use crate::{
    desired::{Desired, OWNER_TAG},
    observed::{Deployment, Live, LiveService, Observed, ServiceDeployment},
    policy::Policy,
    reason::Reason,
    record::{Good, Hold, Record, Rollout},
    step::Event,
};

/// The record after one look, and what became known in it.
pub(crate) struct Settled {
    pub(crate) record: Record,
    pub(crate) events: Vec<Event>,
    /// Whether a call was sent whose effect may still become visible.
    pub(crate) in_doubt: bool,
}

/// How a rollout in flight ended, or that it has not.
enum End {
    Going,
    InDoubt,
    NeverArrived,
    Superseded,
    Succeeded,
    Failed(Reason, String),
}

pub(crate) fn settle(
    desired: &Desired,
    record: &Record,
    observed: &Observed,
    policy: &Policy,
    now: Timestamp,
) -> Settled {
    let mut settled = Settled { record: record.clone(), events: Vec::new(), in_doubt: false };
    let record = &mut settled.record;
    record.corrections.retain(|correction| now.duration_since(correction.at).as_hours() < 1);
    if policy.retry {
        record.hold = None;
    }
    match &observed.service {
        Live::Active(live) if is_ours(desired, record, live) => {
            settle_identity(record, live);
            if let Some(rollout) = record.in_flight.clone() {
                settle_rollout(&mut settled, live, rollout, observed, policy, now);
            }
        }
        Live::Active(_) | Live::Draining => {}
        Live::Missing => settle_missing(&mut settled, policy, now),
    }
    if settled.record.hold.as_ref().is_some_and(|hold| hold.rollout != desired.rollout) {
        settled.record.hold = None;
    }
    settled
}

/// A service is ours if it carries our tag, or is the very one that we created.
pub(crate) fn is_ours(desired: &Desired, record: &Record, live: &LiveService) -> bool {
    live.tags.get(OWNER_TAG).is_some_and(|environment| *environment == desired.key.environment)
        || record.identity.as_ref() == Some(&live.identity)
}

/// A service that was deleted and created again by somebody else starts anew: nothing of what we
/// sent to its predecessor is true of it.
fn settle_identity(record: &mut Record, live: &LiveService) {
    let replaced = record.identity.as_ref().is_some_and(|identity| *identity != live.identity);
    if replaced {
        record.last_sent = None;
        record.in_flight = record.in_flight.take().filter(|rollout| rollout.deployment_id.is_none());
    }
    record.identity = Some(live.identity.clone());
}

/// Right after a rollout was sent, ECS may not show yet what it has just created, even where it answered
/// the call; a service that was deleted is still missing a moment later.
fn settle_missing(settled: &mut Settled, policy: &Policy, now: Timestamp) {
    let record = &mut settled.record;
    if record.in_flight.as_ref().is_some_and(|rollout| within(rollout, policy, now)) {
        settled.in_doubt = true;
        return;
    }
    if record.identity.take().is_some() {
        settled.events.push(Event {
            at: now,
            reason: Reason::Deleted,
            message: "the service was deleted by somebody else".to_owned(),
            rollout: None,
        });
    }
    record.last_sent = None;
    record.sending = None;
    record.in_flight = None;
}

fn within(rollout: &Rollout, policy: &Policy, now: Timestamp) -> bool {
    now.duration_since(rollout.sent_at) < policy.settle
}

fn settle_rollout(
    settled: &mut Settled,
    live: &LiveService,
    mut rollout: Rollout,
    observed: &Observed,
    policy: &Policy,
    now: Timestamp,
) {
    let listed = observed.service_deployments.as_deref().unwrap_or_default();
    if rollout.deployment_id.is_none() {
        rollout.deployment_id = find_id(&rollout, live, listed, policy);
    }
    let end = end_of(&rollout, live, observed, policy, now);
    let record = &mut settled.record;
    record.in_flight = Some(rollout.clone());
    let (succeeded, reason, message) = match end {
        End::Going => return,
        End::InDoubt => {
            settled.in_doubt = true;
            return;
        }
        End::NeverArrived => {
            record.in_flight = None;
            record.sending = None;
            return;
        }
        End::Superseded => {
            record.in_flight = None;
            record.ended(rollout.superseded(now, "somebody else started another deployment"));
            let message = "somebody else started another deployment before the rollout ended".to_owned();
            settled.events.push(Event { at: now, reason: Reason::Drifted, message, rollout: None });
            return;
        }
        End::Succeeded => (true, Reason::RolloutCompleted, completed_text(&rollout)),
        End::Failed(reason, message) => (false, reason, message),
    };
    record.in_flight = None;
    let cause = observed.cause.clone().filter(|_| !succeeded);
    if succeeded {
        mark_good(record, &rollout, now);
    } else {
        record.hold = Some(Hold {
            rollout: rollout.rollout.clone(),
            reason,
            message: message.clone(),
            deployment_id: rollout.deployment_id.clone(),
            cause: cause.clone(),
            since: now,
        });
    }
    let end = Event { at: now, reason, message, rollout: Some(rollout.end(succeeded, cause)) };
    record.ended(end.clone());
    settled.events.push(end);
}

fn completed_text(rollout: &Rollout) -> String {
    format!("deployment {} completed", rollout.deployment_id.as_deref().unwrap_or("of the service"))
}

fn mark_good(record: &mut Record, rollout: &Rollout, now: Timestamp) {
    record.last_good = Some(Good {
        task_definition_arn: rollout.task_definition_arn.clone(),
        rollout: rollout.rollout.clone(),
        at: now,
    });
    for revision in &mut record.revisions {
        revision.good |= revision.arn == rollout.task_definition_arn;
    }
}

/// Ours is the deployment of our revision that did not exist before the call. Only ids tell: a rollback
/// takes an old deployment's id again, with a new creation time.
fn find_id(
    rollout: &Rollout,
    live: &LiveService,
    listed: &[ServiceDeployment],
    policy: &Policy,
) -> Option<String> {
    let is_new = |id: &String| !rollout.before.contains(id);
    let in_service = live
        .deployments
        .iter()
        .find(|deployment| {
            is_new(&deployment.id) && deployment.task_definition_arn == rollout.task_definition_arn
        })
        .map(|deployment| deployment.id.clone());
    in_service.or_else(|| {
        let earliest = rollout.sent_at - policy.settle;
        // A service deployment does not name its revision: one that is described, too, is another's.
        let is_described = |id: &String| live.deployment(id).is_some();
        listed
            .iter()
            .filter(|deployment| deployment.created_at >= earliest)
            .find(|deployment| is_new(&deployment.deployment_id) && !is_described(&deployment.deployment_id))
            .map(|deployment| deployment.deployment_id.clone())
    })
}

fn end_of(
    rollout: &Rollout,
    live: &LiveService,
    observed: &Observed,
    policy: &Policy,
    now: Timestamp,
) -> End {
    let Some(id) = rollout.deployment_id.as_deref() else {
        return if within(rollout, policy, now) { End::InDoubt } else { End::NeverArrived };
    };
    let listed = observed
        .service_deployments
        .as_deref()
        .map(|listed| listed.iter().find(|deployment| deployment.deployment_id == id));
    if let Some(Some(deployment)) = listed
        && let Some(end) = end_by_service_deployment(deployment, live)
    {
        return end;
    }
    match live.deployment(id) {
        Some(deployment) => end_by_deployment(deployment, live, listed.is_some()),
        // One that was seen and is neither described nor listed any more has ended, and nobody can say how.
        None if listed == Some(None) && !within(rollout, policy, now) => End::Failed(
            Reason::RolloutFailed,
            format!("deployment {id} is gone, and ECS does not say how it ended"),
        ),
        None => End::InDoubt,
    }
}

/// The service deployment's own status: the only place where ECS says that a rollout was rolled back or
/// stopped. `None` where it does not tell an end.
fn end_by_service_deployment(deployment: &ServiceDeployment, live: &LiveService) -> Option<End> {
    let id = &deployment.deployment_id;
    let reason = deployment.status_reason.clone().unwrap_or_default();
    let text = |what: &str| {
        if reason.is_empty() {
            format!("deployment {id} {what}")
        } else {
            format!("deployment {id} {what}: {reason}")
        }
    };
    match deployment.status.as_str() {
        "SUCCESSFUL" => Some(End::Succeeded),
        "ROLLBACK_SUCCESSFUL" | "ROLLBACK_IN_PROGRESS" | "ROLLBACK_REQUESTED" => Some(End::Failed(
            stopped_by(&reason, true).unwrap_or(Reason::RolloutStopped),
            text("was rolled back"),
        )),
        "ROLLBACK_FAILED" => {
            // Where there was nothing to roll back to, only the deployment itself says what stopped it.
            let own = live.deployment(id).and_then(|own| own.rollout_state_reason.as_deref());
            let by = stopped_by(&reason, false).or_else(|| stopped_by(own.unwrap_or_default(), false));
            Some(End::Failed(by.unwrap_or(Reason::RolloutFailed), text("failed, and so did its rollback")))
        }
        "STOP_REQUESTED" | "STOPPED" => {
            let another_is_primary = live.primary().is_some_and(|primary| {
                primary.id != *id && primary.rollout_state.as_deref() != Some("FAILED")
            });
            if another_is_primary && reason.is_empty() {
                return Some(End::Superseded);
            }
            Some(End::Failed(
                stopped_by(&reason, false).unwrap_or(Reason::RolloutStopped),
                text("was stopped"),
            ))
        }
        _ => None,
    }
}

/// Which of ECS's detectors its words name.
fn stopped_by(text: &str, is_rolled_back: bool) -> Option<Reason> {
    let text = text.to_lowercase();
    if text.contains("circuit breaker") {
        Some(if is_rolled_back { Reason::CircuitBreakerRolledBack } else { Reason::CircuitBreakerTripped })
    } else {
        text.contains("alarm").then_some(Reason::AlarmTripped)
    }
}

fn end_by_deployment(deployment: &Deployment, live: &LiveService, was_listed: bool) -> End {
    let primary = deployment.status == "PRIMARY";
    match deployment.rollout_state.as_deref() {
        Some("COMPLETED") => End::Succeeded,
        Some("FAILED") => {
            let text = deployment.rollout_state_reason.clone().unwrap_or_default();
            let reason = stopped_by(&text, !primary).unwrap_or(Reason::RolloutFailed);
            End::Failed(reason, format!("deployment {} failed: {text}", deployment.id))
        }
        // Without a rollout state (a controller other than ECS) the counts are all there is.
        None if primary
            && live.deployments.len() == 1
            && deployment.running_count >= deployment.desired_count =>
        {
            End::Succeeded
        }
        _ if !primary && was_listed => End::Superseded,
        _ => End::Going,
    }
}

/// Whether DescribeServices alone cannot tell how the rollout in flight ended, so that the service
/// deployments have to be read as well.
pub fn needs_service_deployments(record: &Record, live: &Live) -> bool {
    let (Some(rollout), Some(live)) = (&record.in_flight, live.active()) else {
        return false;
    };
    let ours = rollout.deployment_id.as_deref().and_then(|id| live.deployment(id));
    match ours {
        Some(deployment) => {
            deployment.status != "PRIMARY" || deployment.rollout_state.as_deref() == Some("FAILED")
        }
        None => true,
    }
}

/// The id of the rollout in flight whose tasks fail, so that the newest one's cause is worth reading.
pub fn failing_deployment<'a>(record: &'a Record, live: &'a Live) -> Option<&'a str> {
    let (rollout, live) = (record.in_flight.as_ref()?, live.active()?);
    let known = rollout.deployment_id.as_deref().and_then(|id| live.deployment(id));
    let by_definition = || {
        live.deployments.iter().find(|deployment| {
            deployment.task_definition_arn == rollout.task_definition_arn
                && !rollout.before.contains(&deployment.id)
        })
    };
    match known.or_else(by_definition) {
        Some(deployment) => {
            let fails = deployment.failed_tasks > 0 || deployment.rollout_state.as_deref() == Some("FAILED");
            fails.then_some(deployment.id.as_str())
        }
        None => rollout.deployment_id.as_deref(),
    }
}
