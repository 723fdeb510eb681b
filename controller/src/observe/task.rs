//! What the newest failing task of a rollout died of.

use coxswain_plan::{Cause, Desired};
use serde_json::{Value, json};

use super::unreadable;
use crate::{
    aws::{Aws, Operation},
    phase::PhaseError,
};

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
    Cause::read_newest(&described, deployment).map_err(|error| unreadable(Operation::DescribeTasks, &error))
}
