//! How a rollout ended, where the service itself does not tell: only service deployments say that one
//! was rolled back or stopped.

use coxswain_plan::{Desired, Record, ServiceDeployment};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::unreadable;
use crate::{
    aws::{Aws, Operation},
    phase::PhaseError,
};

/// DescribeServiceDeployments takes 20 ARNs.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html>
const MOST: usize = 20;

/// Our clock and ECS's may differ by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

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
    ServiceDeployment::read_all(&described)
        .map_err(|error| unreadable(Operation::DescribeServiceDeployments, &error))
}
