//! One container's life: wait for others, start, be checked, stop, end.

use std::{path::PathBuf, pin::pin, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    health::{Health, command_line},
    invocation::Invocation,
    log::ContainerLog,
    memory::{self, Watched, Watching},
    supervised::{Output, Start, Supervised},
    volumes,
};
use crate::{
    dependency::{Gate, Progress, gate, never_met},
    driver::{TaskEvent, TaskEventKind},
    task_spec::{ContainerSpec, HealthCheck, TaskSpec},
};

/// How long the output of an ended container is waited for. Only a process that escaped its shim's
/// view could still hold it open.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// How a run of the program ended.
struct End {
    exit_code: i32,
    reason: Option<String>,
    /// It was told to.
    is_stop: bool,
}

/// A container of a running task.
pub(super) struct Container {
    pub(super) shared: Arc<Shared>,
    pub(super) task: Arc<TaskSpec>,
    pub(super) spec: ContainerSpec,
    /// Its own, to tell the others.
    pub(super) progress: watch::Sender<Progress>,
    /// With the condition; `None` where no container has that name.
    pub(super) depends_on: Vec<(String, String, Option<watch::Receiver<Progress>>)>,
    /// Containers that depend on this one: at the end, they go first.
    pub(super) dependents: Vec<watch::Receiver<Progress>>,
    /// Says that the task is to stop.
    pub(super) stop: CancellationToken,
    /// The task's folder under the state directory.
    pub(super) folder: PathBuf,
}

impl Container {
    /// Runs from the task's start to the container's last end. Its last report is either
    /// [`TaskEventKind::CannotStart`] or [`TaskEventKind::Exited`].
    pub(super) async fn run(mut self) {
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
        // A log without its file is one in memory, and what else stands in the way is told by the start.
        let _ = std::fs::create_dir_all(&self.folder);
        let log_file = self.folder.join(format!("{}.log", self.spec.name));
        let log = Arc::new(ContainerLog::new(&log_file, Arc::clone(&self.shared.clock)));
        let mut earlier = None;
        loop {
            let (process, invocation, output) = match self.start(&log).await {
                Ok(started) => started,
                Err(why) => {
                    return match earlier {
                        None => TaskEventKind::CannotStart(why),
                        Some(_) => TaskEventKind::Exited { exit_code: earlier, reason: Some(why) },
                    };
                }
            };
            self.report(
                earlier.map_or(TaskEventKind::Started, |exit_code| TaskEventKind::Restarted { exit_code }),
            );
            let began = time::Instant::now();
            let End { exit_code, reason, is_stop } = self.supervise(process, &invocation, output).await;
            let policy = self.spec.restart.as_ref().filter(|_| !is_stop);
            if !policy.is_some_and(|policy| policy.restarts(began.elapsed(), exit_code)) {
                return TaskEventKind::Exited { exit_code: Some(exit_code), reason };
            }
            earlier = Some(exit_code);
        }
    }

    async fn start(&self, log: &Arc<ContainerLog>) -> Result<(Supervised, Invocation, JoinSet<()>), String> {
        let scratch = self.folder.join(&self.spec.name);
        let images = self.shared.images();
        let image = self.shared.registry.tagged(&self.spec.image);
        let spec = ContainerSpec { image, ..self.spec.clone() };
        let cannot_create = |error| format!("CannotCreateContainerError: {}: {error}", scratch.display());
        std::fs::create_dir_all(&scratch).map_err(cannot_create)?;
        let volumes = volumes::prepare(&self.task, &spec, &self.shared.state, &scratch)?;
        let invocation =
            Invocation::of(&self.task, &spec, &images, &self.shared.inherited, (&scratch, &volumes))?;
        if !invocation.directory.is_dir() {
            return Err(format!(
                "CannotStartContainerError: the working directory {} does not exist",
                invocation.directory.display()
            ));
        }
        self.shared.logs.add(&self.task.task_id, &self.spec.name, log);

        let mut process = Supervised::spawn(&self.shared.shim, &invocation, Output::Kept)
            .map_err(|error| format!("CannotStartContainerError: {error}"))?;
        let mut output = JoinSet::new();
        let (stdout, stderr) = process.take_output();
        if let Some(stdout) = stdout {
            let log = Arc::clone(log);
            output.spawn(async move { log.follow(stdout).await });
        }
        if let Some(stderr) = stderr {
            let log = Arc::clone(log);
            output.spawn(async move { log.follow(stderr).await });
        }
        match process.start().await {
            Start::Started => Ok((process, invocation, output)),
            Start::Failed(why) => {
                Err(format!("CannotStartContainerError: exec: \"{}\": {why}", invocation.program))
            }
        }
    }

