//! `POST /v1/intents`: what a person asks for, taken once by the client's id.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use serde::de::DeserializeOwned;

use super::{
    Api,
    problem::Problem,
    services,
    v1::{Document, IntentRequest, IntentTaken},
};
use crate::{
    intents::{INTENT_SCHEMA, Intent, IntentKind, SubmitError},
    status::chain,
};

/// Intents of the design that this version refuses by name.
const LATER: &[&str] = &["rollback", "suspend", "resume", "approve"];

/// The longest reason. Units: characters.
const REASON_CHARACTERS: usize = 1_000;

/// `POST /v1/intents`
pub(crate) async fn submit(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Document<IntentTaken>>), Problem> {
    let request: IntentRequest = json(&headers, &body, "intent")?;
    let kind = kind(&request.kind)?;
    let name = request.object.strip_prefix("service/").ok_or_else(|| {
        Problem::malformed(format!("object is {:?}; it must be of the form service/NAME", request.object))
    })?;
    let key = services::key(&api, name)?;
    if request.reason.chars().count() > REASON_CHARACTERS {
        return Err(Problem::malformed(format!("the reason is longer than {REASON_CHARACTERS} characters")));
    }
    let now = api.clock.now();
    let intent = Intent {
        schema: INTENT_SCHEMA,
        id: request.id.clone(),
        kind,
        key: key.clone(),
        reason: request.reason.clone(),
        at: now,
        consumed_at: None,
    };
    let is_new = api.engine.submit(intent).await.map_err(|error| match error {
        SubmitError::Id(_) => Problem::malformed(chain(&error)),
        SubmitError::Reused(_) => Problem::conflict(error.to_string()),
        SubmitError::Store(_) => Problem::unavailable(chain(&error)),
    })?;
    api.engine.look_now(key);
    if is_new {
        note(&api, &request, kind, now);
    }
    let taken = IntentTaken { id: request.id, intent: kind, object: request.object, is_duplicate: !is_new };
    Ok((if is_new { StatusCode::ACCEPTED } else { StatusCode::OK }, Json(Document::new(taken))))
}

/// The body of a request that changes something; `what` it should be.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes, what: &str) -> Result<T, Problem> {
    // A form of another page could send text/plain without being asked; it cannot send JSON.
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = content.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Problem::malformed(format!(
            "the content type is {content:?}; it must be application/json"
        )));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::malformed(format!("the body is no {what}: {error}")))
}

fn kind(text: &str) -> Result<IntentKind, Problem> {
    match text {
        "retry" => Ok(IntentKind::Retry),
        "reconcile" => Ok(IntentKind::Reconcile),
        later if LATER.contains(&later) => Err(Problem::not_built(format!(
            "{later} is part of the design and not built yet; there are retry and reconcile"
        ))),
        other => Err(Problem::malformed(format!("{other:?} is no intent; there are retry and reconcile"))),
    }
}

/// The event's reason is what the object is in at that moment: what the person answers to.
fn note(api: &Api, request: &IntentRequest, kind: IntentKind, now: jiff::Timestamp) {
    let word = match kind {
        IntentKind::Retry => "retry",
        IntentKind::Reconcile => "reconcile",
    };
    let name = request.object.strip_prefix("service/").unwrap_or_default();
    let Some(status) = api.board.service(name) else { return };
    let why = if request.reason.is_empty() { String::new() } else { format!(": {}", request.reason) };
    api.board.note(now, request.object.clone(), status.reason, format!("somebody asked to {word}{why}"));
}
