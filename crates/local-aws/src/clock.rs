//! The one clock of the local ECS: real, or tokio's, which a test can pause and move.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use serde_json::{Number, Value};

/// A moment, in milliseconds since the epoch: as fine as ECS shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment so many milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment so much later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero where it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// As RFC 3339 writes it, in UTC.
    pub fn to_text(self) -> String {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
    }

    /// The wire's form: seconds since the epoch, with a fraction.
    pub fn to_json(self) -> Value {
        // Milliseconds stay under 2^53 for 285,000 years, so no digit is lost.
        #[expect(clippy::cast_precision_loss, reason = "under 2^53, see above")]
        let seconds = self.0 as f64 / 1_000.0;
        Number::from_f64(seconds).map_or(Value::Null, Value::Number)
    }

    /// A time in the wire's form; one before the epoch is the epoch, what is no number is none.
    pub(crate) fn from_json(seconds: &Value) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float becomes the nearest whole number that there is"
        )]
        let millis = (seconds.as_f64()? * 1_000.0).round() as u64;
        Some(Self(millis))
    }
}

/// Says what time it is.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Time;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        #[expect(clippy::disallowed_methods, reason = "this is where the clock comes from")]
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Time(0).after(since_epoch)
    }
}

/// Tokio's clock on top of a fixed beginning; with tokio's time paused, virtual time.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    base: Time,
    started: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that says `base` now. To be made inside the runtime whose time it follows.
    pub fn starting_at(base: Time) -> Self {
        Self { base, started: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Time {
        self.base.after(self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_with_a_fraction_on_the_wire() {
        assert_eq!(Time::from_millis(1_764_082_800_123).to_json().to_string(), "1764082800.123");
        assert_eq!(Time::from_millis(5_000).to_json().to_string(), "5.0");
        let exact = Time::from_millis(1_764_082_800_123);
        assert_eq!(Time::from_json(&exact.to_json()), Some(exact));
        assert_eq!(Time::from_json(&Value::from(-5)), Some(Time::from_millis(0)));
        assert_eq!(Time::from_json(&Value::from("5")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_tokio_clock_follows_a_paused_clock() {
        let clock = TokioClock::starting_at(Time::from_millis(1_000));
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(clock.now(), Time::from_millis(3_601_000));
    }
}
