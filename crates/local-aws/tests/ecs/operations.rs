//! All operations of ECS: which are done, and that the others say so.

use std::{fmt::Write as _, fs, path::Path};

use coxswain_ecs_shapes::ecs;
use serde_json::json;

use crate::lab::Lab;

const START: &str =
    "<!-- operations: written by `UPDATE_EXPECTED=1 cargo test -p coxswain-local-aws --test ecs` -->\n";
const END: &str = "<!-- /operations -->\n";

/// Every operation with an empty request: is it done?
async fn operations(lab: &Lab) -> Vec<(&'static str, bool)> {
    let mut found = Vec::new();
    for operation in ecs().operations {
        let target = format!("{}.{}", ecs().target_prefix, operation.name);
        let (status, answer) = lab.send(&target, "{}").await;
        let is_done = answer["__type"] != "UnsupportedFeatureException";
        if !is_done {
            let message = answer["message"].as_str().unwrap();
            assert_eq!(status, 400, "{answer}");
            let expected = format!("This local AWS does not do ecs's {}", operation.name);
            assert!(message.starts_with(&expected), "{message}");
        }
        found.push((operation.name, is_done));
    }
    found
}

#[tokio::test(start_paused = true)]
async fn every_operation_is_done_or_says_that_it_is_not_and_the_page_on_fidelity_agrees() {
    let lab = Lab::start().await;
    let operations = operations(&lab).await;
    let done = operations.iter().filter(|(_, is_done)| *is_done).count();
    let mut table =
        format!("{done} of {} operations are done.\n\n| operation | here |\n|---|---|\n", operations.len());
    for (name, is_done) in operations {
        let here = if is_done { "done" } else { "answers that it is not done" };
        writeln!(table, "| {name} | {here} |").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fidelity.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(START).expect("the page has the beginning of the table");
    let (_, after) = rest.split_once(END).expect("the page has the end of the table");
    let expected = format!("{before}{START}{table}{END}{after}");
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    if std::env::var("UPDATE_EXPECTED").is_ok() {
        fs::write(&path, expected).unwrap();
    } else {
        assert_eq!(page, expected, "docs/fidelity.md is not current: see the comment above its table");
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_an_agent_calls_and_what_needs_a_session_say_why_they_are_not_done() {
    let lab = Lab::start().await;
    for (operation, why) in [
        ("ExecuteCommand", "in its log"),
        ("SubmitTaskStateChange", "no instance"),
        ("SubmitContainerStateChange", "no instance"),
        ("SubmitAttachmentStateChanges", "no instance"),
        ("DiscoverPollEndpoint", "no instance"),
        ("RegisterContainerInstance", "no instance"),
    ] {
        let (code, message) = lab.refused(operation, json!({})).await;
        assert_eq!(code, "UnsupportedFeatureException");
        assert!(message.contains(why), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_container_instance_and_each_that_is_named_is_missing() {
    let lab = Lab::start().await;
    lab.register("web:1").await;
    let listed = lab.call("ListContainerInstances", json!({"cluster": "main"})).await;
    assert_eq!(listed["containerInstanceArns"], json!([]));
    let arn = "arn:aws:ecs:us-east-1:123456789012:container-instance/main/0a1b";
    let missing = json!([{"arn": arn, "reason": "MISSING"}]);
    for named in ["0a1b", arn] {
        let body = json!({"cluster": "main", "containerInstances": [named]});
        let described = lab.call("DescribeContainerInstances", body).await;
        assert_eq!(described["failures"], missing);
        let body = json!({"cluster": "main", "containerInstances": [named], "taskDefinition": "web"});
        let started = lab.call("StartTask", body).await;
        assert_eq!((&started["tasks"], &started["failures"]), (&json!([]), &missing));
    }
    let tasks = lab.call("ListTasks", json!({"cluster": "main", "containerInstance": arn})).await;
    assert_eq!(tasks["taskArns"], json!([]));
    let none = json!({"cluster": "main", "containerInstances": [], "taskDefinition": "web"});
    lab.refused("StartTask", none).await;
    let unknown = json!({"cluster": "main", "containerInstances": [arn], "taskDefinition": "none"});
    lab.refused("StartTask", unknown).await;
}
