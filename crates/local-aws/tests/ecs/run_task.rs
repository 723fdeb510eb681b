//! RunTask: what a single task is given.

use std::time::Duration;

use coxswain_local_aws::Script;
use serde_json::{Value, json};

use crate::lab::{Lab, with};

fn request(more: Value) -> Value {
    let body = json!({"cluster": "main", "taskDefinition": "web", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    with(body, more)
}

#[tokio::test(start_paused = true)]
async fn a_tasks_size_can_be_overridden_by_one_that_fargate_has() {
    let lab = Lab::start().await;
    lab.register("web:1").await;
    let overrides = json!({"overrides": {"cpu": "0.5 vCPU", "memory": "1 GB"}});
    let task = lab.call("RunTask", request(overrides)).await["tasks"][0].take();
    assert_eq!((&task["cpu"], &task["memory"]), (&json!("512"), &json!("1024")));
    assert_eq!(task["overrides"]["cpu"], "512");
    for (overrides, text) in [
        (json!({"memory": "8192"}), "No Fargate configuration exists for given values."),
        (json!({"cpu": "4096"}), "No Fargate configuration exists for given values."),
        (json!({"cpu": "many"}), "Invalid 'cpu' setting for task."),
    ] {
        let refused = lab.refused("RunTask", request(json!({"overrides": overrides}))).await;
        assert_eq!(refused, ("ClientException".to_owned(), text.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn tags_come_from_the_request_and_where_asked_for_from_the_task_definition_and_ecs() {
    let lab = Lab::start().await;
    let body = json!({"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "web", "image": "web:1"}],
        "tags": [{"key": "team", "value": "shop"}, {"key": "tier", "value": "one"}]});
    lab.call("RegisterTaskDefinition", body).await;
    let tags = |more: Value| {
        let lab = &lab;
        async move {
            let arn = lab.call("RunTask", request(more)).await["tasks"][0]["taskArn"].take();
            let body = json!({"cluster": "main", "tasks": [arn], "include": ["TAGS"]});
            let described = lab.call("DescribeTasks", body).await["tasks"][0]["tags"].take();
            let mut tags: Vec<String> = described
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| format!("{}={}", tag["key"].as_str().unwrap(), tag["value"].as_str().unwrap()))
                .collect();
            tags.sort();
            tags.join(" ")
        }
    };
    let own = json!([{"key": "tier", "value": "two"}]);
    assert_eq!(tags(json!({})).await, "");
    assert_eq!(tags(json!({"tags": own})).await, "tier=two");
    let propagated = json!({"tags": own, "propagateTags": "TASK_DEFINITION", "enableECSManagedTags": true});
    assert_eq!(tags(propagated).await, "aws:ecs:clusterName=main team=shop tier=two");
    lab.refused("RunTask", request(json!({"propagateTags": "SERVICE"}))).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_beside_helpers_ends_with_its_own_code_and_stops_them() {
    let lab = Lab::start().await;
    let second = Duration::from_secs(1);
    lab.script("job:1", Script::exits(second * 5, 7));
    lab.script("setup:1", Script::exits(second, 0));
    let body = json!({"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [
            {"name": "job", "image": "job:1", "dependsOn": [
                {"containerName": "setup", "condition": "COMPLETE"},
                {"containerName": "proxy", "condition": "HEALTHY"}]},
            {"name": "setup", "image": "setup:1", "essential": false},
            {"name": "proxy", "image": "proxy:1", "essential": false,
                "healthCheck": {"command": ["CMD", "true"]}}]});
    lab.call("RegisterTaskDefinition", body).await;
    let arn = lab.call("RunTask", request(json!({}))).await["tasks"][0]["taskArn"].take();
    lab.pass(second * 30).await;
    let body = json!({"cluster": "main", "tasks": [arn]});
    let task = lab.call("DescribeTasks", body).await["tasks"][0].take();
    assert_eq!(task["lastStatus"], "STOPPED");
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert_eq!(task["stoppedReason"], "Essential container in task exited");
    let codes: Vec<&Value> =
        task["containers"].as_array().unwrap().iter().map(|container| &container["exitCode"]).collect();
    assert_eq!(codes, [7, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_client_token_gives_the_same_tasks_again_and_is_no_longer_than_it_may_be() {
    let lab = Lab::start().await;
    lab.register("web:1").await;
    let token = |token: &str| json!({"clientToken": token});
    let ask = async || lab.call("RunTask", request(token("one"))).await["tasks"][0]["taskArn"].clone();
    assert_eq!(ask().await, ask().await);
    let other = request(json!({"clientToken": "one", "count": 2}));
    assert_eq!(lab.refused("RunTask", other).await.0, "ConflictException");
    let (code, message) = lab.refused("RunTask", request(token(&"x".repeat(65)))).await;
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains("64"), "{message}");
}
