//! A store in an S3 bucket, by S3's own conditional writes.
//!
//! ```text
//! <bucket>/<prefix>records/prod/Service/api      the entry, sealed as on disk
//! ```
//! The object's ETag is the entry's version. An ETag follows from the content, and the content is sealed
//! with a random number, so the same bytes put twice have two ETags: A, then B, then A again are three
//! versions here as everywhere.

mod answer;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;

use crate::envelope::{self, Damage};
use crate::path::is_prefix;
use crate::{Entry, Expect, Operation, Path, PathError, Store, StoreError, Version, version};
use answer::{Answer, Refused};

/// The SDK's client and what it is made of: this crate is the only one that depends on the SDK.
pub use aws_sdk_s3::{Client, Config, config};

/// How long one call may take before it counts as unanswered. S3 answers small requests within some
/// 100 to 200 ms.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest object that is read into memory: a foreign one may have any size.
const MAX_BYTES: i64 = 256 * 1024 * 1024;

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
    client: Client,
    bucket: String,
    prefix: String,
    timeout: Duration,
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
        let prefix = prefix.into();
        if !prefix.is_empty() {
            Path::new(prefix.strip_suffix('/').unwrap_or(""))?;
        }
        let store = Self { client: client.clone(), bucket: bucket.into(), prefix, timeout: TIMEOUT };
        Ok(store.with_timeout(TIMEOUT))
    }

    /// The same store with another limit on how long one call may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(timeout).build();
        let config = self.client.config().to_builder();
        let config = config.retry_config(RetryConfig::disabled()).timeout_config(timeouts).build();
        Self { client: Client::from_conf(config), timeout, ..self }
    }

    fn key(&self, path: &Path) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The object at `path`, for a call of the kind `operation`, which changes nothing by this.
    async fn read(&self, path: &Path, operation: Operation) -> Result<Option<Entry>, StoreError> {
        let failed = |answer: Answer| answer.into_error(operation, path.as_str(), false);
        let sent = self.client.get_object().bucket(&self.bucket).key(self.key(path)).send().await;
        let object = match sent.map_err(|error| Answer::of(&error)) {
            Ok(object) => object,
            Err(answer) if answer.refused == Some(Refused::NoSuchKey) => return Ok(None),
            Err(answer) => return Err(failed(answer)),
        };
        let corrupt = |damage| StoreError::Corrupt {
            path: path.clone(),
            location: format!("s3://{}/{}", self.bucket, self.key(path)),
            damage,
        };
        if object.content_length().is_some_and(|bytes| bytes > MAX_BYTES) {
            return Err(corrupt(Damage::Foreign));
        }
        let version = etag(object.e_tag()).ok_or_else(|| failed(Answer::without_etag()))?;
        // The SDK's timeout ends with the headers.
        let body = tokio::time::timeout(self.timeout, object.body.collect()).await;
        let sealed = body
            .map_err(|_| failed(Answer::unanswered("the object's bytes did not arrive in time")))?
            .map_err(|error| failed(Answer::unanswered(error)))?
            .into_bytes();
        let entry = envelope::open(path, &sealed).map_err(corrupt)?;
        Ok(Some(Entry { version, ..entry }))
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
        let sealed = ByteStream::from(envelope::seal(path, &nonce, &bytes));
        let put = self.client.put_object().bucket(&self.bucket).key(self.key(path)).body(sealed);
        let put = match expect {
            Expect::Absent => put.if_none_match("*"),
            Expect::Version(version) => put.if_match(quoted(&version)),
        };
        match put.send().await.map_err(|error| Answer::of(&error)) {
            Ok(done) => etag(done.e_tag()).ok_or_else(|| failed(Answer::without_etag())),
            Err(answer) if answer.refused.is_some() => Err(self.conflict(path, Operation::Put).await),
            Err(answer) => Err(failed(answer)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        if !is_prefix(prefix) {
            return Ok(Vec::new());
        }
        let failed = |answer: Answer| answer.into_error(Operation::List, prefix, false);
        let asked = format!("{}{prefix}", self.prefix);
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(asked);
        let mut pages = list.into_paginator().send();
        let mut paths = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(Answer::of(&error)))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            // A key that is no path was not put by a store.
            paths.extend(keys.filter_map(|key| Path::new(key.strip_prefix(&self.prefix)?).ok()));
        }
        paths.sort_unstable();
        Ok(paths)
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        // Asked for first: a delete of what is not there would be answered as done by some.
        let current = self.read(path, Operation::Delete).await?.map(|entry| entry.version);
        if current.as_ref() != Some(&expect) {
            return Err(StoreError::Conflict { path: path.clone(), current });
        }
        let delete = self.client.delete_object().bucket(&self.bucket).key(self.key(path));
        match delete.if_match(quoted(&expect)).send().await.map_err(|error| Answer::of(&error)) {
            Ok(_) => Ok(()),
            Err(answer) if answer.refused.is_some() => Err(self.conflict(path, Operation::Delete).await),
            Err(answer) => Err(answer.into_error(Operation::Delete, path.as_str(), true)),
        }
    }
}

/// The version that an answer's ETag names, without its quotes.
fn etag(header: Option<&str>) -> Option<Version> {
    header.map(|etag| Version::new(etag.trim_matches('"')))
}

/// The ETag of a version as S3 wants to hear it.
fn quoted(version: &Version) -> String {
    format!("\"{version}\"")
}
