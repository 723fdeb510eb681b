//! The queue of keys: what to look at, and when.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The longest delay that is kept; longer ones are cut to it.
///
/// An unbounded delay overflows the clock's arithmetic or the timer's wheel: a delay queue of tokio
/// panics past about two years (kube-rs/kube#1772). A key that is looked at every two years is early
/// by any measure.
pub const MAX_DELAY: Duration = Duration::from_hours(2 * 365 * 24);

/// A queue of keys to look at. Clones are handles on the same queue.
///
/// # Guarantees
/// - A key is in the queue at most once. Of several times asked for, the earliest wins.
/// - A key is in work at most once: while it is, it is not handed out, and however often it is added
///   meanwhile, it comes back exactly once afterwards.
/// - A key that is in work or not yet due never holds up another that is due.
/// - Keys are handed out in the order in which they fall due; those due at the same moment, in the order
///   in which they were added. So no key starves.
///
/// ```text
///            add                    next                      finish, added again meanwhile
///  (absent) ─────▶ scheduled(time) ──────▶ in work ──────────────────────▶ scheduled(earliest)
///      ▲                                      │  finish, nothing asked for
///      └──────────────────────────────────────┘
/// ```
pub struct Queue<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    state: Mutex<State<K>>,
    changed: Notify,
}

struct State<K> {
    /// Where each key is.
    places: HashMap<K, Place>,
    /// The scheduled keys by time, then by the order in which they were added.
    schedule: BTreeMap<Slot, K>,
    added: u64,
    closed: bool,
}

type Slot = (Instant, u64);

#[derive(Debug, Clone, Copy)]
enum Place {
    Scheduled(Slot),
    InWork { again: Option<Instant> },
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Keys that could be looked at now.
    pub due: usize,
    /// Keys that wait for their time.
    pub delayed: usize,
    /// Keys that are being looked at.
    pub in_work: usize,
}

impl<K: Eq + Hash + Clone> Queue<K> {
    /// An empty queue.
    pub fn new() -> Self {
        let state = State { places: HashMap::new(), schedule: BTreeMap::new(), added: 0, closed: false };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// Asks for a look at `key` now.
    pub fn add(&self, key: K) {
        self.add_after(key, Duration::ZERO);
    }

    /// Asks for a look at `key` after `delay`, at most [`MAX_DELAY`].
    pub fn add_after(&self, key: K, delay: Duration) {
        self.shared.state().request(key, Instant::now() + delay.min(MAX_DELAY));
        self.shared.changed.notify_one();
    }

    /// Waits for the next key that is due, and puts it in work until the answer is finished or dropped.
    ///
    /// `None` once the queue is closed, whatever is still in it.
    ///
    /// # Cancel safety
    /// A dropped `next` has taken nothing.
    pub async fn next(&self) -> Option<Work<K>> {
        loop {
            // In line before the state is read, so that no change between the two goes unheard.
            let mut changed = pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            let wake = {
                let mut state = self.shared.state();
                if state.closed {
                    return None;
                }
                match state.take_due(Instant::now()) {
                    Ok(key) => {
                        return Some(Work { key, finished: false, queue: self.clone() });
                    }
                    Err(wake) => wake,
                }
            };
            match wake {
                Some(at) => tokio::select! { () = changed => {}, () = sleep_until(at) => {} },
                None => changed.await,
            }
        }
    }

    /// Ends handing out. Keys in work may still be finished.
    pub fn close(&self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_waiters();
    }

    /// How full the queue is now.
    pub fn depth(&self) -> Depth {
        let state = self.shared.state();
        let due = state.schedule.range(..=(Instant::now(), u64::MAX)).count();
        let scheduled = state.schedule.len();
        Depth { due, delayed: scheduled - due, in_work: state.places.len() - scheduled }
    }
}

impl<K> Shared<K> {
    /// The state. No foreign code but the key's own `Hash`, `Eq` and `Clone` runs while it is held.
    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> State<K> {
    fn request(&mut self, key: K, at: Instant) {
        match self.places.get_mut(&key) {
            Some(Place::InWork { again }) => *again = Some(again.map_or(at, |earlier| earlier.min(at))),
            Some(Place::Scheduled(slot)) if slot.0 <= at => {}
            Some(Place::Scheduled(slot)) => {
                let moved = (at, self.added);
                let old = std::mem::replace(slot, moved);
                self.added += 1;
                self.schedule.remove(&old);
                self.schedule.insert(moved, key);
            }
            None => self.schedule(key, at),
        }
    }

    fn schedule(&mut self, key: K, at: Instant) {
        let slot = (at, self.added);
        self.added += 1;
        self.places.insert(key.clone(), Place::Scheduled(slot));
        self.schedule.insert(slot, key);
    }

    /// The first key if it is due, or else the time at which the first one is.
    fn take_due(&mut self, now: Instant) -> Result<K, Option<Instant>> {
        let Some(first) = self.schedule.first_entry() else {
            return Err(None);
        };
        let due = first.key().0;
        if due > now {
            return Err(Some(due));
        }
        let key = first.remove();
        self.places.insert(key.clone(), Place::InWork { again: None });
        Ok(key)
    }

    /// Takes `key` out of work, and schedules it at the earliest time asked for, if any.
    fn finish(&mut self, key: &K, next: Option<Instant>) {
        let Some((key, place)) = self.places.remove_entry(key) else {
            return;
        };
        let again = match place {
            Place::InWork { again } => again,
            // A key in work leaves it here only, through its one `Work`; kept whole all the same.
            Place::Scheduled(slot) => self.schedule.remove(&slot).map(|_| slot.0),
        };
        if let Some(at) = again.into_iter().chain(next).min() {
            self.schedule(key, at);
        }
    }
}

impl<K: Eq + Hash + Clone> Default for Queue<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K> fmt::Debug for Queue<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("keys", &self.shared.state().places.len()).finish_non_exhaustive()
    }
}

/// A key in work. Dropped unfinished (its run was cancelled, or panicked), the key is due again at once.
#[must_use = "dropped unfinished, the key is due again at once"]
pub struct Work<K: Eq + Hash + Clone> {
    key: K,
    finished: bool,
    queue: Queue<K>,
}

impl<K: Eq + Hash + Clone> Work<K> {
    /// The key to look at.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Ends the work. The key comes back after `next`, or earlier if it was added meanwhile; with
    /// neither, it leaves the queue.
    pub fn finish(mut self, next: Option<Duration>) {
        self.end(next);
    }

    fn end(&mut self, next: Option<Duration>) {
        self.finished = true;
        let next = next.map(|delay| Instant::now() + delay.min(MAX_DELAY));
        self.queue.shared.state().finish(&self.key, next);
        self.queue.shared.changed.notify_one();
    }
}

impl<K: Eq + Hash + Clone> Drop for Work<K> {
    fn drop(&mut self) {
        if !self.finished {
            self.end(Some(Duration::ZERO));
        }
    }
}

impl<K: Eq + Hash + Clone + fmt::Debug> fmt::Debug for Work<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Work").field(&self.key).finish()
    }
}

#[cfg(test)]
mod tests;
