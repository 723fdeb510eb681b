//! What is remembered of each object, in the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use coxswain_manifest::Key;
use coxswain_plan::{RECORD_SCHEMA, Record};
use coxswain_store::{Expect, Path, PathError, Store, StoreError};
use serde_json::Value;

use crate::{at_rest::AtRest, authority::Authority, phase::PhaseError};

/// The records of all objects.
///
/// # Guarantees
/// - A record that cannot be read is an error, never an empty record.
/// - Nothing is written where nothing changed.
/// - A write is conditional on what was read: if somebody else has written since, it fails, what was
///   cached is forgotten, and the next look reads again.
/// - What is written carries the epoch of the term that wrote it. A record of a later term than ours is an
///   error: we are late.
#[derive(Debug)]
pub struct Records {
    store: Arc<dyn Store>,
    /// Nothing where records are only read.
    authority: Option<Authority>,
    cache: Mutex<HashMap<Key, Cached>>,
}

#[derive(Debug, Clone)]
struct Cached {
    record: AtRest<Record>,
    epoch: u64,
    version: Expect,
}

impl Records {
    /// The records in that store, as the authority writes them.
    pub(crate) fn new(store: Arc<dyn Store>, authority: Authority) -> Self {
        Self { store, authority: Some(authority), cache: Mutex::default() }
    }

    /// The records in that store, to be read only.
    pub(crate) fn to_read(store: Arc<dyn Store>) -> Self {
        Self { store, authority: None, cache: Mutex::default() }
    }

    /// The epoch of our term; 0 where epochs mean nothing to us.
    fn epoch(&self) -> u64 {
        self.authority.as_ref().map_or(0, Authority::epoch)
    }

    /// The object's record; a new one where there is none.
    ///
    /// # Errors
    /// [`PhaseError::Record`] where there is one that this version cannot read, [`PhaseError::Late`] where a
    /// later term than ours has written it.
    pub async fn get(&self, key: &Key) -> Result<Record, PhaseError> {
        if let Some(cached) = self.cached(key) {
            return Ok(cached.record.get());
        }
        let path = path(key)?;
        let entry = self.store.get(&path).await.map_err(|error| read_error(&path, error))?;
        let record = match &entry {
            None => Record::new(key.clone()),
            Some(entry) => parse(key, &path, &entry.bytes)?,
        };
        let ours = self.epoch();
        if let Some(authority) = self.authority.as_ref().filter(|_| ours > 0 && record.epoch > ours) {
            authority.outgrow(record.epoch);
            return Err(PhaseError::Late { ours, theirs: record.epoch });
        }
        let version = Expect::from(entry.as_ref());
        self.remember(&record, version);
        Ok(record)
    }

    /// Stores a record, where it differs from what is stored.
    ///
    /// # Errors
    /// [`PhaseError::Store`] where somebody else has written since, or the store does not answer; either
    /// way the next [`Self::get`] reads the store again.
    pub async fn put(&self, record: &Record) -> Result<(), PhaseError> {
        let path = path(&record.key)?;
        let version = match self.cached(&record.key) {
            // Another term alone is no change: a new leader does not write what stands.
            Some(cached) if cached.record.is(&Record { epoch: cached.epoch, ..record.clone() }) => {
                return Ok(());
            }
            Some(cached) => cached.version,
            None => Expect::from(self.store.get(&path).await?.as_ref()),
        };
        let record = &Record { epoch: self.epoch().max(record.epoch), ..record.clone() };
        // Forgotten until the answer is there: after an answer that never came, or a future dropped
        // half-way, the store alone knows.
        self.forget(&record.key);
        let bytes =
            serde_json::to_vec_pretty(record).map_err(|error| unreadable(&path, error.to_string()))?;
        let version = self.store.put(&path, bytes, version).await?;
        self.remember(record, Expect::Version(version));
        Ok(())
    }

    /// The keys of all objects of an environment that have a record.
    pub async fn keys(&self, environment: &str) -> Result<Vec<Key>, StoreError> {
        let prefix = format!("v1/{environment}/records/service/");
        let paths = self.store.list(&prefix).await?;
        let names =
            paths.iter().filter_map(|path| path.as_str().strip_prefix(&prefix)?.strip_suffix(".json"));
        Ok(names.map(|name| Key::service(environment, name)).collect())
    }

    fn cached(&self, key: &Key) -> Option<Cached> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn remember(&self, record: &Record, version: Expect) {
        let cached = Cached { record: AtRest::new(record.clone()), epoch: record.epoch, version };
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(record.key.clone(), cached);
    }

