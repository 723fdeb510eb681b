//! The lives of tasks' containers, the same whatever runs them: wait for others, start, be checked, be
//! restarted, stop in order, end.
//!
//! A [`Runtime`] runs a container's program; all else is here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{runtime::Handle, sync::watch, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    dependency::{Gate, Progress, gate, never_met},
    driver::{TaskEvent, TaskEventKind, TaskEventSender},
    task_spec::{ContainerSpec, TaskSpec},
};

/// Runs containers' programs.
#[async_trait]
pub(crate) trait Runtime: Send + Sync + 'static {
    type Run: Run;

    /// Prepares what the task's containers share; an error is the task's stopped reason.
    async fn begin(&self, task: &TaskSpec) -> Result<(), String>;

    /// Starts a container, or one that ended once more; an error is the task's stopped reason.
    async fn start(&self, task: &TaskSpec, container: &ContainerSpec) -> Result<Self::Run, String>;

    /// Clears up after a task whose containers have all ended.
    async fn end(&self, task: &TaskSpec);
}

/// A running container.
#[async_trait]
pub(crate) trait Run: Send {
    /// Waits for its end by itself, and tells `health` each verdict of its health check that is another one.
    ///
    /// # Cancel safety
    /// May be dropped; [`stop`](Self::stop) is called then.
    async fn ended(&mut self, health: &(dyn Fn(bool) + Send + Sync)) -> Exit;

    /// SIGTERM, and SIGKILL to what is left after `timeout`.
    async fn stop(&mut self, timeout: Duration) -> Exit;
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    /// A container reason such as `OutOfMemoryError: ...`.
    pub(crate) reason: Option<String>,
}

/// The tasks that a runtime runs.
#[derive(Debug)]
pub(crate) struct Crew<R> {
    runtime: Arc<R>,
    events: TaskEventSender,
    handle: Handle,
    tracker: TaskTracker,
    running: Arc<Mutex<HashMap<String, CancellationToken>>>,
}

impl<R: Runtime> Crew<R> {
    /// A crew on the current tokio runtime, which it panics without.
    pub(crate) fn new(runtime: Arc<R>, events: TaskEventSender) -> Self {
        let (handle, tracker) = (Handle::current(), TaskTracker::new());
        Self { runtime, events, handle, tracker, running: Arc::default() }
    }

    pub(crate) fn start(&self, task: TaskSpec) {
        let stop = CancellationToken::new();
        {
            let mut running = lock(&self.running);
            // A task that comes after the shutdown reports its containers' end at once.
            if self.tracker.is_closed() {
                stop.cancel();
            }
            if running.contains_key(&task.task_id) {
                return;
            }
            running.insert(task.task_id.clone(), stop.clone());
        }
        let (runtime, events, running) =
            (Arc::clone(&self.runtime), self.events.clone(), Arc::clone(&self.running));
        self.tracker.spawn_on(
            async move {
                let task = Arc::new(task);
                let begun = if stop.is_cancelled() { Ok(()) } else { runtime.begin(&task).await };
                let lives = containers(&runtime, &task, &events, &stop);
                match begun {
                    Ok(()) => {
                        futures::future::join_all(lives.into_iter().map(Container::run)).await;
                    }
                    Err(why) => {
                        for life in &lives {
                            life.report(TaskEventKind::CannotStart(why.clone()));
                        }
                    }
                }
                lock(&running).remove(&task.task_id);
                runtime.end(&task).await;
            },
            &self.handle,
        );
    }

    pub(crate) fn stop(&self, task_id: &str) {
        if let Some(stop) = lock(&self.running).get(task_id) {
            stop.cancel();
        }
    }

