//! Paths: names of entries that mean the same on every kind of store.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest path, in bytes. S3 allows keys of 1,024 bytes; the rest is room for a prefix.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const MAX_BYTES: usize = 900;

/// The longest segment, in bytes. File systems allow names of 255 bytes; the directory store adds a
/// suffix of its own.
const MAX_SEGMENT_BYTES: usize = 240;

/// The name of an entry: segments of `A-Z a-z 0-9 . _ = -`, joined by `/`.
///
/// A path can be joined to a directory or a key prefix without leaving it: it is never absolute, and no
/// segment is empty, `.` or `..`.
///
/// ```
/// # use coxswain_store::{Path, PathError};
/// let path = Path::new("records/prod/Service/api.json")?;
/// assert_eq!(path.as_str(), "records/prod/Service/api.json");
/// assert!(Path::new("records/../secrets").is_err());
/// # Ok::<(), PathError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Arc<str>);

impl Path {
    /// Checks `text` and makes it a path.
    pub fn new(text: impl AsRef<str>) -> Result<Self, PathError> {
        let text = text.as_ref();
        if text.len() > MAX_BYTES {
            return Err(PathError::TooLong { bytes: text.len() });
        }
        text.split('/').try_for_each(check_segment)?;
        Ok(Self(text.into()))
    }

    /// This path with one segment more.
    pub fn join(&self, segment: &str) -> Result<Self, PathError> {
        check_segment(segment)?;
        Self::new(format!("{}/{segment}", self.0))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments from left to right; there is at least one.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

/// Whether `segment` may be part of a path.
pub(crate) fn check_segment(segment: &str) -> Result<(), PathError> {
    let shown = || segment.chars().take(MAX_SEGMENT_BYTES).collect::<String>();
    if matches!(segment, "" | "." | "..") {
        return Err(PathError::Reserved { segment: shown() });
    }
    if segment.len() > MAX_SEGMENT_BYTES {
        return Err(PathError::SegmentTooLong { segment: shown(), bytes: segment.len() });
    }
    match segment.chars().find(|c| !is_allowed(*c)) {
        Some(character) => Err(PathError::Character { segment: shown(), character }),
        None => Ok(()),
    }
}

/// Whether some path may begin with `text`, as far as its characters go.
pub(crate) fn is_prefix(text: &str) -> bool {
    text.chars().all(|c| c == '/' || is_allowed(c))
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '=' | '-')
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The whole is too long for a key.
    #[error("the path has {bytes} bytes, at most {MAX_BYTES} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A segment is too long for a file name.
    #[error("the segment `{segment}` has {bytes} bytes, at most {MAX_SEGMENT_BYTES} are allowed")]
    SegmentTooLong {
        /// Its beginning.
        segment: String,
        /// Its length.
        bytes: usize,
    },
    /// A segment is empty, `.` or `..`; so is the first of an absolute path.
    #[error("a path cannot have the segment `{segment}`")]
    Reserved {
        /// The segment.
        segment: String,
    },
    /// A segment has a character that some kind of store could not keep.
    #[error("the segment `{segment}` has {character:?}; letters, digits and `. _ = -` are allowed")]
    Character {
        /// The segment.
        segment: String,
        /// The first character that is not allowed.
        character: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_accepted_and_come_back_as_they_were() {
        for text in ["a", "a/b", "records/prod/Service/api-1_2.json", "lease=1", ".hidden", "a..b", "..."] {
            assert_eq!(Path::new(text).map(|p| p.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn paths_that_could_leave_their_store_or_mean_two_things_are_refused() {
        for text in [
            "", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a b", "a\\b", "ä", "a+b", "a\0",
            "a\n",
        ] {
            assert!(Path::new(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn paths_are_bounded_as_a_whole_and_by_segment() {
        assert!(Path::new("x".repeat(MAX_SEGMENT_BYTES)).is_ok());
        assert_eq!(
            Path::new("x".repeat(MAX_SEGMENT_BYTES + 1)),
            Err(PathError::SegmentTooLong {
                segment: "x".repeat(MAX_SEGMENT_BYTES),
                bytes: MAX_SEGMENT_BYTES + 1
            })
        );
        assert!(Path::new("ab/".repeat(300) + "c").is_err());
    }

    #[test]
    fn join_takes_one_segment_only() {
        let base = Path::new("records").unwrap();
        assert_eq!(base.join("api").unwrap().as_str(), "records/api");
        assert!(base.join("a/b").is_err());
        assert!(base.join("..").is_err());
    }
}
