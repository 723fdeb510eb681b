//! Whether a service stands, failed, or is still on its way: pure.

use coxswain_controller::status::{Condition, ConditionStatus, Problem, ServiceStatus, SourceStatus};
use coxswain_plan::{ConditionType, Reason};

use super::revision::Revision;
use crate::exit::Exit;

/// What one look says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It stands on the manifests, and works.
    Done(Box<ServiceStatus>),
    /// Waiting alone does not help.
    Stopped(Box<Stop>),
    /// It is on its way; in words.
    Waiting(String),
}

/// Why waiting alone does not help.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stop {
    pub(crate) exit: Exit,
    pub(crate) reason: Reason,
    pub(crate) message: String,
    pub(crate) advice: String,
    pub(crate) status: Option<Box<ServiceStatus>>,
}

/// What the controller must have taken before anything is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It is not known.
    Anything,
    /// Manifests of that digest.
    Digest(String),
    /// That revision, or a later one.
    Revision(Revision),
}

impl Expected {
    /// Whether it has.
    pub(crate) fn stands(&self, source: &SourceStatus) -> bool {
        match self {
            Self::Anything => true,
            Self::Digest(digest) => source.digest.as_ref() == Some(digest),
            Self::Revision(wanted) => {
                let stands = source.revision.as_deref().and_then(|revision| revision.parse().ok());
                stands.is_some_and(|stands: Revision| stands >= *wanted)
            }
        }
    }

    /// Why it has not.
    fn missing(&self, source: &SourceStatus) -> Verdict {
        match self {
            Self::Digest(digest) if source.seen_digest.as_ref() == Some(digest) => not_taken(source),
            Self::Digest(_) | Self::Anything => {
                Verdict::Waiting("the controller has not read the manifests yet".to_owned())
            }
            // What is refused may be an earlier one: only the time tells.
            Self::Revision(wanted) => {
                let stands = source.revision.as_deref().unwrap_or("nothing");
                let refusal = source.ready().filter(|_| !source.is_ready());
                let refusal = refusal.map(|condition| format!(": {}", condition.message)).unwrap_or_default();
                let text =
                    format!("the controller stands at {stands} and has not taken {wanted} yet{refusal}");
                Verdict::Waiting(text)
            }
        }
    }
}

/// Judges what the controller says of the manifests and of the object.
///
/// Nothing is judged before the controller has taken what is expected and looked at the object by it:
/// else the state of before the edit would be taken for its outcome.
pub(crate) fn judge(source: &SourceStatus, expected: &Expected, status: Option<ServiceStatus>) -> Verdict {
    if !expected.stands(source) {
        return expected.missing(source);
    }
    let Some(status) = status else {
        return Verdict::Waiting("the controller does not know it yet".to_owned());
    };
    if !status.is_current {
        return Verdict::Waiting("the controller has not looked at it by these manifests yet".to_owned());
    }
    for kind in [ConditionType::Suspended, ConditionType::Blocked, ConditionType::Held] {
        let holds = status.condition(kind).filter(|condition| condition.status == ConditionStatus::True);
        if let Some(exit) = holds.and_then(|condition| exit(kind, condition.reason)) {
            return stopped(exit, kind, status);
        }
    }
    let is = |kind, expected| status.condition(kind).is_some_and(|condition| condition.status == expected);
    let stands = is(ConditionType::Synced, ConditionStatus::True)
        && is(ConditionType::Ready, ConditionStatus::True)
        && !is(ConditionType::Progressing, ConditionStatus::True)
        && !is(ConditionType::Blocked, ConditionStatus::True)
        && status.rollout.is_none();
    if stands { Verdict::Done(Box::new(status)) } else { Verdict::Waiting(words(&status)) }
}

/// The manifests were read and not taken.
fn not_taken(source: &SourceStatus) -> Verdict {
    let condition = source.ready();
    let message = condition.map_or_else(String::new, |condition| condition.message.clone());
    if condition.map(|condition| condition.reason) != Some(Reason::InvalidManifest) {
        return Verdict::Waiting(format!("the manifests are read and not taken yet: {message}"));
    }
    let listed = source.problems.iter().filter(|problem| !problem.is_warning).take(5);
    let listed: Vec<_> =
        listed.map(|Problem { location, message, .. }| format!("{location}: {message}")).collect();
    Verdict::Stopped(Box::new(Stop {
        exit: Exit::Invalid,
        reason: Reason::InvalidManifest,
        message: std::iter::once(message).chain(listed).collect::<Vec<_>>().join("\n  "),
        advice: Reason::InvalidManifest.cure().to_owned(),
        status: None,
    }))
}

/// How a condition that holds ends the wait; nothing where it goes away by itself.
fn exit(kind: ConditionType, reason: Reason) -> Option<Exit> {
    match (kind, reason) {
        (
            ConditionType::Blocked,
            Reason::Draining | Reason::OutcomeUnknown | Reason::Unavailable | Reason::Throttled,
        ) => None,
        (ConditionType::Blocked, Reason::InvalidManifest) => Some(Exit::Invalid),
        (ConditionType::Blocked, Reason::NotOwned) => Some(Exit::Refused),
        (ConditionType::Blocked, Reason::Denied | Reason::Refused) => Some(Exit::Unreachable),
        (ConditionType::Held, Reason::EmergencyRollback) => Some(Exit::Blocked),
        (ConditionType::Held, _) => Some(Exit::RolloutFailed),
        _ => Some(Exit::Blocked),
    }
}

fn stopped(exit: Exit, kind: ConditionType, status: ServiceStatus) -> Verdict {
    let condition = status.condition(kind);
    let (reason, message) = condition
        .map_or((status.reason, status.summary.clone()), |Condition { reason, message, .. }| {
            (*reason, message.clone())
        });
    let advice = reason.cure().replace("service/NAME", &status.object());
    Verdict::Stopped(Box::new(Stop { exit, reason, message, advice, status: Some(Box::new(status)) }))
}

/// What it is on its way through.
fn words(status: &ServiceStatus) -> String {
    match &status.rollout {
        Some(rollout) => {
            let (id, counts) = (rollout.deployment_id.as_deref().unwrap_or("deployment"), rollout.counts);
            let failed = if rollout.failed_tasks > 0 {
                format!(", {} failed", rollout.failed_tasks)
            } else {
                String::new()
            };
            format!("{}, {id}: {} of {} tasks running{failed}", status.health, counts.running, counts.desired)
        }
        None => format!("{} and {}: {}", status.sync, status.health, status.summary),
    }
}

#[cfg(test)]
mod tests;
