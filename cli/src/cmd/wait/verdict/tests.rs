use serde_json::{Value, json};

use super::*;

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "text",
        "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

fn service(conditions: &[Value]) -> ServiceStatus {
    serde_json::from_value(json!({
        "environment": "dev", "name": "api", "sync": "Synced", "health": "Healthy", "reason": "TasksRunning",
        "summary": "2 of 2 tasks running", "advice": "", "conditions": conditions, "differences": [], "steps": [],
        "isCurrent": true,
    }))
    .unwrap()
}

fn good() -> Vec<Value> {
    vec![
        condition("Synced", "True", "InSync"),
        condition("Ready", "True", "TasksRunning"),
        condition("Progressing", "False", "RolloutCompleted"),
        condition("Held", "False", "InSync"),
        condition("Blocked", "False", "InSync"),
    ]
}

fn with(kind: &str, status: &str, reason: &str) -> ServiceStatus {
    let mut conditions = good();
    conditions.retain(|condition| condition["type"] != kind);
    conditions.push(condition(kind, status, reason));
    service(&conditions)
}

fn source(seen: &str, stands: &str, reason: &str) -> SourceStatus {
    serde_json::from_value(json!({
        "from": "/srv/manifests", "seenDigest": seen, "digest": stands, "objects": [], "problemCount": 1,
        "conditions": [condition("SourceReady", if seen == stands { "True" } else { "False" }, reason)],
        "problems": [{"code": "UnknownField", "isWarning": false, "location": "api.yaml:3:5", "field": "",
            "message": "unknown field imgae"}],
    }))
    .unwrap()
}

fn read() -> SourceStatus {
    source("new", "new", "SourceRead")
}

fn new() -> Expected {
    Expected::Digest("new".to_owned())
}

fn exit_of(verdict: &Verdict) -> Option<Exit> {
    match verdict {
        Verdict::Done(_) => Some(Exit::Done),
        Verdict::Stopped(stop) => Some(stop.exit),
        Verdict::Waiting(_) => None,
    }
}

#[test]
fn it_stands_once_it_is_synced_ready_and_nothing_rolls() {
    assert_eq!(exit_of(&judge(&read(), &new(), Some(service(&good())))), Some(Exit::Done));
    for (kind, status, reason) in [
        ("Synced", "False", "DefinitionChanged"),
        ("Synced", "Unknown", "Unavailable"),
        ("Ready", "False", "TasksMissing"),
        ("Progressing", "True", "RolloutInProgress"),
    ] {
        assert_eq!(
            exit_of(&judge(&read(), &Expected::Anything, Some(with(kind, status, reason)))),
            None,
            "{kind}"
        );
    }
    let mut rolling = service(&good());
    rolling.rollout = serde_json::from_value(json!({
        "taskDefinition": "api:2", "startedAt": "2026-01-01T00:00:00Z", "state": "IN_PROGRESS", "failedTasks": 1,
        "deploymentId": "ecs-svc/2", "counts": {"desired": 2, "running": 1, "pending": 1},
    }))
    .unwrap();
    let verdict = judge(&read(), &Expected::Anything, Some(rolling));
    assert_eq!(verdict, Verdict::Waiting("Healthy, ecs-svc/2: 1 of 2 tasks running, 1 failed".to_owned()));
}

#[test]
fn the_state_of_before_an_edit_is_never_taken_for_its_outcome() {
    let old = source("old", "old", "SourceRead");
    for status in [service(&good()), with("Held", "True", "CircuitBreakerRolledBack")] {
        assert_eq!(exit_of(&judge(&old, &new(), Some(status.clone()))), None);
        let stale = ServiceStatus { is_current: false, ..status };
        assert_eq!(exit_of(&judge(&read(), &new(), Some(stale))), None);
    }
    assert_eq!(exit_of(&judge(&read(), &new(), None)), None);
}

#[test]
fn what_waiting_does_not_help_ends_with_the_code_of_its_kind() {
    let cases = [
        ("Held", "CircuitBreakerRolledBack", Some(Exit::RolloutFailed)),
        ("Held", "ProgressDeadlineExceeded", Some(Exit::RolloutFailed)),
        ("Held", "EmergencyRollback", Some(Exit::Blocked)),
        ("Suspended", "Suspended", Some(Exit::Blocked)),
        ("Blocked", "ReferenceUnresolved", Some(Exit::Blocked)),
        ("Blocked", "CannotChange", Some(Exit::Blocked)),
        ("Blocked", "InvalidManifest", Some(Exit::Invalid)),
        ("Blocked", "NotOwned", Some(Exit::Refused)),
        ("Blocked", "Denied", Some(Exit::Unreachable)),
        ("Blocked", "Draining", None),
        ("Blocked", "OutcomeUnknown", None),
    ];
    for (kind, reason, expected) in cases {
        let verdict = judge(&read(), &Expected::Anything, Some(with(kind, "True", reason)));
        assert_eq!(exit_of(&verdict), expected, "{kind} {reason}");
    }
}

#[test]
fn manifests_that_are_not_taken_end_the_wait_with_what_is_wrong() {
    let verdict = judge(&source("new", "old", "InvalidManifest"), &new(), Some(service(&good())));
    let Verdict::Stopped(stop) = verdict else { panic!("not stopped") };
    assert_eq!(stop.exit, Exit::Invalid);
    assert!(stop.message.contains("api.yaml:3:5: unknown field imgae"), "{}", stop.message);
    let unread = judge(&source("new", "old", "SourceUnreadable"), &new(), Some(service(&good())));
    assert_eq!(exit_of(&unread), None);
}

#[test]
fn advice_names_the_object() {
    let Verdict::Stopped(stop) =
        judge(&read(), &Expected::Anything, Some(with("Held", "True", "CircuitBreakerRolledBack")))
    else {
        panic!("not stopped")
    };
    assert!(stop.advice.contains("cox retry service/api"), "{}", stop.advice);
}

#[test]
fn nothing_is_judged_before_the_revision_that_is_waited_for_stands_or_a_later_one() {
    let at = |revision: Option<&str>| SourceStatus { revision: revision.map(str::to_owned), ..read() };
    let expected = Expected::Revision("8.0".parse().unwrap());
    for early in [None, Some("7.3")] {
        let verdict = judge(&at(early), &expected, Some(service(&good())));
        assert!(
            matches!(&verdict, Verdict::Waiting(text) if text.contains("has not taken 8.0 yet")),
            "{verdict:?}"
        );
    }
    for late in ["8.0", "8.1", "10.0"] {
        assert_eq!(
            exit_of(&judge(&at(Some(late)), &expected, Some(service(&good())))),
            Some(Exit::Done),
            "{late}"
        );
    }
    // What is refused may be an earlier one.
    let refused =
        SourceStatus { revision: Some("7.0".to_owned()), ..source("bad", "old", "InvalidManifest") };
    assert_eq!(exit_of(&judge(&refused, &expected, Some(service(&good())))), None);
}
