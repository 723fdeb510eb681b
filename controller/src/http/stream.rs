//! `/v1/events/stream`: events as they happen, as server-sent events.
//!
//! Source: the HTML standard, section "Server-sent events". A follower is a place in the ring of events
//! and no buffer: it reads on from there when its connection takes more. One that reads too slowly finds
//! that the ring has moved on and is told so by a `gap`.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse as _, Response, Sse, sse::Event as Frame},
};
use coxswain_runtime::DrainWatch;
use futures::stream;
use serde::Deserialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep_until},
};

use super::{Api, problem::Problem, v1::Document};
use crate::status::StatusBoard;

/// How many may follow at once: a quarter of the connections that are served.
pub const FOLLOWERS_AT_MOST: usize = 64;

/// Without news so much is said, so that neither end nor anything between takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The events that are taken from the ring at once.
const PAGE: usize = 64;

/// The header by which a follower says what it had last.
const LAST_EVENT_ID: &str = "last-event-id";

/// Those who follow: how many there may be, and when all of them end.
#[derive(Debug, Clone)]
pub struct Streams {
    slots: Arc<Semaphore>,
    drain: DrainWatch,
}

impl Streams {
    /// None yet; they end when that drain begins.
    pub fn new(drain: DrainWatch) -> Self {
        Self { slots: Arc::new(Semaphore::new(FOLLOWERS_AT_MOST)), drain }
    }

    /// How many follow now.
    pub(crate) fn followers(&self) -> usize {
        FOLLOWERS_AT_MOST.saturating_sub(self.slots.available_permits())
    }

    fn slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        if self.drain.is_signalled() {
            return Err(Problem::unavailable("the controller is ending"));
        }
        let full = || format!("{FOLLOWERS_AT_MOST} follow already; try again, or ask /v1/events?after=ID");
        self.slots.clone().try_acquire_owned().map_err(|_| Problem::too_many(full()))
    }
}

/// What is followed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FollowQuery {
    /// Only events with a greater id; `Last-Event-ID` goes first.
    after: Option<u64>,
    /// Only those of one object.
    object: Option<String>,
    /// Whether to say too that any status may have changed, with or without an event.
    #[serde(default)]
    changes: bool,
}

/// Whether a stream is asked for rather than a document.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// `GET /v1/events/stream`
pub(crate) async fn follow(
    State(api): State<Api>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let Query(query) = Query::<FollowQuery>::try_from_uri(&uri)
        .map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    let after = match headers.get(LAST_EVENT_ID) {
        None => query.after,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            Some(id.ok_or_else(|| Problem::malformed("Last-Event-ID is none of this stream's ids"))?)
        }
    };
    let slot = api.streams.slot()?;
    let follower = Follower::new(&api, after, query, slot);
    let frames =
        stream::unfold(follower, async |mut follower| follower.next().await.map(|frame| (frame, follower)));
    let mut response = Sse::new(frames).into_response();
    // Some proxies hold an answer back until it is whole, unless told otherwise.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// One who follows.
struct Follower {
    board: Arc<StatusBoard>,
    changed: watch::Receiver<u64>,
    drain: DrainWatch,
    query: FollowQuery,
    /// The id of the last event that was looked at, sent or not.
    cursor: u64,
    ready: VecDeque<Result<Frame, axum::Error>>,
    heartbeat_at: Instant,
    /// Given back when the follower goes.
    _slot: OwnedSemaphorePermit,
}

impl Follower {
    fn new(api: &Api, after: Option<u64>, query: FollowQuery, slot: OwnedSemaphorePermit) -> Self {
        let mut changed = api.board.follow();
        changed.mark_unchanged();
        let cursor = after.unwrap_or_else(|| api.board.last_event_id());
        // At once, so that the follower knows that it is heard, and from where to go on after a cut.
        let hello = Frame::default().comment("following").id(cursor.to_string());
        Self {
            board: api.board.clone(),
            changed,
            drain: api.streams.drain.clone(),
            query,
            cursor,
            ready: VecDeque::from([Ok(hello)]),
            heartbeat_at: Instant::now() + HEARTBEAT,
            _slot: slot,
        }
    }

    /// The next frame; nothing where the stream ends.
    async fn next(&mut self) -> Option<Result<Frame, axum::Error>> {
        while self.ready.is_empty() {
            if self.drain.is_signalled() {
                return None;
            }
            // Before the ring is read: what comes after this is seen the next time.
            let has_changed = self.changed.has_changed().ok()?;
            self.changed.mark_unchanged();
            if self.take_page() {
                continue;
            }
            if has_changed && self.query.changes {
                self.ready.push_back(Ok(Frame::default().event("changed").data("{}")));
                continue;
            }
            tokio::select! {
                biased;
                () = self.drain.signalled() => return None,
                changed = self.changed.changed() => {
                    changed.ok()?;
                    self.changed.mark_changed();
                }
                () = sleep_until(self.heartbeat_at) => {
                    // With the place too: it may have moved on over events of other objects.
                    let beat = Frame::default().comment("alive").id(self.cursor.to_string());
                    self.ready.push_back(Ok(beat));
                }
            }
        }
        self.heartbeat_at = Instant::now() + HEARTBEAT;
        self.ready.pop_front()
    }

    /// Takes what follows from the ring; whether there was anything.
    fn take_page(&mut self) -> bool {
        let page = self.board.events_since(self.cursor, PAGE);
        let is_empty = page.gap.is_none() && page.events.is_empty();
        if let Some(gap) = page.gap {
            self.cursor = gap.before.saturating_sub(1);
            let frame = Frame::default().id(self.cursor.to_string()).event("gap");
            self.ready.push_back(frame.json_data(Document::new(gap)));
        }
        for event in page.events {
            self.cursor = event.id;
            if self.query.object.as_ref().is_none_or(|object| *object == event.object) {
                let frame = Frame::default().id(event.id.to_string()).event("event");
                self.ready.push_back(frame.json_data(Document::new(event)));
            }
        }
        !is_empty
    }
}
