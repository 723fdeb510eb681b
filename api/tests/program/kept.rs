//! What a directory of events holds, read as any consumer would.

use std::collections::BTreeMap;

use coxswain_store::{DirectoryStore, Expect, Path, Store};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// Every event in a directory, by its path.
pub(crate) fn kept(directory: &std::path::Path) -> BTreeMap<String, Value> {
    runtime().block_on(async {
        let store = DirectoryStore::open(directory).await.unwrap();
        let mut events = BTreeMap::new();
        for path in store.list("").await.unwrap() {
            let entry = store.get(&path).await.unwrap().unwrap();
            events.insert(path.to_string(), serde_json::from_slice(&entry.bytes).unwrap());
        }
        events
    })
}

/// Puts something that is no event where one would be kept.
pub(crate) fn occupy(directory: &std::path::Path, path: &str) {
    runtime().block_on(async {
        let store = DirectoryStore::open(directory).await.unwrap();
        store.put(&Path::new(path).unwrap(), b"{}".to_vec(), Expect::Absent).await.unwrap();
    });
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}
