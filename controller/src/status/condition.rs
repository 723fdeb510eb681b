//! Conditions and their transitions.

use coxswain_plan::{ConditionType, Plan, Reason};
use jiff::Timestamp;

use super::document::{Condition, ConditionStatus};
use crate::phase::{PhaseError, Retry};

/// A condition as a look found it, before it is compared with what was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: ConditionType,
    pub(crate) status: ConditionStatus,
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// What a look says about an object's conditions; those of which it says nothing stand as they were.
pub(crate) fn found(plan: Option<&Plan>, error: Option<&PhaseError>, now: Timestamp) -> Vec<Found> {
    let mut found: Vec<Found> = plan
        .iter()
        .flat_map(|plan| &plan.conditions)
        .map(|condition| Found {
            kind: condition.kind,
            status: condition.status.into(),
            reason: condition.reason,
            message: condition.message.clone(),
        })
        .collect();
    let Some(error) = error else {
        return with_blocked(found, None);
    };
    if found.is_empty() {
        // Nothing was seen in this look: what an earlier one saw may no longer hold.
        let unknown = |kind| Found {
            kind,
            status: ConditionStatus::Unknown,
            reason: error.reason(),
            message: error.message(),
        };
        found.extend([ConditionType::Synced, ConditionType::Ready, ConditionType::Progressing].map(unknown));
    }
    with_blocked(found, is_blocking(error, now).then_some(error))
}

/// Whether waiting alone does not help, or must not be relied on.
fn is_blocking(error: &PhaseError, now: Timestamp) -> bool {
    match (error, error.reason()) {
        (PhaseError::Orphaned, _) | (_, Reason::Unavailable | Reason::Throttled | Reason::KillSwitch) => {
            matches!(error, PhaseError::Record { .. })
        }
        (_, Reason::Denied | Reason::Refused | Reason::OutcomeUnknown) => true,
        _ => error.retry(now) == Retry::AfterChange,
    }
}

/// Sets Blocked by the error; without one, to what the plan said or else to False.
fn with_blocked(mut found: Vec<Found>, error: Option<&PhaseError>) -> Vec<Found> {
    if let Some(error) = error {
        found.retain(|condition| condition.kind != ConditionType::Blocked);
        found.push(Found {
            kind: ConditionType::Blocked,
            status: ConditionStatus::True,
            reason: error.reason(),
            message: error.message(),
        });
    } else if !found.iter().any(|condition| condition.kind == ConditionType::Blocked) {
        found.push(Found {
            kind: ConditionType::Blocked,
            status: ConditionStatus::False,
            reason: Reason::InSync,
            message: "nothing stands in the way".to_owned(),
        });
    }
    found
}

/// The conditions that hold now: a transition only where status or reason changed.
pub(crate) fn merged(
    before: &[Condition],
    found: Vec<Found>,
    revision: Option<&String>,
    now: Timestamp,
) -> Vec<Condition> {
    let of = |kind| before.iter().find(|condition| condition.kind == kind);
    let mut merged: Vec<Condition> = found
        .into_iter()
        .map(|found| {
            let same = of(found.kind)
                .filter(|before| before.status == found.status && before.reason == found.reason);
            Condition {
                kind: found.kind,
                status: found.status,
                reason: found.reason,
                message: found.message,
                last_transition_time: same.map_or(now, |before| before.last_transition_time),
                observed_revision: revision.cloned(),
            }
        })
        .collect();
    for condition in before {
        if !merged.iter().any(|newer| newer.kind == condition.kind) {
            merged.push(condition.clone());
        }
    }
    merged.sort_by_key(|condition| condition.kind);
    merged
}

/// Those of `after` whose status or reason is another than `before`.
pub(crate) fn transitions<'a>(before: &[Condition], after: &'a [Condition]) -> Vec<&'a Condition> {
    let is_known = |condition: &&Condition| {
        before.iter().any(|old| {
            old.kind == condition.kind && old.status == condition.status && old.reason == condition.reason
        })
    };
    after.iter().filter(|condition| !is_known(condition)).collect()
}