    async fn supervise(
        &self,
        mut process: Supervised,
        invocation: &Invocation,
        mut output: JoinSet<()>,
    ) -> End {
        let own = (self.task.task_id.clone(), self.spec.name.clone());
        if let Some(shim) = process.pid() {
            self.shared.shims().insert(own.clone(), shim);
        }
        let kill = CancellationToken::new();
        let watched = Watched { own: self.spec.memory, task: self.task.memory, kill: kill.clone() };
        let watching = Watching::begin(&self.shared, own.clone(), watched);
        self.progress.send_replace(Progress::Running { healthy: false });
        let ended = tokio::select! {
            exit_code = process.exited() => Some(exit_code),
            () = self.stop_is_due() => None,
            () = kill.cancelled() => None,
            () = self.check_for_ever(invocation) => None,
        };
        let is_killed = kill.is_cancelled() && ended.is_none();
        drop(watching);
        let exit_code = match ended {
            Some(exit_code) => exit_code,
            None if is_killed => {
                process.kill();
                process.exited().await
            }
            None => self.end(&mut process).await,
        };
        self.shared.shims().remove(&own);
        // What it wrote last is there before its end is known.
        let _ = time::timeout(LAST_OUTPUT, async { while output.join_next().await.is_some() {} }).await;
        let is_stop = ended.is_none() && !is_killed;
        End { exit_code, reason: is_killed.then(|| memory::REASON.to_owned()), is_stop }
    }

    /// SIGTERM, and SIGKILL to what is left after the stop timeout.
    async fn end(&self, process: &mut Supervised) -> i32 {
        process.terminate();
        if let Ok(exit_code) = time::timeout(self.spec.stop_timeout, process.exited()).await {
            return exit_code;
        }
        process.kill();
        process.exited().await
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

    async fn check_for_ever(&self, invocation: &Invocation) {
        let checked = self.spec.health_check.as_ref().and_then(|check| {
            let command = invocation.with_command(command_line(&check.command)?)?;
            Some((check, command))
        });
        let Some((check, command)) = checked else {
            return std::future::pending().await;
        };
        let started = time::Instant::now();
        let mut health = Health::new(check);
        loop {
            time::sleep(check.interval).await;
            let passed = self.check(check, &command).await;
            if let Some(healthy) = health.record(passed, started.elapsed()) {
                self.report(TaskEventKind::Health { healthy });
                self.progress.send_replace(Progress::Running { healthy });
            }
        }
    }

    /// Runs the check once; a check that is too slow is killed and counts as failed.
    async fn check(&self, check: &HealthCheck, command: &Invocation) -> bool {
        let Ok(mut process) = Supervised::spawn(&self.shared.shim, command, Output::Dropped) else {
            return false;
        };
        let run = async {
            match process.start().await {
                Start::Started => process.exited().await == 0,
                Start::Failed(why) => {
                    tracing::debug!(task = %self.task.task_id, container = %self.spec.name, why, "health check");
                    false
                }
            }
        };
        time::timeout(check.timeout, pin!(run)).await.unwrap_or(false)
    }

    fn report(&self, kind: TaskEventKind) {
        let event = TaskEvent { task_id: self.task.task_id.clone(), container: self.spec.name.clone(), kind };
        // Nobody listens any more: the state machine is gone, and the tasks are about to be.
        let _ = self.shared.events.send(event);
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
