//! The lock between writers: one at a time in this process, one process at a time on this machine.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep};

/// The lock's file, directly under the root.
pub(super) const NAME: &str = "+lock";

/// How long to wait for other processes. A writer holds the lock for a few disk syncs; one that is
/// stopped while it holds it must not stop everybody else without a word.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits between attempts double from the first to the second of these.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(16);

#[derive(Debug)]
pub(super) struct Lock {
    file: PathBuf,
    within_process: Arc<Mutex<()>>,
}

/// The held lock. The kernel releases it when the file is closed, or the process dies.
#[derive(Debug)]
pub(super) struct Guard {
    _between_processes: File,
    _within_process: OwnedMutexGuard<()>,
}

impl Lock {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, within_process: Arc::default() }
    }

    /// Waits for the lock. It polls, because a thread that blocks in flock(2) cannot be cancelled and
    /// would keep the runtime from shutting down.
    pub(super) async fn acquire(&self) -> io::Result<Guard> {
        let within = Arc::clone(&self.within_process).lock_owned().await;
        let deadline = Instant::now() + PATIENCE;
        let mut wait = SHORTEST_WAIT;
        loop {
            let file = self.file.clone();
            if let Some(between) = super::offload(move || try_lock(&file)).await?? {
                return Ok(Guard { _between_processes: between, _within_process: within });
            }
            if Instant::now() >= deadline {
                let message =
                    format!("another process holds {} for longer than {PATIENCE:?}", self.file.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Takes the lock unless another process has it.
fn try_lock(path: &std::path::Path) -> io::Result<Option<File>> {
    // Not created here: a store without its lock file is not there at all (unmounted, moved, deleted).
    let file = File::options().read(true).write(true).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // A lock on a file that was replaced meanwhile keeps nobody out.
    let (held, named) = (file.metadata()?, fs::metadata(path)?);
    let same = held.dev() == named.dev() && held.ino() == named.ino();
    Ok(same.then_some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock_file() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(NAME);
        File::create(&file).unwrap();
        (directory, file)
    }

    #[test]
    fn a_lock_that_is_held_is_not_given_twice_and_is_free_after_the_file_is_closed() {
        let (_directory, file) = lock_file();
        let held = try_lock(&file).unwrap();
        assert!(held.is_some());
        assert!(try_lock(&file).unwrap().is_none());
        drop(held);
        assert!(try_lock(&file).unwrap().is_some());
    }

    #[test]
    fn a_missing_lock_file_is_an_error_and_is_not_created() {
        let (_directory, file) = lock_file();
        fs::remove_file(&file).unwrap();
        assert_eq!(try_lock(&file).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!file.exists());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_others_of_the_same_process_is_no_reason_to_give_up() {
        let (_directory, file) = lock_file();
        let lock = Lock::new(file);
        let held = lock.acquire().await.unwrap();
        let release = async {
            sleep(PATIENCE * 3).await;
            drop(held);
        };
        let (waited, ()) = tokio::join!(lock.acquire(), release);
        assert!(waited.is_ok(), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_never_lets_go_is_reported_by_the_file_it_holds() {
        let (_directory, file) = lock_file();
        let _held = try_lock(&file).unwrap();
        let error = Lock::new(file.clone()).acquire().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
}
