//! What an answer of S3, or the lack of one, means to the caller of a store.

use std::error::Error;
use std::fmt;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::{Operation, StoreError};

/// A call that did not succeed.
#[derive(Debug)]
pub(super) struct Answer {
    /// A "no" that the store's own rules know.
    pub(super) refused: Option<Refused>,
    /// Whether S3 may have done it all the same, if it was a write.
    may_be_done: bool,
    source: Box<dyn Error + Send + Sync>,
}

/// A "no" with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// 404: there is no such object. Also the answer to a condition on what is not there.
    NoSuchKey,
    /// 412, or 409 for a write that met another one: the condition does not hold.
    Condition,
    /// 304: what is there is what the caller has.
    NotModified,
}

/// S3's own words, with what AWS needs to find the request.
#[derive(Debug)]
struct Said {
    status: u16,
    code: String,
    message: String,
    request_id: Option<String>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3 answered {} {}", self.status, self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl Error for Said {}

/// Every level of an error in one line: the SDK's own first level says only "dispatch failure".
#[derive(Debug)]
struct Chain(String);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Chain {}

impl Answer {
    /// Judges what the SDK says.
    ///
    /// Source for the codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let SdkError::ServiceError(answered) = error else {
            // Only a request that could not even be made was certainly not sent: of a connection that
            // broke, nobody can tell how far it had come.
            let may_be_done = !matches!(error, SdkError::ConstructionFailure(_));
            return Self { refused: None, may_be_done, source: Box::new(Chain(chain(error))) };
        };
        let status = answered.raw().status().as_u16();
        let code = answered.err().code().unwrap_or("without a code");
        let said = Said {
            status,
            code: code.to_owned(),
            message: answered.err().message().unwrap_or_default().to_owned(),
            request_id: error.request_id().map(str::to_owned),
        };
        let refused = match (status, code) {
            (304, _) => Some(Refused::NotModified),
            (404, "NoSuchKey" | "NotFound") => Some(Refused::NoSuchKey),
            (412, _) | (409, "ConditionalRequestConflict" | "OperationAborted") => Some(Refused::Condition),
            _ => None,
        };
        // SlowDown is said at the door; any other 5xx leaves it open how far the request had come.
        let may_be_done = status >= 500 && code != "SlowDown";
        Self { refused, may_be_done, source: Box::new(said) }
    }

    /// No answer, or not the whole of one.
    pub(super) fn unanswered(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { refused: None, may_be_done: true, source: source.into() }
    }

    /// It failed before anything was sent.
    pub(super) fn unsent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { refused: None, may_be_done: false, source: source.into() }
    }

    /// A success that does not say which version it is about.
    pub(super) fn without_etag() -> Self {
        Self::unanswered("the answer has no ETag")
    }

    /// The error for the caller of a store.
    pub(super) fn into_error(self, operation: Operation, subject: &str, writes: bool) -> StoreError {
        let in_doubt = writes && self.may_be_done;
        StoreError::Unavailable { operation, subject: subject.to_owned(), in_doubt, source: self.source }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let level = cause.to_string();
        // Some levels repeat the one below them.
        if !text.contains(&level) {
            text.push_str(": ");
            text.push_str(&level);
        }
        next = cause.source();
    }
    text
}
