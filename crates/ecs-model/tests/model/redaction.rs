//! What people may see.

use coxswain_ecs_model::{Part, redact};
use serde_json::{Value, json};

/// Every secret of these tests has this in it.
const SECRET: &str = "hunter2";

#[test]
fn values_are_masked_and_names_stay() {
    let definition = json!({"family": "api", "revision": 3, "containerDefinitions": [{
        "name": "api", "image": "api:1", "command": ["serve"],
        "environment": [{"name": "KEY", "value": "hunter2"}, {"name": "EMPTY", "value": ""}],
        "secrets": [{"name": "TOKEN", "valueFrom": "/prod/token"}],
        "repositoryCredentials": {"credentialsParameter": "hunter2"},
        "logConfiguration": {"logDriver": "splunk", "options": {"awslogs-group": "g", "splunk-token": "hunter2"}}}]});
    let shown = json!({"family": "api", "revision": 3, "containerDefinitions": [{
        "name": "api", "image": "api:1", "command": ["serve"],
        "environment": [{"name": "KEY", "value": "***"}, {"name": "EMPTY", "value": "***"}],
        "secrets": [{"name": "TOKEN", "valueFrom": "/prod/token"}],
        "repositoryCredentials": {"credentialsParameter": "***"},
        "logConfiguration": {"logDriver": "splunk", "options": {"awslogs-group": "g", "splunk-token": "***"}}}]});
    assert_eq!(redact(Part::TaskDefinition, &definition), shown);
}

#[test]
fn a_secret_in_the_wrong_place_is_masked() {
    let misplaced = [
        json!({"containerDefinitions": [{"environment": {"KEY": SECRET}}]}),
        json!({"containerDefinitions": [{"environment": "KEY=hunter2"}]}),
        json!({"containerDefinitions": [{"environment": ["KEY=hunter2"]}]}),
        json!({"containerDefinitions": [{"environment": [{"name": "KEY", "valeu": SECRET}]}]}),
        json!({"containerDefinitions": [{"environment": [{"name": {"KEY": SECRET}}]}]}),
        json!({"containerDefinitions": [{"enviroment": [{"name": "KEY", "value": SECRET}]}]}),
        json!({"containerDefinitions": {"environment": SECRET}}),
        json!({"environment": SECRET}),
        json!({"volumes": [{"dockerVolumeConfiguration": {"driverOpts": {"o": "password=hunter2"}}}]}),
        json!({"deploymentConfiguration": {"lifecycleHooks": [{"hookDetails": "{\"token\": \"hunter2\"}"}]}}),
        json!({"deploymentConfiguration": {"lifecycleHooks": [{"hookDetails": {"token": [SECRET]}}]}}),
        json!([SECRET]),
        json!(SECRET),
    ];
    for value in misplaced {
        for part in [Part::TaskDefinition, Part::Service] {
            let shown = redact(part, &value).to_string();
            assert!(!shown.contains(SECRET), "{value} shows as {shown}");
        }
    }
}

#[test]
fn a_service_shows_what_its_answer_says_and_masks_a_log_routers_token() {
    let service = json!({"status": "ACTIVE", "events": [{"message": "steady"}], "deployments": [{
        "id": "ecs-svc/1", "serviceConnectConfiguration": {"enabled": true, "logConfiguration": {
            "logDriver": "splunk", "options": {"splunk-token": SECRET}}}}]});
    let shown = redact(Part::Service, &service);
    assert_eq!(shown["status"], "ACTIVE");
    assert_eq!(shown["events"][0]["message"], "steady");
    assert_eq!(shown["deployments"][0]["id"], "ecs-svc/1");
    assert!(!shown.to_string().contains(SECRET));
}

#[test]
fn nothing_is_lost_but_values() {
    let value = json!({"containerDefinitions": [{"name": "api", "environment": [{"name": "A", "value": "1"}, null]}], "tags": null});
    let shown = redact(Part::TaskDefinition, &value);
    assert_eq!(shown["containerDefinitions"][0]["environment"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown["tags"], Value::Null);
}
