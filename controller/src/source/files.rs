//! Plain manifests under a prefix of a bucket: taken once they are whole.
//!
//! A bucket has no moment at which an upload of several files is done. `cox publish` makes one: it writes a
//! list of the files first ([`Upload`]), and from then on nothing but exactly that set is taken. Where there is
//! no list, because other tools write, a set counts once two looks in a row have found the same objects, and
//! once a third one, after all of them were read, has found them again.

mod list;
mod refused;
mod upload;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use coxswain_manifest::SourceFile;
use coxswain_store::{
    Expect, StoreError, Version,
    s3::{Fetched, Listed, Objects, Written},
};
use futures::{StreamExt as _, TryStreamExt as _};

use self::list::FileList;
pub use self::{list::LIST, refused::UploadError, upload::Upload};
use super::{
    ReadError, Reading, Source,
    poll::{Poll, PollOutcome, Polling, Told},
    read::{MOST_BYTES, MOST_BYTES_OF_A_FILE, MOST_ENTRIES},
};

/// From a look that found a change to the one that finds it settled, where turns do not come faster.
const SETTLE: Duration = Duration::from_secs(5);

/// Objects that are read or written at once.
const AT_ONCE: usize = 8;

/// Objects under a prefix.
#[async_trait]
pub trait Folder: Debug + Send + Sync {
    /// Where they are, for people.
    fn describe(&self) -> String;

    /// All of them, sorted by key.
    async fn list(&self) -> Result<Vec<Listed>, StoreError>;

    /// The object under a key, unless it is larger than that.
    async fn get(&self, key: &str, at_most: u64) -> Result<Fetched, StoreError>;

    /// Writes an object if what stands under its key is as expected.
    async fn put(&self, key: &str, bytes: Vec<u8>, expect: &Expect) -> Result<Written, StoreError>;

    /// Removes an object if it still is that version.
    async fn delete(&self, key: &str, expect: &Version) -> Result<Written<()>, StoreError>;
}

#[async_trait]
impl Folder for Objects {
    fn describe(&self) -> String {
        self.location("")
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        Objects::list(self, "").await
    }

    async fn get(&self, key: &str, at_most: u64) -> Result<Fetched, StoreError> {
        Objects::get(self, key, None, at_most).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, expect: &Expect) -> Result<Written, StoreError> {
        Objects::put(self, key, bytes, expect).await
    }

    async fn delete(&self, key: &str, expect: &Version) -> Result<Written<()>, StoreError> {
        Objects::delete(self, key, expect).await
    }
}

/// Plain manifests under a prefix.
///
/// # Guarantees
/// - A set that a publisher has written is handed over whole, in the looks after its last file, or not at all.
#[derive(Debug)]
pub struct FilesSource {
    folder: Arc<dyn Folder>,
    poll: Poll,
    /// What was handed over last.
    taken: Option<Vec<Listed>>,
    /// What was found last and not taken, and why, where a list says so.
    found: Option<(Vec<Listed>, Option<ReadError>)>,
    told: Told,
}

impl FilesSource {
    /// The manifests of a folder.
    pub fn new(folder: Arc<dyn Folder>, polling: Polling) -> Self {
        Self { folder, poll: Poll::new(polling), taken: None, found: None, told: Told::default() }
    }

    /// One look: nothing where nothing has changed, or what has changed has not settled.
    async fn look(&mut self) -> Result<Option<Vec<SourceFile>>, ReadError> {
        let listed = listed(self.folder.as_ref()).await?;
        if matches!(self.told.last(), Some(Ok(()))) && self.taken.as_ref() == Some(&listed) {
            self.found = None;
            return Ok(None);
        }
        let before = self.found.replace((listed.clone(), None));
        let is_settled = matches!(&before, Some((before, _)) if *before == listed);
        if let Some(list) = listed.iter().find(|object| object.key == LIST) {
            // What is as it was is not read again to be told the same.
            if let Some((_, Some(why))) = before.filter(|_| is_settled) {
                self.found = Some((listed, Some(why.clone())));
                return Err(why);
            }
            return self.by_list(list, &listed).await;
        }
        if !is_settled {
            return Ok(None);
        }
        let Some(files) = read(self.folder.as_ref(), &listed).await? else { return Ok(None) };
        let again = self::listed(self.folder.as_ref()).await?;
        if again != listed {
            self.found = Some((again, None));
            return Ok(None);
        }
        self.take(listed);
        Ok(Some(files))
    }

