//! The *process* driver: each container is a real process on this machine, in real time.
//!
//! # Guarantees
//!
//! - A container and everything that it starts are gone when it has reported its end, and soon after
//!   this program's end, whatever ended it (see [`shim`]).
//! - A container sees no environment but `PATH`, its image's and its own.
//! - What a container wrote is there before its end is reported, stays after it, and is bounded: in
//!   lines, in bytes, in files and in the number of stopped tasks that are remembered.
//! - A container's last report is `CannotStart` or `Exited`, and there is exactly one of them.
//!
//! # Limits
//!
//! Linux only. Programs share this machine's file system, users and network; CPU limits are not enforced, memory
//! limits by looks at what is used ([`memory`]), and nothing but the program itself keeps it to its task's
//! address. Volumes are folders that a program is told of ([`volumes`]).

mod container;
mod descendants;
mod health;
mod invocation;
mod limits;
mod memory;
mod shim;
mod supervised;
mod usage;
mod volumes;

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use rustix::process::Pid;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use self::container::Processes;
use crate::{
    clock::Clock,
    container_log::LogBook,
    driver::{LogLine, TaskDriver, TaskEventSender, Usage},
    image::ImageMap,
    life::Crew,
    registry::{Image, Registry},
    task_spec::TaskSpec,
};

pub use shim::shim_main_if_asked;

/// How many stopped tasks keep their logs and scratch folders.
const KEPT_TASKS: usize = 200;

/// What a [`ProcessDriver`] needs to know.
pub struct ProcessConfig {
    /// Which program stands for which image.
    pub images: ImageMap,
    /// A folder of the driver's own: `tasks/TASK/CONTAINER.log` and the containers' scratch folders.
    pub state: PathBuf,
    /// The environment from which `PATH` and what the image map names are taken.
    pub inherited: BTreeMap<OsString, OsString>,
    /// The binary that calls [`shim_main_if_asked`]; `None` for this program itself.
    pub shim: Option<PathBuf>,
    /// Dates log lines.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for ProcessConfig {
    /// Without the environment, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessConfig").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Runs tasks as processes.
#[derive(Debug)]
pub struct ProcessDriver {
    shared: Arc<Shared>,
    crew: Crew<Processes>,
    _watcher: AbortOnDropHandle<()>,
}

/// What all containers use.
pub(super) struct Shared {
    images: RwLock<Arc<ImageMap>>,
    state: PathBuf,
    inherited: BTreeMap<OsString, OsString>,
    shim: PathBuf,
    clock: Arc<dyn Clock>,
    logs: LogBook,
    registry: Registry,
    /// The shims of running containers, by task and container.
    shims: Mutex<HashMap<(String, String), Pid>>,
    /// Running containers with a limit of memory.
    watched: Mutex<HashMap<memory::Name, memory::Watched>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Shared {
    fn images(&self) -> Arc<ImageMap> {
        Arc::clone(&self.images.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn shims(&self) -> MutexGuard<'_, HashMap<(String, String), Pid>> {
        self.shims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<memory::Name, memory::Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self, task_id: &str) -> PathBuf {
        self.state.join("tasks").join(task_id)
    }

    /// The tasks whose folders an earlier run has left, oldest first.
    fn earlier_tasks(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.state.join("tasks")).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.file_name())))
            .collect();
        found.sort();
        found.into_iter().filter_map(|(_, name)| name.into_string().ok()).collect()
    }

    /// Notes that a task has ended, and removes the folders of those that are forgotten for it.
    fn forget_for(&self, ended: &str) {
        for forgotten in self.logs.task_ended(ended) {
            let _ = std::fs::remove_dir_all(self.folder(&forgotten));
        }
    }
}

impl ProcessDriver {
    /// Makes a driver that runs on the current tokio runtime and reports to `events`.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn new(config: ProcessConfig, events: TaskEventSender) -> Self {
        let shared = Shared {
            images: RwLock::new(Arc::new(config.images)),
            state: config.state,
            inherited: config.inherited,
            shim: config.shim.unwrap_or_else(|| shim::THIS_PROGRAM.into()),
            clock: config.clock,
            logs: LogBook::new(KEPT_TASKS),
            registry: Registry::default(),
            shims: Mutex::default(),
            watched: Mutex::default(),
        };
        for earlier in shared.earlier_tasks() {
            shared.forget_for(&earlier);
        }
        let shared = Arc::new(shared);
        // Apart from the crew's tasks: a shutdown waits for those alone.
        let watcher = TaskTracker::new().spawn(memory::watch(Arc::downgrade(&shared)));
        let crew = Crew::new(Arc::new(Processes(Arc::clone(&shared))), events);
        Self { shared, crew, _watcher: AbortOnDropHandle::new(watcher) }
    }

    /// Replaces the image map for containers that start from now on.
    pub fn set_images(&self, images: ImageMap) {
        *self.shared.images.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(images);
    }

    /// Stops all tasks, each within its containers' stop timeouts, and waits for their end.
    ///
    /// # Cancel safety
    ///
    /// Tasks go on stopping when the returned future is dropped.
    pub async fn shutdown(&self) {
        self.crew.shutdown().await;
    }
}

impl TaskDriver for ProcessDriver {
    fn start(&self, task: TaskSpec) {
        self.crew.start(task);
    }

    fn stop(&self, task_id: &str) {
        self.crew.stop(task_id);
    }

    fn image(&self, reference: &str) -> Option<Image> {
        self.shared.registry.image(&self.shared.images(), reference)
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let mut tags = self.shared.images().tags(repository)?;
        tags.extend(self.shared.registry.tags(repository));
        tags.sort();
        tags.dedup();
        Some(tags)
    }

    fn usage(&self, task_id: &str, container: &str) -> Option<Usage> {
        let container = (task_id.to_owned(), container.to_owned());
        let shim = self.shared.shims().get(&container).copied()?;
        usage::under(shim)
    }

    fn logs(&self, task_id: &str, container: &str, limit: usize) -> Vec<LogLine> {
        self.shared.logs.last(task_id, container, limit)
    }
}
