//! Ending in good order: tell everybody once, then wait for what is still running.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The side that ends the program. It counts every task spawned through its watches.
#[derive(Debug, Default)]
pub struct Drain {
    watch: DrainWatch,
}

/// The side that is told: handed to everything that runs for long.
#[derive(Debug, Clone, Default)]
pub struct DrainWatch {
    token: CancellationToken,
    tracker: TaskTracker,
}

/// Tasks were still running at the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tasks} tasks were still running after {within:?}")]
pub struct Unfinished {
    /// How many.
    pub tasks: usize,
    /// How long they had.
    pub within: Duration,
}

impl Drain {
    /// A drain that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// A watch on this drain.
    pub fn watch(&self) -> DrainWatch {
        self.watch.clone()
    }

    /// Tells every watch that the end has begun. Repeating it has no effect.
    pub fn signal(&self) {
        self.watch.token.cancel();
    }

    /// Signals, and waits until every task spawned through a watch has ended.
    ///
    /// # Errors
    /// [`Unfinished`] if some are still running after `within`; they are not stopped by this.
    pub async fn finish(&self, within: Duration) -> Result<(), Unfinished> {
        self.signal();
        self.watch.tracker.close();
        let finished = timeout(within, self.watch.tracker.wait()).await;
        finished.map_err(|_| Unfinished { tasks: self.watch.tracker.len(), within })
    }
}

impl DrainWatch {
    /// Waits until the drain begins. Cancel safe; returns at once if it has begun.
    pub async fn signalled(&self) {
        self.token.cancelled().await;
    }

    /// Whether the drain has begun.
    pub fn is_signalled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Spawns a task that the drain waits for. It has to watch for the signal itself.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_watch_hears_the_signal_however_late_it_looks() {
        let drain = Drain::new();
        let (early, late) = (drain.watch(), drain.watch());
        assert!(!early.is_signalled());
        let task = early.spawn({
            let watch = early.clone();
            async move { watch.signalled().await }
        });
        drain.signal();
        task.await.unwrap();
        late.signalled().await;
        assert!(drain.watch().is_signalled());
    }

    #[tokio::test(start_paused = true)]
    async fn finish_waits_for_the_tasks_that_are_running() {
        let drain = Drain::new();
        let watch = drain.watch();
        let task = watch.clone().spawn(async move {
            watch.signalled().await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        });
        assert_eq!(drain.finish(Duration::from_secs(6)).await, Ok(()));
        assert!(task.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn finish_counts_the_tasks_that_do_not_end_in_time() {
        let drain = Drain::new();
        drop(drain.watch().spawn(pending::<()>()));
        let within = Duration::from_secs(6);
        assert_eq!(drain.finish(within).await, Err(Unfinished { tasks: 1, within }));
    }
}
