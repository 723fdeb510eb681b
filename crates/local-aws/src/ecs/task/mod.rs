//! Tasks: what a task is, and how it is read back.

mod launch;
mod metadata;
mod operation;
mod protection;
mod run;
mod spec;

use std::{net::Ipv4Addr, sync::Arc};

use serde_json::{Value, json};

pub(crate) use self::launch::{Request as LaunchRequest, Unplaced};
pub(super) use self::{
    operation::{describe, list, stop},
    protection::{get as get_protection, update as update_protection},
    run::{RunTaskCalls, run, start},
};
use super::{
    ServiceKey, State, discovery::Endpoint, member::set, tag::Tags, task_definition::TaskDefinition,
};
use crate::{clock::Time, elb::TargetKey, metadata::Credentials};

/// A task's place in its life.
///
/// ```text
/// PROVISIONING → PENDING → RUNNING → DEACTIVATING → STOPPING → DEPROVISIONING → STOPPED
///        │          └─────────┴───────────────────────↑              ↑
///        └────────────────────────────────────────────────────────────┘
/// ```
/// DEACTIVATING is for tasks that a load balancer drains. ACTIVATING, in which ECS registers them, takes
/// no time here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TaskStatus {
    Provisioning,
    Pending,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl TaskStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Why a task stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    ServiceSchedulerInitiated,
    InfrastructureHealth,
}

impl StopCode {
    fn name(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::InfrastructureHealth => "InfrastructureHealth",
        }
    }

    /// Whether the task ended by itself.
    pub(crate) fn is_failure(self) -> bool {
        matches!(self, Self::TaskFailedToStart | Self::EssentialContainerExited)
    }
}

/// What its service's scheduler has made of a task; each turn is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has to show yet.
    Open,
    /// It counted as healthy.
    Good,
    /// It counted as a failure.
    Failed,
}

/// A container's place in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerStatus {
    Pending,
    Running,
    Stopped,
}

/// A container of a task.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    arn: String,
    image: String,
    runtime_id: String,
    cpu: String,
    memory: Option<String>,
    pub(crate) essential: bool,
    pub(crate) has_check: bool,
    pub(crate) status: ContainerStatus,
    pub(crate) started: bool,
    pub(crate) healthy: Option<bool>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
    pub(crate) image_digest: Option<String>,
    pub(crate) started_at: Option<Time>,
    pub(crate) finished_at: Option<Time>,
    /// When its health check's verdict changed last.
    pub(crate) health_at: Option<Time>,
    /// How often its restart policy has started it again.
    pub(crate) restarts: u64,
}

impl Container {
    /// Docker's name for it.
    pub(crate) fn runtime_id(&self) -> &str {
        &self.runtime_id
    }
}

/// A task.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) cluster: String,
    /// Its service and the number of its deployment.
    pub(crate) owner: Option<(ServiceKey, u64)>,
    pub(super) definition: Arc<TaskDefinition>,
    group: String,
    started_by: Option<String>,
    place: Position,
    overrides: Value,
    pub(super) tags: Tags,
    pub(crate) address: Ipv4Addr,
    /// What it is to its target groups.
    pub(crate) targets: Vec<TargetKey>,
    attachment: Option<Attachment>,
    pub(crate) zone: String,
    pub(crate) status: TaskStatus,
    pub(crate) wants_to_run: bool,
    pub(crate) containers: Vec<Container>,
    pub(crate) verdict: Verdict,
    /// Raised with each change, as the event stream's `detail.version` is.
    pub(crate) version: u64,
    created_at: Time,
    pub(crate) pull_started_at: Option<Time>,
    pub(crate) pull_stopped_at: Option<Time>,
    pub(crate) started_at: Option<Time>,
    pub(crate) stopping_at: Option<Time>,
    /// When its driver was told to stop it.
    pub(crate) signalled_at: Option<Time>,
    /// Until when a load balancer drains it.
    pub(crate) drained_at: Option<Time>,
    /// The target group that found it unhealthy.
    pub(crate) unhealthy_in: Option<String>,
    pub(crate) execution_stopped_at: Option<Time>,
    pub(crate) stopped_at: Option<Time>,
    pub(crate) stop_code: Option<StopCode>,
    pub(crate) stopped_reason: Option<String>,
    /// The longest that its containers may take to stop, in seconds.
    pub(crate) stop_timeout_seconds: u64,
    protected_until: Option<Time>,
    /// Of its role, where it has one.
    pub(crate) credentials: Option<Credentials>,
    /// The ids under which it finds its metadata and credentials.
    paths: Vec<String>,
    /// Where it is registered while it runs.
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) is_registered: bool,
}

