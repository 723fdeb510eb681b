//! Many services, long times, and the same run twice.

use std::time::Duration;

use coxswain_local_aws::Script;
use serde_json::{Value, json};

use crate::lab::{Lab, breaker, create_request};

#[tokio::test(start_paused = true)]
async fn a_thousand_services_become_steady_and_are_described_in_a_hundred_calls() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    let names: Vec<String> = (0..1_000).map(|number| format!("web-{number:04}")).collect();
    for name in &names {
        lab.call("CreateService", create_request(&arn, 1, json!({"serviceName": name}))).await;
    }
    lab.pass(Duration::from_mins(2)).await;
    for ten in names.chunks(10) {
        let answer = lab.call("DescribeServices", json!({"cluster": "main", "services": ten})).await;
        for service in answer["services"].as_array().unwrap() {
            assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
        }
    }
    assert_eq!(lab.driver.started().len(), 1_000);
}

async fn story() -> Vec<Value> {
    let lab = Lab::start().await;
    lab.steady(2, breaker(true)).await;
    lab.script("web:bad", Script::exits(Duration::from_secs(1), 1));
    let bad = lab.register("web:bad").await;
    lab.update(json!({"taskDefinition": bad})).await;
    lab.pass(Duration::from_mins(5)).await;
    let mut told = vec![lab.service().await];
    told.extend(lab.service_deployments().await);
    told.extend(lab.tasks("STOPPED").await);
    told
}

#[tokio::test(start_paused = true)]
async fn the_same_story_from_the_same_seed_is_told_in_the_same_words() {
    assert_eq!(story().await, story().await);
}

#[tokio::test(start_paused = true)]
async fn a_month_of_steady_services_takes_no_task_more() {
    let lab = Lab::start().await;
    lab.steady(3, json!({})).await;
    lab.pass(Duration::from_hours(24 * 30)).await;
    assert_eq!(lab.driver.started().len(), 3);
    assert_eq!(lab.service().await["runningCount"], 3);
}
