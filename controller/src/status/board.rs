//! The one writer of status: takes reports, and answers what is known now.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use coxswain_manifest::{Key, Kind};
use coxswain_plan::{ConditionType, Reason};
use coxswain_store::Store;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    condition::transitions,
    derive::{derive, unseen},
    document::{ConditionStatus, ServiceStatus},
    event::{Event, Page, Ring},
    history::{Entry, History},
    kept::Kept,
    memory::{Memory, Part},
    source::{BundleStatus, SourceStatus},
    word::{Health, Sync},
};
use crate::{
    metrics::Metrics,
    phase::PhaseError,
    report::{Report, Reporter, SourceReport},
};

/// What is known of all objects, and the one writer of it.
///
/// # Guarantees
/// - Reports of one object are taken in the order in which its looks ended.
/// - The store is written only where something changed besides the time of looking.
/// - A store that does not answer costs durability, never the status itself: what was not written is
///   written with the next report.
#[derive(Debug)]
pub struct StatusBoard {
    memory: Memory,
    metrics: Arc<Metrics>,
    objects: Mutex<BTreeMap<Key, Object>>,
    source: Mutex<SourceStatus>,
    events: Mutex<Ring>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Clone)]
struct Object {
    status: Kept<ServiceStatus>,
    history: Kept<History>,
    /// Whether this process has looked at it.
    was_seen: bool,
    /// The status in two words, for those who count objects.
    words: (Sync, Health),
}

impl Object {
    fn new(key: &Key) -> Self {
        Self {
            status: Kept::unread(unseen(&key.environment, &key.name)),
            history: Kept::unread(History::default()),
            was_seen: false,
            words: (Sync::Unknown, Health::Unknown),
        }
    }
}

impl StatusBoard {
    /// An empty board that keeps its memory in that store.
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>, now: Timestamp) -> Self {
        Self {
            memory: Memory::new(store),
            metrics,
            objects: Mutex::default(),
            source: Mutex::new(SourceStatus::unread()),
            events: Mutex::new(Ring::starting_at(now)),
            changed: watch::Sender::new(0),
        }
    }

    /// Every object, by name, as they are now; those not looked at since the start are Unknown.
    ///
    /// Each is read back when it is asked for: a thousand at once weigh more than all else.
    pub fn services(&self) -> impl Iterator<Item = ServiceStatus> + Send + use<> {
        let objects = self.objects().clone();
        objects.into_iter().map(|(key, object)| current(&key, &object))
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<ServiceStatus> {
        self.objects().iter().find(|(key, _)| key.name == name).map(|(key, object)| current(key, object))
    }

    /// The key of the service of that name.
    pub fn key(&self, name: &str) -> Option<Key> {
        self.objects().keys().find(|key| key.name == name).cloned()
    }

    /// Every service's name.
    pub fn names(&self) -> Vec<String> {
        self.objects().keys().map(|key| key.name.clone()).collect()
    }

    /// The two words of every object.
    pub fn words(&self) -> Vec<(Sync, Health)> {
        self.objects().values().map(|object| object.words).collect()
    }

    /// The rollouts of one service, newest first.
    pub async fn history(&self, key: &Key) -> Vec<Entry> {
        let mut object = self.object_of(key);
        object.history.load(Part::History, key, &self.memory).await;
        let status = object.was_seen.then(|| object.status.value());
        object.history.value().with_current(status.as_ref())
    }

    /// The rollout whose tasks died of that task's cause.
    pub async fn rollout_of_task(&self, key: &Key, task_arn: &str) -> Option<Entry> {
        let mut object = self.object_of(key);
        object.history.load(Part::History, key, &self.memory).await;
        object.history.value().of_task(task_arn).cloned()
    }

    /// What is said of the manifests.
    pub fn source_status(&self) -> SourceStatus {
        lock(&self.source).clone()
    }

    /// At most `limit` events: those after an id, or else the newest; oldest first.
    pub fn events(&self, after: Option<u64>, limit: usize) -> Vec<Event> {
        lock(&self.events).after(after, limit)
    }

    /// The newest events of one object, oldest first.
    pub fn events_of(&self, object: &str, limit: usize) -> Vec<Event> {
        lock(&self.events).of(object, limit)
    }

    /// The newest event's id, for those who follow from now on.
    pub(crate) fn last_event_id(&self) -> u64 {
        lock(&self.events).last_id()
    }

    /// What follows the event of that id.
    pub(crate) fn events_since(&self, after: u64, limit: usize) -> Page {
        lock(&self.events).page(after, limit)
    }

    /// Says that something a person did happened.
    pub fn note(&self, at: Timestamp, object: String, reason: Reason, message: String) {
        lock(&self.events).push(at, object, reason, message);
        self.announce();
    }

    /// Changes with every report; for those who follow.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.objects().keys().cloned().collect()
    }

    /// Says of an object what another replica has stored.
    pub(super) fn take_over(&self, key: &Key, status: ServiceStatus) {
        let mut objects = self.objects();
        let object = objects.entry(key.clone()).or_insert_with(|| Object::new(key));
        object.words = (status.sync, status.health);
        object.status = Kept::unread(status);
        object.was_seen = true;
    }

    /// Says of the manifests what another replica has stored, and forgets other objects than theirs.
    pub(super) fn take_over_source(&self, source: SourceStatus, keys: &BTreeSet<Key>) {
        *lock(&self.source) = source;
        let mut objects = self.objects();
        objects.retain(|key, _| keys.contains(key));
        for key in keys {
            objects.entry(key.clone()).or_insert_with(|| Object::new(key));
        }
    }

    fn announce(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<Key, Object>> {
        lock(&self.objects)
    }

    fn object_of(&self, key: &Key) -> Object {
        self.objects().get(key).cloned().unwrap_or_else(|| Object::new(key))
    }
}

