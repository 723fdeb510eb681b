//! A small container engine on a Unix socket, as far as the Docker driver asks one: its containers are shell
//! programs. It answers as Docker's API documents; Docker itself was not at hand.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path as Part, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncReadExt,
    net::UnixListener,
    process::Command,
    sync::watch,
    task::AbortHandle,
    time::{Duration, sleep},
};
use tokio_util::task::TaskTracker;

use crate::rig::PROGRAMS;

type Shared = Arc<Engine>;

/// The engine; dropped, it is gone, and its containers are dead.
pub(crate) struct FakeEngine {
    engine: Shared,
    serving: AbortHandle,
}

#[derive(Default)]
struct Engine {
    containers: Mutex<BTreeMap<String, Container>>,
    /// Method and path of each request that it has had.
    asked: Mutex<Vec<String>>,
}

struct Container {
    body: Value,
    /// `None` before its first start and while it runs.
    exit: watch::Sender<Option<i64>>,
    signals: watch::Sender<Option<&'static str>>,
    health: Arc<Mutex<&'static str>>,
    output: Arc<Mutex<Vec<u8>>>,
}

impl FakeEngine {
    pub(crate) fn serve(socket: &Path) -> Self {
        let engine = Shared::default();
        let listener = UnixListener::bind(socket).unwrap();
        let router = Router::new()
            .route("/v1.41/images/json", get(images))
            .route("/v1.41/images/{name}/json", get(image))
            .route("/v1.41/images/create", post(pull))
            .route("/v1.41/containers/json", get(list))
            .route("/v1.41/containers/create", post(create))
            .route("/v1.41/containers/{id}/start", post(start))
            .route("/v1.41/containers/{id}/wait", post(wait))
            .route("/v1.41/containers/{id}/stop", post(stop))
            .route("/v1.41/containers/{id}/json", get(inspect))
            .route("/v1.41/containers/{id}/logs", get(logs))
            .route("/v1.41/containers/{id}", delete(remove))
            .route("/v1.41/volumes/{name}", delete(remove_volume))
            .with_state(engine.clone());
        let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        Self { engine, serving: serving.abort_handle() }
    }

    /// The names of its containers, running or not.
    pub(crate) fn containers(&self) -> Vec<String> {
        self.engine.containers.lock().unwrap().keys().cloned().collect()
    }

    /// What it was asked that begins so.
    pub(crate) fn asked(&self, prefix: &str) -> Vec<String> {
        let asked = self.engine.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.starts_with(prefix)).cloned().collect()
    }

    /// What a container was made from.
    pub(crate) fn body(&self, name: &str) -> Value {
        self.engine.containers.lock().unwrap()[name].body.clone()
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.serving.abort();
        for container in self.engine.containers.lock().unwrap().values() {
            container.signals.send_replace(Some("KILL"));
        }
    }
}

fn program(image: &str) -> Option<&'static str> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let bare = name.trim_end_matches(":latest");
    if bare == "pause" {
        return Some("exec sleep 1000");
    }
    let found = PROGRAMS.iter().find(|(name, _)| *name == bare);
    found.filter(|_| digest.is_none_or(|wanted| wanted == digest_of(bare))).map(|(_, program)| *program)
}

fn digest_of(image: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(image)))
}

fn refusal(status: u16, message: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({"message": message}))).into_response()
}

async fn images() -> Json<Value> {
    let image = |(name, _): &(&str, &str)| {
        json!({"Id": "sha256:0", "Size": 1, "RepoTags": [format!("{name}:latest")],
            "RepoDigests": [format!("{name}@{}", digest_of(name))]})
    };
    Json(PROGRAMS.iter().map(image).collect())
}

async fn image(Part(name): Part<String>) -> Response {
    match program(&name) {
        Some(_) => Json(json!({"Id": "sha256:0"})).into_response(),
        None => refusal(404, &format!("No such image: {name}")),
    }
}

async fn pull(Query(query): Query<BTreeMap<String, String>>) -> Response {
    // As Docker: the answer has begun well when the pull fails.
    let error = format!("pull access denied for {}", query["fromImage"]);
    format!("{}\n{}\n", json!({"status": "Pulling"}), json!({"error": error})).into_response()
}

async fn list() -> Json<Value> {
    Json(json!([]))
}

async fn create(
    State(engine): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
    Json(body): Json<Value>,
) -> Response {
    let name = query["name"].clone();
    let container = Container {
        body,
        exit: watch::Sender::new(None),
        signals: watch::Sender::new(None),
        health: Arc::new(Mutex::new("starting")),
        output: Arc::default(),
    };
    let mut containers = engine.containers.lock().unwrap();
    if containers.contains_key(&name) {
        return refusal(409, &format!("Conflict. The container name {name} is already in use"));
    }
    containers.insert(name.clone(), container);
    (StatusCode::CREATED, Json(json!({"Id": name}))).into_response()
}

