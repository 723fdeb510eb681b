//! A container of a task in the engine: its pull, start, health and end.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value;
use tokio::{task::JoinSet, time};

use super::{
    Shared,
    engine::{Engine, EngineError, encoded},
    frames::Frames,
    request,
};
use crate::{
    container_log::ContainerLog,
    error::chain,
    life::{Exit, Run, Runtime},
    task_spec::{ContainerSpec, TaskSpec, VolumeSource},
};

/// How often the engine is asked for a container's health, at most.
const HEALTH_LOOKS: Duration = Duration::from_secs(1);

/// How long the output of an ended container is waited for.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// What an engine that does not answer makes of a container's end: SIGKILL's code.
const UNKNOWN: i32 = 137;

/// Starts containers in the engine.
#[derive(Debug)]
pub(super) struct Containers(pub(super) Arc<Shared>);

impl Containers {
    /// Creates and starts a container; the image is pulled where the engine has none.
    ///
    /// A name is taken once, so that a creation whose answer was lost is found again by its name.
    async fn run(&self, name: &str, image: &str, body: &Value) -> Result<String, String> {
        let engine = &self.0.engine;
        self.pull(image).await.map_err(|error| format!("CannotPullContainerError: {}", chain(&error)))?;
        let created = engine.post(&format!("/containers/create?name={name}"), Some(body)).await;
        let cannot = |error: EngineError| format!("CannotCreateContainerError: {}", chain(&error));
        let created = created.map_err(cannot)?;
        let id = created.get("Id").and_then(Value::as_str).unwrap_or(name).to_owned();
        self.start(&id).await?;
        Ok(id)
    }

    async fn start(&self, id: &str) -> Result<(), String> {
        let started = self.0.engine.post(&format!("/containers/{id}/start"), None).await;
        started.map(drop).map_err(|error| format!("CannotStartContainerError: {}", chain(&error)))
    }

    async fn pull(&self, image: &str) -> Result<(), EngineError> {
        let engine = &self.0.engine;
        match engine.get(&format!("/images/{}/json", encoded(image))).await {
            Err(error) if error.is_absent() => {}
            known => return known.map(drop),
        }
        engine.post(&format!("/images/create?fromImage={}", encoded(&with_tag(image))), None).await?;
        self.0.look_at_images().await
    }
}

/// Without a tag, an engine would pull every tag.
fn with_tag(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

fn name(task: &TaskSpec, container: &str) -> String {
    format!("coxswain-{}-{container}", task.task_id)
}

#[async_trait]
impl Runtime for Containers {
    type Run = Running;

    async fn begin(&self, task: &TaskSpec) -> Result<(), String> {
        let body = request::network(task, &self.0.pause_image, &self.0.owner);
        let id = self.run(&name(task, "network"), &self.0.pause_image, &body).await?;
        self.0.ids().insert((task.task_id.clone(), String::new()), id);
        Ok(())
    }

    async fn start(&self, task: &TaskSpec, container: &ContainerSpec) -> Result<Running, String> {
        let own = (task.task_id.clone(), container.name.clone());
        let known = self.0.ids().get(&own).cloned();
        let id = if let Some(id) = known {
            // A restart: the same container, with all that it has written.
            self.start(&id).await?;
            id
        } else {
            let network = self.0.ids().get(&(task.task_id.clone(), String::new())).cloned();
            let body = request::container(task, container, &network.unwrap_or_default(), &self.0.owner);
            let id = self.run(&name(task, &container.name), &container.image, &body).await?;
            self.0.ids().insert(own, id.clone());
            id
        };
        let log_file = self.0.state.join("tasks").join(&task.task_id).join(format!("{}.log", container.name));
        if let Some(folder) = log_file.parent() {
            // Without it, the log is in memory only.
            let _ = std::fs::create_dir_all(folder);
        }
        let log = self
            .0
            .logs
            .open(&task.task_id, &container.name, || ContainerLog::new(&log_file, Arc::clone(&self.0.clock)));
        let mut output = JoinSet::new();
        output.spawn(follow(self.0.engine.clone(), id.clone(), log));
        let looks = container.health_check.as_ref().map(|check| check.interval.min(HEALTH_LOOKS));
        Ok(Running { engine: self.0.engine.clone(), id, output, looks })
    }

    async fn end(&self, task: &TaskSpec) {
        let names = task.containers.iter().map(|container| container.name.as_str()).chain(["network"]);
        for container in names {
            // By name: also one whose creation was never answered.
            let path = format!("/containers/{}?force=1&v=1", name(task, container));
            self.0.clear_up(&path).await;
        }
        for volume in task.volumes.iter().filter(|volume| volume.source == VolumeSource::Task) {
            if let Some(name) = request::volume_name(task, &volume.name) {
                self.0.clear_up(&format!("/volumes/{name}")).await;
            }
        }
        self.0.ids().retain(|(task_id, _), _| *task_id != task.task_id);
        for forgotten in self.0.logs.task_ended(&task.task_id) {
            let _ = std::fs::remove_dir_all(self.0.state.join("tasks").join(forgotten));
        }
    }
}

/// Writes down what a container writes, from this start of it on.
async fn follow(engine: Engine, id: String, log: Arc<ContainerLog>) {
    let started = engine.get(&format!("/containers/{id}/json")).await;
    let since = started.ok().and_then(|found| found.pointer("/State/StartedAt")?.as_str().map(seconds_of));
    let mut frames = Frames::to(&log);
    let since = since.unwrap_or_default();
    let path = format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1&since={since}");
    if let Err(error) = engine.follow(&path, |bytes| frames.take_in(bytes)).await {
        tracing::warn!(container = id, error = chain(&error), "the container's output is lost");
    }
    frames.finish();
}

/// RFC 3339 as the engine's query takes it: seconds and nanoseconds.
fn seconds_of(time: &str) -> String {
    let time: Option<jiff::Timestamp> = time.parse().ok();
    time.map(|time| format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())).unwrap_or_default()
}

