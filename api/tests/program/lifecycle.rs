//! How the program begins and ends.

use std::net::TcpStream;

use rustix::process::Signal;
use tempfile::tempdir;

use crate::client::{Connection, get, post};
use crate::process::{Server, run};

/// A grace period that no test waits for.
const LONG: [(&str, &str); 2] = [("API_IDENTITY", "none"), ("API_GRACE", "3600")];

#[test]
fn after_sigterm_readiness_fails_first_and_new_connections_are_still_served() {
    let directory = tempdir().unwrap();
    let server = Server::start_with(directory.path(), &LONG);
    assert_eq!(get(&server, "/readyz").status, 200);

    server.signal(Signal::TERM);
    server.wait_for_log("not ready any more");
    let ready = get(&server, "/readyz");
    assert_eq!((ready.status, ready.problem().as_str()), (503, "Ending"));
    assert_eq!(get(&server, "/healthz").status, 200);
    let accepted = post(&server, "during-grace", b"{}");
    assert_eq!(accepted.status, 202);
    assert_eq!(accepted.header("connection"), Some("close"));

    server.signal(Signal::INT);
    assert_eq!(server.exit_code(), Some(0));
    assert!(TcpStream::connect(server.address()).is_err());
}

#[test]
fn the_program_ends_by_itself_when_the_grace_period_is_over() {
    let directory = tempdir().unwrap();
    let server = Server::start_with(directory.path(), &[("API_IDENTITY", "none"), ("API_GRACE", "1")]);
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn sigint_ends_at_once_whatever_the_grace_period() {
    let directory = tempdir().unwrap();
    let server = Server::start_with(directory.path(), &LONG);
    server.signal(Signal::INT);
    assert_eq!(server.exit_code(), Some(0));
    assert!(!server.log().contains("still serving"));
}

#[test]
fn a_request_that_has_begun_is_answered_after_the_last_new_connection() {
    let directory = tempdir().unwrap();
    let server = Server::start(directory.path());
    let mut idle = Connection::open(server.address()).unwrap();
    assert_eq!(idle.send("GET", "/", &[], b"").status, 200);
    let mut busy = Connection::open(server.address()).unwrap();
    busy.write(b"POST /webhooks/shop HTTP/1.1\r\nhost: x\r\nwebhook-id: slow\r\ncontent-length: 4\r\n");
    busy.write(b"expect: 100-continue\r\n\r\n");
    // The server says go on when it begins to read the body, so the request is in its hands.
    assert_eq!(busy.answer().status, 100);

    server.signal(Signal::INT);
    server.wait_for_log("no new connections");
    assert!(TcpStream::connect(server.address()).is_err());
    assert!(idle.is_closed());
    busy.write(b"body");
    let answer = busy.answer();
    assert_eq!(answer.status, 202);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn the_health_check_follows_the_server_it_is_asked_about() {
    let directory = tempdir().unwrap();
    let server = Server::start_with(directory.path(), &LONG);
    let listen = server.address().to_string();
    let ready = format!("http://{listen}/readyz");
    // The settings of the server's container are the surroundings of its health check.
    let settings = [("API_LISTEN", listen.as_str()), ("API_IDENTITY", "none")];

    assert_eq!(run(&settings, &["healthcheck"]), (Some(0), String::new()));
    assert_eq!(run(&[], &["healthcheck", "--url", &ready]), (Some(0), String::new()));
    server.signal(Signal::TERM);
    server.wait_for_log("not ready any more");
    assert_eq!(run(&settings, &["healthcheck"]), (Some(0), String::new()));
    let (code, said) = run(&[], &["healthcheck", "--url", &ready]);
    assert_eq!(code, Some(1));
    assert!(said.contains("503"), "{said}");

    server.signal(Signal::INT);
    assert_eq!(server.exit_code(), Some(0));
    let (code, said) = run(&settings, &["healthcheck"]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("coxswain-api: cannot talk to the server: "), "{said}");
}
