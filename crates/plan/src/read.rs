//! ECS's answers, read into what the planner looks at: lenient views that take only the members named
//! here. All else goes into the canonical form.

use coxswain_ecs_model::{canonical_service, canonical_task_definition};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::{
    cause::Cause,
    desired::DIGEST_TAG,
    observed::{Deployment, Live, LiveService, LiveTaskDefinition, ServiceDeployment},
    record::Identity,
};

/// An answer of ECS that lacks what it must have.
#[derive(Debug, Error)]
#[error("{operation} answered without what was expected")]
pub struct Unreadable {
    /// Whose answer.
    pub operation: &'static str,
    /// What serde found missing or of another type.
    #[source]
    pub source: serde_json::Error,
}

impl LiveTaskDefinition {
    /// Reads DescribeTaskDefinition's whole answer; `tags` are there only if the request included them.
    pub fn read(answer: &Value) -> Result<Self, Unreadable> {
        let view: DescribeTaskDefinition = view("DescribeTaskDefinition", answer)?;
        let definition = answer.get("taskDefinition").map(canonical_task_definition);
        Ok(Self {
            arn: view.task_definition.arn,
            definition,
            digest_tag: view.tags.into_iter().find(|tag| tag.key == DIGEST_TAG).and_then(|tag| tag.value),
        })
    }

    /// Whether DescribeTaskDefinition's answer is of a revision that a service may still be given.
    pub fn is_active(answer: &Value) -> bool {
        answer.pointer("/taskDefinition/status").and_then(Value::as_str) == Some("ACTIVE")
    }
}

impl Live {
    /// Reads one entry of DescribeServices' `services`. `definition` is the revision that the entry's
    /// `taskDefinition` names ([`Live::task_definition_arn`]).
    pub fn read(entry: &Value, definition: LiveTaskDefinition) -> Result<Self, Unreadable> {
        let service: Service = view("DescribeServices", entry)?;
        match service.status.as_str() {
            "INACTIVE" => return Ok(Self::Missing),
            "DRAINING" => return Ok(Self::Draining),
            _ => {}
        }
        Ok(Self::Active(Box::new(LiveService {
            identity: Identity { arn: service.arn, created_at: service.created_at.0 },
            desired_count: service.desired_count,
            running_count: service.running_count,
            pending_count: service.pending_count,
            service: canonical_service(entry),
            tags: service
                .tags
                .into_iter()
                .filter(|tag| !tag.key.starts_with("aws:"))
                .map(|tag| (tag.key, tag.value.unwrap_or_default()))
                .collect(),
            task_definition: definition,
            deployments: service.deployments.into_iter().map(Deployment::from).collect(),
        })))
    }

    /// The revision that an ACTIVE entry of DescribeServices names; `None` where there is no service.
    pub fn task_definition_arn(entry: &Value) -> Option<&str> {
        let active = entry.get("status").and_then(Value::as_str) == Some("ACTIVE");
        entry.get("taskDefinition").and_then(Value::as_str).filter(|_| active)
    }
}

impl ServiceDeployment {
    /// Reads DescribeServiceDeployments' answer, newest first.
    pub fn read_all(answer: &Value) -> Result<Vec<Self>, Unreadable> {
        let view: DescribeServiceDeployments = view("DescribeServiceDeployments", answer)?;
        let mut all: Vec<_> = view
            .service_deployments
            .into_iter()
            .map(|entry| Self {
                deployment_id: deployment_id(&entry.target_service_revision.arn),
                status: entry.status,
                status_reason: entry.status_reason,
                created_at: entry.created_at.0,
            })
            .collect();
        all.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
        Ok(all)
    }
}

/// A service revision's ARN ends in the digits of its deployment's id:
/// `service-revision/CLUSTER/SERVICE/123` is `ecs-svc/123`'s.
fn deployment_id(service_revision_arn: &str) -> String {
    format!("ecs-svc/{}", service_revision_arn.rsplit('/').next().unwrap_or_default())
}

