//! A container's program as a process: its start, its checks, its end.

use std::{pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    health::{Health, command_line},
    invocation::Invocation,
    memory::{self, Watched, Watching},
    supervised::{Output, Start, Supervised},
    volumes,
};
use crate::{
    container_log::ContainerLog,
    life::{Exit, Run, Runtime},
    task_spec::{ContainerSpec, HealthCheck, TaskSpec},
};

/// How long the output of an ended container is waited for. Only a process that escaped its shim's
/// view could still hold it open.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// Starts containers' programs as processes.
#[derive(Debug)]
pub(super) struct Processes(pub(super) Arc<Shared>);

#[async_trait]
impl Runtime for Processes {
    type Run = Process;

    async fn begin(&self, _task: &TaskSpec) -> Result<(), String> {
        Ok(())
    }

    async fn start(&self, task: &TaskSpec, container: &ContainerSpec) -> Result<Process, String> {
        let shared = &self.0;
        let folder = shared.folder(&task.task_id);
        let scratch = folder.join(&container.name);
        let images = shared.images();
        let image = shared.registry.tagged(&container.image);
        let spec = ContainerSpec { image, ..container.clone() };
        let cannot_create = |error| format!("CannotCreateContainerError: {}: {error}", scratch.display());
        std::fs::create_dir_all(&scratch).map_err(cannot_create)?;
        let volumes = volumes::prepare(task, &spec, &shared.state, &scratch)?;
        let invocation = Invocation::of(task, &spec, &images, &shared.inherited, (&scratch, &volumes))?;
        if !invocation.directory.is_dir() {
            return Err(format!(
                "CannotStartContainerError: the working directory {} does not exist",
                invocation.directory.display()
            ));
        }
        let log_file = folder.join(format!("{}.log", container.name));
        let log = shared
            .logs
            .open(&task.task_id, &container.name, || ContainerLog::new(&log_file, Arc::clone(&shared.clock)));
        let mut process = Supervised::spawn(&shared.shim, &invocation, Output::Kept)
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
        if let Start::Failed(why) = process.start().await {
            return Err(format!("CannotStartContainerError: exec: \"{}\": {why}", invocation.program));
        }
        let name = (task.task_id.clone(), container.name.clone());
        if let Some(shim) = process.pid() {
            shared.shims().insert(name.clone(), shim);
        }
        let kill = CancellationToken::new();
        let watched = Watched { own: container.memory, task: task.memory, kill: kill.clone() };
        let watching = Watching::begin(shared, name, watched);
        let check = container.health_check.clone();
        Ok(Process {
            shared: Arc::clone(shared),
            supervised: process,
            invocation,
            output,
            check,
            too_big: kill,
            watching,
        })
    }

    async fn end(&self, task: &TaskSpec) {
        self.0.forget_for(&task.task_id);
    }
}

/// A running process, and what is looked at while it runs.
pub(super) struct Process {
    shared: Arc<Shared>,
    supervised: Supervised,
    invocation: Invocation,
    output: JoinSet<()>,
    check: Option<HealthCheck>,
    /// Cancelled where it has more memory than it may.
    too_big: CancellationToken,
    watching: Watching,
}

#[async_trait]
impl Run for Process {
    async fn ended(&mut self, health: &(dyn Fn(bool) + Send + Sync)) -> Exit {
        let check = checks(&self.shared, &self.invocation, self.check.as_ref(), health);
        let ended = tokio::select! {
            code = self.supervised.exited() => Some(code),
            () = self.too_big.cancelled() => None,
            () = check => None,
        };
        let reason = ended.is_none().then(|| memory::REASON.to_owned());
        let code = if let Some(code) = ended { code } else { self.kill().await };
        self.close().await;
        Exit { code, reason }
    }

    async fn stop(&mut self, timeout: Duration) -> Exit {
        self.supervised.terminate();
        let ended = time::timeout(timeout, self.supervised.exited()).await;
        let code = if let Ok(code) = ended { code } else { self.kill().await };
        self.close().await;
        Exit { code, reason: None }
    }
}

impl Process {
    async fn kill(&mut self) -> i32 {
        self.supervised.kill();
        self.supervised.exited().await
    }

    /// What it wrote last is there before its end is known.
    async fn close(&mut self) {
        self.shared.shims().remove(self.watching.name());
        let output = &mut self.output;
        let _ = time::timeout(LAST_OUTPUT, async { while output.join_next().await.is_some() {} }).await;
    }
}

/// Checks for ever, and tells each verdict that is another one; for ever idle without a check.
async fn checks(
    shared: &Shared,
    invocation: &Invocation,
    check: Option<&HealthCheck>,
    tell: &(dyn Fn(bool) + Send + Sync),
) {
    let checked = check.and_then(|check| {
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
        let passed = passes(shared, check, &command).await;
        if let Some(healthy) = health.record(passed, started.elapsed()) {
            tell(healthy);
        }
    }
}

/// Checks once; a check that is too slow is killed and counts as failed.
async fn passes(shared: &Shared, check: &HealthCheck, command: &Invocation) -> bool {
    let Ok(mut process) = Supervised::spawn(&shared.shim, command, Output::Dropped) else {
        return false;
    };
    let run = async {
        match process.start().await {
            Start::Started => process.exited().await == 0,
            Start::Failed(why) => {
                tracing::debug!(container = %command.label, why, "health check");
                false
            }
        }
    };
    time::timeout(check.timeout, pin!(run)).await.unwrap_or(false)
}
