//! What Secrets Manager refuses, in its own codes and words.
//!
//! Source of the words: error answers of AWS that LocalStack's tests recorded
//! (`tests/aws/services/secretsmanager/test_secretsmanager.snapshot.json`), and the API reference.

use crate::{error::ApiError, labels::Refused, wire::not_done};

pub(super) fn not_found() -> ApiError {
    ApiError::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

pub(super) fn no_such_stage(stage: &str) -> ApiError {
    let text = format!("Secrets Manager can't find the specified secret value for staging label: {stage}");
    ApiError::new("ResourceNotFoundException", text)
}

pub(super) fn no_such_version(id: &str) -> ApiError {
    let text = format!("Secrets Manager can't find the specified secret value for VersionId: {id}");
    ApiError::new("ResourceNotFoundException", text)
}

pub(super) fn marked_for_deletion() -> ApiError {
    request("You can't perform this operation on the secret because it was marked for deletion.")
}

/// `InvalidRequestException`: not as the secret is now.
pub(super) fn request(text: impl Into<String>) -> ApiError {
    ApiError::new("InvalidRequestException", text)
}

/// `InvalidParameterException`.
pub(super) fn parameter(text: impl Into<String>) -> ApiError {
    ApiError::invalid(text)
}

/// What AWS would do, and this does not.
pub(super) fn unsupported(text: &str) -> ApiError {
    ApiError::new("UnsupportedFeatureException", format!("This local Secrets Manager {text}"))
}

pub(super) fn tags(refused: Refused) -> ApiError {
    parameter(match refused {
        Refused::Reserved => "Tag keys can't begin with aws:, which is reserved.",
        Refused::Duplicate => "A request can't name a tag key twice.",
        Refused::TooMany => "A secret can have 50 tags at most.",
    })
}

/// No function is called here; the four steps can be gone by hand.
pub(super) fn no_rotation() -> ApiError {
    let error = not_done("secretsmanager", "RotateSecret");
    let text = "no Lambda function is called here: put a value as AWSPENDING, test it, and move AWSCURRENT to it by \
                UpdateSecretVersionStage";
    ApiError { message: format!("{}: {text}", error.message), ..error }
}
