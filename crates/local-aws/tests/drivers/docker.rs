//! What only an engine is asked for: networks, what is left behind, and an engine that is not there.

use std::{path::PathBuf, sync::Arc, time::Duration};

use coxswain_local_aws::{
    ContainerSpec, DockerConfig, DockerDriver, EngineError, Mount, SystemClock, TaskEventKind, Volume,
    VolumeSource,
};
use tokio::sync::mpsc::unbounded_channel;

use crate::rig::{Rig, container, exited, until};

#[tokio::test]
async fn a_tasks_containers_share_a_network_of_its_own_and_nothing_is_left_of_them() {
    let mut rig = Rig::docker().await;
    let mount = Mount { volume: "data".into(), path: "/data".into(), read_only: false };
    let web = ContainerSpec { ports: vec![8000], mounts: vec![mount], ..container("web", "serves") };
    let volumes = vec![Volume { name: "data".into(), source: VolumeSource::Task }];
    rig.start_with_volumes("a", vec![web], volumes);
    rig.expect("a", &[("web", TaskEventKind::Started)]).await;
    let engine = rig.engine.as_ref().unwrap();
    assert_eq!(engine.containers(), ["coxswain-a-network", "coxswain-a-web"]);
    let (network, web) = (engine.body("coxswain-a-network"), engine.body("coxswain-a-web"));
    assert_eq!(network["HostConfig"]["PortBindings"]["8000/tcp"][0]["HostIp"], "127.64.9.9");
    assert_eq!(web["HostConfig"]["NetworkMode"], "container:coxswain-a-network");
    assert_eq!(web["HostConfig"]["Binds"][0], "coxswain-a-data:/data:rw");
    rig.driver.stop("a");
    rig.expect("a", &[("web", exited(143))]).await;
    let engine = rig.engine.as_ref().unwrap();
    assert_eq!(engine.asked("POST stop"), ["POST stop coxswain-a-web 30"]);
    until("nothing is left", || {
        engine.containers().is_empty() && engine.asked("DELETE volume") == ["DELETE volume coxswain-a-data"]
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_waits_until_the_containers_have_ended() {
    let mut rig = Rig::docker().await;
    let stubborn = ContainerSpec { stop_timeout: Duration::from_millis(100), ..container("web", "serves") };
    rig.start("a", vec![stubborn]);
    rig.expect("a", &[("web", TaskEventKind::Started)]).await;
    rig.docker.as_ref().unwrap().shutdown().await;
    let engine = rig.engine.as_ref().unwrap();
    assert!(engine.containers().is_empty());
    assert_eq!(engine.asked("POST stop"), ["POST stop coxswain-a-web 1"], "a part of a second is one");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_named() {
    let config = DockerConfig {
        socket: PathBuf::from("/no/such/engine.sock"),
        state: PathBuf::from("/no/such/state"),
        pause_image: "pause".into(),
        clock: Arc::new(SystemClock),
    };
    let error = DockerDriver::connect(config, unbounded_channel().0).await.unwrap_err();
    assert!(matches!(error, EngineError::Socket { .. }));
    assert_eq!(error.to_string(), "the engine's socket /no/such/engine.sock cannot be reached");
}
