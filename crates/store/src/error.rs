//! What can go wrong, and what to do then.

use std::error::Error;
use std::fmt;

use crate::envelope::Damage;
use crate::{Path, Version};

/// Which call of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Store::get`](crate::Store::get).
    Get,
    /// [`Store::put`](crate::Store::put).
    Put,
    /// [`Store::list`](crate::Store::list).
    List,
    /// [`Store::delete`](crate::Store::delete).
    Delete,
    /// Opening the store itself.
    Open,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::List => "list",
            Self::Delete => "delete",
            Self::Open => "open",
        })
    }
}

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else has written since: nothing was changed by this call.
    #[error("`{path}` is not as expected: {}", .current.as_ref().map_or_else(
        || "it does not exist".to_owned(), |version| format!("it has version {version}")))]
    Conflict {
        /// Where.
        path: Path,
        /// What stands there now.
        current: Option<Version>,
    },
    /// The store did not answer, or not in time.
    #[error("cannot {operation} `{subject}`{}", if *.in_doubt { ", and it is in doubt whether it was done" } else { "" })]
    Unavailable {
        /// The call.
        operation: Operation,
        /// The path, the prefix, or the store.
        subject: String,
        /// Whether the change may have taken effect all the same.
        in_doubt: bool,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// What stands at the path was not written by this store, or not kept whole. It is never overwritten.
    #[error("`{path}` is not an entry of this store ({location})")]
    Corrupt {
        /// Where.
        path: Path,
        /// The file or object, for the person who mends it.
        location: String,
        /// What is wrong with it.
        #[source]
        damage: Damage,
    },
}

/// What the caller of a store does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Read again and decide anew from what is there.
    ReadAgain,
    /// Nothing has happened: the same call may be repeated later.
    Repeat,
    /// It may have happened: read before anything else.
    ObserveFirst,
    /// No repetition helps: a person has to look at the named file.
    Mend,
}

impl StoreError {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Conflict { .. } => Remedy::ReadAgain,
            Self::Unavailable { in_doubt: false, .. } => Remedy::Repeat,
            Self::Unavailable { in_doubt: true, .. } => Remedy::ObserveFirst,
            Self::Corrupt { .. } => Remedy::Mend,
        }
    }
}
