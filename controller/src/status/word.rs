//! The two words of an object: does it match, and does it work.

use coxswain_plan::{ConditionType, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Condition, ConditionStatus, Counts};

/// Whether live is what the manifest says, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Sync {
    /// It is.
    Synced,
    /// It is not: the manifest has moved.
    OutOfSync,
    /// It is not: somebody else has moved it.
    Drifted,
    /// It is not, and the rollout is not tried again by itself.
    Held,
    /// Something that Coxswain cannot settle stands in the way.
    Blocked,
    /// The manifest forbids writes.
    Suspended,
    /// It cannot be known at present.
    Unknown,
}

/// Whether it works, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Health {
    /// As many tasks run as are wanted.
    Healthy,
    /// A rollout is going on.
    Rolling,
    /// Fewer tasks run than are wanted.
    Degraded,
    /// Tasks are wanted and none runs.
    Failed,
    /// No task is wanted.
    Idle,
    /// It cannot be known at present.
    Unknown,
}

impl Sync {
    /// Every word.
    pub const ALL: &'static [Self] = &[
        Self::Synced,
        Self::OutOfSync,
        Self::Drifted,
        Self::Held,
        Self::Blocked,
        Self::Suspended,
        Self::Unknown,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::OutOfSync => "OutOfSync",
            Self::Drifted => "Drifted",
            Self::Held => "Held",
            Self::Blocked => "Blocked",
            Self::Suspended => "Suspended",
            Self::Unknown => "Unknown",
        }
    }

    /// The word for these conditions: what a person must act on comes first.
    pub(crate) fn of(conditions: &[Condition]) -> Self {
        let find = |kind| conditions.iter().find(|condition| condition.kind == kind);
        let is = |kind| find(kind).is_some_and(|condition| condition.status == ConditionStatus::True);
        if is(ConditionType::Suspended) {
            return Self::Suspended;
        }
        if is(ConditionType::Blocked) {
            return Self::Blocked;
        }
        if is(ConditionType::Held) {
            return Self::Held;
        }
        match find(ConditionType::Synced).map(|synced| (synced.status, synced.reason)) {
            Some((ConditionStatus::True, _)) => Self::Synced,
            Some((ConditionStatus::False, Reason::Drifted | Reason::DriftReported)) => Self::Drifted,
            Some((ConditionStatus::False, _)) => Self::OutOfSync,
            Some((ConditionStatus::Unknown, _)) | None => Self::Unknown,
        }
    }
}

impl Health {
    /// Every word.
    pub const ALL: &'static [Self] =
        &[Self::Healthy, Self::Rolling, Self::Degraded, Self::Failed, Self::Idle, Self::Unknown];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Rolling => "Rolling",
            Self::Degraded => "Degraded",
            Self::Failed => "Failed",
            Self::Idle => "Idle",
            Self::Unknown => "Unknown",
        }
    }

    /// The word for these conditions and counts.
    pub(crate) fn of(conditions: &[Condition], counts: Option<Counts>) -> Self {
        let find = |kind| conditions.iter().find(|condition| condition.kind == kind);
        let status = |kind| find(kind).map_or(ConditionStatus::Unknown, |condition| condition.status);
        let Some(counts) = counts else { return Self::Unknown };
        match (status(ConditionType::Ready), status(ConditionType::Progressing)) {
            (ConditionStatus::Unknown, _) => Self::Unknown,
            (_, ConditionStatus::True) => Self::Rolling,
            (ConditionStatus::True, _) if counts.desired == 0 => Self::Idle,
            (ConditionStatus::True, _) => Self::Healthy,
            (ConditionStatus::False, _) if counts.running > 0 => Self::Degraded,
            (ConditionStatus::False, _) => Self::Failed,
        }
    }
}

impl std::fmt::Display for Sync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::fmt::Display for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConditionStatus::{False, True, Unknown};
    use ConditionType::{Blocked, Held, Progressing, Ready, Suspended, Synced};

    fn conditions(list: &[(ConditionType, ConditionStatus, Reason)]) -> Vec<Condition> {
        let condition = |&(kind, status, reason): &(ConditionType, ConditionStatus, Reason)| Condition {
            kind,
            status,
            reason,
            message: String::new(),
            last_transition_time: jiff::Timestamp::UNIX_EPOCH,
            observed_revision: None,
        };
        list.iter().map(condition).collect()
    }

    #[test]
    fn what_a_person_must_act_on_comes_before_whether_it_matches() {
        let drifted = (Synced, False, Reason::Drifted);
        let cases = [
            (vec![], Sync::Unknown),
            (vec![(Synced, True, Reason::InSync)], Sync::Synced),
            (vec![(Synced, False, Reason::DefinitionChanged)], Sync::OutOfSync),
            (vec![drifted], Sync::Drifted),
            (vec![(Synced, False, Reason::DriftReported)], Sync::Drifted),
            (vec![(Synced, Unknown, Reason::Unavailable)], Sync::Unknown),
            (vec![drifted, (Held, True, Reason::CircuitBreakerRolledBack)], Sync::Held),
            (vec![drifted, (Held, False, Reason::InSync)], Sync::Drifted),
            (
                vec![drifted, (Held, True, Reason::RolloutFailed), (Blocked, True, Reason::Denied)],
                Sync::Blocked,
            ),
            (vec![(Blocked, True, Reason::Denied), (Suspended, True, Reason::Suspended)], Sync::Suspended),
        ];
        for (list, expected) in cases {
            assert_eq!(Sync::of(&conditions(&list)), expected, "{list:?}");
        }
    }

    #[test]
    fn health_is_told_by_tasks_and_never_guessed() {
        let counts = |desired, running| Some(Counts { desired, running, pending: 0 });
        let ready = |status| (Ready, status, Reason::TasksRunning);
        let rolling = (Progressing, True, Reason::RolloutInProgress);
        let cases = [
            (vec![], counts(2, 2), Health::Unknown),
            (vec![ready(True)], None, Health::Unknown),
            (vec![ready(True)], counts(2, 2), Health::Healthy),
            (vec![ready(True)], counts(0, 0), Health::Idle),
            (vec![ready(False)], counts(2, 1), Health::Degraded),
            (vec![ready(False)], counts(2, 0), Health::Failed),
            (vec![ready(True), rolling], counts(2, 2), Health::Rolling),
            (vec![ready(Unknown), rolling], counts(2, 2), Health::Unknown),
        ];
        for (list, counts, expected) in cases {
            assert_eq!(Health::of(&conditions(&list), counts), expected, "{list:?} {counts:?}");
        }
    }
}
