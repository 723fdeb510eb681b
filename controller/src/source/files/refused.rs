//! Why an upload was refused or did not end.

use coxswain_manifest::BuildError;
use coxswain_store::StoreError;

use crate::source::ReadError;

/// Why manifests did not become what a folder holds. Whatever was written until then, no reader takes a part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The manifests have errors.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file's name is none that is read from a folder.
    #[error("{path} is not published: no name begins with a dot, and manifests end in .yaml, .yml or .json")]
    Unnameable {
        /// The name.
        path: String,
    },
    /// What is there is another environment's.
    #[error(
        "{place} holds the environment {found:?}, and these manifests are of {ours:?}; publish them elsewhere"
    )]
    OtherEnvironment {
        /// Where.
        place: String,
        /// Whose it is.
        found: String,
        /// The manifests'.
        ours: String,
    },
    /// Files would be replaced or removed that nobody has published in this way.
    #[error("{place} holds what was not published there: {}", .files.join(", "))]
    Foreign {
        /// Where.
        place: String,
        /// Which.
        files: Vec<String>,
    },
    /// Somebody else writes there at the same time.
    #[error("somebody else writes to {place} at the same time: {key} is not what it was, or was made to be")]
    Overtaken {
        /// Where.
        place: String,
        /// The first that was found.
        key: String,
    },
    /// What is there cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The place refuses a write.
    #[error("{key} was not written to {place}")]
    Refused {
        /// Where.
        place: String,
        /// What.
        key: String,
        /// Why.
        source: StoreError,
    },
    /// The place did not say whether it has done a write.
    #[error("{place} did not say whether {key} was written; publish again, which tells")]
    InDoubt {
        /// Where.
        place: String,
        /// What.
        key: String,
        /// Why.
        source: StoreError,
    },
}