async fn start(State(engine): State<Shared>, Part(id): Part<String>) -> Response {
    let containers = engine.containers.lock().unwrap();
    let Some(container) = containers.get(&id) else { return refusal(404, "No such container") };
    container.exit.send_replace(None);
    container.signals.send_replace(None);
    let program = program(container.body["Image"].as_str().unwrap()).unwrap();
    let child = Command::new("/bin/sh")
        .args(["-c", program])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .process_group(0)
        .spawn()
        .unwrap();
    let (exit, output) = (container.exit.clone(), Arc::clone(&container.output));
    TaskTracker::new().spawn(run(child, exit, output, container.signals.subscribe()));
    if let Some(test) = container.body["Healthcheck"]["Test"][1].as_str() {
        // A verdict comes after the first interval, as Docker's.
        let (health, verdict) =
            (Arc::clone(&container.health), if test == "exit 0" { "healthy" } else { "unhealthy" });
        let interval = container.body["Healthcheck"]["Interval"].as_u64().unwrap();
        TaskTracker::new().spawn(async move {
            sleep(Duration::from_nanos(interval)).await;
            *health.lock().unwrap() = verdict;
        });
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn run(
    mut child: tokio::process::Child,
    exit: watch::Sender<Option<i64>>,
    output: Arc<Mutex<Vec<u8>>>,
    mut signals: watch::Receiver<Option<&'static str>>,
) {
    let group = format!("-{}", child.id().unwrap());
    let mut stdout = child.stdout.take().unwrap();
    let reading = async {
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
            let length = u32::try_from(count).unwrap().to_be_bytes();
            output.lock().unwrap().extend([&[1, 0, 0, 0], length.as_slice(), &buffer[..count]].concat());
        }
    };
    let signalling = async {
        while signals.changed().await.is_ok() {
            let Some(signal) = *signals.borrow_and_update() else { continue };
            let kill = Command::new("/bin/kill").args(["-s", signal, "--", &group]).status().await;
            kill.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let status = tokio::select! {
        (status, ()) = async { tokio::join!(child.wait(), reading) } => status.unwrap(),
        () = signalling => unreachable!("it is pending"),
    };
    let signalled = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    exit.send_replace(Some(status.code().or(signalled).unwrap().into()));
}

async fn ended(engine: &Shared, id: &str) -> Option<i64> {
    let mut exit = engine.containers.lock().unwrap().get(id)?.exit.subscribe();
    *exit.wait_for(Option::is_some).await.ok()?
}

async fn wait(State(engine): State<Shared>, Part(id): Part<String>) -> Response {
    match ended(&engine, &id).await {
        Some(code) => Json(json!({"StatusCode": code})).into_response(),
        None => refusal(404, "No such container"),
    }
}

async fn stop(
    State(engine): State<Shared>,
    Part(id): Part<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    engine.asked.lock().unwrap().push(format!("POST stop {id} {}", query["t"]));
    let send = |signal| {
        if let Some(container) = engine.containers.lock().unwrap().get(&id) {
            container.signals.send_replace(Some(signal));
        }
    };
    send("TERM");
    let timeout = Duration::from_secs(query["t"].parse().unwrap());
    if tokio::time::timeout(timeout, ended(&engine, &id)).await.is_err() {
        send("KILL");
        ended(&engine, &id).await;
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn inspect(State(engine): State<Shared>, Part(id): Part<String>) -> Response {
    let containers = engine.containers.lock().unwrap();
    let Some(container) = containers.get(&id) else { return refusal(404, "No such container") };
    let code = container.exit.borrow().unwrap_or(0);
    let mut state = json!({"ExitCode": code, "OOMKilled": false, "StartedAt": "2026-11-25T00:00:00Z"});
    if container.body.get("Healthcheck").is_some() {
        state["Health"] = json!({"Status": *container.health.lock().unwrap()});
    }
    Json(json!({"Id": id, "State": state})).into_response()
}

/// All that a container wrote, once it has ended.
async fn logs(State(engine): State<Shared>, Part(id): Part<String>) -> Response {
    ended(&engine, &id).await;
    let containers = engine.containers.lock().unwrap();
    containers
        .get(&id)
        .map(|container| container.output.lock().unwrap().clone())
        .unwrap_or_default()
        .into_response()
}

async fn remove(State(engine): State<Shared>, Part(id): Part<String>) -> Response {
    match engine.containers.lock().unwrap().remove(&id) {
        Some(container) => {
            container.signals.send_replace(Some("KILL"));
            StatusCode::NO_CONTENT.into_response()
        }
        None => refusal(404, "No such container"),
    }
}

async fn remove_volume(State(engine): State<Shared>, Part(name): Part<String>) -> StatusCode {
    engine.asked.lock().unwrap().push(format!("DELETE volume {name}"));
    StatusCode::NO_CONTENT
}
