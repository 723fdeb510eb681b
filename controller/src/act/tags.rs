//! TagResource and UntagResource. Both say what shall be and not what changes, so that dying before or
//! after them, never hearing back and running them twice all end in the same tags.

use std::collections::BTreeMap;

use coxswain_plan::{StepAnswer, wire_tags};
use serde_json::json;

use super::StepFailure;
use crate::{aws::Operation, context::Context};

/// Sets tags; others stay.
pub(super) async fn set(
    arn: &str,
    tags: &BTreeMap<String, String>,
    cx: &Context,
) -> Result<StepAnswer, StepFailure> {
    let input = json!({"resourceArn": arn, "tags": wire_tags(tags)});
    cx.aws.call(Operation::TagResource, input).await?;
    Ok(StepAnswer::Done)
}

/// Takes tags off; those that are not there are no error.
pub(super) async fn remove(arn: &str, keys: &[String], cx: &Context) -> Result<StepAnswer, StepFailure> {
    let input = json!({"resourceArn": arn, "tagKeys": keys});
    cx.aws.call(Operation::UntagResource, input).await?;
    Ok(StepAnswer::Done)
}
