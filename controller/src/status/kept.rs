//! A value in memory together with its entry in the store.

use coxswain_manifest::Key;
use coxswain_store::{StoreError, Version};
use serde::{Serialize, de::DeserializeOwned};

use super::memory::{Memory, MemoryError, Part};
use crate::at_rest::AtRest;

/// A value and what is known of its entry.
#[derive(Debug, Clone)]
pub(crate) struct Kept<T> {
    value: AtRest<T>,
    entry: EntryState,
    /// Whether the value has changes that the store does not.
    is_dirty: bool,
}

#[derive(Debug, Clone)]
enum EntryState {
    /// The store has not been asked, or has not answered.
    Unread,
    /// It was read: there was none, or this version.
    Known(Option<Version>),
    /// It is there and this version cannot read it; it is left alone.
    Unreadable,
}

impl<T: Clone + PartialEq + Serialize + DeserializeOwned + Sync + 'static> Kept<T> {
    /// A value whose entry has not been read.
    pub(crate) fn unread(value: T) -> Self {
        Self { value: AtRest::new(value), entry: EntryState::Unread, is_dirty: false }
    }

    /// The value.
    pub(crate) fn value(&self) -> T {
        self.value.get()
    }

    /// Reads the entry, once; the value is then what the store has.
    pub(crate) async fn load(&mut self, part: Part, key: &Key, memory: &Memory) {
        if !matches!(self.entry, EntryState::Unread) {
            return;
        }
        match memory.read(part, key).await {
            Ok(Some((value, version))) => {
                self.value = AtRest::new(value);
                self.entry = EntryState::Known(Some(version));
            }
            Ok(None) => self.entry = EntryState::Known(None),
            Err(MemoryError::Store(StoreError::Unavailable { .. })) => {
                tracing::warn!(object = %key, ?part, "cannot be read from the store yet");
            }
            Err(error) => {
                tracing::warn!(object = %key, ?part, error = %chain(&error), "cannot be read and is left alone");
                self.entry = EntryState::Unreadable;
            }
        }
    }

    /// Reads the entry anew before it is written again: others may have written it meanwhile.
    pub(crate) fn doubt(&mut self) {
        self.entry = EntryState::Unread;
        self.is_dirty = false;
    }

    /// Puts another value in its place, to be written by [`Self::save`].
    pub(crate) fn change(&mut self, value: T) {
        self.renew(value);
        self.is_dirty = true;
    }

    /// Puts another value in its place, which is not worth writing by itself.
    pub(crate) fn renew(&mut self, value: T) {
        self.value = AtRest::new(value);
    }

    /// Writes the value where the store does not have it; what fails is tried again the next time.
    pub(crate) async fn save(&mut self, part: Part, key: &Key, memory: &Memory) {
        let EntryState::Known(known) = &self.entry else { return };
        if !self.is_dirty {
            return;
        }
        match memory.write(part, key, &self.value(), known.as_ref()).await {
            Ok(version) => {
                self.entry = EntryState::Known(Some(version));
                self.is_dirty = false;
            }
            Err(error) => {
                tracing::warn!(object = %key, ?part, error = %chain(&error), "cannot be stored; tried again at the next look");
            }
        }
    }
}

/// An error and its causes, each said once.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let levels = std::iter::successors(Some(error), |error| error.source());
    levels.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
