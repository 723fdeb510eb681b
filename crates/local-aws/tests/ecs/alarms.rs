//! Deployment alarms: a deployment fails when one of its alarms goes off.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::Lab;

const MINUTE: Duration = Duration::from_mins(1);

fn watching(rollback: bool) -> Value {
    let alarms = json!({"alarmNames": ["errors", "latency"], "enable": true, "rollback": rollback});
    json!({"deploymentConfiguration": {"alarms": alarms}})
}

async fn set(lab: &Lab, name: &str, state: &str) -> (u16, Value) {
    lab.local_api("POST", "/alarms", &json!({"name": name, "state": state}).to_string()).await
}

async fn roll(lab: &Lab) {
    let arn = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": arn})).await;
}

#[tokio::test(start_paused = true)]
async fn an_alarm_rolls_a_rolling_deployment_back_also_after_its_tasks_are_steady() {
    let lab = Lab::start().await;
    let good = lab.steady(1, watching(true)).await;
    let old = lab.primary().await["id"].clone();
    roll(&lab).await;
    lab.pass(MINUTE).await;
    let baking = lab.newest_deployment().await;
    assert_eq!(baking["status"], "IN_PROGRESS");
    assert_eq!(
        baking["alarms"],
        json!({"status": "MONITORING", "alarmNames": ["errors", "latency"], "triggeredAlarmNames": []})
    );
    assert_eq!(lab.service().await["deployments"].as_array().unwrap().len(), 2, "listed through the bake");
    assert_eq!(set(&lab, "latency", "ALARM").await, (200, json!({"alarms": ["latency"]})));
    let done = lab.until_over().await;
    assert_eq!(done["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(done["statusReason"], "Service deployment rolled back because an alarm was detected.");
    assert_eq!(done["alarms"]["status"], "TRIGGERED");
    assert_eq!(done["alarms"]["triggeredAlarmNames"], json!(["latency"]));
    assert_eq!(lab.primary().await["id"], old);
    assert_eq!(lab.service().await["taskDefinition"], good.as_str());
    let events = lab.events().await;
    let failed = "(service web) (deployment ecs-svc/N) deployment failed: alarm detected.";
    let place = events.iter().position(|event| event == failed).unwrap();
    assert_eq!(events[place + 1], "(service web) rolling back to deployment ecs-svc/N.");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_bakes_under_its_alarms_and_then_completes() {
    let lab = Lab::start().await;
    lab.steady(1, watching(true)).await;
    roll(&lab).await;
    lab.pass(MINUTE * 2).await;
    assert_eq!(lab.primary().await["rolloutState"], "IN_PROGRESS");
    lab.pass(MINUTE * 3).await;
    let done = lab.newest_deployment().await;
    assert_eq!(
        (&done["status"], &done["alarms"]["status"]),
        (&json!("SUCCESSFUL"), &json!("MONITORING_COMPLETE"))
    );
    set(&lab, "errors", "ALARM").await;
    lab.pass(MINUTE).await;
    assert_eq!(lab.newest_deployment().await["status"], "SUCCESSFUL", "it is over");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_is_on_at_the_start_switches_all_of_them_off_for_that_deployment() {
    let lab = Lab::start().await;
    lab.steady(1, watching(true)).await;
    set(&lab, "errors", "ALARM").await;
    roll(&lab).await;
    lab.pass(Duration::from_secs(10)).await;
    set(&lab, "latency", "ALARM").await;
    let done = lab.until_over().await;
    assert_eq!((&done["status"], &done["alarms"]["status"]), (&json!("SUCCESSFUL"), &json!("DISABLED")));
    for name in ["errors", "latency"] {
        set(&lab, name, "OK").await;
    }
    lab.update(json!({"forceNewDeployment": true})).await;
    lab.pass(MINUTE).await;
    assert_eq!(lab.newest_deployment().await["alarms"]["status"], "MONITORING");
}

#[tokio::test(start_paused = true)]
async fn without_rollback_an_alarm_stops_the_deployment_where_it_is() {
    let lab = Lab::start().await;
    lab.steady(1, watching(false)).await;
    roll(&lab).await;
    lab.pass(Duration::from_secs(5)).await;
    set(&lab, "errors", "ALARM").await;
    let done = lab.until_over().await;
    assert_eq!(done["status"], "STOPPED");
    let primary = lab.primary().await;
    assert_eq!(primary["rolloutState"], "FAILED");
    assert_eq!(primary["rolloutStateReason"], "ECS deployment failed: alarm detected.");
    let started = lab.driver.started().len();
    lab.pass(MINUTE * 30).await;
    assert_eq!(lab.driver.started().len(), started, "a failed deployment starts nothing");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_in_the_bake_of_a_shift_turns_the_traffic_back() {
    let lab = Lab::start().await;
    let alarms = json!({"alarmNames": ["errors"], "enable": true, "rollback": true});
    let configuration = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 30, "alarms": alarms});
    let good = lab.steady(1, json!({"deploymentConfiguration": configuration})).await;
    roll(&lab).await;
    lab.until_stage("BAKE_TIME").await;
    set(&lab, "errors", "ALARM").await;
    assert_eq!(lab.until_over().await["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(lab.service().await["taskDefinition"], good.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_state_that_no_alarm_has_is_refused() {
    let lab = Lab::start().await;
    assert_eq!(set(&lab, "errors", "RED").await.0, 400);
    assert_eq!(lab.local_api("GET", "/alarms", "").await, (200, json!({"alarms": []})));
}
