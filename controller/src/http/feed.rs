//! `/v1/events`, `/v1/source` and `/metrics`.

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Api,
    problem::Problem,
    stream,
    v1::{Document, EventList},
};
use crate::status::{EVENTS_KEPT, SourceStatus};

/// The events of an answer where the caller names no number.
const EVENTS_USUALLY: usize = 100;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// Only events with a greater id.
    after: Option<u64>,
    /// How many at most.
    limit: Option<usize>,
    /// Only those of one object.
    object: Option<String>,
}

/// `GET /v1/events`: a document, or a stream for those who accept one.
pub(crate) async fn events(State(api): State<Api>, headers: HeaderMap, uri: Uri) -> Response {
    if stream::is_asked_for(&headers) {
        return stream::follow(State(api), headers, uri).await.into_response();
    }
    match Query::<EventQuery>::try_from_uri(&uri) {
        Ok(Query(query)) => listed(&api, query).into_response(),
        Err(rejection) => rejection.into_response(),
    }
}

fn listed(api: &Api, query: EventQuery) -> Json<Document<EventList>> {
    let limit = query.limit.unwrap_or(EVENTS_USUALLY).clamp(1, EVENTS_KEPT);
    let items = match query.object {
        Some(object) => {
            let mut items = api.board.events_of(&object, EVENTS_KEPT);
            items.retain(|event| query.after.is_none_or(|after| event.id > after));
            let skipped = items.len().saturating_sub(limit);
            items.split_off(skipped)
        }
        None => api.board.events(query.after, limit),
    };
    Json(Document::new(EventList { items }))
}

/// `GET /v1/source`
pub(crate) async fn source(State(api): State<Api>) -> Json<Document<SourceStatus>> {
    let takes_bundles = Some(api.publisher.is_some());
    Json(Document::new(SourceStatus { takes_bundles, ..api.board.source_status() }))
}

/// `GET /metrics`
pub(crate) async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    // Of objects only the replica that leads says anything.
    let words = api.engine.epoch().map(|_| api.board.words()).unwrap_or_default();
    api.metrics.objects(&words);
    api.metrics.queue_depth(api.engine.depth());
    api.metrics.streams(api.streams.followers());
    api.metrics.withheld(api.engine.withheld());
    api.metrics.dependencies(&super::ready::of(&api).dependencies);
    let text = api.metrics.text().map_err(|error| Problem::unavailable(error.to_string()))?;
    let content = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, content)], text).into_response())
}
