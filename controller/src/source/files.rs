//! Plain manifests under a prefix of a bucket: taken once they have settled.
//!
//! A bucket has no moment at which an upload of several files is done. So a set counts once two looks in a
//! row have found the same objects, and once a third one, after all of them were read, has found them again.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use coxswain_manifest::SourceFile;
use coxswain_store::{
    StoreError,
    s3::{Fetched, Listed, Objects},
};
use futures::{StreamExt as _, TryStreamExt as _};

use super::{
    ReadError, Reading, Source,
    poll::{Poll, PollOutcome, Polling},
    read::{MOST_BYTES, MOST_BYTES_OF_A_FILE, MOST_ENTRIES},
};

/// From a look that found a change to the one that finds it settled, where turns do not come faster.
const SETTLE: Duration = Duration::from_secs(5);

/// Objects that are read at once.
const READ_AT_ONCE: usize = 8;

/// Objects under a prefix.
#[async_trait]
pub trait Folder: Debug + Send + Sync {
    /// Where they are, for people.
    fn describe(&self) -> String;

    /// All of them, sorted by key.
    async fn list(&self) -> Result<Vec<Listed>, StoreError>;

    /// The bytes of one, unless it is another than was listed.
    async fn get(&self, listed: &Listed) -> Result<Option<Vec<u8>>, StoreError>;
}

#[async_trait]
impl Folder for Objects {
    fn describe(&self) -> String {
        self.location("")
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        Objects::list(self, "").await
    }

    async fn get(&self, listed: &Listed) -> Result<Option<Vec<u8>>, StoreError> {
        let found = Objects::get(self, &listed.key, None, listed.bytes).await?;
        Ok(match found {
            Fetched::Found(object) if object.version.as_str() == listed.etag => Some(object.bytes),
            Fetched::Found(_) | Fetched::Absent | Fetched::Unchanged | Fetched::TooLarge { .. } => None,
        })
    }
}

/// Plain manifests under a prefix.
#[derive(Debug)]
pub struct FilesSource {
    folder: Arc<dyn Folder>,
    poll: Poll,
    /// What was found last, to be found again.
    found: Option<Vec<Listed>>,
    told: Option<Result<Vec<Listed>, ReadError>>,
}

impl FilesSource {
    /// The manifests of a folder.
    pub fn new(folder: Arc<dyn Folder>, polling: Polling) -> Self {
        Self { folder, poll: Poll::new(polling), found: None, told: None }
    }

    /// One look: nothing where nothing has changed, or what has changed has not settled.
    async fn look(&mut self) -> Result<Option<Vec<SourceFile>>, ReadError> {
        let listed = self.list().await?;
        if matches!(&self.told, Some(Ok(told)) if *told == listed) {
            self.found = None;
            return Ok(None);
        }
        if self.found.as_ref() != Some(&listed) {
            self.found = Some(listed);
            return Ok(None);
        }
        let Some(files) = self.read(&listed).await? else { return Ok(None) };
        let again = self.list().await?;
        if again != listed {
            self.found = Some(again);
            return Ok(None);
        }
        self.found = None;
        self.told = Some(Ok(listed));
        Ok(Some(files))
    }

    /// The manifests among the objects, in bounds.
    async fn list(&self) -> Result<Vec<Listed>, ReadError> {
        let mut listed = self.folder.list().await.map_err(|error| self.unreachable(&error))?;
        listed.retain(|object| is_manifest(&object.key));
        let too_much =
            |path: String, what: String, limit: String| Err(ReadError::TooMuch { path, what, limit });
        if listed.len() > MOST_ENTRIES {
            let what = format!("{} manifests", listed.len());
            return too_much(self.folder.describe(), what, MOST_ENTRIES.to_string());
        }
        if let Some(large) = listed.iter().find(|object| object.bytes > MOST_BYTES_OF_A_FILE) {
            let what = format!("it has {} bytes", large.bytes);
            return too_much(large.key.clone(), what, MOST_BYTES_OF_A_FILE.to_string());
        }
        let bytes = listed.iter().fold(0, |sum: u64, object| sum.saturating_add(object.bytes));
        if bytes > MOST_BYTES {
            let what = format!("the manifests have {bytes} bytes");
            return too_much(self.folder.describe(), what, MOST_BYTES.to_string());
        }
        Ok(listed)
    }

    /// All of them; nothing where one is not as it was listed.
    async fn read(&self, listed: &[Listed]) -> Result<Option<Vec<SourceFile>>, ReadError> {
        let read = |object: Listed| {
            let folder = self.folder.clone();
            async move {
                let bytes = folder.get(&object).await?;
                Ok(bytes.map(|content| SourceFile { path: object.key, content }))
            }
        };
        let reads = futures::stream::iter(listed.to_vec()).map(read).buffered(READ_AT_ONCE);
        let files: Result<Vec<Option<SourceFile>>, StoreError> = reads.try_collect().await;
        Ok(files.map_err(|error| self.unreachable(&error))?.into_iter().collect())
    }

    fn unreachable(&self, error: &StoreError) -> ReadError {
        ReadError::unreachable(self.folder.describe(), error)
    }
}

/// As in a directory: `*.yaml`, `*.yml`, `*.json`, and nothing under a name that begins with a dot.
fn is_manifest(key: &str) -> bool {
    let (_, extension) = key.rsplit_once('.').unwrap_or_default();
    matches!(extension, "yaml" | "yml" | "json") && !key.split('/').any(|segment| segment.starts_with('.'))
}

#[async_trait]
impl Source for FilesSource {
    fn describe(&self) -> String {
        self.folder.describe()
    }

    fn is_local(&self) -> bool {
        false
    }

    async fn next(&mut self) -> Result<Reading, ReadError> {
        loop {
            self.poll.turn().await;
            let looked = self.look().await;
            let outcome = PollOutcome::of(&looked);
            if self.found.is_some() {
                self.poll.done_for(SETTLE, outcome);
            } else {
                self.poll.done(outcome);
            }
            match looked {
                Ok(Some(files)) => return Ok(Reading::Files(files)),
                Err(error) if self.told.as_ref() != Some(&Err(error.clone())) => {
                    self.told = Some(Err(error.clone()));
                    return Err(error);
                }
                Ok(None) | Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
