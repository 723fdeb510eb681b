//! A stage for one scenario: a local ECS, a directory of manifests, a store, and a controller on them.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use coxswain_controller::{
    app::{Controller, Dependencies, OpenSource, Running, Settings},
    authority::Leadership,
    aws::{Aws, Limits, Location, SdkAws},
    report::{Report, Reporter, SourceReport},
    source::{DirectorySource, POLL_INTERVAL, Source},
};
use coxswain_local_aws::{Config, InProcess, Journal, LocalAws, Script, ScriptedDriver, Time, Timing};
use coxswain_manifest::Key;
use coxswain_plan::{ConditionType, Record};
use coxswain_runtime::{Clock, TokioClock};
use coxswain_store::{MemoryStore, Path, Store as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc::unbounded_channel, watch};
use tokio_util::sync::CancellationToken;

const BASE_MS: u64 = 1_767_225_600_000;

/// What the controller sends in all scenarios, for the judges in `tests/python`.
static JOURNAL: LazyLock<Arc<Journal>> = LazyLock::new(|| {
    let name = format!("requests/virtual-time-{}.jsonl", std::process::id());
    Arc::new(Journal::open(&std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).unwrap())
});

/// No scenario waits longer for anything, in virtual time.
const PATIENCE: Duration = Duration::from_hours(1);

pub(crate) const ENVIRONMENT: &str = "
apiVersion: coxswain.dev/v1
kind: Environment
metadata: { name: dev }
spec:
  region: eu-west-1
  account: \"123456789012\"
  cluster: dev
  tags: { team: web }
  defaults:
    taskDefinition:
      requiresCompatibilities: [FARGATE]
      networkMode: awsvpc
      cpu: 256
      memory: 512
      executionRoleArn: arn:aws:iam::123456789012:role/execution
    service:
      launchType: FARGATE
      networkConfiguration:
        awsvpcConfiguration: { subnets: [subnet-0123456789abcdef0] }
";

/// A service of two tasks with a health check; `extra` goes under `spec.service`.
pub(crate) fn service(name: &str, image: &str, extra: &str) -> String {
    format!(
        "
apiVersion: coxswain.dev/v1
kind: Service
metadata: {{ name: {name} }}
spec:
  taskDefinition:
    containerDefinitions:
      - name: app
        image: {image}
        portMappings: [{{ containerPort: 8000 }}]
        healthCheck: {{ command: [CMD, check], interval: 5, timeout: 2, retries: 2 }}
  service: {{ {extra} }}
  count: {{ fixed: 2 }}
"
    )
}

/// The latest report of each object, and those of the manifests.
#[derive(Debug)]
pub(crate) struct Reports {
    objects: Mutex<BTreeMap<String, Report>>,
    sources: Mutex<Vec<SourceReport>>,
    changed: watch::Sender<u64>,
}

