//! `/v1/services` and what lies beneath it, but for logs.

use axum::{
    Json,
    extract::{Path, State},
};
use coxswain_manifest::Key;
use coxswain_plan::Reason;

use super::{
    Api,
    problem::Problem,
    v1::{Document, History, RecordDocument, ServiceList},
};
use crate::{
    records::Records,
    status::{ServiceStatus, is_of},
};

/// `GET /v1/services`
pub(crate) async fn list(State(api): State<Api>) -> Json<Document<ServiceList>> {
    let items = api.board.services().into_iter().map(|status| as_of_now(&api, status)).collect();
    Json(Document::new(ServiceList { items }))
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