#[async_trait]
impl Reporter for StatusBoard {
    async fn begin(&self) {
        for object in self.objects().values_mut() {
            object.status.doubt();
            object.history.doubt();
        }
    }

    async fn object(&self, report: Report) {
        if report.error.as_ref().is_some_and(PhaseError::is_of_the_program) {
            return; // says something of the program, nothing of the object
        }
        let key = report.key.clone();
        let mut object = self.object_of(&key);
        object.status.load(Part::Status, &key, &self.memory).await;
        object.history.load(Part::History, &key, &self.memory).await;

        let before = object.status.value();
        let after = derive(&before, &report);
        let mut history = object.history.value();
        let ends = report.plan.iter().flat_map(|plan| plan.record.ends.iter().chain(&plan.events));
        if history.add(ends) {
            object.history.change(history);
        }
        object.history.save(Part::History, &key, &self.memory).await;
        if after.says_the_same(&before) {
            object.status.renew(after.clone());
        } else {
            object.status.change(after.clone());
        }
        object.status.save(Part::Status, &key, &self.memory).await;
        object.was_seen = true;
        object.words = (after.sync, after.health);
        self.objects().insert(key, object);

        self.tell(&before, &after, &report);
        self.metrics.reconciled(&report);
        self.announce();
    }

    async fn source(&self, report: SourceReport) {
        let (before, after) = {
            let mut source = lock(&self.source);
            let after = source.after(&report);
            (std::mem::replace(&mut *source, after.clone()), after)
        };
        {
            let mut objects = self.objects();
            for key in report.objects.iter().filter(|key| key.kind == Kind::Service) {
                objects.entry(key.clone()).or_insert_with(|| Object::new(key));
            }
        }
        let is_new_revision = before.revision != after.revision;
        for condition in transitions(&before.conditions, &after.conditions) {
            self.note(report.at, "source".to_owned(), condition.reason, condition.message.clone());
        }
        if let (true, Some(revision)) = (is_new_revision, &after.revision) {
            let origin = after.bundle.as_ref().and_then(BundleStatus::origin);
            let origin = origin.map(|origin| format!(", {origin}")).unwrap_or_default();
            let changed =
                report.accepted.as_ref().map_or_else(String::new, |accepted| accepted.changed.join(", "));
            let changed =
                if changed.is_empty() { changed } else { format!(", for other values of {changed}") };
            let message =
                format!("revision {revision} stands: {} objects{origin}{changed}", after.objects.len());
            self.note(report.at, "source".to_owned(), Reason::SourceRead, message);
        }
        if !after.says_the_same(&before)
            && let Err(error) = self.memory.write_source(&after).await
        {
            // The next reading that says something new writes it; replicas that follow say what stood before.
            tracing::warn!(error = %super::chain(&error), "the status of the manifests cannot be stored");
        }
        self.metrics.source_read(&report);
        self.announce();
    }
}

impl StatusBoard {
    /// Puts what a look changed into the events.
    fn tell(&self, before: &ServiceStatus, after: &ServiceStatus, report: &Report) {
        let object = after.object();
        let mut ring = lock(&self.events);
        let events = report.plan.iter().flat_map(|plan| &plan.events);
        let mut told: Vec<Reason> = Vec::new();
        for event in events {
            told.push(event.reason);
            ring.push(event.at, object.clone(), event.reason, event.message.clone());
        }
        for condition in transitions(&before.conditions, &after.conditions) {
            let matters = match condition.kind {
                ConditionType::Held | ConditionType::Blocked | ConditionType::Suspended => {
                    condition.status == ConditionStatus::True
                        || before
                            .condition(condition.kind)
                            .is_some_and(|old| old.status == ConditionStatus::True)
                }
                ConditionType::Synced | ConditionType::Ready => true,
                ConditionType::Progressing | ConditionType::SourceReady | ConditionType::SourceVerified => {
                    condition.reason == Reason::ProgressDeadlineExceeded
                }
            };
            if matters && !told.contains(&condition.reason) {
                told.push(condition.reason);
                ring.push(report.ended_at, object.clone(), condition.reason, condition.message.clone());
            }
        }
        for planned in after.steps.iter().filter(|step| report.done.contains(&step.operation.as_str())) {
            let message = format!("{}: {}", planned.operation, planned.because);
            ring.push(report.ended_at, object.clone(), planned.reason, message);
        }
    }
}

/// What is said of an object now: nothing of before the start, which may no longer hold.
fn current(key: &Key, object: &Object) -> ServiceStatus {
    if object.was_seen { object.status.value() } else { unseen(&key.environment, &key.name) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
