//! Token buckets: how often a service may be called, and slower when it complains.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// A throttled bucket refills at half its speed, ...
const DECREASE: f64 = 0.5;
/// ... and gets a twentieth of its quota back each second. One throttle is forgiven after ten seconds.
const RECOVERY_PER_SECOND: f64 = 0.05;
/// Complaints within this time are one: calls in flight together are throttled together. It is also
/// what keeps a bucket from coming to rest: halved once a second, the speed tends to the recovery of
/// that second, a twentieth of the quota.
const ONE_COMPLAINT: Duration = Duration::from_secs(1);
/// The least of a token that counts as missing. Below lies the dust of floating point.
const DUST: f64 = 1e-6;

/// How many calls a bucket allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// How many at once, after a pause. At least one.
    pub burst: u32,
    /// How many per second, in the long run. More than zero.
    pub per_second: f64,
}

/// Token buckets by name. Names without a quota of their own share one.
///
/// # Guarantees
/// - Each bucket lets callers through in the order in which they asked.
/// - Buckets do not wait for each other.
///
/// ```
/// # use coxswain_runtime::{Limiter, Quota};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let reads = Quota { burst: 100, per_second: 20.0 };
/// let writes = Quota { burst: 50, per_second: 5.0 };
/// let limiter = Limiter::new([("writes", writes)], reads);
/// limiter.acquire(&"writes").await;
/// limiter.throttled(&"writes"); // the service has answered that this was one too many
/// # }
/// ```
#[derive(Debug)]
pub struct Limiter<B> {
    buckets: HashMap<B, Bucket>,
    shared: Bucket,
}

impl<B: Eq + Hash> Limiter<B> {
    /// A limiter with a full bucket for each of `quotas`, and one of `shared` for all other names.
    pub fn new(quotas: impl IntoIterator<Item = (B, Quota)>, shared: Quota) -> Self {
        let buckets = quotas.into_iter().map(|(name, quota)| (name, Bucket::new(quota))).collect();
        Self { buckets, shared: Bucket::new(shared) }
    }

    /// Waits until a call of `bucket` is allowed.
    ///
    /// # Cancel safety
    /// A dropped `acquire` has taken no token, and gives up its place.
    pub async fn acquire(&self, bucket: &B) {
        self.bucket(bucket).acquire().await;
    }

    /// Slows `bucket` down: the service has refused a call of it for being one too many.
    pub fn throttled(&self, bucket: &B) {
        self.bucket(bucket).level().throttle(Instant::now());
    }

    fn bucket(&self, name: &B) -> &Bucket {
        self.buckets.get(name).unwrap_or(&self.shared)
    }
}

#[derive(Debug)]
struct Bucket {
    /// Held by the caller whose turn it is; tokio's mutex is fair.
    turn: tokio::sync::Mutex<()>,
    level: Mutex<Level>,
}

impl Bucket {
    fn new(quota: Quota) -> Self {
        let quota = Quota { burst: quota.burst.max(1), per_second: quota.per_second.max(f64::MIN_POSITIVE) };
        let level =
            Level { quota, tokens: f64::from(quota.burst), speed: 1.0, at: Instant::now(), slowed_at: None };
        Self { turn: tokio::sync::Mutex::new(()), level: Mutex::new(level) }
    }

    fn level(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn acquire(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let missing = self.level().take(Instant::now());
            match missing {
                None => return,
                // It may have been throttled meanwhile, so look again.
                Some(wait) => sleep(wait).await,
            }
        }
    }
}

/// What is in a bucket, and how fast it refills.
#[derive(Debug)]
struct Level {
    quota: Quota,
    tokens: f64,
    /// The part of the quota's speed at which it refills: a twentieth at least, 1 at most.
    speed: f64,
    at: Instant,
    slowed_at: Option<Instant>,
}

impl Level {
    /// Takes a token, or says how long until there is one.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        self.refill(now);
        if self.tokens >= 1.0 - DUST {
            self.tokens -= 1.0;
            return None;
        }
        let seconds = self.time_to_gain((1.0 - self.tokens) / self.quota.per_second);
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(crate::MAX_DELAY).min(crate::MAX_DELAY))
    }

    fn throttle(&mut self, now: Instant) {
        self.refill(now);
        // The service's bucket is empty, so ours must have been too full.
        self.tokens = self.tokens.min(0.0);
        if self.slowed_at.is_none_or(|at| now.saturating_duration_since(at) >= ONE_COMPLAINT) {
            self.speed *= DECREASE;
            self.slowed_at = Some(now);
        }
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        let recovering = seconds.min(self.time_to_full_speed());
        let gained = self.gained_while_recovering(recovering) + (seconds - recovering);
        self.tokens = (self.tokens + gained * self.quota.per_second).min(f64::from(self.quota.burst));
        self.speed = (self.speed + RECOVERY_PER_SECOND * recovering).min(1.0);
        self.at = now;
    }

    /// In seconds.
    fn time_to_full_speed(&self) -> f64 {
        (1.0 - self.speed) / RECOVERY_PER_SECOND
    }

    /// What a bucket of one token per second gains: the area under a speed that grows evenly.
    fn gained_while_recovering(&self, seconds: f64) -> f64 {
        self.speed * seconds + RECOVERY_PER_SECOND * seconds * seconds / 2.0
    }

    /// The inverse of what [`Self::refill`] gains, in seconds.
    fn time_to_gain(&self, gain: f64) -> f64 {
        let recovering = self.time_to_full_speed();
        let gained = self.gained_while_recovering(recovering);
        if gain >= gained {
            return recovering + (gain - gained);
        }
        let root = self.speed.mul_add(self.speed, 2.0 * RECOVERY_PER_SECOND * gain).sqrt();
        (root - self.speed) / RECOVERY_PER_SECOND
    }
}

#[cfg(test)]
mod tests;
