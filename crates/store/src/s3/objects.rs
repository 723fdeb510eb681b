//! Plain objects of a bucket: bytes under keys, as everybody's tools write and read them.

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};

use super::answer::{Answer, Refused};
use super::{Client, Config};
use crate::{Expect, Operation, Path, PathError, StoreError, Version};

/// How long one call may take before it counts as unanswered. S3 answers small requests within some
/// 100 to 200 ms.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a body is waited for on top of that: a network that carries less than so many bytes a second is
/// taken for one that carries nothing.
const SLOWEST_BYTES_PER_SECOND: u64 = 1024 * 1024;

/// The most keys that are listed: more are not a set that somebody has written by hand.
const MAX_KEYS: usize = 100_000;

/// Objects of a bucket under a prefix. Clones share the client's connections.
///
/// # Guarantees
/// - Nothing is written or removed without a condition.
/// - No call is repeated behind the caller's back: the SDK's retries are switched off, whatever the client
///   came with. A call without an answer in time is [`StoreError::Unavailable`], in doubt if it writes.
/// - Clock, sleep and connector are the client's.
///
/// # Assumptions
/// The role may `s3:GetObject` under the prefix and `s3:ListBucket` (without it, a missing key is answered
/// by 403, and is an error here); whoever writes, `s3:PutObject` and `s3:DeleteObject` too.
#[derive(Debug, Clone)]
pub struct Objects {
    client: Client,
    bucket: String,
    prefix: String,
    timeout: Duration,
}

/// What was found under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// There is no such object.
    Absent,
    /// It is the version that the caller has.
    Unchanged,
    /// Another one.
    Found(Object),
    /// It has more bytes than the caller takes; none were read.
    TooLarge {
        /// How many it has.
        bytes: u64,
    },
}

/// An object's bytes, and the version to name when replacing them: its ETag.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The ETag without its quotes. It follows from the content: the same bytes have it again.
    pub version: Version,
}

/// Shows the length only: what is stored is not for logs.
impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object")
            .field("bytes", &format_args!("{} bytes", self.bytes.len()))
            .field("version", &self.version)
            .finish()
    }
}

/// An object as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its key without the prefix.
    pub key: String,
    /// Its ETag without the quotes.
    pub etag: String,
    /// Its size.
    pub bytes: u64,
}

/// An object as a list shows it, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// The object.
    pub object: Listed,
    /// When it was written last, by S3's own clock, where the list says so. Units: seconds since 1970.
    pub modified: Option<i64>,
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written<T = Version> {
    /// It was done.
    Done(T),
    /// What stands there is not as expected; nothing was changed.
    Refused,
}

