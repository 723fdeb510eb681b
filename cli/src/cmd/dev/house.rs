//! Everything that `cox dev` runs, in the order in which it depends on one another.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use coxswain_controller::{
    app::{Controller, Dependencies, OpenSource, Running, Settings},
    authority::Leadership,
    aws::{Aws, Limited, Limits, Location, SdkAws},
    health::{WatchedAws, WatchedStore},
    http::{Api, Freshness, Guard, Streams, Vitals, router, serve},
    metrics::{Counted, Metrics},
    source::{DirectorySource, read_directory},
    status::StatusBoard,
};
use coxswain_local_aws::{Config, LocalAws, ProcessConfig, ProcessDriver, SystemClock as LocalClock};
use coxswain_manifest::{EnvironmentSettings, load};
use coxswain_runtime::{Clock, Drain, SystemClock};
use coxswain_store::{DirectoryStore, Store, StoreError};
use http::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc::unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::{
    cannot,
    seed::{Parameter, Seed},
};
use crate::{config, connection::Connection, exit::Failure};

/// Where the status endpoint is if nobody else is there.
const STATUS_PORT: u16 = 7400;

/// From one look at a rollout to the next: a person is watching.
const ROLLOUT_INTERVAL: Duration = Duration::from_secs(1);

/// Within which drift is found.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// How long what is running has to end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Everything that `cox dev` runs.
#[derive(Debug)]
pub(super) struct House {
    local: LocalEcs,
    running: Running,
    board: Arc<StatusBoard>,
    connection: Connection,
    first_service: Option<String>,
}

/// The local ECS and what serves it.
#[derive(Debug)]
struct LocalEcs {
    driver: Arc<ProcessDriver>,
    endpoint: String,
    end: CancellationToken,
    drain: Drain,
}

impl House {
    /// Starts all of it.
    pub(super) async fn open(manifests: &Path, state: &Path, seed: Seed) -> Result<Self, Failure> {
        let files = read_directory(manifests).unwrap_or_default();
        let loaded = load(files);
        let place = place(loaded.environment());
        let first_service = loaded.keys().next().map(|key| key.name.clone());
        let local = LocalEcs::start(&place, state, seed).await?;

        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = DirectoryStore::open(state.join("store")).await;
        let store =
            store.map_err(|error| Failure::unreachable(format!("the store cannot be opened: {error}")))?;
        let vitals = Vitals::new(&clock);
        let store: Arc<dyn Store> = Arc::new(WatchedStore::new(Arc::new(store), vitals.store.clone()));
        forget_records(store.as_ref())
            .await
            .map_err(|error| Failure::unreachable(format!("the store cannot be tidied: {error}")))?;
        let metrics = Arc::new(Metrics::new());
        let board = Arc::new(StatusBoard::new(store.clone(), metrics.clone(), clock.now()));
        let location = Location {
            region: Some(place.region.clone()),
            endpoint_url: Some(local.endpoint.clone()),
            example_credentials: true,
            http_client: None,
        };
        let sdk = Box::pin(SdkAws::connect(location, clock.clone())).await;
        let sdk = WatchedAws::new(sdk, vitals.aws.clone());
        let counted: Arc<dyn Aws> = Arc::new(Counted::new(sdk, metrics.clone()));
        let limits = Limits::documented();
        let aws = Arc::new(Limited::sharing(limits.clone(), counted.clone()));
        let watched = manifests.to_path_buf();
        let (listener, address) = status_listener().await?;
        let running = Controller::start(
            Settings {
                sweep_interval: SWEEP_INTERVAL,
                rollout_interval: ROLLOUT_INTERVAL,
                object_by_object: true,
                finish_within: END_WITHIN,
                ..Settings::default()
            },
            Dependencies {
                aws: counted,
                limits,
                store: store.clone(),
                clock: clock.clone(),
                source: OpenSource::new(move || Box::new(DirectorySource::watched(&watched))),
                reporter: board.clone(),
                leadership: Leadership::default(),
                lease: None,
            },
        );
        let engine = Arc::new(running.handle());
        let drain = engine.drain().clone();
        let guard = Guard::new(address, None, None).map_err(|error| Failure::refused(error.to_string()))?;
        let streams = Streams::new(drain.clone());
        let (replica, freshness) = ("cox dev".into(), Freshness::default());
        let board_too = board.clone();
        let api = Api {
            board: board_too,
            metrics,
            store,
            engine,
            aws,
            publisher: None,
            streams,
            replica,
            vitals,
            freshness,
            clock,
        };
        drop(drain.spawn(serve(listener, router(api, guard), drain.clone())));
        let connection = Connection {
            controller: format!("http://{address}"),
            endpoint: local.endpoint.clone(),
            region: place.region,
            manifests: manifests.to_path_buf(),
            pid: std::process::id(),
        };
        Ok(Self { local, running, board, connection, first_service })
    }

    /// Where others find it.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What is known of the objects.
    pub(super) fn board(&self) -> Arc<StatusBoard> {
        self.board.clone()
    }

    /// A service to try commands on.
    pub(super) fn first_service(&self) -> Option<String> {
        self.first_service.clone()
    }

