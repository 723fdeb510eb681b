//! A thin client of a container engine's HTTP API, over its Unix socket.
//!
//! Source: <https://docs.docker.com/reference/api/engine/version/v1.41/>

use std::{io, path::PathBuf};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::exchange::{ExchangeError, exchange, stream};

/// The version that is spoken: that of Docker 20.10, which newer ones and Podman speak too.
const VERSION: &str = "/v1.41";

/// The most of an answer that is read; a pull's progress is the longest.
const LONGEST: usize = 16 * 1024 * 1024;

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Its socket cannot be reached.
    #[error("the engine's socket {} cannot be reached", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke before the answer: whether the engine acted is unknown.
    #[error("the engine did not answer")]
    Exchange(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// In the engine's words.
        message: String,
    },
}

impl EngineError {
    /// Whether the engine says that there is no such thing.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl From<ExchangeError> for EngineError {
    fn from(error: ExchangeError) -> Self {
        Self::Exchange(Box::new(error))
    }
}

/// An engine, asked over a connection for each request.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    socket: PathBuf,
}

impl Engine {
    pub(super) fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, EngineError> {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, EngineError> {
        self.call(Method::POST, path, body).await
    }

    /// Removes something; what is gone already is removed.
    pub(super) async fn delete(&self, path: &str) -> Result<(), EngineError> {
        match self.call(Method::DELETE, path, None).await {
            Err(error) if !error.is_absent() => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads a body to its end, piece by piece.
    pub(super) async fn follow(&self, path: &str, each: impl FnMut(&[u8]) + Send) -> Result<(), EngineError> {
        let request = request(Method::GET, path, None)?;
        stream(self.connect().await?, request, each).await?;
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, EngineError> {
        let request = request(method, path, body)?;
        let answer = exchange(self.connect().await?, request, LONGEST).await?;
        let status = answer.status();
        // Progress is a line of JSON after another; what it says last counts.
        let last = answer.body().split(|byte| *byte == b'\n').rfind(|line| !line.trim_ascii().is_empty());
        let body: Value = last.and_then(|line| serde_json::from_slice(line).ok()).unwrap_or(Value::Null);
        let whole = || serde_json::from_slice(answer.body()).unwrap_or_else(|_| body.clone());
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            // A pull that fails has begun well.
            return match body.get("error").and_then(Value::as_str) {
                Some(error) => Err(refused(StatusCode::NOT_FOUND, error)),
                None => Ok(whole()),
            };
        }
        let message = body.get("message").and_then(Value::as_str).unwrap_or_else(|| status.as_str());
        Err(refused(status, message))
    }

    async fn connect(&self) -> Result<UnixStream, EngineError> {
        let unreached = |source| EngineError::Socket { path: self.socket.clone(), source };
        UnixStream::connect(&self.socket).await.map_err(unreached)
    }
}

fn request(method: Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, EngineError> {
    let text = body.map(Value::to_string).unwrap_or_default();
    Request::builder()
        .method(method)
        .uri(format!("{VERSION}{path}"))
        .header(header::HOST, "engine")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(text)))
        .map_err(|error| EngineError::Exchange(Box::new(error)))
}

fn refused(status: StatusCode, message: &str) -> EngineError {
    EngineError::Refused { status: status.as_u16(), message: message.to_owned() }
}

/// A text as a part of a path or of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_path_is_encoded() {
        assert_eq!(encoded("shop/web:1.4@x"), "shop%2Fweb%3A1.4%40x");
    }
}
