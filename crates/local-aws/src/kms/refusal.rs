//! What KMS refuses, in its own codes and words.
//!
//! Source of the words: error answers of AWS that LocalStack's tests recorded
//! (`tests/aws/services/kms/test_kms.snapshot.json`), and the API reference. Some of AWS's have no text.

use crate::{error::ApiError, labels::Refused};

pub(super) fn not_found(text: impl Into<String>) -> ApiError {
    ApiError::new("NotFoundException", text)
}

pub(super) fn validation(text: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", text)
}

/// The key is not in a state for it.
pub(super) fn state(text: impl Into<String>) -> ApiError {
    ApiError::new("KMSInvalidStateException", text)
}

pub(super) fn usage(text: impl Into<String>) -> ApiError {
    ApiError::new("InvalidKeyUsageException", text)
}

pub(super) fn invalid_ciphertext() -> ApiError {
    ApiError::new("InvalidCiphertextException", "")
}

pub(super) fn incorrect_key() -> ApiError {
    let text = "The key ID in the request does not identify a CMK that can perform this operation.";
    ApiError::new("IncorrectKeyException", text)
}

pub(super) fn dry_run() -> ApiError {
    let text = "The request would have succeeded, but the DryRun option is set.";
    ApiError::new("DryRunOperationException", text)
}

/// The cryptography itself failed, for which the caller can do nothing.
pub(super) fn internal() -> ApiError {
    ApiError { code: "KMSInternalException".into(), ..ApiError::server("The cryptographic library failed.") }
}

/// What AWS would do, and this does not.
pub(super) fn unsupported(text: &str) -> ApiError {
    ApiError::new("UnsupportedFeatureException", format!("This local KMS {text}"))
}

pub(super) fn tags(refused: Refused) -> ApiError {
    ApiError::new(
        "TagException",
        match refused {
            Refused::Reserved => "Tags beginning with aws: are reserved",
            Refused::Duplicate => "Duplicate tag keys",
            Refused::TooMany => "Too many tags",
        },
    )
}
