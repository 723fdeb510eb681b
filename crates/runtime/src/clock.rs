//! What time it is, from one place.

use std::fmt::Debug;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A source of the current time.
///
/// Pure code takes `now` as an argument; the code around it asks a clock once and passes it on.
pub trait Clock: Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock. It may jump when it is set; do not measure durations with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that moves with tokio's time: with real time usually, with virtual time in a paused test.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    base: Timestamp,
    origin: Instant,
}

impl TokioClock {
    /// A clock that shows `base` now.
    pub fn starting_at(base: Timestamp) -> Self {
        Self { base, origin: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.base.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn virtual_time_moves_the_clock_and_nothing_else_does() {
        let base: Timestamp = "2026-01-31T23:59:59Z".parse().unwrap();
        let clock = TokioClock::starting_at(base);
        assert_eq!(clock.now(), base);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now().to_string(), "2026-02-01T00:00:01Z");
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_stops_at_the_end_of_time_instead_of_failing() {
        let clock = TokioClock::starting_at(Timestamp::MAX);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[test]
    fn the_systems_clock_shows_a_time_after_this_was_written() {
        assert!(SystemClock.now() > "2025-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    }
}
