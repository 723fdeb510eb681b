//! Health checks that really run.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use coxswain_local_aws::{ContainerSpec, HealthCheck, TaskDriver, TaskEventKind};

use crate::bench::{Bench, TASK, check, gone, script};

const SERVE: &str = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";

const HEALTHY: TaskEventKind = TaskEventKind::Health { healthy: true };
const UNHEALTHY: TaskEventKind = TaskEventKind::Health { healthy: false };

fn checked(health_check: HealthCheck) -> ContainerSpec {
    ContainerSpec { health_check: Some(health_check), ..script("web", SERVE) }
}

#[tokio::test]
async fn a_verdict_is_told_when_it_changes() {
    let mut bench = Bench::new();
    bench.start(vec![checked(check("test ! -e sick"))]);
    bench.started("web").await;
    assert_eq!(bench.next_of("web").await, HEALTHY);
    std::fs::write(bench.path("sick"), "").unwrap();
    assert_eq!(bench.next_of("web").await, UNHEALTHY);
    std::fs::remove_file(bench.path("sick")).unwrap();
    assert_eq!(bench.next_of("web").await, HEALTHY);
}

#[tokio::test]
async fn a_check_runs_in_the_containers_environment_and_finds_the_images_programs() {
    for command in [["CMD", "is-well", "now"].as_slice(), &["is-well", "now"]] {
        let mut bench = Bench::new();
        std::fs::create_dir(bench.path("bin")).unwrap();
        let program = bench.path("bin/is-well");
        let text = "#!/bin/sh\ntest \"$LISTEN\" = 127.64.0.2:8000 -a \"$1\" = now -a -d state\n";
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let command = command.iter().map(|&word| word.to_owned()).collect();
        bench.start(vec![checked(HealthCheck { command, ..check("") })]);
        bench.started("web").await;
        assert_eq!(bench.next_of("web").await, HEALTHY);
    }
}

#[tokio::test]
async fn a_check_that_cannot_be_executed_is_a_failed_one() {
    let mut bench = Bench::new();
    let command = vec!["CMD".into(), "no-such-program".into()];
    bench.start(vec![checked(HealthCheck { command, ..check("") })]);
    bench.started("web").await;
    assert_eq!(bench.next_of("web").await, UNHEALTHY);
}

#[tokio::test]
async fn a_check_that_is_too_slow_has_failed_and_is_killed_with_all_that_it_started() {
    let mut bench = Bench::new();
    let text = "sh -c 'echo $$ >> pids; sleep 1000; true'; true";
    bench.start(vec![checked(HealthCheck { timeout: Duration::from_millis(200), ..check(text) })]);
    bench.started("web").await;
    assert_eq!(bench.next_of("web").await, UNHEALTHY);
    bench.driver.stop(TASK);
    bench.exited("web").await;
    let pids = std::fs::read_to_string(bench.path("pids")).unwrap_or_default();
    for pid in pids.lines() {
        gone(pid).await;
    }
}

#[tokio::test]
async fn failures_in_the_start_period_are_not_told() {
    let mut bench = Bench::new();
    let text = "echo x >> runs; test $(wc -l < runs) -gt 4";
    let start_period = Duration::from_secs(1_000);
    bench.start(vec![checked(HealthCheck { start_period, ..check(text) })]);
    bench.started("web").await;
    assert_eq!(bench.next_of("web").await, HEALTHY);
}
