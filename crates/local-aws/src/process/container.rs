//! One container's life: wait for others, start, be checked, stop, end.

use std::{path::PathBuf, pin::pin, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    health::{Health, command_line},
    invocation::Invocation,
    log::ContainerLog,
    order::{Gate, Progress, gate},
    supervised::{Output, Start, Supervised},
};
use crate::driver::{ContainerSpec, HealthCheck, TaskEvent, TaskEventKind, TaskSpec};

/// How long the output of an ended container is waited for. Only a process that escaped its shim's
/// view could still hold it open.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

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
    /// Runs from the task's start to the container's end. Its last report is either
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

    async fn start_and_end(&self) -> TaskEventKind {
        match self.start().await {
            Ok((process, invocation, output)) => {
                let exit_code = self.supervise(process, &invocation, output).await;
                TaskEventKind::Exited { exit_code: Some(exit_code), reason: None }
            }
            Err(why) => TaskEventKind::CannotStart(why),
        }
    }

    async fn start(&self) -> Result<(Supervised, Invocation, JoinSet<()>), String> {
        let scratch = self.folder.join(&self.spec.name);
        let images = self.shared.images();
        let image = self.shared.registry.tagged(&self.spec.image);
        let spec = ContainerSpec { image, ..self.spec.clone() };
        let invocation = Invocation::of(&self.task, &spec, &images, &self.shared.inherited, &scratch)?;
        let cannot_create = |error| format!("CannotCreateContainerError: {}: {error}", scratch.display());
        std::fs::create_dir_all(&scratch).map_err(cannot_create)?;
        if !invocation.directory.is_dir() {
            return Err(format!(
                "CannotStartContainerError: the working directory {} does not exist",
                invocation.directory.display()
            ));
        }
        let log_file = self.folder.join(format!("{}.log", self.spec.name));
        let log = Arc::new(ContainerLog::new(&log_file, Arc::clone(&self.shared.clock)));
        self.shared.logs.add(&self.task.task_id, &self.spec.name, &log);

        let mut process = Supervised::spawn(&self.shared.shim, &invocation, Output::Kept)
            .map_err(|error| format!("CannotStartContainerError: {error}"))?;
        let mut output = JoinSet::new();
        let (stdout, stderr) = process.take_output();
        if let Some(stdout) = stdout {
            let log = Arc::clone(&log);
            output.spawn(async move { log.follow(stdout).await });
        }
        if let Some(stderr) = stderr {
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
    ) -> i32 {
        let own = (self.task.task_id.clone(), self.spec.name.clone());
        if let Some(shim) = process.pid() {
            self.shared.shims().insert(own.clone(), shim);
        }
        self.report(TaskEventKind::Started);
        self.progress.send_replace(Progress::Running { healthy: false });
        let exit_code = tokio::select! {
            exit_code = process.exited() => Some(exit_code),
            () = self.stop_is_due() => None,
            () = self.check_for_ever(invocation) => None,
        };
        let exit_code = match exit_code {
            Some(exit_code) => exit_code,
            None => self.end(&mut process).await,
        };
        self.shared.shims().remove(&own);
        // What it wrote last is there before its end is known.
        let _ = time::timeout(LAST_OUTPUT, async { while output.join_next().await.is_some() {} }).await;
        exit_code
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
        return Err(format!(
            "failed to resolve container ordering dependency [{name}] for target [{container}] as dependency {why}"
        ));
    }
    Ok(())
}
