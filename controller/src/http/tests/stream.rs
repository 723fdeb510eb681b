//! Events as they happen: nothing lost without a word, nothing twice, nothing kept for the slow.

use std::time::Duration;

use coxswain_runtime::Drain;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::status::EVENTS_KEPT;

/// One frame of a stream, as a client takes it apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Frame {
    id: Option<u64>,
    event: String,
    data: Value,
    comment: String,
}

fn parse(text: &str) -> Frame {
    let mut frame = Frame::default();
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap();
        let value = value.trim_start();
        match name {
            "" => value.clone_into(&mut frame.comment),
            "id" => frame.id = Some(value.parse().unwrap()),
            "event" => value.clone_into(&mut frame.event),
            "data" => frame.data = serde_json::from_str(value).unwrap(),
            other => panic!("there is no field {other:?}"),
        }
    }
    frame
}

/// A follower's end of the stream.
struct Followed {
    body: Body,
    text: String,
}

impl Followed {
    /// The next frame; nothing at the stream's end.
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (parse(frame), rest.to_owned());
                self.text = rest;
                return Some(frame);
            }
            let bytes = self.body.frame().await?.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event's or gap's id.
    async fn id(&mut self) -> u64 {
        let frame = self.frame().await.unwrap();
        assert_eq!(frame.event, "event", "{frame:?}");
        assert_eq!(frame.data["id"], frame.id.unwrap());
        frame.id.unwrap()
    }
}

async fn respond(house: &House, path: &str, last: Option<u64>) -> Response {
    let mut request = Request::get(path).header("host", "localhost").header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let guard = Guard::new("127.0.0.1:7400".parse().unwrap(), None, None).unwrap();
    router(house.api.clone(), guard).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// Follows, and takes the greeting.
async fn follow(house: &House, path: &str, last: Option<u64>) -> (Followed, u64) {
    let response = respond(house, path, last).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut followed = Followed { body: response.into_body(), text: String::new() };
    let hello = followed.frame().await.unwrap();
    assert_eq!((hello.comment.as_str(), hello.event.as_str()), ("following", ""));
    (followed, hello.id.unwrap())
}

fn note(house: &House, object: &str) -> u64 {
    house.api.board.note(at(1), object.to_owned(), Reason::Drifted, "it\ndiffers".to_owned());
    house.api.board.last_event_id()
}

#[tokio::test]
async fn both_ways_of_asking_give_events_as_they_happen() {
    let house = house();
    note(&house, "service/api");
    for path in ["/v1/events", "/v1/events/stream"] {
        let (mut followed, at) = follow(&house, path, None).await;
        assert_eq!(at, house.api.board.last_event_id());
        let wanted = note(&house, "service/api");
        let frame = followed.frame().await.unwrap();
        assert_eq!((frame.id, frame.event.as_str()), (Some(wanted), "event"));
        assert_eq!((&frame.data["kind"], &frame.data["message"]), (&json!("Event"), &json!("it\ndiffers")));
    }
}

#[tokio::test]
async fn whatever_cuts_there_are_every_event_comes_exactly_once() {
    for seed in 0..100 {
        let mut random = fastrand::Rng::with_seed(seed);
        let house = house();
        let (mut followed, mut last) = follow(&house, "/v1/events", None).await;
        let (mut wanted, mut found) = (Vec::new(), Vec::new());
        for _ in 0..60 {
            match random.u8(0..4) {
                0 | 1 => wanted.push(note(&house, "service/api")),
                2 if found.len() < wanted.len() => {
                    last = followed.id().await;
                    found.push(last);
                }
                _ => {
                    drop(followed);
                    (followed, _) = follow(&house, "/v1/events", Some(last)).await;
                }
            }
        }
        while found.len() < wanted.len() {
            found.push(followed.id().await);
        }
        assert_eq!(found, wanted, "seed {seed}");
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_what_it_lost_and_goes_on() {
    let house = house();
    let (mut followed, last) = follow(&house, "/v1/events", None).await;
    for _ in 0..EVENTS_KEPT + 10 {
        note(&house, "service/api");
    }
    let gap = followed.frame().await.unwrap();
    assert_eq!((gap.event.as_str(), &gap.data["kind"]), ("gap", &json!("Gap")));
    assert_eq!((&gap.data["after"], &gap.data["before"]), (&json!(last), &json!(last + 11)));
    assert_eq!(followed.id().await, last + 11);
    drop(followed);
    // The same for one that comes back too late.
    let (mut late, _) = follow(&house, "/v1/events", Some(last)).await;
    assert_eq!(late.frame().await.unwrap().event, "gap");
    assert_eq!(late.id().await, last + 11);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_beats_and_carries_the_place_over_events_of_others() {
    let house = house();
    let (mut followed, _) = follow(&house, "/v1/events?object=service/api", None).await;
    let last = note(&house, "service/web");
    let began = tokio::time::Instant::now();
    let beat = followed.frame().await.unwrap();
    assert_eq!((beat.comment.as_str(), beat.event.as_str(), beat.id), ("alive", "", Some(last)));
    assert_eq!(began.elapsed().as_secs(), 15);
    let own = note(&house, "service/api");
    assert_eq!(followed.id().await, own);
}

#[tokio::test]
async fn who_asks_for_changes_hears_of_a_look_without_an_event() {
    let house = house();
    house.api.board.object(in_sync(1)).await;
    let (mut followed, _) = follow(&house, "/v1/events?changes=true", None).await;
    house.api.board.object(in_sync(2)).await;
    assert_eq!(followed.frame().await.unwrap().event, "changed");
}

#[tokio::test]
async fn no_more_follow_than_there_is_room_for_and_who_goes_makes_room() {
    let house = house();
    let mut all = Vec::new();
    for _ in 0..FOLLOWERS_AT_MOST {
        all.push(follow(&house, "/v1/events", None).await);
    }
    let refused = respond(&house, "/v1/events", None).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(refused.headers()["retry-after"], "5");
    all.pop();
    follow(&house, "/v1/events", None).await;
}

#[tokio::test]
async fn a_stream_is_asked_for_by_what_it_has_and_by_nothing_else() {
    let house = house();
    let wrong = respond(&house, "/v1/events?since=1", None).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    let request = Request::get("/v1/events/stream")
        .header("host", "localhost")
        .header("last-event-id", "yesterday")
        .body(Body::empty())
        .unwrap();
    let (status, _, body) = house.ask(request).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["detail"].as_str().unwrap().contains("Last-Event-ID"), "{body}");
    assert_eq!(house.get("/v1/events").await.1["kind"], "EventList");
}

#[tokio::test]
async fn over_a_socket_events_arrive_and_the_drain_ends_the_stream() {
    let drain = Drain::new();
    let mut house = house();
    house.api.streams = Streams::new(drain.watch());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let guard = Guard::new(address, None, None).unwrap();
    drop(drain.watch().spawn(serve(listener, router(house.api.clone(), guard), drain.watch())));

    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /v1/events/stream HTTP/1.1\r\nhost: {address}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    read_until(&mut socket, &mut text, ": following").await;
    let id = note(&house, "service/api");
    read_until(&mut socket, &mut text, &format!("id: {id}")).await;
    drain.finish(Duration::from_secs(10)).await.unwrap();
    socket.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("0\r\n\r\n"), "the body was cut: {text}");
    assert_eq!(respond(&house, "/v1/events", None).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

async fn read_until(socket: &mut TcpStream, text: &mut String, wanted: &str) {
    let mut buffer = [0; 1024];
    while !text.contains(wanted) {
        let count = socket.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the stream ended before {wanted:?}: {text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
}
