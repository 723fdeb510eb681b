//! How fast, in ratios against a peer measured in the same run: `cargo xtask bench`.
//!
//! 1. From rename(2) of an edited manifest to UpdateService received by the local ECS.
//! 2. A pass with nothing to do over 1,000 services: ECS calls, and CPU a service against a shell loop of
//!    `aws ecs describe-services`, of which a sample is run and scaled.
//! 3. The controller's binary and its resident memory with 1,000 services.

#![expect(clippy::print_stdout, reason = "a benchmark's answer is what it prints")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and microseconds stay far below 53 bits"
)]
#![expect(clippy::indexing_slicing, reason = "serde_json gives null for a member that is missing")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use coxswain_tests::{
    ecs::{Ecs, http, send},
    measure::{cpu_seconds, cpu_seconds_of_children, resident_mb},
    process::{Program, binary, wait_for},
};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};

const SERVICES: usize = 1_000;
const EDITS: usize = 20;
const SAMPLE: usize = 20;
const PASSES: u32 = 5;

#[tokio::main]
async fn main() -> Result<()> {
    edit_to_update().await?;
    quiet_pass().await?;
    Ok(())
}

async fn edit_to_update() -> Result<()> {
    let bench = Bench::start(1).await?;
    bench.synced(1).await?;
    let mut latencies = Vec::new();
    for edit in 1..=EDITS {
        bench.ecs_requests_forgotten().await?;
        let path = bench.manifests().join("services.yaml");
        let text = fs::read_to_string(&path)?
            .replace(&format!("VERSION, value: \"{}\"", edit - 1), &format!("VERSION, value: \"{edit}\""));
        let new = bench.folder.path().join("edit.tmp");
        fs::write(&new, text)?;
        #[expect(clippy::disallowed_methods, reason = "the two programs are compared by the machine's clock")]
        let before = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        fs::rename(&new, &path)?;
        let received = wait_for("UpdateService", Duration::from_secs(30), async || {
            let requests = bench.requests().await?;
            let update = requests.iter().find(|request| request["operation"] == "UpdateService");
            Ok(update.and_then(|request| request["atMs"].as_u64()))
        })
        .await?;
        latencies.push(u128::from(received).saturating_sub(before));
        bench.synced(1).await?;
    }
    latencies.sort_unstable();
    println!(
        "edit to UpdateService, {EDITS} edits: median {} ms, least {} ms, most {} ms (debounce of the source included)",
        latencies[EDITS / 2],
        latencies[0],
        latencies[EDITS - 1]
    );
    Ok(())
}

async fn quiet_pass() -> Result<()> {
    let bench = Bench::start(SERVICES).await?;
    bench.synced(SERVICES).await?;
    let before = bench.passes().await?;
    let calls_before = bench.calls().await?;
    let cpu_before = cpu_seconds(bench.controller.id())?;
    wait_for("quiet passes", Duration::from_mins(5), async || {
        Ok((bench.passes().await? >= before + u64::from(PASSES) * SERVICES as u64).then_some(()))
    })
    .await?;
    let looks = bench.passes().await? - before;
    let calls_after = bench.calls().await?;
    let by_operation: Vec<String> = calls_after
        .iter()
        .map(|(operation, count)| (operation, count - calls_before.get(operation).copied().unwrap_or(0)))
        .filter(|(_, count)| *count > 0)
        .map(|(operation, count)| format!("{operation} {count}"))
        .collect();
    let calls: u64 = calls_after.values().sum::<u64>() - calls_before.values().sum::<u64>();
    let ours = (cpu_seconds(bench.controller.id())? - cpu_before) / looks as f64;
    let calls_a_pass = calls as f64 * SERVICES as f64 / looks as f64;
    println!(
        "quiet pass over {SERVICES} services: {calls_a_pass:.1} ECS calls (of {looks} looks: {}), {:.1} us CPU a service",
        by_operation.join(", "),
        ours * 1e6
    );

    let theirs = aws_cli(bench.ecs.endpoint())?;
    println!(
        "aws ecs describe-services, sample of {SAMPLE}, one a service: {:.0} ms CPU a service; ratio 1/{:.0}",
        theirs * 1e3,
        theirs / ours
    );
    let resident = resident_mb(bench.controller.id())?;
    let size = fs::metadata(binary("coxswain-controller")?)?.len();
    println!(
        "controller: {:.1} MB of binary, {resident:.1} MB resident with {SERVICES} services",
        size as f64 / 1e6
    );
    Ok(())
}

/// A local ECS with so many services of zero tasks, and the controller on their manifests.
struct Bench {
    folder: tempfile::TempDir,
    ecs: Ecs,
    _local: Program,
    controller: Program,
    status: String,
}

impl Bench {
    async fn start(services: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let local = Program::start(
            "coxswain-local",
            &words(&["--listen", "127.0.0.1:0", "--region", "eu-west-1", "--log", "warn"]),
        )?;
        let line = local.line("http://").await?;
        let ecs = Ecs::new(url(&line)?);
        ecs.call("CreateCluster", json!({"clusterName": "dev"})).await?;
        fs::create_dir_all(folder.path().join("manifests"))?;
        write_manifests(&folder.path().join("manifests"), services)?;
        for service in 0..services {
            seed(&ecs, service).await?;
        }
        let controller = Program::start(
            "coxswain-controller",
            &words(&[
                "--manifests",
                &path("manifests"),
                "--store",
                &path("store"),
                "--region",
                "eu-west-1",
                "--endpoint-url",
                ecs.endpoint(),
                "--listen",
                "127.0.0.1:0",
                "--sweep-interval",
                "10s",
                "--rollout-interval",
                "1s",
                "--example-credentials",
                "--log",
                "warn",
            ]),
        )?;
        let line = controller.line("http://").await?;
        let status = url(&line)?.to_owned();
        Ok(Self { folder, ecs, _local: local, controller, status })
    }

