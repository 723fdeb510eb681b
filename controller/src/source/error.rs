//! Why manifests could not be read, or what was read is refused before anybody looks into it.

use std::{error::Error, io, path::Path};

use coxswain_manifest::{BundleError, BundleFault, ContentDigest};
use coxswain_plan::Reason;

/// Why manifests could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system refused.
    #[error("cannot read {path}: {problem}")]
    Io {
        /// What was to be read.
        path: String,
        /// The system's words.
        problem: String,
    },
    /// There is more than is read.
    #[error("{path}: {what}; at most {limit} can be read")]
    TooMuch {
        /// Where it was too much.
        path: String,
        /// What there is.
        what: String,
        /// The limit.
        limit: String,
    },
    /// The place does not answer, or denies.
    #[error("cannot read {place}: {problem}")]
    Unreachable {
        /// What was to be read.
        place: String,
        /// The words of whoever answered.
        problem: String,
    },
    /// They are not what their publisher's list says: it is still writing, or was interrupted, or somebody
    /// else has written there.
    #[error("{place} is not, or not yet, what its publisher's list says: {what}")]
    Unsettled {
        /// What was to be read.
        place: String,
        /// What differs first.
        what: String,
    },
    /// What stands in the place of a publisher's list is none.
    #[error("what stands at {place} is no list of manifests: {why}; look at it, and remove it")]
    NoList {
        /// Where.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no pointer.
    #[error("nothing was published to {place} yet")]
    NothingPublished {
        /// Where.
        place: String,
    },
    /// The pointer leads to nothing.
    #[error("the pointer at {place} leads to the bundle {digest}, which is not there")]
    Missing {
        /// Where.
        place: String,
        /// What it names.
        digest: ContentDigest,
    },
    /// What the pointer leads to is not a bundle's bytes.
    #[error("the bundle {digest} is not there as a whole: {why}")]
    Broken {
        /// What the pointer names.
        digest: ContentDigest,
        /// What is wrong with what is there.
        why: String,
    },
    /// The pointer, or what it leads to, is none that can be taken.
    #[error("{}", refusal(.0))]
    Refused(BundleError),
}

/// Without what stands, which is said by whoever knows it.
fn refusal(error: &BundleError) -> String {
    format!("the bundle {} is refused: {}", error.digest, error.fault)
}

impl ReadError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io { path: path.display().to_string(), problem: error.to_string() }
    }

    /// What a place answered, with every cause.
    pub(super) fn unreachable(place: String, error: &(dyn Error + 'static)) -> Self {
        Self::Unreachable { place, problem: crate::status::chain(error) }
    }

    /// Whether it may pass by itself, and says nothing of the manifests.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unsettled { .. })
    }

    /// What it is called in the status.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Io { .. } | Self::TooMuch { .. } | Self::Unreachable { .. } | Self::NoList { .. } => {
                Reason::SourceUnreadable
            }
            Self::Unsettled { .. } => Reason::SourceUnsettled,
            Self::NothingPublished { .. } => Reason::NothingPublished,
            Self::Missing { .. } => Reason::BundleMissing,
            Self::Broken { .. } => Reason::BundleTorn,
            Self::Refused(error) => fault_reason(&error.fault),
        }
    }

    /// The digest of the bundle that was refused, where there was one.
    pub fn digest(&self) -> Option<&ContentDigest> {
        match self {
            Self::Missing { digest, .. } | Self::Broken { digest, .. } => Some(digest),
            Self::Refused(error) => Some(&error.digest),
            Self::Io { .. }
            | Self::TooMuch { .. }
            | Self::Unreachable { .. }
            | Self::Unsettled { .. }
            | Self::NoList { .. }
            | Self::NothingPublished { .. } => None,
        }
    }
}

/// What a bundle's fault is called in the status.
pub(super) fn fault_reason(fault: &BundleFault) -> Reason {
    match fault {
        BundleFault::Torn { .. } => Reason::BundleTorn,
        BundleFault::Tampered { .. } | BundleFault::Overlong { .. } | BundleFault::NotThePointers { .. } => {
            Reason::BundleTampered
        }
        BundleFault::TooLarge { .. } => Reason::BundleTooLarge,
        BundleFault::OtherEnvironment { .. } => Reason::OtherEnvironment,
        BundleFault::Replayed { .. } => Reason::BundleReplayed,
        BundleFault::SequenceTaken { .. } => Reason::SequenceTaken,
        // No bundle, one of another format, one that this version reads differently, and what comes later.
        _ => Reason::BundleMalformed,
    }
}