/// The condition that a person wants to hear of first.
///
/// Asked in this order: is somebody in the way, does it roll, does it match, does it work.
pub(crate) fn foremost(conditions: &[Condition]) -> Option<&Condition> {
    let of = |kind| conditions.iter().find(|condition| condition.kind == kind);
    let when = |kind, status| of(kind).filter(|condition| condition.status == status);
    [ConditionType::Suspended, ConditionType::Blocked, ConditionType::Held]
        .into_iter()
        .find_map(|kind| when(kind, ConditionStatus::True))
        .or_else(|| when(ConditionType::Progressing, ConditionStatus::True))
        .or_else(|| {
            of(ConditionType::Progressing).filter(|late| late.reason == Reason::ProgressDeadlineExceeded)
        })
        .or_else(|| of(ConditionType::Synced).filter(|synced| synced.status != ConditionStatus::True))
        .or_else(|| of(ConditionType::Ready).or_else(|| of(ConditionType::Synced)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConditionStatus::{False, True, Unknown};
    use ConditionType::{Blocked, Held, Progressing, Ready, Synced};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn find(kind: ConditionType, status: ConditionStatus, reason: Reason) -> Found {
        Found { kind, status, reason, message: "text".to_owned() }
    }

    fn first() -> Vec<Condition> {
        let found = vec![find(Synced, False, Reason::Drifted), find(Ready, True, Reason::TasksRunning)];
        merged(&[], found, Some(&"1.0".to_owned()), at(1))
    }

    fn time_of(conditions: &[Condition], kind: ConditionType) -> i64 {
        conditions.iter().find(|condition| condition.kind == kind).unwrap().last_transition_time.as_second()
    }

    #[test]
    fn a_transition_is_a_change_of_status_or_reason_and_nothing_else() {
        let cases = [
            (find(Synced, False, Reason::Drifted), 1),
            (Found { message: "other words".to_owned(), ..find(Synced, False, Reason::Drifted) }, 1),
            (find(Synced, False, Reason::CountChanged), 2),
            (find(Synced, True, Reason::Drifted), 2),
            (find(Synced, Unknown, Reason::Unavailable), 2),
        ];
        for (found, expected) in cases {
            let name = format!("{found:?}");
            let after = merged(&first(), vec![found], Some(&"2.0".to_owned()), at(2));
            assert_eq!(time_of(&after, Synced), expected, "{name}");
            assert_eq!(time_of(&after, Ready), 1, "{name}");
            assert_eq!(transitions(&first(), &after).len(), usize::from(expected == 2), "{name}");
        }
    }

    #[test]
    fn the_revision_is_that_of_the_last_look_that_said_something() {
        let after =
            merged(&first(), vec![find(Synced, False, Reason::Drifted)], Some(&"2.0".to_owned()), at(2));
        let revisions: Vec<_> =
            after.iter().map(|condition| condition.observed_revision.as_deref()).collect();
        assert_eq!(revisions, [Some("2.0"), Some("1.0")]);
    }

    #[test]
    fn the_foremost_condition_is_what_a_person_must_act_on() {
        let held = find(Held, True, Reason::CircuitBreakerRolledBack);
        let late = find(Progressing, False, Reason::ProgressDeadlineExceeded);
        let cases = [
            (vec![], Reason::Drifted),
            (vec![held.clone()], Reason::CircuitBreakerRolledBack),
            (vec![held, find(Blocked, True, Reason::Denied)], Reason::Denied),
            (vec![find(Progressing, True, Reason::RollingBack)], Reason::RollingBack),
            (vec![late], Reason::ProgressDeadlineExceeded),
            (vec![find(Synced, True, Reason::InSync)], Reason::TasksRunning),
        ];
        for (found, expected) in cases {
            let conditions = merged(&first(), found, None, at(2));
            assert_eq!(foremost(&conditions).map(|condition| condition.reason), Some(expected));
        }
    }

    #[test]
    fn what_was_not_seen_is_unknown_and_only_what_waiting_does_not_mend_is_blocked() {
        let blocked = PhaseError::Blocked { reason: Reason::ReferenceUnresolved, diagnostics: Vec::new() };
        let record = PhaseError::Record {
            path: "v1/dev/records/service/api.json".to_owned(),
            problem: "bad".to_owned(),
        };
        let answer = PhaseError::Answer { operation: "DescribeServices", member: "services" };
        let cases = [(blocked, True), (record, True), (answer, False), (PhaseError::Orphaned, False)];
        for (error, expected) in cases {
            let found = found(None, Some(&error), at(1));
            let status =
                |kind| found.iter().find(|condition| condition.kind == kind).map(|found| found.status);
            assert_eq!(status(Synced), Some(Unknown), "{error}");
            assert_eq!(status(Ready), Some(Unknown), "{error}");
            assert_eq!(status(Blocked), Some(expected), "{error}");
        }
    }
}
