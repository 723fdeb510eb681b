//! What ECS says of itself, and what CloudTrail says of calls to it, as a queue receives it.

use std::time::Duration;

use coxswain_ecs_shapes::{events, sqs};
use coxswain_local_aws::{Config, Script, Timing};
use http::Request;
use serde_json::{Value, json};

use crate::lab::{Lab, breaker, create_request, instant};

/// What the event of a stopped Fargate task has. Source: the example in *dev guide* ecs_task_events.html,
/// but for `ephemeralStorage`.
const OF_A_TASKS_EVENT: [&str; 26] = [
    "attachments",
    "attributes",
    "availabilityZone",
    "clusterArn",
    "connectivity",
    "connectivityAt",
    "containers",
    "cpu",
    "createdAt",
    "desiredStatus",
    "enableExecuteCommand",
    "executionStoppedAt",
    "group",
    "lastStatus",
    "launchType",
    "memory",
    "overrides",
    "platformVersion",
    "pullStartedAt",
    "startedAt",
    "stoppedAt",
    "stoppingAt",
    "taskArn",
    "taskDefinitionArn",
    "updatedAt",
    "version",
];

/// A lab that sends all events to the queue `events`.
async fn listening(config: Config) -> Lab {
    let lab = Lab::with(config).await;
    lab.local.send_events_to("events").unwrap();
    lab
}

async fn ask(lab: &Lab, prefix: &str, operation: &str, body: Value) -> Value {
    let (status, answer) = lab.send(&format!("{prefix}.{operation}"), body.to_string()).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

/// Every event that is in the queue, with the messages deleted.
async fn received(lab: &Lab) -> Vec<Value> {
    let url = "https://sqs.us-east-1.amazonaws.com/123456789012/events";
    let mut found = Vec::new();
    loop {
        let body = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
        let answer = ask(lab, sqs().target_prefix, "ReceiveMessage", body).await;
        let Some(messages) = answer["Messages"].as_array() else { return found };
        for message in messages {
            found.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
            let body = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
            ask(lab, sqs().target_prefix, "DeleteMessage", body).await;
        }
    }
}

fn of<'a>(events: &'a [Value], detail_type: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["detail-type"] == detail_type).collect()
}

