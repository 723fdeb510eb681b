//! `POST /webhooks/{source}`: an event is kept first, and then accepted.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path as PathParameter, Request, State};
use axum::response::{IntoResponse, Response};
use coxswain_identity::Identity;
use coxswain_store::{Expect, Path, Store, StoreError};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;

use crate::app::App;
use crate::caller::CallerError;
use crate::envelope::{Envelope, KeptHead};
use crate::event::{self, EventId, Source};
use crate::problem::Problem;

/// How long a body may take to arrive, so that a slow sender cannot hold its place for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the store may take, so that one that hangs does not hold every connection.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often an event is put anew after another one of its name has come and gone in between.
const ATTEMPTS: usize = 3;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    New,
    Duplicate,
}

/// Takes an event.
///
/// *Guarantees*: 202 is answered only after the event is durable. The same id with the same body is accepted
/// again and kept once; with another body it is refused.
///
/// Whoever is not known is refused before anything else is looked at, and before the body is read.
pub(crate) async fn receive(
    State(app): State<Arc<App>>,
    source: Result<PathParameter<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let now = (app.clock)();
    // A time that the system cannot express makes every assertion one of the future, and so refused.
    let wall = SystemTime::try_from(now).unwrap_or(SystemTime::UNIX_EPOCH);
    let caller = app.callers.head(&parts, wall).map_err(|error| refuse(&error))?;
    // A segment that is not UTF-8 once decoded is no source either.
    let source = source.map_or_else(|_| String::new(), |PathParameter(source)| source);
    let source = Source::parse(&source).map_err(|error| bad("SourceInvalid", &error))?;
    let id = EventId::find(&parts.headers).map_err(|error| bad("EventIdInvalid", &error))?;
    let head = KeptHead::of(&parts).map_err(|error| bad("HeaderInvalid", &error))?;
    let body = read(body, app.max_body).await?;
    let caller = caller.with_body(&body).map_err(|error| refuse(&error))?;

    let path = event::path(&source, &id).map_err(|error| bad("SourceInvalid", &error))?;
    let subject = caller.as_ref().map_or("-", Identity::subject).to_owned();
    let envelope = Envelope::new(&source, &id, head, caller, &body, now);
    let kept = tokio::time::timeout(STORE_TIMEOUT, keep(app.store.as_ref(), &path, &envelope))
        .await
        .unwrap_or(Err(KeepError::TooSlow))
        .map_err(|error| error.answer(&path))?;

    let duplicate = kept == Kept::Duplicate;
    tracing::info!(event = %path, caller = %subject, duplicate, "event accepted");
    let answer = json!({
        "id": id.as_str(),
        "source": source.as_str(),
        "event": path.as_str(),
        "duplicate": duplicate,
        "version": app.version.as_str(),
    });
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

fn refuse(error: &CallerError) -> Problem {
    tracing::info!(reason = %error, "caller refused");
    Problem::unauthorized(error.to_string())
}

fn bad(code: &'static str, error: &impl std::error::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, error.to_string())
}

/// Reads the body whole, within its limits of length and time.
async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_long = || {
        let detail = format!("the body is longer than the limit of {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLong", detail)
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_long());
    }
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect())
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "BodyTooSlow", "the body took too long"))?;
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "BodyBroken", "the body did not arrive whole")),
    }
}

/// Why an event was not kept.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("the event cannot be written as JSON")]
    Write(#[source] serde_json::Error),
    #[error("an event with this id and another body was accepted before")]
    OtherBody,
    #[error("what is kept under this event's name cannot be read")]
    Unreadable(#[source] serde_json::Error),
    #[error("the event's name was taken and given up {ATTEMPTS} times while it was being kept")]
    Restless,
    #[error("the store did not answer within {} s", STORE_TIMEOUT.as_secs())]
    TooSlow,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts the event where none of its name is yet; where there is one, says whether it is the same.
async fn keep(store: &dyn Store, path: &Path, envelope: &Envelope) -> Result<Kept, KeepError> {
    let bytes = envelope.to_bytes().map_err(KeepError::Write)?;
    for _ in 0..ATTEMPTS {
        match store.put(path, bytes.clone(), Expect::Absent).await {
            Ok(_) => return Ok(Kept::New),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        // Whoever consumes events may have taken this one away since.
        let Some(entry) = store.get(path).await? else {
            continue;
        };
        let earlier = Envelope::from_bytes(&entry.bytes).map_err(KeepError::Unreadable)?;
        if !earlier.is_same_event(envelope) {
            return Err(KeepError::OtherBody);
        }
        return Ok(Kept::Duplicate);
    }
    Err(KeepError::Restless)
}

impl KeepError {
    /// What the sender is told. The store's own words go to the log only: they name files.
    fn answer(&self, path: &Path) -> Problem {
        if let Self::OtherBody = self {
            return Problem::new(StatusCode::CONFLICT, "EventIdReused", self.to_string());
        }
        let cause = std::error::Error::source(self).map(ToString::to_string);
        tracing::error!(event = %path, reason = %self, cause, "event not kept");
        match self {
            Self::Store(StoreError::Unavailable { .. }) | Self::Restless | Self::TooSlow => {
                Problem::unavailable(
                    "StoreUnavailable",
                    "the event was not accepted; send it again with the same id",
                )
            }
            _ => Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "EventNotKept",
                "the event was not accepted; sending it again does not help until this is mended",
            ),
        }
    }
}