/// Whose question comes in under a path of the metadata endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A container asks about itself or its task.
    Container { task: String, container: String },
    /// A task asks for its role's credentials.
    Credentials { task: String },
}

/// Where a task runs, as far as that shows.
#[derive(Debug, Default)]
struct Position {
    launch_type: Option<String>,
    capacity_provider: Option<String>,
    platform_version: Option<String>,
    enable_execute_command: bool,
}

/// The network interface of an awsvpc task.
#[derive(Debug)]
struct Attachment {
    id: String,
    interface: String,
    subnet: String,
    mac: String,
}

/// A task's health: the worst of its essential containers that have a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Unknown,
    Healthy,
    Unhealthy,
}

impl Health {
    fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }

    fn of(has_check: bool, healthy: Option<bool>) -> Self {
        match healthy.filter(|_| has_check) {
            None => Self::Unknown,
            Some(true) => Self::Healthy,
            Some(false) => Self::Unhealthy,
        }
    }
}

impl Task {
    /// When it was made.
    pub(crate) fn created_at(&self) -> Time {
        self.created_at
    }

    /// Its ARN.
    pub(crate) fn arn(&self, state: &State) -> String {
        state.names.task(&self.cluster, &self.id)
    }

    /// Moves it on.
    pub(crate) fn turn(&mut self, status: TaskStatus) {
        self.status = status;
        self.version += 1;
    }

    /// The number of the deployment that started it.
    pub(crate) fn deployment(&self) -> Option<u64> {
        self.owner.as_ref().map(|(_, number)| *number)
    }

    /// Whether it runs on Fargate.
    pub(crate) fn is_on_fargate(&self) -> bool {
        self.place.launch_type.as_deref() == Some("FARGATE")
    }

    /// The task's role.
    pub(crate) fn role(&self) -> Option<&str> {
        // Some clients send an empty one where there is none.
        self.stated("taskRoleArn").filter(|role| !role.is_empty())
    }

    /// The ids of its paths.
    pub(crate) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Adds the id of a path.
    pub(crate) fn add_path(&mut self, id: &str) {
        self.paths.push(id.to_owned());
    }

    /// Whether it is on its way to RUNNING.
    pub(crate) fn is_pending(&self) -> bool {
        self.wants_to_run && self.status < TaskStatus::Running
    }

    /// Whether a health check says who is healthy; else time alone does.
    pub(crate) fn has_health_check(&self) -> bool {
        self.containers.iter().any(|container| container.essential && container.has_check)
    }

    /// The worst health of the essential containers with a check.
    pub(crate) fn health(&self) -> Health {
        let mut checked = self
            .containers
            .iter()
            .filter(|container| container.essential && container.has_check)
            .map(|container| Health::of(true, container.healthy))
            .peekable();
        if checked.peek().is_none() {
            return Health::Unknown;
        }
        checked.fold(Health::Healthy, |worst, health| match (worst, health) {
            (Health::Unhealthy, _) | (_, Health::Unhealthy) => Health::Unhealthy,
            (Health::Unknown, _) | (_, Health::Unknown) => Health::Unknown,
            _ => Health::Healthy,
        })
    }

