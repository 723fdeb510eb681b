//! AWS by its SDK: signing, credentials, endpoints and connections; no retries and no types.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use coxswain_runtime::Clock;
use serde_json::Value;

use super::{
    Aws, AwsError, Location, Operation,
    raw::{RawAnswer, RawJson},
};

/// AWS by its SDK.
#[derive(Debug, Clone)]
pub struct SdkAws {
    ecs: aws_sdk_ecs::Client,
    ssm: aws_sdk_ssm::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    ecr: aws_sdk_ecr::Client,
}

impl SdkAws {
    /// Makes the clients, with the program's own credentials.
    pub async fn connect(location: Location, clock: Arc<dyn Clock>) -> Self {
        Self::new(&location.load(clock).await)
    }

    /// Makes the clients of a configuration that is complete.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            ecr: aws_sdk_ecr::Client::new(config),
        }
    }

    async fn send(&self, operation: Operation, raw: RawJson) -> Result<(), Unanswered> {
        macro_rules! send {
            ($client:ident.$method:ident()) => {
                self.$client
                    .$method()
                    .customize()
                    .interceptor(raw)
                    .send()
                    .await
                    .map(drop)
                    .map_err(|error| Unanswered::of(&error))
            };
        }
        match operation {
            Operation::CreateService => send!(ecs.create_service()),
            Operation::DescribeServiceDeployments => send!(ecs.describe_service_deployments()),
            Operation::DescribeServices => send!(ecs.describe_services()),
            Operation::DescribeTaskDefinition => send!(ecs.describe_task_definition()),
            Operation::DescribeTasks => send!(ecs.describe_tasks()),
            Operation::ListServiceDeployments => send!(ecs.list_service_deployments()),
            Operation::ListTasks => send!(ecs.list_tasks()),
            Operation::RegisterTaskDefinition => send!(ecs.register_task_definition()),
            Operation::TagResource => send!(ecs.tag_resource()),
            Operation::UntagResource => send!(ecs.untag_resource()),
            Operation::UpdateService => send!(ecs.update_service()),
            Operation::DeleteParameters => send!(ssm.delete_parameters()),
            Operation::GetParameters => send!(ssm.get_parameters()),
            Operation::GetParametersByPath => send!(ssm.get_parameters_by_path()),
            Operation::PutParameter => send!(ssm.put_parameter()),
            Operation::GetLogEvents => send!(logs.get_log_events()),
            Operation::DescribeImages => send!(ecr.describe_images()),
            Operation::DescribeRepositories => send!(ecr.describe_repositories()),
        }
    }
}

#[async_trait]
impl Aws for SdkAws {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        let raw = RawJson::new(input.to_string().into_bytes());
        let sent = Box::pin(self.send(operation, raw.clone())).await;
        // An answer speaks for itself, whatever the SDK's deserializer thought of it.
        match (raw.take_answer(), sent) {
            (Some(answer), _) => read(operation, &answer),
            (None, Err(failure)) => Err(AwsError::unanswered(operation, failure.was_sent, failure.message)),
            (None, Ok(())) => Err(AwsError::unanswered(operation, true, "the answer was not read")),
        }
    }
}

fn read(operation: Operation, answer: &RawAnswer) -> Result<Value, AwsError> {
    if (200..300).contains(&answer.status) {
        return serde_json::from_slice(&answer.body).map_err(|error| AwsError {
            request_id: answer.request_id.clone(),
            ..AwsError::unanswered(operation, true, format!("the answer is not JSON: {error}"))
        });
    }
    let after = answer.retry_after.as_deref().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    Err(AwsError::from_answer(
        operation,
        answer.status,
        &answer.body,
        answer.error_header.as_deref(),
        after,
        answer.request_id.clone(),
    ))
}

/// A call without an answer.
struct Unanswered {
    was_sent: bool,
    message: String,
}

impl Unanswered {
    fn of<E: std::error::Error + Send + Sync + 'static>(error: &SdkError<E, HttpResponse>) -> Self {
        let was_sent = match error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::DispatchFailure(failure) => {
                !failure.as_connector_error().is_some_and(|error| error.is_user() || was_refused(error))
            }
            _ => true,
        };
        Self { was_sent, message: chain(error) }
    }
}

/// Whether nobody listened at the address: then nothing was sent.
fn was_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> =
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    texts.join(": ")
}
