//! How long the whole chain takes, stage by stage: `cargo xtask bench`.
//!
//! `cox publish` to an S3 that we did not write, a controller that polls it, a local ECS with two real tasks.
//! Each edit changes the image's tag; the stages add up to the whole:
//!
//! 1. publish: from the start of `cox publish` to its end, when the pointer is moved.
//! 2. poll: until the local ECS receives RegisterTaskDefinition. Half a poll interval on average.
//! 3. act: until it receives UpdateService.
//! 4. tasks: until two tasks of the new revision are HEALTHY and no other is left.
//! 5. told: until the controller says Synced and Ready.
//!
//! And how often the bucket was polled a minute meanwhile, by the bucket's own log.

#![expect(clippy::print_stdout, reason = "a benchmark's answer is what it prints")]
#![expect(clippy::cast_precision_loss, reason = "milliseconds stay far below 53 bits")]
#![expect(clippy::indexing_slicing, reason = "serde_json gives null for a member that is missing")]

use std::{
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use coxswain_tests::{
    ecs::{Ecs, http, send},
    ministack::MiniStack,
    picture::{Picture, ROLLOUT},
    process::{Program, binary, wait_for},
};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::Value;

const EDITS: usize = 5;
/// The controller's own default.
const POLL_INTERVAL: Duration = Duration::from_secs(15);
const PLACE: &str = "s3://bundles/dev/";

#[tokio::main]
async fn main() -> Result<()> {
    let s3 = MiniStack::start().await?;
    s3.bucket("bundles").await?;
    let picture = Picture::without_controller().await?;
    publish(&picture, &s3)?;
    let controller = controller(&picture, &s3)?;
    let line = controller.line("http://").await?;
    let status = line.split_whitespace().find(|word| word.starts_with("http://")).context("a URL")?;
    synced(status, "1.0").await?;

    let (polling_since, polls_before) = (now()?, polls(&s3));
    let mut stages: [Vec<u128>; 5] = Default::default();
    for edit in 1..=EDITS {
        // Else each edit would meet the polls at the point where the one before it left them.
        tokio::time::sleep(POLL_INTERVAL * u32::try_from(edit)? / u32::try_from(EDITS)?).await;
        picture.edit("api.yaml", &format!("api:1.{}", edit - 1), &format!("api:1.{edit}"))?;
        forget_requests(&picture.ecs).await?;
        let began = now()?;
        publish(&picture, &s3)?;
        let published = now()?;
        let registered = received(&picture.ecs, "RegisterTaskDefinition").await?;
        let updated = received(&picture.ecs, "UpdateService").await?;
        rolled(&picture.ecs, edit + 1).await?;
        let running = now()?;
        synced(status, &format!("{}.0", edit + 1)).await?;
        let told = now()?;
        let marks = [began, published, registered, updated, running, told];
        for (stage, pair) in stages.iter_mut().zip(marks.windows(2)) {
            let &[from, to] = pair else { continue };
            stage.push(to.saturating_sub(from));
        }
    }
    let minutes = now()?.saturating_sub(polling_since) as f64 / 60_000.0;
    // Each edit's poll found something; the others are told from `cox publish` by their condition.
    print(stages, (polls(&s3) - polls_before + EDITS) as f64 / minutes);
    Ok(())
}

fn print(stages: [Vec<u128>; 5], polls_a_minute: f64) {
    println!(
        "publish to running tasks, {EDITS} edits, poll interval {POLL_INTERVAL:?}, two tasks with health checks (interval 5 s):"
    );
    let mut whole = 0;
    for (name, mut times) in ["publish", "poll", "act", "tasks", "told"].into_iter().zip(stages) {
        times.sort_unstable();
        let median = times[times.len() / 2];
        whole += median;
        println!("{name:>8}: median {median} ms, least {} ms, most {} ms", times[0], times[times.len() - 1]);
    }
    println!("   whole: {whole} ms, the sum of the medians");
    println!("  polled: {polls_a_minute:.1} conditional GETs of the pointer a minute");
}

/// `cox publish` of the picture's manifests.
fn publish(picture: &Picture, s3: &MiniStack) -> Result<()> {
    let output = located(Command::new(binary("cox")?).arg("publish").arg(picture.manifest("")), picture, s3)
        .args(["--to", PLACE])
        .output()?;
    ensure!(output.status.success(), "cox publish: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn controller(picture: &Picture, s3: &MiniStack) -> Result<Program> {
    let interval = format!("{}s", POLL_INTERVAL.as_secs());
    let mut command = Command::new(binary("coxswain-controller")?);
    located(&mut command, picture, s3)
        .args(["--source", PLACE, "--environment", "dev", "--store", "memory", "--poll-interval", &interval])
        .args(["--listen", "127.0.0.1:0", "--rollout-interval", "1s", "--log", "warn"]);
    Program::spawn("coxswain-controller", &mut command)
}

/// S3 is MiniStack's, all else the local ECS's, by the SDK's own variables.
fn located<'a>(command: &'a mut Command, picture: &Picture, s3: &MiniStack) -> &'a mut Command {
    command
        .env("AWS_ENDPOINT_URL", picture.ecs.endpoint())
        .env("AWS_ENDPOINT_URL_S3", s3.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "example")
        .env("AWS_SECRET_ACCESS_KEY", "example")
}

