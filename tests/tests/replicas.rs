//! Two controllers on one store: one leads, and the other goes on.

use std::time::Duration;

use anyhow::{Result, ensure};
use coxswain_tests::{picture::Picture, process::wait_for, replica::Replica};

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_killed_in_a_rollout_is_followed_by_the_other_which_finishes_it_once() -> Result<()> {
    let picture = Picture::without_controller().await?;
    let one = Replica::join(&picture, "one").await?;
    ensure!(one.leads().await? == 1);
    let two = Replica::join(&picture, "two").await?;
    one.settled("api", "api:1.0").await?;

    let (code, ready) = two.get("/readyz").await?;
    ensure!(code == 200 && ready["role"] == "follower", "{ready:#}");
    ensure!(ready["leader"].as_str().is_some_and(|leader| leader.starts_with("one/")), "{ready:#}");
    two.settled("api", "api:1.0").await?;
    let (code, refused) = two.get("/v1/events").await?;
    ensure!(
        code == 503 && refused["detail"].as_str().is_some_and(|text| text.contains("one/")),
        "{refused:#}"
    );

    picture.edit("api.yaml", "api:1.0", "api:1.1")?;
    one.condition("api", "Progressing", "True").await?;
    one.kill()?;
    ensure!(two.leads().await? == 2);
    two.settled("api", "api:1.1").await?;
    ensure!(picture.ecs.revisions("api").await? == 2, "one revision a version");
    let deployments = picture.ecs.service_deployments("api").await?;
    ensure!(deployments.len() == 2, "one deployment a version: {deployments:#?}");
    let line = two.output().into_iter().find(|line| line.contains("\"message\":\"leading\""));
    ensure!(line.is_some_and(|line| line.contains("\"replica\":\"two/")), "{:#?}", two.output());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_a_follower_is_done_by_the_leader_which_hands_over_when_it_is_told_to_end()
-> Result<()> {
    let picture = Picture::without_controller().await?;
    let one = Replica::join(&picture, "one").await?;
    one.leads().await?;
    let two = Replica::join(&picture, "two").await?;
    one.settled("api", "api:1.0").await?;
    picture.edit("api.yaml", "api:1.0", "api:1.2-broken")?;
    two.condition("api", "Held", "True").await?;
    let tried = picture.ecs.service_deployments("api").await?.len();

    ensure!(two.ask("again", "retry", "service/api").await? == 202);
    wait_for("the leader to try again", Duration::from_secs(30), async || {
        Ok((picture.ecs.service_deployments("api").await?.len() > tried).then_some(()))
    })
    .await?;
    ensure!(two.ask("again", "retry", "service/api").await? == 200, "the same id asks for nothing new");

    ensure!(one.terminate().await? == Some(0));
    ensure!(two.leads().await? == 2);
    picture.edit("api.yaml", "api:1.2-broken", "api:1.3")?;
    two.settled("api", "api:1.3").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stood_still_in_a_rollout_finds_that_its_time_is_over_and_follows() -> Result<()> {
    let picture = Picture::without_controller().await?;
    let one = Replica::join(&picture, "one").await?;
    one.leads().await?;
    let two = Replica::join(&picture, "two").await?;
    one.settled("api", "api:1.0").await?;
    picture.edit("api.yaml", "api:1.0", "api:1.1")?;
    wait_for("a revision to be registered", Duration::from_secs(20), async || {
        Ok((picture.ecs.revisions("api").await? == 2).then_some(()))
    })
    .await?;
    one.stop().await?;
    ensure!(two.leads().await? == 2);
    two.settled("api", "api:1.1").await?;
    one.go_on()?;
    one.follows("two/").await?;
    one.settled("api", "api:1.1").await?;
    ensure!(picture.ecs.revisions("api").await? == 2, "one revision a version");
    let deployments = picture.ecs.service_deployments("api").await?;
    ensure!(deployments.len() == 2, "one deployment a version: {deployments:#?}");
    ensure!(one.terminate().await? == Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_stops_every_write_and_its_removal_lets_them_go_on() -> Result<()> {
    let mut picture = Picture::start().await?;
    picture.settled("api").await?;
    let switch = picture.stored("v1/kill-switch+entry");
    std::fs::write(&switch, "")?;
    let status = picture.condition("api", "Suspended", "True").await?;
    ensure!(status["reason"] == "KillSwitch", "{status:#}");
    let (out, err) = picture.cox_exits(&["get"], 0).await?;
    ensure!(out.contains("Suspended") && err.contains("kill switch is set"), "{out}\n{err}");

    picture.edit("api.yaml", "api:1.0", "api:1.1")?;
    wait_for("the edit to be seen", Duration::from_secs(30), async || {
        let status = picture.status("api").await?;
        Ok((status["differences"].to_string().contains("image")).then_some(()))
    })
    .await?;
    ensure!(picture.ecs.revisions("api").await? == 1, "nothing is sent");
    std::fs::remove_file(&switch)?;
    let status = picture.settled("api").await?;
    ensure!(status["images"].to_string().contains("api:1.1"), "{status:#}");
    ensure!(picture.terminate_controller().await? == Some(0));
    Ok(())
}