impl Cause {
    /// What the newest of DescribeTasks' stopped tasks died of. A task that the scheduler or a person
    /// stopped died of no fault of its own and is passed over.
    pub fn read_newest(answer: &Value) -> Result<Option<Self>, Unreadable> {
        let view: DescribeTasks = view("DescribeTasks", answer)?;
        let failed = view.tasks.into_iter().filter(|task| {
            let by_will = ["ServiceSchedulerInitiated", "UserInitiated"];
            let fault_text = ["health check", "unhealthy"];
            let reason = task.stopped_reason.as_deref().unwrap_or_default().to_lowercase();
            task.stop_code.as_deref().is_some_and(|code| !by_will.contains(&code))
                || fault_text.iter().any(|text| reason.contains(text))
        });
        Ok(failed.max_by_key(|task| task.stopped_at).map(Self::from))
    }
}

fn view<'a, T: Deserialize<'a>>(operation: &'static str, answer: &'a Value) -> Result<T, Unreadable> {
    T::deserialize(answer).map_err(|source| Unreadable { operation, source })
}

/// Seconds since the epoch with a fraction, as the AWS JSON protocol writes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seconds(Timestamp);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        let span = jiff::SignedDuration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)?;
        // ECS's times have milliseconds; what a binary fraction adds below is no information.
        let milliseconds = i64::try_from((span + jiff::SignedDuration::from_micros(500)).as_millis())
            .map_err(serde::de::Error::custom)?;
        Timestamp::from_millisecond(milliseconds).map(Self).map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeTaskDefinition {
    task_definition: TaskDefinition,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskDefinition {
    #[serde(rename = "taskDefinitionArn")]
    arn: String,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    #[serde(rename = "serviceArn")]
    arn: String,
    status: String,
    created_at: Seconds,
    #[serde(default)]
    desired_count: u32,
    #[serde(default)]
    running_count: u32,
    #[serde(default)]
    pending_count: u32,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    deployments: Vec<DeploymentView>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentView {
    id: String,
    status: String,
    #[serde(default)]
    task_definition: String,
    rollout_state: Option<String>,
    rollout_state_reason: Option<String>,
    #[serde(default)]
    desired_count: u32,
    #[serde(default)]
    running_count: u32,
    #[serde(default)]
    pending_count: u32,
    #[serde(default)]
    failed_tasks: u32,
    created_at: Seconds,
}

impl From<DeploymentView> for Deployment {
    fn from(view: DeploymentView) -> Self {
        Self {
            id: view.id,
            status: view.status,
            task_definition_arn: view.task_definition,
            rollout_state: view.rollout_state,
            rollout_state_reason: view.rollout_state_reason,
            desired_count: view.desired_count,
            running_count: view.running_count,
            pending_count: view.pending_count,
            failed_tasks: view.failed_tasks,
            created_at: view.created_at.0,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeServiceDeployments {
    #[serde(default)]
    service_deployments: Vec<ServiceDeploymentView>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceDeploymentView {
    status: String,
    status_reason: Option<String>,
    created_at: Seconds,
    target_service_revision: ServiceRevision,
}

#[derive(Deserialize)]
struct ServiceRevision {
    arn: String,
}

#[derive(Deserialize)]
struct DescribeTasks {
    #[serde(default)]
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    #[serde(rename = "taskArn")]
    arn: String,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    stopped_at: Option<Seconds>,
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    exit_code: Option<i32>,
    reason: Option<String>,
}

impl From<Task> for Cause {
    fn from(task: Task) -> Self {
        let failed = task.containers.into_iter().find(|container| {
            container.exit_code.is_some_and(|code| code != 0) || container.reason.is_some()
        });
        let (container, exit_code, container_reason) = match failed {
            Some(container) => (Some(container.name), container.exit_code, container.reason),
            None => (None, None, None),
        };
        Self {
            task_arn: task.arn,
            stop_code: task.stop_code,
            stopped_reason: task.stopped_reason,
            container,
            exit_code,
            container_reason,
        }
    }
}
