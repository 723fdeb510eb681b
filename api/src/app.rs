//! The routes, and what every answer has in common.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use coxswain_store::Store;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use serde_json::json;

use crate::caller::CallerCheck;
use crate::clock::Clock;
use crate::config::Version;
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::task::Task;
use crate::webhook;

const VERSION_HEADER: HeaderName = HeaderName::from_static("x-api-version");
const TASK_HEADER: HeaderName = HeaderName::from_static("x-api-task");

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) callers: CallerCheck,
    pub(crate) version: Version,
    /// The ECS task that this is; `None` outside of one.
    pub(crate) task: Option<Task>,
    /// The longest body of a webhook. Units: bytes.
    pub(crate) max_body: usize,
    pub(crate) readiness: Readiness,
    pub(crate) clock: Clock,
}

/// The whole of what is served.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(about))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/webhooks/{source}", post(webhook::receive))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), mark))
        .with_state(app)
}

impl App {
    /// An answer that says which program, and on ECS which task, gives it.
    fn tell(&self, name: &str, value: &str) -> Response {
        let mut told = json!({ name: value, "version": self.version.as_str() });
        if let (Some(task), Some(members)) = (&self.task, told.as_object_mut()) {
            members.insert("task".to_owned(), task.to_json());
        }
        Json(told).into_response()
    }
}

/// Puts version and task on every answer. While the program is ending it also asks clients to open a new
/// connection next time, which their router then sends elsewhere.
async fn mark(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(VERSION_HEADER, app.version.header());
    if let Some(task) = &app.task {
        response.headers_mut().insert(TASK_HEADER, task.header());
    }
    if app.readiness.is_ending() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn about(State(app): State<Arc<App>>) -> Response {
    app.tell("name", "coxswain-api")
}

/// Alive: a restart would not help. It stays so while the program is ending.
async fn healthz(State(app): State<Arc<App>>) -> Response {
    app.tell("status", "ok")
}

async fn readyz(State(app): State<Arc<App>>) -> Response {
    if app.readiness.is_ending() {
        return Problem::unavailable("Ending", "this task is ending; send new work to another one")
            .into_response();
    }
    app.tell("status", "ready")
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NotFound", format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", detail)
}
