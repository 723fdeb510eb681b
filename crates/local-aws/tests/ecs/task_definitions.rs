//! Task definitions: revisions, sizes, refusals, deletion.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Lab, with};

fn definition(more: Value) -> Value {
    let body = json!({"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "web", "image": "web:1"}]});
    with(body, more)
}

#[tokio::test(start_paused = true)]
async fn revisions_count_up_and_never_start_again() {
    let lab = Lab::start().await;
    let first = lab.register("web:1").await;
    assert!(first.ends_with("task-definition/web:1"), "{first}");
    assert!(lab.register("web:2").await.ends_with("web:2"));
    for arn in ["web:1", "web:2"] {
        lab.call("DeregisterTaskDefinition", json!({"taskDefinition": arn})).await;
    }
    let deleted = lab.call("DeleteTaskDefinitions", json!({"taskDefinitions": ["web:1", "web:2"]})).await;
    assert_eq!(deleted["taskDefinitions"][0]["status"], "DELETE_IN_PROGRESS");
    lab.pass(Duration::from_mins(5)).await;
    lab.refused("DescribeTaskDefinition", json!({"taskDefinition": "web:1"})).await;
    assert!(lab.register("web:3").await.ends_with("web:3"));
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_is_in_use_is_deleted_when_it_no_longer_is() {
    let lab = Lab::start().await;
    let arn = lab.steady(1, json!({})).await;
    let refused = lab.call("DeleteTaskDefinitions", json!({"taskDefinitions": [arn]})).await;
    assert_eq!(refused["taskDefinitions"], json!([]));
    assert_eq!(refused["failures"][0]["arn"], arn.as_str(), "an ACTIVE one is not deleted");
    lab.call("DeregisterTaskDefinition", json!({"taskDefinition": arn})).await;
    lab.call("DeleteTaskDefinitions", json!({"taskDefinitions": [arn]})).await;
    lab.pass(Duration::from_mins(10)).await;
    let read = lab.call("DescribeTaskDefinition", json!({"taskDefinition": arn})).await;
    assert_eq!(read["taskDefinition"]["status"], "DELETE_IN_PROGRESS");
    lab.call("DeleteService", json!({"cluster": "main", "service": "web", "force": true})).await;
    lab.pass(Duration::from_hours(2)).await;
    lab.refused("DescribeTaskDefinition", json!({"taskDefinition": arn})).await;
}

#[tokio::test(start_paused = true)]
async fn a_family_means_its_latest_active_revision() {
    let lab = Lab::start().await;
    lab.register("web:1").await;
    lab.register("web:2").await;
    let read = |answer: Value| answer["taskDefinition"]["revision"].clone();
    assert_eq!(read(lab.call("DescribeTaskDefinition", json!({"taskDefinition": "web"})).await), 2);
    let gone = lab.call("DeregisterTaskDefinition", json!({"taskDefinition": "web:2"})).await;
    assert_eq!(gone["taskDefinition"]["status"], "INACTIVE");
    assert!(gone["taskDefinition"]["deregisteredAt"].is_number());
    assert_eq!(read(lab.call("DescribeTaskDefinition", json!({"taskDefinition": "web"})).await), 1);
    let inactive = lab.call("DescribeTaskDefinition", json!({"taskDefinition": "web:2"})).await;
    assert_eq!(inactive["taskDefinition"]["status"], "INACTIVE");
}

#[tokio::test(start_paused = true)]
async fn sizes_in_words_read_back_as_numbers() {
    let lab = Lab::start().await;
    let body = definition(json!({"cpu": "0.25 vCPU", "memory": "1GB"}));
    let answer = lab.call("RegisterTaskDefinition", body).await;
    assert_eq!(answer["taskDefinition"]["cpu"], "256");
    assert_eq!(answer["taskDefinition"]["memory"], "1024");
}

#[tokio::test(start_paused = true)]
async fn tags_come_with_the_answer_of_register_and_else_only_when_asked_for() {
    let lab = Lab::start().await;
    let tags = json!([{"key": "team", "value": "a"}]);
    let answer = lab.call("RegisterTaskDefinition", definition(json!({"tags": tags}))).await;
    assert_eq!(answer["tags"], tags);
    let plain = lab.call("DescribeTaskDefinition", json!({"taskDefinition": "web"})).await;
    assert_eq!(plain.get("tags"), None);
    let body = json!({"taskDefinition": "web", "include": ["TAGS"]});
    assert_eq!(lab.call("DescribeTaskDefinition", body).await["tags"], tags);
    let (_, message) = lab.refused("RegisterTaskDefinition", definition(json!({"tags": []}))).await;
    assert_eq!(message, "Tags can not be empty.");
}

fn container(more: Value) -> Value {
    json!({"containerDefinitions": [with(json!({"name": "web", "image": "web:1"}), more)]})
}

/// Registers each and holds the refusal to its words; nothing is left behind.
async fn refuses(cases: Vec<(Value, &str)>) {
    let lab = Lab::start().await;
    for (more, words) in cases {
        let (code, message) = lab.refused("RegisterTaskDefinition", definition(more.clone())).await;
        assert!(matches!(code.as_str(), "ClientException" | "InvalidParameterException"), "{code} {more}");
        assert!(message.contains(words), "{more}: {message}");
    }
    assert_eq!(lab.call("ListTaskDefinitions", json!({})).await["taskDefinitionArns"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn what_ecs_refuses_in_a_task_or_container_is_refused_in_its_words() {
    refuses(vec![
        (json!({"memory": "8192"}), "No Fargate configuration exists for given values."),
        (json!({"cpu": "large"}), "Invalid 'cpu' setting for task."),
        (json!({"cpu": null}), "Fargate requires that 'cpu' be defined at the task level."),
        (json!({"networkMode": "bridge"}), "Fargate only supports network mode"),
        (json!({"family": "no spaces"}), "Family must be"),
        (json!({"containerDefinitions": []}), "should not be null or empty"),
        (json!({"ephemeralStorage": {"sizeInGiB": 500}}), "between 21 and 200"),
        (container(json!({"essential": false})), "At least one container has to be marked as essential"),
        (container(json!({"image": ""})), "Container.image should not be null or empty"),
        (container(json!({"image": "web@sha256:12"})), "Container.image is not valid"),
        (container(json!({"image": "w".repeat(256)})), "Container.image is not valid"),
        (container(json!({"environment": [{"name": "A", "value": "x".repeat(65_536)}]})), "at most 64 KiB"),
        (
            container(json!({"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]})),
            "Unknown volume 'data'.",
        ),
        (container(json!({"volumesFrom": [{"sourceContainer": "other"}]})), "Unknown container 'other'."),
        (container(json!({"portMappings": [{"containerPort": 80, "name": "-web"}]})), "A port's name"),
        (
            container(json!({"environmentFiles": vec![json!({"type": "s3", "value": "arn"}); 11]})),
            "environmentFiles can have at most 10",
        ),
        (
            json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}),
            "No Fargate configuration exists for given values.",
        ),
        (container(json!({"privileged": true})), "do not support privileged"),
        (container(json!({"links": ["other"]})), "do not support links"),
        (
            container(json!({"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}})),
            "capabilities other than SYS_PTRACE",
        ),
        (
            container(
                json!({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}}),
            ),
            "awslogs-stream-prefix",
        ),
        (
            container(json!({"healthCheck": {"command": ["CMD", "x"], "interval": 1}})),
            "Health check interval",
        ),
        (
            container(json!({"portMappings": [{"containerPort": 80, "hostPort": 81}]})),
            "host ports and container ports in port mappings must match",
        ),
        (
            container(json!({"secrets": [{"name": "A", "valueFrom": "x"}, {"name": "A", "valueFrom": "y"}]})),
            "Duplicate secret names found: A. Each secret name must be unique.",
        ),
        (
            container(json!({"secrets": [{"name": "A", "valueFrom": "x"}],
                "environment": [{"name": "A", "value": "y"}]})),
            "such as 'A'.",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_ecs_refuses_between_containers_is_refused_in_its_words() {
    let two = |one: Value, other: Value| json!({"containerDefinitions": [one, other]});
    refuses(vec![
        (
            container(json!({"dependsOn": [{"containerName": "none", "condition": "START"}]})),
            "is no other container of the task definition",
        ),
        (
            two(
                json!({"name": "a", "image": "i"}),
                json!({"name": "b", "image": "i", "dependsOn": [{"containerName": "a", "condition": "SUCCESS"}]}),
            ),
            "essential container 'a'",
        ),
        (
            two(
                json!({"name": "a", "image": "i"}),
                json!({"name": "b", "image": "i", "dependsOn": [{"containerName": "a", "condition": "HEALTHY"}]}),
            ),
            "which has no health check",
        ),
        (
            two(
                json!({"name": "a", "image": "i", "dependsOn": [{"containerName": "b", "condition": "START"}]}),
                json!({"name": "b", "image": "i", "dependsOn": [{"containerName": "a", "condition": "START"}]}),
            ),
            "cycles are not allowed",
        ),
        (
            two(
                json!({"name": "a", "image": "i", "portMappings": [{"containerPort": 80}]}),
                json!({"name": "b", "image": "i", "portMappings": [{"containerPort": 80}]}),
            ),
            "Port 80 is mapped twice",
        ),
        (
            two(json!({"name": "a", "image": "i"}), json!({"name": "a", "image": "i"})),
            "unique within a task: a",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn definitions_and_families_are_listed_in_pages_up_and_down() {
    let lab = Lab::start().await;
    for family in ["api", "web"] {
        for _ in 0..3 {
            lab.call("RegisterTaskDefinition", definition(json!({"family": family}))).await;
        }
    }
    lab.call("DeregisterTaskDefinition", json!({"taskDefinition": "web:2"})).await;
    for (sort, expected) in [
        ("ASC", ["api:1", "api:2", "api:3", "web:1", "web:3"]),
        ("DESC", ["web:3", "web:1", "api:3", "api:2", "api:1"]),
    ] {
        let mut found = Vec::new();
        let mut body = json!({"sort": sort, "maxResults": 2});
        loop {
            let page = lab.call("ListTaskDefinitions", body.clone()).await;
            let arns = page["taskDefinitionArns"].as_array().unwrap().clone();
            found.extend(arns.iter().map(|arn| arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned()));
            match page.get("nextToken") {
                Some(token) => body["nextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(found, expected, "{sort}");
    }
    let inactive = lab.call("ListTaskDefinitions", json!({"status": "INACTIVE"})).await;
    assert_eq!(inactive["taskDefinitionArns"].as_array().unwrap().len(), 1);
    let one = lab.call("ListTaskDefinitions", json!({"familyPrefix": "api"})).await;
    assert_eq!(one["taskDefinitionArns"].as_array().unwrap().len(), 3);
    let families = lab.call("ListTaskDefinitionFamilies", json!({"maxResults": 1})).await;
    assert_eq!(families["families"], json!(["api"]));
    let body = json!({"nextToken": families["nextToken"]});
    assert_eq!(lab.call("ListTaskDefinitionFamilies", body).await["families"], json!(["web"]));
}