/// How often the pointer was asked for, and was as it had been.
fn polls(s3: &MiniStack) -> usize {
    let is_poll = |asked: &&String| asked.starts_with("GET /bundles/dev/pointer.json 304");
    s3.asked().iter().filter(is_poll).count()
}

/// When the local ECS received the first request of an operation since they were forgotten.
async fn received(ecs: &Ecs, operation: &str) -> Result<u128> {
    wait_for(operation, Duration::from_mins(1), async || {
        let body = get(&format!("{}/_local/requests", ecs.endpoint())).await?;
        let requests = body["requests"].as_array().cloned().unwrap_or_default();
        let found = requests.iter().find(|request| request["operation"] == operation);
        Ok(found.and_then(|request| request["atMs"].as_u64()).map(u128::from))
    })
    .await
}

async fn forget_requests(ecs: &Ecs) -> Result<()> {
    let url = format!("{}/_local/requests", ecs.endpoint());
    send(&http(), http::Request::delete(url).body(Full::<Bytes>::default())?).await.map(drop)
}

/// Waits until the service's tasks are two healthy ones of the revision, and no other.
async fn rolled(ecs: &Ecs, revision: usize) -> Result<()> {
    wait_for("the tasks to roll", ROLLOUT, async || {
        let tasks = ecs.tasks("api").await?;
        let is_new = |task: &Value| {
            let arn = task["taskDefinitionArn"].as_str().unwrap_or_default();
            arn.ends_with(&format!(":{revision}")) && task["healthStatus"] == "HEALTHY"
        };
        Ok((tasks.len() == 2 && tasks.iter().all(is_new)).then_some(()))
    })
    .await
}

/// Waits until the controller says that the revision is live and works.
async fn synced(status: &str, revision: &str) -> Result<()> {
    wait_for(&format!("the controller to be done with {revision}"), ROLLOUT, async || {
        let body = get(&format!("{}/v1/services/api", status.trim_end_matches('/'))).await?;
        let is = |kind: &str, value: &str| {
            let conditions = body["conditions"].as_array();
            conditions.into_iter().flatten().any(|one| one["type"] == kind && one["status"] == value)
        };
        let done = body["observedRevision"] == revision
            && is("Synced", "True")
            && is("Ready", "True")
            && is("Progressing", "False");
        Ok(done.then_some(()))
    })
    .await
}

async fn get(url: &str) -> Result<Value> {
    let request = http::Request::get(url).body(Full::<Bytes>::default())?;
    Ok(send(&http(), request).await?.1)
}

/// Milliseconds since the epoch.
fn now() -> Result<u128> {
    #[expect(clippy::disallowed_methods, reason = "the programs are compared by the machine's clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(since.as_millis())
}
