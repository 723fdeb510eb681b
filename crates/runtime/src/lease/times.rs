//! How long the parts of a lease last, and which lengths would not make one.

use std::time::Duration;

/// How long the parts of a lease last, each by the replica's own clock.
///
/// How long it takes from a holder's death until another may act, at most:
///
/// | | default |
/// |---|---|
/// | the last renewal, sent right before, still travels: `store_timeout` | 1.5 s |
/// | a follower has just looked: `look_every` | 1 s |
/// | its next look is answered late: `store_timeout` | 1.5 s |
/// | it sees the record stand still: `take_after` | 6.75 s |
/// | calls of the dead holder are over: `call_timeout`, within which the takeover itself is answered | 4 s |
/// | together, [`takeover`](Self::takeover) | 14.75 s |
///
/// On a store that answers at once it is 11.75 s. A call of the store that fails meanwhile costs its own time
/// and `retry_every`, but no second wait for calls: that one counts from the moment that the record stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long after a renewal was sent the holder sends the next.
    pub renew_every: Duration,
    /// How long a holder is sure of the lease after it sent the renewal that was confirmed last.
    pub hold_for: Duration,
    /// How long a replica sees the same record before it takes over. The distance to
    /// [`hold_for`](Self::hold_for) is how much the speeds of two clocks may differ.
    pub take_after: Duration,
    /// How often a replica that follows reads the record.
    pub look_every: Duration,
    /// How long to wait after a call that failed.
    pub retry_every: Duration,
    /// How long a call of the store may take before it counts as unanswered.
    pub store_timeout: Duration,
    /// The longest call that a holder makes under the lease: what was sent just before the lease was lost
    /// is over by then.
    pub call_timeout: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Times under which a lease would not be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTimes {
    /// A time is nothing or more than an hour.
    #[error("every time of a lease is more than nothing and at most an hour")]
    OutOfRange,
    /// Followers would take over before a holder with a slower clock has given up.
    #[error("take_after has to be longer than hold_for by a tenth at least: clocks do not run alike")]
    TakenTooEarly,
    /// One renewal that is not answered would cost the lease.
    #[error("hold_for has to be longer than renew_every and store_timeout together, twice retry_every added")]
    LostTooEarly,
    /// A call could outlive the lease that it was made under.
    #[error("call_timeout has to be shorter than hold_for")]
    CallsTooLong,
}

impl LeaseTimes {
    /// The usual times.
    pub const DEFAULT: Self = Self {
        renew_every: Duration::from_secs(2),
        hold_for: Duration::from_secs(6),
        take_after: Duration::from_millis(6_750),
        look_every: Duration::from_secs(1),
        retry_every: Duration::from_millis(500),
        store_timeout: Duration::from_millis(1_500),
        call_timeout: Duration::from_secs(4),
    };

    /// The longest from a holder's death until another may act, with a store that is slow and answers.
    pub fn takeover(&self) -> Duration {
        self.store_timeout * 2 + self.look_every + self.take_after + self.call_timeout
    }

    pub(super) fn check(&self) -> Result<(), InvalidTimes> {
        let Self { renew_every, hold_for, take_after, look_every, retry_every, store_timeout, call_timeout } =
            *self;
        let all = [renew_every, hold_for, take_after, look_every, retry_every, store_timeout, call_timeout];
        if all.iter().any(|time| time.is_zero() || *time > Duration::from_hours(1)) {
            return Err(InvalidTimes::OutOfRange);
        }
        if take_after < hold_for + hold_for / 10 {
            return Err(InvalidTimes::TakenTooEarly);
        }
        if hold_for <= renew_every + store_timeout + retry_every * 2 {
            return Err(InvalidTimes::LostTooEarly);
        }
        if call_timeout >= hold_for {
            return Err(InvalidTimes::CallsTooLong);
        }
        Ok(())
    }
}
