//! The cases.

use std::{collections::BTreeSet, time::Duration};

use coxswain_local_aws::{ContainerSpec, RestartPolicy, TaskEventKind};

use crate::rig::{Rig, after, checked, container, exited};

const STARTED: TaskEventKind = TaskEventKind::Started;
const HEALTHY: TaskEventKind = TaskEventKind::Health { healthy: true };

pub(crate) async fn a_container_reports_its_start_and_its_exit_code(mut rig: Rig) {
    rig.start("a", vec![container("web", "crashes")]);
    rig.expect("a", &[("web", STARTED), ("web", exited(3))]).await;
}

pub(crate) async fn a_stop_ends_a_container_that_heeds_it(mut rig: Rig) {
    rig.start("a", vec![container("web", "serves")]);
    rig.expect("a", &[("web", STARTED)]).await;
    rig.driver.stop("a");
    rig.expect("a", &[("web", exited(143))]).await;
}

pub(crate) async fn a_container_that_ignores_the_stop_is_killed_after_its_timeout(mut rig: Rig) {
    let stubborn = ContainerSpec { stop_timeout: Duration::from_secs(1), ..checked("web", "stubborn") };
    rig.start("a", vec![stubborn]);
    // Healthy by then: the process has had the time to say that it ignores the signal.
    rig.expect("a", &[("web", STARTED), ("web", HEALTHY)]).await;
    rig.driver.stop("a");
    rig.expect("a", &[("web", exited(137))]).await;
}

pub(crate) async fn an_image_that_does_not_exist_cannot_be_pulled(mut rig: Rig) {
    rig.start("a", vec![container("web", "missing")]);
    let (_, _, kind) = rig.next().await;
    let TaskEventKind::CannotStart(reason) = kind else { panic!("{kind:?}") };
    assert!(reason.starts_with("CannotPullContainerError: "), "{reason}");
}

pub(crate) async fn a_passing_health_check_makes_a_container_healthy(mut rig: Rig) {
    rig.start("a", vec![checked("web", "serves")]);
    rig.expect("a", &[("web", STARTED), ("web", HEALTHY)]).await;
}

pub(crate) async fn a_failing_health_check_makes_a_container_unhealthy(mut rig: Rig) {
    rig.start("a", vec![checked("web", "sick")]);
    rig.expect("a", &[("web", STARTED), ("web", TaskEventKind::Health { healthy: false })]).await;
}

pub(crate) async fn a_container_waits_for_the_success_of_another(mut rig: Rig) {
    let web = after(container("web", "serves"), "init", "SUCCESS");
    rig.start("a", vec![web, container("init", "ends")]);
    rig.expect("a", &[("init", STARTED), ("init", exited(0)), ("web", STARTED)]).await;
}

pub(crate) async fn a_container_waits_for_the_health_of_another(mut rig: Rig) {
    let web = after(container("web", "serves"), "proxy", "HEALTHY");
    rig.start("a", vec![web, checked("proxy", "serves")]);
    rig.expect("a", &[("proxy", STARTED), ("proxy", HEALTHY), ("web", STARTED)]).await;
}

