//! `dependsOn`, at the start and in reverse at the end.

use coxswain_local_aws::{ContainerSpec, TaskDriver, TaskEventKind};

use crate::bench::{Bench, TASK, check, script};

fn after(container: ContainerSpec, name: &str, condition: &str) -> ContainerSpec {
    ContainerSpec { depends_on: vec![(name.into(), condition.into())], ..container }
}

#[tokio::test]
async fn a_container_waits_for_the_success_of_another() {
    let mut bench = Bench::new();
    bench.start(vec![
        after(script("web", "cat made"), "setup", "SUCCESS"),
        ContainerSpec { essential: false, ..script("setup", "echo hello > made") },
    ]);
    bench.started("setup").await;
    assert_eq!(bench.exited("setup").await, Some(0));
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(0));
    assert_eq!(bench.lines("web"), ["hello"]);
}

#[tokio::test]
async fn a_container_whose_condition_cannot_be_met_does_not_start_and_says_why() {
    let mut bench = Bench::new();
    bench.start(vec![after(script("web", "true"), "setup", "SUCCESS"), script("setup", "exit 1")]);
    bench.started("setup").await;
    assert_eq!(bench.exited("setup").await, Some(1));
    let TaskEventKind::CannotStart(why) = bench.next_of("web").await else { panic!("web started") };
    assert_eq!(
        why,
        "failed to resolve container ordering dependency [setup] for target [web] as dependency did not \
         exit successfully"
    );
}

#[tokio::test]
async fn a_dependency_on_a_container_that_does_not_exist_is_told() {
    let mut bench = Bench::new();
    bench.start(vec![after(script("web", "true"), "no", "START")]);
    let TaskEventKind::CannotStart(why) = bench.next_of("web").await else { panic!("web started") };
    assert!(why.ends_with("as dependency does not exist"), "{why}");
}

#[tokio::test]
async fn a_container_waits_for_the_health_of_another() {
    let mut bench = Bench::new();
    let database = script("database", "trap 'exit 0' TERM; while :; do sleep 0.05; done");
    bench.start(vec![
        after(script("web", "true"), "database", "HEALTHY"),
        ContainerSpec { health_check: Some(check("test -e ready")), ..database },
    ]);
    bench.started("database").await;
    std::fs::write(bench.path("ready"), "").unwrap();
    // Unhealthy comes first where two checks were faster than this test.
    while bench.next_of("database").await != (TaskEventKind::Health { healthy: true }) {}
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(0));
    bench.driver.stop(TASK);
    assert_eq!(bench.exited("database").await, Some(0));
}

#[tokio::test]
async fn at_the_stop_the_containers_that_depend_on_another_go_before_it() {
    let mut bench = Bench::new();
    let loyal = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let slow = "trap 'sleep 0.3; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    bench.start(vec![script("database", loyal), after(script("web", slow), "database", "START")]);
    bench.started("database").await;
    bench.started("web").await;
    bench.line("database", "ready").await;
    bench.line("web", "ready").await;
    bench.driver.stop(TASK);
    assert_eq!(bench.exited("web").await, Some(0));
    assert_eq!(bench.exited("database").await, Some(0));
}

#[tokio::test]
async fn a_container_that_waits_when_its_task_stops_ends_without_an_exit_code() {
    let mut bench = Bench::new();
    let setup = script("setup", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    bench.start(vec![after(script("web", "true"), "setup", "COMPLETE"), setup]);
    bench.started("setup").await;
    bench.line("setup", "ready").await;
    bench.driver.stop(TASK);
    assert_eq!(bench.exited("web").await, None);
    assert_eq!(bench.exited("setup").await, Some(0));
}
