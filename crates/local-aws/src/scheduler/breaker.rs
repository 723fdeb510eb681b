//! The deployment circuit breaker, and the rollback to the last deployment that completed.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>

use crate::{
    clock::Time,
    ecs::{BreakerRecord, Members, NO_CANDIDATE, Rollout, Service, ServiceDeploymentStatus, State, words},
};

/// Why a rollback starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The circuit breaker tripped.
    Breaker,
    /// Somebody asked for it by StopServiceDeployment.
    Request,
}

/// How many failures trip the breaker for that many desired tasks.
pub(super) fn threshold(kind: &str, value: u64, desired: u64) -> u64 {
    let percent = desired.saturating_mul(value).div_ceil(100);
    match kind {
        "COUNT" => value,
        // Nothing has failed yet where nothing is desired.
        "UNBOUNDED_PERCENT" => percent.max(1),
        _ => percent.clamp(3, 200),
    }
}

/// The breaker's settings and count, as the service deployment shows them.
pub(super) fn record(service: &Service) -> BreakerRecord {
    let breaker = service.circuit_breaker();
    let configured = breaker.and_then(|breaker| breaker.member("thresholdConfiguration"));
    let kind = configured.and_then(|threshold| threshold.text("type")).unwrap_or("BOUNDED_PERCENT");
    let value = configured.and_then(|threshold| threshold.whole("value")).unwrap_or(50);
    BreakerRecord {
        enabled: breaker.and_then(|breaker| breaker.flag("enable")) == Some(true),
        triggered: false,
        failures: service.deployments.first().map(|primary| primary.breaker_count).unwrap_or_default(),
        threshold: threshold(kind, value, service.desired_count),
    }
}

/// Fails the PRIMARY deployment if it has failed often enough; says whether it did.
pub(super) fn trip_if_due(state: &mut State, service: &mut Service, now: Time) -> bool {
    let mut record = record(service);
    let in_progress =
        service.deployments.first().is_some_and(|primary| primary.rollout == Rollout::InProgress);
    record.triggered = in_progress && record.enabled && record.failures >= record.threshold;
    let ongoing = service.ongoing();
    let rolls_back =
        ongoing.as_ref().is_some_and(|ongoing| ongoing.status == ServiceDeploymentStatus::RollbackInProgress);
    // A service deployment in rollback keeps the record of what it tripped on.
    if let Some(ongoing) = ongoing
        && !rolls_back
    {
        ongoing.breaker = Some(record);
    }
    if !record.triggered {
        return false;
    }
    let reason = "ECS deployment circuit breaker: tasks failed to start.";
    fail(state, service, reason, now);
    let wants_rollback = service.circuit_breaker().and_then(|breaker| breaker.flag("rollback")) == Some(true);
    if wants_rollback {
        roll_back(state, service, Cause::Breaker, now);
    } else if let Some(ongoing) = service.ongoing() {
        let reason = "Service deployment stopped because the circuit breaker threshold was exceeded.";
        ongoing.finish(ServiceDeploymentStatus::Stopped, Some(reason), now);
    }
    true
}

/// Carries a rollback out that was asked for; says whether one was.
pub(super) fn roll_back_if_requested(state: &mut State, service: &mut Service, now: Time) -> bool {
    let requested = |status| status == ServiceDeploymentStatus::RollbackRequested;
    if !service.ongoing().is_some_and(|ongoing| requested(ongoing.status)) {
        return false;
    }
    if let Some(primary) = service.deployments.first_mut() {
        let reason = format!("ECS deployment {} was stopped.", primary.id());
        primary.turn(Rollout::Failed, reason, now);
    }
    roll_back(state, service, Cause::Request, now);
    true
}

fn fail(state: &mut State, service: &mut Service, reason: &str, now: Time) {
    let Some(primary) = service.deployments.first_mut() else { return };
    primary.turn(Rollout::Failed, reason.to_owned(), now);
    let text = words::failed(&primary.id());
    service.events.say(&mut state.random, now, &service.key.name, &text);
}

/// Makes the last COMPLETED deployment the PRIMARY again, under its old id.
///
/// Its counters are those of its completion: none. The service's count, percentages and tags are not
/// the revision's and stay as they are. Without a deployment to return to, the failed one stays
/// PRIMARY and launches nothing.
fn roll_back(state: &mut State, service: &mut Service, cause: Cause, now: Time) {
    let failed = service.deployments.first().map(|primary| primary.number);
    let target = service.last_completed.clone().filter(|target| Some(target.number) != failed);
    let Some(mut target) = target else {
        if let Some(ongoing) = service.ongoing() {
            ongoing.finish(ServiceDeploymentStatus::RollbackFailed, Some(NO_CANDIDATE), now);
        }
        return;
    };
    service.deployments.retain(|deployment| deployment.number != target.number);
    let (reason, because) = match cause {
        Cause::Breaker => (
            format!("ECS deployment circuit breaker: rolling back to deploymentId {}.", target.id()),
            "Service deployment rolled back because the circuit breaker threshold was exceeded.",
        ),
        Cause::Request => (
            format!("ECS deployment rolling back to deploymentId {}.", target.id()),
            "Service deployment rolled back because of a stop request.",
        ),
    };
    target.turn(Rollout::InProgress, reason, now);
    target.created_at = now;
    if let Some(ongoing) = service.ongoing() {
        ongoing.roll_back(because, target.number, now);
    }
    service.restore(&target.revision.spec);
    let text = words::rolling_back(&target.id());
    service.events.say(&mut state.random, now, &service.key.name, &text);
    service.deployments.insert(0, target);
}

#[cfg(test)]
mod tests {
    use super::threshold;

    #[test]
    fn the_threshold_is_half_of_the_desired_count_between_three_and_two_hundred() {
        for (kind, value, desired, expected) in [
            ("BOUNDED_PERCENT", 50, 1, 3),
            ("BOUNDED_PERCENT", 50, 25, 13),
            ("BOUNDED_PERCENT", 50, 400, 200),
            ("BOUNDED_PERCENT", 50, 800, 200),
            ("UNBOUNDED_PERCENT", 50, 800, 400),
            ("UNBOUNDED_PERCENT", 50, 1, 1),
            ("UNBOUNDED_PERCENT", 50, 0, 1),
            ("COUNT", 7, 800, 7),
        ] {
            assert_eq!(threshold(kind, value, desired), expected, "{kind} {value} of {desired}");
        }
    }
}
