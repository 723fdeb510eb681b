//! Versions and the conditions that name them.

use std::fmt;
use std::io;
use std::sync::Arc;

/// The name of one write: equal versions mean the very same write, not merely the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(Arc<str>);

impl Version {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The version that [`as_str`](Self::as_str) gave this text for.
    pub fn named(text: &str) -> Self {
        Self::new(text)
    }

    /// The version as text, for logs; it has no order and no meaning.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A version that no other write has, in this process or another, before or after a delete.
pub(crate) fn fresh() -> io::Result<Version> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    Ok(Version::new(&hex::encode(nonce)))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a put expects to find at its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: this put creates the entry.
    Absent,
    /// Exactly this version: this put replaces what its writer has read.
    Version(Version),
}

impl Expect {
    /// Whether `current` is what was expected.
    pub(crate) fn is_met_by(&self, current: Option<&Version>) -> bool {
        match self {
            Self::Absent => current.is_none(),
            Self::Version(expected) => current == Some(expected),
        }
    }
}

/// The condition under which what was read may be written: nothing was there, or this version.
impl From<Option<&Entry>> for Expect {
    fn from(read: Option<&Entry>) -> Self {
        read.map_or(Self::Absent, |entry| Self::Version(entry.version.clone()))
    }
}

/// What stands at a path: the bytes, and the version to name when replacing them.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The bytes, as they were put.
    pub bytes: Vec<u8>,
    /// The write that put them there.
    pub version: Version,
}

/// Shows the length only: what is stored is not for logs.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("bytes", &format_args!("{} bytes", self.bytes.len()))
            .field("version", &self.version)
            .finish()
    }
}
