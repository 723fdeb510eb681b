//! The *Docker* driver: each container is one of a container engine's, by its HTTP API.
//!
//! A task's containers share the network of one more container, as they share a network interface in ECS, and
//! its ports are published at the task's own loopback address. Health, memory, ulimits and volumes are the
//! engine's. Everything else of a container's life is what it is for processes.
//!
//! # Limits
//!
//! It was tried against a small engine of the tests, never against Docker itself. What a container uses is not
//! measured. After a `kill -9` of this program its containers run on; the next one with the same state folder
//! removes them. A container reaches the metadata endpoints as `host.docker.internal`, and only where they are
//! served on an address that containers reach.

mod container;
mod engine;
mod frames;
mod request;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use self::{
    container::Containers,
    engine::{Engine, encoded},
};
use crate::{
    clock::Clock,
    container_log::LogBook,
    driver::{LogLine, TaskDriver, TaskEventSender, Usage},
    error::chain,
    image::Reference,
    life::Crew,
    registry::Image,
    task_spec::TaskSpec,
};

pub use engine::EngineError;

/// How many stopped tasks keep their logs.
const KEPT_TASKS: usize = 200;

/// What a [`DockerDriver`] needs to know.
#[derive(Debug)]
pub struct DockerConfig {
    /// The engine's Unix socket, such as `/var/run/docker.sock`.
    pub socket: PathBuf,
    /// A folder of the driver's own, for logs; it names whose containers are whose.
    pub state: PathBuf,
    /// The image of the containers that hold the tasks' networks.
    pub pause_image: String,
    /// Dates log lines.
    pub clock: Arc<dyn Clock>,
}

/// Runs tasks in a container engine.
#[derive(Debug)]
pub struct DockerDriver {
    shared: Arc<Shared>,
    crew: Crew<Containers>,
}

/// What all containers use.
struct Shared {
    engine: Engine,
    owner: String,
    state: PathBuf,
    pause_image: String,
    clock: Arc<dyn Clock>,
    logs: LogBook,
    images: Mutex<Vec<Image>>,
    /// By task and container; without a container's name, the one that holds the network.
    ids: Mutex<HashMap<(String, String), String>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Shared {
    fn ids(&self) -> MutexGuard<'_, HashMap<(String, String), String>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn images(&self) -> MutexGuard<'_, Vec<Image>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the engine which images it has.
    async fn look_at_images(&self) -> Result<(), EngineError> {
        let listed = self.engine.get("/images/json").await?;
        *self.images() = listed.as_array().into_iter().flatten().flat_map(images_of).collect();
        Ok(())
    }

    /// Removes something that is of no use any more.
    async fn clear_up(&self, path: &str) {
        if let Err(error) = self.engine.delete(path).await {
            tracing::warn!(path, error = chain(&error), "the engine keeps what is of no use");
        }
    }

    /// Removes the containers that an earlier run with the same state folder has left.
    async fn remove_earlier(&self) -> Result<(), EngineError> {
        let filters = format!(r#"{{"label":["{}={}"]}}"#, request::LABEL, self.owner);
        let path = format!("/containers/json?all=1&filters={}", encoded(&filters));
        let listed = self.engine.get(&path).await?;
        for container in listed.as_array().into_iter().flatten() {
            if let Some(id) = container.get("Id").and_then(Value::as_str) {
                self.engine.delete(&format!("/containers/{id}?force=1&v=1")).await?;
            }
        }
        Ok(())
    }
}

/// An image of the engine's list, under each of its tags.
fn images_of(listed: &Value) -> Vec<Image> {
    let texts = |name: &str| {
        let texts = listed.get(name).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(|text| text.as_str().map(Reference::parse)).collect::<Vec<_>>()
    };
    let digests = texts("RepoDigests");
    let id = listed.get("Id").and_then(Value::as_str).unwrap_or_default();
    let image = |reference: Reference<'_>| {
        let own = digests.iter().find(|digest| digest.repository() == reference.repository());
        Image {
            repository: reference.repository().to_owned(),
            tag: reference.tag().unwrap_or("latest").to_owned(),
            // One that was built here has no digest of a registry.
            digest: own.and_then(Reference::digest).unwrap_or(id).to_owned(),
            size: listed.get("Size").and_then(Value::as_u64).unwrap_or(0),
        }
    };
    texts("RepoTags").into_iter().map(image).collect()
}

impl DockerDriver {
    /// Reaches the engine, clears up after an earlier run, and reports to `events` from then on.
    ///
    /// To be called inside a tokio runtime.
    ///
    /// # Errors
    /// Where the engine cannot be reached or refuses.
    pub async fn connect(config: DockerConfig, events: TaskEventSender) -> Result<Self, EngineError> {
        let DockerConfig { socket, state, pause_image, clock } = config;
        let shared = Arc::new(Shared {
            engine: Engine::at(socket),
            owner: state.display().to_string(),
            state,
            pause_image,
            clock,
            logs: LogBook::new(KEPT_TASKS),
            images: Mutex::default(),
            ids: Mutex::default(),
        });
        shared.remove_earlier().await?;
        shared.look_at_images().await?;
        let crew = Crew::new(Arc::new(Containers(Arc::clone(&shared))), events);
        Ok(Self { shared, crew })
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

impl TaskDriver for DockerDriver {
    fn start(&self, task: TaskSpec) {
        self.crew.start(task);
    }

    fn stop(&self, task_id: &str) {
        self.crew.stop(task_id);
    }

    /// Of the images that the engine has: one that is still to be pulled has no digest yet.
    fn image(&self, reference: &str) -> Option<Image> {
        let parsed = Reference::parse(reference);
        let is_meant = |image: &&Image| {
            image.repository == parsed.repository()
                && match parsed.digest() {
                    Some(digest) => image.digest == digest,
                    None => image.tag == parsed.tag().unwrap_or("latest"),
                }
        };
        self.shared.images().iter().find(is_meant).cloned()
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let images = self.shared.images();
        let of_it = images.iter().filter(|image| image.repository == repository);
        let tags: Vec<String> = of_it.map(|image| image.tag.clone()).collect();
        (!tags.is_empty()).then_some(tags)
    }

    fn usage(&self, _task_id: &str, _container: &str) -> Option<Usage> {
        None
    }

    fn logs(&self, task_id: &str, container: &str, limit: usize) -> Vec<LogLine> {
        self.shared.logs.last(task_id, container, limit)
    }
}
