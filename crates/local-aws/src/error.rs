//! What an operation answers when it refuses.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Map, Value};

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
    /// What the error's shape has beside the message, such as the id of what is there already.
    pub members: Map<String, Value>,
}

impl ApiError {
    /// A refusal with a code of its own.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let (code, status) = (Cow::Borrowed(code), StatusCode::BAD_REQUEST);
        Self { code, message: message.into(), status, members: Map::new() }
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
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

    /// The answer's body; a service's name puts the code into that service's namespace.
    pub(crate) fn into_answer(self, service: Option<&str>) -> Value {
        let Self { code, message, status: _, mut members } = self;
        let code = match service {
            Some(service) => format!("com.amazonaws.{service}#{code}"),
            None => code.into_owned(),
        };
        members.insert("__type".to_owned(), code.into());
        // The services do not agree on its case; whoever set one has chosen.
        if !members.contains_key("Message") {
            members.insert("message".to_owned(), message.into());
        }
        Value::Object(members)
    }

    /// `ThrottlingException`, as every API of AWS words it.
    pub fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }
}

/// An error and what it came from, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
