//! A test per exit code: the real program against a controller that answers what the test says.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure of the test's own scaffolding is a failure of the test"
)]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};

/// A controller that knows a few paths by heart.
struct Controller {
    url: String,
}

impl Controller {
    fn answering(paths: Vec<(&str, u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let paths: BTreeMap<String, (u16, Value)> =
            paths.into_iter().map(|(path, status, body)| (path.to_owned(), (status, body))).collect();
        let paths = Arc::new(paths);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let paths = Arc::clone(&paths);
                std::thread::spawn(move || answer(stream, &paths));
            }
        });
        Self { url }
    }

    fn cox(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cox"));
        let folder = tempfile::tempdir().unwrap().keep();
        command
            .args(arguments)
            .env("COXSWAIN_CONTROLLER", &self.url)
            .env("NO_COLOR", "1")
            .current_dir(folder);
        command
    }

    fn exits(&self, arguments: &[&str], code: i32) -> (String, String) {
        let Output { status, stdout, stderr } = self.cox(arguments).output().unwrap();
        let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert_eq!(status.code(), Some(code), "cox {arguments:?}\nstdout:\n{out}\nstderr:\n{err}");
        (out, err)
    }
}

fn answer(stream: TcpStream, paths: &BTreeMap<String, (u16, Value)>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        reader.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
        let path = first.split_whitespace().nth(1)?.split('?').next()?.to_owned();
        let unknown =
            (404, json!({"type": "t", "title": "t", "status": 404, "detail": format!("there is no {path}")}));
        let (status, body) = paths.get(&path).cloned().unwrap_or(unknown);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        reader.get_mut().write_all((head + &body).as_bytes()).ok()?;
    }
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": format!("{kind} is {status}"),
        "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

fn service(sync: &str, health: &str, conditions: &[Value], hold: Option<Value>) -> Value {
    let mut body = json!({
        "apiVersion": "coxswain.dev/v1", "kind": "Service", "environment": "dev", "name": "api",
        "sync": sync, "health": health, "reason": "InSync", "summary": "as the test says", "advice": "",
        "conditions": conditions, "differences": [], "steps": [], "isCurrent": true,
        "counts": {"desired": 2, "running": 2, "pending": 0},
        "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:7",
    });
    if let Some(hold) = hold {
        body["hold"] = hold;
    }
    body
}

fn source() -> Value {
    json!({"apiVersion": "coxswain.dev/v1", "kind": "Source", "from": "a bundle", "conditions": [],
        "revision": "7.0", "objects": ["service/api"], "problems": [], "problemCount": 0})
}

fn standing() -> Value {
    let conditions = [
        condition("Synced", "True", "InSync"),
        condition("Ready", "True", "TasksRunning"),
        condition("Progressing", "False", "RolloutCompleted"),
    ];
    service("Synced", "Healthy", &conditions, None)
}

fn rolling() -> Value {
    let conditions = [
        condition("Synced", "True", "InSync"),
        condition("Ready", "True", "TasksRunning"),
        condition("Progressing", "True", "RolloutInProgress"),
    ];
    service("Synced", "Rolling", &conditions, None)
}

fn held(reason: &str) -> Value {
    let hold = json!({
        "digest": "v1:sha256:00", "reason": reason, "message": "it was rolled back", "deploymentId": "ecs-svc/2",
        "since": "2026-01-01T00:00:00Z",
        "cause": {"task_arn": "arn:aws:ecs:eu-west-1:123456789012:task/dev/abc", "stop_code": "EssentialContainerExited",
            "container": "api", "exit_code": 2},
    });
    service("Held", "Healthy", &[condition("Held", "True", reason)], Some(hold))
}

fn waiting_for(service: Value) -> Controller {
    let logs = json!({"apiVersion": "coxswain.dev/v1", "kind": "LogTail", "object": "service/api", "task": "abc",
        "container": "api", "group": "g", "stream": "s", "isCut": false,
        "lines": [{"at": "2026-01-01T00:00:00Z", "message": "error: API_STORE is not set"}]});
    Controller::answering(vec![
        ("/v1/source", 200, source()),
        ("/v1/services/api", 200, service),
        ("/v1/services/api/logs", 200, logs),
    ])
}

#[test]
fn a_service_that_stands_ends_the_wait_with_0() {
    let (out, _) = waiting_for(standing()).exits(&["wait", "service/api"], 0);
    assert_eq!(out, "service/api is Synced and Healthy: api:7, 2 of 2 tasks running\n");
}

#[test]
fn wrong_usage_ends_with_2() {
    waiting_for(standing()).exits(&["wait"], 2);
    let (_, err) = waiting_for(standing()).exits(&["describe", "service/apu"], 2);
    assert!(err.contains("there is no"), "{err}");
}

