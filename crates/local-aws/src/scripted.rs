//! The scripted driver: what a container does is written down by image, and time is tokio's.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

use crate::{
    clock::Clock,
    driver::{LogLine, TaskDriver, TaskEventSender, Usage},
    registry::{Image, Registry},
    task_spec::TaskSpec,
};

mod play;

/// What a container of an image does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// From the start of the task to the container's `Started`, or to its failure to start.
    pub starts_after: Duration,
    /// Why it never starts, such as `CannotPullContainerError: ...`.
    pub cannot_start: Option<String>,
    /// From its start to its end by itself, with this exit code.
    pub exits: Option<(Duration, i32)>,
    /// From its start to each verdict of its health check, if it has one.
    pub health: Vec<(Duration, bool)>,
    /// From SIGTERM to its end, with this exit code; longer than its stop timeout, it is killed.
    pub stops: (Duration, i32),
    /// Lines that it writes when it starts.
    pub writes: Vec<String>,
}

impl Script {
    /// Starts after 2 s, is healthy 3 s later, runs for ever, ends 1 s after SIGTERM with code 0.
    pub fn serves() -> Self {
        let seconds = Duration::from_secs;
        Self {
            starts_after: seconds(2),
            cannot_start: None,
            exits: None,
            health: vec![(seconds(3), true)],
            stops: (seconds(1), 0),
            writes: vec!["serving".into()],
        }
    }

    /// Starts and ends by itself after `delay`, before any health check says a word.
    pub fn exits(delay: Duration, exit_code: i32) -> Self {
        let writes = vec![format!("fatal: ends with {exit_code}")];
        Self { exits: Some((delay, exit_code)), health: Vec::new(), writes, ..Self::serves() }
    }

    /// Runs, but its health check fails from `delay` on.
    pub fn unhealthy_after(delay: Duration) -> Self {
        Self { health: vec![(delay, false)], ..Self::serves() }
    }

    /// Runs, and its health check never says a word.
    pub fn never_healthy() -> Self {
        Self { health: Vec::new(), ..Self::serves() }
    }

    /// Never starts, for this reason.
    pub fn cannot_start(reason: impl Into<String>) -> Self {
        Self { cannot_start: Some(reason.into()), writes: Vec::new(), ..Self::serves() }
    }
}

/// Plays [`Script`]s in tokio's time; with a paused clock, in no time at all.
///
/// To be made and used inside a tokio runtime.
#[derive(Debug)]
pub struct ScriptedDriver {
    events: TaskEventSender,
    clock: Arc<dyn Clock>,
    tracker: TaskTracker,
    registry: Registry,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    fallback: Script,
    scripts: BTreeMap<String, Script>,
    orders: BTreeMap<String, UnboundedSender<Order>>,
    logs: BTreeMap<(String, String), Vec<LogLine>>,
    started: Vec<TaskSpec>,
}

/// What a playing task can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    Stop,
    Exit { container: String, exit_code: i32 },
    Health { container: String, healthy: bool },
}

impl Inner {
    fn script(&self, image: &str) -> &Script {
        // No tag and `latest` are the same.
        let bare = image.strip_suffix(":latest");
        let script = self.scripts.get(image).or_else(|| self.scripts.get(bare?));
        script.unwrap_or(&self.fallback)
    }
}

impl ScriptedDriver {
    /// A driver in which every image [`serves`](Script::serves).
    pub fn new(events: TaskEventSender, clock: Arc<dyn Clock>) -> Arc<Self> {
        let inner = Inner {
            fallback: Script::serves(),
            scripts: BTreeMap::new(),
            orders: BTreeMap::new(),
            logs: BTreeMap::new(),
            started: Vec::new(),
        };
        let (tracker, registry) = (TaskTracker::new(), Registry::default());
        Arc::new(Self { events, clock, tracker, registry, inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What containers of that image do from their next start on.
    pub fn script(&self, image: impl Into<String>, script: Script) {
        self.lock().scripts.insert(image.into(), script);
    }

    /// What containers of images without a script do from their next start on.
    pub fn script_others(&self, script: Script) {
        self.lock().fallback = script;
    }

    /// Lets a running container end.
    pub fn exit(&self, task_id: &str, container: &str, exit_code: i32) {
        self.order(task_id, Order::Exit { container: container.to_owned(), exit_code });
    }

    /// Lets a container's health check change its verdict.
    pub fn set_health(&self, task_id: &str, container: &str, healthy: bool) {
        self.order(task_id, Order::Health { container: container.to_owned(), healthy });
    }

    /// Every task that was started, oldest first.
    pub fn started(&self) -> Vec<TaskSpec> {
        self.lock().started.clone()
    }

    fn order(&self, task_id: &str, order: Order) {
        if let Some(orders) = self.lock().orders.get(task_id) {
            // A task that has ended meanwhile takes no order.
            let _ = orders.send(order);
        }
    }
}

impl TaskDriver for ScriptedDriver {
    fn start(&self, task: TaskSpec) {
        let (orders, incoming) = unbounded_channel();
        let mut inner = self.lock();
        let scripts = task
            .containers
            .iter()
            .map(|container| inner.script(&self.registry.tagged(&container.image)).clone())
            .collect();
        inner.orders.insert(task.task_id.clone(), orders);
        inner.started.push(task.clone());
        // What a script writes is known from the beginning; it is dated when it would be written.
        for (container, script) in task.containers.iter().zip::<&Vec<Script>>(&scripts) {
            let at = self.clock.now().after(script.starts_after).as_millis();
            let timestamp_ms = i64::try_from(at).unwrap_or(i64::MAX);
            let lines = script.writes.iter().map(|line| LogLine { timestamp_ms, message: line.clone() });
            inner.logs.insert((task.task_id.clone(), container.name.clone()), lines.collect());
        }
        drop(inner);
        self.tracker.spawn(play::play(task, scripts, self.events.clone(), incoming));
    }

    fn stop(&self, task_id: &str) {
        self.order(task_id, Order::Stop);
    }

    /// Every tag exists but those that cannot be pulled.
    fn image(&self, reference: &str) -> Option<Image> {
        let reference = self.registry.tagged(reference);
        let missing = self.lock().script(&reference).cannot_start.as_deref().is_some_and(cannot_pull);
        let image = Image::scripted(&reference).filter(|_| !missing)?;
        self.registry.remember(image.clone());
        Some(image)
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        Some(self.registry.tags(repository))
    }

    fn usage(&self, _task_id: &str, _container: &str) -> Option<Usage> {
        None
    }

    fn logs(&self, task_id: &str, container: &str, limit: usize) -> Vec<LogLine> {
        let inner = self.lock();
        let lines = inner.logs.get(&(task_id.to_owned(), container.to_owned()));
        let lines = lines.map(Vec::as_slice).unwrap_or_default();
        lines.iter().skip(lines.len().saturating_sub(limit)).cloned().collect()
    }
}

fn cannot_pull(reason: &str) -> bool {
    reason.starts_with("CannotPullContainerError")
}
