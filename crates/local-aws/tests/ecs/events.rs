//! Service events: ECS's sentences, in ECS's order.

use std::time::Duration;

use coxswain_local_aws::Script;
use serde_json::json;

use crate::lab::{Lab, breaker};

#[tokio::test(start_paused = true)]
async fn a_rollout_is_told_in_ecs_words() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    let next = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": next})).await;
    lab.until_stable().await;
    let events = lab.events().await;
    assert_eq!(
        events,
        [
            "(service web) has started 2 tasks: (task ID) (task ID).",
            "(service web) (deployment ecs-svc/N) deployment completed.",
            "(service web) has reached a steady state.",
            "(service web) has started 2 tasks: (task ID) (task ID).",
            "(service web) has stopped 2 running tasks: (task ID) (task ID).",
            "(service web) (deployment ecs-svc/N) deployment completed.",
            "(service web) has reached a steady state.",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_told_in_ecs_order() {
    let lab = Lab::start().await;
    lab.steady(1, breaker(true)).await;
    lab.script("web:bad", Script::exits(Duration::from_secs(1), 1));
    let bad = lab.register("web:bad").await;
    lab.update(json!({"taskDefinition": bad})).await;
    lab.until("rolls back", |service| service["deployments"][0]["taskDefinition"] != bad.as_str()).await;
    lab.until_stable().await;
    let events = lab.events().await;
    let started = "(service web) has started 1 tasks: (task ID).";
    assert_eq!(
        events[3..],
        [
            started,
            started,
            started,
            "(service web) (deployment ecs-svc/N) deployment failed: tasks failed to start.",
            "(service web) rolling back to deployment ecs-svc/N.",
            "(service web) (deployment ecs-svc/N) deployment completed.",
            "(service web) has reached a steady state.",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_steady_service_says_so_every_six_hours_and_keeps_a_hundred_events() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    lab.pass(Duration::from_hours(25)).await;
    let steady = |events: Vec<String>| events.iter().filter(|event| event.ends_with("steady state.")).count();
    assert_eq!(steady(lab.events().await), 5);
    lab.pass(Duration::from_hours(24 * 40)).await;
    assert_eq!(lab.events().await.len(), 100);
}
