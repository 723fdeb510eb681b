//! The service is changed behind Coxswain's back, with the AWS CLI.

use std::time::Duration;

use anyhow::{Result, ensure};
use coxswain_tests::{picture::Picture, process::wait_for};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_count_is_shown_and_corrected_and_a_tag_of_somebody_elses_is_left() -> Result<()> {
    let picture = Picture::start().await?;
    picture.settled("api").await?;
    let arn = picture.ecs.service("api").await?["serviceArn"].clone();
    let arn = arn.as_str().unwrap_or_default();
    picture.aws(&["ecs", "tag-resource", "--resource-arn", arn, "--tags", "key=team,value=ops"]).await?;
    picture
        .aws(&["ecs", "update-service", "--cluster", "dev", "--service", "api", "--desired-count", "3"])
        .await?;

    wait_for("the count to be corrected", Duration::from_secs(30), async || {
        Ok((picture.ecs.service("api").await?["desiredCount"] == 2).then_some(()))
    })
    .await?;
    // ECS has the count before the controller has said so.
    wait_for("the field that drifted to be named", Duration::from_secs(30), async || {
        let (history, _) = picture.cox_exits(&["describe", "service/api"], 0).await?;
        Ok(history.contains("desiredCount").then_some(()))
    })
    .await?;
    let tags = picture.ecs.service("api").await?["tags"].clone();
    ensure!(
        tags.as_array().is_some_and(|tags| tags.contains(&json!({"key": "team", "value": "ops"}))),
        "{tags}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_definition_is_corrected_and_an_earlier_good_one_is_an_emergency_rollback() -> Result<()> {
    let picture = Picture::start().await?;
    picture.settled("api").await?;
    let first = picture.ecs.service("api").await?["taskDefinition"].clone();
    let first = first.as_str().unwrap_or_default().to_owned();
    picture.edit("api.yaml", "api:1.0", "api:1.1")?;
    picture.cox_exits(&["wait", "service/api"], 0).await?;
    let second = picture.ecs.service("api").await?["taskDefinition"].clone();

    // Somebody registers a definition of their own and puts the service on it.
    let mut foreign = picture
        .ecs
        .call("DescribeTaskDefinition", json!({"taskDefinition": second}))
        .await?["taskDefinition"]
        .clone();
    foreign["containerDefinitions"][0]["environment"] = json!([{"name": "API_VERSION", "value": "foreign"}]);
    let containers = foreign["containerDefinitions"].to_string();
    let registered = picture
        .aws(&[
            "ecs",
            "register-task-definition",
            "--family",
            "api",
            "--container-definitions",
            &containers,
            "--requires-compatibilities",
            "FARGATE",
            "--network-mode",
            "awsvpc",
            "--cpu",
            "256",
            "--memory",
            "512",
        ])
        .await?;
    let foreign = registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap_or_default().to_owned();
    picture
        .aws(&[
            "ecs",
            "update-service",
            "--cluster",
            "dev",
            "--service",
            "api",
            "--task-definition",
            &foreign,
        ])
        .await?;
    wait_for("the definition to be corrected", Duration::from_mins(1), async || {
        Ok((picture.ecs.service("api").await?["taskDefinition"] == second).then_some(()))
    })
    .await?;
    picture.at_rest("api").await?;

    // In an emergency, somebody goes back to the revision that ran before.
    picture
        .aws(&["ecs", "update-service", "--cluster", "dev", "--service", "api", "--task-definition", &first])
        .await?;
    let held = picture.condition("api", "Held", "True").await?;
    ensure!(held["hold"]["reason"] == "EmergencyRollback", "{held:#}");
    ensure!(
        picture.ecs.service("api").await?["taskDefinition"] == first.as_str(),
        "it is left where the person put it"
    );
    picture.cox_exits(&["wait", "service/api"], 6).await?;

    picture.edit("api.yaml", "api:1.1", "api:1.2")?;
    picture.cox_exits(&["wait", "service/api"], 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_taken_out_of_the_manifest_is_reset_and_the_plan_says_so() -> Result<()> {
    let picture = Picture::start().await?;
    picture.settled("api").await?;
    picture.edit("api.yaml", "  service:\n", "  service:\n    healthCheckGracePeriodSeconds: 30\n")?;
    wait_for("the grace period to be set", Duration::from_secs(30), async || {
        Ok((picture.ecs.service("api").await?["healthCheckGracePeriodSeconds"] == 30).then_some(()))
    })
    .await?;
    picture.at_rest("api").await?;

    // The plan of an edit that the controller has not seen: a copy of the manifests.
    let copy = picture.manifest("../copy");
    std::fs::create_dir_all(&copy)?;
    for name in ["api.yaml", "environment.yaml"] {
        let text = std::fs::read_to_string(picture.manifest(name))?;
        std::fs::write(copy.join(name), text.replace("    healthCheckGracePeriodSeconds: 30\n", ""))?;
    }
    let (plan, _) = picture.cox_exits(&["plan", "copy"], 0).await?;
    ensure!(plan.contains("healthCheckGracePeriodSeconds") && plan.contains("MemberRemoved"), "{plan}");
    picture.cox_exits(&["diff", "copy"], 1).await?;

    picture.edit("api.yaml", "    healthCheckGracePeriodSeconds: 30\n", "")?;
    wait_for("the grace period to be reset", Duration::from_secs(30), async || {
        Ok((picture.ecs.service("api").await?["healthCheckGracePeriodSeconds"] == 0).then_some(()))
    })
    .await?;
    picture.at_rest("api").await?;
    picture.cox_exits(&["diff", "manifests"], 0).await?;
    Ok(())
}
