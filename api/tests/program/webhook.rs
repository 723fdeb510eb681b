//! What happens to an event.

use std::collections::BTreeMap;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;
use tempfile::tempdir;

use crate::client::{Answer, Connection, Fields, get, post, send};
use crate::kept::{kept, occupy};
use crate::process::Server;

fn is_duplicate(answer: &Answer) -> bool {
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()["duplicate"].as_bool().unwrap()
}

#[test]
fn an_accepted_event_survives_a_kill_right_after_the_answer() {
    let directory = tempdir().unwrap();
    let body = b"\x00\xff not JSON, not text \r\n";
    let server = Server::start(directory.path());
    let first = post(&server, "msg_1", body);
    server.signal(Signal::KILL);
    assert_eq!(server.exit_code(), None);
    assert!(!is_duplicate(&first));

    let events = kept(directory.path());
    // printf msg_1 | sha256sum
    let path = "events/shop/116b88f173007be5e05df2a87105f0950bef284d0ceca39951e9bae80706ac45";
    assert_eq!(events.keys().collect::<Vec<_>>(), [path]);
    let event = &events[path];
    assert_eq!(BASE64_STANDARD.decode(event["body"].as_str().unwrap()).unwrap(), body);
    assert_eq!((&event["id"], &event["source"]), (&"msg_1".into(), &"shop".into()));
    assert_eq!(first.json()["event"], path);

    let again = Server::start(directory.path());
    assert!(is_duplicate(&post(&again, "msg_1", body)));
    let other = post(&again, "msg_1", b"{}");
    assert_eq!((other.status, other.problem().as_str()), (409, "EventIdReused"));
    assert_eq!(kept(directory.path()), events);
}

#[test]
fn the_same_id_from_two_sources_is_two_events() {
    let directory = tempdir().unwrap();
    let server = Server::start(directory.path());
    for source in ["/webhooks/shop", "/webhooks/bank"] {
        assert!(!is_duplicate(&send(&server, "POST", source, &[("ce-id", "a")], source.as_bytes())));
    }
    assert_eq!(kept(directory.path()).len(), 2);
}

#[test]
fn one_id_sent_at_once_to_two_programs_on_one_store_is_kept_once() {
    let directory = tempdir().unwrap();
    let servers = [Server::start(directory.path()), Server::start(directory.path())];
    let answers: Vec<Answer> = thread::scope(|scope| {
        let senders: Vec<_> = (0..16)
            .map(|n| {
                let server = &servers[n % 2];
                scope.spawn(move || post(server, "msg_1", b"{}"))
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| !is_duplicate(answer)).count(), 1);
    assert_eq!(kept(directory.path()).len(), 1);
}

#[test]
fn of_many_bodies_sent_at_once_under_one_id_one_is_kept_and_the_others_are_told() {
    let directory = tempdir().unwrap();
    let server = Server::start(directory.path());
    let answers: Vec<(String, Answer)> = thread::scope(|scope| {
        let senders: Vec<_> = (0..12)
            .map(|n| {
                let (server, body) = (&server, n.to_string());
                scope.spawn(move || (body.clone(), post(server, "msg_1", body.as_bytes())))
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let accepted: Vec<_> = answers.iter().filter(|(_, answer)| answer.status == 202).collect();
    assert_eq!(accepted.len(), 1);
    assert!(answers.iter().all(|(_, answer)| matches!(answer.status, 202 | 409)));
    let events = kept(directory.path());
    let event = events.values().next().unwrap();
    assert_eq!(event["body"], BASE64_STANDARD.encode(&accepted[0].0));
}

#[test]
fn each_request_that_is_no_event_is_refused_and_nothing_is_kept() {
    let directory = tempdir().unwrap();
    let server = Server::start(directory.path());
    let long_id = "x".repeat(257);
    let id = [("webhook-id", "a")];
    let cases: [(&str, &str, Fields<'_>, u16, &str); 9] = [
        ("POST", "/webhooks/shop", &[], 400, "EventIdInvalid"),
        ("POST", "/webhooks/shop", &[("webhook-id", &long_id)], 400, "EventIdInvalid"),
        ("POST", "/webhooks/shop", &[("ce-id", "a"), ("ce-id", "b")], 400, "EventIdInvalid"),
        ("POST", "/webhooks/Shop", &id, 400, "SourceInvalid"),
        ("POST", "/webhooks/%2e%2e", &id, 400, "SourceInvalid"),
        ("POST", "/webhooks/%ff", &id, 400, "SourceInvalid"),
        ("POST", "/webhooks/shop/more", &id, 404, "NotFound"),
        ("POST", "/", &id, 405, "MethodNotAllowed"),
        ("PUT", "/webhooks/shop", &id, 405, "MethodNotAllowed"),
    ];
    for (method, path, headers, status, code) in cases {
        let answer = send(&server, method, path, headers, b"{}");
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
        assert_eq!(answer.header("x-api-version"), Some(env!("CARGO_PKG_VERSION")), "{method} {path}");
    }
    assert_eq!(kept(directory.path()), BTreeMap::new());
}

#[test]
fn a_body_beyond_the_limit_is_refused_whether_or_not_its_length_is_announced() {
    let directory = tempdir().unwrap();
    let server = Server::start_with(directory.path(), &[("API_IDENTITY", "none"), ("API_MAX_BODY", "8")]);
    assert!(!is_duplicate(&post(&server, "fits", b"12345678")));
    let announced = post(&server, "announced", b"123456789");
    let mut chunked = Connection::open(server.address()).unwrap();
    chunked.write(b"POST /webhooks/shop HTTP/1.1\r\nhost: x\r\nce-id: chunked\r\n");
    chunked.write(b"transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n");
    for answer in [announced, chunked.answer()] {
        assert_eq!((answer.status, answer.problem().as_str()), (413, "BodyTooLong"));
    }
    assert_eq!(kept(directory.path()).len(), 1);
}

#[test]
fn an_event_whose_place_holds_something_else_is_not_called_accepted() {
    let directory = tempdir().unwrap();
    let server = Server::start(directory.path());
    occupy(directory.path(), "events/shop/116b88f173007be5e05df2a87105f0950bef284d0ceca39951e9bae80706ac45");
    let answer = post(&server, "msg_1", b"{}");
    assert_eq!((answer.status, answer.problem().as_str()), (500, "EventNotKept"));
    server.wait_for_log("event not kept");
}

#[test]
fn one_connection_serves_request_after_request_and_each_answer_shows_the_version() {
    let directory = tempdir().unwrap();
    let settings = [("API_IDENTITY", "none"), ("API_VERSION", "1.4.0+build.7")];
    let server = Server::start_with(directory.path(), &settings);
    let mut connection = Connection::open(server.address()).unwrap();
    for path in ["/", "/healthz", "/readyz", "/"] {
        let answer = connection.send("GET", path, &[], b"");
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("x-api-version"), Some("1.4.0+build.7"), "{path}");
        assert_eq!(answer.json()["version"], "1.4.0+build.7", "{path}");
    }
    assert_eq!(get(&server, "/nowhere").header("x-api-version"), Some("1.4.0+build.7"));
}
