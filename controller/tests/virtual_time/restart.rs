//! The end of a controller and the beginning of the next.

use std::time::Duration;

use coxswain_local_aws::Script;
use coxswain_plan::Reason;

use crate::stage::{Stage, pass, service};

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_killed_in_a_rollout_is_followed_by_one_that_goes_on() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    stage.write("api.yaml", &service("api", "api:1.1", ""));
    let started = |reports: &crate::stage::Reports| {
        let plan = reports.of("api")?.plan?;
        (plan.revision == "2.0" && plan.record.in_flight.is_some()).then_some(())
    };
    stage.reports.until("the rollout is followed", started).await;
    drop(running);
    pass(Duration::from_mins(5)).await;
    let _running = stage.start();
    let report = stage.settled("api", "2.0").await;
    assert!(report.began_at > stage.clock.now() - Duration::from_secs(30), "the new one has looked");
    assert_eq!((stage.revisions("api").await, stage.rollouts("api").await.len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_hold_survives_a_restart() {
    let stage = Stage::new().await;
    stage.script("api:broken", Script::exits(Duration::from_millis(500), 3));
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    stage.write("api.yaml", &service("api", "api:broken", ""));
    stage.held("api").await;
    running.stop().await.unwrap();
    let _running = stage.start();
    pass(Duration::from_hours(1)).await;
    let hold = stage.record("api").await.unwrap().hold.unwrap();
    assert_eq!(hold.reason, Reason::CircuitBreakerRolledBack);
    assert_eq!(stage.rollouts("api").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn over_a_broken_directory_the_next_controller_stands_on_the_last_good_manifests() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    running.stop().await.unwrap();

    stage.write("api.yaml", "a: [1");
    let input = serde_json::json!({"cluster": "dev", "service": "api", "desiredCount": 4});
    stage.ecs("UpdateService", input).await;
    let _running = stage.start();
    pass(Duration::from_mins(2)).await;
    assert_eq!(stage.live("api").await["desiredCount"], 2, "drift is still corrected");
    let source = stage.reports.last_source().unwrap();
    assert!(!source.is_ready);
    assert_eq!(source.accepted.unwrap().revision, "1.0");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_blocks_its_object_and_is_not_taken_for_empty() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    running.stop().await.unwrap();

    let path = coxswain_store::Path::new("v1/dev/records/service/api.json").unwrap();
    let entry = coxswain_store::Store::get(&stage.store, &path).await.unwrap();
    let expect = coxswain_store::Expect::from(entry.as_ref());
    coxswain_store::Store::put(&stage.store, &path, b"{\"schema\": 99}".to_vec(), expect).await.unwrap();
    stage.write("api.yaml", &service("api", "api:1.1", ""));
    let before = stage.writes().len();
    let _running = stage.start();
    pass(Duration::from_mins(10)).await;
    let error = stage.reports.of("api").unwrap().error.unwrap();
    assert!(error.to_string().contains("schema 99"), "{error}");
    assert_eq!(stage.writes().len(), before);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_by_a_restart_over_a_world_that_is_in_order() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    pass(Duration::from_mins(1)).await;
    running.stop().await.unwrap();
    let (writes, record) = (stage.writes().len(), stage.record("api").await);
    let _running = stage.start();
    pass(Duration::from_hours(24)).await;
    assert_eq!(stage.writes().len(), writes, "a day of silence writes nothing");
    assert_eq!(stage.record("api").await, record);
}
