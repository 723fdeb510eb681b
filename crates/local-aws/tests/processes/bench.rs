//! A driver over small shell scripts, and what the tests ask of it.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use coxswain_local_aws::{
    Clock, ContainerSpec, HealthCheck, ImageEntry, ImageMap, ProcessConfig, ProcessDriver, TaskDriver,
    TaskEvent, TaskEventKind, TaskSpec, Time, Volume,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Far more than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) const TASK: &str = "0123456789abcdef0123456789abcdef";

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Time {
        Time::from_millis(1_700_000_000_000)
    }
}

/// A driver whose image `sh` runs the shell in a folder of the test.
pub(crate) struct Bench {
    pub(crate) driver: ProcessDriver,
    events: UnboundedReceiver<TaskEvent>,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entry = ImageEntry {
            image: "sh".into(),
            entry_point: vec!["/bin/sh".into(), "-c".into()],
            command: vec!["echo no command".into()],
            environment: BTreeMap::from([("LISTEN".into(), "{address}:8000".into())]),
            working_directory: Some(folder.path().to_str().unwrap().into()),
            bin: vec![folder.path().join("bin")],
            ..ImageEntry::default()
        };
        let plain = ImageEntry { image: "plain".into(), working_directory: None, ..entry.clone() };
        let (sender, events) = unbounded_channel();
        let config = ProcessConfig {
            images: ImageMap::new(vec![entry, plain]).unwrap(),
            state: folder.path().join("state"),
            inherited: BTreeMap::from([
                ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
                ("AWS_SECRET_ACCESS_KEY".into(), "secret".into()),
            ]),
            shim: Some(env!("CARGO_BIN_EXE_coxswain-local").into()),
            clock: Arc::new(StoppedClock),
        };
        Self { driver: ProcessDriver::new(config, sender), events, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start(&self, containers: Vec<ContainerSpec>) {
        self.start_with_volumes(containers, Vec::new());
    }

    pub(crate) fn start_with_volumes(&self, containers: Vec<ContainerSpec>, volumes: Vec<Volume>) {
        self.driver.start(TaskSpec {
            task_id: TASK.into(),
            task_arn: format!("arn:aws:ecs:eu-central-1:123456789012:task/demo/{TASK}"),
            task_definition_arn: "arn:aws:ecs:eu-central-1:123456789012:task-definition/api:7".into(),
            cluster: "demo".into(),
            address: Ipv4Addr::new(127, 64, 0, 2),
            containers,
            volumes,
            memory: None,
        });
    }

    /// The next event, as `container` and what happened.
    pub(crate) async fn next(&mut self) -> (String, TaskEventKind) {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        let event = event.expect("an event within the deadline").unwrap();
        assert_eq!(event.task_id, TASK);
        (event.container, event.kind)
    }

    /// The next event, which must be this container's.
    pub(crate) async fn next_of(&mut self, container: &str) -> TaskEventKind {
        let (name, kind) = self.next().await;
        assert_eq!(name, container, "{kind:?}");
        kind
    }

    pub(crate) async fn started(&mut self, container: &str) {
        assert_eq!(self.next_of(container).await, TaskEventKind::Started);
    }

    pub(crate) async fn exited(&mut self, container: &str) -> Option<i32> {
        match self.next_of(container).await {
            TaskEventKind::Exited { exit_code, reason: None } => exit_code,
            other => panic!("{container}: {other:?}"),
        }
    }

    pub(crate) fn lines(&self, container: &str) -> Vec<String> {
        self.driver.logs(TASK, container, usize::MAX).into_iter().map(|line| line.message).collect()
    }

    /// Waits until a container has written a line that begins so, and returns the rest of it.
    pub(crate) async fn line(&self, container: &str, prefix: &str) -> String {
        until(&format!("{container} writes {prefix}"), || {
            self.lines(container).iter().find_map(|line| line.strip_prefix(prefix).map(str::to_owned))
        })
        .await
    }
}

/// Waits until there is a value.
pub(crate) async fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(value) = condition() {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// Waits until no process of that id is left, a zombie counting as none.
pub(crate) async fn gone(pid: &str) {
    let stat = Path::new("/proc").join(pid.trim()).join("stat");
    until(&format!("process {pid} is gone"), || {
        let alive = std::fs::read_to_string(&stat).is_ok_and(|stat| {
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
        });
        (!alive).then_some(())
    })
    .await;
}

/// A container that runs a shell script.
pub(crate) fn script(name: &str, text: &str) -> ContainerSpec {
    ContainerSpec {
        command: vec![text.into()],
        stop_timeout: Duration::from_secs(20),
        ..ContainerSpec::new(name, "sh")
    }
}

/// A shell health check each 50 ms, two failures are unhealthy.
pub(crate) fn check(text: &str) -> HealthCheck {
    HealthCheck {
        command: vec!["CMD-SHELL".into(), text.into()],
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(20),
        retries: 2,
        start_period: Duration::ZERO,
    }
}
