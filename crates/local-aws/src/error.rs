//! What an operation answers when it refuses.

use std::borrow::Cow;

use http::StatusCode;

/// An error as a client of AWS sees it: a code, a message and an HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The error shape's name, such as `ClusterNotFoundException`.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// 400 for the client's mistakes, 500 for the service's.
    pub status: StatusCode,
}

impl ApiError {
    /// A refusal with a code of its own.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into(), status: StatusCode::BAD_REQUEST }
    }

    /// `ClientException`.
    pub fn client(message: impl Into<String>) -> Self {
        Self::new("ClientException", message)
    }

    /// `InvalidParameterException`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// `ServerException`, with HTTP status 500.
    pub fn server(message: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, ..Self::new("ServerException", message) }
    }

    /// `ThrottlingException`, as every API of AWS words it.
    pub fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }
}
