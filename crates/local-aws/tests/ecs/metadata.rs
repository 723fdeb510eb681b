//! What a task finds at its metadata and credentials endpoints.

use std::{collections::BTreeMap, time::Duration};

use coxswain_local_aws::Script;
use http::Request;
use serde_json::{Value, json};

use crate::lab::{Lab, with};

const SECOND: Duration = Duration::from_secs(1);
const URL: &str = "http://127.0.0.1:4580";

/// A lab whose tasks find their endpoints under [`URL`].
async fn served() -> Lab {
    let lab = Lab::start().await;
    lab.local.served_at(&format!("{URL}/"));
    lab
}

async fn register(lab: &Lab, more: Value) {
    let options =
        json!({"awslogs-group": "/main/web", "awslogs-stream-prefix": "app", "awslogs-region": "us-east-1"});
    let container = json!({"name": "web", "image": "shop/web:1", "cpu": 64, "memory": 128,
        "environment": [{"name": "AWS_REGION", "value": "eu-north-1"},
            {"name": "ECS_CONTAINER_METADATA_URI_V4", "value": "http://192.0.2.1"}],
        "healthCheck": {"command": ["CMD", "true"]},
        "logConfiguration": {"logDriver": "awslogs", "options": options}});
    let body = json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512",
        "containerDefinitions": [container, {"name": "side", "image": "side:1", "essential": false}],
    });
    lab.call("RegisterTaskDefinition", with(body, more)).await;
}

