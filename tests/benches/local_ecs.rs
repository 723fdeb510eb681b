//! How much the local ECS carries, and at which price, in ratios against a peer measured in the same run:
//! `cargo xtask bench`.
//!
//! 1. 10,000 services and 30,000 scripted tasks in one server: resident memory.
//! 2. DescribeServices of ten: requests for each CPU second of the server, against moto's. Ours has all of
//!    the above to look through, moto a tenth of the services and no tasks.

#![expect(clippy::print_stdout, reason = "a benchmark's answer is what it prints")]
#![expect(clippy::cast_precision_loss, reason = "counts stay far below 53 bits")]
#![expect(clippy::indexing_slicing, reason = "serde_json gives null for a member that is missing")]

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use coxswain_tests::{
    ecs::Ecs,
    measure::{cpu_seconds, resident_mb},
    process::{Program, wait_for},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

const SERVICES: usize = 10_000;
const TASKS_EACH: usize = 3;
/// Services in moto, which has no tasks.
const PEERS_SERVICES: usize = 1_000;
/// Requests that are on their way at a time.
const AT_A_TIME: usize = 16;
/// Pairs of measurements, one of each server.
const PAIRS: usize = 5;

/// What the design promises.
const MOST_RESIDENT_MB: f64 = 1_000.0;
const LEAST_RATIO: f64 = 20.0;

#[tokio::main]
async fn main() -> Result<()> {
    let ours = Server::ours().await?;
    ours.fill(SERVICES, TASKS_EACH).await?;
    ours.running(SERVICES * TASKS_EACH).await?;
    let resident = resident_mb(ours.program.id())?;
    println!(
        "{SERVICES} services with {} tasks: {resident:.0} MB resident, {:.1} s CPU from their creation on",
        SERVICES * TASKS_EACH,
        cpu_seconds(ours.program.id())?
    );

    let moto = Server::moto().await?;
    moto.fill(PEERS_SERVICES, TASKS_EACH).await?;
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (mine, peers) =
            (ours.describe(SERVICES, 4_000).await?, moto.describe(PEERS_SERVICES, 200).await?);
        rates.push((mine, peers));
        ratios.push(mine / peers);
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[PAIRS / 2];
    for (mine, peers) in rates {
        println!("DescribeServices of ten, requests for each CPU second: {mine:.0} ours, {peers:.0} moto's");
    }
    println!("ratio: median {ratio:.1}, least {:.1}, most {:.1}", ratios[0], ratios[PAIRS - 1]);
    ensure!(resident < MOST_RESIDENT_MB, "{resident:.0} MB resident, more than {MOST_RESIDENT_MB}");
    ensure!(ratio >= LEAST_RATIO, "{ratio:.1} times moto's rate, less than {LEAST_RATIO}");
    Ok(())
}

/// A server under test, with the cluster `dev`.
struct Server {
    program: Program,
    ecs: Ecs,
}

impl Server {
    async fn ours() -> Result<Self> {
        let arguments = ["--listen", "127.0.0.1:0", "--scripted", "--log", "warn"].map(str::to_owned);
        let program = Program::start("coxswain-local", &arguments)?;
        let line = program.line("http://").await?;
        Self::at(program, Ecs::new(line.trim())).await
    }

    async fn moto() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python = root.join("target/xtask/venv/bin/python");
        ensure!(python.exists(), "moto is not set up: run `cargo xtask ci` once");
        let serve = root.join("crates/store/tests/moto/serve.py");
        // It logs each request to its standard error, which costs it little beside the request.
        let program = Program::spawn("moto", Command::new(python).arg(serve))?;
        let port = program.line("").await?;
        let url = format!("http://127.0.0.1:{}", port.trim());
        Self::at(program, Ecs::new(&url).with_scope()).await
    }

    async fn at(program: Program, ecs: Ecs) -> Result<Self> {
        ecs.call("CreateCluster", json!({"clusterName": "dev"})).await?;
        ecs.call("RegisterTaskDefinition", task_definition()).await?;
        Ok(Self { program, ecs })
    }

    /// Creates so many services of so many tasks each.
    async fn fill(&self, services: usize, tasks: usize) -> Result<()> {
        let created = stream::iter(0..services).map(|number| {
            let request = json!({
                "cluster": "dev", "serviceName": name(number), "taskDefinition": "app", "desiredCount": tasks,
                "launchType": "EC2", "tags": [{"key": "team", "value": "blue"}],
            });
            async move { self.ecs.call("CreateService", request).await }
        });
        created.buffer_unordered(AT_A_TIME).try_for_each(|_| async { Ok(()) }).await
    }

    /// Waits until so many tasks run.
    async fn running(&self, tasks: usize) -> Result<()> {
        wait_for("every task to run", Duration::from_mins(5), async || {
            let answer = self.ecs.call("DescribeClusters", json!({"clusters": ["dev"]})).await?;
            Ok((answer["clusters"][0]["runningTasksCount"] == tasks).then_some(()))
        })
        .await?;
        // Steady as well, so that what is described is a service at rest with its events.
        wait_for("the last service to be steady", Duration::from_mins(5), async || {
            let answer = self.ecs.call("DescribeServices", ten(SERVICES - 10)).await?;
            let services = answer["services"].as_array().context("services")?;
            let done = |service: &Value| service["deployments"][0]["rolloutState"] == "COMPLETED";
            Ok(services.iter().all(done).then_some(()))
        })
        .await
    }

    /// Requests for each CPU second, over so many requests.
    async fn describe(&self, services: usize, requests: usize) -> Result<f64> {
        let before = cpu_seconds(self.program.id())?;
        let described = stream::iter(0..requests).map(|number| {
            let request = ten(number * 10 % services);
            async move { self.ecs.call("DescribeServices", request).await }
        });
        let answered: usize = described
            .buffer_unordered(AT_A_TIME)
            .map_ok(|answer| answer["services"].as_array().map_or(0, Vec::len))
            .try_fold(0, |sum, count| async move { Ok(sum + count) })
            .await?;
        ensure!(answered == requests * 10, "{answered} services described in {requests} requests");
        Ok(requests as f64 / (cpu_seconds(self.program.id())? - before))
    }
}

fn name(number: usize) -> String {
    format!("app-{number:05}")
}

/// DescribeServices of ten services from that one on.
fn ten(from: usize) -> Value {
    let names: Vec<String> = (from..from + 10).map(name).collect();
    json!({"cluster": "dev", "services": names, "include": ["TAGS"]})
}

fn task_definition() -> Value {
    json!({
        "family": "app", "networkMode": "bridge", "cpu": "256", "memory": "512",
        "containerDefinitions": [{
            "name": "app", "image": "example.com/app:1", "essential": true, "memory": 512,
            "portMappings": [{"containerPort": 8000}],
            "environment": [{"name": "VERSION", "value": "1"}, {"name": "LOG", "value": "info"}],
        }],
    })
}
