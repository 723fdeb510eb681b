//! RegisterTaskDefinition, without a second revision of the same definition.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use coxswain_ecs_model::TaskDefinitionDigest;
use coxswain_plan::{LiveTaskDefinition, StepAnswer};
use serde_json::Value;

use super::StepFailure;
use crate::{aws::Operation, context::Context, observe::describe_task_definition};

/// Which families are being registered: ECS refuses two at once of one family ("Too many concurrent
/// attempts to create a new revision of the specified family").
#[derive(Debug, Default)]
pub struct Families {
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Families {
    fn lock_of(&self, family: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(family.to_owned()).or_default().clone()
    }
}

/// Makes sure that an ACTIVE revision with that digest exists, and answers its ARN.
///
/// - Die before the call: nothing happened, and the next look plans it again.
/// - Die after it, or never hear back: the next run finds the revision as the family's newest, by the
///   digest that it carries as a tag, and registers none.
/// - Run twice: the second run finds the first one's.
pub(super) async fn register(
    family: &str,
    digest: &TaskDefinitionDigest,
    known: Option<&str>,
    request: &Value,
    cx: &Context,
) -> Result<StepAnswer, StepFailure> {
    let lock = cx.families.lock_of(family);
    let _turn = lock.lock().await;
    for name in known.into_iter().chain([family]) {
        let described = describe_task_definition(cx.aws.as_ref(), name).await?;
        if let Some(arn) = described.as_ref().and_then(|answer| LiveTaskDefinition::usable(answer, digest)) {
            return Ok(StepAnswer::Registered { arn });
        }
    }
    let answer = cx.aws.call(Operation::RegisterTaskDefinition, request.clone()).await?;
    let missing = StepFailure::Answer { operation: "RegisterTaskDefinition", member: "taskDefinitionArn" };
    let arn = arn(&answer).ok_or(missing)?;
    Ok(StepAnswer::Registered { arn })
}

fn arn(answer: &Value) -> Option<String> {
    answer.get("taskDefinition")?.get("taskDefinitionArn")?.as_str().map(str::to_owned)
}
