//! How long to wait after a failure: exponential, with full jitter.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use backon::Retryable;
use fastrand::Rng;

/// How waits grow: after the n-th failure in a row, anything from nothing to `base * 2^(n-1)`, at
/// most `max`, each as likely as the other.
///
/// Spreading over the whole span makes callers that failed together come back apart, with the least
/// work in total.
/// Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait of all.
    pub max: Duration,
}

impl Policy {
    /// The longest wait after `failures` failures in a row.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.max)
    }

    fn wait(&self, failures: u32, rng: &mut Rng) -> Duration {
        self.ceiling(failures).mul_f64(rng.f64())
    }
}

/// The failures of each key, and how long each has to wait for them.
#[derive(Debug)]
pub struct Backoffs<K> {
    policy: Policy,
    rng: Rng,
    failures: HashMap<K, u32>,
}

impl<K: Eq + Hash + Clone> Backoffs<K> {
    /// No failures yet. The generator is passed in, so that a test can seed it.
    pub fn new(policy: Policy, rng: Rng) -> Self {
        Self { policy, rng, failures: HashMap::new() }
    }

    /// Counts a failure of `key`, and says how long to wait before it is tried again.
    pub fn fail(&mut self, key: &K) -> Duration {
        let failures = match self.failures.get_mut(key) {
            Some(failures) => {
                *failures = failures.saturating_add(1);
                *failures
            }
            None => *self.failures.entry(key.clone()).or_insert(1),
        };
        self.policy.wait(failures, &mut self.rng)
    }

    /// Forgets the failures of `key`.
    pub fn reset(&mut self, key: &K) {
        self.failures.remove(key);
    }

    /// How often `key` has failed in a row.
    pub fn failures(&self, key: &K) -> u32 {
        self.failures.get(key).copied().unwrap_or(0)
    }
}

/// Repeats `op` while it fails in a way that `is_retryable`, at most `retries` times, with waits by
/// `policy`; returns the first success or the last failure.
///
/// For reads, and other calls that may be made twice without harm. What changes something is repeated
/// by looking again, not here.
pub async fn retry<T, E, Op, Fut>(
    policy: Policy,
    retries: u32,
    rng: Rng,
    op: Op,
    is_retryable: impl FnMut(&E) -> bool,
) -> Result<T, E>
where
    Op: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    op.retry(Waits { policy, rng, failures: 0, retries }).sleep(tokio::time::sleep).when(is_retryable).await
}

/// The waits of one retried call.
struct Waits {
    policy: Policy,
    rng: Rng,
    failures: u32,
    retries: u32,
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.retries = self.retries.checked_sub(1)?;
        self.failures = self.failures.saturating_add(1);
        Some(self.policy.wait(self.failures, &mut self.rng))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    const POLICY: Policy = Policy { base: Duration::from_secs(1), max: Duration::from_mins(1) };

    #[test]
    fn ceilings_double_from_base_to_max_and_stay_there() {
        let seconds = [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (33, 60), (u32::MAX, 60)];
        for (failures, ceiling) in seconds {
            assert_eq!(POLICY.ceiling(failures), Duration::from_secs(ceiling), "after {failures}");
        }
    }

    #[test]
    fn ceilings_do_not_overflow() {
        let huge = Policy { base: Duration::MAX, max: Duration::MAX };
        assert_eq!(huge.ceiling(40), Duration::MAX);
    }

    #[test]
    fn waits_lie_below_the_ceiling_and_use_the_whole_span() {
        let mut rng = Rng::with_seed(1);
        let waits: Vec<Duration> = (0..1_000).map(|_| POLICY.wait(3, &mut rng)).collect();
        assert!(waits.iter().all(|wait| *wait <= POLICY.ceiling(3)));
        assert!(waits.iter().any(|wait| *wait < POLICY.ceiling(3).mul_f64(0.05)));
        assert!(waits.iter().any(|wait| *wait > POLICY.ceiling(3).mul_f64(0.95)));
    }

    #[test]
    fn failures_are_counted_by_key_and_forgotten_on_success() {
        let mut backoffs = Backoffs::new(POLICY, Rng::with_seed(1));
        for _ in 0..5 {
            backoffs.fail(&"bad");
        }
        backoffs.fail(&"new");
        assert_eq!(
            (backoffs.failures(&"bad"), backoffs.failures(&"new"), backoffs.failures(&"good")),
            (5, 1, 0)
        );
        backoffs.reset(&"bad");
        assert_eq!(backoffs.failures(&"bad"), 0);
        assert!(backoffs.fail(&"bad") <= POLICY.base);
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let waits = |seed| {
            let mut backoffs = Backoffs::new(POLICY, Rng::with_seed(seed));
            (0..10).map(|_| backoffs.fail(&"key")).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_returns_the_first_success_and_has_waited_within_the_ceilings() {
        let calls = Cell::new(0);
        let begin = Instant::now();
        let op = || async {
            calls.set(calls.get() + 1);
            if calls.get() < 4 { Err("busy") } else { Ok(calls.get()) }
        };
        assert_eq!(retry(POLICY, 5, Rng::with_seed(1), op, |_| true).await, Ok(4));
        let waited = begin.elapsed();
        assert!(waited > Duration::ZERO && waited <= Duration::from_secs(1 + 2 + 4 + 1), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn retry_gives_the_last_failure_after_the_last_attempt() {
        let calls = Cell::new(0);
        let op = || async {
            calls.set(calls.get() + 1);
            Err::<(), _>(calls.get())
        };
        assert_eq!(retry(POLICY, 3, Rng::with_seed(1), op, |_| true).await, Err(4));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_does_not_repeat_what_cannot_succeed() {
        let calls = Cell::new(0);
        let op = || async {
            calls.set(calls.get() + 1);
            Err::<(), _>("denied")
        };
        assert_eq!(retry(POLICY, 3, Rng::with_seed(1), op, |error| *error == "busy").await, Err("denied"));
        assert_eq!(calls.get(), 1);
    }
}
