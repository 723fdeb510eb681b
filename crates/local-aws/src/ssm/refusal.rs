//! What Systems Manager refuses, in its own codes and words.

use crate::{error::ApiError, labels::Refused};

pub(super) fn not_found(name: &str) -> ApiError {
    ApiError::new("ParameterNotFound", format!("Parameter {name} was not found."))
}

pub(super) fn no_such_version(name: &str, version: &str) -> ApiError {
    let text = format!(
        "Systems Manager could not find version {version} of {name}. Verify the version and try again."
    );
    ApiError::new("ParameterVersionNotFound", text)
}

pub(super) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// A `SecureString`'s key cannot be used, for a reason of KMS's.
pub(super) fn invalid_key(why: String) -> ApiError {
    ApiError::new("InvalidKeyId", why)
}

pub(super) fn invalid_token() -> ApiError {
    ApiError::new("InvalidNextToken", "The specified token isn't valid.")
}

/// What AWS would do, and this does not.
pub(super) fn unsupported(text: &str) -> ApiError {
    ApiError::new("UnsupportedFeatureException", format!("This local Systems Manager {text}"))
}

pub(super) fn tags(refused: Refused) -> ApiError {
    match refused {
        Refused::Reserved => validation("Tag keys can't begin with aws:, which is reserved."),
        Refused::Duplicate => validation("A request can't name a tag key twice."),
        Refused::TooMany => ApiError::new("TooManyTagsError", "A parameter can have 50 tags at most."),
    }
}
