//! Bundles from a shelf: asked for by polling, handed over where the pointer has moved.

use std::sync::Arc;

use async_trait::async_trait;
use coxswain_manifest::{Bundle, Pointer};

use super::{
    ReadError, Reading, Source,
    poll::{Poll, PollOutcome, Polling, Told},
    shelf::{Kept, Look, Mark, Shelf, ShelfError},
};

/// What was refused is read again after so many turns with the same pointer, then after twice as many, ...
const FIRST_RECHECK: u32 = 4;
/// ... down to this.
const LAST_RECHECK: u32 = 64;

/// Bundles from a shelf.
///
/// # Guarantees
/// - A look costs one call while the pointer stays where it is.
/// - What the pointer leads to is handed over once. Where it was refused it is read again from time to
///   time, for it may be put right under the same pointer; that is told only where it makes a difference.
#[derive(Debug)]
pub struct PolledShelf {
    shelf: Arc<dyn Shelf>,
    environment: String,
    poll: Poll,
    seen: Option<Mark>,
    told: Told,
    recheck: Recheck,
}

/// When what was refused is read again. Units: turns.
#[derive(Debug)]
struct Recheck {
    wait: u32,
    left: u32,
}

impl Recheck {
    fn new() -> Self {
        Self { wait: FIRST_RECHECK, left: FIRST_RECHECK }
    }

    /// Counts a turn; whether it is time.
    fn is_due(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        let is_due = self.left == 0;
        if is_due {
            self.wait = (self.wait * 2).min(LAST_RECHECK);
            self.left = self.wait;
        }
        is_due
    }
}

impl PolledShelf {
    /// Bundles of that environment.
    pub fn new(shelf: Arc<dyn Shelf>, environment: impl Into<String>, polling: Polling) -> Self {
        Self {
            shelf,
            environment: environment.into(),
            poll: Poll::new(polling),
            seen: None,
            told: Told::default(),
            recheck: Recheck::new(),
        }
    }

    /// One look: nothing where the pointer is where it was.
    async fn look(&mut self) -> Result<Option<Box<Bundle>>, ReadError> {
        let again = match self.told.last() {
            Some(Ok(())) => false,
            Some(Err(error)) => error.is_unreachable() || self.recheck.is_due(),
            None => true,
        };
        let known = self.seen.as_ref().filter(|_| !again);
        let (bytes, mark) = match self.shelf.pointer(known).await.map_err(|error| self.unreachable(&error))? {
            Look::Found { bytes, mark, .. } => (bytes, mark),
            Look::Unchanged => return Ok(None),
            Look::Nothing => {
                self.seen = None;
                return Err(ReadError::NothingPublished { place: self.shelf.describe() });
            }
        };
        let bundle = self.open(&bytes).await;
        // What could not be reached is asked for again at the next turn; all else by the pointer's next move.
        if !matches!(&bundle, Err(error) if error.is_unreachable()) {
            if self.seen.as_ref() != Some(&mark) {
                self.recheck = Recheck::new();
            }
            self.seen = Some(mark);
        }
        bundle.map(Some)
    }

    async fn open(&self, pointer: &[u8]) -> Result<Box<Bundle>, ReadError> {
        let pointer = Pointer::parse(pointer, &self.environment, None).map_err(ReadError::Refused)?;
        match self.shelf.bundle(&pointer).await.map_err(|error| self.unreachable(&error))? {
            Kept::Whole(bytes) => pointer.open(&bytes, None).map(Box::new).map_err(ReadError::Refused),
            Kept::Missing => Err(ReadError::Missing { place: self.shelf.describe(), digest: pointer.digest }),
            Kept::Broken { why } => Err(ReadError::Broken { digest: pointer.digest, why }),
        }
    }

    fn unreachable(&self, error: &ShelfError) -> ReadError {
        ReadError::unreachable(self.shelf.describe(), error)
    }
}

#[async_trait]
impl Source for PolledShelf {
    fn describe(&self) -> String {
        self.shelf.describe()
    }

    fn is_local(&self) -> bool {
        false
    }

    async fn next(&mut self) -> Result<Reading, ReadError> {
        loop {
            self.poll.turn().await;
            let looked = self.look().await;
            self.poll.done(PollOutcome::of(&looked));
            if let Some(news) = self.told.news(looked) {
                return news.map(Reading::Bundle);
            }
        }
    }
}

#[cfg(test)]
mod tests;