pub(crate) async fn every_container_reports_its_end_when_a_task_stops_also_one_that_never_started(
    mut rig: Rig,
) {
    let waits = after(container("waits", "serves"), "web", "COMPLETE");
    rig.start("a", vec![container("web", "serves"), waits]);
    rig.expect("a", &[("web", STARTED)]).await;
    rig.driver.stop("a");
    let mut ended = BTreeSet::new();
    while ended.len() < 2 {
        let (_, name, kind) = rig.next().await;
        match kind {
            TaskEventKind::Exited { .. } => assert!(ended.insert(name.clone()), "{name} ended twice"),
            // It may start in the moment in which what it waits for ends, and ends all the same.
            TaskEventKind::Started => assert_eq!(name, "waits"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

pub(crate) async fn a_task_that_is_unknown_or_gone_is_not_stopped(mut rig: Rig) {
    rig.driver.stop("never");
    rig.start("a", vec![container("web", "ends")]);
    rig.expect("a", &[("web", STARTED), ("web", exited(0))]).await;
    rig.driver.stop("a");
    // Had the stop reported anything, it would come before the next task's events.
    rig.start("b", vec![container("web", "ends")]);
    rig.expect("b", &[("web", STARTED), ("web", exited(0))]).await;
}

pub(crate) async fn what_a_container_wrote_is_kept_after_its_end_and_the_newest_lines_come(mut rig: Rig) {
    rig.start("a", vec![container("web", "crashes")]);
    rig.expect("a", &[("web", STARTED), ("web", exited(3))]).await;
    let lines = |limit| {
        let lines = rig.driver.logs("a", "web", limit);
        lines.into_iter().map(|line| line.message).collect::<Vec<_>>()
    };
    assert_eq!(lines(100), ["one", "two", "three"]);
    assert_eq!(lines(2), ["two", "three"]);
    assert!(rig.driver.logs("a", "other", 2).is_empty());
}

pub(crate) async fn a_tag_has_a_digest_that_starts_its_program_and_an_image_that_does_not_exist_has_none(
    mut rig: Rig,
) {
    let image = rig.driver.image("crashes").unwrap();
    assert_eq!((image.repository.as_str(), image.tag.as_str()), ("crashes", "latest"));
    let (kind, digits) = image.digest.split_once(':').unwrap();
    assert_eq!((kind, digits.len()), ("sha256", 64));
    assert_eq!(rig.driver.image("crashes").unwrap(), image);
    assert_ne!(rig.driver.image("ends").unwrap().digest, image.digest);
    assert!(rig.driver.tags("crashes").unwrap().contains(&"latest".to_owned()));
    assert_eq!(rig.driver.image("missing"), None);
    assert_eq!(rig.driver.image(&format!("ends@{}", image.digest)), None, "it is another repository's");
    rig.start("a", vec![container("web", &format!("crashes@{}", image.digest))]);
    rig.expect("a", &[("web", STARTED), ("web", exited(3))]).await;
}

fn restarted(spec: ContainerSpec, attempt_period: Duration, ignored: &[i32]) -> ContainerSpec {
    let restart = RestartPolicy { ignored_exit_codes: ignored.to_vec(), attempt_period };
    ContainerSpec { restart: Some(restart), ..spec }
}

pub(crate) async fn a_container_with_a_restart_policy_runs_again_and_a_stop_is_its_end(mut rig: Rig) {
    rig.start("a", vec![restarted(container("web", "crashes"), Duration::ZERO, &[0])]);
    let again = TaskEventKind::Restarted { exit_code: 3 };
    rig.expect("a", &[("web", STARTED), ("web", again.clone()), ("web", again.clone())]).await;
    rig.driver.stop("a");
    let end = loop {
        match rig.next().await.2 {
            kind if kind == again => {}
            other => break other,
        }
    };
    assert!(matches!(end, TaskEventKind::Exited { .. }), "{end:?}");
    // Had it started once more, that would come before the next task's events.
    rig.start("b", vec![container("web", "ends")]);
    rig.expect("b", &[("web", STARTED), ("web", exited(0))]).await;
}

pub(crate) async fn a_container_that_ran_too_short_or_ended_with_an_ignored_code_is_not_restarted(
    mut rig: Rig,
) {
    rig.start("a", vec![restarted(container("web", "crashes"), Duration::from_hours(1), &[])]);
    rig.expect("a", &[("web", STARTED), ("web", exited(3))]).await;
    rig.start("b", vec![restarted(container("web", "crashes"), Duration::ZERO, &[3])]);
    rig.expect("b", &[("web", STARTED), ("web", exited(3))]).await;
}

pub(crate) async fn a_failing_check_does_not_restart_a_container(mut rig: Rig) {
    rig.start("a", vec![restarted(checked("web", "sick"), Duration::ZERO, &[])]);
    rig.expect("a", &[("web", STARTED), ("web", TaskEventKind::Health { healthy: false })]).await;
    rig.driver.stop("a");
    rig.expect("a", &[("web", exited(143))]).await;
}

pub(crate) async fn a_container_that_can_no_longer_start_says_so(mut rig: Rig) {
    let web = after(container("web", "serves"), "init", "SUCCESS");
    rig.start("a", vec![web, container("init", "crashes")]);
    rig.expect("a", &[("init", STARTED), ("init", exited(3))]).await;
    let (_, name, kind) = rig.next().await;
    let TaskEventKind::CannotStart(reason) = kind else { panic!("{name}: {kind:?}") };
    assert_eq!(name, "web");
    let expected = "failed to resolve container ordering dependency [init] for target [web] as dependency did not exit successfully";
    assert_eq!(reason, expected);
}

pub(crate) async fn what_is_stopped_stops_in_the_reverse_order_of_its_start(mut rig: Rig) {
    let web = after(checked("web", "serves"), "proxy", "HEALTHY");
    rig.start("a", vec![web, checked("proxy", "serves")]);
    rig.expect("a", &[("proxy", STARTED), ("proxy", HEALTHY), ("web", STARTED), ("web", HEALTHY)]).await;
    rig.driver.stop("a");
    rig.expect("a", &[("web", exited(143)), ("proxy", exited(143))]).await;
}

pub(crate) async fn two_tasks_run_side_by_side_and_one_is_stopped_alone(mut rig: Rig) {
    rig.start("a", vec![container("web", "serves")]);
    rig.expect("a", &[("web", STARTED)]).await;
    rig.start("b", vec![container("web", "serves")]);
    rig.expect("b", &[("web", STARTED)]).await;
    rig.driver.stop("a");
    rig.expect("a", &[("web", exited(143))]).await;
    rig.driver.stop("b");
    rig.expect("b", &[("web", exited(143))]).await;
}
