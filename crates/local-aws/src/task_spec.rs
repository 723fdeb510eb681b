//! A task, as far as running it goes.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

/// A task, as far as running it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSpec {
    /// The last part of the task's ARN, 32 hexadecimal digits.
    pub task_id: String,
    /// The whole ARN.
    pub task_arn: String,
    /// The task definition's ARN, with its revision.
    pub task_definition_arn: String,
    /// The cluster's name.
    pub cluster: String,
    /// The task's own address: as under `awsvpc`, no two running tasks share one.
    pub address: Ipv4Addr,
    /// In the task definition's order.
    pub containers: Vec<ContainerSpec>,
    /// The task's volumes, whether a container mounts them or not.
    pub volumes: Vec<Volume>,
    /// The most memory that its containers may have together. Units: bytes.
    pub memory: Option<u64>,
}

/// A container, with overrides and secrets already applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// The container's name.
    pub name: String,
    /// The image as the task definition names it.
    pub image: String,
    /// `entryPoint`, empty where the image's own is meant.
    pub entry_point: Vec<String>,
    /// `command`, empty where the image's own is meant.
    pub command: Vec<String>,
    /// Environment, values of `secrets` included.
    pub environment: BTreeMap<String, String>,
    /// `workingDirectory`.
    pub working_directory: Option<String>,
    /// Whether the task ends when this container does.
    pub essential: bool,
    /// Container ports that are mapped.
    pub ports: Vec<u16>,
    /// `healthCheck`, with ECS's defaults filled in.
    pub health_check: Option<HealthCheck>,
    /// From SIGTERM to SIGKILL; ECS's default is 30 s.
    pub stop_timeout: Duration,
    /// `dependsOn`: container and condition (`START`, `COMPLETE`, `SUCCESS`, `HEALTHY`).
    pub depends_on: Vec<(String, String)>,
    /// `restartPolicy`, where it is enabled.
    pub restart: Option<RestartPolicy>,
    /// `mountPoints`, and those that it has by `volumesFrom`.
    pub mounts: Vec<Mount>,
    /// `ulimits`.
    pub ulimits: Vec<Ulimit>,
    /// The most memory that it may have. Units: bytes.
    pub memory: Option<u64>,
}

impl ContainerSpec {
    /// A container of which nothing else is said: essential, stopped within 30 s.
    pub fn new(name: impl Into<String>, image: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            image: image.into(),
            entry_point: Vec::new(),
            command: Vec::new(),
            environment: BTreeMap::new(),
            working_directory: None,
            essential: true,
            ports: Vec::new(),
            health_check: None,
            stop_timeout: Duration::from_secs(30),
            depends_on: Vec::new(),
            restart: None,
            mounts: Vec::new(),
            ulimits: Vec::new(),
            memory: None,
        }
    }
}

/// When a container that ended runs again, instead of its end being the end.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPolicy {
    /// After these exit codes it does not.
    pub ignored_exit_codes: Vec<i32>,
    /// How long it has to have run; 300 s in ECS unless told otherwise.
    pub attempt_period: Duration,
}

impl RestartPolicy {
    /// Whether a container that ran so long and ended so by itself runs again.
    pub fn restarts(&self, ran: Duration, exit_code: i32) -> bool {
        ran >= self.attempt_period && !self.ignored_exit_codes.contains(&exit_code)
    }
}

/// A volume of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The name by which containers mount it.
    pub name: String,
    /// Where its files are.
    pub source: VolumeSource,
}

/// Where a volume's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeSource {
    /// The task's own, empty at its start and gone with it.
    Task,
    /// A folder of the machine: `host.sourcePath`.
    Host(String),
    /// One for all tasks that name it so: a file system of EFS, a shared volume of Docker.
    Shared(String),
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name.
    pub volume: String,
    /// Where the container sees it.
    pub path: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// A limit of what a container's programs may use: see setrlimit(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// ECS's name, such as `nofile`.
    pub name: String,
    /// In force until a program raises it.
    pub soft: u64,
    /// As far as it can be raised.
    pub hard: u64,
}

/// A container's health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// `CMD` and arguments, `CMD-SHELL` and one string, or a bare command.
    pub command: Vec<String>,
    /// From one check to the next.
    pub interval: Duration,
    /// After which a check counts as failed.
    pub timeout: Duration,
    /// Failures in a row until the container is unhealthy.
    pub retries: u32,
    /// From the container's start; failures within do not count.
    pub start_period: Duration,
}
