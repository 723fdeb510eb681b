//! A shelf that lives as long as the process: for tests and for trying things out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use coxswain_manifest::{Bundle, Pointer};

use super::{Keep, Kept, Look, Mark, Moved, Shelf, ShelfError};

/// A shelf in memory. Clones share what is on it.
#[derive(Debug, Clone, Default)]
pub struct MemoryShelf {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    pointer: Option<Vec<u8>>,
    moves: u64,
    looks: u64,
    bundles: BTreeMap<String, Vec<u8>>,
}

impl MemoryShelf {
    /// An empty shelf.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts these bytes in the place of the pointer, whatever they are; without any, removes it.
    pub fn damage_pointer(&self, bytes: Option<Vec<u8>>) {
        let mut state = self.state();
        state.pointer = bytes;
        state.moves += 1;
    }

    /// Puts these bytes in the place of a bundle, whatever they are; without any, removes it.
    pub fn damage_bundle(&self, key: &str, bytes: Option<Vec<u8>>) {
        let mut state = self.state();
        match bytes {
            Some(bytes) => drop(state.bundles.insert(key.to_owned(), bytes)),
            None => drop(state.bundles.remove(key)),
        }
    }

    /// The pointer's bytes.
    pub fn pointer_bytes(&self) -> Option<Vec<u8>> {
        self.state().pointer.clone()
    }

    /// The bundles by key.
    pub fn bundles(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().bundles.clone()
    }

    /// How often anything was read from it.
    pub fn looks(&self) -> u64 {
        self.state().looks
    }

    /// No code that can panic runs while it is held, so poison means nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Shelf for MemoryShelf {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    async fn pointer(&self, known: Option<&Mark>) -> Result<Look, ShelfError> {
        let mut state = self.state();
        state.looks += 1;
        let mark = Mark::new(state.moves.to_string());
        Ok(match &state.pointer {
            None => Look::Nothing,
            Some(_) if known == Some(&mark) => Look::Unchanged,
            Some(bytes) => Look::Found { bytes: bytes.clone(), mark, taken: 0 },
        })
    }

    async fn bundle(&self, pointer: &Pointer) -> Result<Kept, ShelfError> {
        let mut state = self.state();
        state.looks += 1;
        Ok(state.bundles.get(&pointer.key).map_or(Kept::Missing, |bytes| Kept::Whole(bytes.clone())))
    }

    async fn put_bundle(&self, bundle: &Bundle) -> Result<Pointer, ShelfError> {
        let pointer = Pointer::to(bundle);
        self.state().bundles.insert(pointer.key.clone(), bundle.to_bytes());
        Ok(pointer)
    }

    async fn move_pointer(&self, pointer: &Pointer, seen: Option<&Mark>) -> Result<Moved, ShelfError> {
        let mut state = self.state();
        let stands = state.pointer.as_ref().map(|_| Mark::new(state.moves.to_string()));
        if stands.as_ref() != seen {
            return Ok(Moved::Overtaken);
        }
        state.pointer = Some(pointer.to_bytes());
        state.moves += 1;
        Ok(Moved::Done)
    }

    async fn tidy(&self, _: &Pointer, _: &Keep) -> Result<(), ShelfError> {
        Ok(())
    }
}
