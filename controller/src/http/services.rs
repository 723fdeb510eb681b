//! `/v1/services` and what lies beneath it, but for logs.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::IntoResponse,
};
use coxswain_manifest::Key;
use coxswain_plan::Reason;
use futures::{StreamExt as _, stream};

use super::{
    Api,
    problem::Problem,
    v1::{Document, History, RecordDocument, ServiceList},
};
use crate::{
    records::Records,
    status::{ServiceStatus, is_of},
};

/// Services that are written out together.
const TOGETHER: usize = 50;

/// `GET /v1/services`, written out piece by piece: all of it at once, as values and then as text, is several
/// times what the controller keeps of the services.
pub(crate) async fn list(State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    let failed = |error: serde_json::Error| Problem::unavailable(format!("the list is not written: {error}"));
    let frame = serde_json::to_string(&Document::new(ServiceList { items: Vec::new() })).map_err(failed)?;
    let (head, tail) = frame.split_at(frame.len().saturating_sub("]}".len()));
    let (head, tail) = (head.to_owned(), tail.to_owned());
    let services = stream::iter(api.board.services().enumerate()).chunks(TOGETHER);
    let pieces = services.map(move |services| {
        let mut piece = String::new();
        for (index, status) in services {
            if index > 0 {
                piece.push(',');
            }
            piece.push_str(&serde_json::to_string(&as_of_now(&api, status))?);
        }
        Ok::<_, serde_json::Error>(piece)
    });
    let ends = |text: String| stream::once(async { Ok(text) });
    let body = Body::from_stream(ends(head).chain(pieces).chain(ends(tail)));
    Ok(([(CONTENT_TYPE, "application/json")], body))
}

/// `GET /v1/services/{name}`
pub(crate) async fn one(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Document<ServiceStatus>>, Problem> {
    let status = api.board.service(&name).ok_or_else(|| unknown(&api, &name))?;
    Ok(Json(Document::new(as_of_now(&api, status))))
}

/// Says whether the manifests that stand now are the ones that the last look was made by.
fn as_of_now(api: &Api, mut status: ServiceStatus) -> ServiceStatus {
    let key = Key::service(&status.environment, &status.name);
    status.is_current = !status.conditions.is_empty()
        && match api.engine.stands(&key) {
            Some(Ok(revision)) => {
                let by_manifest = [Reason::InvalidManifest, Reason::ReferenceUnresolved, Reason::Orphaned];
                status.observed_revision.as_ref() == Some(&revision) && !by_manifest.contains(&status.reason)
            }
            Some(Err(reason)) => status.reason == reason,
            None => is_of(&status, &api.board.source_status()),
        };
    status
}

/// `GET /v1/services/{name}/history`
pub(crate) async fn history(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Document<History>>, Problem> {
    let key = key(&api, &name)?;
    let items = api.board.history(&key).await;
    Ok(Json(Document::new(History { object: object(&key), items })))
}

/// `GET /v1/services/{name}/record`
pub(crate) async fn record(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Document<RecordDocument>>, Problem> {
    let key = key(&api, &name)?;
    // Read afresh: what another process wrote counts, and nothing is cached here that could be stale.
    let record = Records::to_read(api.store.clone()).get(&key).await?;
    let record = serde_json::to_value(record).map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(Json(Document::new(RecordDocument { object: object(&key), record })))
}

/// The key of the service of that name.
pub(crate) fn key(api: &Api, name: &str) -> Result<Key, Problem> {
    api.board.key(name).ok_or_else(|| unknown(api, name))
}

/// `service/api`
pub(crate) fn object(key: &Key) -> String {
    format!("{}/{}", key.kind.lowercase(), key.name)
}

fn unknown(api: &Api, name: &str) -> Problem {
    Problem::not_found("service", name, &api.board.names())
}
