//! A store in an S3 bucket, by S3's own conditional writes.
//!
//! ```text
//! <bucket>/<prefix>records/prod/Service/api      the entry, sealed as on disk
//! ```
//! The object's ETag is the entry's version. An ETag follows from the content, and the content is sealed
//! with a random number, so the same bytes put twice have two ETags: A, then B, then A again are three
//! versions here as everywhere.
//!
//! [`Objects`] are the same bucket's objects without the seal, for what other tools write or read.

mod answer;
mod objects;

use std::time::Duration;

use async_trait::async_trait;

use crate::envelope::{self, Damage};
use crate::path::is_prefix;
use crate::{Entry, Expect, Operation, Path, PathError, Store, StoreError, Version, version};
use answer::Answer;

/// The SDK's client and what it is made of: this crate is the only one that depends on the SDK.
pub use aws_sdk_s3::{Client, Config, config};
pub use objects::{Dated, Fetched, Listed, Object, Objects, Written};

/// The largest object that is read into memory: a foreign one may have any size.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A store in an S3 bucket. Clones share the client's connections.
///
/// # Guarantees
/// - Compare-and-swap between machines, by `If-None-Match: *` and `If-Match` on PutObject and DeleteObject.
///   Nothing is ever written or removed without a condition.
/// - No call is repeated behind the caller's back: the SDK's retries are switched off, whatever the client
///   came with. A call that has no answer in time is [`StoreError::Unavailable`], in doubt if it writes.
/// - Clock, sleep and connector are the client's.
///
/// # Assumptions
/// The role may `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject` under the prefix and `s3:ListBucket`
/// (without it, a missing key is answered by 403, and is an error here).
///
/// Sources: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>
#[derive(Debug, Clone)]
pub struct S3Store {
    objects: Objects,
}

impl S3Store {
    /// A store of the objects of `bucket` under `prefix`: segments that end in `/`, or nothing.
    ///
    /// # Errors
    /// If the prefix is neither empty nor a path with a slash behind it.
    pub fn new(
        client: &Client,
        bucket: impl Into<String>,
        prefix: impl Into<String>,
    ) -> Result<Self, PathError> {
        Ok(Self { objects: Objects::new(client, bucket, prefix)? })
    }

    /// The same store with another limit on how long one call may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { objects: self.objects.with_timeout(timeout) }
    }

    /// The object at `path`, for a call of the kind `operation`, which changes nothing by this.
    async fn read(&self, path: &Path, operation: Operation) -> Result<Option<Entry>, StoreError> {
        let corrupt = |damage| StoreError::Corrupt {
            path: path.clone(),
            location: self.objects.location(path.as_str()),
            damage,
        };
        let fetched = self.objects.fetch(path.as_str(), None, MAX_BYTES).await;
        match fetched.map_err(|answer| answer.into_error(operation, path.as_str(), false))? {
            Fetched::Found(Object { bytes, version }) => {
                let entry = envelope::open(path, &bytes).map_err(corrupt)?;
                Ok(Some(Entry { version, ..entry }))
            }
            Fetched::TooLarge { .. } => Err(corrupt(Damage::Foreign)),
            Fetched::Absent | Fetched::Unchanged => Ok(None),
        }
    }

    /// What a refused write has met.
    async fn conflict(&self, path: &Path, operation: Operation) -> StoreError {
        match self.read(path, operation).await {
            Ok(current) => {
                StoreError::Conflict { path: path.clone(), current: current.map(|entry| entry.version) }
            }
            Err(error) => error,
        }
    }
}

#[async_trait]
impl Store for S3Store {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        self.read(path, Operation::Get).await
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        let failed = |answer: Answer| answer.into_error(Operation::Put, path.as_str(), true);
        let nonce = version::fresh().map_err(|error| failed(Answer::unsent(error)))?;
        match self.objects.put(path.as_str(), envelope::seal(path, &nonce, &bytes), &expect).await? {
            Written::Done(version) => Ok(version),
            Written::Refused => Err(self.conflict(path, Operation::Put).await),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        if !is_prefix(prefix) {
            return Ok(Vec::new());
        }
        // A key that is no path was not put by a store.
        let listed = self.objects.list(prefix).await?;
        let mut paths: Vec<Path> = listed.iter().filter_map(|object| Path::new(&object.key).ok()).collect();
        paths.sort_unstable();
        Ok(paths)
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        // Asked for first: a delete of what is not there would be answered as done by some.
        let current = self.read(path, Operation::Delete).await?.map(|entry| entry.version);
        if current.as_ref() != Some(&expect) {
            return Err(StoreError::Conflict { path: path.clone(), current });
        }
        match self.objects.delete(path.as_str(), &expect).await? {
            Written::Done(()) => Ok(()),
            Written::Refused => Err(self.conflict(path, Operation::Delete).await),
        }
    }
}
