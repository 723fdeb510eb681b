//! Rollouts: made, followed, failed, held, tried again.

use std::time::Duration;

use coxswain_controller::intents::{INTENT_SCHEMA, Intent, IntentKind};
use coxswain_local_aws::Script;
use coxswain_plan::{ConditionType, Reason};

use crate::stage::{Reports, Stage, holds, pass, service};

/// A version that ends by itself right after its start.
fn crashes() -> Script {
    Script::exits(Duration::from_millis(500), 3)
}

#[tokio::test(start_paused = true)]
async fn a_new_manifest_becomes_a_service_that_runs() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    let live = stage.live("api").await;
    assert_eq!((live["desiredCount"].as_u64(), live["runningCount"].as_u64()), (Some(2), Some(2)));
    assert_eq!(live["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"], true);
    assert!(live["tags"].as_array().unwrap().iter().any(|tag| tag["key"] == "team"));
    assert_eq!(stage.writes(), ["CreateCluster", "RegisterTaskDefinition", "CreateService"]);
    let record = stage.record("api").await.unwrap();
    assert!(record.in_flight.is_none() && record.last_good.is_some() && record.sending.is_none());
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_edited_image_rolls_once_and_an_edit_back_registers_nothing() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let _running = stage.start();
    stage.settled("api", "1.0").await;

    stage.write("api.yaml", &service("api", "api:1.1", ""));
    stage.settled("api", "2.0").await;
    assert_eq!((stage.revisions("api").await, stage.rollouts("api").await.len()), (2, 2));

    stage.write("api.yaml", &service("api", "api:1.0", ""));
    stage.settled("api", "3.0").await;
    assert_eq!((stage.revisions("api").await, stage.rollouts("api").await.len()), (2, 3));
    assert_eq!(stage.writes().iter().filter(|&&name| name == "UpdateService").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_a_newer_edit_replaces_ends_as_superseded_and_is_not_held() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let _running = stage.start();
    stage.settled("api", "1.0").await;
    stage.write("api.yaml", &service("api", "api:1.1", ""));
    let is_under_way = |reports: &Reports| {
        let report = reports.of("api")?;
        let rollout = report.plan?.record.in_flight.clone()?;
        (rollout.revision == "2.0" && rollout.deployment_id.is_some()).then_some(())
    };
    stage.reports.until("the second rollout to be under way", is_under_way).await;
    stage.write("api.yaml", &service("api", "api:1.2", ""));
    let report = stage.settled("api", "3.0").await;
    assert!(!holds(&report, ConditionType::Held));
    let record = report.plan.unwrap().record.clone();
    let ends: Vec<_> =
        record.ends.iter().map(|end| (end.rollout.as_ref().unwrap().revision.as_str(), end.reason)).collect();
    assert_eq!(ends, [("2.0", Reason::Superseded), ("3.0", Reason::RolloutCompleted)]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_crashes_is_rolled_back_and_held_with_its_cause_and_never_tried_again() {
    let stage = Stage::new().await;
    stage.script("api:broken", crashes());
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let _running = stage.start();
    stage.settled("api", "1.0").await;

    stage.write("api.yaml", &service("api", "api:broken", ""));
    let report = stage.held("api").await;
    let hold = report.plan.unwrap().record.hold.clone().unwrap();
    assert_eq!(hold.reason, Reason::CircuitBreakerRolledBack);
    let cause = hold.cause.unwrap();
    assert_eq!(cause.stop_code.as_deref(), Some("EssentialContainerExited"));
    assert_eq!((cause.container.as_deref(), cause.exit_code), (Some("app"), Some(3)));

    pass(Duration::from_hours(1)).await;
    let failed = stage.rollouts("api").await.iter().filter(|status| status.starts_with("ROLLBACK")).count();
    assert_eq!(failed, 1, "an hour later there is still exactly one failed rollout");
    let live = stage.live("api").await;
    assert!(live["taskDefinition"].as_str().unwrap().ends_with(":1"), "the old version serves");
    assert_eq!(live["runningCount"], 2);

    stage.write("api.yaml", &service("api", "api:1.2", ""));
    let report = stage.settled("api", "3.0").await;
    assert!(!holds(&report, ConditionType::Held));
    assert!(stage.live("api").await["taskDefinition"].as_str().unwrap().ends_with(":3"));
}

#[tokio::test(start_paused = true)]
async fn a_retry_tries_what_is_held_exactly_once_more() {
    let stage = Stage::new().await;
    stage.script("api:broken", crashes());
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    stage.write("api.yaml", &service("api", "api:broken", ""));
    stage.held("api").await;
    pass(Duration::from_mins(1)).await;

    let handle = running.handle();
    let ask = async |id: &str| {
        let key = Stage::key("api");
        let (reason, at) = ("the database is back".to_owned(), stage.clock.now());
        let kind = IntentKind::Retry;
        let intent =
            Intent { schema: INTENT_SCHEMA, id: id.to_owned(), kind, key, reason, at, consumed_at: None };
        let is_new = handle.submit(intent).await.unwrap();
        handle.look_now(Stage::key("api"));
        is_new
    };
    assert!(ask("one").await);
    pass(Duration::from_hours(1)).await;
    assert_eq!(stage.rollouts("api").await.len(), 3, "what fails again is tried exactly once more");
    stage.held("api").await;

    stage.script("api:broken", Script::serves());
    assert!(!ask("one").await, "the same id asks for nothing new");
    assert!(ask("two").await);
    stage.settled("api", "2.0").await;
    assert_eq!(stage.rollouts("api").await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_first_version_that_crashes_is_held_and_says_that_nothing_was_there_to_go_back_to() {
    let stage = Stage::new().await;
    stage.script("api:broken", crashes());
    stage.write("api.yaml", &service("api", "api:broken", ""));
    let _running = stage.start();
    let report = stage.held("api").await;
    let hold = report.plan.unwrap().record.hold.clone().unwrap();
    assert!(hold.message.to_lowercase().contains("rollback candidate"), "{}", hold.message);
    pass(Duration::from_hours(1)).await;
    assert_eq!(stage.rollouts("api").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_member_taken_out_of_the_manifest_is_reset_and_the_plan_says_so() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", "enableExecuteCommand: true"));
    let _running = stage.start();
    stage.settled("api", "1.0").await;
    assert_eq!(stage.live("api").await["enableExecuteCommand"], true);

    stage.write("api.yaml", &service("api", "api:1.0", ""));
    stage
        .reports
        .until("the plan resets it", |reports| {
            let plan = reports.of("api")?.plan?;
            plan.steps.iter().any(|step| step.reason == Reason::MemberRemoved).then_some(())
        })
        .await;
    stage.settled("api", "2.0").await;
    assert_eq!(stage.live("api").await["enableExecuteCommand"], false);
    assert_eq!(stage.rollouts("api").await.len(), 1, "it takes no rollout");
}

#[tokio::test(start_paused = true)]
async fn what_ecs_refuses_as_invalid_is_not_sent_at_every_look() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let _running = stage.start();
    stage.settled("api", "1.0").await;
    let sent = || stage.writes().iter().filter(|&&name| name == "UpdateService").count();
    let before = sent();
    stage.write(
        "api.yaml",
        &service("api", "api:1.0", "deploymentConfiguration: { bakeTimeInMinutes: 2000 }"),
    );
    let is_refused = |reports: &Reports| {
        let report = reports.of("api")?;
        report.error.as_ref().filter(|error| error.reason() == Reason::Refused).map(drop)
    };
    stage.reports.until("the update to be refused", is_refused).await;
    assert_eq!(sent(), before + 1);
    pass(Duration::from_mins(9)).await;
    assert_eq!(sent(), before + 1, "looks at every minute send nothing");
    assert!(is_refused(&stage.reports).is_some(), "and the refusal stands");
    pass(Duration::from_mins(3)).await;
    assert_eq!(sent(), before + 2, "after ten minutes it is tried again");
    stage.write("api.yaml", &service("api", "api:1.1", ""));
    stage.settled("api", "3.0").await;
}
