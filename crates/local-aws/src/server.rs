//! The wire over HTTP.

use std::{io, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;

use crate::{local::LocalAws, wire::ConnectionCut};

/// The largest body that is read; ECS's own limits are far lower.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

impl LocalAws {
    /// The HTTP server's routes: every path and method goes to [`handle`](LocalAws::handle).
    pub fn server(self: Arc<Self>) -> Router {
        Router::new().fallback(serve).with_state(self)
    }
}

async fn serve(State(local): State<Arc<LocalAws>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match local.handle(Request::from_parts(parts, body)).await {
        Ok(answer) => answer.map(Body::from),
        Err(ConnectionCut) => cut(),
    }
}

/// An answer whose body fails at once: hyper then closes the connection, and what it would have sent
/// is never flushed.
fn cut() -> Response {
    let failed = futures::stream::once(async { Err::<bytes::Bytes, _>(io::Error::other(ConnectionCut)) });
    Response::new(Body::from_stream(failed))
}
