//! SQS's errors: the shapes' names, and the codes of its older protocol.

use std::fmt::Display;

use crate::error::ApiError;

/// The code under which clients of the older query protocol know an error; they get it in the header
/// `x-amzn-query-error`.
///
/// Source: the trait `awsQueryError` in the API's model, and
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>
pub(super) fn query_code(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".into(),
        "QueueNameExists" => "QueueAlreadyExists".into(),
        "QueueDeletedRecently"
        | "MessageNotInflight"
        | "PurgeQueueInProgress"
        | "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => format!("AWS.SimpleQueueService.{code}"),
        other => other.to_owned(),
    }
}

pub(super) fn no_queue() -> ApiError {
    ApiError::new("QueueDoesNotExist", "The specified queue does not exist.")
}

/// A value that a parameter does not take.
pub(super) fn value(value: impl Display, parameter: &str, reason: &str) -> ApiError {
    invalid(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}."))
}

pub(super) fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", text)
}

pub(super) fn missing(parameter: &str) -> ApiError {
    ApiError::new("MissingParameter", format!("The request must contain the parameter {parameter}."))
}
