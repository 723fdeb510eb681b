//! How a rollout ended, where the service itself does not tell: only service deployments say that one
//! was rolled back or stopped.

use coxswain_plan::{Desired, Record, ServiceDeployment};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::service::epoch_seconds;
use crate::{
    aws::{Aws, AwsError, Operation},
    phase::PhaseError,
};

/// DescribeServiceDeployments takes 20 ARNs.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html>
const MOST: usize = 20;

/// Our clock and ECS's may differ by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    #[serde(default)]
    target_service_revision: Option<RevisionView>,
    status: String,
    #[serde(default)]
    status_reason: Option<String>,
    #[serde(deserialize_with = "epoch_seconds")]
    created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct RevisionView {
    arn: String,
}

/// The service's deployments since the rollout in flight was sent, newest first.
pub(super) async fn service_deployments(
    desired: &Desired,
    record: &Record,
    aws: &dyn Aws,
) -> Result<Vec<ServiceDeployment>, PhaseError> {
    let mut input = json!({"cluster": desired.cluster, "service": desired.service_name, "maxResults": MOST});
    if let (Some(rollout), Some(input)) = (&record.in_flight, input.as_object_mut()) {
        let after = rollout.sent_at.checked_sub(SKEW).unwrap_or(rollout.sent_at).as_second();
        input.insert("createdAt".to_owned(), json!({"after": after}));
    }
    let listed = aws.call(Operation::ListServiceDeployments, input).await?;
    let arns: Vec<&Value> = listed
        .get("serviceDeployments")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|brief| brief.get("serviceDeploymentArn"))
        .take(MOST)
        .collect();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let input = json!({"serviceDeploymentArns": arns});
    let described = aws.call(Operation::DescribeServiceDeployments, input).await?;
    let views = described.get("serviceDeployments").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut deployments = views
        .into_iter()
        .map(|view| serde_json::from_value(view).map(entry))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| {
            let text = format!("a service deployment cannot be read: {error}");
            AwsError::unanswered(Operation::DescribeServiceDeployments, true, text)
        })?;
    deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
    Ok(deployments)
}

/// The last part of a service revision's ARN is the number of the deployment's id, `ecs-svc/N`.
fn entry(view: View) -> ServiceDeployment {
    let revision = view.target_service_revision.map(|revision| revision.arn).unwrap_or_default();
    let number = revision.rsplit('/').next().unwrap_or_default();
    ServiceDeployment {
        deployment_id: format!("ecs-svc/{number}"),
        status: view.status,
        status_reason: view.status_reason,
        created_at: view.created_at,
    }
}
