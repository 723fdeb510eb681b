//! How containers end, and that nothing of them is left.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use coxswain_local_aws::{ContainerSpec, ImageMap, ProcessConfig, ProcessDriver, SystemClock, TaskDriver};

use crate::bench::{Bench, TASK, gone, script};

/// Starts a grandchild that leaves the process group and the session, and tells its pid.
const DAEMON: &str = "setsid sh -c 'echo daemon $$; trap \"\" TERM HUP; while :; do sleep 1; done' & ";

#[tokio::test]
async fn a_signal_is_told_as_128_and_its_number() {
    for (signal, code) in [("KILL", 137), ("SEGV", 139), ("TERM", 143)] {
        let mut bench = Bench::new();
        bench.start(vec![script("web", &format!("kill -{signal} $$"))]);
        bench.started("web").await;
        assert_eq!(bench.exited("web").await, Some(code), "{signal}");
    }
}

#[tokio::test]
async fn a_stop_sends_sigterm_and_the_program_may_end_as_it_likes() {
    let mut bench = Bench::new();
    bench
        .start(vec![script("web", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done")]);
    bench.started("web").await;
    bench.line("web", "ready").await;
    bench.driver.stop(TASK);
    assert_eq!(bench.exited("web").await, Some(5));
    assert_eq!(bench.lines("web"), ["ready", "bye"]);
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_after_its_stop_timeout_with_all_that_it_started() {
    let mut bench = Bench::new();
    let text = format!("trap '' TERM; {DAEMON} echo ready; while :; do sleep 1; done");
    bench.start(vec![ContainerSpec { stop_timeout: Duration::from_millis(100), ..script("web", &text) }]);
    bench.started("web").await;
    let daemon = bench.line("web", "daemon ").await;
    bench.line("web", "ready").await;
    bench.driver.stop(TASK);
    assert_eq!(bench.exited("web").await, Some(137));
    gone(&daemon).await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let mut bench = Bench::new();
    let status = Command::new("mkfifo").arg(bench.path("fifo")).status().unwrap();
    assert!(status.success());
    bench.start(vec![script("web", &format!("{DAEMON} read go < fifo"))]);
    bench.started("web").await;
    let daemon = bench.line("web", "daemon ").await;
    std::fs::write(bench.path("fifo"), "go\n").unwrap();
    assert_eq!(bench.exited("web").await, Some(0));
    gone(&daemon).await;
}

#[tokio::test]
async fn a_program_whose_shim_is_killed_dies_and_is_told_as_killed() {
    let mut bench = Bench::new();
    let text = "sh -c 'echo child $$; while :; do sleep 1; done' & echo shim $PPID; echo own $$; wait";
    bench.start(vec![script("web", text)]);
    bench.started("web").await;
    let shim = bench.line("web", "shim ").await;
    let (own, child) = (bench.line("web", "own ").await, bench.line("web", "child ").await);
    let pid = rustix::process::Pid::from_raw(shim.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_eq!(bench.exited("web").await, Some(137));
    gone(&own).await;
    gone(&child).await;
}

#[tokio::test]
async fn a_program_dies_with_its_shim_where_no_driver_is_left_to_see_it() {
    let (_life_line, stdin) = UnixStream::pair().unwrap();
    let mut shim = Command::new(env!("CARGO_BIN_EXE_coxswain-local"))
        .args(["__shim", "/bin/sh", "-c", "echo $$; while :; do sleep 1; done"])
        .stdin(OwnedFd::from(stdin))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(shim.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    shim.kill().unwrap();
    shim.wait().unwrap();
    gone(&pid).await;
}

#[tokio::test]
async fn a_dropped_runtime_takes_every_process_with_it() {
    let pids = std::thread::spawn(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new();
            bench.start(vec![script("web", &format!("{DAEMON} echo own $$; while :; do sleep 1; done"))]);
            bench.started("web").await;
            [bench.line("web", "own ").await, bench.line("web", "daemon ").await]
        })
    });
    for pid in pids.join().unwrap() {
        gone(&pid).await;
    }
}

#[tokio::test]
async fn a_shutdown_stops_every_task_and_later_ones_end_without_running() {
    let mut bench = Bench::new();
    bench.start(vec![script("web", "trap 'exit 4' TERM; echo ready; while :; do sleep 0.05; done")]);
    bench.started("web").await;
    bench.line("web", "ready").await;
    bench.driver.shutdown().await;
    assert_eq!(bench.exited("web").await, Some(4));
    bench.start(vec![script("web", "echo never")]);
    assert_eq!(bench.exited("web").await, None);
}

#[tokio::test]
async fn stopping_a_task_that_is_gone_or_unknown_does_nothing() {
    let mut bench = Bench::new();
    bench.driver.stop("unknown");
    bench.start(vec![script("web", "true")]);
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(0));
    bench.driver.stop(TASK);
    bench.driver.shutdown().await;
}

#[tokio::test]
async fn folders_of_long_ended_tasks_are_removed_also_those_of_an_earlier_run() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = folder.path().join("tasks");
    for number in 0..250 {
        std::fs::create_dir_all(tasks.join(format!("{number:03}/web"))).unwrap();
    }
    let (sender, _events) = tokio::sync::mpsc::unbounded_channel();
    let config = ProcessConfig {
        images: ImageMap::default(),
        state: folder.path().to_path_buf(),
        inherited: BTreeMap::new(),
        shim: None,
        clock: Arc::new(SystemClock),
    };
    let _driver = ProcessDriver::new(config, sender);
    assert_eq!(std::fs::read_dir(&tasks).unwrap().count(), 200);
}
