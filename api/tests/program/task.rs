//! Which ECS task the program says it is.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::client::{Answer, get, post};
use crate::process::Server;

const ID: &str = "0123456789abcdef0123456789abcdef";

/// An endpoint that answers each request with the next of these, in a thread that ends after the last; says
/// its URL, and in the end which paths were asked for.
fn endpoint(answers: Vec<(&'static str, Value)>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v4/abc", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let mut paths = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            paths.push(lines.next().unwrap().unwrap());
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let body = body.to_string();
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
        paths
    });
    (url, asked)
}

fn start(directory: &tempfile::TempDir, url: &str) -> Server {
    let settings = [("API_IDENTITY", "none"), ("ECS_CONTAINER_METADATA_URI_V4", url)];
    Server::start_with(directory.path(), &settings)
}

fn task(answer: &Answer) -> Value {
    answer.json()["task"].clone()
}

#[test]
fn in_a_task_every_answer_says_which_one_it_is() {
    let directory = tempdir().unwrap();
    let metadata = json!({"TaskARN": format!("arn:aws:ecs:eu-west-1:123456789012:task/main/{ID}"),
        "Family": "api", "Revision": "7", "AvailabilityZone": "eu-west-1b"});
    // The endpoint is not always there at once.
    let (url, asked) = endpoint(vec![("500 Internal Server Error", json!({})), ("200 OK", metadata)]);
    let server = start(&directory, &url);
    assert_eq!(asked.join().unwrap(), ["GET /v4/abc/task HTTP/1.0"; 2]);
    for path in ["/", "/healthz", "/readyz"] {
        let answer = get(&server, path);
        assert_eq!(task(&answer), json!({"id": ID, "definition": "api:7", "zone": "eu-west-1b"}), "{path}");
        assert_eq!(answer.header("x-api-task"), Some(ID), "{path}");
    }
    assert_eq!(post(&server, "one", b"{}").header("x-api-task"), Some(ID));
    assert_eq!(get(&server, "/nowhere").header("x-api-task"), Some(ID));
    let log = server.log();
    assert!(log.contains(ID) && log.contains("api:7") && log.contains("eu-west-1b"), "{log}");
}

#[test]
fn a_task_whose_endpoint_does_not_answer_serves_as_unknown_and_says_why() {
    let directory = tempdir().unwrap();
    // A listener that was closed: connections are refused.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = start(&directory, &format!("http://{address}/v4/abc"));
    let answer = get(&server, "/healthz");
    assert_eq!(answer.status, 200);
    assert_eq!(task(&answer), json!({"id": "unknown", "definition": "unknown", "zone": "unknown"}));
    assert_eq!(answer.header("x-api-task"), Some("unknown"));
    assert!(server.log().contains("cannot talk to the task metadata endpoint"), "{}", server.log());
}

#[test]
fn outside_of_ecs_there_is_no_task() {
    let directory = tempdir().unwrap();
    for server in [Server::start(directory.path()), start(&directory, "")] {
        let answer = get(&server, "/healthz");
        assert_eq!(task(&answer), Value::Null);
        assert_eq!(answer.header("x-api-task"), None);
    }
}
