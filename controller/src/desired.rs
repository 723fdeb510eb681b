//! What the manifests ask, resolved: one value for each object, changed as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use coxswain_manifest::{Diagnostic, Key};
use coxswain_plan::{Desired, Reason};

use crate::phase::PhaseError;

/// What the manifests ask of one object, or why nothing can be sent as they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// It can be compared with what is live.
    Usable(Arc<Desired>),
    /// Not before the manifest, or what it refers to, is mended.
    Blocked {
        /// `ReferenceUnresolved` or `InvalidManifest`.
        reason: Reason,
        /// What is wrong and where.
        diagnostics: Vec<Diagnostic>,
    },
}

impl Wanted {
    /// Whether both ask the same, whatever the revision of the manifests that they came from.
    fn asks_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Usable(one), Self::Usable(other)) => {
                let one = Desired { revision: other.revision.clone(), ..(**one).clone() };
                one == **other
            }
            (one, other) => one == other,
        }
    }
}

/// The last good desired state of all objects.
#[derive(Debug, Default)]
pub struct DesiredState {
    objects: RwLock<Arc<BTreeMap<Key, Wanted>>>,
}

impl DesiredState {
    /// What is asked of one object.
    ///
    /// # Errors
    /// [`PhaseError::Orphaned`] where nothing is asked, [`PhaseError::Blocked`] where it cannot be used.
    pub fn get(&self, key: &Key) -> Result<Arc<Desired>, PhaseError> {
        match self.all().get(key) {
            Some(Wanted::Usable(desired)) => Ok(desired.clone()),
            Some(Wanted::Blocked { reason, diagnostics }) => {
                Err(PhaseError::Blocked { reason: *reason, diagnostics: diagnostics.clone() })
            }
            None => Err(PhaseError::Orphaned),
        }
    }

    /// All of it.
    pub fn all(&self) -> Arc<BTreeMap<Key, Wanted>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every key, in order.
    pub fn keys(&self) -> Vec<Key> {
        self.all().keys().cloned().collect()
    }

    /// Puts another state in its place, and returns the keys that have to be looked at because of it:
    /// those asked for in another way, and those no longer asked for.
    ///
    /// A revision alone is no change: an object whose manifest stayed the same keeps its plan.
    pub fn replace(&self, objects: BTreeMap<Key, Wanted>) -> BTreeSet<Key> {
        let objects = Arc::new(objects);
        let before = {
            let mut held = self.objects.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, objects.clone())
        };
        let gone = before.keys().filter(|key| !objects.contains_key(*key));
        let is_changed =
            |(key, wanted): &(&Key, &Wanted)| !before.get(*key).is_some_and(|old| wanted.asks_as(old));
        let changed = objects.iter().filter(is_changed).map(|(key, _)| key);
        gone.chain(changed).cloned().collect()
    }
}
