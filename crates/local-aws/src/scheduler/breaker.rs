//! The deployment circuit breaker.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>

use super::rollback::{self, Cause};
use crate::{
    clock::Time,
    ecs::{BreakerRecord, Members, Rollout, Service, ServiceDeploymentStatus, State},
};

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
    let shifts = ongoing.as_ref().is_some_and(|ongoing| ongoing.shift.is_some());
    if shifts && !state.switches.breaker_watches_every_strategy {
        return false;
    }
    let rolls_back =
        ongoing.as_ref().is_some_and(|ongoing| ongoing.status == ServiceDeploymentStatus::RollbackInProgress);
    // A service deployment in rollback keeps the record of what it tripped on.
    if let Some(ongoing) = ongoing
        && !rolls_back
    {
        ongoing.breaker = Some(record);
    }
    if record.triggered {
        let rolls_back = service.circuit_breaker().and_then(|breaker| breaker.flag("rollback")) == Some(true);
        rollback::fail(state, service, &Cause::Breaker, rolls_back, now);
    }
    record.triggered
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