async fn run(lab: &Lab) -> Value {
    let body = json!({"cluster": "main", "taskDefinition": "web", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    let mut task = lab.call("RunTask", body).await["tasks"][0].take();
    lab.pass(SECOND * 10).await;
    task = lab.call("DescribeTasks", json!({"cluster": "main", "tasks": [task["taskArn"]]})).await["tasks"]
        [0]
    .take();
    task
}

/// The environment of the newest task's first container.
fn environment(lab: &Lab) -> BTreeMap<String, String> {
    lab.driver.started().pop().unwrap().containers[0].environment.clone()
}

/// Status and body at a URL of the endpoints, which must lead to this local ECS.
async fn get(lab: &Lab, url: &str) -> (u16, Value) {
    let path = url.strip_prefix(URL).unwrap_or_else(|| panic!("{url}"));
    let answer = lab.local.handle(Request::get(path).body("".into()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

async fn ask(lab: &Lab, url: &str) -> Value {
    let (status, body) = get(lab, url).await;
    assert_eq!(status, 200, "{url}: {body}");
    body
}

#[tokio::test(start_paused = true)]
async fn the_variables_are_those_that_ecs_sets_and_the_task_definitions_region_wins() {
    let lab = served().await;
    register(&lab, json!({"taskRoleArn": ""})).await;
    run(&lab).await;
    let found = environment(&lab);
    assert_eq!(found["AWS_EXECUTION_ENV"], "AWS_ECS_FARGATE");
    assert_eq!(
        (found["AWS_REGION"].as_str(), found["AWS_DEFAULT_REGION"].as_str()),
        ("eu-north-1", "us-east-1")
    );
    let side = lab.driver.started().pop().unwrap().containers[1].environment.clone();
    assert_eq!(side["AWS_REGION"], "us-east-1");
    let metadata = &found["ECS_CONTAINER_METADATA_URI_V4"];
    let id = metadata.strip_prefix(&format!("{URL}/v4/")).unwrap();
    assert_eq!(id.len(), 32);
    assert!(!found.contains_key("AWS_CONTAINER_CREDENTIALS_FULL_URI"), "there is no task role");

    let unserved = Lab::start().await;
    register(&unserved, json!({})).await;
    run(&unserved).await;
    assert_eq!(environment(&unserved)["ECS_CONTAINER_METADATA_URI_V4"], "http://192.0.2.1");
}

#[tokio::test(start_paused = true)]
async fn a_container_and_its_task_are_described_as_ecs_documents_it() {
    let lab = served().await;
    register(&lab, json!({})).await;
    let task = run(&lab).await;
    let url = &environment(&lab)["ECS_CONTAINER_METADATA_URI_V4"];
    let container = ask(&lab, url).await;
    let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let described = &task["containers"][0];
    let address = &described["networkInterfaces"][0]["privateIpv4Address"];
    assert!(described["imageDigest"].as_str().unwrap().starts_with("sha256:"), "{described}");
    let date = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let mac = &task["attachments"][0]["details"][2]["value"];
    let expected = json!({
        "DockerId": described["runtimeId"], "Name": "web", "DockerName": "web", "Image": "shop/web:1",
        "ImageID": described["imageDigest"],
        "Labels": {
            "com.amazonaws.ecs.cluster": task["clusterArn"],
            "com.amazonaws.ecs.container-name": "web",
            "com.amazonaws.ecs.task-arn": task["taskArn"],
            "com.amazonaws.ecs.task-definition-family": "web",
            "com.amazonaws.ecs.task-definition-version": "1",
        },
        "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Limits": {"CPU": 64, "Memory": 128},
        "CreatedAt": container["CreatedAt"], "StartedAt": container["StartedAt"], "Type": "NORMAL",
        "LogDriver": "awslogs",
        "LogOptions": {"awslogs-group": "/main/web", "awslogs-region": "us-east-1",
            "awslogs-stream": format!("app/web/{id}")},
        "ContainerARN": described["containerArn"],
        "Health": {"status": "HEALTHY", "statusSince": container["Health"]["statusSince"]},
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": [address], "AttachmentIndex": 0,
            "MACAddress": mac, "IPv4SubnetCIDRBlock": "127.64.0.0/10"}],
    });
    assert_eq!(container, expected);
    assert!(date(&container["Health"]["statusSince"]) > date(&container["StartedAt"]));

    let shown = ask(&lab, &format!("{url}/task")).await;
    let expected = json!({
        "Cluster": task["clusterArn"], "TaskARN": task["taskArn"], "Family": "web", "Revision": "1",
        "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Limits": {"CPU": 0.25, "Memory": 512},
        "PullStartedAt": shown["PullStartedAt"], "PullStoppedAt": shown["PullStoppedAt"],
        "AvailabilityZone": "us-east-1a", "LaunchType": "FARGATE", "FaultInjectionEnabled": false,
        "Containers": [container, shown["Containers"][1]],
    });
    assert_eq!(shown, expected);
    assert_eq!(shown["Containers"][1]["Limits"], json!({"CPU": 0}));
    assert!(date(&shown["PullStartedAt"]) <= date(&shown["PullStoppedAt"]));
    assert_eq!(ask(&lab, &format!("{url}/stats")).await, Value::Null, "nothing is measured in a script");
}

#[tokio::test(start_paused = true)]
async fn a_task_of_a_service_is_told_its_service() {
    let lab = served().await;
    lab.steady(1, json!({})).await;
    let shown = ask(&lab, &format!("{}/task", environment(&lab)["ECS_CONTAINER_METADATA_URI_V4"])).await;
    assert_eq!(shown["ServiceName"], "web");
}

#[tokio::test(start_paused = true)]
async fn a_path_leads_to_its_own_task_only_and_no_further_than_it() {
    let lab = served().await;
    register(&lab, json!({"taskRoleArn": "arn:aws:iam::123456789012:role/task"})).await;
    let (one, other) = (run(&lab).await, run(&lab).await);
    let mut urls = Vec::new();
    for (task, spec) in [one, other].iter().zip(lab.driver.started()) {
        for container in spec.containers {
            let url = container.environment["ECS_CONTAINER_METADATA_URI_V4"].clone();
            assert_eq!(ask(&lab, &url).await["Name"], container.name.as_str());
            assert_eq!(ask(&lab, &format!("{url}/task")).await["TaskARN"], task["taskArn"]);
            urls.push(url);
        }
    }
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 4, "each container has an id of its own");
    let id = urls[0].rsplit('/').next().unwrap();
    for nowhere in
        ["/v4/", "/v4/0", "/v4/0/task", &format!("/v4/{id}/secrets"), &format!("/v2/credentials/{id}")]
    {
        assert_eq!(get(&lab, &format!("{URL}{nowhere}")).await.0, 404, "{nowhere}");
    }
    let posted = Request::post(format!("/v4/{id}")).body("".into()).unwrap();
    assert_eq!(lab.local.handle(posted).await.unwrap().status(), 405);
}

#[tokio::test(start_paused = true)]
async fn a_tasks_role_has_credentials_that_end_and_are_renewed_before_it() {
    let lab = served().await;
    register(&lab, json!({"taskRoleArn": "arn:aws:iam::123456789012:role/task"})).await;
    run(&lab).await;
    let environment = environment(&lab);
    let url = &environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    assert!(url.starts_with(&format!("{URL}/v2/credentials/")), "{url}");
    let first = ask(&lab, url).await;
    assert_eq!(first["RoleArn"], "arn:aws:iam::123456789012:role/task");
    let names: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(names, ["AccessKeyId", "Expiration", "RoleArn", "SecretAccessKey", "Token"]);
    lab.pass(Duration::from_hours(5)).await;
    let second = ask(&lab, url).await;
    assert_ne!(second["Token"], first["Token"]);
    let described = lab.call("DescribeTaskDefinition", json!({"taskDefinition": "web"})).await.to_string();
    assert!(!described.contains(first["SecretAccessKey"].as_str().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn the_paths_of_a_task_end_when_it_is_described_no_longer() {
    let lab = served().await;
    register(&lab, json!({"taskRoleArn": "arn:aws:iam::123456789012:role/task"})).await;
    lab.script("shop/web:1", Script { health: Vec::new(), ..Script::exits(SECOND, 3) });
    let task = run(&lab).await;
    assert_eq!(task["lastStatus"], "STOPPED");
    let environment = environment(&lab);
    let (metadata, credentials) =
        (&environment["ECS_CONTAINER_METADATA_URI_V4"], &environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
    let container = ask(&lab, metadata).await;
    assert_eq!((&container["KnownStatus"], &container["ExitCode"]), (&json!("STOPPED"), &json!(3)));
    assert!(container["FinishedAt"].is_string(), "{container}");
    lab.pass(Duration::from_hours(1)).await;
    assert_eq!(get(&lab, metadata).await.0, 404);
    assert_eq!(get(&lab, credentials).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_file_of_variables_in_s3_fails_the_task_by_name() {
    let lab = served().await;
    let file = "arn:aws:s3:::settings/web.env";
    let container = json!({"name": "web", "image": "web:1",
        "environmentFiles": [{"type": "s3", "value": file}]});
    lab.register_container(container).await;
    let task = run(&lab).await;
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = task["stoppedReason"].as_str().unwrap();
    assert!(reason.starts_with("ResourceInitializationError: failed to download env files: "), "{reason}");
    assert!(reason.contains(file), "{reason}");
    assert!(lab.driver.started().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_task_of_a_service_protects_itself_and_a_single_one_is_told_that_it_cannot() {
    let lab = served().await;
    lab.steady(1, json!({})).await;
    let url = format!("{}/task-protection/v1/state", environment(&lab)["ECS_AGENT_URI"]);
    let put = |url: String, body: Value| {
        let local = &lab.local;
        async move {
            let path = url.strip_prefix(URL).unwrap().to_owned();
            let answer =
                local.handle(Request::put(path).body(body.to_string().into()).unwrap()).await.unwrap();
            (answer.status().as_u16(), serde_json::from_slice::<Value>(answer.body()).unwrap())
        }
    };
    assert_eq!(ask(&lab, &url).await["protection"]["ProtectionEnabled"], false);
    let (status, told) = put(url.clone(), json!({"ProtectionEnabled": true, "ExpiresInMinutes": 10})).await;
    let task = lab.tasks("RUNNING").await.remove(0);
    assert_eq!((status, &told["protection"]["TaskArn"]), (200, &task["taskArn"]));
    assert_eq!(told["protection"]["ProtectionEnabled"], true);
    assert!(told["protection"]["ExpirationDate"].as_str().unwrap().ends_with('Z'), "{told}");
    assert_eq!(ask(&lab, &url).await, told);
    lab.update(json!({"desiredCount": 0})).await;
    lab.pass(SECOND * 500).await;
    assert_eq!(lab.tasks("RUNNING").await.len(), 1);
    let (status, told) = put(url.clone(), json!({"ExpiresInMinutes": 10})).await;
    assert_eq!((status, &told["error"]["Code"]), (400, &json!("InvalidParameterException")));
    assert_eq!(told["error"]["Arn"], task["taskArn"]);
    put(url, json!({"ProtectionEnabled": false})).await;
    lab.pass(SECOND * 5).await;
    assert!(lab.tasks("RUNNING").await.is_empty());

    register(&lab, json!({})).await;
    run(&lab).await;
    let url = format!("{}/task-protection/v1/state", environment(&lab)["ECS_AGENT_URI"]);
    assert_eq!(put(url, json!({"ProtectionEnabled": true})).await.1["failure"]["Reason"], "TASK_NOT_VALID");
    let nowhere = format!("{URL}/api/0/task-protection/v1/state");
    assert_eq!(get(&lab, &nowhere).await.0, 404);
}