    fn manifests(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    async fn get(&self, url: &str) -> Result<Value> {
        let request = http::Request::get(url).body(Full::<Bytes>::default())?;
        Ok(send(&http(), request).await?.1)
    }

    async fn synced(&self, services: usize) -> Result<()> {
        wait_for("every service to be synced", Duration::from_mins(10), async || {
            let body = self.get(&format!("{}/v1/services", self.status)).await?;
            let items = body["items"].as_array().cloned().unwrap_or_default();
            let synced =
                items.iter().filter(|item| item["sync"] == "Synced" && item["health"] != "Rolling").count();
            Ok((synced == services).then_some(()))
        })
        .await
    }

    async fn requests(&self) -> Result<Vec<Value>> {
        let body = self.get(&format!("{}/_local/requests", self.ecs.endpoint())).await?;
        Ok(body["requests"].as_array().cloned().unwrap_or_default())
    }

    async fn ecs_requests_forgotten(&self) -> Result<()> {
        let request = http::Request::delete(format!("{}/_local/requests", self.ecs.endpoint()))
            .body(Full::<Bytes>::default())?;
        send(&http(), request).await.map(drop)
    }

    /// How often each operation was ever asked of the local ECS.
    async fn calls(&self) -> Result<BTreeMap<String, u64>> {
        let body = self.get(&format!("{}/_local/counts", self.ecs.endpoint())).await?;
        let counts = body["counts"].as_object().cloned().unwrap_or_default();
        Ok(counts.into_iter().filter_map(|(operation, count)| Some((operation, count.as_u64()?))).collect())
    }

    /// All looks that the controller ever took.
    async fn passes(&self) -> Result<u64> {
        let text = self.get(&format!("{}/metrics", self.status)).await?;
        let text = text.as_str().context("metrics are text")?;
        let count = |line: &str| line.rsplit(' ').next().and_then(|number| number.parse::<f64>().ok());
        let total: f64 =
            text.lines().filter(|line| line.starts_with("coxswain_reconcile_total")).filter_map(count).sum();
        Ok(total as u64)
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn url(line: &str) -> Result<&str> {
    let word = line.split_whitespace().find(|word| word.starts_with("http://")).context("a URL")?;
    Ok(word.trim_end_matches('/'))
}

fn container(version: usize) -> Value {
    json!({
        "name": "app",
        "image": "example.com/app:1",
        "environment": [{"name": "VERSION", "value": version.to_string()}],
    })
}

fn write_manifests(folder: &Path, services: usize) -> Result<()> {
    let environment =
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: dev }\nspec: { cluster: dev }\n";
    fs::write(folder.join("environment.yaml"), environment)?;
    let mut text = String::new();
    for (index, service) in (0..services).enumerate() {
        if index > 0 && index.is_multiple_of(100) {
            fs::write(folder.join(format!("services-{index}.yaml")), std::mem::take(&mut text))?;
        }
        write!(
            text,
            "---\napiVersion: coxswain.dev/v1\nkind: Service\nmetadata: {{ name: app-{service} }}\nspec:\n  \
             taskDefinition:\n    requiresCompatibilities: [FARGATE]\n    networkMode: awsvpc\n    cpu: 256\n    memory: 512\n    \
             containerDefinitions:\n      - {{ name: app, image: \"example.com/app:1\", environment: [{{ name: VERSION, value: \"0\" }}] }}\n  \
             service:\n    launchType: FARGATE\n    networkConfiguration: {{ awsvpcConfiguration: {{ subnets: [subnet-1] }} }}\n  \
             count: {{ fixed: 0 }}\n"
        )?;
    }
    fs::write(folder.join("services.yaml"), text)?;
    Ok(())
}

/// A service that is there already, as after a lost store: ours by its tag.
async fn seed(ecs: &Ecs, service: usize) -> Result<()> {
    let name = format!("app-{service}");
    ecs.call(
        "RegisterTaskDefinition",
        json!({
            "family": name, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "containerDefinitions": [container(0)],
        }),
    )
    .await?;
    ecs.call(
        "CreateService",
        json!({
            "cluster": "dev", "serviceName": name, "taskDefinition": name, "desiredCount": 0, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            "tags": [{"key": "coxswain.dev/environment", "value": "dev"}],
        }),
    )
    .await
    .map(drop)
}

/// Seconds of CPU a call of the AWS CLI, from this process's account of its ended children.
fn aws_cli(endpoint: &str) -> Result<f64> {
    let aws = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/xtask/venv/bin/aws");
    ensure!(aws.exists(), "the AWS CLI is not set up: run `cargo xtask ci` once");
    let before = cpu_seconds_of_children()?;
    for service in 0..SAMPLE {
        let output = std::process::Command::new(&aws)
            .args([
                "--endpoint-url",
                endpoint,
                "--region",
                "eu-west-1",
                "ecs",
                "describe-services",
                "--cluster",
                "dev",
            ])
            .args(["--services", &format!("app-{service}")])
            .env("AWS_ACCESS_KEY_ID", "example")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok((cpu_seconds_of_children()? - before) / SAMPLE as f64)
}
