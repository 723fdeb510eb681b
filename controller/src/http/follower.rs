//! Before a replica that follows answers, it reads what the one that leads has stored.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use coxswain_manifest::Key;
use tokio::{sync::Mutex, time::Instant};

use super::{Api, problem::Problem};
use crate::status::chain;

/// What was read is good for so long, of one object and of the manifests.
const ONE_IS_GOOD_FOR: Duration = Duration::from_secs(1);

/// Reading every object costs as many calls as there are objects.
const ALL_ARE_GOOD_FOR: Duration = Duration::from_secs(5);

/// When what was read from the store.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    read_at: Arc<Mutex<ReadAt>>,
}

#[derive(Debug, Default)]
struct ReadAt {
    source: Option<Instant>,
    all: Option<Instant>,
    one: HashMap<Key, Instant>,
}

/// What an answer is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope<'a> {
    /// Nothing that the leader writes.
    Nothing,
    /// Events, which the leader alone has.
    Events,
    /// The manifests.
    Source,
    /// Every object.
    All,
    /// The object of that name.
    One(&'a str),
}

impl<'a> Scope<'a> {
    fn of(path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix("/v1/") else { return Self::Nothing };
        let mut parts = rest.split('/');
        match (parts.next(), parts.next()) {
            (Some("services"), None) => Self::All,
            (Some("services"), Some(name)) => Self::One(name),
            (Some("source" | "intents" | "bundles"), _) => Self::Source,
            (Some("events"), _) => Self::Events,
            _ => Self::Nothing,
        }
    }
}

/// The middleware: a replica that leads answers from what it has seen itself.
pub(crate) async fn follow(State(api): State<Api>, request: Request, next: Next) -> Response {
    if api.engine.epoch().is_none() {
        let scope = Scope::of(request.uri().path());
        if scope == Scope::Events {
            let leader = api.engine.lease().and_then(|lease| lease.holder);
            return Problem::follows(leader.as_deref()).into_response();
        }
        if let Err(problem) = catch_up(&api, scope).await {
            return problem.into_response();
        }
    }
    next.run(request).await
}

/// Reads what the answer needs, unless it was read just now. One at a time: who waited finds it read.
async fn catch_up(api: &Api, scope: Scope<'_>) -> Result<(), Problem> {
    if scope == Scope::Nothing {
        return Ok(());
    }
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Problem::unavailable(format!("this replica follows, and the store does not answer: {}", chain(error)))
    };
    let is_good = |at: Option<&Instant>, good_for| at.is_some_and(|at: &Instant| at.elapsed() < good_for);
    let mut read_at = api.freshness.read_at.lock().await;
    if !is_good(read_at.source.as_ref(), ONE_IS_GOOD_FOR) {
        api.board.follow_source().await.map_err(|error| failed(&error))?;
        read_at.source = Some(Instant::now());
    }
    match scope {
        Scope::All if !is_good(read_at.all.as_ref(), ALL_ARE_GOOD_FOR) => {
            api.board.follow_objects().await.map_err(|error| failed(&error))?;
            read_at.all = Some(Instant::now());
        }
        Scope::One(name) => {
            let Some(key) = api.board.key(name) else { return Ok(()) };
            if !is_good(read_at.one.get(&key), ONE_IS_GOOD_FOR) {
                api.board.follow_object(&key).await.map_err(|error| failed(&error))?;
                read_at.one.insert(key, Instant::now());
            }
        }
        Scope::All | Scope::Nothing | Scope::Events | Scope::Source => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_is_made_from_follows_from_its_path() {
        let cases = [
            ("/v1/services", Scope::All),
            ("/v1/services/api", Scope::One("api")),
            ("/v1/services/api/history", Scope::One("api")),
            ("/v1/source", Scope::Source),
            ("/v1/intents", Scope::Source),
            ("/v1/bundles", Scope::Source),
            ("/v1/events", Scope::Events),
            ("/v1/events/stream", Scope::Events),
            ("/v1/controller", Scope::Nothing),
            ("/readyz", Scope::Nothing),
            ("/metrics", Scope::Nothing),
        ];
        for (path, expected) in cases {
            assert_eq!(Scope::of(path), expected, "{path}");
        }
    }
}