/// A container that runs in the engine.
pub(super) struct Running {
    engine: Engine,
    id: String,
    output: JoinSet<()>,
    /// From one look at its health to the next; `None` without a check.
    looks: Option<Duration>,
}

#[async_trait]
impl Run for Running {
    async fn ended(&mut self, health: &(dyn Fn(bool) + Send + Sync)) -> Exit {
        let wait = format!("/containers/{}/wait", self.id);
        let waiting = async {
            let answer = self.engine.post(&wait, None).await;
            answer.map(|answer| answer.get("StatusCode").and_then(Value::as_i64))
        };
        let code = tokio::select! {
            code = waiting => code,
            () = self.health(health) => Ok(None),
        };
        self.exit(code.unwrap_or_else(|error| {
            tracing::warn!(container = self.id, error = chain(&error), "the engine lost a container");
            None
        }))
        .await
    }

    async fn stop(&mut self, timeout: Duration) -> Exit {
        // Whole seconds are what the engine knows; a part of one counts as one.
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        if let Err(error) = self.engine.post(&format!("/containers/{}/stop?t={seconds}", self.id), None).await
        {
            tracing::warn!(container = self.id, error = chain(&error), "the container could not be stopped");
        }
        self.exit(None).await
    }
}

impl Running {
    /// Tells each verdict that is another one; for ever idle without a check.
    async fn health(&self, tell: &(dyn Fn(bool) + Send + Sync)) {
        let Some(looks) = self.looks else { return std::future::pending().await };
        let mut last = None;
        loop {
            time::sleep(looks).await;
            let Ok(found) = self.engine.get(&format!("/containers/{}/json", self.id)).await else { continue };
            let verdict = match found.pointer("/State/Health/Status").and_then(Value::as_str) {
                Some("healthy") => Some(true),
                Some("unhealthy") => Some(false),
                _ => None,
            };
            if let Some(healthy) = verdict.filter(|_| verdict != last) {
                last = verdict;
                tell(healthy);
            }
        }
    }

    /// The exit of a container that has ended, with what it wrote last.
    async fn exit(&mut self, code: Option<i64>) -> Exit {
        let found = self.engine.get(&format!("/containers/{}/json", self.id)).await.unwrap_or(Value::Null);
        let stated = found.pointer("/State/ExitCode").and_then(Value::as_i64);
        let is_out_of_memory = found.pointer("/State/OOMKilled").and_then(Value::as_bool) == Some(true);
        let output = &mut self.output;
        let _ = time::timeout(LAST_OUTPUT, async { while output.join_next().await.is_some() {} }).await;
        Exit {
            code: code.or(stated).and_then(|code| i32::try_from(code).ok()).unwrap_or(UNKNOWN),
            reason: is_out_of_memory
                .then(|| "OutOfMemoryError: Container killed due to memory usage".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_its_latest() {
        for (image, whole) in [
            ("web", "web:latest"),
            ("localhost:5000/web", "localhost:5000/web:latest"),
            ("web:1", "web:1"),
            ("web@sha256:00", "web@sha256:00"),
        ] {
            assert_eq!(with_tag(image), whole);
        }
    }

    #[test]
    fn a_time_is_told_to_the_nanosecond() {
        assert_eq!(seconds_of("2026-11-25T00:00:01.5Z"), "1795564801.500000000");
        assert_eq!(seconds_of("never"), "");
    }
}