#[test]
fn invalid_manifests_end_with_3() {
    let invalid = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cmd/invalid");
    waiting_for(standing()).exits(&["validate", invalid], 3);
    waiting_for(standing()).exits(&["plan", invalid], 3);
}

#[test]
fn a_rollout_that_failed_ends_the_wait_with_4_and_its_cause() {
    let (out, err) = waiting_for(held("CircuitBreakerRolledBack")).exits(&["wait", "api"], 4);
    assert_eq!(out, "");
    for told in [
        "CircuitBreakerRolledBack",
        "EssentialContainerExited",
        "code 2",
        "API_STORE is not set",
        "cox retry",
    ] {
        assert!(err.contains(told), "{told} is not in\n{err}");
    }
}

#[test]
fn a_rollout_that_takes_longer_ends_the_wait_with_5() {
    let (_, err) = waiting_for(rolling()).exits(&["wait", "api", "--timeout", "0s"], 5);
    assert!(err.contains("still going on"), "{err}");
}

#[test]
fn what_is_blocked_ends_the_wait_with_6() {
    let suspended = service("Suspended", "Healthy", &[condition("Suspended", "True", "Suspended")], None);
    waiting_for(suspended).exits(&["wait", "api"], 6);
    waiting_for(held("EmergencyRollback")).exits(&["wait", "api"], 6);
}

#[test]
fn a_controller_that_does_not_answer_ends_with_7() {
    let gone = Controller { url: "http://127.0.0.1:1".to_owned() };
    let (_, err) = gone.exits(&["get"], 7);
    assert!(err.contains("does not answer"), "{err}");
    let unknown = gone.cox(&["get"]).env_remove("COXSWAIN_CONTROLLER").output().unwrap();
    assert_eq!(unknown.status.code(), Some(7));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("COXSWAIN_CONTROLLER"));
    let foreign = Controller::answering(vec![("/v1/services", 200, json!({"hello": "world"}))]);
    foreign.exits(&["get"], 7);
}

#[test]
fn another_owners_service_ends_the_wait_with_8() {
    let foreign = service("Blocked", "Healthy", &[condition("Blocked", "True", "NotOwned")], None);
    waiting_for(foreign).exits(&["wait", "api"], 8);
}

#[test]
fn an_interrupted_wait_ends_with_130_and_says_that_the_rollout_continues() {
    let controller = waiting_for(rolling());
    let mut child = controller.cox(&["wait", "api"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("service/api"), "{line}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("the rollout continues; cox wait service/api to follow it again"), "{rest}");
}

#[test]
fn a_list_is_columns_for_people_and_a_document_for_programs() {
    let mut one = standing();
    one.as_object_mut().unwrap().retain(|name, _| name != "apiVersion" && name != "kind");
    let list = json!({"apiVersion": "coxswain.dev/v1", "kind": "ServiceList", "items": [one]});
    let controller = Controller::answering(vec![("/v1/services", 200, list.clone())]);
    let (table, _) = controller.exits(&["get"], 0);
    assert!(table.starts_with("NAME  SYNC    HEALTH "), "{table}");
    let (bare, _) = controller.exits(&["get", "--no-headers"], 0);
    assert!(bare.starts_with("api  Synced  Healthy"), "{bare}");
    let (names, _) = controller.exits(&["get", "-o", "name"], 0);
    assert_eq!(names, "service/api\n");
    let (document, _) = controller.exits(&["get", "-o", "json"], 0);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["apiVersion"], &document["kind"]), (&list["apiVersion"], &list["kind"]));
}

/// A controller whose stream is cut once, after one event, and goes on with another one.
fn streaming() -> Controller {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || stream_or_list(stream));
        }
    });
    Controller { url }
}

fn event(id: u64) -> Value {
    json!({"apiVersion": "coxswain.dev/v1", "kind": "Event", "id": id, "at": "2026-01-01T00:00:00Z",
        "object": "service/api", "reason": "Drifted", "message": format!("event {id}")})
}

fn stream_or_list(mut stream: TcpStream) -> Option<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).ok().filter(|bytes| *bytes > 0)?;
    }
    let (content, body) = if head.contains("/stream") {
        let text = match head.to_ascii_lowercase().split_once("last-event-id: ") {
            // The list has event 6, the stream goes on after it, and breaks after event 7.
            None => format!(": following\nid: 6\n\nid: 7\nevent: event\ndata: {}\n\n", event(7)),
            Some((_, rest)) if rest.starts_with("7\r\n") => {
                format!(": following\nid: 7\n\nid: 8\nevent: event\ndata: {}\n\n", event(8))
            }
            Some(_) => String::new(),
        };
        ("text/event-stream", text)
    } else {
        let list = if head.starts_with("GET /v1/events") {
            json!({"apiVersion": "coxswain.dev/v1", "kind": "EventList", "items": [event(6), event(7)]})
        } else {
            standing()
        };
        ("application/json", list.to_string())
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content}\r\nconnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).ok()
}

