//! How long a deployment of a thousand services takes on virtual time, on this machine's clock:
//! `cargo xtask bench`.
//!
//! Each service has one task with a health check; UpdateService names a new revision for all of them at
//! once, and the clock runs out when every service has one deployment, and that is COMPLETED.

#![expect(clippy::print_stdout, reason = "a benchmark's answer is what it prints")]
#![expect(clippy::disallowed_methods, reason = "real time is what is measured here")]
#![expect(clippy::indexing_slicing, reason = "serde_json gives null for a member that is missing")]

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use coxswain_local_aws::{Clock, Config, LocalAws, ScriptedDriver, Time, TokioClock};
use http::Request;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const SERVICES: usize = 1_000;
/// What the design promises.
const MOST: Duration = Duration::from_secs(5);

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Outcome<()> {
    let clock = Arc::new(TokioClock::starting_at(Time::from_millis(1_795_000_000_000)));
    let (sender, events) = unbounded_channel();
    let driver = ScriptedDriver::new(sender, Arc::clone(&clock) as Arc<dyn Clock>);
    let config = Config { seed: Some(1), ..Config::default() };
    let local = Arc::new(LocalAws::new(config, Arc::clone(&clock) as _, driver, events));
    let (shutdown, tracker) = (CancellationToken::new(), TaskTracker::new());
    let (running, token) = (Arc::clone(&local), shutdown.clone());
    tracker.spawn(async move { running.run(token).await });

    call(&local, "CreateCluster", json!({"clusterName": "main"})).await?;
    register(&local, 1).await?;
    for number in 0..SERVICES {
        let request = json!({
            "cluster": "main", "serviceName": name(number), "taskDefinition": "web:1", "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        });
        call(&local, "CreateService", request).await?;
    }
    until_completed(&local, "web:1").await?;

    register(&local, 2).await?;
    let (began, virtually) = (Instant::now(), clock.now());
    for number in 0..SERVICES {
        let request = json!({"cluster": "main", "service": name(number), "taskDefinition": "web:2"});
        call(&local, "UpdateService", request).await?;
    }
    until_completed(&local, "web:2").await?;
    let (took, passed) = (began.elapsed(), clock.now().since(virtually));
    println!(
        "a new revision of {SERVICES} services: {:.2} s for {:.0} s of virtual time",
        took.as_secs_f64(),
        passed.as_secs_f64()
    );
    shutdown.cancel();
    if took < MOST { Ok(()) } else { Err(format!("more than {MOST:?}").into()) }
}

fn name(number: usize) -> String {
    format!("web-{number:04}")
}

async fn register(local: &LocalAws, version: u32) -> Outcome<()> {
    let container = json!({
        "name": "web", "image": format!("example.com/web:{version}"),
        "healthCheck": {"command": ["CMD", "true"], "interval": 5},
    });
    let request = json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [container],
    });
    call(local, "RegisterTaskDefinition", request).await.map(drop)
}

/// Lets virtual time pass until every service runs that revision and nothing else.
async fn until_completed(local: &LocalAws, revision: &str) -> Outcome<()> {
    let names: Vec<String> = (0..SERVICES).map(name).collect();
    for ten in names.chunks(10) {
        loop {
            let answer = call(local, "DescribeServices", json!({"cluster": "main", "services": ten})).await?;
            let services = answer["services"].as_array().ok_or("no services")?;
            let done = |service: &Value| {
                let deployments = service["deployments"].as_array().map_or(0, Vec::len);
                let primary = &service["deployments"][0];
                let runs = primary["taskDefinition"].as_str().is_some_and(|arn| arn.ends_with(revision));
                runs && deployments == 1 && primary["rolloutState"] == "COMPLETED"
            };
            if services.len() == ten.len() && services.iter().all(done) {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    Ok(())
}

async fn call(local: &LocalAws, operation: &str, body: Value) -> Outcome<Value> {
    let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let request = Request::post("/").header("x-amz-target", target).body(body.to_string().into())?;
    let answer = local.handle(request).await?;
    let status = answer.status();
    let body: Value = serde_json::from_slice(answer.body())?;
    if status.is_success() { Ok(body) } else { Err(format!("{operation}: {body}").into()) }
}
