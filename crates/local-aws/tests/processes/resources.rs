//! Restarts, volumes, ulimits and memory limits of real processes.

use std::time::Duration;

use coxswain_local_aws::{ContainerSpec, Mount, RestartPolicy, TaskEventKind, Ulimit, Volume, VolumeSource};

use crate::bench::{Bench, TASK, script};

fn mount(volume: &str, path: &str) -> Mount {
    Mount { volume: volume.into(), path: path.into(), read_only: false }
}

fn volume(name: &str, source: VolumeSource) -> Volume {
    Volume { name: name.into(), source }
}

/// A container without a working directory of its image's: it runs in its scratch folder.
fn plain(name: &str, text: &str) -> ContainerSpec {
    ContainerSpec { image: "plain".into(), ..script(name, text) }
}

#[tokio::test]
async fn what_is_written_before_a_restart_stays_and_the_log_goes_on() {
    let mut bench = Bench::new();
    let restart = RestartPolicy { ignored_exit_codes: vec![7], attempt_period: Duration::ZERO };
    let text = "echo run; if test -e was; then exit 7; fi; touch was; exit 1";
    bench.start(vec![ContainerSpec { restart: Some(restart), ..plain("web", text) }]);
    bench.started("web").await;
    assert_eq!(bench.next_of("web").await, TaskEventKind::Restarted { exit_code: 1 });
    assert_eq!(bench.exited("web").await, Some(7));
    assert_eq!(bench.lines("web"), ["run", "run"]);
}

#[tokio::test]
async fn a_container_that_cannot_be_started_again_ends_with_its_last_exit_code_and_why() {
    let mut bench = Bench::new();
    let restart = RestartPolicy { ignored_exit_codes: Vec::new(), attempt_period: Duration::ZERO };
    let program = bench.path("once");
    std::fs::write(&program, "#!/bin/sh\nrm \"$0\"\nexit 1\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let entry_point = vec![program.to_str().unwrap().into()];
    bench.start(vec![ContainerSpec { restart: Some(restart), entry_point, ..script("web", "") }]);
    bench.started("web").await;
    let TaskEventKind::Exited { exit_code, reason } = bench.next_of("web").await else { panic!("it ends") };
    assert_eq!(exit_code, Some(1));
    assert!(reason.unwrap().starts_with("CannotStartContainerError: exec: "));
}

#[tokio::test]
async fn a_volume_is_one_folder_for_all_containers_by_its_variable_and_by_its_path() {
    let mut bench = Bench::new();
    let writer = plain("writer", "echo hello > \"$COXSWAIN_VOLUME_MY_DATA/file\"");
    let reader = plain("reader", "cat var/data/file");
    let mounts = vec![mount("my-data", "/var/data")];
    bench.start_with_volumes(
        vec![
            ContainerSpec { essential: false, mounts: mounts.clone(), ..writer },
            ContainerSpec { mounts, depends_on: vec![("writer".into(), "SUCCESS".into())], ..reader },
        ],
        vec![volume("my-data", VolumeSource::Task)],
    );
    bench.started("writer").await;
    assert_eq!(bench.exited("writer").await, Some(0));
    bench.started("reader").await;
    assert_eq!(bench.exited("reader").await, Some(0));
    assert_eq!(bench.lines("reader"), ["hello"]);
    assert!(
        bench.path(&format!("state/tasks/{TASK}/volumes/my-data/file")).exists(),
        "it goes with the task"
    );
}

#[tokio::test]
async fn folders_of_the_machine_and_of_everybody_are_where_they_say() {
    let mut bench = Bench::new();
    let host = bench.path("host");
    let text = "touch \"$COXSWAIN_VOLUME_HOST/a\" \"$COXSWAIN_VOLUME_EFS/b\"";
    let mounts = vec![mount("host", "/h"), mount("efs", "/e")];
    bench.start_with_volumes(
        vec![ContainerSpec { mounts, ..script("web", text) }],
        vec![
            volume("host", VolumeSource::Host(host.to_str().unwrap().into())),
            volume("efs", VolumeSource::Shared("efs/fs-1/../root".into())),
        ],
    );
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(0));
    assert!(host.join("a").exists());
    assert!(bench.path("state/volumes/efs/fs-1/root/b").exists());
}

#[tokio::test]
async fn a_mount_of_a_volume_that_the_task_does_not_have_is_refused() {
    let mut bench = Bench::new();
    bench.start(vec![ContainerSpec { mounts: vec![mount("none", "/n")], ..script("web", "exit 0") }]);
    let expected = "CannotCreateContainerError: there is no volume none".to_owned();
    assert_eq!(bench.next_of("web").await, TaskEventKind::CannotStart(expected));
}

#[tokio::test]
async fn ulimits_hold_for_the_program_and_its_health_check_and_an_unknown_one_is_named() {
    let mut bench = Bench::new();
    let limit = |name: &str| Ulimit { name: name.into(), soft: 64, hard: 128 };
    let web = script("web", "ulimit -Sn; ulimit -Hn");
    bench.start(vec![ContainerSpec { ulimits: vec![limit("nofile")], ..web.clone() }]);
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(0));
    assert_eq!(bench.lines("web"), ["64", "128"]);

    let mut bench = Bench::new();
    bench.start(vec![ContainerSpec { ulimits: vec![limit("moon")], ..web }]);
    let TaskEventKind::CannotStart(why) = bench.next_of("web").await else { panic!("it starts") };
    assert!(why.contains("the limit moon=64:128 cannot be set"), "{why}");
}

#[tokio::test]
async fn a_container_with_more_memory_than_it_may_have_is_killed_and_says_so() {
    let mut bench = Bench::new();
    // The shell itself holds the text.
    let hungry = "text=$(head -c 64000000 /dev/zero | tr '\\0' x); while :; do sleep 1; done";
    let modest = ContainerSpec { memory: Some(32 << 20), ..script("modest", "exec sleep 1000") };
    bench.start(vec![modest]);
    bench.started("modest").await;
    let mut other = Bench::new();
    other.start(vec![ContainerSpec { memory: Some(32 << 20), ..script("web", hungry) }]);
    other.started("web").await;
    let reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
    assert_eq!(other.next_of("web").await, TaskEventKind::Exited { exit_code: Some(137), reason });
    coxswain_local_aws::TaskDriver::stop(&bench.driver, TASK);
    assert_eq!(bench.exited("modest").await, Some(143), "it was left alone");
}
