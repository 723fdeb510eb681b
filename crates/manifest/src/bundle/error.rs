//! Why a bundle is not made, or not taken.

use std::fmt;

use super::{ContentDigest, MAX_BUNDLE_BYTES, StandingBundle};
use crate::load::Loaded;

/// Why a set of files does not become a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The manifests have errors, or no Environment.
    #[error("errors in the manifests: {}; nothing was bundled", .0.error_count())]
    Invalid(Box<Loaded>),
    /// Two files have the same path.
    #[error("two files are called {path}; a bundle's diagnostics could not tell them apart")]
    SamePath {
        /// The path.
        path: String,
    },
    /// The sequence is 0, which stands for "none yet".
    #[error("a bundle's sequence begins with 1")]
    NoSequence,
    /// It is more than a reader would take.
    #[error("the bundle has {bytes} bytes; the limit is {MAX_BUNDLE_BYTES}: split the environment")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// A bundle that was refused. Nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleError {
    /// The digest that it bears, or that of the received bytes where it bears none.
    pub digest: ContentDigest,
    /// What stands in its place.
    pub standing: Option<StandingBundle>,
    /// What is wrong with it.
    pub fault: BundleFault,
}

/// What is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// It does not begin as a bundle does; an empty object does not either.
    #[error("it does not begin with a bundle's header")]
    NoBundle,
    /// It was written in a format that this program does not know.
    #[error("it has format {found}, and this program knows format 1; a newer program has written it")]
    Format {
        /// The format it names.
        found: u64,
    },
    /// It is larger than any bundle.
    #[error("it has {bytes} bytes, and the limit is {MAX_BUNDLE_BYTES}")]
    TooLarge {
        /// How many it has, or says that it has.
        bytes: usize,
    },
    /// It breaks off.
    #[error("it is torn: {found} of {expected} bytes have arrived")]
    Torn {
        /// How many bytes its body has.
        found: usize,
        /// How many it says that it has.
        expected: usize,
    },
    /// Something follows behind its end.
    #[error("it goes on behind its end of {expected} bytes, as if two were written over each other")]
    Overlong {
        /// How many bytes its body says that it has.
        expected: usize,
    },
    /// Its content is not what its digest says.
    #[error("its content was changed or damaged: that has the digest {found}")]
    Tampered {
        /// The digest of the content that arrived.
        found: ContentDigest,
    },
    /// The content has its digest, and is still none that this program would have written.
    #[error("its content is not a bundle's: {why}")]
    Malformed {
        /// What is wrong, without a value of it.
        why: String,
    },
    /// It was published for another environment.
    #[error("it is for the environment {found:?}, and this is {expected:?}")]
    OtherEnvironment {
        /// The environment it names.
        found: String,
        /// The reader's.
        expected: String,
    },
    /// It is older than what stands.
    #[error("it is a replay: its sequence {sequence} is older than what stands")]
    Replayed {
        /// Its sequence.
        sequence: u64,
    },
    /// What stands has the same sequence and another content: two publishers did not see each other.
    #[error("its sequence {sequence} is taken by another bundle, which stands: publish it again")]
    SequenceTaken {
        /// Its sequence.
        sequence: u64,
    },
    /// The pointer that led to it names another one.
    #[error("it is not the bundle that the pointer names, {named} with sequence {sequence}")]
    NotThePointers {
        /// The digest that the pointer names.
        named: ContentDigest,
        /// The sequence that it names.
        sequence: u64,
    },
    /// Its texts mean something else to this version than to the publisher's.
    #[error("its files read differently here than where it was published: update the older of the two")]
    ReadDifferently,
}

impl BundleError {
    pub(super) fn new(digest: ContentDigest, standing: Option<&StandingBundle>, fault: BundleFault) -> Self {
        Self { digest, standing: standing.cloned(), fault }
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bundle {} is refused: {}; ", self.digest, self.fault)?;
        match &self.standing {
            Some(StandingBundle { sequence, digest }) => {
                write!(f, "the last good one stands, sequence {sequence}, {digest}")
            }
            None => f.write_str("nothing was changed by it"),
        }
    }
}

/// Without a source: the fault is part of the sentence.
impl std::error::Error for BundleError {}

/// What every refusal of the same bytes says.
pub(super) struct Refusal<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) standing: Option<&'a StandingBundle>,
}

impl Refusal<'_> {
    pub(super) fn because(&self, named: Option<ContentDigest>, fault: BundleFault) -> BundleError {
        let digest = named.unwrap_or_else(|| ContentDigest::of(self.bytes));
        BundleError::new(digest, self.standing, fault)
    }
}
