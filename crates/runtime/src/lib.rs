//! The machinery under a reconciler: what to look at next, how many at once, how often, and when to stop.
//!
//! Start with [`Queue`] (keys to look at, and when) and [`Runner`] (looks at them). Beside these stand
//! [`Batcher`] and [`Limiter`] for calls to a service with quotas, [`Backoffs`] and [`retry`] for calls
//! that fail, [`Lease`] for which of several replicas may act, [`Clock`] for what time it is, and
//! [`Drain`] for the end. Nothing here knows what a key names. Everything waits on tokio's clock, so a test on paused time sees all of it move together.
//!
//! ```
//! use std::{num::NonZeroUsize, sync::Arc, time::Duration};
//! use coxswain_runtime::{Backoffs, Drain, NextLook, Policy, Queue, Runner, SystemClock};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let queue = Queue::new();
//! queue.add("service/api");
//!
//! let policy = Policy { base: Duration::from_secs(1), max: Duration::from_mins(5) };
//! let backoffs = Backoffs::new(policy, fastrand::Rng::new());
//! let runner = Runner::new(queue, NonZeroUsize::MIN, backoffs, Arc::new(SystemClock));
//! let drain = Drain::new();
//! let watch = drain.watch();
//! let drained = runner.run(watch, Duration::from_secs(20), move |key| {
//!     println!("looking at {key}");
//!     drain.signal(); // usually at SIGTERM
//!     async { NextLook::In(Duration::from_mins(3)) }
//! });
//! assert!(drained.await.abandoned.is_empty());
//! # }
//! ```

mod backoff;
mod batch;
mod clock;
mod drain;
mod lease;
mod queue;
mod rate;
mod runner;

pub use backoff::{Backoffs, Policy, retry};
pub use batch::{BatchError, Batcher, Window};
pub use clock::{Clock, SystemClock, TokioClock};
pub use drain::{Drain, DrainWatch, Unfinished};
pub use lease::{InvalidTimes, Lease, LeaseReport, LeaseTimes, LeaseView, Term};
pub use queue::{Depth, MAX_DELAY, Queue, Work};
pub use rate::{Limiter, Quota};
pub use runner::{Drained, NextLook, Runner};