impl Default for Reports {
    fn default() -> Self {
        Self { objects: Mutex::default(), sources: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

#[async_trait]
impl Reporter for Reports {
    async fn object(&self, report: Report) {
        self.objects.lock().unwrap().insert(report.key.name.clone(), report);
        self.changed.send_modify(|count| *count += 1);
    }

    async fn source(&self, report: SourceReport) {
        self.sources.lock().unwrap().push(report);
        self.changed.send_modify(|count| *count += 1);
    }
}

impl Reports {
    pub(crate) fn of(&self, name: &str) -> Option<Report> {
        self.objects.lock().unwrap().get(name).cloned()
    }

    /// What was reported before counts no longer.
    pub(crate) fn forget(&self) {
        self.objects.lock().unwrap().clear();
        self.sources.lock().unwrap().clear();
    }

    pub(crate) fn last_source(&self) -> Option<SourceReport> {
        self.sources.lock().unwrap().last().cloned()
    }

    /// Waits until `wanted` finds something.
    pub(crate) async fn until<T>(&self, what: &str, wanted: impl Fn(&Self) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        let search = async {
            loop {
                if let Some(found) = wanted(self) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(PATIENCE, search).await;
        found.unwrap_or_else(|_| {
            panic!("waited in vain until {what}; last seen: {:#?}", self.objects.lock().unwrap())
        })
    }
}

/// Whether the report's plan has that condition true.
pub(crate) fn holds(report: &Report, kind: ConditionType) -> bool {
    let plan = report.plan.as_ref();
    plan.is_some_and(|plan| {
        plan.conditions.iter().any(|condition| condition.kind == kind && condition.status)
    })
}

pub(crate) struct Stage {
    pub(crate) local: Arc<LocalAws>,
    pub(crate) driver: Arc<ScriptedDriver>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) aws: Arc<dyn Aws>,
    pub(crate) store: MemoryStore,
    pub(crate) reports: Arc<Reports>,
    pub(crate) settings: Settings,
    root: TempDir,
    shutdown: CancellationToken,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Stage {
    /// An empty cluster `dev` and a directory with an Environment.
    pub(crate) async fn new() -> Self {
        Self::with(Timing::default(), Duration::from_millis(20)).await
    }

    pub(crate) async fn with(timing: Timing, latency: Duration) -> Self {
        let local_clock: Arc<dyn coxswain_local_aws::Clock> =
            Arc::new(coxswain_local_aws::TokioClock::starting_at(Time::from_millis(BASE_MS)));
        let base = jiff::Timestamp::from_millisecond(BASE_MS.try_into().unwrap()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(base));
        let (sender, events) = unbounded_channel();
        let driver = ScriptedDriver::new(sender, local_clock.clone());
        let config = Config {
            region: "eu-west-1".to_owned(),
            seed: Some(7),
            requests_kept: 100_000,
            journal: Some(JOURNAL.clone()),
            timing,
            ..Config::default()
        };
        let local = Arc::new(LocalAws::new(config, local_clock, driver.clone(), events));
        let shutdown = CancellationToken::new();
        let (running, token) = (local.clone(), shutdown.clone());
        let tracker = tokio_util::task::TaskTracker::new();
        drop(tracker.spawn(async move { running.run(token).await }));

        let client = InProcess::new(local.clone()).with_latency(latency);
        let location = Location {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some("http://local.example.com".to_owned()),
            example_credentials: true,
            http_client: Some(aws_smithy_runtime_api::client::http::SharedHttpClient::new(client)),
        };
        let sdk = SdkAws::connect(location, clock.clone()).await;
        let stage = Self {
            aws: Arc::new(sdk),
            store: MemoryStore::new(),
            reports: Arc::default(),
            settings: Settings { finish_within: Duration::from_secs(10), seed: 1, ..Settings::default() },
            root: tempfile::tempdir().unwrap(),
            local,
            driver,
            clock,
            shutdown,
        };
        stage.ecs("CreateCluster", json!({"clusterName": "dev"})).await;
        stage.write("environment.yaml", ENVIRONMENT);
        stage
    }

    /// Containers of that image do this.
    pub(crate) fn script(&self, image: &str, script: Script) {
        self.driver.script(image, script);
    }

    /// Replaces a manifest in one step, as a careful editor does.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let temporary = self.root.path().join(".temporary");
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, self.root.path().join(name)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.root.path().join(name)).unwrap();
    }

    /// A controller on this stage.
    pub(crate) fn start(&self) -> Running {
        self.start_as(self.part())
    }

    /// What a controller that is alone on this stage works with.
    pub(crate) fn part(&self) -> Dependencies {
        let root = self.root.path().to_path_buf();
        Dependencies {
            aws: self.aws.clone(),
            limits: Limits::documented(),
            store: Arc::new(self.store.clone()),
            clock: self.clock.clone(),
            source: OpenSource::new(move || Box::new(DirectorySource::polled(&root, POLL_INTERVAL))),
            reporter: self.reports.clone(),
            leadership: Leadership::default(),
            lease: None,
        }
    }

    /// A controller with these parts.
    pub(crate) fn start_as(&self, part: Dependencies) -> Running {
        Controller::start(self.settings.clone(), part)
    }

    /// A controller on this stage whose manifests come from elsewhere.
    pub(crate) fn start_from(&self, open: impl Fn() -> Box<dyn Source> + Send + Sync + 'static) -> Running {
        self.start_as(Dependencies { source: OpenSource::new(open), ..self.part() })
    }

    /// Somebody else's call.
    pub(crate) async fn ecs(&self, operation: &str, input: Value) -> Value {
        let request = http::Request::post("http://local.example.com/")
            .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .body(Bytes::from(input.to_string()))
            .unwrap();
        let answer = self.local.handle(request).await.unwrap();
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        assert!(answer.status().is_success(), "{operation}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The service as ECS describes it.
    pub(crate) async fn live(&self, name: &str) -> Value {
        let input = json!({"cluster": "dev", "services": [name], "include": ["TAGS"]});
        self.ecs("DescribeServices", input).await["services"][0].clone()
    }

    /// The numbers of the family's revisions.
    pub(crate) async fn revisions(&self, family: &str) -> usize {
        let listed = self.ecs("ListTaskDefinitions", json!({"familyPrefix": family})).await;
        listed["taskDefinitionArns"].as_array().unwrap().len()
    }

    /// The status of every rollout that ever was, newest first.
    pub(crate) async fn rollouts(&self, name: &str) -> Vec<String> {
        let listed = self.ecs("ListServiceDeployments", json!({"cluster": "dev", "service": name})).await;
        let listed = listed["serviceDeployments"].as_array().unwrap();
        listed.iter().map(|deployment| deployment["status"].as_str().unwrap().to_owned()).collect()
    }

    /// What the store remembers of the service.
    pub(crate) async fn record(&self, name: &str) -> Option<Record> {
        let path = Path::new(format!("v1/dev/records/service/{name}.json")).unwrap();
        let entry = self.store.get(&path).await.unwrap()?;
        Some(serde_json::from_slice(&entry.bytes).unwrap())
    }

    /// Writes that the controller, or anybody, sent: operations by name.
    pub(crate) fn writes(&self) -> Vec<&'static str> {
        let reads =
            |operation: &str| ["Describe", "List", "Get"].iter().any(|verb| operation.starts_with(verb));
        let asked = self.local.requests();
        asked.iter().map(|request| request.operation).filter(|operation| !reads(operation)).collect()
    }

    /// Waits until the object is in sync at that revision, and nothing moves.
    pub(crate) async fn settled(&self, name: &str, revision: &str) -> Report {
        self.reports
            .until(&format!("{name} settles at {revision}"), |reports| {
                let report = reports.of(name)?;
                let is_it = report.plan.as_ref()?.revision == revision
                    && holds(&report, ConditionType::Synced)
                    && holds(&report, ConditionType::Ready)
                    && !holds(&report, ConditionType::Progressing)
                    && report.plan.as_ref()?.record.in_flight.is_none();
                is_it.then_some(report)
            })
            .await
    }

    /// Waits until the object is held.
    pub(crate) async fn held(&self, name: &str) -> Report {
        self.reports
            .until(&format!("{name} is held"), |reports| {
                reports.of(name).filter(|report| holds(report, ConditionType::Held))
            })
            .await
    }

    pub(crate) fn key(name: &str) -> Key {
        Key::service("dev", name)
    }
}

/// Lets that much virtual time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
