//! What is killed comes back and converges; what is left is nothing.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use coxswain_tests::{picture::Picture, process::wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_killed_in_the_middle_of_rollouts_converges_without_one_deployment_more() -> Result<()> {
    let mut picture = Picture::start().await?;
    picture.settled("api").await?;
    for (round, version) in ["1.1", "1.2", "1.3", "1.4"].into_iter().enumerate() {
        let before = format!("api:1.{round}");
        let revisions = picture.ecs.revisions("api").await?;
        picture.edit("api.yaml", &before, &format!("api:{version}"))?;
        // Each round dies at another point: at once, after the registration, in the rollout, at its end.
        match round {
            0 => {}
            1 => {
                wait_for("a revision to be registered", Duration::from_secs(20), async || {
                    Ok((picture.ecs.revisions("api").await? > revisions).then_some(()))
                })
                .await?;
            }
            2 => drop(picture.condition("api", "Progressing", "True").await?),
            _ => drop(picture.settled("api").await?),
        }
        picture.kill_controller()?;
        picture.start_controller().await?;
        picture.cox_exits(&["wait", "service/api"], 0).await?;
        let status = picture.settled("api").await?;
        ensure!(
            status["taskDefinition"].as_str().is_some_and(|arn| arn.ends_with(&format!(":{}", round + 2))),
            "{status:#}"
        );
    }
    ensure!(picture.ecs.revisions("api").await? == 5, "one revision a version");
    let deployments = picture.ecs.service_deployments("api").await?;
    ensure!(deployments.len() == 5, "one deployment a version: {deployments:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_told_to_end_ends_well() -> Result<()> {
    let mut picture = Picture::start().await?;
    picture.settled("api").await?;
    ensure!(picture.terminate_controller().await? == Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_is_left_when_the_local_ecs_is_killed() -> Result<()> {
    let mut picture = Picture::start().await?;
    picture.settled("api").await?;
    let addresses = picture.ecs.healthy_addresses("api").await?;
    let running = processes_that_mention(&addresses);
    ensure!(!running.is_empty(), "the api's processes know their address: {addresses:?}");
    picture.kill_local()?;
    wait_for("the tasks' processes to end", Duration::from_secs(10), async || {
        Ok(processes_that_mention(&addresses).is_empty().then_some(()))
    })
    .await
}

/// Processes in whose environment one of the addresses stands.
fn processes_that_mention(addresses: &[String]) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| mentions(path, addresses))
        .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .collect()
}

fn mentions(process: &Path, addresses: &[String]) -> bool {
    let environment = std::fs::read(process.join("environ")).unwrap_or_default();
    let environment = String::from_utf8_lossy(&environment);
    addresses.iter().any(|address| environment.contains(&format!("API_LISTEN={address}:")))
}
