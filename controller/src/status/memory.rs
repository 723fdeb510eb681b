//! Status and history in the store, so that transition times and rollouts survive a restart.

use std::sync::Arc;

use coxswain_manifest::Key;
use coxswain_store::{Expect, Path, Remedy, Store, StoreError, Version};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::source::SourceStatus;

/// The layout of both kinds of entry that this version writes and reads.
const SCHEMA: u64 = 1;

/// Where what is said of the manifests is kept.
const SOURCE_PATH: &str = "v1/source/status.json";

/// Which of an object's two entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Status,
    History,
}

impl Part {
    fn folder(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::History => "history",
        }
    }
}

/// Why an entry is not usable or was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryError {
    #[error("the name cannot be a path of the store")]
    Path(#[from] coxswain_store::PathError),
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("it is not JSON of the expected form")]
    Form(#[from] serde_json::Error),
    #[error("it has schema {found}, this version knows {SCHEMA}")]
    Schema { found: Value },
}

/// Where status and history are kept.
#[derive(Debug)]
pub(crate) struct Memory {
    store: Arc<dyn Store>,
}

impl Memory {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// What is kept, and the version to name when replacing it.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        part: Part,
        key: &Key,
    ) -> Result<Option<(T, Version)>, MemoryError> {
        self.read_at(&path(part, key)?).await
    }

    /// What is kept of the manifests' status.
    pub(crate) async fn read_source(&self) -> Result<Option<(SourceStatus, Version)>, MemoryError> {
        self.read_at(&Path::new(SOURCE_PATH)?).await
    }

    async fn read_at<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<(T, Version)>, MemoryError> {
        let Some(entry) = self.store.get(path).await? else { return Ok(None) };
        let mut value: Value = serde_json::from_slice(&entry.bytes)?;
        let found = value.get("schema").cloned().unwrap_or(Value::Null);
        if found.as_u64() != Some(SCHEMA) {
            return Err(MemoryError::Schema { found });
        }
        let kept = value.get_mut("value").map(Value::take).unwrap_or_default();
        Ok(Some((serde_json::from_value(kept)?, entry.version)))
    }

    /// Replaces what is kept. Where another version stands than was known, it is replaced all the same:
    /// both say what was seen last, and there is one writer.
    pub(crate) async fn write<T: Serialize + Sync>(
        &self,
        part: Part,
        key: &Key,
        value: &T,
        known: Option<&Version>,
    ) -> Result<Version, MemoryError> {
        self.write_at(&path(part, key)?, value, known).await
    }

    /// Replaces what is kept of the manifests' status.
    pub(crate) async fn write_source(&self, status: &SourceStatus) -> Result<(), MemoryError> {
        let path = Path::new(SOURCE_PATH)?;
        let known = self.store.get(&path).await?;
        self.write_at(&path, status, known.as_ref().map(|entry| &entry.version)).await?;
        Ok(())
    }

    async fn write_at<T: Serialize + Sync>(
        &self,
        path: &Path,
        value: &T,
        known: Option<&Version>,
    ) -> Result<Version, MemoryError> {
        let bytes = serde_json::to_vec_pretty(&serde_json::json!({ "schema": SCHEMA, "value": value }))?;
        let expect = known.map_or(Expect::Absent, |version| Expect::Version(version.clone()));
        match self.store.put(path, bytes.clone(), expect).await {
            Ok(version) => Ok(version),
            Err(error) if error.remedy() == Remedy::ReadAgain => {
                let current = self.store.get(path).await?;
                Ok(self.store.put(path, bytes, Expect::from(current.as_ref())).await?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn path(part: Part, key: &Key) -> Result<Path, coxswain_store::PathError> {
    Path::new(format!("v1/{}/{}/{}/{}.json", key.environment, part.folder(), key.kind.lowercase(), key.name))
}
