//! The seam between the local ECS's state machine and what runs its tasks.
//!
//! The state machine decides which tasks exist and when they stop; a [`TaskDriver`] runs their
//! containers and reports what became of them. Two drivers exist: *process* runs real processes in
//! real time, *scripted* plays a script in virtual time. Both are held to one list of cases.

use std::{fmt::Debug, time::Duration};

use tokio::sync::mpsc::UnboundedSender;

use crate::{registry::Image, task_spec::TaskSpec};

/// Runs the containers of tasks.
///
/// Every method returns at once; what happens is reported as [`TaskEvent`]s through the sender that
/// the driver was made with. Reports may come in any order between tasks, and in order within one.
pub trait TaskDriver: Debug + Send + Sync + 'static {
    /// Starts the containers of a task, in the order that their dependencies ask for.
    fn start(&self, task: TaskSpec);

    /// Stops a task: SIGTERM to every container, SIGKILL to those left after their stop timeout.
    ///
    /// Each container then reports [`TaskEventKind::Exited`]. A task that is unknown or gone is ignored.
    fn stop(&self, task_id: &str);

    /// The image that a reference names; `None` where a container of it could not be pulled, and for a
    /// digest that no tag was found to have.
    fn image(&self, reference: &str) -> Option<Image>;

    /// The tags of a repository, as far as they are known; `None` where there is no such repository.
    fn tags(&self, repository: &str) -> Option<Vec<String>>;

    /// What a running container uses; `None` where it does not run, or nothing can be measured.
    fn usage(&self, task_id: &str, container: &str) -> Option<Usage>;

    /// The last lines that a container wrote, oldest first; empty where nothing is known.
    fn logs(&self, task_id: &str, container: &str, limit: usize) -> Vec<LogLine>;
}

/// Where a driver reports.
pub type TaskEventSender = UnboundedSender<TaskEvent>;

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEvent {
    /// The task's id.
    pub task_id: String,
    /// The container's name.
    pub container: String,
    /// What happened.
    pub kind: TaskEventKind,
}

/// What can happen to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEventKind {
    /// Its process runs.
    Started,
    /// It could not be started; the text is the task's stopped reason, such as
    /// `CannotPullContainerError: ...`.
    CannotStart(String),
    /// Its health check's verdict changed.
    Health {
        /// `true`: HEALTHY, `false`: UNHEALTHY.
        healthy: bool,
    },
    /// It ended by itself, and by its restart policy it runs again.
    Restarted {
        /// The exit code of the run that ended.
        exit_code: i32,
    },
    /// It ended, by itself or because it was stopped.
    Exited {
        /// The exit code; 128 + n for a signal n, as Docker reports.
        exit_code: Option<i32>,
        /// A container reason such as `OutOfMemoryError: ...`.
        reason: Option<String>,
    },
}

/// What a container uses of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Its programs' own time, ended ones included.
    pub cpu_user: Duration,
    /// Time of the kernel on behalf of them.
    pub cpu_system: Duration,
    /// Units: bytes.
    pub memory: u64,
    /// The most at a time, added up over its processes. Units: bytes.
    pub memory_peak: u64,
    /// How many processes it has.
    pub processes: u64,
    /// From storage.
    pub bytes_read: u64,
    /// To storage.
    pub bytes_written: u64,
    /// What all processors of the machine did since its start, idleness included.
    pub machine_cpu: Duration,
    /// Units: bytes.
    pub machine_memory: u64,
    /// How many processors the machine has.
    pub cpus: u64,
}

/// A line that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Without its line end; bounded in length.
    pub message: String,
}
