//! A store that lives as long as the process: for tests and for trying things out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Entry, Expect, Path, Store, StoreError, Version};

/// A store in memory. Clones share their entries.
///
/// Versions count up from 1 over the whole store, so that the same calls give the same versions.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Path, Entry>,
    writes: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The entries; no code that can panic runs while they are held, so poison means nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self, path: &Path, expect: &Expect) -> Result<(), StoreError> {
        let current = self.entries.get(path).map(|entry| &entry.version);
        if expect.is_met_by(current) {
            return Ok(());
        }
        Err(StoreError::Conflict { path: path.clone(), current: current.cloned() })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        Ok(self.state().entries.get(path).cloned())
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        let mut state = self.state();
        state.check(path, &expect)?;
        state.writes += 1;
        let version = Version::new(&state.writes.to_string());
        state.entries.insert(path.clone(), Entry { bytes, version: version.clone() });
        Ok(version)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        let state = self.state();
        Ok(state.entries.keys().filter(|path| path.as_str().starts_with(prefix)).cloned().collect())
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        let mut state = self.state();
        state.check(path, &Expect::Version(expect))?;
        state.entries.remove(path);
        Ok(())
    }
}
