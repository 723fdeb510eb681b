//! Small values under paths, written on condition only: the controller's whole memory.
//!
//! Start with [`Store`]. [`S3Store`] keeps entries in a bucket and is safe between machines,
//! [`DirectoryStore`] on a local disk and between processes; [`MemoryStore`] behaves the same within one.
//! [`fault::FaultStore`] wraps any of them, records every call and loses answers on demand.
//!
//! There is no unconditional put: whoever writes says which version it has seen. That makes every
//! write safe to repeat (the second time it meets a conflict) and keeps a writer that has been asleep
//! from undoing the work of the one that took over.
//!
//! ```
//! # use coxswain_store::{Expect, MemoryStore, Path, Store, StoreError};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let path = Path::new("records/prod/Service/api")?;
//! let first = store.put(&path, b"one".into(), Expect::Absent).await?;
//! let second = store.put(&path, b"two".into(), Expect::Version(first.clone())).await?;
//!
//! // A writer that has seen only the first is refused, and told what stands there.
//! let late = store.put(&path, b"late".into(), Expect::Version(first)).await;
//! assert!(matches!(late, Err(StoreError::Conflict { current: Some(current), .. }) if current == second));
//! # Ok(())
//! # }
//! ```

mod directory;
mod envelope;
mod error;
pub mod fault;
mod memory;
mod path;
pub mod s3;
mod version;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

pub use directory::{DirectoryStore, Finding};
pub use envelope::Damage;
pub use error::{Operation, Remedy, StoreError};
pub use memory::MemoryStore;
pub use path::{Path, PathError};
pub use s3::S3Store;
pub use version::{Entry, Expect, Version};

/// A place that keeps bytes under paths and changes them on condition only.
///
/// # Guarantees
/// - A put or delete is atomic: readers see the old entry or the new one, never a part.
/// - Of several writers that expect the same version, exactly one succeeds.
/// - A version never comes back: A, then B, then A again are three versions, and so are an entry and
///   its namesake after a delete.
/// - After a successful answer the change is durable, as far as the medium is.
///
/// # Cancel safety
/// Dropping the future of a `put` or `delete` leaves it in doubt whether the change took effect; it is
/// never half done. Reads have no effect to lose.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// The entry at `path`, or `None` if there is none.
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError>;

    /// Writes `bytes` at `path` if what stands there is as expected, and returns the new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another version stands there, or none. After an
    /// [`StoreError::Unavailable`] that is in doubt, read before writing again.
    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError>;

    /// Every path that begins with `prefix`, character by character as in S3, in byte order.
    ///
    /// The empty prefix names all. End a prefix with `/` to stay under one segment.
    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError>;

    /// Removes the entry at `path` if it still has the version `expect`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another version stands there, or none.
    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: Store + ?Sized> Store for Arc<S> {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        (**self).get(path).await
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        (**self).put(path, bytes, expect).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        (**self).list(prefix).await
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        (**self).delete(path, expect).await
    }
}
