//! What the manifests ask, resolved: one value for each object, changed as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use coxswain_manifest::{Diagnostic, Key};
use coxswain_plan::{Desired, Reason};

use crate::{at_rest::AtRest, phase::PhaseError};

/// What the manifests ask of one object, or why nothing can be sent as they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// It can be compared with what is live.
    Usable(Asked),
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
            (Self::Usable(one), Self::Usable(other)) => one.desired == other.desired,
            (one, other) => one == other,
        }
    }
}

/// What a manifest asks, kept small.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    revision: Arc<str>,
    /// Without its revision: the same manifest in another revision of the whole is the same text.
    desired: AtRest<Desired>,
}

impl Asked {
    /// Keeps it.
    pub fn new(mut desired: Desired) -> Self {
        let revision = std::mem::take(&mut desired.revision).into();
        Self { revision, desired: AtRest::new(desired) }
    }

    /// It, as it was.
    pub fn desired(&self) -> Desired {
        Desired { revision: self.revision.to_string(), ..self.desired.get() }
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
        self.asked(key).map(|asked| Arc::new(asked.desired()))
    }

    /// The revision of the manifest that asks it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn revision(&self, key: &Key) -> Result<Arc<str>, PhaseError> {
        self.asked(key).map(|asked| asked.revision)
    }

    fn asked(&self, key: &Key) -> Result<Asked, PhaseError> {
        match self.all().get(key) {
            Some(Wanted::Usable(asked)) => Ok(asked.clone()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(reason: Reason) -> Wanted {
        Wanted::Blocked { reason, diagnostics: Vec::new() }
    }

    #[test]
    fn what_changed_what_came_and_what_went_is_looked_at_and_nothing_else() {
        let [same, other, gone, new] = ["same", "other", "gone", "new"].map(|name| Key::service("dev", name));
        let state = DesiredState::default();
        let unresolved = blocked(Reason::ReferenceUnresolved);
        let before = [&same, &other, &gone].map(|key| (key.clone(), unresolved.clone()));
        assert_eq!(state.replace(before.into()).len(), 3);
        let after = [
            (same.clone(), unresolved.clone()),
            (other.clone(), blocked(Reason::InvalidManifest)),
            (new.clone(), unresolved),
        ];
        assert_eq!(state.replace(after.into()), BTreeSet::from([other.clone(), gone.clone(), new]));
        assert!(matches!(state.get(&gone), Err(PhaseError::Orphaned)));
        assert!(matches!(
            state.get(&other),
            Err(PhaseError::Blocked { reason: Reason::InvalidManifest, .. })
        ));
    }

    #[test]
    fn a_new_revision_of_the_manifests_alone_asks_nothing_new_of_an_object() {
        let text = "
apiVersion: coxswain.dev/v1
kind: Environment
metadata: { name: dev }
spec: { cluster: dev }
---
apiVersion: coxswain.dev/v1
kind: Service
metadata: { name: api }
spec:
  taskDefinition: { containerDefinitions: [{ name: api, image: api, memory: 64 }] }
  count: { fixed: 1 }
";
        let file = coxswain_manifest::SourceFile { path: "a.yaml".to_owned(), content: text.into() };
        let loaded = coxswain_manifest::load(vec![file]);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics());
        let references = crate::resolve::References::default();
        let at = |revision| crate::resolve::resolve(&loaded, &references, revision).unwrap();
        let state = DesiredState::default();
        assert_eq!(state.replace(at("1.0")).len(), 1);
        assert!(state.replace(at("2.0")).is_empty());
        assert_eq!(state.get(&Key::service("dev", "api")).unwrap().revision, "2.0");
    }
}