    pub(super) fn show(&self, state: &State, with_tags: bool) -> Value {
        let container = |container: &Container| self.show_container(state, container);
        let mut shown = json!({
            "taskArn": state.names.task(&self.cluster, &self.id),
            "clusterArn": state.names.cluster(&self.cluster),
            "taskDefinitionArn": self.definition.arn,
            "group": self.group,
            "lastStatus": self.status.name(),
            "desiredStatus": self.desired_status(),
            "healthStatus": self.health().name(),
            "containers": self.containers.iter().map(container).collect::<Vec<_>>(),
            "overrides": self.overrides,
            "attachments": self.attachment.iter().map(|a| self.show_attachment(a)).collect::<Vec<_>>(),
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "enableExecuteCommand": self.place.enable_execute_command,
            "availabilityZone": self.zone,
            "inferenceAccelerators": [],
            "version": self.version,
            "createdAt": self.created_at.to_json(),
            "tags": if with_tags { self.tags.to_json() } else { json!([]) },
        });
        let texts = [
            ("startedBy", self.started_by.as_deref()),
            ("launchType", self.place.launch_type.as_deref()),
            ("capacityProviderName", self.place.capacity_provider.as_deref()),
            ("platformVersion", self.place.platform_version.as_deref()),
            ("platformFamily", self.place.platform_version.as_ref().map(|_| "Linux")),
            ("cpu", self.stated("cpu")),
            ("memory", self.stated("memory")),
            ("stopCode", self.stop_code.map(StopCode::name)),
            ("stoppedReason", self.stopped_reason.as_deref()),
            ("connectivity", self.pull_started_at.map(|_| "CONNECTED")),
        ];
        for (member, text) in texts {
            if let Some(text) = text {
                set(&mut shown, member, text);
            }
        }
        let times = [
            ("connectivityAt", self.pull_started_at),
            ("pullStartedAt", self.pull_started_at),
            ("pullStoppedAt", self.pull_stopped_at),
            ("startedAt", self.started_at),
            ("stoppingAt", self.stopping_at),
            ("executionStoppedAt", self.execution_stopped_at),
            ("stoppedAt", self.stopped_at),
        ];
        for (member, at) in times {
            if let Some(at) = at {
                set(&mut shown, member, at.to_json());
            }
        }
        shown
    }

    fn show_container(&self, state: &State, container: &Container) -> Value {
        let interfaces = self.attachment.iter().map(|attachment| {
            json!({"attachmentId": attachment.id, "privateIpv4Address": self.address.to_string()})
        });
        let mut shown = json!({
            "containerArn": container.arn,
            "taskArn": state.names.task(&self.cluster, &self.id),
            "name": container.name,
            "image": container.image,
            "lastStatus": match container.status {
                ContainerStatus::Pending => "PENDING",
                ContainerStatus::Running => "RUNNING",
                ContainerStatus::Stopped => "STOPPED",
            },
            "healthStatus": Health::of(container.has_check, container.healthy).name(),
            "networkInterfaces": interfaces.collect::<Vec<_>>(),
            "networkBindings": [],
            "cpu": container.cpu,
        });
        if container.started {
            set(&mut shown, "runtimeId", container.runtime_id.as_str());
        }
        if let Some(digest) = &container.image_digest {
            set(&mut shown, "imageDigest", digest.as_str());
        }
        if let Some(memory) = &container.memory {
            set(&mut shown, "memory", memory.as_str());
        }
        if let Some(code) = container.exit_code {
            set(&mut shown, "exitCode", code);
        }
        if let Some(reason) = &container.reason {
            set(&mut shown, "reason", reason.as_str());
        }
        shown
    }

    fn show_attachment(&self, attachment: &Attachment) -> Value {
        let status = match self.status {
            TaskStatus::Provisioning => "ATTACHING",
            TaskStatus::Stopped => "DELETED",
            _ => "ATTACHED",
        };
        json!({
            "id": attachment.id,
            "type": "ElasticNetworkInterface",
            "status": status,
            "details": [
                {"name": "subnetId", "value": attachment.subnet},
                {"name": "networkInterfaceId", "value": attachment.interface},
                {"name": "macAddress", "value": attachment.mac},
                {"name": "privateIPv4Address", "value": self.address.to_string()},
            ],
        })
    }
}
