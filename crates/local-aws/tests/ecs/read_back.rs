//! What was declared, and what ECS answers: held to pairs that others published from real accounts.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use crate::lab::Lab;

/// Members that CloudFormation's handler adds or renames, and that the API does not have.
const HANDLER_ONLY: [&str; 3] = ["cluster", "name", "inferenceAccelerators"];

fn pairs(kind: &str) -> Vec<(String, Value, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live-pairs");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(kind) {
            let mut pair: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            found.push((name, camel(pair["declared"].take()), camel(pair["live"].take())));
        }
    }
    assert!(found.len() >= 5, "{kind}");
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// CloudFormation's names as the API's; what is a map from names of the user's stays.
fn camel(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let rename = |(name, value): (String, Value)| match name.as_str() {
                "DockerLabels" | "Options" => (lower_first(&name), value),
                "EnableECSManagedTags" => ("enableECSManagedTags".into(), camel(value)),
                "PlacementStrategies" => ("placementStrategy".into(), camel(value)),
                "Role" => ("roleArn".into(), camel(value)),
                _ => (lower_first(&name), camel(value)),
            };
            Value::Object(members.into_iter().map(rename).collect())
        }
        Value::Array(items) => items.into_iter().map(camel).collect(),
        other => other,
    }
}

fn lower_first(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_ascii_lowercase())
}

/// Empty lists and maps left out, lists in one order: the handler fills and permutes them.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().map(|(name, value)| (name.clone(), plain(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(plain).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_reads_back_as_live_ecs_did() {
    for (name, mut declared, live) in pairs("ecs-taskdefinition") {
        let lab = Lab::start().await;
        if declared.get("family").is_none() {
            declared["family"] = live["family"].clone();
        }
        lab.call("RegisterTaskDefinition", declared.clone()).await;
        let body = json!({"taskDefinition": declared["family"], "include": ["TAGS"]});
        let mut read = lab.call("DescribeTaskDefinition", body).await;
        read["taskDefinition"]["tags"] = read["tags"].clone();
        for (member, value) in plain(&live).as_object().unwrap() {
            if member != "taskDefinitionArn" && !HANDLER_ONLY.contains(&member.as_str()) {
                assert_eq!(&plain(&read["taskDefinition"][member]), value, "{name}: {member}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_reads_back_as_live_ecs_did() {
    for (name, mut declared, live) in pairs("ecs-service-") {
        let lab = Lab::start().await;
        lab.call("CreateCluster", json!({"clusterName": "name-1"})).await;
        let arn = live["taskDefinition"].as_str().unwrap();
        let family = arn.rsplit('/').next().unwrap().split(':').next().unwrap();
        let awsvpc = declared.get("networkConfiguration").is_some();
        let ports = json!([{"containerPort": 80}, {"containerPort": 8080}]);
        let mut definition = json!({"family": family, "containerDefinitions":
            [{"name": "web", "image": "web:1", "memory": 128, "portMappings": ports}]});
        if awsvpc {
            definition["networkMode"] = "awsvpc".into();
            definition["requiresCompatibilities"] = json!(["FARGATE"]);
            definition["cpu"] = "256".into();
            definition["memory"] = "512".into();
        }
        lab.call("RegisterTaskDefinition", definition).await;
        declared["serviceName"] = live["serviceName"].clone();
        lab.call("CreateService", declared.clone()).await;
        let body = json!({"cluster": "name-1", "services": [live["serviceName"]], "include": ["TAGS"]});
        let read = lab.call("DescribeServices", body).await["services"][0].take();
        for (member, value) in plain(&live).as_object().unwrap() {
            if HANDLER_ONLY.contains(&member.as_str()) {
                continue;
            }
            let mut read = plain(&read[member]);
            if member == "deploymentConfiguration" {
                // Pairs of July 2026 are older than the breaker's two optional members.
                let live_breaker = &value["deploymentCircuitBreaker"];
                if live_breaker.get("resetOnHealthyTask").is_none() {
                    let breaker = read["deploymentCircuitBreaker"].as_object_mut().unwrap();
                    breaker.remove("resetOnHealthyTask");
                    breaker.remove("thresholdConfiguration");
                }
            }
            assert_eq!(&read, value, "{name}: {member}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_deployment_shows_the_platform_version_that_latest_is() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    let service = lab.service().await;
    assert_eq!(service["platformVersion"], "LATEST");
    assert_eq!(service["deployments"][0]["platformVersion"], "1.4.0");
    assert_eq!(service["deployments"][0]["platformFamily"], "Linux");
}

#[tokio::test(start_paused = true)]
async fn members_that_are_not_interpreted_are_kept_verbatim() {
    let lab = Lab::start().await;
    let container = json!({"name": "web", "image": "web:1", "dockerLabels": {"A-b": "C"},
        "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
        "environmentFiles": [{"value": "arn:aws:s3:::bucket/x.env", "type": "s3"}], "versionConsistency": "disabled"});
    let arn = lab.register_container(container.clone()).await;
    let read = lab.call("DescribeTaskDefinition", json!({"taskDefinition": arn})).await;
    for (member, value) in container.as_object().unwrap() {
        assert_eq!(&read["taskDefinition"]["containerDefinitions"][0][member], value, "{member}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_member_of_a_described_service_is_written_twice() {
    let lab = Lab::start().await;
    lab.steady(1, json!({"tags": [{"key": "a", "value": "1"}], "enableECSManagedTags": true})).await;
    let second = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": second})).await;
    let request = http::Request::post("/")
        .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.DescribeServices")
        .body(r#"{"cluster": "main", "services": ["web", "none"], "include": ["TAGS"]}"#.into())
        .unwrap();
    let answer = lab.local.handle(request).await.unwrap();
    let text = std::str::from_utf8(answer.body()).unwrap();
    let tree: Value = serde_json::from_str(text).unwrap();
    assert_eq!(tree["services"][0]["deployments"].as_array().unwrap().len(), 2);
    // A tree has each member once, and so its text would be shorter.
    assert_eq!(text.len(), tree.to_string().len(), "{text}");
}
