//! Manifests from a directory, watched.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use coxswain_manifest::SourceFile;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    ReadError, Reading, Source,
    read::{Found, find, read},
};

/// A change is read once nothing has changed for so long: an editor writes in several steps.
pub const DEBOUNCE: Duration = Duration::from_millis(50);

/// Without a word from the operating system the directory is looked at so often: some file systems tell
/// nothing, and a directory that was replaced is no longer the one that is watched.
pub const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Manifests from a directory.
///
/// The operating system's word that something changed is a hint; what counts is what is found.
#[derive(Debug)]
pub struct DirectorySource {
    root: PathBuf,
    poll_interval: Duration,
    is_watched: bool,
    watch: Option<Watch>,
    told: Option<Result<Vec<Found>, ReadError>>,
}

#[derive(Debug)]
struct Watch {
    hints: Arc<Notify>,
    /// It watches as long as it lives.
    _watcher: RecommendedWatcher,
}

impl DirectorySource {
    /// Watches a directory, and looks at it by itself as well.
    pub fn watched(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), poll_interval: POLL_INTERVAL, is_watched: true, watch: None, told: None }
    }

    /// Only looks at a directory from time to time.
    pub fn polled(root: impl Into<PathBuf>, poll_interval: Duration) -> Self {
        Self { root: root.into(), poll_interval, is_watched: false, watch: None, told: None }
    }

    /// Watches, where that is wanted and not done yet: before the first look, so that no change falls
    /// between the two, and again once a directory that was gone is back.
    fn watch(&mut self) {
        if self.is_watched && self.watch.is_none() {
            self.watch = watch(&self.root);
        }
    }

    /// Waits for a hint, or until it is time to look without one.
    async fn wait(&self) {
        match &self.watch {
            // One that comes between two waits is kept.
            Some(watch) => drop(timeout(self.poll_interval, watch.hints.notified()).await),
            None => sleep(self.poll_interval).await,
        }
    }

    /// Waits until no hint has come for a while.
    async fn debounce(&self) {
        match &self.watch {
            Some(watch) => while timeout(DEBOUNCE, watch.hints.notified()).await.is_ok() {},
            None => sleep(DEBOUNCE).await,
        }
    }
}

fn watch(root: &Path) -> Option<Watch> {
    let hints = Arc::new(Notify::new());
    let sender = hints.clone();
    let hint = move |event: notify::Result<notify::Event>| {
        // Our own reading is no change.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            sender.notify_one();
        }
    };
    let watcher = notify::recommended_watcher(hint).and_then(|mut watcher| {
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    match watcher {
        Ok(watcher) => Some(Watch { hints, _watcher: watcher }),
        Err(error) => {
            tracing::debug!(%error, "the directory cannot be watched; it is looked at every few seconds");
            None
        }
    }
}

#[async_trait]
impl Source for DirectorySource {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn next(&mut self) -> Result<Reading, ReadError> {
        loop {
            self.watch();
            if self.told.is_some() {
                self.wait().await;
                if self.told.as_ref() == Some(&find_in(&self.root).await) {
                    continue;
                }
                self.debounce().await;
            }
            let (found, files) = read_in(&self.root).await;
            // It settles before it is taken: what changed while it was read is read again.
            if found != find_in(&self.root).await {
                self.debounce().await;
                continue;
            }
            let failure = files.as_ref().err().cloned();
            let telling = match failure {
                Some(error) => {
                    self.watch = None;
                    Err(error)
                }
                None => found,
            };
            if self.told.as_ref() != Some(&telling) {
                self.told = Some(telling);
                return files.map(Reading::Files);
            }
        }
    }
}

async fn find_in(root: &Path) -> Result<Vec<Found>, ReadError> {
    let root = root.to_owned();
    off_the_reactor(move || find(&root)).await?
}

async fn read_in(root: &Path) -> (Result<Vec<Found>, ReadError>, Result<Vec<SourceFile>, ReadError>) {
    let root = root.to_owned();
    let read = move || {
        let found = find(&root);
        let files = found.clone().and_then(|found| found.iter().map(read).collect());
        (found, files)
    };
    match off_the_reactor(read).await {
        Ok(read) => read,
        Err(error) => (Err(error.clone()), Err(error)),
    }
}

async fn off_the_reactor<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ReadError::Io { path: "the manifests".to_owned(), problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn replace(root: &Path, name: &str, text: &str) {
        let temporary = root.join(format!(".{name}"));
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, root.join(name)).unwrap();
    }

    async fn texts(source: &mut DirectorySource) -> Vec<String> {
        let next = timeout(Duration::from_secs(20), source.next()).await.unwrap();
        let Ok(Reading::Files(files)) = next else { panic!("no files: {next:?}") };
        files.into_iter().map(|file| String::from_utf8(file.content).unwrap()).collect()
    }

    #[tokio::test]
    async fn an_edit_is_handed_over_by_the_operating_systems_hint() {
        let root = tempfile::tempdir().unwrap();
        replace(root.path(), "a.yaml", "one");
        let mut source = DirectorySource::watched(root.path());
        source.poll_interval = Duration::from_hours(1);
        assert_eq!(texts(&mut source).await, ["one"]);
        replace(root.path(), "a.yaml", "two");
        assert_eq!(texts(&mut source).await, ["two"]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_hints_an_edit_is_found_by_looking() {
        let root = tempfile::tempdir().unwrap();
        replace(root.path(), "a.yaml", "one");
        let mut source = DirectorySource::polled(root.path(), POLL_INTERVAL);
        assert_eq!(texts(&mut source).await, ["one"]);
        replace(root.path(), "a.yaml", "two");
        replace(root.path(), "b.yaml", "three");
        assert_eq!(texts(&mut source).await, ["two", "three"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreadable_directory_is_told_once_and_then_its_return() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("manifests");
        let mut source = DirectorySource::polled(&root, POLL_INTERVAL);
        source.next().await.unwrap_err();
        assert!(timeout(Duration::from_mins(1), source.next()).await.is_err(), "told twice");
        fs::create_dir(&root).unwrap();
        replace(&root, "a.yaml", "one");
        assert_eq!(texts(&mut source).await, ["one"]);
    }
}
