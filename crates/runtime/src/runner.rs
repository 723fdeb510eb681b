//! Looks at keys as they fall due: several at once, never one of them twice at once.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

use crate::{Backoffs, Clock, DrainWatch, Queue, Work};

/// When a key wants to be looked at again, as its look decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextLook {
    /// When something adds it; nothing is scheduled.
    AfterChange,
    /// After this long.
    In(Duration),
    /// At this time, or at once if it has passed.
    At(Timestamp),
    /// The look has failed: later, and later still if it fails again.
    Backoff,
}

/// How a run of the runner ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what was abandoned is in doubt"]
pub struct Drained<K> {
    /// Keys whose looks were stopped at the deadline; what they did last is in doubt.
    pub abandoned: Vec<K>,
}

/// Takes keys from a queue and looks at them, until it is told to drain.
///
/// # Guarantees
/// - At most `concurrency` looks run at once, and at most one of any key.
/// - A look that panics counts as [`NextLook::Backoff`]; others do not notice. (A program built to abort
///   on panic ends there, of course.)
/// - [`NextLook::Backoff`] waits by key, and any other answer forgets the failures of the key.
#[derive(Debug)]
pub struct Runner<K> {
    queue: Queue<K>,
    concurrency: NonZeroUsize,
    backoffs: Backoffs<K>,
    clock: Arc<dyn Clock>,
}

impl<K> Runner<K>
where
    K: Eq + Hash + Clone + Display + Send + 'static,
{
    /// A runner over `queue`; the clock turns [`NextLook::At`] into a delay.
    pub fn new(
        queue: Queue<K>,
        concurrency: NonZeroUsize,
        backoffs: Backoffs<K>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { queue, concurrency, backoffs, clock }
    }

    /// Runs until `drain` is signalled or the queue is closed; then takes no key more, closes the queue,
    /// and gives the looks that are running `finish_within` to end.
    ///
    /// # Cancel safety
    /// Dropping this stops the looks that are running, at their next await.
    pub async fn run<F, Fut>(mut self, drain: DrainWatch, finish_within: Duration, look: F) -> Drained<K>
    where
        F: Fn(K) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = NextLook> + Send,
    {
        let look = Arc::new(look);
        let mut running = Running { tasks: JoinSet::new(), works: HashMap::new() };
        loop {
            let has_room = running.works.len() < self.concurrency.get();
            tokio::select! {
                biased;
                () = drain.signalled() => break,
                Some(ended) = running.tasks.join_next_with_id() => self.settle(&mut running, ended),
                work = self.queue.next(), if has_room => {
                    let Some(work) = work else { break };
                    running.start(work, &look);
                }
            }
        }
        self.queue.close();
        self.finish(running, finish_within).await
    }

    async fn finish(mut self, mut running: Running<K>, within: Duration) -> Drained<K> {
        info!(running = running.works.len(), ?within, "no new work; finishing what is running");
        let deadline = Instant::now() + within.min(crate::MAX_DELAY);
        while let Ok(Some(ended)) = timeout_at(deadline, running.tasks.join_next_with_id()).await {
            self.settle(&mut running, ended);
        }
        running.tasks.shutdown().await;
        let abandoned: Vec<K> = running.works.values().map(|work| work.key().clone()).collect();
        for key in &abandoned {
            warn!(object = %key, "stopped at the deadline; its last step is in doubt");
        }
        Drained { abandoned }
    }

    /// Puts a key whose look has ended back into the queue, as it wishes.
    fn settle(&mut self, running: &mut Running<K>, ended: Result<(Id, NextLook), JoinError>) {
        let (id, next) = match ended {
            Ok((id, next)) => (id, Some(next)),
            Err(stopped) => (stopped.id(), None),
        };
        let Some(work) = running.works.remove(&id) else {
            return;
        };
        if next.is_none() {
            // The panic's text is the hook's to print; it may quote what must not be in a log.
            error!(object = %work.key(), reason = "Panicked", "the look panicked; it is tried again later");
        }
        let delay = match next.unwrap_or(NextLook::Backoff) {
            NextLook::Backoff => Some(self.backoffs.fail(work.key())),
            other => {
                self.backoffs.reset(work.key());
                self.delay(other)
            }
        };
        work.finish(delay);
    }

    fn delay(&self, next: NextLook) -> Option<Duration> {
        match next {
            NextLook::AfterChange | NextLook::Backoff => None,
            NextLook::In(delay) => Some(delay),
            // A time that has passed is a negative span, and means now.
            NextLook::At(time) => Some(self.clock.now().duration_until(time).try_into().unwrap_or_default()),
        }
    }
}

/// The looks that are running, and the keys that they hold.
struct Running<K: Eq + Hash + Clone> {
    tasks: JoinSet<NextLook>,
    works: HashMap<Id, Work<K>>,
}

impl<K: Eq + Hash + Clone> Running<K> {
    fn start<F, Fut>(&mut self, work: Work<K>, look: &Arc<F>)
    where
        K: Send + 'static,
        F: Fn(K) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = NextLook> + Send,
    {
        let look = Arc::clone(look);
        let key = work.key().clone();
        let task = self.tasks.spawn(async move { look(key).await });
        self.works.insert(task.id(), work);
    }
}

#[cfg(test)]
mod tests;
