//! An edited manifest rolls a real service: real programs, real sockets, real time.

use anyhow::{Result, ensure};
use coxswain_tests::{picture::Picture, traffic::Traffic};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_version_rolls_without_one_failed_request() -> Result<()> {
    let picture = Picture::start().await?;
    picture.settled("api").await?;
    ensure!(picture.ecs.healthy_addresses("api").await?.len() == 2);

    let traffic = Traffic::start(picture.ecs.clone(), "api");
    picture.edit("api.yaml", "api:1.0", "api:1.1")?;
    picture.cox_exits(&["wait", "service/api"], 0).await?;
    let service = picture.ecs.service("api").await?;
    ensure!(service["deployments"][0]["rolloutState"] == "COMPLETED", "{service:#}");
    ensure!(service["deployments"].as_array().is_some_and(|all| all.len() == 1), "{service:#}");

    let tally = traffic.stop().await?;
    let versions = tally.versions.lock().map(|versions| versions.clone()).unwrap_or_default();
    ensure!(
        versions.contains_key("1.0") && versions.contains_key("1.1"),
        "both versions served: {versions:?}"
    );
    ensure!(picture.ecs.revisions("api").await? == 2, "one revision more, not two");

    let (table, _) = picture.cox_exits(&["get"], 0).await?;
    ensure!(table.contains("api") && table.contains("Synced") && table.contains("Healthy"), "{table}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_named_by_its_tag_runs_by_its_digest_and_a_tag_that_is_missing_blocks() -> Result<()> {
    let picture = Picture::start().await?;
    picture.settled("api").await?;
    let plain = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:1.0";
    picture.edit("api.yaml", plain, "${image:api:1.1}")?;
    picture.cox_exits(&["wait", "service/api"], 0).await?;
    let revision = picture.ecs.call("DescribeTaskDefinition", json!({"taskDefinition": "api"})).await?;
    let image = revision["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap_or_default();
    let registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/api@sha256:";
    ensure!(image.starts_with(registry) && image.len() == registry.len() + 64, "{image}");

    picture.edit("api.yaml", "${image:api:1.1}", "${image:shop:1.1}")?;
    let blocked = picture.condition("api", "Blocked", "True").await?;
    ensure!(
        blocked["summary"].as_str().is_some_and(|text| text.contains("no repository shop")),
        "{blocked:#}"
    );
    ensure!(picture.ecs.revisions("api").await? == 2, "nothing was registered for it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_crashes_is_rolled_back_held_and_explained_while_the_old_one_serves() -> Result<()> {
    let picture = Picture::start().await?;
    picture.settled("api").await?;
    let traffic = Traffic::start(picture.ecs.clone(), "api");

    picture.edit("api.yaml", "api:1.0", "api:1.2-broken")?;
    let (_, told) = picture.cox_exits(&["wait", "service/api"], 4).await?;
    ensure!(told.contains("EssentialContainerExited"), "the stop code is told: {told}");
    ensure!(told.contains("code 2"), "the exit code is told: {told}");
    ensure!(told.contains("API_GRACE"), "the crash's last log lines are told: {told}");

    let held = picture.condition("api", "Held", "True").await?;
    ensure!(held["hold"]["reason"] == "CircuitBreakerRolledBack", "{held:#}");
    let (text, _) = picture.cox_exits(&["describe", "service/api"], 0).await?;
    ensure!(text.contains("API_GRACE") && text.contains("CircuitBreakerRolledBack"), "{text}");

    traffic.stop().await?;
    let (history, _) = picture.cox_exits(&["history", "service/api"], 0).await?;
    ensure!(history.contains("CircuitBreakerRolledBack"), "{history}");

    picture.edit("api.yaml", "api:1.2-broken", "api:1.3")?;
    picture.cox_exits(&["wait", "service/api"], 0).await?;
    let deployments = picture.ecs.service_deployments("api").await?;
    ensure!(deployments.len() == 3, "created, failed, good: {deployments:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_deploys_a_held_version_once_more() -> Result<()> {
    let picture = Picture::start().await?;
    picture.settled("api").await?;
    picture.edit("api.yaml", "api:1.0", "api:1.2-broken")?;
    picture.cox_exits(&["wait", "service/api"], 4).await?;
    let before = picture.ecs.service_deployments("api").await?.len();

    picture.cox_exits(&["retry", "service/api", "--reason", "the image was rebuilt"], 0).await?;
    picture.cox_exits(&["wait", "service/api"], 4).await?;
    let after = picture.ecs.service_deployments("api").await?.len();
    ensure!(after == before + 1, "one deployment more: {before} then {after}");
    ensure!(picture.ecs.revisions("api").await? == 2, "the revision of the held version is used again");
    Ok(())
}
