//! Tasks: their states, addresses, stop reasons, and what their driver is told.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use coxswain_local_aws::{Clock, Script};
use serde_json::{Value, json};

use crate::lab::{Lab, instant, with};

const SECOND: Duration = Duration::from_secs(1);

fn run_request(more: Value) -> Value {
    let body = json!({"cluster": "main", "taskDefinition": "web", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    with(body, more)
}

async fn describe(lab: &Lab, arn: &Value) -> Value {
    let body = json!({"cluster": "main", "tasks": [arn]});
    lab.call("DescribeTasks", body).await["tasks"][0].take()
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_through_its_states_and_each_is_dated() {
    let lab = Lab::start().await;
    lab.script("job:1", Script { exits: Some((SECOND * 5, 0)), ..Script::serves() });
    lab.register("job:1").await;
    let run = lab.call("RunTask", run_request(json!({"startedBy": "me"}))).await;
    let task = &run["tasks"][0];
    assert_eq!((&task["lastStatus"], &task["desiredStatus"]), (&json!("PROVISIONING"), &json!("RUNNING")));
    assert_eq!(task["group"], "family:web");
    assert_eq!(task["startedBy"], "me");
    let arn = &task["taskArn"];
    let mut seen = Vec::new();
    for _ in 0..90 {
        let status = describe(&lab, arn).await["lastStatus"].as_str().unwrap().to_owned();
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        lab.pass(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"]);
    let done = describe(&lab, arn).await;
    assert_eq!(done["stopCode"], "EssentialContainerExited");
    assert_eq!(done["containers"][0]["exitCode"], 0);
    let dates: Vec<f64> = [
        "createdAt",
        "pullStartedAt",
        "pullStoppedAt",
        "startedAt",
        "stoppingAt",
        "executionStoppedAt",
        "stoppedAt",
    ]
    .iter()
    .map(|name| done[*name].as_f64().unwrap_or_else(|| panic!("{name}")))
    .collect();
    assert!(dates.is_sorted(), "{dates:?}");
    lab.pass(Duration::from_hours(1)).await;
    let gone = lab.call("DescribeTasks", json!({"cluster": "main", "tasks": [arn]})).await;
    assert_eq!(gone["failures"][0]["reason"], "MISSING", "an hour after its end");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_gets_sigterm_and_after_its_timeout_sigkill() {
    let lab = Lab::with(instant()).await;
    lab.script("web:slow", Script { stops: (SECOND * 300, 0), ..Script::serves() });
    lab.register_container(json!({"name": "web", "image": "web:slow", "stopTimeout": 20})).await;
    let arn = lab.call("RunTask", run_request(json!({}))).await["tasks"][0]["taskArn"].take();
    lab.pass(SECOND * 5).await;
    let body = json!({"cluster": "main", "task": arn, "reason": "maintenance"});
    let stopping = lab.call("StopTask", body).await["task"].take();
    assert_eq!(stopping["desiredStatus"], "STOPPED");
    assert_eq!(stopping["lastStatus"], "STOPPING");
    lab.pass(SECOND * 19).await;
    assert_eq!(describe(&lab, &arn).await["lastStatus"], "STOPPING");
    lab.pass(SECOND * 2).await;
    let stopped = describe(&lab, &arn).await;
    assert_eq!(stopped["lastStatus"], "STOPPED");
    assert_eq!(stopped["containers"][0]["exitCode"], 137);
    assert_eq!(stopped["stopCode"], "UserInitiated");
    assert_eq!(stopped["stoppedReason"], "maintenance");
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_every_task_is_stopped_and_waited_for_and_none_is_replaced() {
    let lab = Lab::start().await;
    lab.script("web:good", Script { stops: (SECOND * 10, 0), ..Script::serves() });
    lab.steady(2, json!({})).await;
    let tasks = lab.tasks("RUNNING").await;
    let (driver, clock) = (Arc::clone(&lab.driver), Arc::clone(&lab.clock));
    let before = clock.now();
    let local = lab.shut_down().await;
    assert_eq!(clock.now().since(before), SECOND * 10);
    assert_eq!(driver.started().len(), 2);
    let arns: Vec<&Value> = tasks.iter().map(|task| &task["taskArn"]).collect();
    let body = json!({"cluster": "main", "tasks": arns}).to_string();
    let target = "AmazonEC2ContainerServiceV20141113.DescribeTasks";
    let request = http::Request::post("/").header("x-amz-target", target).body(body.into()).unwrap();
    let answer: Value = serde_json::from_slice(local.handle(request).await.unwrap().body()).unwrap();
    for task in answer["tasks"].as_array().unwrap() {
        assert_eq!(task["stopCode"], "UserInitiated");
        assert_eq!(task["containers"][0]["exitCode"], 0);
    }
    // A second loop would take the driver's reports from the first one: it ends at once.
    local.run(tokio_util::sync::CancellationToken::new()).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_stopped_before_it_ran_never_reaches_its_driver() {
    let lab = Lab::start().await;
    lab.register("web:1").await;
    let arn = lab.call("RunTask", run_request(json!({}))).await["tasks"][0]["taskArn"].take();
    lab.call("StopTask", json!({"cluster": "main", "task": arn})).await;
    lab.pass(SECOND * 5).await;
    assert_eq!(describe(&lab, &arn).await["lastStatus"], "STOPPED");
    assert!(lab.driver.started().is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_task_has_an_address_of_its_own_and_shows_it() {
    let lab = Lab::start().await;
    lab.steady(5, json!({})).await;
    let mut addresses = BTreeSet::new();
    for task in lab.tasks("RUNNING").await {
        let address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"].clone();
        let details = task["attachments"][0]["details"].as_array().unwrap();
        let detail = details.iter().find(|detail| detail["name"] == "privateIPv4Address").unwrap();
        assert_eq!(detail["value"], address);
        assert!(address.as_str().unwrap().starts_with("127."), "{address}");
        addresses.insert(address.as_str().unwrap().to_owned());
    }
    assert_eq!(addresses.len(), 5);
    let told: BTreeSet<String> = lab.driver.started().iter().map(|task| task.address.to_string()).collect();
    assert_eq!(told, addresses);
}

#[tokio::test(start_paused = true)]
async fn overrides_and_definition_reach_the_driver() {
    let lab = Lab::start().await;
    let container = json!({"name": "web", "image": "web:1", "command": ["serve"], "entryPoint": ["/run"],
        "workingDirectory": "/srv", "stopTimeout": 7, "portMappings": [{"containerPort": 8000}],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "healthCheck": {"command": ["CMD", "check"], "interval": 10}});
    lab.register_container(container).await;
    let overrides = json!({"containerOverrides": [{"name": "web", "command": ["once"],
        "environment": [{"name": "B", "value": "3"}]}]});
    let run = lab.call("RunTask", run_request(json!({"overrides": overrides}))).await;
    assert_eq!(run["tasks"][0]["overrides"]["containerOverrides"], overrides["containerOverrides"]);
    lab.pass(SECOND).await;
    let started = lab.driver.started();
    let spec = &started[0].containers[0];
    assert_eq!(spec.command, ["once"]);
    assert_eq!(spec.entry_point, ["/run"]);
    assert_eq!(spec.environment.get("A").unwrap(), "1");
    assert_eq!(spec.environment.get("B").unwrap(), "3");
    assert_eq!(spec.ports, [8000]);
    assert_eq!(spec.stop_timeout, SECOND * 7);
    let check = spec.health_check.as_ref().unwrap();
    assert_eq!((check.interval, check.timeout, check.retries), (SECOND * 10, SECOND * 5, 3));
    let body = run_request(json!({"overrides": {"containerOverrides": [{"name": "none"}]}}));
    lab.refused("RunTask", body).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_looked_up_when_the_task_starts_and_without_it_the_task_does_not() {
    let lab = Lab::start().await;
    let container = json!({"name": "web", "image": "web:1",
        "secrets": [{"name": "TOKEN", "valueFrom": "/prod/token"}]});
    lab.register_container(container).await;
    let arn = lab.call("RunTask", run_request(json!({}))).await["tasks"][0]["taskArn"].take();
    lab.pass(SECOND * 5).await;
    let failed = describe(&lab, &arn).await;
    assert_eq!(failed["stopCode"], "TaskFailedToStart");
    let reason = failed["stoppedReason"].as_str().unwrap();
    let words = "ResourceInitializationError: unable to pull secrets or registry auth:";
    assert!(reason.starts_with(words), "{reason}");
    assert!(lab.driver.started().is_empty());
    lab.local.put_parameter("/prod/token", "hunter2").unwrap();
    lab.call("RunTask", run_request(json!({}))).await;
    lab.pass(SECOND * 5).await;
    let started = lab.driver.started();
    assert_eq!(started[0].containers[0].environment.get("TOKEN").unwrap(), "hunter2");
}

#[tokio::test(start_paused = true)]
async fn containers_start_in_the_order_of_their_dependencies_and_the_task_runs_when_all_have() {
    let lab = Lab::with(instant()).await;
    lab.script("init:1", Script { exits: Some((SECOND * 3, 0)), ..Script::serves() });
    let body = json!({"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [
            {"name": "web", "image": "web:1", "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]},
            {"name": "init", "image": "init:1", "essential": false}]});
    lab.call("RegisterTaskDefinition", body).await;
    let arn = lab.call("RunTask", run_request(json!({}))).await["tasks"][0]["taskArn"].take();
    lab.pass(SECOND * 4).await;
    let task = describe(&lab, &arn).await;
    assert_eq!(task["lastStatus"], "PENDING");
    assert_eq!(task["containers"][1]["lastStatus"], "RUNNING");
    assert_eq!(task["containers"][0]["lastStatus"], "PENDING");
    lab.pass(SECOND * 4).await;
    let task = describe(&lab, &arn).await;
    assert_eq!(task["lastStatus"], "RUNNING");
    assert_eq!(task["containers"][1]["exitCode"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_is_as_healthy_as_its_worst_essential_container() {
    let lab = Lab::with(instant()).await;
    let check = json!({"command": ["CMD", "x"]});
    let body = json!({"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [
            {"name": "a", "image": "web:1", "healthCheck": check},
            {"name": "b", "image": "web:1", "healthCheck": check},
            {"name": "c", "image": "sick:1", "healthCheck": check, "essential": false},
            {"name": "d", "image": "web:1"}]});
    lab.script("sick:1", Script::unhealthy_after(SECOND));
    lab.call("RegisterTaskDefinition", body).await;
    let arn = lab.call("RunTask", run_request(json!({}))).await["tasks"][0]["taskArn"].take();
    lab.pass(SECOND * 10).await;
    assert_eq!(describe(&lab, &arn).await["healthStatus"], "HEALTHY");
    let id = arn.as_str().unwrap().rsplit('/').next().unwrap();
    lab.driver.set_health(id, "b", false);
    lab.pass(SECOND).await;
    let task = describe(&lab, &arn).await;
    assert_eq!(task["healthStatus"], "UNHEALTHY");
    assert_eq!(task["containers"][3]["healthStatus"], "UNKNOWN");
}

#[tokio::test(start_paused = true)]
async fn the_same_client_token_runs_a_task_once() {
    let lab = Lab::start().await;
    lab.register("web:1").await;
    let first = lab.call("RunTask", run_request(json!({"clientToken": "one", "count": 2}))).await;
    let again = lab.call("RunTask", run_request(json!({"clientToken": "one", "count": 2}))).await;
    assert_eq!(first["tasks"][0]["taskArn"], again["tasks"][0]["taskArn"]);
    let (code, _) = lab.refused("RunTask", run_request(json!({"clientToken": "one", "count": 1}))).await;
    assert_eq!(code, "ConflictException");
    let listed = lab.call("ListTasks", json!({"cluster": "main", "family": "web"})).await;
    assert_eq!(listed["taskArns"].as_array().unwrap().len(), 2);
    lab.refused("RunTask", run_request(json!({"count": 11}))).await;
}

#[tokio::test(start_paused = true)]
async fn tasks_are_listed_by_service_starter_and_status_in_pages() {
    let lab = Lab::start().await;
    lab.steady(5, json!({})).await;
    lab.call("RunTask", run_request(json!({"startedBy": "me"}))).await;
    let listed = |body: Value| {
        let lab = &lab;
        async move { lab.call("ListTasks", body).await["taskArns"].as_array().unwrap().len() }
    };
    assert_eq!(listed(json!({"cluster": "main"})).await, 6);
    assert_eq!(listed(json!({"cluster": "main", "serviceName": "web"})).await, 5);
    assert_eq!(listed(json!({"cluster": "main", "startedBy": "me"})).await, 1);
    assert_eq!(listed(json!({"cluster": "main", "desiredStatus": "STOPPED"})).await, 0);
    let id = lab.primary().await["id"].clone();
    assert_eq!(listed(json!({"cluster": "main", "startedBy": id})).await, 5);
    let page = lab.call("ListTasks", json!({"cluster": "main", "maxResults": 4})).await;
    assert_eq!(page["taskArns"].as_array().unwrap().len(), 4);
    assert_eq!(listed(json!({"cluster": "main", "nextToken": page["nextToken"]})).await, 2);
}

#[tokio::test(start_paused = true)]
async fn the_log_stream_of_a_container_is_found_by_its_awslogs_options() {
    let lab = Lab::start().await;
    let options =
        json!({"awslogs-group": "/main/web", "awslogs-stream-prefix": "web", "awslogs-region": "us-east-1"});
    let container = json!({"name": "web", "image": "web:1",
        "logConfiguration": {"logDriver": "awslogs", "options": options}});
    lab.script("web:1", Script::exits(SECOND, 3));
    lab.register_container(container).await;
    let arn = lab.call("RunTask", run_request(json!({}))).await["tasks"][0]["taskArn"].take();
    lab.pass(Duration::from_hours(3)).await;
    let id = arn.as_str().unwrap().rsplit('/').next().unwrap();
    let body = json!({"logGroupName": "/main/web", "logStreamName": format!("web/web/{id}")});
    let (status, answer) = lab.send("Logs_20140328.GetLogEvents", body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["events"][0]["message"], "fatal: ends with 3", "also when the task is forgotten");
}