fn interrupt(mut child: std::process::Child) {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn followed_events_come_once_each_over_a_cut_that_is_told_and_end_with_130() {
    let mut command = streaming().cox(&["events", "-f", "-o", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let ids: Vec<Value> = (0..3)
        .map(|_| serde_json::from_str::<Value>(&out.next().unwrap().unwrap()).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids, [6, 7, 8]);
    let told = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(told.contains("not live"), "{told}");
    interrupt(child);
}

#[test]
fn a_watched_service_is_shown_when_it_changes_and_the_cut_is_told_and_it_ends_with_130() {
    let mut command = streaming().cox(&["get", "api", "-w", "-o", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&first["kind"], &first["name"]), (&json!("Service"), &json!("api")));
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(told.by_ref().any(|line| line.contains("not live")), "the cut was not told");
    assert!(told.any(|line| line.contains("there again")), "that it goes on was not told");
    interrupt(child);
}

#[test]
fn names_cannot_be_watched() {
    streaming().exits(&["get", "-w", "-o", "name"], 2);
}

/// A controller that takes every bundle as its eighth, or answers as it is told to.
fn publishing(status: u16, answer: Value) -> Controller {
    let mut source = source();
    source["revision"] = json!("8.0");
    Controller::answering(vec![
        ("/v1/bundles", status, answer),
        ("/v1/source", 200, source),
        ("/v1/services/api", 200, standing()),
    ])
}

fn published() -> Value {
    json!({"apiVersion": "coxswain.dev/v1", "kind": "Bundle", "environment": "dev", "sequence": 8,
        "bundle": "v1:sha256:00", "digest": "v1:sha256:11", "revision": "8.0", "isDuplicate": false})
}

fn problem(status: u16, reason: Option<&str>) -> Value {
    json!({"type": "t", "title": "t", "status": status, "detail": "as the test says", "reason": reason,
        "problems": [{"code": "UnknownField", "isWarning": false, "location": "api.yaml:3:5", "field": "",
            "message": "unknown field imgae"}]})
}

const VALID: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cmd/valid");

#[test]
fn manifests_that_are_applied_are_published_by_the_controller_and_followed_until_they_stand() {
    let controller = publishing(202, published());
    let arguments = ["apply", VALID, "--yes", "--allow-dirty"];
    let (out, _) = controller.exits(&arguments, 0);
    assert_eq!(out, "dev is at 8, published through the controller\n");
    let (out, _) = controller.exits(&[&arguments[..], &["--wait"]].concat(), 0);
    assert!(out.ends_with("service/api is Synced and Healthy: api:7, 2 of 2 tasks running\n"), "{out}");
    let (out, _) = controller.exits(&[&arguments[..], &["-o", "json"]].concat(), 0);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), published());
}

#[test]
fn what_is_applied_is_waited_for_and_not_what_stood_before() {
    let mut later = published();
    later["sequence"] = json!(9);
    let arguments = ["apply", VALID, "--yes", "--allow-dirty", "--wait", "--timeout", "0s"];
    let (_, err) = publishing(202, later).exits(&arguments, 5);
    assert!(err.contains("has not taken 9.0 yet"), "{err}");
}

#[test]
fn a_controller_that_takes_no_bundles_is_not_asked_to_publish_one() {
    let mut source = source();
    source["takesBundles"] = json!(false);
    let controller =
        Controller::answering(vec![("/v1/source", 200, source), ("/v1/bundles", 202, published())]);
    let (out, err) = controller.exits(&["apply", VALID, "--allow-dirty"], 8);
    assert!(out.is_empty() && err.contains("from a bundle, which nothing is published to"), "{err}");
}

#[test]
fn nothing_is_applied_that_nobody_has_agreed_to() {
    let (out, err) = publishing(202, published()).exits(&["apply", VALID, "--allow-dirty"], 8);
    assert!(out.is_empty() && err.contains("cox apply --yes"), "{err}");
    publishing(202, published()).exits(&["apply", VALID, "--dry-run", "--yes"], 2);
}

#[test]
fn what_the_controller_refuses_to_publish_ends_with_the_code_of_its_kind() {
    let arguments = ["apply", VALID, "--yes", "--allow-dirty"];
    for (status, reason, code) in [
        (409, None, 8),
        (422, Some("InvalidManifest"), 3),
        (422, Some("OtherEnvironment"), 8),
        (422, None, 2),
        (503, None, 7),
    ] {
        let (_, err) = publishing(status, problem(status, reason)).exits(&arguments, code);
        assert!(err.contains("as the test says") && err.contains("api.yaml:3:5: UnknownField"), "{err}");
    }
    let invalid = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cmd/invalid");
    publishing(202, published()).exits(&["apply", invalid, "--yes"], 3);
    publishing(202, published()).exits(&["apply", invalid, "--dry-run"], 3);
}
