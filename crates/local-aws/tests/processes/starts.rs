//! What a container is started with, and what stands in its way.

use std::os::unix::fs::PermissionsExt;

use coxswain_local_aws::{ContainerSpec, TaskDriver, TaskEventKind};

use crate::bench::{Bench, TASK, script};

async fn cannot_start(container: ContainerSpec) -> String {
    let mut bench = Bench::new();
    bench.start(vec![container]);
    match bench.next_of("web").await {
        TaskEventKind::CannotStart(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_program_starts_and_its_lines_are_there_when_its_end_is_known() {
    let mut bench = Bench::new();
    bench.start(vec![script("web", "echo out; echo err >&2; printf unfinished; exit 3")]);
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(3));
    let mut lines = bench.lines("web");
    lines.sort();
    assert_eq!(lines, ["err", "out", "unfinished"]);
    let limited = bench.driver.logs(TASK, "web", 1);
    assert_eq!((limited.len(), limited[0].timestamp_ms), (1, 1_700_000_000_000));

    let file = std::fs::read_to_string(bench.path(&format!("state/tasks/{TASK}/web.log"))).unwrap();
    assert!(file.contains("1700000000000 unfinished\n"), "{file}");
}

#[tokio::test]
async fn the_last_of_many_lines_is_there_when_the_end_is_known() {
    let mut bench = Bench::new();
    bench.start(vec![script("web", "exec seq 1 4000")]);
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(0));
    assert_eq!(bench.lines("web").last().map(String::as_str), Some("4000"));
}

#[tokio::test]
async fn a_program_sees_path_and_its_own_environment_and_nothing_of_the_parents() {
    let mut bench = Bench::new();
    let mut web = script("web", "exec env");
    web.environment.insert("TOKEN".into(), "a b\nc".into());
    bench.start(vec![web]);
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(0));
    let mut lines = bench.lines("web");
    lines.retain(|line| !line.starts_with("PWD=") && !line.starts_with("_=") && !line.starts_with("SHLVL="));
    lines.sort();
    let path = format!("PATH={}:/usr/local/bin:/usr/bin:/bin", bench.path("bin").display());
    assert_eq!(lines, ["LISTEN=127.64.0.2:8000", &path, "TOKEN=a b", "c"]);
}

#[tokio::test]
async fn standard_input_is_empty() {
    let mut bench = Bench::new();
    bench.start(vec![script("web", "cat; echo end")]);
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(0));
    assert_eq!(bench.lines("web"), ["end"]);
}

#[tokio::test]
async fn output_that_nobody_asks_for_never_stops_a_program() {
    let mut bench = Bench::new();
    bench.start(vec![script("web", "head -c 5000000 /dev/zero; exit 7")]);
    bench.started("web").await;
    assert_eq!(bench.exited("web").await, Some(7));
    assert!(!bench.lines("web").is_empty());
}

#[tokio::test]
async fn without_a_directory_of_the_image_a_container_has_scratch_space_of_its_own() {
    let mut bench = Bench::new();
    let container = |name| ContainerSpec { image: "plain".into(), ..script(name, "pwd; ls; touch here") };
    bench.start(vec![container("web"), ContainerSpec { essential: false, ..container("side") }]);
    let mut ends = 0;
    while ends < 2 {
        if let (_, TaskEventKind::Exited { exit_code, .. }) = bench.next().await {
            assert_eq!(exit_code, Some(0));
            ends += 1;
        }
    }
    for name in ["web", "side"] {
        let folder = bench.path(&format!("state/tasks/{TASK}/{name}")).canonicalize().unwrap();
        assert_eq!(bench.lines(name), [folder.to_str().unwrap()]);
    }
}

#[tokio::test]
async fn an_image_that_is_not_mapped_cannot_be_pulled() {
    let why = cannot_start(ContainerSpec { image: "registry.example.com/no:1".into(), ..script("web", "") });
    assert_eq!(
        why.await,
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
         registry.example.com/no:1: not found"
    );
}

#[tokio::test]
async fn a_program_that_does_not_exist_cannot_start_and_its_name_is_told() {
    let missing = ContainerSpec { entry_point: vec!["no-such-program".into()], ..script("web", "") };
    let why = cannot_start(missing).await;
    assert!(why.starts_with("CannotStartContainerError: exec: \"no-such-program\": No such file"), "{why}");
}

#[tokio::test]
async fn a_file_that_may_not_be_executed_cannot_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api");
    std::fs::write(&path, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let web = ContainerSpec { entry_point: vec![path.to_str().unwrap().into()], ..script("web", "") };
    let why = cannot_start(web).await;
    assert!(why.contains("Permission denied"), "{why}");
}

#[tokio::test]
async fn a_working_directory_that_does_not_exist_is_named() {
    let web = ContainerSpec {
        image: "plain".into(),
        working_directory: Some("/no/such/folder".into()),
        ..script("web", "")
    };
    let why = cannot_start(web).await;
    assert_eq!(why, "CannotStartContainerError: the working directory /no/such/folder does not exist");
}
