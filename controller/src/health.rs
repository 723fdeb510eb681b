//! Whether what the controller depends on answers: seen by the calls that it makes anyway.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use coxswain_runtime::Clock;
use coxswain_store::{Entry, Expect, Path, Store, StoreError, Version};
use jiff::Timestamp;
use serde_json::Value;

use crate::aws::{Aws, AwsError, Failure, Operation};

/// When something answered last, and when it did not. Clones share it.
#[derive(Debug, Clone)]
pub struct Pulse {
    beats: Arc<Mutex<Beats>>,
    clock: Arc<dyn Clock>,
}

/// What is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beats {
    /// When it answered last.
    pub answered_at: Option<Timestamp>,
    /// When it last did not, and what was said; nothing where it has answered since.
    pub failed: Option<(Timestamp, String)>,
}

impl Beats {
    /// Whether it answered the last time it was asked.
    pub fn is_well(&self) -> bool {
        self.failed.is_none()
    }
}

impl Pulse {
    /// Of something that was not asked yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { beats: Arc::default(), clock }
    }

    /// What is known now.
    pub fn beats(&self) -> Beats {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answered(&self) {
        let answered_at = Some(self.clock.now());
        *self.beats.lock().unwrap_or_else(PoisonError::into_inner) = Beats { answered_at, failed: None };
    }

    fn failed(&self, why: String) {
        let now = self.clock.now();
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).failed = Some((now, why));
    }
}

/// AWS whose answers are watched.
#[derive(Debug)]
pub struct WatchedAws<A> {
    inner: A,
    pulse: Pulse,
}

impl<A> WatchedAws<A> {
    /// Watches the answers of `inner`.
    pub fn new(inner: A, pulse: Pulse) -> Self {
        Self { inner, pulse }
    }
}

#[async_trait]
impl<A: Aws> Aws for WatchedAws<A> {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        let answer = self.inner.call(operation, input).await;
        match &answer {
            Err(error) if !speaks_of_the_request(&error.failure) => self.pulse.failed(error.to_string()),
            _ => self.pulse.answered(),
        }
        answer
    }
}

/// Whether AWS works and only this request was not to be.
fn speaks_of_the_request(failure: &Failure) -> bool {
    matches!(failure, Failure::NotFound { .. } | Failure::Conflict { .. } | Failure::Invalid { .. })
}

/// A store whose answers are watched.
#[derive(Debug)]
pub struct WatchedStore {
    inner: Arc<dyn Store>,
    pulse: Pulse,
}

impl WatchedStore {
    /// Watches the answers of `inner`.
    pub fn new(inner: Arc<dyn Store>, pulse: Pulse) -> Self {
        Self { inner, pulse }
    }

    fn watch<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match &answer {
            Err(error @ StoreError::Unavailable { .. }) => self.pulse.failed(crate::status::chain(error)),
            _ => self.pulse.answered(),
        }
        answer
    }
}

#[async_trait]
impl Store for WatchedStore {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        self.watch(self.inner.get(path).await)
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        self.watch(self.inner.put(path, bytes, expect).await)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        self.watch(self.inner.list(prefix).await)
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        self.watch(self.inner.delete(path, expect).await)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use coxswain_runtime::TokioClock;
    use coxswain_store::{
        MemoryStore,
        fault::{Fault, FaultStore},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_dependency_is_well_as_long_as_it_answers_and_its_last_answer_is_known() {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(Timestamp::UNIX_EPOCH));
        let pulse = Pulse::new(clock);
        let faulty = |call: &coxswain_store::fault::Call| match call.number {
            1 => Fault::FailBefore,
            _ => Fault::None,
        };
        let store = FaultStore::new(MemoryStore::new()).before(faulty);
        let store = WatchedStore::new(Arc::new(store), pulse.clone());
        assert!(pulse.beats().is_well() && pulse.beats().answered_at.is_none());
        let path = Path::new("record").unwrap();
        store.get(&path).await.unwrap();
        tokio::time::advance(Duration::from_secs(7)).await;
        store.get(&path).await.unwrap_err();
        let beats = pulse.beats();
        assert_eq!(beats.answered_at, Some(Timestamp::UNIX_EPOCH));
        let (at, why) = beats.failed.unwrap();
        assert_eq!(at.as_second(), 7);
        assert!(why.contains("cannot get `record`"), "{why}");
        let current = store.put(&path, Vec::new(), Expect::Absent).await.unwrap();
        assert!(pulse.beats().is_well());
        store.put(&path, Vec::new(), Expect::Absent).await.unwrap_err();
        assert!(pulse.beats().is_well(), "a conflict is an answer");
        store.delete(&path, current).await.unwrap();
    }
}
