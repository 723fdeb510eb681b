//! Availability zones: spread, a zone that is lost, and rebalancing.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::lab::Lab;

/// A service with a subnet in each of the three zones.
fn everywhere(rebalancing: &str) -> Value {
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2", "subnet-3"]}});
    json!({"networkConfiguration": network, "availabilityZoneRebalancing": rebalancing})
}

/// How many running tasks are in each zone, by its letter.
async fn spread(lab: &Lab) -> BTreeMap<String, usize> {
    let mut spread = BTreeMap::new();
    for task in lab.tasks("RUNNING").await {
        let zone = task["availabilityZone"].as_str().unwrap();
        *spread.entry(zone.trim_start_matches("us-east-1").to_owned()).or_default() += 1;
    }
    spread
}

fn even(counts: [usize; 3]) -> BTreeMap<String, usize> {
    ["a", "b", "c"].map(str::to_owned).into_iter().zip(counts).collect()
}

async fn set(lab: &Lab, zone: &str, state: &str) -> u16 {
    lab.local_api("POST", "/zones", &json!({"name": zone, "state": state}).to_string()).await.0
}

#[tokio::test(start_paused = true)]
async fn tasks_are_spread_over_the_zones_of_their_subnets_and_scaled_in_evenly() {
    let lab = Lab::start().await;
    lab.steady(6, everywhere("DISABLED")).await;
    assert_eq!(spread(&lab).await, even([2, 2, 2]));
    lab.update(json!({"desiredCount": 3})).await;
    lab.until_stable().await;
    assert_eq!(spread(&lab).await, even([1, 1, 1]));
    lab.update(json!({"forceNewDeployment": true})).await;
    lab.until_stable().await;
    assert_eq!(spread(&lab).await, even([1, 1, 1]));
    let zones = |task: &Value| {
        let details = task["attachments"][0]["details"].as_array().unwrap().clone();
        let subnet = details.iter().find(|detail| detail["name"] == "subnetId").unwrap()["value"].clone();
        (subnet, task["availabilityZone"].clone())
    };
    let mut places: Vec<(Value, Value)> = lab.tasks("RUNNING").await.iter().map(zones).collect();
    places.sort_by_key(|(subnet, _)| subnet.to_string());
    assert_eq!(places[0], (json!("subnet-1"), json!("us-east-1a")));
}

#[tokio::test(start_paused = true)]
async fn a_lost_zone_takes_its_tasks_and_the_others_take_their_place() {
    let lab = Lab::start().await;
    lab.steady(3, everywhere("DISABLED")).await;
    assert_eq!(set(&lab, "us-east-1a", "LOST").await, 200);
    lab.pass(Duration::from_mins(2)).await;
    let left = spread(&lab).await;
    assert_eq!((left.get("a"), left.values().sum::<usize>()), (None, 3));
    let stopped = lab.tasks("STOPPED").await;
    assert_eq!((stopped.len(), &stopped[0]["stopCode"]), (1, &json!("InfrastructureHealth")));
    assert_eq!(stopped[0]["stoppedReason"], "The availability zone us-east-1a was lost.");
    assert_eq!(lab.primary().await["rolloutState"], "COMPLETED");
    set(&lab, "us-east-1a", "OK").await;
    lab.pass(Duration::from_hours(1)).await;
    assert_eq!(spread(&lab).await, left, "nothing moves without rebalancing");
}

#[tokio::test(start_paused = true)]
async fn rebalancing_moves_one_task_at_a_time_and_says_so_in_ecs_words() {
    let lab = Lab::start().await;
    lab.steady(4, everywhere("ENABLED")).await;
    for zone in ["us-east-1b", "us-east-1c"] {
        set(&lab, zone, "LOST").await;
    }
    lab.pass(Duration::from_mins(2)).await;
    assert_eq!(spread(&lab).await, BTreeMap::from([("a".to_owned(), 4)]));
    set(&lab, "us-east-1b", "OK").await;
    for _ in 0..600 {
        let service = lab.service().await;
        let running = service["runningCount"].as_u64().unwrap();
        assert!((4..=5).contains(&running), "a task more at most, and never one less: {running}");
        lab.pass(Duration::from_millis(500)).await;
    }
    assert_eq!(spread(&lab).await, BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 2)]));
    let events = lab.events().await;
    for expected in [
        "(service web) is not AZ balanced with 4 tasks in us-east-1a, 0 tasks in us-east-1b. AZ Rebalancing in progress.",
        "(service web) has started 1 tasks in us-east-1b to AZ Rebalance: (task ID).",
        "(service web) has stopped 1 running tasks in us-east-1a due to AZ rebalancing: (task ID).",
        "(service web) is AZ balanced with 2 tasks in us-east-1a, 2 tasks in us-east-1b.",
    ] {
        assert!(events.iter().any(|event| event == expected), "{expected}: {events:#?}");
    }
    let started = lab.driver.started().len();
    lab.pass(Duration::from_hours(3)).await;
    assert_eq!(lab.driver.started().len(), started, "it rests");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_ends_a_rebalancing_and_is_spread_itself() {
    let lab = Lab::start().await;
    lab.steady(4, everywhere("ENABLED")).await;
    set(&lab, "us-east-1b", "LOST").await;
    lab.pass(Duration::from_mins(2)).await;
    set(&lab, "us-east-1b", "OK").await;
    lab.pass(Duration::from_secs(1)).await;
    let next = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": next})).await;
    lab.until_stable().await;
    let spread = spread(&lab).await;
    assert_eq!(spread.values().sum::<usize>(), 4);
    assert!(spread.len() == 3 && spread.values().all(|count| *count <= 2), "{spread:?}");
}

#[tokio::test(start_paused = true)]
async fn with_every_zone_lost_a_service_says_so_and_starts_again_when_one_is_back() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    set(&lab, "us-east-1a", "LOST").await;
    lab.pass(Duration::from_mins(5)).await;
    assert_eq!(lab.service().await["runningCount"], 0);
    let complaint = "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please \
                     try again later or in a different availability zone.";
    assert_eq!(lab.events().await.iter().filter(|event| *event == complaint).count(), 1);
    set(&lab, "us-east-1a", "OK").await;
    lab.until_stable().await;
    let (_, zones) = lab.local_api("GET", "/zones", "").await;
    assert_eq!(zones["zones"].as_array().unwrap().len(), 3);
    assert_eq!((set(&lab, "us-west-2a", "LOST").await, set(&lab, "us-east-1a", "GONE").await), (400, 400));
}
