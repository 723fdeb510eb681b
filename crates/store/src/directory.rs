//! A store in a directory on a local disk, safe between processes.
//!
//! ```text
//! <root>/+lock                         exists as long as the store does; writers hold flock(2) on it
//! <root>/+partial                      the one write that is going on, or was cut off by a crash
//! <root>/records/prod/Service/api+entry
//! ```
//! `+` cannot be part of a [`Path`], so no entry meets a file of the store's own, and `a` and `a/b` can
//! both be entries.

mod files;
mod lock;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use crate::envelope::{self, Damage};
use crate::{Entry, Expect, Operation, Path, Store, StoreError, Version, version};
use files::{Files, Interrupted};
use lock::{Guard, Lock};

/// A store in a directory.
///
/// # Guarantees
/// - Compare-and-swap between processes of one machine, by flock(2), which the kernel releases when a
///   process dies. Entries appear by rename(2), so reads need no lock.
/// - A process may be killed at any point: what is left is the old entry or the new one, and perhaps
///   a partial file, which the next write takes away. Directories and files are synced before a write is
///   acknowledged.
/// - A store whose directory was unmounted or moved answers [`StoreError::Unavailable`]; it is never
///   taken for an empty one.
///
/// # Assumptions
/// A local file system that tells upper from lower case. Network file systems keep other promises about
/// locks and renames.
#[derive(Debug, Clone)]
pub struct DirectoryStore {
    files: Arc<Files>,
    lock: Arc<Lock>,
}

/// A file that is in a store's directory and is no sound entry of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub location: PathBuf,
    /// What is wrong with it.
    pub damage: Damage,
}

impl DirectoryStore {
    /// Opens the store in `root`, creating the directory if there is none, and takes away what a killed
    /// process left half written.
    pub async fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let subject = root.display().to_string();
        let clean = |source| Interrupted::Before(source).into_error(Operation::Open, &subject);
        let store = Self {
            files: Arc::new(Files::new(root.clone())),
            lock: Arc::new(Lock::new(root.join(lock::NAME))),
        };
        let files = Arc::clone(&store.files);
        offload(move || files.create_root()).await.and_then(|done| done).map_err(clean)?;
        let guard = store.lock.acquire().await.map_err(clean)?;
        let files = Arc::clone(&store.files);
        offload(move || {
            let _held = guard;
            files.remove_partial()
        })
        .await
        .and_then(|done| done)
        .map_err(clean)?;
        Ok(store)
    }

    /// Reads every file and names those that are no sound entries: foreign, moved, edited or damaged.
    ///
    /// Foreign files do no harm: lists leave them out. A damaged entry is refused by `get`, `put` and
    /// `delete` alike, until a person has taken it away.
    pub async fn audit(&self) -> Result<Vec<Finding>, StoreError> {
        let root = self.files.root().display().to_string();
        let failed = |source| Interrupted::Before(source).into_error(Operation::List, &root);
        let guard = self.lock.acquire().await.map_err(failed)?;
        let files = Arc::clone(&self.files);
        let audit = offload(move || {
            let _held = guard;
            audit(&files)
        });
        audit.await.and_then(|done| done).map_err(failed)
    }

    /// Runs a change under the lock, off the async threads.
    async fn change<T, F>(&self, operation: Operation, path: &Path, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Files, &Path) -> Result<T, StoreError> + Send + 'static,
    {
        let subject = path.as_str();
        let guard: Guard =
            self.lock.acquire().await.map_err(|e| Interrupted::Before(e).into_error(operation, subject))?;
        let files = Arc::clone(&self.files);
        let owned = path.clone();
        offload(move || {
            let _held = guard;
            change(&files, &owned)
        })
        .await
        .map_err(|lost| Interrupted::During(lost).into_error(operation, subject))?
    }
}

#[async_trait]
impl Store for DirectoryStore {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        let files = Arc::clone(&self.files);
        let owned = path.clone();
        offload(move || read(&files, &owned, Operation::Get))
            .await
            .map_err(|lost| Interrupted::Before(lost).into_error(Operation::Get, path.as_str()))?
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        self.change(Operation::Put, path, move |files, path| {
            let failed = |interrupted: Interrupted| interrupted.into_error(Operation::Put, path.as_str());
            check(files, path, &expect, Operation::Put)?;
            let version = version::fresh().map_err(|e| failed(Interrupted::Before(e)))?;
            files.replace(path, &envelope::seal(path, &version, &bytes)).map_err(failed)?;
            Ok(version)
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        let failed = |source| Interrupted::Before(source).into_error(Operation::List, prefix);
        // POSIX leaves open whether a directory read sees a name that is being renamed over.
        let guard = self.lock.acquire().await.map_err(failed)?;
        let files = Arc::clone(&self.files);
        let owned = prefix.to_owned();
        let listing = offload(move || {
            let _held = guard;
            files.list(&owned)
        });
        let mut paths = listing.await.and_then(|done| done).map_err(failed)?.entries;
        paths.sort_unstable();
        Ok(paths)
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        self.change(Operation::Delete, path, move |files, path| {
            check(files, path, &Expect::Version(expect), Operation::Delete)?;
            files.remove(path).map_err(|interrupted| interrupted.into_error(Operation::Delete, path.as_str()))
        })
        .await
    }
}

fn read(files: &Files, path: &Path, operation: Operation) -> Result<Option<Entry>, StoreError> {
    let sealed = files
        .read(path)
        .map_err(|source| Interrupted::Before(source).into_error(operation, path.as_str()))?;
    let Some(sealed) = sealed else { return Ok(None) };
    envelope::open(path, &sealed).map(Some).map_err(|damage| StoreError::Corrupt {
        path: path.clone(),
        location: files.location(path).display().to_string(),
        damage,
    })
}

fn check(files: &Files, path: &Path, expect: &Expect, operation: Operation) -> Result<(), StoreError> {
    let current = read(files, path, operation)?.map(|entry| entry.version);
    if expect.is_met_by(current.as_ref()) {
        return Ok(());
    }
    Err(StoreError::Conflict { path: path.clone(), current })
}

fn audit(files: &Files) -> io::Result<Vec<Finding>> {
    let listing = files.list("")?;
    let foreign = |location| Finding { location, damage: Damage::Foreign };
    let mut findings: Vec<Finding> = listing.foreign.into_iter().map(foreign).collect();
    for path in listing.entries {
        let Some(sealed) = files.read(&path)? else {
            continue;
        };
        if let Err(damage) = envelope::open(&path, &sealed) {
            findings.push(Finding { location: files.location(&path), damage });
        }
    }
    findings.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    Ok(findings)
}

/// Runs `work` where it may block. Fails if the runtime is shutting down.
async fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)
}
