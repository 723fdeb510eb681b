//! What a replica that follows says: what the one that leads has stored, read when somebody asks.

use std::collections::BTreeSet;

use coxswain_manifest::{Key, Kind};
use coxswain_plan::Reason;
use futures::future::try_join_all;

use super::{
    board::StatusBoard,
    document::ServiceStatus,
    memory::{MemoryError, Part},
    source::SourceStatus,
};

/// Entries that are read at once.
const AT_ONCE: usize = 32;

impl StatusBoard {
    /// Takes over what is stored of the manifests, and forgets objects that they no longer name.
    ///
    /// # Errors
    /// Where the store cannot be read: what was said before stands.
    pub(crate) async fn follow_source(&self) -> Result<(), MemoryError> {
        let Some((source, _)) = self.memory().read_source().await? else { return Ok(()) };
        let keys = keys_of(&source);
        self.take_over_source(source, &keys);
        Ok(())
    }

    /// Takes over what is stored of one object.
    ///
    /// # Errors
    /// Where the store cannot be read: what was said before stands.
    pub(crate) async fn follow_object(&self, key: &Key) -> Result<(), MemoryError> {
        if let Some((status, _)) = self.memory().read::<ServiceStatus>(Part::Status, key).await? {
            self.take_over(key, status);
        }
        Ok(())
    }

    /// Takes over what is stored of every object.
    ///
    /// # Errors
    /// Where the store cannot be read; some may have been taken over then.
    pub(crate) async fn follow_objects(&self) -> Result<(), MemoryError> {
        for some in self.keys().chunks(AT_ONCE) {
            let reads: Vec<_> = some.iter().map(|key| self.follow_object(key)).collect();
            try_join_all(reads).await?;
        }
        Ok(())
    }
}

fn keys_of(source: &SourceStatus) -> BTreeSet<Key> {
    let environment = source.environment.as_deref().unwrap_or_default();
    let prefix = format!("{}/", Kind::Service.lowercase());
    let names = source.objects.iter().filter_map(|object| object.strip_prefix(&prefix));
    names.map(|name| Key::service(environment, name)).collect()
}

/// Whether a stored status was made by the manifests that stand: as far as the store alone can tell.
///
/// An object that cannot be used as the manifests stand has no revision of theirs; there the manifests'
/// own faults are asked.
pub(crate) fn is_of(status: &ServiceStatus, source: &SourceStatus) -> bool {
    let object = status.object();
    let is_named = source.objects.contains(&object);
    match status.reason {
        Reason::Orphaned => !is_named,
        Reason::InvalidManifest | Reason::ReferenceUnresolved => {
            let is_it = |of: &Option<String>| of.as_ref() == Some(&object);
            source.problems.iter().any(|problem| !problem.is_warning && is_it(&problem.object))
        }
        _ => is_named && source.revision.is_some() && status.observed_revision == source.revision,
    }
}
