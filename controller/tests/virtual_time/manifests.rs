//! Manifests that cannot be used: the last good ones stand, and nothing is called gone on a doubt.

use std::time::Duration;

use coxswain_controller::{phase::PhaseError, source::POLL_INTERVAL};
use coxswain_plan::Reason;

use crate::stage::{Stage, pass, service};

async fn settled(object_by_object: bool) -> (Stage, coxswain_controller::app::Running) {
    let mut stage = Stage::new().await;
    stage.settings.object_by_object = object_by_object;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    stage.write("web.yaml", &service("web", "web:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    stage.settled("web", "1.0").await;
    (stage, running)
}

async fn refused(stage: &Stage) -> coxswain_controller::report::SourceReport {
    let refused = |reports: &crate::stage::Reports| reports.last_source().filter(|report| !report.is_ready);
    stage.reports.until("the manifests are refused", refused).await
}

#[tokio::test(start_paused = true)]
async fn a_broken_bundle_changes_nothing_at_all_and_its_faults_are_told() {
    let (stage, _running) = settled(false).await;
    let before = stage.writes().len();
    stage.write("web.yaml", "kind: Sevrice");
    stage.write("api.yaml", &service("api", "api:1.1", ""));
    let report = refused(&stage).await;
    assert_eq!(report.reason, Reason::InvalidManifest);
    assert!(!report.diagnostics.is_empty());
    assert_eq!(report.accepted.unwrap().revision, "1.0");
    pass(Duration::from_mins(10)).await;
    assert_eq!(stage.writes().len(), before);
    assert!(stage.reports.of("web").unwrap().error.is_none(), "nothing is called gone");

    stage.write("web.yaml", &service("web", "web:1.0", ""));
    stage.settled("api", "2.0").await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_directory_orphans_nothing() {
    let (stage, _running) = settled(false).await;
    for name in ["environment.yaml", "api.yaml", "web.yaml"] {
        stage.remove(name);
    }
    let report = refused(&stage).await;
    assert_eq!(report.reason, Reason::SourceUnreadable);
    pass(Duration::from_mins(5)).await;
    assert!(stage.reports.of("api").unwrap().error.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_leaves_the_manifests_is_orphaned_and_left_running() {
    let (stage, _running) = settled(false).await;
    let before = stage.writes().len();
    stage.remove("web.yaml");
    let orphaned = |reports: &crate::stage::Reports| {
        matches!(reports.of("web")?.error, Some(PhaseError::Orphaned)).then_some(())
    };
    stage.reports.until("web is orphaned", orphaned).await;
    pass(Duration::from_mins(10)).await;
    assert_eq!(stage.live("web").await["runningCount"], 2);
    assert_eq!(stage.writes().len(), before);
}

#[tokio::test(start_paused = true)]
async fn object_by_object_a_broken_one_is_blocked_and_the_others_go_on() {
    let (stage, _running) = settled(true).await;
    stage.write("web.yaml", &service("web", "web:1.1", "").replace("image:", "imagee:"));
    stage.write("api.yaml", &service("api", "api:1.1", ""));
    stage.settled("api", "2.0").await;
    let web = stage.reports.of("web").unwrap();
    assert!(
        matches!(web.error, Some(PhaseError::Blocked { reason: Reason::InvalidManifest, .. })),
        "{web:?}"
    );
    assert!(stage.live("web").await["taskDefinition"].as_str().unwrap().ends_with("/web:1"));
}

#[tokio::test(start_paused = true)]
async fn object_by_object_one_in_a_file_that_cannot_be_read_is_blocked_and_not_orphaned() {
    let (stage, _running) = settled(true).await;
    stage.write("web.yaml", "a: [1");
    let blocked = |reports: &crate::stage::Reports| {
        matches!(reports.of("web")?.error, Some(PhaseError::Blocked { .. })).then_some(())
    };
    stage.reports.until("web is blocked", blocked).await;
    pass(Duration::from_mins(5)).await;
    assert!(matches!(stage.reports.of("web").unwrap().error, Some(PhaseError::Blocked { .. })));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_too_an_object_in_a_file_that_cannot_be_read_is_not_orphaned() {
    let (stage, running) = settled(true).await;
    running.stop().await.unwrap();
    stage.reports.forget();
    stage.write("web.yaml", "a: [1");
    let _running = stage.start();
    pass(Duration::from_mins(5)).await;
    assert!(stage.reports.of("api").is_some(), "the others are looked at");
    let web = stage.reports.of("web").and_then(|report| report.error);
    assert!(!matches!(web, Some(PhaseError::Orphaned)), "{web:?}");
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_is_missing_blocks_its_object_only_until_it_is_there() {
    let stage = Stage::new().await;
    let image = "${param:/dev/image}";
    stage.write("api.yaml", &service("api", image, ""));
    stage.write("web.yaml", &service("web", "web:1.0", ""));
    let _running = stage.start();
    stage.settled("web", "1.0").await;
    let api = stage.reports.of("api").unwrap();
    assert!(
        matches!(api.error, Some(PhaseError::Blocked { reason: Reason::ReferenceUnresolved, .. })),
        "{api:?}"
    );

    stage.local.put_parameter("/dev/image", "api:1.0").unwrap();
    stage.settled("api", "1.0").await;
    stage.local.put_parameter("/dev/image", "api:9.9").unwrap();
    pass(Duration::from_mins(10)).await;
    assert_eq!(stage.revisions("api").await, 1, "a reference is looked up once per bundle");
}

#[tokio::test(start_paused = true)]
async fn a_comment_is_no_new_revision() {
    let (stage, _running) = settled(false).await;
    stage.write("web.yaml", &format!("{}# a comment\n", service("web", "web:1.0", "")));
    pass(POLL_INTERVAL * 3).await;
    assert_eq!(stage.reports.last_source().unwrap().accepted.unwrap().revision, "1.0");
}
