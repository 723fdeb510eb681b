//! When a source that tells nothing by itself is asked.

use std::{sync::Arc, time::Duration};

use coxswain_runtime::Clock;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::ReadError;
use crate::metrics::Metrics;

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
    /// Where looks are counted.
    pub ledger: Option<Ledger>,
}

/// Counts looks.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Where.
    pub metrics: Arc<Metrics>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// What became of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollOutcome {
    /// Nothing has moved, or not settled yet.
    Unchanged,
    /// Something new was read.
    Changed,
    /// What was read is refused, or there is nothing.
    Refused,
    /// No answer, or a denial.
    Unreachable,
}

impl PollOutcome {
    /// As it is spelled in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }

    /// The outcome of a look that gave this.
    pub(super) fn of<T>(looked: &Result<Option<T>, ReadError>) -> Self {
        match looked {
            Ok(None) | Err(ReadError::Unsettled { .. }) => Self::Unchanged,
            Ok(Some(_)) => Self::Changed,
            Err(error) if error.is_unreachable() => Self::Unreachable,
            Err(_) => Self::Refused,
        }
    }
}

impl Default for Polling {
    fn default() -> Self {
        Self { interval: REMOTE_POLL_INTERVAL, seed: 0, nudge: Nudge::default(), ledger: None }
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

/// So many looks in a row have to fail before a source that could be read counts as unreachable: one lost
/// answer is no news.
const FAILURES_TOLD: u32 = 2;

/// What was told of the looks so far, so that each thing is told once.
#[derive(Debug, Default)]
pub(super) struct Told {
    last: Option<Result<(), ReadError>>,
    failures: u32,
}

impl Told {
    /// What was told last, if anything was.
    pub(super) fn last(&self) -> Option<&Result<(), ReadError>> {
        self.last.as_ref()
    }

    /// What there is to tell after one more look.
    pub(super) fn news<T>(&mut self, looked: Result<Option<T>, ReadError>) -> Option<Result<T, ReadError>> {
        let error = match looked {
            Ok(found) => {
                self.failures = 0;
                if found.is_some() {
                    self.last = Some(Ok(()));
                }
                return found.map(Ok);
            }
            Err(error) => error,
        };
        self.failures = if error.is_unreachable() { self.failures.saturating_add(1) } else { 0 };
        let is_passing =
            error.is_unreachable() && self.failures < FAILURES_TOLD && matches!(self.last, Some(Ok(())));
        if is_passing || self.last.as_ref() == Some(&Err(error.clone())) {
            return None;
        }
        self.last = Some(Err(error.clone()));
        Some(Err(error))
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
    pub(super) fn done(&mut self, outcome: PollOutcome) {
        let interval = self.polling.interval;
        self.count(outcome);
        self.due = Some(Instant::now() + interval + interval.mul_f64(self.rng.f64() * JITTER));
    }

    /// Ends a turn after which the next one comes sooner than usual.
    pub(super) fn done_for(&mut self, pause: Duration, outcome: PollOutcome) {
        self.count(outcome);
        self.due = Some(Instant::now() + pause.min(self.polling.interval));
    }

    fn count(&self, outcome: PollOutcome) {
        if let Some(Ledger { metrics, clock }) = &self.polling.ledger {
            metrics.source_polled(outcome, clock.now());
        }
    }
}
