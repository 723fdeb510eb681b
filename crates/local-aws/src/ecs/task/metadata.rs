//! A task and its containers as the metadata endpoint, version 4, describes them.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html>

use serde_json::{Value, json};

use super::{
    super::{Members, State, member::set},
    Container, ContainerStatus, Health, Task,
};

/// CPU units of one vCPU.
const UNITS_OF_A_CPU: f64 = 1_024.0;

impl Task {
    /// The answer at `/task`.
    pub(crate) fn metadata(&self, state: &State) -> Value {
        let containers = self.containers.iter().map(|container| self.container_metadata(state, container));
        let mut shown = json!({
            "Cluster": state.names.cluster(&self.cluster),
            "TaskARN": state.names.task(&self.cluster, &self.id),
            "Family": self.definition.family,
            "Revision": self.definition.revision.to_string(),
            "DesiredStatus": self.desired_status(),
            "KnownStatus": self.status.name(),
            "AvailabilityZone": self.zone,
            "Containers": containers.collect::<Vec<_>>(),
            "FaultInjectionEnabled": self.definition.body.flag("enableFaultInjection").unwrap_or(false),
        });
        if let Some((service, _)) = &self.owner {
            set(&mut shown, "ServiceName", service.name.as_str());
        }
        if let Some(launch_type) = &self.place.launch_type {
            set(&mut shown, "LaunchType", launch_type.as_str());
        }
        let number = |name: &str| self.stated(name).and_then(|text| text.parse::<f64>().ok());
        if let (Some(cpu), Some(memory)) = (number("cpu"), self.memory_mib()) {
            set(&mut shown, "Limits", json!({"CPU": cpu / UNITS_OF_A_CPU, "Memory": memory}));
        }
        for (member, at) in [("PullStartedAt", self.pull_started_at), ("PullStoppedAt", self.pull_stopped_at)]
        {
            if let Some(at) = at {
                set(&mut shown, member, at.to_text());
            }
        }
        shown
    }

    /// The answer at the path of one container.
    pub(crate) fn container_metadata(&self, state: &State, container: &Container) -> Value {
        let definition = self.definition.containers();
        let definition = definition.iter().find(|other| other.text("name") == Some(&container.name));
        let mut shown = json!({
            "DockerId": container.runtime_id,
            "Name": container.name,
            "DockerName": container.name,
            "Image": container.image,
            "ImageID": container.image_digest.as_deref().unwrap_or_default(),
            "Labels": {
                "com.amazonaws.ecs.cluster": state.names.cluster(&self.cluster),
                "com.amazonaws.ecs.container-name": container.name,
                "com.amazonaws.ecs.task-arn": state.names.task(&self.cluster, &self.id),
                "com.amazonaws.ecs.task-definition-family": self.definition.family,
                "com.amazonaws.ecs.task-definition-version": self.definition.revision.to_string(),
            },
            "DesiredStatus": self.desired_status(),
            "KnownStatus": match container.status {
                ContainerStatus::Pending => "NONE",
                ContainerStatus::Running => "RUNNING",
                ContainerStatus::Stopped => "STOPPED",
            },
            "Limits": {"CPU": container.cpu.parse::<u64>().unwrap_or_default()},
            "Type": "NORMAL",
            "ContainerARN": container.arn,
        });
        let memory = container.memory.as_deref().and_then(|memory| memory.parse::<u64>().ok());
        if let (Some(memory), Some(limits)) = (memory, shown.get_mut("Limits")) {
            set(limits, "Memory", memory);
        }
        if let Some(attachment) = &self.attachment {
            let network = json!({
                "NetworkMode": "awsvpc",
                "IPv4Addresses": [self.address.to_string()],
                "AttachmentIndex": 0,
                "MACAddress": attachment.mac,
                "IPv4SubnetCIDRBlock": super::super::address::RANGE,
            });
            set(&mut shown, "Networks", json!([network]));
        }
        if container.has_check {
            let mut health = json!({"status": Health::of(true, container.healthy).name()});
            if let Some(since) = container.health_at {
                set(&mut health, "statusSince", since.to_text());
            }
            set(&mut shown, "Health", health);
        }
        if definition.is_some_and(|definition| definition.member("restartPolicy").is_some()) {
            set(&mut shown, "RestartCount", container.restarts);
        }
        if let Some(code) = container.exit_code {
            set(&mut shown, "ExitCode", code);
        }
        // A container is made and started in one step here.
        for (member, at) in [
            ("CreatedAt", container.started_at),
            ("StartedAt", container.started_at),
            ("FinishedAt", container.finished_at),
        ] {
            if let Some(at) = at {
                set(&mut shown, member, at.to_text());
            }
        }
        if let Some(log) = definition.and_then(|definition| definition.member("logConfiguration")) {
            set(&mut shown, "LogDriver", log.text("logDriver").unwrap_or_default());
            let mut options = log.member("options").cloned().unwrap_or_else(|| json!({}));
            if let Some(members) = options.as_object_mut()
                && let Some(Value::String(prefix)) = members.remove("awslogs-stream-prefix")
            {
                let stream = format!("{prefix}/{}/{}", container.name, self.id);
                members.insert("awslogs-stream".to_owned(), stream.into());
            }
            set(&mut shown, "LogOptions", options);
        }
        shown
    }

    /// A text of the task definition, such as `cpu`, or what overrides it.
    pub(super) fn stated(&self, name: &str) -> Option<&str> {
        self.overrides.text(name).or_else(|| self.definition.body.text(name))
    }

    pub(super) fn memory_mib(&self) -> Option<u64> {
        self.stated("memory")?.parse().ok()
    }

    /// The most memory that a container may have: its own limit, else the task's. Units: bytes.
    pub(crate) fn memory_limit(&self, container: &Container) -> Option<u64> {
        let own = container.memory.as_deref().and_then(|memory| memory.parse::<u64>().ok());
        own.or(self.memory_mib()).map(|mib| mib.saturating_mul(1024 * 1024))
    }

    pub(super) fn desired_status(&self) -> &'static str {
        if self.wants_to_run { "RUNNING" } else { "STOPPED" }
    }
}
