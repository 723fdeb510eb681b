//! What the newest failing task of a rollout died of.

use coxswain_plan::{Cause, Desired};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{Aws, Operation},
    phase::PhaseError,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskView {
    task_arn: String,
    #[serde(default)]
    started_by: Option<String>,
    #[serde(default)]
    stop_code: Option<String>,
    #[serde(default)]
    stopped_reason: Option<String>,
    #[serde(default)]
    stopped_at: Option<f64>,
    #[serde(default)]
    stopping_at: Option<f64>,
    #[serde(default)]
    containers: Vec<ContainerView>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerView {
    #[serde(default)]
    name: String,
    #[serde(default)]
    exit_code: Option<i32>,
    #[serde(default)]
    reason: Option<String>,
}

impl ContainerView {
    fn has_failed(&self) -> bool {
        self.exit_code.is_some_and(|code| code != 0) || self.reason.is_some()
    }
}

/// The newest stopped task of that deployment; `None` where there is none, or ECS has forgotten it (it
/// keeps stopped tasks for an hour).
pub(super) async fn newest_cause(
    desired: &Desired,
    deployment: &str,
    aws: &dyn Aws,
) -> Result<Option<Cause>, PhaseError> {
    let input =
        json!({"cluster": desired.cluster, "serviceName": desired.service_name, "desiredStatus": "STOPPED"});
    let listed = aws.call(Operation::ListTasks, input).await?;
    let arns = listed.get("taskArns").and_then(Value::as_array).cloned().unwrap_or_default();
    if arns.is_empty() {
        return Ok(None);
    }
    let input = json!({"cluster": desired.cluster, "tasks": arns});
    let described = aws.call(Operation::DescribeTasks, input).await?;
    let tasks = described.get("tasks").and_then(Value::as_array).cloned().unwrap_or_default();
    let tasks = tasks.into_iter().filter_map(|task| serde_json::from_value::<TaskView>(task).ok());
    Ok(newest(tasks, deployment).map(cause))
}

/// A task that the scheduler stopped because the rollout was over says nothing of why it failed.
fn newest(tasks: impl Iterator<Item = TaskView>, deployment: &str) -> Option<TaskView> {
    let ended = |task: &TaskView| task.stopped_at.or(task.stopping_at).unwrap_or(0.0);
    let failed = |task: &TaskView| {
        task.stop_code.as_deref() != Some("ServiceSchedulerInitiated") || is_unhealthy(task)
    };
    tasks
        .filter(|task| task.started_by.as_deref() == Some(deployment) && failed(task))
        .max_by(|a, b| ended(a).total_cmp(&ended(b)))
}

fn is_unhealthy(task: &TaskView) -> bool {
    task.stopped_reason.as_deref().is_some_and(|reason| reason.contains("health checks"))
}

fn cause(task: TaskView) -> Cause {
    let container = task.containers.iter().find(|container| container.has_failed());
    Cause {
        container: container.map(|container| container.name.clone()),
        exit_code: container.and_then(|container| container.exit_code),
        container_reason: container.and_then(|container| container.reason.clone()),
        task_arn: task.task_arn,
        stop_code: task.stop_code,
        stopped_reason: task.stopped_reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(arn: &str, by: &str, code: &str, at: f64, exit: i32) -> TaskView {
        serde_json::from_value(json!({
            "taskArn": arn, "startedBy": by, "stopCode": code, "stoppedAt": at,
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "sidecar", "exitCode": 0}, {"name": "api", "exitCode": exit}],
        }))
        .unwrap()
    }

    #[test]
    fn the_cause_is_the_newest_failure_of_that_deployment_alone() {
        let tasks = [
            task("old", "ecs-svc/2", "EssentialContainerExited", 1.0, 2),
            task("new", "ecs-svc/2", "EssentialContainerExited", 2.0, 3),
            task("other", "ecs-svc/1", "EssentialContainerExited", 3.0, 4),
            task("scaled in", "ecs-svc/2", "ServiceSchedulerInitiated", 4.0, 143),
        ];
        let cause = cause(newest(tasks.into_iter(), "ecs-svc/2").unwrap());
        assert_eq!(cause.task_arn, "new");
        assert_eq!((cause.container.as_deref(), cause.exit_code), (Some("api"), Some(3)));
    }
}
