//! A place that bundles are published to: one pointer, and the bundles that it has led to.
//!
//! ```text
//!   publisher                     shelf                        controller
//!   reads the pointer ─────────▶  pointer ──▶ sequence 7 ◀──── asks whether it has moved
//!   puts bundle 8     ─────────▶  bundles/8
//!   moves the pointer ─────────▶  pointer ──▶ sequence 8 ────▶ reads bundle 8, judges it whole
//! ```
//! A bundle is never changed, and the pointer moves only from what its writer has read: of two publishers
//! one moves it and the other is told.

mod memory;
mod s3;
mod ssm;

use std::{
    fmt::{self, Debug},
    time::Duration,
};

use async_trait::async_trait;
use coxswain_manifest::{Bundle, Pointer};
use coxswain_store::StoreError;

pub use memory::MemoryShelf;
pub use s3::S3Shelf;
pub use ssm::SsmShelf;

use crate::aws::{AwsError, Failure};

/// A place that bundles are published to and read from.
///
/// What is read may be anything: whoever reads, judges.
///
/// # Cancel safety
/// Dropping a read loses nothing. Dropping [`put_bundle`](Self::put_bundle) leaves parts that nothing
/// points to; dropping [`move_pointer`](Self::move_pointer) leaves it in doubt whether it moved.
#[async_trait]
pub trait Shelf: Debug + Send + Sync {
    /// Where it is, for people.
    fn describe(&self) -> String;

    /// The pointer, unless it still is the one of that mark.
    async fn pointer(&self, known: Option<&Mark>) -> Result<Look, ShelfError>;

    /// What is kept where the pointer leads.
    async fn bundle(&self, pointer: &Pointer) -> Result<Kept, ShelfError>;

    /// Puts a bundle where nothing leads yet, and says by which pointer it will be found.
    ///
    /// Safe to repeat: a bundle is kept under its own digest, and what a broken attempt left there is
    /// put right.
    async fn put_bundle(&self, bundle: &Bundle) -> Result<Pointer, ShelfError>;

    /// Moves the pointer from what was seen to this one.
    ///
    /// # Errors
    /// Where the answer says nothing ([`ShelfError::is_in_doubt`]), look whether the pointer has moved.
    async fn move_pointer(&self, pointer: &Pointer, seen: Option<&Mark>) -> Result<Moved, ShelfError>;

    /// Removes bundles that are older than those which are to be kept.
    ///
    /// Die within it, or never hear back: what is left is removed after the next publication.
    async fn tidy(&self, pointer: &Pointer, keep: &Keep) -> Result<(), ShelfError>;
}

/// Which bundles are kept beside the one that the pointer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest, this one among them.
    pub newest: usize,
    /// And all that are younger than this, by the place's own clock: somebody may be about to read one, or to
    /// move the pointer to it.
    pub younger_than: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self { newest: 20, younger_than: Duration::from_hours(1) }
    }
}

impl Keep {
    /// Of things with the times when they were written, in seconds, those that may go, oldest first.
    ///
    /// The one that the pointer leads to counts as the newest, since the clocks of places are coarse; of others of
    /// one time those that are named first count as newer.
    fn outdated<T>(&self, things: Vec<(f64, T)>, is_current: impl Fn(&T) -> bool) -> Vec<T> {
        let newest = things.iter().map(|(time, _)| *time).fold(0.0, f64::max);
        let mut things = things;
        things.sort_by(|(one, thing), (other, its)| {
            is_current(its).cmp(&is_current(thing)).then(other.total_cmp(one))
        });
        let is_old = |time: f64| newest - time >= self.younger_than.as_secs_f64();
        let old = things.into_iter().skip(self.newest.max(1)).filter(|(time, _)| is_old(*time));
        let mut old: Vec<T> = old.map(|(_, thing)| thing).collect();
        old.reverse();
        old
    }
}

/// Which version of the pointer was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// A mark that stands for what the shelf calls so.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a look at the pointer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Nothing was ever published there.
    Nothing,
    /// It is the one that the caller knows.
    Unchanged,
    /// Another one.
    Found {
        /// Its bytes, whatever they are.
        bytes: Vec<u8>,
        /// To name it by.
        mark: Mark,
        /// Numbers up to this one are taken, whatever the pointer says; 0 where only it says so.
        taken: u64,
    },
}

/// What was found where a pointer leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Missing,
    /// Something that cannot be put together to a bundle's bytes.
    Broken {
        /// What is missing or wrong, for people.
        why: String,
    },
    /// These bytes, whatever they are.
    Whole(Vec<u8>),
}

/// What became of moving the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It leads where it was told to.
    Done,
    /// Somebody else has moved it first; nothing was changed.
    Overtaken,
}

/// Why a shelf did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShelfError {
    /// The bucket did not answer, or not as hoped.
    #[error(transparent)]
    Bucket(#[from] StoreError),
    /// Systems Manager did not answer, or not as hoped.
    #[error(transparent)]
    Parameters(#[from] AwsError),
    /// The bundle is larger than what the place can hold.
    #[error("the bundle does not fit into {place}: {why}")]
    TooLarge {
        /// Where.
        place: String,
        /// How large it is and could be, and what to do.
        why: String,
    },
}

impl ShelfError {
    /// Whether what was asked may have been done all the same.
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::Bucket(StoreError::Unavailable { in_doubt, .. }) => *in_doubt,
            Self::Parameters(error) => matches!(error.failure, Failure::InDoubt { .. }),
            Self::Bucket(_) | Self::TooLarge { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_beyond_the_newest_and_older_than_the_age_oldest_first() {
        let keep = Keep { newest: 2, younger_than: Duration::from_secs(100) };
        let things = |times: &[f64]| times.iter().map(|time| (*time, *time)).collect::<Vec<_>>();
        let none_is = |_: &f64| false;
        for (times, gone) in [
            (&[][..], &[][..]),
            (&[1.0], &[]),
            (&[1.0, 500.0, 2.0], &[1.0]),
            (&[1.0, 2.0, 500.0, 499.0], &[1.0, 2.0]),
            (&[450.0, 400.0, 401.0, 500.0, 100.0], &[100.0, 400.0]),
        ] {
            assert_eq!(keep.outdated(things(times), none_is), gone, "{times:?}");
        }
        let none = Keep { newest: 0, younger_than: Duration::ZERO };
        assert_eq!(none.outdated(things(&[1.0, 2.0]), none_is), [1.0], "the newest stays");
        let alike = vec![(7.0, "b"), (7.0, "a"), (7.0, "current"), (7.0, "c")];
        let keep = Keep { younger_than: Duration::ZERO, ..keep };
        assert_eq!(keep.outdated(alike, |thing| *thing == "current"), ["c", "a"]);
    }
}