    /// Ends in good order: first who acts, then what is acted on. What could not end is told.
    pub(super) async fn close(self) -> Option<String> {
        let unfinished = self.running.stop().await.err().map(|unfinished| unfinished.to_string());
        self.local.close().await;
        unfinished
    }
}

/// Where the local ECS pretends to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    region: String,
    account: String,
    cluster: String,
}

/// As the manifests say; an example's where they do not, or cannot be read yet.
fn place(environment: Option<&EnvironmentSettings>) -> Place {
    let region = environment.and_then(|environment| environment.region.clone());
    let account = environment.and_then(|environment| environment.account.clone());
    Place {
        region: region.unwrap_or_else(|| "eu-west-1".to_owned()),
        account: account.unwrap_or_else(|| "123456789012".to_owned()),
        cluster: environment.map_or_else(|| "dev".to_owned(), |environment| environment.cluster.clone()),
    }
}

impl LocalEcs {
    async fn start(place: &Place, state: &Path, seed: Seed) -> Result<Self, Failure> {
        let (sender, events) = unbounded_channel();
        let clock = Arc::new(LocalClock);
        let driver = Arc::new(ProcessDriver::new(
            ProcessConfig {
                images: seed.images,
                state: state.join("local"),
                inherited: config::inherited(),
                shim: None,
                clock: clock.clone(),
            },
            sender,
        ));
        let config =
            Config { account: place.account.clone(), region: place.region.clone(), ..Config::default() };
        let local = Arc::new(LocalAws::new(config, clock, driver.clone(), events));
        call(
            &local,
            "AmazonEC2ContainerServiceV20141113.CreateCluster",
            &json!({ "clusterName": place.cluster }),
        )
        .await?;
        for (name, value) in &seed.parameters {
            let (kind, value) = match value {
                Parameter::String(value) => ("String", value.clone()),
                Parameter::StringList(list) => ("StringList", list.join(",")),
            };
            let input = json!({ "Name": name, "Type": kind, "Value": value, "Overwrite": true });
            call(&local, "AmazonSSM.PutParameter", &input).await?;
        }
        let listener = listen(0).await.map_err(|error| cannot("open the local ECS", &error))?;
        let address = listener.local_addr().map_err(|error| cannot("open the local ECS", &error))?;
        let endpoint = format!("http://{address}");
        local.served_at(&endpoint);
        let drain = Drain::new();
        let watch = drain.watch();
        let end = CancellationToken::new();
        drop(watch.spawn(serve(listener, local.clone().server(), watch.clone())));
        let token = end.clone();
        drop(watch.spawn(async move { local.run(token).await }));
        Ok(Self { driver, endpoint, end, drain })
    }

    async fn close(self) {
        self.end.cancel();
        self.driver.shutdown().await;
        if let Err(unfinished) = self.drain.finish(END_WITHIN).await {
            tracing::warn!(%unfinished, "the local ECS did not end in time");
        }
    }
}

/// A call of the local ECS' own protocol, without a socket.
async fn call(local: &LocalAws, target: &str, input: &Value) -> Result<(), Failure> {
    let failed =
        |why: String| Failure::invalid(format!("the local ECS cannot be seeded: {target} {input}: {why}"));
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(Bytes::from(input.to_string()))
        .map_err(|error| failed(error.to_string()))?;
    let answer = local.handle(request).await.map_err(|_| failed("the connection was cut".to_owned()))?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(answer.body()).into_owned()))
}

/// Forgets what was sent to the local ECS of an earlier start: this one begins empty and counts its revisions
/// from 1 again, so that an old record would name revisions that are something else now. Status, history and
/// the manifests' sequence stay.
async fn forget_records(store: &dyn Store) -> Result<(), StoreError> {
    for path in store.list("v1/").await? {
        if path.segments().nth(2) != Some("records") {
            continue;
        }
        if let Some(entry) = store.get(&path).await? {
            store.delete(&path, entry.version).await?;
        }
    }
    Ok(())
}

async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// The usual port, or any where somebody has it.
async fn status_listener() -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error| cannot("open the status endpoint", &error);
    let listener = match listen(STATUS_PORT).await {
        Ok(listener) => listener,
        Err(_) => listen(0).await.map_err(failed)?,
    };
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests {
    use coxswain_store::{Expect, MemoryStore, Path};

    use super::*;

    #[tokio::test]
    async fn a_new_start_forgets_records_and_keeps_history() {
        let store = MemoryStore::new();
        for path in
            ["v1/dev/records/service/api.json", "v1/dev/history/service/api.json", "v1/dev/source.json"]
        {
            store.put(&Path::new(path).unwrap(), b"{}".to_vec(), Expect::Absent).await.unwrap();
        }
        forget_records(&store).await.unwrap();
        let left: Vec<_> = store.list("").await.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(left, ["v1/dev/history/service/api.json", "v1/dev/source.json"]);
    }

    #[test]
    fn without_readable_manifests_an_examples_place_is_taken() {
        let place = place(None);
        assert_eq!((place.region.as_str(), place.cluster.as_str()), ("eu-west-1", "dev"));
        assert_eq!(place.account, "123456789012");
    }
}
