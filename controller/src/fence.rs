//! The fence before every write: of AWS, and of what one replica alone may write in the store.

use std::sync::Arc;

use async_trait::async_trait;
use coxswain_store::{Entry, Expect, Operation as StoreOperation, Path, Store, StoreError, Version};
use serde_json::Value;

use crate::{
    authority::{Authority, Leadership, Right, Withheld},
    aws::{Aws, AwsError, Failure, Operation},
};

/// AWS that is written to under an authority only. It stands behind the rate limits, so that it is asked
/// after the wait for them.
#[derive(Debug)]
pub(crate) struct Fenced<A> {
    inner: A,
    authority: Authority,
}

impl<A> Fenced<A> {
    pub(crate) fn new(inner: A, authority: Authority) -> Self {
        Self { inner, authority }
    }
}

#[async_trait]
impl<A: Aws> Aws for Fenced<A> {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        if !operation.only_reads()
            && let Err(withheld) = self.authority.may_send().await
        {
            tracing::warn!(%operation, reason = %withheld, "withheld");
            return Err(AwsError { operation, failure: Failure::Withheld(withheld), request_id: None });
        }
        self.inner.call(operation, input).await
    }
}

/// A store that is written to while somebody's right lasts; everybody may read.
#[derive(Debug)]
pub struct FencedStore {
    inner: Arc<dyn Store>,
    right: Arc<dyn Right>,
}

impl FencedStore {
    /// Writes as long as this replica leads, in whichever term.
    pub fn of_leader(inner: Arc<dyn Store>, leadership: Leadership) -> Self {
        Self { inner, right: Arc::new(leadership) }
    }

    /// Writes in one term only.
    pub(crate) fn of_term(inner: Arc<dyn Store>, authority: Authority) -> Self {
        Self { inner, right: Arc::new(authority) }
    }

    fn may(&self, operation: StoreOperation, path: &Path) -> Result<(), StoreError> {
        self.right.may_write().map_err(|withheld: Withheld| StoreError::Unavailable {
            operation,
            subject: path.to_string(),
            in_doubt: false,
            source: withheld.into(),
        })
    }
}

#[async_trait]
impl Store for FencedStore {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        self.inner.get(path).await
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        self.may(StoreOperation::Put, path)?;
        self.inner.put(path, bytes, expect).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        self.may(StoreOperation::Delete, path)?;
        self.inner.delete(path, expect).await
    }
}