impl Objects {
    /// The objects of `bucket` under `prefix`: segments that end in `/`, or nothing.
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
        let objects = Self { client: client.clone(), bucket: bucket.into(), prefix, timeout: TIMEOUT };
        Ok(objects.with_timeout(TIMEOUT))
    }

    /// The same objects with another limit on how long one small call may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let config = self.client.config().to_builder();
        let config = config.retry_config(RetryConfig::disabled()).timeout_config(within(timeout)).build();
        Self { client: Client::from_conf(config), timeout, ..self }
    }

    /// Where the object of that key is, for people: `s3://bucket/prefix/key`.
    pub fn location(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.bucket, self.prefix)
    }

    /// The object under `key`, unless it still is the version that the caller knows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], never in doubt.
    pub async fn get(&self, key: &str, known: Option<&Version>, at_most: u64) -> Result<Fetched, StoreError> {
        self.fetch(key, known, at_most).await.map_err(|answer| answer.into_error(Operation::Get, key, false))
    }

    pub(super) async fn fetch(
        &self,
        key: &str,
        known: Option<&Version>,
        at_most: u64,
    ) -> Result<Fetched, Answer> {
        let get = self.client.get_object().bucket(&self.bucket).key(self.key(key));
        let sent = get.set_if_none_match(known.map(quoted)).send().await;
        let object = match sent.map_err(|error| Answer::of(&error)) {
            Ok(object) => object,
            Err(Answer { refused: Some(Refused::NoSuchKey), .. }) => return Ok(Fetched::Absent),
            Err(Answer { refused: Some(Refused::NotModified), .. }) => return Ok(Fetched::Unchanged),
            Err(answer) => return Err(answer),
        };
        let bytes = object.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        if bytes > at_most {
            return Ok(Fetched::TooLarge { bytes });
        }
        let version = etag(object.e_tag()).ok_or_else(Answer::without_etag)?;
        // The SDK's timeout ends with the headers.
        let body = tokio::time::timeout(self.timeout + for_body(bytes), object.body.collect()).await;
        let bytes = body
            .map_err(|_| Answer::unanswered("the object's bytes did not arrive in time"))?
            .map_err(Answer::unanswered)?;
        Ok(Fetched::Found(Object { bytes: bytes.to_vec(), version }))
    }

    /// Writes an object if what stands under its key is as expected.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; where it is in doubt, read before writing again.
    pub async fn put(&self, key: &str, bytes: Vec<u8>, expect: &Expect) -> Result<Written, StoreError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let put = self.client.put_object().bucket(&self.bucket).key(self.key(key));
        let put = match expect {
            Expect::Absent => put.if_none_match("*"),
            Expect::Version(version) => put.if_match(quoted(version)),
        };
        let patience = Config::builder().timeout_config(within(self.timeout + for_body(length)));
        let sent = put.body(ByteStream::from(bytes)).customize().config_override(patience).send().await;
        let failed = |answer: Answer| answer.into_error(Operation::Put, key, true);
        match sent.map_err(|error| Answer::of(&error)) {
            Ok(done) => etag(done.e_tag()).map(Written::Done).ok_or_else(|| failed(Answer::without_etag())),
            Err(answer) if answer.refused.is_some() => Ok(Written::Refused),
            Err(answer) => Err(failed(answer)),
        }
    }

    /// Removes an object if it still is that version.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; where it is in doubt, read before anything else.
    pub async fn delete(&self, key: &str, expect: &Version) -> Result<Written<()>, StoreError> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(self.key(key));
        match delete.if_match(quoted(expect)).send().await.map_err(|error| Answer::of(&error)) {
            Ok(_) => Ok(Written::Done(())),
            Err(answer) if answer.refused.is_some() => Ok(Written::Refused),
            Err(answer) => Err(answer.into_error(Operation::Delete, key, true)),
        }
    }

    /// Every object whose key begins with `prefix` (behind the objects' own), sorted by key.
    ///
    /// # Errors
    /// Where one page of the list is missing, or there are more keys than anybody lists.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        Ok(self.list_dated(prefix).await?.into_iter().map(|dated| dated.object).collect())
    }

    /// The same, with the time of each.
    ///
    /// # Errors
    /// As those of [`list`](Self::list).
    pub async fn list_dated(&self, prefix: &str) -> Result<Vec<Dated>, StoreError> {
        let failed = |answer: Answer| answer.into_error(Operation::List, prefix, false);
        let asked = format!("{}{prefix}", self.prefix);
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(asked);
        let mut pages = list.into_paginator().send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(Answer::of(&error)))?;
            let objects = page.contents().iter().filter_map(|object| {
                let listed = Listed {
                    key: object.key()?.strip_prefix(&self.prefix)?.to_owned(),
                    etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
                    bytes: object.size().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
                };
                let modified = object.last_modified().map(DateTime::secs);
                Some(Dated { object: listed, modified })
            });
            listed.extend(objects);
            if listed.len() > MAX_KEYS {
                return Err(failed(Answer::unanswered(format!("there are more than {MAX_KEYS} keys"))));
            }
        }
        listed.sort_unstable_by(|one: &Dated, other| one.object.cmp(&other.object));
        Ok(listed)
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

fn within(timeout: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(timeout).build()
}

fn for_body(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND)
}

/// The version that an answer's ETag names, without its quotes.
fn etag(header: Option<&str>) -> Option<Version> {
    header.map(|etag| Version::new(etag.trim_matches('"')))
}

/// The ETag of a version as S3 wants to hear it.
fn quoted(version: &Version) -> String {
    format!("\"{version}\"")
}