    /// Stops all tasks, and waits for their end.
    ///
    /// # Cancel safety
    /// Tasks go on stopping when the returned future is dropped.
    pub(crate) async fn shutdown(&self) {
        {
            let running = lock(&self.running);
            self.tracker.close();
            running.values().for_each(CancellationToken::cancel);
        }
        self.tracker.wait().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A container of a running task.
struct Container<R> {
    runtime: Arc<R>,
    events: TaskEventSender,
    task: Arc<TaskSpec>,
    spec: ContainerSpec,
    /// Its own, to tell the others.
    progress: watch::Sender<Progress>,
    /// With the condition; `None` where no container has that name.
    depends_on: Vec<(String, String, Option<watch::Receiver<Progress>>)>,
    /// Containers that depend on this one: at the end, they go first.
    dependents: Vec<watch::Receiver<Progress>>,
    /// Says that the task is to stop.
    stop: CancellationToken,
}

/// The task's containers, each with ears for those that it depends on and that depend on it.
fn containers<R: Runtime>(
    runtime: &Arc<R>,
    task: &Arc<TaskSpec>,
    events: &TaskEventSender,
    stop: &CancellationToken,
) -> Vec<Container<R>> {
    let progress: BTreeMap<&str, watch::Sender<Progress>> =
        task.containers.iter().map(|spec| (spec.name.as_str(), watch::Sender::default())).collect();
    let listen = |name: &str| progress.get(name).map(watch::Sender::subscribe);
    let life = |spec: &ContainerSpec| {
        let dependents = task
            .containers
            .iter()
            .filter(|other| other.depends_on.iter().any(|(name, _)| *name == spec.name));
        Some(Container {
            runtime: Arc::clone(runtime),
            events: events.clone(),
            task: Arc::clone(task),
            progress: progress.get(spec.name.as_str())?.clone(),
            depends_on: spec
                .depends_on
                .iter()
                .map(|(name, condition)| (name.clone(), condition.clone(), listen(name)))
                .collect(),
            dependents: dependents.filter_map(|other| listen(&other.name)).collect(),
            stop: stop.clone(),
            spec: spec.clone(),
        })
    };
    task.containers.iter().filter_map(life).collect()
}

impl<R: Runtime> Container<R> {
    /// Runs from the task's start to the container's last end. Its last report is either
    /// [`TaskEventKind::CannotStart`] or [`TaskEventKind::Exited`].
    async fn run(mut self) {
        let may_start = tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(false),
            open = wait_for(&mut self.depends_on, &self.spec.name) => open.map(|()| true),
        };
        let last = match may_start {
            Ok(true) => Box::pin(self.start_and_end()).await,
            Ok(false) => TaskEventKind::Exited { exit_code: None, reason: None },
            Err(why) => TaskEventKind::CannotStart(why),
        };
        let end = match &last {
            TaskEventKind::Exited { exit_code: Some(code), .. } => Progress::Exited(*code),
            _ => Progress::NeverStarted,
        };
        self.report(last);
        self.progress.send_replace(end);
    }

    /// From the first start to the last end; its restart policy may put some between them.
    async fn start_and_end(&self) -> TaskEventKind {
        let mut earlier = None;
        loop {
            let mut run = match self.runtime.start(&self.task, &self.spec).await {
                Ok(run) => run,
                Err(why) => {
                    return match earlier {
                        None => TaskEventKind::CannotStart(why),
                        Some(_) => TaskEventKind::Exited { exit_code: earlier, reason: Some(why) },
                    };
                }
            };
            let started =
                earlier.map_or(TaskEventKind::Started, |exit_code| TaskEventKind::Restarted { exit_code });
            self.report(started);
            self.progress.send_replace(Progress::Running { healthy: false });
            let began = time::Instant::now();
            let health = |healthy| {
                self.report(TaskEventKind::Health { healthy });
                self.progress.send_replace(Progress::Running { healthy });
            };
            let ended = tokio::select! {
                exit = run.ended(&health) => Some(exit),
                () = self.stop_is_due() => None,
            };
            let is_stop = ended.is_none();
            let Exit { code, reason } = match ended {
                Some(exit) => exit,
                None => run.stop(self.spec.stop_timeout).await,
            };
            let policy = self.spec.restart.as_ref().filter(|_| !is_stop);
            if !policy.is_some_and(|policy| policy.restarts(began.elapsed(), code)) {
                return TaskEventKind::Exited { exit_code: Some(code), reason };
            }
            earlier = Some(code);
        }
    }

    /// Waits for the task's stop, and then for the containers that depend on this one.
    ///
    /// Source: Amazon ECS developer guide: the order of `dependsOn` is reversed at shutdown.
    async fn stop_is_due(&self) {
        self.stop.cancelled().await;
        for dependent in &self.dependents {
            // An error means that its end was never told, since it is gone.
            let _ = dependent.clone().wait_for(|progress| progress.has_ended()).await;
        }
    }

    fn report(&self, kind: TaskEventKind) {
        let event = TaskEvent { task_id: self.task.task_id.clone(), container: self.spec.name.clone(), kind };
        // Nobody listens any more: the state machine is gone, and the tasks are about to be.
        let _ = self.events.send(event);
    }
}

/// Waits until all dependencies are met; an error is the task's stopped reason.
async fn wait_for(
    depends_on: &mut [(String, String, Option<watch::Receiver<Progress>>)],
    container: &str,
) -> Result<(), String> {
    for (name, condition, progress) in depends_on {
        let why = match progress {
            None => "does not exist",
            Some(progress) => {
                let decided = progress.wait_for(|progress| gate(condition, *progress) != Gate::Wait).await;
                match decided.map(|progress| gate(condition, *progress)) {
                    Ok(Gate::Never(why)) => why,
                    Ok(Gate::Open | Gate::Wait) => continue,
                    Err(_) => "is gone",
                }
            }
        };
        return Err(never_met(name, container, why));
    }
    Ok(())
}
