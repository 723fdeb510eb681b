//! The machinery under a reconciler: what to look at next, how many at once, how often, and when to stop.
//!
//! Start with [`Queue`] (keys to look at, and when) and [`Runner`] (looks at them). Beside these stand
//! [`Batcher`] and [`Limiter`] for calls to a service with quotas, [`Backoffs`] and [`retry`] for calls
//! that fail, [`Clock`] for what time it is, and [`Drain`] for the end. Nothing here knows what a key
//! names. Everything waits on tokio's clock, so a test on paused time sees all of it move together.

mod backoff;
mod batch;
mod clock;
mod drain;
mod queue;
mod rate;
mod runner;

pub use backoff::{Backoffs, Policy, retry};
pub use batch::{BatchError, Batcher, Window};
pub use clock::{Clock, SystemClock, TokioClock};
pub use drain::{Drain, DrainWatch, Unfinished};
pub use queue::{Depth, MAX_DELAY, Queue, Work};
pub use rate::{Limiter, Quota};
pub use runner::{Drained, NextLook, Runner};
