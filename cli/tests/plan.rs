//! `cox diff` and `cox plan` against a local ECS and a controller, over real sockets.
#![cfg(feature = "dev")]
#![expect(clippy::unwrap_used, reason = "a failure of the test's own scaffolding is a failure of the test")]

use std::{net::SocketAddr, path::Path, process::Output, sync::Arc, time::Duration};

use coxswain_controller::{
    app::{Controller, Dependencies, OpenSource, Settings},
    authority::Leadership,
    aws::{Aws, Limits, Location, SdkAws},
    http::{Api, Freshness, Guard, Streams, Vitals, router, serve},
    metrics::Metrics,
    source::DirectorySource,
    status::{StatusBoard, Sync},
};
use coxswain_local_aws::{
    Config, Journal, LocalAws, Script, ScriptedDriver, SystemClock as LocalClock, Timing,
};
use coxswain_runtime::{Clock, Drain, SystemClock};
use coxswain_store::{MemoryStore, Store};
use http::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc::unbounded_channel};
use tokio_util::sync::CancellationToken;

/// A local ECS with what the example needs, and a copy of the example.
struct World {
    local: Arc<LocalAws>,
    endpoint: String,
    folder: tempfile::TempDir,
    drain: Drain,
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl World {
    async fn open() -> Self {
        let (sender, events) = unbounded_channel();
        let driver = ScriptedDriver::new(sender, Arc::new(LocalClock));
        driver.script_others(Script::serves());
        let timing = Timing { healthy_after: Duration::from_secs(1), ..Timing::default() };
        let journal = format!("requests/plan-{}.jsonl", std::process::id());
        let journal = Journal::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(journal)).unwrap();
        let config = Config {
            region: "eu-west-1".to_owned(),
            timing,
            journal: Some(Arc::new(journal)),
            ..Config::default()
        };
        let local = Arc::new(LocalAws::new(config, Arc::new(LocalClock), driver, events));
        let drain = Drain::new();
        let (listener, address) = listen().await;
        drop(drain.watch().spawn(serve(listener, local.clone().server(), drain.watch())));
        let running = local.clone();
        drop(drain.watch().spawn(async move { running.run(CancellationToken::new()).await }));
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd/valid")).unwrap()
        {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let world = Self { local, endpoint: format!("http://{address}"), folder, drain };
        world.call("AmazonEC2ContainerServiceV20141113.CreateCluster", json!({"clusterName": "dev"})).await;
        for (name, kind, value) in [
            ("/coxswain/dev/infra/private-subnets", "StringList", "subnet-1,subnet-2"),
            ("/coxswain/dev/infra/api-security-group", "String", "sg-1"),
            ("/coxswain/dev/infra/execution-role", "String", "arn:aws:iam::123456789012:role/execution"),
        ] {
            world.call("AmazonSSM.PutParameter", json!({"Name": name, "Type": kind, "Value": value})).await;
        }
        world
    }

    async fn call(&self, target: &str, input: Value) -> Value {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Bytes::from(input.to_string()))
            .unwrap();
        let answer = self.local.handle(request).await.unwrap();
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        assert!(answer.status().is_success(), "{target}: {body}");
        body
    }

    async fn cox(&self, arguments: &[&str], controller: Option<&str>) -> (i32, String, String) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cox"));
        command
            .args(arguments)
            .arg(self.folder.path())
            .args(["--endpoint-url", &self.endpoint])
            .env("AWS_ACCESS_KEY_ID", "example")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .env("NO_COLOR", "1")
            .current_dir(self.folder.path())
            .kill_on_drop(true);
        if let Some(url) = controller {
            command.env("COXSWAIN_CONTROLLER", url);
        }
        let Output { status, stdout, stderr } = command.output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_a_difference_and_two_steps() {
    let world = World::open().await;
    let (code, out, err) = world.cox(&["plan"], None).await;
    assert_eq!(code, 0, "{out}{err}");
    let steps: Vec<_> = out.lines().filter(|line| line.contains("(NotCreated)")).collect();
    assert_eq!(steps.len(), 2, "{out}");
    assert!(steps[0].contains("RegisterTaskDefinition") && steps[1].contains("CreateService"), "{out}");
    assert!(err.contains("compared two ways only"), "{err}");
    assert_eq!(world.cox(&["plan", "--fail-on-changes"], None).await.0, 1);
    let (code, out, err) = world.cox(&["diff"], None).await;
    assert_eq!(code, 1, "{out}{err}");
    assert!(!world.local.requests().iter().any(|request| request.operation == "CreateService"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_controller_brought_about_has_no_difference_and_an_edit_is_named_with_its_place() {
    let world = World::open().await;
    let (url, running, board) = controller(&world).await;
    let mut changes = board.follow();
    let synced = tokio::time::timeout(Duration::from_mins(1), async {
        while board
            .service("api")
            .is_none_or(|status| status.sync != Sync::Synced || status.rollout.is_some())
        {
            changes.changed().await.unwrap();
        }
    });
    assert!(synced.await.is_ok(), "not synced: {:#?}", board.service("api"));
    let (code, out, err) = world.cox(&["diff"], Some(&url)).await;
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    running.stop().await.unwrap();

    let path = world.folder.path().join("api.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("api:1.0", "api:1.1").replace("plain-headers", "assertion")).unwrap();
    let (code, out, err) = world.cox(&["diff"], None).await;
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("containerDefinitions[api].image: "), "{out}");
    assert!(out.contains("api:1.1  (new revision; api.yaml:"), "{out}");
    assert!(
        !out.contains("plain-headers") && !out.contains("assertion"),
        "a variable's value is shown:\n{out}"
    );
    assert!(out.contains("API_IDENTITY"), "a variable that changed is named:\n{out}");
    let (code, out, _) = world.cox(&["plan", "-o", "json"], None).await;
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["kind"]), (0, &json!("Plan")));
    assert_eq!(document["items"][0]["steps"][1]["operation"], "UpdateService", "{out}");
    drop(world.drain);
}

async fn controller(world: &World) -> (String, coxswain_controller::app::Running, Arc<StatusBoard>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let location = Location {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(world.endpoint.clone()),
        example_credentials: true,
        http_client: None,
    };
    let aws: Arc<dyn Aws> = Arc::new(SdkAws::connect(location, clock.clone()).await);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let metrics = Arc::new(Metrics::new());
    let board = Arc::new(StatusBoard::new(store.clone(), metrics.clone(), clock.now()));
    let watched = world.folder.path().to_path_buf();
    let running = Controller::start(
        Settings { rollout_interval: Duration::from_millis(500), ..Settings::default() },
        Dependencies {
            aws: aws.clone(),
            limits: Limits::none(),
            store: store.clone(),
            clock: clock.clone(),
            source: OpenSource::new(move || Box::new(DirectorySource::watched(&watched))),
            reporter: board.clone(),
            leadership: Leadership::default(),
            lease: None,
        },
    );
    let (listener, address) = listen().await;
    let engine = Arc::new(running.handle());
    let drain = engine.drain().clone();
    let streams = Streams::new(drain.clone());
    let (replica, freshness, vitals) = ("test".into(), Freshness::default(), Vitals::new(&clock));
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
    let guard = Guard::new(address, None, None).unwrap();
    drop(drain.spawn(serve(listener, router(api, guard), drain.clone())));
    (format!("http://{address}"), running, board)
}
