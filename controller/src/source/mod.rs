//! Where manifests come from, and which of them stand.
//!
//! A [`Source`] hands over whole sets of files; [`Bundles`] decides whether one is taken, remembers the
//! last good one across restarts and numbers them.

mod bundles;
mod directory;
mod read;

use std::fmt::Debug;

use async_trait::async_trait;
use coxswain_manifest::SourceFile;

pub use bundles::{Bundles, Taken};
pub use directory::{DEBOUNCE, DirectorySource, POLL_INTERVAL};
pub use read::{ReadError, read_directory};

/// Hands over manifests as they change.
#[async_trait]
pub trait Source: Debug + Send {
    /// Where it reads, for people.
    fn describe(&self) -> String;

    /// All files: at once the first time, then whenever they differ from what was handed over last.
    ///
    /// # Errors
    /// Where they cannot be read whole; told once, and then again when that changes.
    ///
    /// # Cancel safety
    /// A dropped call loses nothing: what it would have told is told by the next.
    async fn next(&mut self) -> Result<Vec<SourceFile>, ReadError>;
}
