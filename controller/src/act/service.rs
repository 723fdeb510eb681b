//! CreateService and UpdateService.

use coxswain_ecs_model::{RolloutDigest, TaskDefinitionDigest};
use coxswain_plan::{Record, StepAnswer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::StepFailure;
use crate::{
    aws::{AwsError, Failure, Operation},
    context::Context,
};

/// Creates the service.
///
/// - Die before the call: the record says that a rollout was about to be sent; the next look finds no
///   service, waits until an effect would be visible, and plans it again.
/// - Die after it, or never hear back: the next look finds the service, and in it our rollout.
/// - Run twice: the client token is the same, and ECS answers the service that the first one made.
pub(super) async fn create(
    request: &Value,
    task_definition: &TaskDefinitionDigest,
    rollout: &RolloutDigest,
    record: &Record,
    cx: &Context,
) -> Result<StepAnswer, StepFailure> {
    let mut input = request.clone();
    if let Some(members) = input.as_object_mut() {
        members.insert(
            "taskDefinition".to_owned(),
            revision(record, task_definition, Operation::CreateService)?.into(),
        );
        members.insert("clientToken".to_owned(), client_token(record, rollout).into());
    }
    let answer = cx.aws.call(Operation::CreateService, input).await?;
    read(&answer, "CreateService")
}

/// Changes the service, in one call.
///
/// - Die before the call: as with [`create`], the next look waits until an effect would be visible.
/// - Die after it, or never hear back: the next look finds the members live, and a deployment that did
///   not exist before the call, which is ours.
/// - Run twice: an update that changes nothing starts no deployment.
pub(super) async fn update(
    cluster: &str,
    service: &str,
    members: &Map<String, Value>,
    task_definition: Option<&TaskDefinitionDigest>,
    record: &Record,
    cx: &Context,
) -> Result<StepAnswer, StepFailure> {
    let mut input = members.clone();
    input.insert("cluster".to_owned(), cluster.into());
    input.insert("service".to_owned(), service.into());
    if let Some(digest) = task_definition {
        input.insert("taskDefinition".to_owned(), revision(record, digest, Operation::UpdateService)?.into());
    }
    let answer = cx.aws.call(Operation::UpdateService, input.into()).await?;
    read(&answer, "UpdateService")
}

/// The revision of that digest, which the step before has registered or found.
fn revision(
    record: &Record,
    digest: &TaskDefinitionDigest,
    operation: Operation,
) -> Result<String, AwsError> {
    record.revision(digest).map(|revision| revision.arn.clone()).ok_or_else(|| AwsError {
        operation,
        failure: Failure::NotFound { message: format!("no revision of {digest} was registered") },
        request_id: None,
    })
}

fn read(answer: &Value, operation: &'static str) -> Result<StepAnswer, StepFailure> {
    StepAnswer::read_service(operation, answer)
        .map_err(|_| StepFailure::Answer { operation, member: "service" })
}

/// The same for the same attempt, another for every other: key, what is rolled out, and when the attempt
/// began by the record. 32 characters, of which ECS takes 36.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>
fn client_token(record: &Record, rollout: &RolloutDigest) -> String {
    let attempt = record.in_flight.as_ref().map(|rollout| rollout.sent_at.to_string()).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [record.key.to_string(), rollout.to_string(), attempt] {
        hash.update(part);
        hash.update("\n");
    }
    let mut token = hex::encode(hash.finalize());
    token.truncate(32);
    token
}
