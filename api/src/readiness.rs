//! Whether new work should be sent here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ready from the start, until told otherwise; there is no way back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness {
    ending: Arc<AtomicBool>,
}

impl Readiness {
    /// Says that the program is about to end.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Whether the program is about to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }
}