    /// What is there, if it is just what its publisher's list says. No second look could tell more: each file is
    /// the one that is meant.
    async fn by_list(
        &mut self,
        list: &Listed,
        listed: &[Listed],
    ) -> Result<Option<Vec<SourceFile>>, ReadError> {
        let folder = self.folder.as_ref();
        // Changed since they were listed: the next look lists them anew.
        let Some(bytes) = bytes(folder, list).await? else { return Ok(None) };
        let list = FileList::parse(&bytes).map_err(|why| no_list(folder, why))?;
        let Some(files) = read(folder, listed).await? else { return Ok(None) };
        if let Some(what) = list.difference(&files) {
            let why = ReadError::Unsettled { place: folder.describe(), what };
            self.found = Some((listed.to_vec(), Some(why.clone())));
            return Err(why);
        }
        self.take(listed.to_vec());
        Ok(Some(files))
    }

    fn take(&mut self, listed: Vec<Listed>) {
        (self.taken, self.found) = (Some(listed), None);
    }
}

/// The manifests of a folder, in bounds, and the list, if there is one.
async fn listed(folder: &dyn Folder) -> Result<Vec<Listed>, ReadError> {
    let mut listed = folder.list().await.map_err(|error| unreachable(folder, &error))?;
    listed.retain(|object| is_manifest(&object.key) || object.key == LIST);
    let too_much = |path: String, what: String, limit: String| Err(ReadError::TooMuch { path, what, limit });
    if listed.len() > MOST_ENTRIES {
        let what = format!("{} manifests", listed.len());
        return too_much(folder.describe(), what, MOST_ENTRIES.to_string());
    }
    if let Some(large) = listed.iter().find(|object| object.bytes > MOST_BYTES_OF_A_FILE) {
        let what = format!("it has {} bytes", large.bytes);
        return too_much(large.key.clone(), what, MOST_BYTES_OF_A_FILE.to_string());
    }
    let bytes = listed.iter().fold(0, |sum: u64, object| sum.saturating_add(object.bytes));
    if bytes > MOST_BYTES {
        let what = format!("the manifests have {bytes} bytes");
        return too_much(folder.describe(), what, MOST_BYTES.to_string());
    }
    Ok(listed)
}

/// All manifests of a listing; nothing where one is not as it was listed.
async fn read(folder: &dyn Folder, listed: &[Listed]) -> Result<Option<Vec<SourceFile>>, ReadError> {
    let manifests: Vec<Listed> = listed.iter().filter(|object| object.key != LIST).cloned().collect();
    let read = |object: Listed| async move {
        let content = bytes(folder, &object).await?;
        Ok(content.map(|content| SourceFile { path: object.key, content }))
    };
    let reads = futures::stream::iter(manifests).map(read).buffered(AT_ONCE);
    let files: Vec<Option<SourceFile>> = reads.try_collect().await?;
    Ok(files.into_iter().collect())
}

/// The bytes of an object, if it still is the one that was listed.
async fn bytes(folder: &dyn Folder, listed: &Listed) -> Result<Option<Vec<u8>>, ReadError> {
    let found = folder.get(&listed.key, listed.bytes).await.map_err(|error| unreachable(folder, &error))?;
    Ok(match found {
        Fetched::Found(object) if object.version.as_str() == listed.etag => Some(object.bytes),
        Fetched::Found(_) | Fetched::Absent | Fetched::Unchanged | Fetched::TooLarge { .. } => None,
    })
}

fn unreachable(folder: &dyn Folder, error: &StoreError) -> ReadError {
    ReadError::unreachable(folder.describe(), error)
}

fn no_list(folder: &dyn Folder, why: String) -> ReadError {
    ReadError::NoList { place: format!("{}{LIST}", folder.describe()), why }
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
            let before = self.found.as_ref().map(|(listed, _)| listed.clone());
            let looked = self.look().await;
            let outcome = PollOutcome::of(&looked);
            let is_moving = match &looked {
                Ok(None) => self.found.is_some(),
                Err(ReadError::Unsettled { .. }) => {
                    before != self.found.as_ref().map(|(listed, _)| listed.clone())
                }
                Ok(Some(_)) | Err(_) => false,
            };
            // What moves is looked at sooner.
            if is_moving {
                self.poll.done_for(SETTLE, outcome);
            } else {
                self.poll.done(outcome);
            }
            if let Some(news) = self.told.news(looked) {
                return news.map(Reading::Files);
            }
        }
    }
}

#[cfg(test)]
mod bucket;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worlds;
