//! What a task can ask about itself: metadata, version 4, statistics, and its role's credentials.
//!
//! | path | answers |
//! |---|---|
//! | `/v4/ID` | the container |
//! | `/v4/ID/task` | the task |
//! | `/v4/ID/stats` | the container's statistics, in Docker's form |
//! | `/v4/ID/task/stats` | those of every container of the task, by its `DockerId` |
//! | `/api/ID/task-protection/v1/state` | the task's protection; PUT changes it |
//! | `/v2/credentials/ID` | credentials of the task's role |
//!
//! In ECS these are at 169.254.170.2, which every task has for itself; here all tasks share the address
//! of the API, and a path leads to one task alone, by an id that nobody can guess.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html>
//! and <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

mod credentials;
mod equip;
mod protection;
pub(crate) mod secret;
mod stats;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

pub(crate) use self::{credentials::Credentials, equip::Surroundings};
use crate::{
    driver::Usage,
    ecs::{Container, Place, State, Task},
    local::LocalAws,
    world::World,
};

impl LocalAws {
    /// Answers a task's question; `None` for a path that is no task's.
    pub(crate) fn answer_task(&self, method: &Method, path: &str, body: &Bytes) -> Option<Response<Bytes>> {
        if let Some((id, protection::PATH)) = path.strip_prefix("/api/").and_then(|rest| rest.split_once('/'))
            && matches!(*method, Method::GET | Method::PUT)
        {
            let (status, body) = self
                .in_some_world(|world| world.protect(id, method, body, || self.next_request_id()))
                .unwrap_or_else(|| (StatusCode::NOT_FOUND, nobody()));
            return Some(respond(status, &body));
        }
        let answer = if let Some(rest) = path.strip_prefix("/v4/") {
            let (id, view) = rest.split_once('/').unwrap_or((rest, ""));
            self.in_some_world(|world| world.metadata(id, view))
        } else {
            let id = path.strip_prefix("/v2/credentials/")?;
            self.in_some_world(|world| world.credentials_of(id))
        };
        Some(match (method, answer) {
            (&Method::GET, Some(body)) => respond(StatusCode::OK, &body),
            (&Method::GET, None) => respond(StatusCode::NOT_FOUND, &nobody()),
            _ => {
                let text = "There is nothing here but GET";
                respond(StatusCode::METHOD_NOT_ALLOWED, &json!({"code": "MethodNotAllowed", "message": text}))
            }
        })
    }

    /// The answer of the world that knows a path.
    fn in_some_world<T>(&self, ask: impl Fn(&World) -> Option<T>) -> Option<T> {
        self.worlds().iter().find_map(|world| ask(world))
    }
}

impl World {
    fn metadata(&self, id: &str, view: &str) -> Option<Value> {
        let now = self.clock.now();
        let state = self.state();
        let Some(Place::Container { task, container: name }) = state.places.get(id) else { return None };
        let task = state.tasks.get(task)?;
        let container = task.containers.iter().find(|container| container.name == *name)?;
        match view {
            "" => Some(task.container_metadata(&state, container)),
            "task" => Some(task.metadata(&state)),
            "stats" | "task/stats" => {
                let limits = |container: &Container| {
                    (container.name.clone(), container.runtime_id().to_owned(), task.memory_limit(container))
                };
                let of_one = limits(container);
                let of_all: Vec<_> = task.containers.iter().map(limits).collect();
                let task_id = task.id.clone();
                // The driver reads files: not while everybody else waits.
                drop(state);
                let docker = |(name, id, limit): &(String, String, Option<u64>)| {
                    let usage: Option<Usage> = self.driver.usage(&task_id, name);
                    usage.map_or(Value::Null, |usage| stats::docker(name, id, *limit, &usage, now))
                };
                if view == "stats" {
                    return Some(docker(&of_one));
                }
                let all = of_all.iter().map(|one| (one.1.clone(), docker(one)));
                Some(Value::Object(all.collect::<Map<_, _>>()))
            }
            _ => None,
        }
    }

    fn credentials_of(&self, id: &str) -> Option<Value> {
        let now = self.clock.now();
        let mut state = self.state();
        let Some(Place::Credentials { task }) = state.places.get(id) else { return None };
        let task = task.clone();
        let credentials = state.tasks.get_mut(&task)?.credentials.as_mut()?;
        match credentials.show(now) {
            Ok(shown) => Some(shown),
            Err(error) => {
                tracing::error!(%error, "cannot make credentials");
                None
            }
        }
    }
}

fn nobody() -> Value {
    let text = "No task has this path: metadata and credentials end with their task";
    json!({"code": "NotFound", "message": text})
}

fn respond(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl State {
    /// Takes the paths of a task away that is described no longer.
    pub(crate) fn close_paths(&mut self, task: &Task) {
        for path in task.paths() {
            self.places.remove(path);
        }
    }
}
