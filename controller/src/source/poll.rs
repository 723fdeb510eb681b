//! When a source that tells nothing by itself is asked.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// From one look at a bucket or a path to the next: at most four calls a minute.
pub const REMOTE_POLL_INTERVAL: Duration = Duration::from_secs(15);

/// By how much a turn may be later than its interval, so that many controllers do not ask at once.
const JITTER: f64 = 0.2;

/// How a source is polled.
#[derive(Debug, Clone)]
pub struct Polling {
    /// From one look to the next, at least.
    pub interval: Duration,
    /// Seeds the jitter.
    pub seed: u64,
    /// Makes the next look at once.
    pub nudge: Nudge,
}

impl Default for Polling {
    fn default() -> Self {
        Self { interval: REMOTE_POLL_INTERVAL, seed: 0, nudge: Nudge::default() }
    }
}

/// Makes a source look at once: something was published. Clones nudge the same source.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Looks at once, or as soon as the look that is under way has ended.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// The turns of one source.
#[derive(Debug)]
pub(super) struct Poll {
    polling: Polling,
    rng: fastrand::Rng,
    due: Option<Instant>,
}

impl Poll {
    pub(super) fn new(polling: Polling) -> Self {
        let rng = fastrand::Rng::with_seed(polling.seed);
        Self { polling, rng, due: None }
    }

    /// Waits for the next turn; the first is at once. A wait that is dropped does not begin anew.
    pub(super) async fn turn(&self) {
        let Some(due) = self.due else { return };
        tokio::select! {
            () = sleep_until(due) => {}
            () = self.polling.nudge.0.notified() => {}
        }
    }

    /// Ends a turn: the next is one interval from now, and a little.
    pub(super) fn done(&mut self) {
        let interval = self.polling.interval;
        self.due = Some(Instant::now() + interval + interval.mul_f64(self.rng.f64() * JITTER));
    }

    /// Ends a turn after which the next one comes sooner than usual.
    pub(super) fn done_for(&mut self, pause: Duration) {
        self.due = Some(Instant::now() + pause.min(self.polling.interval));
    }
}
