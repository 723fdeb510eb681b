//! Where manifests come from, and which of them stand.
//!
//! A [`Source`] hands over whole sets of files, or bundles; [`Bundles`] decides whether one is taken,
//! remembers the last good one across restarts and numbers them. [`SourcePlace`] is how people write where
//! that is; [`publish()`] writes to a [`Shelf`], which is a place that bundles are published to.

mod bundles;
mod candidate;
mod directory;
mod error;
mod files;
mod last_good;
mod open;
mod place;
mod poll;
mod polled;
mod publish;
mod read;
mod refusal;
mod shelf;
mod verify;

use std::fmt::Debug;

use async_trait::async_trait;
use coxswain_manifest::{Bundle, SourceFile};

pub use bundles::{Bundles, Taken};
pub use candidate::{Expected, Origin};
pub use directory::{DEBOUNCE, DirectorySource, POLL_INTERVAL};
pub use error::ReadError;
pub use files::{FilesSource, Folder, LIST, Upload, UploadError};
pub use open::{Clients, OpenError, OpenPlace, Publisher};
pub use place::{InvalidPlace, SourcePlace};
pub use poll::{Ledger, Nudge, PollOutcome, Polling, REMOTE_POLL_INTERVAL};
pub use polled::PolledShelf;
pub use publish::{Offer, Publication, PublishError, Published, publish, published};
pub use read::read_directory;
pub use shelf::{Keep, Kept, Look, Mark, MemoryShelf, Moved, S3Shelf, Shelf, ShelfError, SsmShelf};
pub use verify::{SignaturePolicy, Verification};

/// Manifests as a source hands them over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// All files of a set.
    Files(Vec<SourceFile>),
    /// A bundle, sound and of the environment that is served; whether it may follow what stands, and who
    /// made it, is not asked yet.
    Bundle(Box<Bundle>),
}

/// Hands over manifests as they change.
#[async_trait]
pub trait Source: Debug + Send {
    /// Where it reads, for people.
    fn describe(&self) -> String;

    /// Whether only those who have this machine can write to it.
    fn is_local(&self) -> bool;

    /// All of it: at once the first time, then whenever it differs from what was handed over last.
    ///
    /// # Errors
    /// Where it cannot be read whole; told once, and then again when that changes.
    ///
    /// # Cancel safety
    /// A dropped call loses nothing: what it would have told is told by the next.
    async fn next(&mut self) -> Result<Reading, ReadError>;
}
