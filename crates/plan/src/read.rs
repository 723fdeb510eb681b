//! ECS's answers, read into what the planner looks at: lenient views that take only the members named
//! here. All else goes into the canonical form.

use coxswain_ecs_model::{TaskDefinitionDigest, canonical_service, canonical_task_definition};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::{
    cause::Cause,
    desired::DIGEST_TAG,
    observed::{Deployment, Live, LiveService, LiveTaskDefinition, ServiceDeployment},
    record::Identity,
    transition::StepAnswer,
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

    /// The ARN of DescribeTaskDefinition's revision, where it can be given to a service in place of a new
    /// one of that digest: it carries the digest and is ACTIVE.
    pub fn usable(answer: &Value, digest: &TaskDefinitionDigest) -> Option<String> {
        let read = Self::read(answer).ok()?;
        let is_active = answer.pointer("/taskDefinition/status").and_then(Value::as_str) == Some("ACTIVE");
        let is_it = is_active && read.digest_tag.as_deref() == Some(digest.to_string().as_str());
        is_it.then_some(read.arn)
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
        let mut deployments: Vec<_> = service.deployments.into_iter().map(Deployment::from).collect();
        deployments.sort_by_key(|deployment| deployment.status != "PRIMARY");
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
            deployments,
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

impl StepAnswer {
    /// Reads the `service` of CreateService's or UpdateService's answer.
    pub fn read_service(operation: &'static str, answer: &Value) -> Result<Self, Unreadable> {
        let service: Service = view(operation, answer.get("service").unwrap_or(&Value::Null))?;
        let primary = service.deployments.into_iter().find(|deployment| deployment.status == "PRIMARY");
        Ok(Self::Service {
            identity: Identity { arn: service.arn, created_at: service.created_at.0 },
            deployment_id: primary.map(|deployment| deployment.id),
        })
    }
}

impl Cause {
    /// What the newest of DescribeTasks' stopped tasks of a deployment died of.
    ///
    /// A task that the scheduler stopped since the rollout was over, or that a person stopped, died of no
    /// fault of its own and is passed over; one that was stopped as unhealthy is not.
    pub fn read_newest(answer: &Value, deployment_id: &str) -> Result<Option<Self>, Unreadable> {
        let view: DescribeTasks = view("DescribeTasks", answer)?;
        let failed = |task: &Task| {
            let by_will = ["ServiceSchedulerInitiated", "UserInitiated"];
            let reason = task.stopped_reason.as_deref().unwrap_or_default().to_lowercase();
            task.stop_code.as_deref().is_some_and(|code| !by_will.contains(&code))
                || ["health check", "unhealthy"].iter().any(|text| reason.contains(text))
        };
        let ours = view.tasks.into_iter().filter(|task| task.started_by.as_deref() == Some(deployment_id));
        Ok(ours.filter(failed).max_by_key(|task| task.stopped_at.or(task.stopping_at)).map(Self::from))
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
    started_by: Option<String>,
    stopped_at: Option<Seconds>,
    stopping_at: Option<Seconds>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn task(arn: &str, by: &str, code: &str, at: f64, exit: i32) -> Value {
        json!({
            "taskArn": arn, "startedBy": by, "stopCode": code, "stoppedAt": at,
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "sidecar", "exitCode": 0}, {"name": "api", "exitCode": exit}],
        })
    }

    #[test]
    fn the_cause_is_the_newest_failure_of_that_deployment_alone() {
        let tasks = json!({"tasks": [
            task("old", "ecs-svc/2", "EssentialContainerExited", 1.0, 2),
            task("new", "ecs-svc/2", "EssentialContainerExited", 2.0, 3),
            task("other", "ecs-svc/1", "EssentialContainerExited", 3.0, 4),
            task("scaled in", "ecs-svc/2", "ServiceSchedulerInitiated", 4.0, 143),
        ]});
        let cause = Cause::read_newest(&tasks, "ecs-svc/2").unwrap().unwrap();
        assert_eq!(cause.task_arn, "new");
        assert_eq!((cause.container.as_deref(), cause.exit_code), (Some("api"), Some(3)));
    }

    #[test]
    fn a_time_is_the_same_value_however_its_fraction_is_written() {
        let read = |text: &str| serde_json::from_str::<Seconds>(text).unwrap().0;
        assert_eq!(read("1735689600.123"), read("1.735689600123E9"));
        assert_eq!(read("1735689600").to_string(), "2025-01-01T00:00:00Z");
        assert!(serde_json::from_str::<Seconds>("1e300").is_err());
    }
}
