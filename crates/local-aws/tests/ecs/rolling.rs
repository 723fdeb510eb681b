//! Rolling deployments: order, percentages, health.

use std::time::Duration;

use coxswain_local_aws::{Clock, Script};
use serde_json::{Value, json};

use crate::lab::{Lab, SETTLED, instant};

const SECOND: Duration = Duration::from_secs(1);

fn counts(service: &Value) -> Vec<(String, u64)> {
    let deployments = service["deployments"].as_array().unwrap();
    let count = |deployment: &Value| {
        (deployment["status"].as_str().unwrap().to_owned(), deployment["runningCount"].as_u64().unwrap())
    };
    deployments.iter().map(count).collect()
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_is_in_progress_until_its_tasks_have_run_for_forty_seconds() {
    let lab = Lab::with(instant()).await;
    let arn = lab.register("web:1").await;
    let created = lab.create(&arn, 2, json!({})).await;
    let id = created["deployments"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(created["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(created["deployments"][0]["rolloutStateReason"], format!("ECS deployment {id} in progress."));
    // The scripted image starts after two seconds.
    lab.pass(SECOND * 3).await;
    assert_eq!(lab.service().await["runningCount"], 2);
    lab.pass(SECOND * 38).await;
    assert_eq!(lab.primary().await["rolloutState"], "IN_PROGRESS");
    lab.pass(SECOND * 2).await;
    let primary = lab.primary().await;
    assert_eq!(primary["rolloutState"], "COMPLETED");
    assert_eq!(primary["rolloutStateReason"], format!("ECS deployment {id} completed."));
}

#[tokio::test(start_paused = true)]
async fn a_health_check_alone_says_when_a_task_is_healthy() {
    let lab = Lab::with(instant()).await;
    let arn = lab.register_checked("web:1").await;
    lab.create(&arn, 1, json!({})).await;
    // Two seconds to start, three more to be healthy.
    lab.pass(SECOND * 4).await;
    assert_eq!(lab.primary().await["rolloutState"], "IN_PROGRESS");
    assert_eq!(lab.tasks("RUNNING").await[0]["healthStatus"], "UNKNOWN");
    lab.pass(SECOND * 2).await;
    assert_eq!(lab.primary().await["rolloutState"], "COMPLETED");
    assert_eq!(lab.tasks("RUNNING").await[0]["healthStatus"], "HEALTHY");
}

#[tokio::test(start_paused = true)]
async fn new_tasks_start_beside_the_old_ones_which_stop_once_the_new_ones_are_healthy() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    let next = lab.register("web:2").await;
    let updated = lab.update(json!({"taskDefinition": next})).await;
    assert_eq!(updated["taskDefinition"], next.as_str());
    assert_eq!(counts(&updated), [("PRIMARY".into(), 0), ("ACTIVE".into(), 2)]);
    assert_eq!(updated["deployments"][1]["rolloutState"], "COMPLETED");
    lab.pass(SETTLED).await;
    let halfway = lab.service().await;
    assert_eq!(counts(&halfway), [("PRIMARY".into(), 2), ("ACTIVE".into(), 2)], "the cap is 200 %");
    lab.until_stable().await;
    let done = lab.service().await;
    assert_eq!(counts(&done), [("PRIMARY".into(), 2)]);
    assert_eq!(done["deployments"][0]["id"], updated["deployments"][0]["id"]);
}

#[tokio::test(start_paused = true)]
async fn the_floor_of_healthy_tasks_holds_at_every_instant_of_a_rollout() {
    for (desired, minimum, maximum) in [(2, 100, 200), (4, 50, 100), (3, 50, 150), (3, 67, 134), (1, 0, 100)]
    {
        let lab = Lab::start().await;
        let percents = json!({"minimumHealthyPercent": minimum, "maximumPercent": maximum});
        lab.steady(desired, json!({"deploymentConfiguration": percents})).await;
        let next = lab.register("web:2").await;
        lab.update(json!({"taskDefinition": next})).await;
        let floor = (desired * minimum).div_ceil(100);
        let cap = desired * maximum / 100;
        let started = lab.clock.now();
        let mut service = lab.service().await;
        while service["deployments"][0]["rolloutState"] != "COMPLETED" {
            let running = service["runningCount"].as_u64().unwrap();
            let pending = service["pendingCount"].as_u64().unwrap();
            assert!(running >= floor, "{running} of {desired} run, at least {minimum} % wanted");
            // Tasks on their way out are RUNNING no more; the cap counts running and pending ones.
            assert!(running + pending <= cap, "{running} + {pending} of {desired}, at most {maximum} %");
            lab.pass(Duration::from_millis(250)).await;
            assert!(lab.clock.now().since(started) < Duration::from_hours(1), "{service:#}");
            service = lab.service().await;
        }
        assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn percentages_that_allow_no_move_are_said_in_an_event_once() {
    let lab = Lab::start().await;
    let percents = json!({"minimumHealthyPercent": 100, "maximumPercent": 125});
    lab.steady(3, json!({"deploymentConfiguration": percents})).await;
    let next = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": next})).await;
    lab.pass(Duration::from_hours(1)).await;
    let service = lab.service().await;
    assert_eq!(counts(&service), [("PRIMARY".into(), 0), ("ACTIVE".into(), 3)]);
    let stuck = "was unable to stop or start tasks during a deployment because of the service deployment \
                 configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";
    let said = lab.events().await.iter().filter(|event| event.ends_with(stuck)).count();
    assert_eq!(said, 1);
    lab.update(json!({"deploymentConfiguration": {"maximumPercent": 200}})).await;
    lab.until_stable().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_change_during_a_rollout_makes_a_third_deployment_and_only_the_last_completes() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    let second = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": second})).await;
    lab.pass(SECOND * 10).await;
    let third = lab.register("web:3").await;
    let updated = lab.update(json!({"taskDefinition": third})).await;
    assert_eq!(updated["deployments"].as_array().unwrap().len(), 3);
    assert_eq!(updated["deployments"][1]["rolloutState"], "IN_PROGRESS", "an ACTIVE one keeps its state");
    lab.until_stable().await;
    assert_eq!(lab.service().await["taskDefinition"], third.as_str());
    let deployments = lab.service_deployments().await;
    let statuses: Vec<&str> =
        deployments.iter().map(|deployment| deployment["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
}

#[tokio::test(start_paused = true)]
async fn with_nothing_desired_a_deployment_completes_at_once() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    lab.create(&arn, 0, json!({})).await;
    lab.pass(Duration::from_millis(10)).await;
    assert_eq!(lab.primary().await["rolloutState"], "COMPLETED");
    assert!(lab.tasks("RUNNING").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn with_nothing_desired_it_does_not_wait_for_the_old_tasks_to_end() {
    let lab = Lab::start().await;
    lab.script("web:good", Script { stops: (SECOND * 20, 0), ..Script::serves() });
    lab.steady(2, json!({})).await;
    let next = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": next, "desiredCount": 0})).await;
    lab.pass(SECOND).await;
    let service = lab.service().await;
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(service["deployments"][1]["status"], "ACTIVE", "its tasks are still stopping");
    lab.pass(SECOND * 25).await;
    assert_eq!(lab.service().await["deployments"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_count_changed_during_a_rollout_is_where_the_rollout_ends() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    let next = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": next})).await;
    lab.pass(SECOND * 5).await;
    let updated = lab.update(json!({"desiredCount": 4})).await;
    assert_eq!(updated["deployments"].as_array().unwrap().len(), 2, "a count starts no deployment");
    lab.until_stable().await;
    let service = lab.service().await;
    assert_eq!((&service["runningCount"], &service["desiredCount"]), (&json!(4), &json!(4)));
}

#[tokio::test(start_paused = true)]
async fn scaling_stops_and_starts_tasks_without_a_deployment() {
    let lab = Lab::start().await;
    lab.steady(3, json!({})).await;
    let id = lab.primary().await["id"].clone();
    lab.update(json!({"desiredCount": 1})).await;
    lab.until_stable().await;
    let stopped = lab.tasks("STOPPED").await;
    assert_eq!(stopped.len(), 2);
    for task in stopped {
        assert_eq!(task["stopCode"], "ServiceSchedulerInitiated");
        let reason = format!("Scaling activity initiated by (deployment {})", id.as_str().unwrap());
        assert_eq!(task["stoppedReason"], reason);
    }
    assert_eq!(lab.primary().await["id"], id);
}

#[tokio::test(start_paused = true)]
async fn a_dead_task_is_replaced_and_the_deployment_stays_completed() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    let task = lab.tasks("RUNNING").await[0]["taskArn"].as_str().unwrap().to_owned();
    let id = task.rsplit('/').next().unwrap();
    lab.driver.exit(id, "web", 3);
    lab.pass(SECOND * 5).await;
    let running = lab.tasks("RUNNING").await;
    assert_eq!(running.len(), 2);
    assert!(running.iter().all(|other| other["taskArn"] != task.as_str()));
    let primary = lab.primary().await;
    assert_eq!(primary["rolloutState"], "COMPLETED");
    assert_eq!(primary["failedTasks"], 0, "it had been healthy");
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_task_is_replaced_first_and_stopped_when_the_replacement_is_healthy() {
    let lab = Lab::with(instant()).await;
    let arn = lab.register_checked("web:1").await;
    lab.create(&arn, 2, json!({})).await;
    lab.until_stable().await;
    let sick = lab.tasks("RUNNING").await[0]["taskArn"].as_str().unwrap().to_owned();
    lab.driver.set_health(sick.rsplit('/').next().unwrap(), "web", false);
    lab.pass(SECOND * 3).await;
    assert_eq!(lab.tasks("RUNNING").await.len(), 3, "the replacement runs beside it");
    lab.pass(SECOND * 5).await;
    let running = lab.tasks("RUNNING").await;
    assert_eq!(running.len(), 2);
    assert!(running.iter().all(|task| task["taskArn"] != sick.as_str()));
    let stopped = lab.tasks("STOPPED").await;
    assert_eq!(stopped[0]["stoppedReason"], "Task failed container health checks");
    assert_eq!(stopped[0]["stopCode"], "ServiceSchedulerInitiated");
    let events = lab.events().await;
    assert!(events.contains(&"(service web) (task ID) failed container health checks.".to_owned()));
    let started = "(service web) has started 1 tasks: (task ID). Amazon ECS replaced 1 tasks due to an \
                   unhealthy status.";
    assert!(events.contains(&started.to_owned()), "{events:#?}");
}

#[tokio::test(start_paused = true)]
async fn health_checks_do_not_count_in_the_grace_period() {
    let lab = Lab::with(instant()).await;
    lab.script("web:1", Script::unhealthy_after(SECOND * 5));
    let arn = lab.register_checked("web:1").await;
    lab.create(&arn, 1, json!({"healthCheckGracePeriodSeconds": 60})).await;
    lab.pass(SECOND * 30).await;
    assert_eq!(lab.tasks("RUNNING").await[0]["healthStatus"], "UNHEALTHY");
    assert_eq!(lab.primary().await["failedTasks"], 0);
    lab.pass(SECOND * 40).await;
    assert_ne!(lab.primary().await["failedTasks"], 0, "the grace period is over");
}

#[tokio::test(start_paused = true)]
async fn a_forced_deployment_replaces_the_tasks_with_the_same_definition() {
    let lab = Lab::start().await;
    let arn = lab.steady(1, json!({})).await;
    let before = lab.tasks("RUNNING").await[0]["taskArn"].clone();
    let updated = lab.update(json!({"forceNewDeployment": true})).await;
    assert_eq!(updated["deployments"].as_array().unwrap().len(), 2);
    lab.until_stable().await;
    assert_ne!(lab.tasks("RUNNING").await[0]["taskArn"], before);
    assert_eq!(lab.service().await["taskDefinition"], arn.as_str());
}

#[tokio::test(start_paused = true)]
async fn early_success_is_declared_at_its_percentage_with_or_without_the_old_tasks() {
    for (cleanup, old_serve_at_success) in [("DEFERRED", true), ("BLOCKING", false)] {
        let lab = Lab::start().await;
        lab.script("web:good", Script { stops: (SECOND * 25, 0), ..Script::serves() });
        let criteria = json!({"enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup});
        let configuration = json!({"minimumHealthyPercent": 50, "maximumPercent": 150,
            "earlySuccessCriteria": criteria, "bakeTimeInMinutes": 0});
        lab.steady(4, json!({"deploymentConfiguration": configuration})).await;
        let next = lab.register("web:2").await;
        lab.update(json!({"taskDefinition": next})).await;
        let done = lab.until_over().await;
        assert_eq!(done["status"], "SUCCESSFUL");
        assert!(done["targetServiceRevision"]["runningTaskCount"].as_u64().unwrap() >= 2);
        let old = lab.service().await["deployments"].as_array().unwrap().len() > 1;
        assert_eq!(old, old_serve_at_success, "{cleanup}");
        lab.until_stable().await;
        assert_eq!(lab.service().await["runningCount"], 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_that_changes_in_a_rollout_is_that_of_the_same_deployment() {
    for desired in [0, 1, 6] {
        let lab = Lab::start().await;
        lab.steady(3, json!({})).await;
        let next = lab.register("web:2").await;
        let id = lab.update(json!({"taskDefinition": next})).await["deployments"][0]["id"].clone();
        lab.pass(SECOND * 10).await;
        let service = lab.update(json!({"desiredCount": desired})).await;
        assert_eq!(service["deployments"][0]["id"], id);
        lab.until_stable().await;
        let service = lab.service().await;
        assert_eq!((&service["deployments"][0]["id"], &service["runningCount"]), (&id, &json!(desired)));
        assert_eq!(lab.service_deployments().await.len(), 2);
        assert_eq!(lab.newest_deployment().await["status"], "SUCCESSFUL");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_are_stopped_before_they_run_are_told_apart() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    lab.create(&arn, 3, json!({})).await;
    lab.pass(SECOND).await;
    lab.update(json!({"desiredCount": 1})).await;
    lab.until_stable().await;
    let events = lab.events().await;
    assert!(events.contains(&"(service web) stopped 2 pending tasks.".to_owned()), "{events:#?}");
    assert!(!events.iter().any(|event| event.contains("running tasks")), "{events:#?}");
}