fn texts(events: &[&Value], member: &str) -> Vec<String> {
    events.iter().map(|event| event["detail"][member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tasks_life_is_told_step_by_step_with_rising_versions() {
    let lab = listening(Config::default()).await;
    lab.steady(1, json!({})).await;
    let arn = lab.tasks("RUNNING").await[0]["taskArn"].as_str().unwrap().to_owned();
    lab.call("StopTask", json!({"cluster": "main", "task": arn, "reason": "by hand"})).await;
    lab.pass(Duration::from_mins(1)).await;
    let events = received(&lab).await;
    let changes = of(&events, "ECS Task State Change");
    let changes: Vec<&Value> =
        changes.into_iter().filter(|event| event["resources"] == json!([arn])).collect();
    let mut states = texts(&changes, "lastStatus");
    states.dedup();
    assert_eq!(states, ["PROVISIONING", "PENDING", "RUNNING", "STOPPING", "DEPROVISIONING", "STOPPED"]);
    let versions: Vec<u64> =
        changes.iter().map(|event| event["detail"]["version"].as_u64().unwrap()).collect();
    assert!(versions.is_sorted_by(|one, other| one < other), "{versions:?}");
    let last = &changes.last().unwrap()["detail"];
    let members = [
        ("stoppedReason", "by hand"),
        ("stopCode", "UserInitiated"),
        ("group", "service:web"),
        ("taskArn", arn.as_str()),
        ("clusterArn", "arn:aws:ecs:us-east-1:123456789012:cluster/main"),
    ];
    for (member, value) in members {
        assert_eq!(last[member], value);
    }
    let absent: Vec<&str> = OF_A_TASKS_EVENT.into_iter().filter(|name| last.get(*name).is_none()).collect();
    assert!(absent.is_empty(), "{absent:?} of {last}");
    assert_eq!(last["attachments"][0]["type"], "eni");
    assert!(last["stoppedAt"].as_str().unwrap().ends_with('Z'), "{last}");
    assert!(last.get("tags").is_none());
}

#[tokio::test(start_paused = true)]
async fn deployments_and_the_steady_state_are_told() {
    let lab = listening(instant()).await;
    lab.script("web:bad", Script::exits(Duration::from_secs(1), 1));
    lab.steady(1, breaker(true)).await;
    let bad = lab.register("web:bad").await;
    lab.update(json!({"taskDefinition": bad})).await;
    lab.until_over().await;
    let events = received(&lab).await;
    let deployments = of(&events, "ECS Deployment State Change");
    let expected = [
        ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
        ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
        ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
    ];
    let told: Vec<(String, String)> =
        texts(&deployments, "eventType").into_iter().zip(texts(&deployments, "eventName")).collect();
    let told: Vec<(&str, &str)> = told.iter().map(|(kind, name)| (kind.as_str(), name.as_str())).collect();
    assert_eq!(told, expected);
    let ids = texts(&deployments, "deploymentId");
    assert_eq!((&ids[0], &ids[2]), (&ids[4], &ids[3]), "the rollback is the first deployment again");
    let reason = "ECS deployment circuit breaker: tasks failed to start.";
    assert_eq!(deployments[3]["detail"]["reason"], reason);
    assert_eq!(deployments[0]["resources"], json!(["arn:aws:ecs:us-east-1:123456789012:service/main/web"]));
    let actions = of(&events, "ECS Service Action");
    assert_eq!(texts(&actions, "eventName")[0], "SERVICE_STEADY_STATE");
    assert_eq!(actions[0]["detail"]["clusterArn"], "arn:aws:ecs:us-east-1:123456789012:cluster/main");
}

#[tokio::test(start_paused = true)]
async fn calls_that_write_are_told_late_with_who_made_them_and_reads_are_not() {
    let timing = Timing { api_call_delivery: Duration::from_secs(30), ..Timing::default() };
    let lab = listening(Config { timing, ..Config::default() }).await;
    let body = create_request("none:1", 1, json!({}));
    let request = Request::post("/")
        .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.CreateService")
        .header("user-agent", "terraform/1.9")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261125/us-east-1/ecs/aws4_request",
        );
    lab.local.handle(request.body(body.to_string().into()).unwrap()).await.unwrap();
    lab.call("DescribeClusters", json!({})).await;
    lab.pass(Duration::from_secs(29)).await;
    assert!(received(&lab).await.is_empty());
    lab.pass(Duration::from_millis(1_001)).await;
    let events = received(&lab).await;
    assert_eq!(events.len(), 1, "{events:#?}");
    let detail = &events[0]["detail"];
    assert_eq!(events[0]["detail-type"], "AWS API Call via CloudTrail");
    assert_eq!(
        (&detail["eventSource"], &detail["eventName"]),
        (&json!("ecs.amazonaws.com"), &json!("CreateService"))
    );
    assert_eq!(detail["requestParameters"]["serviceName"], "web");
    assert_eq!(detail["userAgent"], "terraform/1.9");
    assert_eq!(detail["sourceIPAddress"], "127.0.0.1");
    assert_eq!(detail["userIdentity"]["accessKeyId"], "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(detail["errorCode"], "ClientException");
    assert_eq!(detail["responseElements"], Value::Null);
    assert_eq!(detail["readOnly"], false);
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_ones_own_hears_what_its_pattern_names() {
    let lab = Lab::with(instant()).await;
    lab.local.create_queue("events").unwrap();
    let pattern = json!({"detail-type": ["ECS Task State Change"], "detail": {"lastStatus": ["RUNNING"]}});
    let rule = json!({"Name": "running", "EventPattern": pattern.to_string()});
    ask(&lab, events().target_prefix, "PutRule", rule).await;
    let target = json!({"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:events"});
    let targets = json!({"Rule": "running", "Targets": [target]});
    ask(&lab, events().target_prefix, "PutTargets", targets).await;
    lab.steady(2, json!({})).await;
    let received = received(&lab).await;
    assert_eq!(received.len(), 2, "{received:#?}");
}

#[tokio::test(start_paused = true)]
async fn faults_of_events_come_by_the_admin_call_and_spare_the_requests() {
    let lab = listening(instant()).await;
    let (status, now) = lab.local_api("POST", "/faults", "lose-event:*").await;
    assert_eq!((status, &now["eventFaults"][0]["fault"]), (200, &json!("lose")));
    let object = r#"{"detailType": "ECS Service Action", "fault": "double", "when": {"first": 1}}"#;
    assert_eq!(lab.local_api("POST", "/faults", object).await.0, 200);
    lab.steady(1, json!({})).await;
    assert!(received(&lab).await.is_empty());
    let (_, now) = lab.local_api("DELETE", "/faults", "").await;
    assert_eq!(now["eventFaults"], json!([]));
    lab.update(json!({"desiredCount": 2})).await;
    lab.until_stable().await;
    assert!(!received(&lab).await.is_empty());
}
