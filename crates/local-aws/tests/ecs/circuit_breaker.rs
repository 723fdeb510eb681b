//! The circuit breaker, its rollback, and the start back-off.

use std::time::Duration;

use coxswain_local_aws::Script;
use serde_json::{Value, json};

use crate::lab::{Lab, breaker, create_request};

const SECOND: Duration = Duration::from_secs(1);

fn failed(service: &Value) -> bool {
    service["deployments"].as_array().unwrap().iter().any(|one| one["rolloutState"] == "FAILED")
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_start_trips_the_breaker_and_the_old_deployment_id_comes_back() {
    let lab = Lab::start().await;
    let good = lab.steady(2, breaker(true)).await;
    let old = lab.primary().await["id"].as_str().unwrap().to_owned();
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    let new = lab.update(json!({"taskDefinition": bad})).await["deployments"][0]["id"].clone();
    let tripped = lab.until("fails", failed).await;
    assert_eq!(tripped["deployments"][0]["id"], old.as_str());
    assert_eq!(tripped["deployments"][0]["status"], "PRIMARY");
    assert_eq!(tripped["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(
        tripped["deployments"][0]["rolloutStateReason"],
        format!("ECS deployment circuit breaker: rolling back to deploymentId {old}.")
    );
    assert_eq!(tripped["deployments"][0]["failedTasks"], 0);
    assert_eq!(tripped["deployments"][1]["id"], new);
    assert_eq!(tripped["deployments"][1]["status"], "ACTIVE");
    assert_eq!(
        tripped["deployments"][1]["rolloutStateReason"],
        "ECS deployment circuit breaker: tasks failed to start."
    );
    assert_eq!(tripped["taskDefinition"], good.as_str());
    lab.until_stable().await;
    let primary = lab.primary().await;
    assert_eq!(primary["id"], old.as_str());
    assert_eq!(primary["rolloutStateReason"], format!("ECS deployment {old} completed."));
    assert_eq!(lab.service().await["taskDefinition"], good.as_str());
}

#[tokio::test(start_paused = true)]
async fn the_old_tasks_serve_all_through_a_failed_rollout() {
    let lab = Lab::start().await;
    lab.steady(2, breaker(true)).await;
    let before: Vec<Value> = lab.tasks("RUNNING").await.iter().map(|task| task["taskArn"].clone()).collect();
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    lab.update(json!({"taskDefinition": bad})).await;
    for _ in 0..600 {
        let running = lab.tasks("RUNNING").await;
        let still = running.iter().filter(|task| before.contains(&task["taskArn"])).count();
        assert_eq!(still, 2);
        lab.pass(Duration::from_millis(200)).await;
    }
    lab.until_stable().await;
    let stopped = lab.tasks("STOPPED").await;
    assert!(!stopped.is_empty());
    for task in stopped {
        assert_eq!(task["stopCode"], "EssentialContainerExited");
        assert_eq!(task["stoppedReason"], "Essential container in task exited");
        assert_eq!(task["containers"][0]["exitCode"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_rollback_nothing_is_tried_again_for_hours() {
    let lab = Lab::start().await;
    lab.steady(2, breaker(true)).await;
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    lab.update(json!({"taskDefinition": bad})).await;
    lab.until("fails", failed).await;
    lab.until_stable().await;
    let started = lab.driver.started().len();
    lab.pass(Duration::from_hours(5)).await;
    assert_eq!(lab.driver.started().len(), started);
    let statuses: Vec<Value> =
        lab.service_deployments().await.iter().map(|deployment| deployment["status"].clone()).collect();
    assert_eq!(statuses, ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_deployment_tells_of_the_rollback_and_the_breaker() {
    let lab = Lab::start().await;
    lab.steady(1, breaker(true)).await;
    let old_revision = lab.service_deployments().await[0]["targetServiceRevision"]["arn"].clone();
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    lab.update(json!({"taskDefinition": bad})).await;
    lab.pass(SECOND).await;
    let monitoring = &lab.service_deployments().await[0];
    assert_eq!(monitoring["status"], "IN_PROGRESS");
    assert_eq!(
        monitoring["deploymentCircuitBreaker"],
        json!({"status": "MONITORING", "failureCount": 0, "threshold": 3})
    );
    lab.until("fails", failed).await;
    lab.until_stable().await;
    let done = &lab.service_deployments().await[0];
    let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    assert_eq!(done["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(done["statusReason"], reason);
    assert_eq!(done["rollback"]["serviceRevisionArn"], old_revision);
    assert_eq!(
        done["deploymentCircuitBreaker"],
        json!({"status": "TRIGGERED", "failureCount": 3, "threshold": 3})
    );
    assert!(done["finishedAt"].as_f64() > done["startedAt"].as_f64());
}

#[tokio::test(start_paused = true)]
async fn without_rollback_the_failed_deployment_stays_primary_and_launches_nothing() {
    let lab = Lab::start().await;
    lab.steady(2, breaker(false)).await;
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    lab.update(json!({"taskDefinition": bad})).await;
    lab.until("fails", failed).await;
    lab.pass(SECOND * 30).await;
    let started = lab.driver.started().len();
    lab.pass(Duration::from_hours(2)).await;
    assert_eq!(lab.driver.started().len(), started);
    let service = lab.service().await;
    assert_eq!(service["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(service["deployments"][0]["taskDefinition"], bad.as_str());
    assert_eq!(service["deployments"][1]["status"], "ACTIVE");
    assert_eq!(service["runningCount"], 2, "the old tasks stay");
    assert_eq!(lab.service_deployments().await[0]["status"], "STOPPED");
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_fails_has_nowhere_to_return_to() {
    let lab = Lab::start().await;
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    lab.create(&bad, 1, breaker(true)).await;
    lab.until("fails", failed).await;
    lab.pass(Duration::from_hours(1)).await;
    assert_eq!(lab.primary().await["rolloutState"], "FAILED");
    let deployment = &lab.service_deployments().await[0];
    assert_eq!(deployment["status"], "ROLLBACK_FAILED");
    assert_eq!(deployment["statusReason"], "No rollback candidate was found to run the rollback.");
}

#[tokio::test(start_paused = true)]
async fn a_failed_deployment_is_overcome_by_a_new_one() {
    let lab = Lab::start().await;
    lab.steady(1, breaker(false)).await;
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    lab.update(json!({"taskDefinition": bad})).await;
    lab.until("fails", failed).await;
    let next = lab.register("web:3").await;
    lab.update(json!({"taskDefinition": next})).await;
    lab.until_stable().await;
    assert_eq!(lab.service().await["taskDefinition"], next.as_str());
}

#[tokio::test(start_paused = true)]
async fn failed_health_checks_trip_the_breaker_too() {
    let lab = Lab::start().await;
    let good = lab.register_checked("web:good").await;
    lab.create(&good, 1, breaker(true)).await;
    lab.until_stable().await;
    lab.script("web:sick", Script::unhealthy_after(SECOND * 5));
    let sick = lab.register_checked("web:sick").await;
    lab.update(json!({"taskDefinition": sick})).await;
    lab.until("fails", failed).await;
    lab.until_stable().await;
    assert_eq!(lab.service().await["taskDefinition"], good.as_str());
    assert!(lab.events().await.iter().any(|event| event.ends_with("failed container health checks.")));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_healthy_and_exits_later_does_not_trip_the_breaker() {
    let lab = Lab::start().await;
    lab.script("web:1", Script::exits(SECOND * 60, 1));
    let arn = lab.register("web:1").await;
    lab.create(&arn, 1, breaker(true)).await;
    lab.pass(Duration::from_hours(1)).await;
    assert!(!failed(&lab.service().await));
    assert!(lab.driver.started().len() > 10, "it is replaced each time");
}

#[tokio::test(start_paused = true)]
async fn a_healthy_task_sets_the_count_back_unless_it_is_cumulative() {
    for (resets, trips) in [(true, false), (false, true)] {
        let lab = Lab::start().await;
        let configuration = json!({"deploymentConfiguration": {"minimumHealthyPercent": 0,
            "deploymentCircuitBreaker": {"enable": true, "rollback": false, "resetOnHealthyTask": resets}}});
        let arn = lab.register_checked("web:1").await;
        // Two tasks, of which one is healthy at once and the other never becomes it.
        lab.create(&arn, 3, configuration).await;
        for round in 0..4 {
            lab.pass(Duration::from_millis(2_500)).await;
            let tasks = lab.tasks("RUNNING").await;
            let young = tasks.iter().filter(|task| task["healthStatus"] == "UNKNOWN");
            let ids: Vec<String> = young.map(|task| last_part(&task["taskArn"])).collect();
            // One of the new tasks crashes in each round, the others become healthy; one healthy task
            // dies of old age, so that the next round has a new one.
            if let Some(id) = ids.first() {
                lab.driver.exit(id, "web", 1);
            }
            lab.pass(SECOND * 4).await;
            let tasks = lab.tasks("RUNNING").await;
            let healthy = tasks.iter().find(|task| task["healthStatus"] == "HEALTHY");
            if let Some(task) = healthy.filter(|_| round < 3) {
                lab.driver.exit(&last_part(&task["taskArn"]), "web", 0);
            }
        }
        assert_eq!(failed(&lab.service().await), trips, "resetOnHealthyTask {resets}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_tasks_are_shown_until_a_task_becomes_healthy() {
    let lab = Lab::start().await;
    lab.script("web:1", Script { health: vec![(SECOND * 30, true)], ..Script::serves() });
    let arn = lab.register_checked("web:1").await;
    lab.create(&arn, 2, json!({})).await;
    lab.pass(SECOND * 5).await;
    let first = last_part(&lab.tasks("RUNNING").await[0]["taskArn"]);
    lab.driver.exit(&first, "web", 1);
    lab.pass(SECOND * 5).await;
    assert_eq!(lab.primary().await["failedTasks"], 1);
    lab.pass(SECOND * 25).await;
    let primary = lab.primary().await;
    assert_eq!(primary["rolloutState"], "IN_PROGRESS", "the replacement is not healthy yet");
    assert_eq!(primary["failedTasks"], 0);
    lab.until_stable().await;
}

fn last_part(arn: &Value) -> String {
    arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_count_of_failures_can_be_the_threshold() {
    let lab = Lab::start().await;
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    let configuration = json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true,
        "rollback": false, "thresholdConfiguration": {"type": "COUNT", "value": 7}}}});
    lab.create(&bad, 1, configuration).await;
    let service = lab.until("fails", failed).await;
    assert_eq!(service["deployments"][0]["failedTasks"], 7);
}

#[tokio::test(start_paused = true)]
async fn without_the_breaker_a_crash_is_retried_at_once_for_ever() {
    let lab = Lab::start().await;
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    lab.create(&bad, 3, json!({})).await;
    lab.pass(Duration::from_mins(10)).await;
    // A round takes 0.3 s to provision, 2 s to start and 1 s to crash.
    let rounds = lab.driver.started().len() / 3;
    assert!(rounds > 150, "{rounds}");
    let primary = lab.primary().await;
    assert_eq!(primary["rolloutState"], "IN_PROGRESS");
    assert!(primary["failedTasks"].as_u64().unwrap() > 150);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_is_tried_ever_more_seldom() {
    let lab = Lab::start().await;
    let reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found";
    lab.script("web:none", Script::cannot_start(reason));
    let arn = lab.register("web:none").await;
    lab.create(&arn, 1, json!({})).await;
    lab.pass(Duration::from_hours(6)).await;
    let rounds = lab.driver.started().len();
    // 15 minutes apart in the end: 24 in six hours, and a few quick ones before.
    assert!((24..40).contains(&rounds), "{rounds}");
    let events = lab.events().await;
    let complaint = "(service web) is unable to consistently start tasks successfully.";
    let complaints = events.iter().filter(|event| *event == complaint).count();
    assert!((1..=2).contains(&complaints), "said {complaints} times, at most each six hours");
    let task = &lab.tasks("STOPPED").await[0];
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    assert_eq!(task["stoppedReason"], reason);
    assert_eq!(task["containers"][0].get("exitCode"), None, "it never started");
    // A new task definition starts without the pause.
    let good = lab.register("web:good").await;
    lab.update(json!({"taskDefinition": good})).await;
    lab.pass(SECOND * 5).await;
    assert_eq!(lab.service().await["runningCount"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ran_ends_the_back_off() {
    let lab = Lab::start().await;
    lab.script("web:1", Script::cannot_start("CannotPullContainerError: not found"));
    let arn = lab.register("web:1").await;
    lab.create(&arn, 1, json!({})).await;
    lab.pass(Duration::from_mins(10)).await;
    let slow = lab.driver.started().len();
    lab.pass(Duration::from_mins(2)).await;
    assert!(lab.driver.started().len() <= slow + 1, "minutes apart by now");
    lab.script("web:1", Script::serves());
    lab.until("runs", |service| service["runningCount"] == 1).await;
    lab.script("web:1", Script::cannot_start("CannotPullContainerError: not found"));
    let before = lab.driver.started().len();
    lab.driver.exit(&last_part(&lab.tasks("RUNNING").await[0]["taskArn"]), "web", 0);
    lab.pass(SECOND * 30).await;
    assert!(lab.driver.started().len() >= before + 3, "it begins with short pauses again");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_restores_the_revision_and_not_the_count() {
    let lab = Lab::start().await;
    lab.steady(1, breaker(true)).await;
    let network = lab.service().await["networkConfiguration"].clone();
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    let other = json!({"awsvpcConfiguration": {"subnets": ["subnet-2"], "securityGroups": ["sg-2"]}});
    lab.update(json!({"taskDefinition": bad, "desiredCount": 2, "networkConfiguration": other})).await;
    lab.until("fails", failed).await;
    lab.until_stable().await;
    let service = lab.service().await;
    assert_eq!(service["networkConfiguration"], network);
    assert_eq!(service["desiredCount"], 2);
    assert_eq!(service["runningCount"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_can_be_asked_for_while_a_deployment_is_ongoing_and_not_afterwards() {
    let lab = Lab::start().await;
    let good = lab.steady(1, json!({})).await;
    let old = lab.primary().await["id"].clone();
    lab.script("web:slow", Script::never_healthy());
    let slow = lab.register_checked("web:slow").await;
    let service = lab.update(json!({"taskDefinition": slow})).await;
    let deployment = service["currentServiceDeployment"].clone();
    lab.pass(SECOND * 20).await;
    lab.call("StopServiceDeployment", json!({"serviceDeploymentArn": deployment})).await;
    assert_eq!(lab.service_deployments().await[0]["status"], "ROLLBACK_REQUESTED");
    lab.until_stable().await;
    assert_eq!(lab.primary().await["id"], old);
    assert_eq!(lab.service().await["taskDefinition"], good.as_str());
    assert_eq!(lab.service_deployments().await[0]["status"], "ROLLBACK_SUCCESSFUL");
    let (code, _) = lab.refused("StopServiceDeployment", json!({"serviceDeploymentArn": deployment})).await;
    assert_eq!(code, "ConflictException");
    let unknown = deployment.as_str().unwrap().replace("/web/", "/other/");
    let (code, _) = lab.refused("StopServiceDeployment", json!({"serviceDeploymentArn": unknown})).await;
    assert_eq!(code, "ServiceDeploymentNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_fails_and_is_deleted_can_be_made_again_under_its_name() {
    let lab = Lab::start().await;
    lab.script("web:bad", Script::exits(SECOND, 1));
    let bad = lab.register("web:bad").await;
    lab.create(&bad, 1, breaker(true)).await;
    lab.until("fails", failed).await;
    lab.call("DeleteService", json!({"cluster": "main", "service": "web", "force": true})).await;
    lab.until("is INACTIVE", |service| service["status"] == "INACTIVE").await;
    let good = lab.register("web:good").await;
    lab.call("CreateService", create_request(&good, 1, breaker(true))).await;
    lab.until_stable().await;
}
