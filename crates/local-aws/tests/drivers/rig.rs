//! A driver with a handful of programs that mean the same to all.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use coxswain_local_aws::{
    Clock, ContainerSpec, DockerConfig, DockerDriver, HealthCheck, ImageEntry, ImageMap, ProcessConfig,
    ProcessDriver, Script, ScriptedDriver, SystemClock, TaskDriver, TaskEvent, TaskEventKind, TaskSpec, Time,
    TokioClock, Volume,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::engine::FakeEngine;

/// Far more than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// The programs: an image, and what it runs as a process.
pub(crate) const PROGRAMS: [(&str, &str); 5] = [
    ("serves", "exec sleep 1000"),
    ("sick", "exec sleep 1000"),
    ("ends", "exit 0"),
    ("crashes", "echo one; echo two; echo three; exit 3"),
    ("stubborn", "trap '' TERM; while :; do sleep 0.1; done"),
];

/// A driver, and what it reports.
pub(crate) struct Rig {
    pub(crate) driver: Arc<dyn TaskDriver>,
    events: UnboundedReceiver<TaskEvent>,
    pub(crate) docker: Option<Arc<DockerDriver>>,
    pub(crate) engine: Option<FakeEngine>,
    _folder: Option<tempfile::TempDir>,
}

impl Rig {
    pub(crate) fn scripted() -> Self {
        let (sender, events) = unbounded_channel();
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(Time::from_millis(1_000)));
        let driver = ScriptedDriver::new(sender, clock);
        let second = Duration::from_secs(1);
        // 143 is 128 and SIGTERM, to which a plain process ends.
        let serves = Script { stops: (second, 143), health: vec![(second, true)], ..Script::serves() };
        driver.script("serves", serves.clone());
        driver.script("sick", Script { health: vec![(second, false)], ..serves.clone() });
        driver.script("ends", Script { exits: Some((second, 0)), ..serves.clone() });
        let lines = ["one", "two", "three"].map(str::to_owned).to_vec();
        driver.script("crashes", Script { exits: Some((second, 3)), writes: lines, ..serves.clone() });
        driver.script("stubborn", Script { stops: (DEADLINE * 100, 0), ..serves });
        driver.script("missing", Script::cannot_start("CannotPullContainerError: not found"));
        Self { driver, events, docker: None, engine: None, _folder: None }
    }

    pub(crate) fn process() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entry = |image: &str, program: &str| ImageEntry {
            image: image.into(),
            command: ["/bin/sh", "-c", program].map(str::to_owned).to_vec(),
            ..ImageEntry::default()
        };
        let entries = PROGRAMS.iter().map(|(image, program)| entry(image, program)).collect();
        let (sender, events) = unbounded_channel();
        let config = ProcessConfig {
            images: ImageMap::new(entries).unwrap(),
            state: folder.path().join("state"),
            inherited: BTreeMap::from([("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())]),
            shim: Some(env!("CARGO_BIN_EXE_coxswain-local").into()),
            clock: Arc::new(SystemClock),
        };
        let driver = Arc::new(ProcessDriver::new(config, sender));
        Self { driver, events, docker: None, engine: None, _folder: Some(folder) }
    }

    pub(crate) async fn docker() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = FakeEngine::serve(&folder.path().join("engine.sock"));
        let (sender, events) = unbounded_channel();
        let config = DockerConfig {
            socket: folder.path().join("engine.sock"),
            state: folder.path().join("state"),
            pause_image: "pause".into(),
            clock: Arc::new(SystemClock),
        };
        let driver = Arc::new(DockerDriver::connect(config, sender).await.unwrap());
        Self {
            driver: driver.clone(),
            docker: Some(driver),
            events,
            engine: Some(engine),
            _folder: Some(folder),
        }
    }

    pub(crate) fn start(&self, id: &str, containers: Vec<ContainerSpec>) {
        self.start_with_volumes(id, containers, Vec::new());
    }

    pub(crate) fn start_with_volumes(&self, id: &str, containers: Vec<ContainerSpec>, volumes: Vec<Volume>) {
        self.driver.start(TaskSpec {
            task_id: id.into(),
            task_arn: format!("arn:aws:ecs:us-east-1:123456789012:task/main/{id}"),
            task_definition_arn: "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1".into(),
            cluster: "main".into(),
            address: Ipv4Addr::new(127, 64, 9, 9),
            containers,
            volumes,
            memory: None,
        });
    }

    /// The next event: task, container, and what happened.
    pub(crate) async fn next(&mut self) -> (String, String, TaskEventKind) {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        let event = event.expect("an event within the deadline").unwrap();
        (event.task_id, event.container, event.kind)
    }

    /// The next events, in this order.
    pub(crate) async fn expect(&mut self, task: &str, events: &[(&str, TaskEventKind)]) {
        for (container, kind) in events {
            let expected = (task.to_owned(), (*container).to_owned(), kind.clone());
            assert_eq!(self.next().await, expected);
        }
    }
}

/// A container of one of the programs.
pub(crate) fn container(name: &str, image: &str) -> ContainerSpec {
    ContainerSpec::new(name, image)
}

/// A container with a health check that passes, or fails where the image is `sick`.
pub(crate) fn checked(name: &str, image: &str) -> ContainerSpec {
    let check = if image == "sick" { "exit 1" } else { "exit 0" };
    let health_check = HealthCheck {
        command: vec!["CMD-SHELL".into(), check.into()],
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(20),
        retries: 1,
        start_period: Duration::ZERO,
    };
    ContainerSpec { health_check: Some(health_check), ..container(name, image) }
}

/// A container that waits for another.
pub(crate) fn after(spec: ContainerSpec, other: &str, condition: &str) -> ContainerSpec {
    ContainerSpec { depends_on: vec![(other.into(), condition.into())], ..spec }
}

pub(crate) fn exited(exit_code: i32) -> TaskEventKind {
    TaskEventKind::Exited { exit_code: Some(exit_code), reason: None }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}
