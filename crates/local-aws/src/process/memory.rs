//! Memory limits, watched from outside.
//!
//! A control group that enforces a limit is not ours to make on most machines. So the containers' own memory
//! is looked at twice a second, and one with more than it may have is killed, as the kernel would have done at
//! once. Counted is what nothing but its processes holds: their anonymous and shared memory, without files.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use rustix::process::Pid;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Shared, descendants, usage};

/// From one look to the next.
const LOOKS: Duration = Duration::from_millis(500);

/// The reason of a container that is killed for its memory, in ECS's words.
pub(super) const REASON: &str = "OutOfMemoryError: Container killed due to memory usage";

/// A running container with a limit, or of a task with one.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    /// The container's limit. Units: bytes.
    pub(super) own: Option<u64>,
    /// The limit of its task. Units: bytes.
    pub(super) task: Option<u64>,
    /// Cancelled, it is killed.
    pub(super) kill: CancellationToken,
}

/// A container by its task's id and its name.
pub(super) type Name = (String, String);

/// Watches until the driver is gone.
pub(super) async fn watch(driver: Weak<Shared>) {
    let mut looks = interval(LOOKS);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(driver) = driver.upgrade() else { return };
        let watched = driver.watched().clone();
        if watched.is_empty() {
            continue;
        }
        let shims = driver.shims().clone();
        let used = used(&watched, &shims);
        for name in over(&watched, &used) {
            let Some(found) = watched.get(&name) else { continue };
            tracing::warn!(task = %name.0, container = %name.1, "more memory than it may have");
            found.kill.cancel();
        }
    }
}

/// What each watched container uses. Units: bytes.
fn used(watched: &HashMap<Name, Watched>, shims: &HashMap<Name, Pid>) -> BTreeMap<Name, u64> {
    let children = descendants::children();
    let of = |name: &Name| {
        let shim = shims.get(name)?;
        Some((name.clone(), descendants::below(*shim, &children).into_iter().map(usage::own_memory).sum()))
    };
    watched.keys().filter_map(of).collect()
}

/// The containers that have too much: by their own limit, or the greatest of a task that has.
fn over(watched: &HashMap<Name, Watched>, used: &BTreeMap<Name, u64>) -> Vec<Name> {
    let limit = |name: &Name, of: fn(&Watched) -> Option<u64>| watched.get(name).and_then(of);
    let mut over: Vec<Name> = used
        .iter()
        .filter(|(name, used)| limit(name, |watched| watched.own).is_some_and(|own| **used > own))
        .map(|(name, _)| name.clone())
        .collect();
    let mut tasks: BTreeMap<&str, (u64, (u64, &Name))> = BTreeMap::new();
    for (name, used) in used.iter().filter(|(name, _)| !over.contains(name)) {
        let (sum, greatest) = tasks.entry(&name.0).or_insert((0, (*used, name)));
        *sum = sum.saturating_add(*used);
        *greatest = (*used, name).max(*greatest);
    }
    let too_much = |(sum, (_, name)): &(u64, (u64, &Name))| {
        limit(name, |watched| watched.task).is_some_and(|limit| *sum > limit)
    };
    let greatest = tasks.into_values().filter(too_much).map(|(_, (_, name))| name.clone());
    let greatest: Vec<Name> = greatest.collect();
    over.extend(greatest);
    over
}

/// Has a container watched for as long as the value lives.
#[derive(Debug)]
pub(super) struct Watching {
    driver: Arc<Shared>,
    name: Name,
}

impl Watching {
    pub(super) fn begin(driver: &Arc<Shared>, name: Name, watched: Watched) -> Self {
        if watched.own.or(watched.task).is_some() {
            driver.watched().insert(name.clone(), watched);
        }
        Self { driver: Arc::clone(driver), name }
    }
}

impl Watching {
    pub(super) fn name(&self) -> &Name {
        &self.name
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.driver.watched().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_too_much_is_told_by_its_own_limit_and_by_its_tasks() {
        let watched = |own, task| Watched { own, task, kill: CancellationToken::new() };
        let name = |task: &str, container: &str| (task.to_owned(), container.to_owned());
        let all = HashMap::from([
            (name("a", "web"), watched(Some(100), Some(150))),
            (name("a", "side"), watched(None, Some(150))),
            (name("b", "web"), watched(None, None)),
        ]);
        let over = |web: u64, side: u64| {
            let used = [(name("a", "web"), web), (name("a", "side"), side), (name("b", "web"), 1_000)];
            over(&all, &BTreeMap::from(used)).into_iter().map(|(_, container)| container).collect::<Vec<_>>()
        };
        assert!(over(100, 50).is_empty());
        assert_eq!(over(101, 0), ["web"]);
        assert_eq!(over(70, 81), ["side"]);
        assert_eq!(over(101, 151), ["web", "side"]);
        // Without the one that is killed, the rest has room.
        assert_eq!(over(101, 149), ["web"]);
    }
}
