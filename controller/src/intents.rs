//! What people asked for: records of their own in the store, read by the next look and then consumed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use coxswain_manifest::Key;
use coxswain_plan::{Plan, Reason};
use coxswain_store::{Expect, Path, PathError, Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    authority::{Authority, Right as _},
    phase::PhaseError,
};

/// The layout of [`Intent`] that this version writes and reads.
pub const INTENT_SCHEMA: u32 = 1;

/// How long a consumed intent is kept, so that a client that never heard the answer and asks again by
/// the same id asks for nothing new.
const CONSUMED_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What a person can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IntentKind {
    /// Try what is held once more.
    Retry,
    /// Look now.
    Reconcile,
}

/// Something that a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intent {
    /// [`INTENT_SCHEMA`].
    pub schema: u32,
    /// The client's id: the same id is the same intent. It is a segment of a store's path.
    pub id: String,
    /// What is asked for.
    pub kind: IntentKind,
    /// Of which object.
    pub key: Key,
    /// Why, in the person's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it was taken.
    pub at: Timestamp,
    /// When a look had followed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumed_at: Option<Timestamp>,
}

/// Why an intent was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The id cannot be a name in the store.
    #[error("the id cannot be used")]
    Id(#[from] PathError),
    /// The id was used for something else.
    #[error("the id {0} was used for another intent")]
    Reused(String),
    /// The store did not take it, or not for certain; the same intent may be submitted again.
    #[error("the store did not take the intent")]
    Store(#[from] StoreError),
}

/// What was asked of one object, as it was found.
#[derive(Debug, Default)]
pub struct Wish {
    intents: Vec<Intent>,
}

impl Wish {
    /// Whether what is held shall be tried again.
    pub fn is_retry(&self) -> bool {
        self.intents.iter().any(|intent| intent.kind == IntentKind::Retry)
    }
}

/// The intents in the store.
///
/// Those not yet consumed are kept in memory, so that a look costs the store nothing; [`Self::load`]
/// reads what other processes have written.
#[derive(Debug)]
pub struct Intents {
    store: Arc<dyn Store>,
    pending: Mutex<BTreeMap<Path, Intent>>,
    /// Those that were read and found consumed, with the time: they need not be read again.
    consumed: Mutex<BTreeMap<Path, Timestamp>>,
    /// One at a time reads or writes the store, so that what was read before it was consumed is not
    /// taken for pending after it.
    turn: tokio::sync::Mutex<()>,
}

impl Intents {
    /// The intents in that store; none is known before [`Self::load`].
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            pending: Mutex::default(),
            consumed: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Forgets what is known, and leaves it to [`Self::load`] to find out anew.
    pub(crate) fn forget(&self) {
        self.pending().clear();
        lock(&self.consumed).clear();
    }

    /// Reads an environment's intents that are not known yet, returns the keys that wait for a look, and forgets those that were
    /// consumed long ago.
    pub async fn load(&self, environment: &str, now: Timestamp) -> Result<Vec<Key>, StoreError> {
        let _turn = self.turn.lock().await;
        for path in self.store.list(&format!("v1/{environment}/intents/")).await? {
            let is_old = |at: &Timestamp| now.duration_since(*at) > CONSUMED_KEPT;
            let is_consumed = lock(&self.consumed).get(&path).is_some_and(|at| !is_old(at));
            if is_consumed || self.pending().contains_key(&path) {
                continue;
            }
            let Some(entry) = self.store.get(&path).await? else { continue };
            let intent = match serde_json::from_slice::<Intent>(&entry.bytes) {
                Ok(intent) if intent.schema == INTENT_SCHEMA => intent,
                Ok(_) | Err(_) => {
                    tracing::warn!(%path, reason = "Unreadable", "an intent that this version cannot read is left alone");
                    continue;
                }
            };
            match intent.consumed_at {
                None => drop(self.pending().insert(path, intent)),
                Some(at) if is_old(&at) => {
                    self.store.delete(&path, entry.version).await?;
                    lock(&self.consumed).remove(&path);
                }
                Some(at) => drop(lock(&self.consumed).insert(path, at)),
            }
        }
        Ok(self.pending().values().map(|intent| intent.key.clone()).collect())
    }

    /// Takes an intent; `false` where the same one was taken before.
    pub async fn submit(&self, intent: Intent) -> Result<bool, SubmitError> {
        let path = path(&intent)?;
        let bytes = encode(&intent)?;
        let _turn = self.turn.lock().await;
        match self.store.put(&path, bytes, Expect::Absent).await {
            Ok(_) => {
                self.pending().insert(path, intent);
                Ok(true)
            }
            Err(StoreError::Conflict { .. }) => {
                let known = self.store.get(&path).await?;
                let known = known.and_then(|entry| serde_json::from_slice::<Intent>(&entry.bytes).ok());
                let is_same = known.is_some_and(|known| known.kind == intent.kind && known.key == intent.key);
                if is_same { Ok(false) } else { Err(SubmitError::Reused(intent.id)) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What was asked of that object and not yet followed.
    pub fn wish(&self, key: &Key) -> Wish {
        Wish { intents: self.pending().values().filter(|intent| intent.key == *key).cloned().collect() }
    }

    /// Consumes what was asked, once a plan made with it was carried out to its end.
    ///
    /// If we die before it, the next look follows the intent once more, from a record that already says
    /// what was sent: nothing is tried twice. While a call is in doubt the intent stays: a retry that
    /// never arrived would be lost with it.
    pub(crate) async fn consume(
        &self,
        wish: Wish,
        plan: &Plan,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<(), PhaseError> {
        let is_in_doubt = plan.conditions.iter().any(|condition| condition.reason == Reason::OutcomeUnknown);
        if is_in_doubt {
            return Ok(());
        }
        // A leader that is late leaves it to the one that leads now.
        authority.may_write().map_err(PhaseError::Deposed)?;
        self.close(wish, now).await
    }

    async fn close(&self, wish: Wish, now: Timestamp) -> Result<(), PhaseError> {
        if wish.intents.is_empty() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        for intent in wish.intents {
            let Ok(path) = path(&intent) else { continue };
            if let Some(entry) = self.store.get(&path).await? {
                let consumed = Intent { consumed_at: Some(now), ..intent };
                let bytes = encode(&consumed)?;
                self.store.put(&path, bytes, Expect::Version(entry.version)).await?;
            }
            self.pending().remove(&path);
            lock(&self.consumed).insert(path, now);
        }
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<Path, Intent>> {
        lock(&self.pending)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path(intent: &Intent) -> Result<Path, PathError> {
    Path::new(format!("v1/{}/intents/{}.json", intent.key.environment, intent.id))
}

fn encode(intent: &Intent) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec_pretty(intent).map_err(|error| StoreError::Unavailable {
        operation: coxswain_store::Operation::Put,
        subject: intent.id.clone(),
        in_doubt: false,
        source: error.into(),
    })
}

#[cfg(test)]
mod tests {
    use coxswain_store::MemoryStore;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn retry(id: &str) -> Intent {
        Intent {
            schema: INTENT_SCHEMA,
            id: id.to_owned(),
            kind: IntentKind::Retry,
            key: Key::service("dev", "api"),
            reason: String::new(),
            at: at(0),
            consumed_at: None,
        }
    }

    #[tokio::test]
    async fn the_same_intent_is_taken_once_also_after_it_was_followed() {
        let intents = Intents::new(Arc::new(MemoryStore::new()));
        assert!(intents.submit(retry("one")).await.unwrap());
        assert!(!intents.submit(retry("one")).await.unwrap());
        let wish = intents.wish(&retry("one").key);
        assert!(wish.is_retry());
        intents.close(wish, at(1)).await.unwrap();
        assert!(!intents.submit(retry("one")).await.unwrap());
        assert!(!intents.wish(&retry("one").key).is_retry());
        assert!(intents.submit(retry("two")).await.unwrap());
    }

    #[tokio::test]
    async fn an_id_that_meant_something_else_is_refused() {
        let intents = Intents::new(Arc::new(MemoryStore::new()));
        intents.submit(retry("one")).await.unwrap();
        let other = Intent { key: Key::service("dev", "web"), ..retry("one") };
        assert!(matches!(intents.submit(other).await, Err(SubmitError::Reused(_))));
        assert!(matches!(intents.submit(retry("../up")).await, Err(SubmitError::Id(_))));
    }

    #[tokio::test]
    async fn another_process_finds_what_was_not_followed_and_forgets_what_was_long_ago() {
        let store = Arc::new(MemoryStore::new());
        let first = Intents::new(store.clone());
        first.submit(retry("followed")).await.unwrap();
        first.close(first.wish(&retry("followed").key), at(1)).await.unwrap();
        first.submit(retry("waiting")).await.unwrap();

        let second = Intents::new(store.clone());
        assert_eq!(second.load("dev", at(60)).await.unwrap(), [retry("waiting").key]);
        assert_eq!(store.list("v1/dev/intents/").await.unwrap().len(), 2);
        second.load("dev", at(2 * 24 * 60 * 60)).await.unwrap();
        assert_eq!(store.list("v1/dev/intents/").await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_intent_that_cannot_be_read_is_left_alone() {
        let store = Arc::new(MemoryStore::new());
        let path = Path::new("v1/dev/intents/odd.json").unwrap();
        store.put(&path, b"{}".to_vec(), Expect::Absent).await.unwrap();
        assert!(Intents::new(store.clone()).load("dev", at(0)).await.unwrap().is_empty());
        assert!(store.get(&path).await.unwrap().is_some());
    }
}
