//! What ECS says of one object: read in batches, cached where it cannot change, always with its time.
//!
//! A quiet object costs a tenth of one DescribeServices call. The rest is read only where it is needed:
//! a revision that was not read before, the end of a rollout that the service itself does not tell, the
//! cause of a task's death while a rollout of ours fails.

mod rollout;
mod service;
mod task;
mod task_definition;

use std::sync::Arc;

use coxswain_plan::{Desired, Observed, Record, Unreadable, failing_deployment, needs_service_deployments};
use coxswain_runtime::{BatchError, Clock};

use crate::{
    aws::{Aws, AwsError, Operation},
    context::Context,
    phase::PhaseError,
};
pub(crate) use task_definition::describe as describe_task_definition;

use service::Services;
use task_definition::TaskDefinitions;

/// The readers of ECS: what they batch and cache is shared by all looks.
#[derive(Debug)]
pub struct Observers {
    services: Services,
    task_definitions: TaskDefinitions,
}

impl Observers {
    /// Readers through `aws`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(aws: &Arc<dyn Aws>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            services: Services::new(aws.clone(), clock.clone()),
            task_definitions: TaskDefinitions::new(aws.clone()),
        }
    }
}

/// Looks at one service.
///
/// # Errors
/// [`PhaseError::Observe`] where ECS does not answer. Half an answer is none: what cannot be read is
/// never taken for absent.
pub async fn service(desired: &Desired, record: &Record, cx: &Context) -> Result<Observed, PhaseError> {
    observe(desired, record, &cx.observers, cx.aws.as_ref()).await
}

/// As [`service`], with readers of one's own.
pub async fn observe(
    desired: &Desired,
    record: &Record,
    observers: &Observers,
    aws: &dyn Aws,
) -> Result<Observed, PhaseError> {
    let seen = observers.services.get(&desired.cluster, &desired.service_name).await?;
    let live = service::live(&seen, &observers.task_definitions).await?;
    let mut observed = Observed { seen_at: seen.at, service: live, service_deployments: None, cause: None };
    if needs_service_deployments(record, &observed.service) {
        observed.service_deployments = Some(rollout::service_deployments(desired, record, aws).await?);
    }
    if let Some(deployment) = failing_deployment(record, &observed.service) {
        observed.cause = task::newest_cause(desired, deployment, aws).await?;
    }
    Ok(observed)
}

/// An answer that lacks what it must have: as little use as none.
fn unreadable(operation: Operation, error: &Unreadable) -> PhaseError {
    let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    AwsError::unanswered(operation, true, format!("it lacks what was expected: {why}")).into()
}

impl From<AwsError> for PhaseError {
    fn from(error: AwsError) -> Self {
        Self::Observe(Box::new(error))
    }
}

impl From<BatchError<AwsError>> for PhaseError {
    fn from(error: BatchError<AwsError>) -> Self {
        match error {
            BatchError::Fetch(error) => error.into(),
            BatchError::Unmentioned | BatchError::Lost => {
                Self::Answer { operation: "DescribeServices", member: "services" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use coxswain_plan::LiveTaskDefinition;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_that_lacks_something_is_not_called_none() {
        let error = LiveTaskDefinition::read(&json!({"tags": []})).unwrap_err();
        let text = unreadable(Operation::DescribeTaskDefinition, &error).message();
        let expected =
            "DescribeTaskDefinition: no answer that can be used: it lacks what was expected: missing field";
        assert!(text.contains(expected), "{text}");
    }
}