    fn forget(&self, key: &Key) {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn path(key: &Key) -> Result<Path, PhaseError> {
    let text = format!("v1/{}/records/{}/{}.json", key.environment, key.kind.lowercase(), key.name);
    Path::new(&text).map_err(|error: PathError| PhaseError::Record { path: text, problem: error.to_string() })
}

fn parse(key: &Key, path: &Path, bytes: &[u8]) -> Result<Record, PhaseError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| unreadable(path, error.to_string()))?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(RECORD_SCHEMA) => {}
        Some(schema) => {
            let text = format!("it has schema {schema}, this version knows {RECORD_SCHEMA}");
            return Err(unreadable(path, text));
        }
        None => return Err(unreadable(path, "it names no schema".to_owned())),
    }
    let record: Record =
        serde_json::from_value(value).map_err(|error| unreadable(path, error.to_string()))?;
    if record.key != *key {
        return Err(unreadable(path, format!("it is the record of {}", record.key)));
    }
    Ok(record)
}

fn unreadable(path: &Path, problem: String) -> PhaseError {
    PhaseError::Record { path: path.to_string(), problem }
}

fn read_error(path: &Path, error: StoreError) -> PhaseError {
    match error {
        StoreError::Corrupt { damage, .. } => unreadable(path, damage.to_string()),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use coxswain_store::{
        MemoryStore,
        fault::{Fault, FaultStore},
    };
    use jiff::Timestamp;

    use super::*;

    fn key() -> Key {
        Key::service("dev", "api")
    }

    fn changed(record: Record, second: i64) -> Record {
        Record { sent_at: Some(Timestamp::from_second(second).unwrap()), ..record }
    }

    /// What [`changed`] has changed; 0 where nothing.
    fn mark(record: &Record) -> i64 {
        record.sent_at.map_or(0, Timestamp::as_second)
    }

    #[tokio::test]
    async fn an_unchanged_record_is_neither_written_nor_read_again() {
        let store = FaultStore::new(MemoryStore::new());
        let records = Records::to_read(Arc::new(store.clone()));
        let record = changed(records.get(&key()).await.unwrap(), 1);
        records.put(&record).await.unwrap();
        records.put(&record).await.unwrap();
        assert_eq!(records.get(&key()).await.unwrap(), record);
        assert_eq!(store.calls().len(), 2, "one get, one put: {:?}", store.calls());
    }

    #[tokio::test]
    async fn a_write_of_somebody_elses_is_not_overwritten_and_is_read_next_time() {
        let store = Arc::new(MemoryStore::new());
        let (ours, theirs) = (Records::to_read(store.clone()), Records::to_read(store));
        let record = ours.get(&key()).await.unwrap();
        theirs.put(&changed(theirs.get(&key()).await.unwrap(), 2)).await.unwrap();
        let error = ours.put(&changed(record, 1)).await.unwrap_err();
        assert!(matches!(&error, PhaseError::Store(cause) if matches!(**cause, StoreError::Conflict { .. })));
        assert_eq!(mark(&ours.get(&key()).await.unwrap()), 2);
    }

    #[tokio::test]
    async fn after_a_write_in_doubt_the_store_alone_is_believed() {
        for (fault, expected) in [(Fault::FailBefore, 0), (Fault::FailAfter, 1)] {
            let is_put = |operation| operation == coxswain_store::Operation::Put;
            let hook = move |call: &coxswain_store::fault::Call| {
                if is_put(call.operation) { fault } else { Fault::None }
            };
            let records = Records::to_read(Arc::new(FaultStore::new(MemoryStore::new()).before(hook)));
            let record = records.get(&key()).await.unwrap();
            let error = records.put(&changed(record, 1)).await.unwrap_err();
            assert_eq!(error.retry(Timestamp::UNIX_EPOCH), crate::phase::Retry::ObserveFirst);
            assert_eq!(mark(&records.get(&key()).await.unwrap()), expected, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_record_of_this_object_is_an_error_and_never_empty() {
        for text in ["", "{}", r#"{"schema": 2}"#, r#"{"schema": 1, "epoch": 0, "key": "dev/service/web"}"#] {
            let store = Arc::new(MemoryStore::new());
            let path = Path::new("v1/dev/records/service/api.json").unwrap();
            store.put(&path, text.into(), Expect::Absent).await.unwrap();
            let error = Records::to_read(store).get(&key()).await.unwrap_err();
            assert!(matches!(error, PhaseError::Record { .. }), "{text}: {error:?}");
        }
    }

    #[tokio::test]
    async fn the_keys_of_an_environment_are_those_with_a_record() {
        let records = Records::to_read(Arc::new(MemoryStore::new()));
        for key in [Key::service("dev", "api"), Key::service("dev", "web"), Key::service("prod", "db")] {
            records.put(&changed(Record::new(key), 1)).await.unwrap();
        }
        assert_eq!(
            records.keys("dev").await.unwrap(),
            [Key::service("dev", "api"), Key::service("dev", "web")]
        );
    }
}
