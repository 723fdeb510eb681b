//! Where the controller keeps its memory.

use std::{fmt, path::PathBuf, str::FromStr};

/// Where the controller keeps its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// In a directory.
    Directory(PathBuf),
    /// In a bucket, under a prefix that is empty or ends in a slash.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// The prefix.
        prefix: String,
    },
    /// In memory: for trying things out.
    Memory,
}

/// A text that names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStorePlace {
    /// It begins like a URL of something else.
    #[error("{0}:// is no store; there are a directory, s3://BUCKET/PREFIX/ and memory")]
    Scheme(String),
    /// The bucket is missing.
    #[error("the bucket's name is missing; write s3://BUCKET/PREFIX/")]
    Bucket,
}

impl FromStr for StorePlace {
    type Err = InvalidStorePlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Self::Directory(text.into())) };
        if scheme != "s3" {
            return Err(InvalidStorePlace::Scheme(scheme.to_owned()));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(InvalidStorePlace::Bucket);
        }
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix: format!("{prefix}{slash}") })
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_directory_a_bucket_or_memory_and_nothing_else() {
        let bucket = |prefix: &str| StorePlace::S3 { bucket: "state".to_owned(), prefix: prefix.to_owned() };
        let cases = [
            ("memory", Ok(StorePlace::Memory)),
            ("./memory", Ok(StorePlace::Directory("./memory".into()))),
            ("/var/lib/coxswain", Ok(StorePlace::Directory("/var/lib/coxswain".into()))),
            ("s3://state/prod/", Ok(bucket("prod/"))),
            ("s3://state/prod", Ok(bucket("prod/"))),
            ("s3://state", Ok(bucket(""))),
            ("s3://state/", Ok(bucket(""))),
            ("s3:///prod/", Err(InvalidStorePlace::Bucket)),
            ("gs://state/prod/", Err(InvalidStorePlace::Scheme("gs".to_owned()))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<StorePlace>(), expected, "{text}");
            if let Ok(place) = expected {
                assert_eq!(place.to_string().parse(), Ok(place));
            }
        }
    }
}
