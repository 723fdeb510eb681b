//! Why a look at an object ended early, and what follows from it.

use coxswain_manifest::Diagnostic;
use coxswain_plan::Reason;
use coxswain_store::{Remedy, StoreError};
use jiff::Timestamp;

use crate::{
    authority::Withheld,
    aws::{AwsError, Failure},
};

/// When to look again after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Nothing helps but a change of the manifests or a person; the drift sweep still looks.
    AfterChange,
    /// Soon, and less often the longer it lasts.
    Backoff,
    /// Not before that moment.
    At(Timestamp),
    /// Something was sent and may have taken effect: look before anything is sent again.
    ObserveFirst,
}

/// Why a look at an object ended early.
///
/// Display says this level only; the cause is the source.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PhaseError {
    /// The manifests no longer name the object.
    #[error("it is no longer in the manifests, and is left running")]
    Orphaned,
    /// The manifests name it, and nothing can be sent as they are.
    #[error("{}", blocked_text(diagnostics))]
    Blocked {
        /// `ReferenceUnresolved` or `InvalidManifest`.
        reason: Reason,
        /// What is wrong and where.
        diagnostics: Vec<Diagnostic>,
    },
    /// What is remembered of it cannot be read; it is never taken for empty.
    #[error("its record at {path} cannot be read: {problem}; nothing is changed until it can")]
    Record {
        /// Where in the store.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The store did not do what it was asked.
    #[error("the store failed")]
    Store(#[source] std::sync::Arc<StoreError>),
    /// ECS could not be read.
    #[error("it cannot be observed; nothing was changed")]
    Observe(#[source] Box<AwsError>),
    /// An answer lacks what it always has.
    #[error("the answer of {operation} has no usable {member}")]
    Answer {
        /// Whose answer.
        operation: &'static str,
        /// Which member.
        member: &'static str,
    },
    /// The checker of plans, which shares no rule with the planner, refused what was planned.
    #[error("the plan breaks a rule that no plan may break, and nothing was sent: {breaches}")]
    UnsafePlan {
        /// Each rule by name, and how it is broken.
        breaches: String,
    },
    /// A step was not carried out, or not known to be.
    #[error("a step was not carried out ({standing})")]
    Act {
        /// What still serves.
        standing: String,
        /// What AWS said.
        #[source]
        source: Box<AwsError>,
    },
    /// The program is ending: what is left is done by the next one.
    #[error("the controller is shutting down")]
    Draining,
    /// This replica does not lead any more: what is left is done by the one that does.
    #[error("another replica goes on")]
    Deposed(#[source] Withheld),
    /// Another replica has led since.
    #[error(
        "its record was written in the lease's term {theirs}, and this is term {ours}: another replica goes on"
    )]
    Late {
        /// The epoch of our term.
        ours: u64,
        /// The epoch that the record carries.
        theirs: u64,
    },
}

fn blocked_text(diagnostics: &[Diagnostic]) -> String {
    match diagnostics.split_first() {
        None => "its manifest cannot be used".to_owned(),
        Some((first, rest)) => {
            let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
            format!("{}: {}{more}", first.location, first.message)
        }
    }
}

impl From<StoreError> for PhaseError {
    fn from(error: StoreError) -> Self {
        Self::Store(std::sync::Arc::new(error))
    }
}

impl PhaseError {
    /// The reason's name, as it stands in conditions and events.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Orphaned => Reason::Orphaned,
            Self::Blocked { reason, .. } => *reason,
            Self::UnsafePlan { .. } => Reason::PlanRefused,
            Self::Store(error) if error.remedy() == Remedy::ObserveFirst => Reason::OutcomeUnknown,
            Self::Store(_)
            | Self::Record { .. }
            | Self::Answer { .. }
            | Self::Draining
            | Self::Deposed(_)
            | Self::Late { .. } => Reason::Unavailable,
            Self::Observe(error) | Self::Act { source: error, .. } => match &error.failure {
                Failure::Throttled { .. } => Reason::Throttled,
                Failure::Denied { .. } => Reason::Denied,
                Failure::Invalid { .. } | Failure::NotFound { .. } | Failure::Conflict { .. } => {
                    Reason::Refused
                }
                Failure::InDoubt { .. } => Reason::OutcomeUnknown,
                Failure::Withheld(Withheld::KillSwitch) => Reason::KillSwitch,
                Failure::Unavailable { .. } | Failure::Withheld(_) => Reason::Unavailable,
            },
        }
    }

    /// When to look again.
    pub fn retry(&self, now: Timestamp) -> Retry {
        match self {
            Self::Orphaned
            | Self::Blocked { .. }
            | Self::Record { .. }
            | Self::UnsafePlan { .. }
            | Self::Draining
            | Self::Deposed(_)
            | Self::Late { .. } => Retry::AfterChange,
            Self::Answer { .. } => Retry::Backoff,
            Self::Store(error) => match error.remedy() {
                Remedy::ReadAgain | Remedy::ObserveFirst => Retry::ObserveFirst,
                Remedy::Repeat => Retry::Backoff,
                Remedy::Mend => Retry::AfterChange,
            },
            Self::Observe(error) | Self::Act { source: error, .. } => match &error.failure {
                Failure::Throttled { after: Some(after), .. } => {
                    now.checked_add(*after).map_or(Retry::Backoff, Retry::At)
                }
                Failure::InDoubt { .. } | Failure::Conflict { .. } => Retry::ObserveFirst,
                Failure::Invalid { .. } | Failure::Withheld(Withheld::KillSwitch | Withheld::NotLeading) => {
                    Retry::AfterChange
                }
                _ => Retry::Backoff,
            },
        }
    }

    /// The whole text: this level and every cause beneath it, each said once.
    pub fn message(&self) -> String {
        let levels =
            std::iter::successors(Some(self as &(dyn std::error::Error + 'static)), |error| error.source());
        levels.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// Whether it says something of the program only, and nothing of the object.
    pub fn is_of_the_program(&self) -> bool {
        matches!(self, Self::Draining | Self::Deposed(_) | Self::Late { .. })
    }

    /// What the manifests have to do with it.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Blocked { diagnostics, .. } => diagnostics,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aws::Operation;

    fn act(failure: Failure) -> PhaseError {
        let request_id = Some("7f3c".to_owned());
        let source = Box::new(AwsError { operation: Operation::UpdateService, failure, request_id });
        PhaseError::Act { standing: "still running: 2 of 2 tasks of api:41".to_owned(), source }
    }

    fn text() -> String {
        "AWS's words".to_owned()
    }

    #[test]
    fn each_failure_has_its_reason_and_its_time_to_look_again() {
        let now = Timestamp::UNIX_EPOCH;
        let later = now.checked_add(Duration::from_secs(7)).unwrap();
        let (action, code) = ("ecs:UpdateService".to_owned(), "ClientException".to_owned());
        let cases = [
            (Failure::Throttled { after: None, message: text() }, Reason::Throttled, Retry::Backoff),
            (
                Failure::Throttled { after: Some(Duration::from_secs(7)), message: text() },
                Reason::Throttled,
                Retry::At(later),
            ),
            (Failure::Denied { action, resource: None, message: text() }, Reason::Denied, Retry::Backoff),
            (Failure::Invalid { code, message: text() }, Reason::Refused, Retry::AfterChange),
            (Failure::Conflict { message: text() }, Reason::Refused, Retry::ObserveFirst),
            (Failure::InDoubt { message: text() }, Reason::OutcomeUnknown, Retry::ObserveFirst),
            (Failure::Unavailable { message: text() }, Reason::Unavailable, Retry::Backoff),
        ];
        for (failure, reason, retry) in cases {
            let error = act(failure);
            assert_eq!((error.reason(), error.retry(now)), (reason, retry), "{error:?}");
        }
    }

    #[test]
    fn a_wait_beyond_all_time_is_an_ordinary_back_off() {
        let endless = Failure::Throttled { after: Some(Duration::MAX), message: text() };
        assert_eq!(act(endless).retry(Timestamp::UNIX_EPOCH), Retry::Backoff);
    }

    #[test]
    fn the_message_says_what_happened_what_stands_and_which_request_it_was_each_once() {
        let error = act(Failure::Conflict { message: "Service was not ACTIVE.".to_owned() });
        assert_eq!(
            error.message(),
            "a step was not carried out (still running: 2 of 2 tasks of api:41): UpdateService: Service was not \
             ACTIVE. (request 7f3c)"
        );
    }
}
