//! From a folder to running tasks by way of a bucket: `cox publish` into an S3 that we did not write, a
//! controller that takes it from there, and `cox apply` through that controller.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for a member that is missing")]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use coxswain_tests::{moto::Moto, picture::Picture, process::wait_for};
use serde_json::Value;

/// `cox publish` into moto's bucket.
async fn publish(picture: &Picture, moto: &Moto) -> Result<Value> {
    let place = moto.place();
    let arguments = ["publish", "manifests", "--to", &place, "--endpoint-url", moto.endpoint(), "-o", "json"];
    let (out, _) = picture.cox_exits(&arguments, 0).await?;
    Ok(serde_json::from_str(&out)?)
}

/// Waits until two healthy tasks run an image of that tag.
async fn runs(picture: &Picture, version: &str) -> Result<()> {
    wait_for(&format!("two tasks of {version}"), Duration::from_mins(1), async || {
        let service = picture.ecs.service("api").await?;
        let arn = service["taskDefinition"].as_str().context("a task definition")?.to_owned();
        let input = serde_json::json!({ "taskDefinition": arn });
        let definition = picture.ecs.call("DescribeTaskDefinition", input).await?;
        let image = definition.pointer("/taskDefinition/containerDefinitions/0/image");
        let is_new = image.and_then(Value::as_str).is_some_and(|image| image.ends_with(version));
        let healthy = picture.ecs.healthy_addresses("api").await?.len();
        Ok((is_new && service["runningCount"] == 2 && healthy == 2).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_rolls_and_what_is_applied_goes_the_same_way() -> Result<()> {
    let moto = Moto::start().await?;
    let mut picture = Picture::without_controller().await?;
    let first = publish(&picture, &moto).await?;
    ensure!(first["sequence"] == 1 && first["isNew"] == true, "{first:#}");

    picture.start_controller_on(&moto, &moto.place()).await?;
    picture.cox_exits(&["wait", "service/api", "--revision", "1.0"], 0).await?;
    runs(&picture, ":1.0").await?;

    picture.edit("api.yaml", "api:1.0", "api:1.1")?;
    let second = publish(&picture, &moto).await?;
    let revision = second["revision"].as_str().context("a revision")?;
    ensure!(revision == "2.0", "{second:#}");
    picture.cox_exits(&["wait", "service/api", "--revision", revision], 0).await?;
    runs(&picture, ":1.1").await?;
    let again = publish(&picture, &moto).await?;
    ensure!(again["isNew"] == false && again["sequence"] == 2, "{again:#}");

    picture.edit("api.yaml", "api:1.1", "api:1.2")?;
    let (_, told) = picture.cox_exits(&["apply", "manifests"], 8).await?;
    ensure!(told.contains("--yes"), "nobody agreed: {told}");
    let (out, _) = picture.cox_exits(&["apply", "manifests", "--yes", "--wait"], 0).await?;
    ensure!(out.contains("dev is at 3"), "{out}");
    runs(&picture, ":1.2").await?;
    // The controller has published it, and is no second source.
    let third = publish(&picture, &moto).await?;
    ensure!(third["isNew"] == false && third["sequence"] == 3, "{third:#}");
    ensure!(picture.ecs.revisions("api").await? == 3, "one revision a version");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_publishers_at_once_each_is_published_or_told_that_it_was_not() -> Result<()> {
    let moto = Moto::start().await?;
    let picture = Picture::without_controller().await?;
    publish(&picture, &moto).await?;
    let place = moto.place();
    let attempt = async |version: &str| {
        let folder = tempfile::tempdir()?;
        for name in ["api.yaml", "environment.yaml"] {
            let text = std::fs::read_to_string(picture.manifest(name))?.replace("api:1.0", version);
            std::fs::write(folder.path().join(name), text)?;
        }
        let path = folder.path().display().to_string();
        picture.cox(&["publish", &path, "--to", &place, "--endpoint-url", moto.endpoint()]).await
    };
    let (one, two, three) = tokio::try_join!(attempt("api:1.1"), attempt("api:1.2"), attempt("api:1.3"))?;
    let mut done = 0;
    for output in [one, two, three] {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => done += 1,
            Some(8) => ensure!(told.contains("somebody else has published"), "{told}"),
            code => anyhow::bail!("ended with {code:?}: {told}"),
        }
    }
    ensure!(done > 0, "nobody has published");
    let standing = publish(&picture, &moto).await?;
    ensure!(standing["sequence"] == done + 2, "{done} were told that they are published: {standing:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_on_a_directory_refuses_what_its_next_reading_would_undo() -> Result<()> {
    let picture = Picture::start().await?;
    picture.settled("api").await?;
    let (_, told) = picture.cox_exits(&["apply", "manifests", "--yes"], 8).await?;
    ensure!(told.contains("nothing is published to"), "{told}");
    Ok(())
}
