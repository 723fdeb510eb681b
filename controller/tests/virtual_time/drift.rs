//! What others change behind our back.

use std::time::Duration;

use coxswain_plan::{ConditionType, Reason};
use serde_json::json;

use crate::stage::{Stage, holds, pass, service};

async fn settled() -> (Stage, coxswain_controller::app::Running) {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    pass(Duration::from_mins(2)).await;
    (stage, running)
}

#[tokio::test(start_paused = true)]
async fn a_count_changed_by_hand_is_seen_within_a_sweep_and_put_back() {
    let (stage, _running) = settled().await;
    stage.ecs("UpdateService", json!({"cluster": "dev", "service": "api", "desiredCount": 5})).await;
    let plan = stage
        .reports
        .until("the drift is seen", |reports| reports.of("api")?.plan.filter(|plan| !plan.steps.is_empty()))
        .await;
    assert_eq!(plan.steps[0].reason, Reason::Drifted);
    assert!(
        plan.differences.iter().any(|difference| difference.path == "desiredCount"),
        "{:?}",
        plan.differences
    );
    pass(Duration::from_mins(1)).await;
    assert_eq!(stage.live("api").await["desiredCount"], 2);
    assert_eq!(stage.rollouts("api").await.len(), 1, "a count takes no rollout");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_task_definition_is_replaced_by_ours_without_a_new_revision() {
    let (stage, _running) = settled().await;
    let foreign = json!({
        "family": "other", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
        "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "app", "image": "other:1"}],
    });
    stage.ecs("RegisterTaskDefinition", foreign).await;
    stage
        .ecs("UpdateService", json!({"cluster": "dev", "service": "api", "taskDefinition": "other:1"}))
        .await;
    pass(Duration::from_mins(5)).await;
    assert!(stage.live("api").await["taskDefinition"].as_str().unwrap().ends_with("/api:1"));
    assert_eq!(stage.revisions("api").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_somebody_elses_stays_and_one_of_ours_comes_back() {
    let (stage, _running) = settled().await;
    let arn = stage.live("api").await["serviceArn"].clone();
    stage.ecs("TagResource", json!({"resourceArn": arn, "tags": [{"key": "cost", "value": "42"}]})).await;
    stage.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]})).await;
    pass(Duration::from_mins(3)).await;
    let live = stage.live("api").await;
    let tags: Vec<_> =
        live["tags"].as_array().unwrap().iter().map(|tag| tag["key"].as_str().unwrap()).collect();
    assert!(tags.contains(&"cost") && tags.contains(&"team"), "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn an_earlier_good_revision_is_an_emergency_rollback_held_and_not_corrected() {
    let (stage, _running) = settled().await;
    stage.write("api.yaml", &service("api", "api:1.1", ""));
    stage.settled("api", "2.0").await;
    pass(Duration::from_mins(2)).await;
    stage.ecs("UpdateService", json!({"cluster": "dev", "service": "api", "taskDefinition": "api:1"})).await;
    let report = stage.held("api").await;
    assert_eq!(report.plan.unwrap().record.hold.clone().unwrap().reason, Reason::EmergencyRollback);
    pass(Duration::from_mins(30)).await;
    assert!(stage.live("api").await["taskDefinition"].as_str().unwrap().ends_with("/api:1"));

    stage.write("api.yaml", &service("api", "api:1.2", ""));
    let report = stage.settled("api", "3.0").await;
    assert!(!holds(&report, ConditionType::Held));
}

#[tokio::test(start_paused = true)]
async fn a_service_of_somebody_elses_is_not_touched() {
    let stage = Stage::new().await;
    let foreign = json!({
        "family": "api", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
        "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "app", "image": "other:1"}],
    });
    stage.ecs("RegisterTaskDefinition", foreign).await;
    stage
        .ecs(
            "CreateService",
            json!({
                "cluster": "dev", "serviceName": "api", "taskDefinition": "api:1", "desiredCount": 1,
                "launchType": "FARGATE",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}},
            }),
        )
        .await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let before = stage.writes().len();
    let _running = stage.start();
    pass(Duration::from_mins(10)).await;
    let plan = stage.reports.of("api").unwrap().plan.unwrap();
    let blocked = plan.conditions.iter().find(|condition| condition.kind == ConditionType::Blocked).unwrap();
    assert_eq!((blocked.status, blocked.reason), (true, Reason::NotOwned));
    assert_eq!(stage.writes().len(), before);
}
