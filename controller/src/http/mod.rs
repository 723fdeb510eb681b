//! The status endpoint: what is known, over HTTP.
//!
//! [`v1`] has the documents, [`router`] the routes, [`guard`](Guard) says who may ask, [`serve`] keeps
//! slow and large requests in bounds.

mod bundles;
mod feed;
mod follower;
mod guard;
mod intents;
mod logs;
mod problem;
mod ready;
mod serve;
mod services;
mod stall;
mod stream;
pub mod v1;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::Uri,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use coxswain_manifest::Key;
use coxswain_plan::Reason;
use coxswain_runtime::{Clock, Depth, LeaseReport};
use coxswain_store::Store;

use self::problem::Problem;
use crate::{
    app::Handle,
    aws::Aws,
    health::Pulse,
    intents::{Intent, SubmitError},
    kill_switch::Position,
    metrics::Metrics,
    source::Publisher,
    status::StatusBoard,
};

pub use follower::Freshness;
pub use guard::{Guard, GuardError, Token};
pub use logs::{BYTES_AT_MOST, LINES_AT_MOST};
pub use serve::serve;
pub use stream::{FOLLOWERS_AT_MOST, Streams};

/// The longest body of a request. Units: bytes.
const BODY_AT_MOST: usize = 16 * 1024;

/// How long an answer may take: longer than the slowest chain of AWS calls behind `/logs` usually is, and
/// shorter than the 60 s after which load balancers give up.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Routes, as people are told when they ask for another.
const ROUTES: &str = "/v1/services, /v1/services/NAME, /v1/services/NAME/history, /v1/services/NAME/record, \
                      /v1/services/NAME/logs, /v1/events, /v1/events/stream, /v1/source, /v1/intents, /v1/bundles, \
                      /v1/controller, \
                      /healthz, /readyz, /metrics";

/// The running controller, as far as people may move it.
#[async_trait]
pub trait Engine: Debug + Send + Sync {
    /// Takes an intent; `false` where the same one was taken before.
    async fn submit(&self, intent: Intent) -> Result<bool, SubmitError>;

    /// Looks at an object at once.
    fn look_now(&self, key: Key);

    /// How many keys wait and run.
    fn depth(&self) -> Depth;

    /// What stands for an object now: the revision of its manifest, or why it cannot be used; nothing where
    /// another replica leads.
    fn stands(&self, key: &Key) -> Option<Result<String, Reason>>;

    /// The term that this replica leads in, 0 where it is alone; nothing where it follows.
    fn epoch(&self) -> Option<u64>;

    /// What is known of the lease, where there is one.
    fn lease(&self) -> Option<LeaseReport>;

    /// What is known of the kill switch.
    fn kill_switch(&self) -> Position;

    /// How often a call of AWS was not sent for want of the lease or by the kill switch.
    fn withheld(&self) -> u64;
}

#[async_trait]
impl Engine for Handle {
    async fn submit(&self, intent: Intent) -> Result<bool, SubmitError> {
        Handle::submit(self, intent).await
    }

    fn look_now(&self, key: Key) {
        Handle::look_now(self, key);
    }

    fn depth(&self) -> Depth {
        Handle::depth(self)
    }

    fn stands(&self, key: &Key) -> Option<Result<String, Reason>> {
        Handle::stands(self, key)
    }

    fn epoch(&self) -> Option<u64> {
        Handle::epoch(self)
    }

    fn lease(&self) -> Option<LeaseReport> {
        Handle::lease(self)
    }

    fn kill_switch(&self) -> Position {
        Handle::kill_switch(self).position()
    }

    fn withheld(&self) -> u64 {
        self.leadership().withheld()
    }
}

/// What the answers are made from.
#[derive(Debug, Clone)]
pub struct Api {
    /// What is known of the objects.
    pub board: Arc<StatusBoard>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// The running controller.
    pub engine: Arc<dyn Engine>,
    /// For logs, fetched when asked for.
    pub aws: Arc<dyn Aws>,
    /// Where bundles are published to; nothing where the source is read-only.
    pub publisher: Option<Publisher>,
    /// Those who follow.
    pub streams: Streams,
    /// This replica's name.
    pub replica: Arc<str>,
    /// What answers and what does not.
    pub vitals: Vitals,
    /// What a replica that follows has read, and when.
    pub freshness: Freshness,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// What is watched of what the controller depends on.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// The store.
    pub store: Pulse,
    /// AWS.
    pub aws: Pulse,
}

impl Vitals {
    /// Of things that were not asked yet.
    pub fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { store: Pulse::new(clock.clone()), aws: Pulse::new(clock.clone()) }
    }
}

/// All routes, behind the guard.
pub fn router(api: Api, guard: Guard) -> Router {
    Router::new()
        .route("/healthz", get(ready::healthz))
        .route("/readyz", get(ready::readyz))
        .route("/metrics", get(feed::metrics))
        .route("/v1/services", get(services::list))
        .route("/v1/services/{name}", get(services::one))
        .route("/v1/services/{name}/history", get(services::history))
        .route("/v1/services/{name}/record", get(services::record))
        .route("/v1/services/{name}/logs", get(logs::tail))
        .route("/v1/events", get(feed::events))
        .route("/v1/events/stream", get(stream::follow))
        .route("/v1/source", get(feed::source))
        .route("/v1/intents", post(intents::submit))
        .route("/v1/bundles", post(bundles::submit).layer(DefaultBodyLimit::max(bundles::BODY_AT_MOST)))
        .route("/v1/controller", get(ready::controller))
        .fallback(no_such_route)
        .layer(DefaultBodyLimit::max(BODY_AT_MOST))
        .layer(from_fn_with_state(api.clone(), follower::follow))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(guard, guard::guard))
        .with_state(api)
}

async fn no_such_route(State(_): State<Api>, uri: Uri) -> Problem {
    Problem::nothing_to_show(format!("there is no {}; there are {ROUTES}", uri.path()))
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timeout().into_response(),
    }
}

#[cfg(test)]
mod tests;
