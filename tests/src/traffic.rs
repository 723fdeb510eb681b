//! A partner that calls the api all the while: 50 requests a second, half of them on new connections.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;

use crate::ecs::{Ecs, http};

/// From one request to the next: 50 a second.
const INTERVAL: Duration = Duration::from_millis(20);

/// Traffic that goes on until it is stopped.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Result<()>>,
    tally: Arc<Tally>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answered as they should be.
    pub good: AtomicU64,
    /// What went wrong with the others.
    pub failures: Mutex<Vec<String>>,
    /// Versions of the api that answered.
    pub versions: Mutex<std::collections::BTreeMap<String, u64>>,
}

impl Traffic {
    /// Starts calling the healthy tasks of a service, as a load balancer would pick them.
    pub fn start(ecs: Ecs, service: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tally = Arc::new(Tally::default());
        #[expect(clippy::disallowed_methods, reason = "the handle is awaited in stop()")]
        let task = tokio::spawn(run(ecs, service.to_owned(), Arc::clone(&stop), Arc::clone(&tally)));
        Self { stop, task, tally }
    }

    /// Stops, and gives the number of good requests; any other kind is an error with every failure's text.
    pub async fn stop(self) -> Result<Arc<Tally>> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await??;
        let failures = self.tally.failures.lock().map(|failures| failures.clone()).unwrap_or_default();
        let good = self.tally.good.load(Ordering::Relaxed);
        ensure!(failures.is_empty(), "{} of {} requests failed: {failures:#?}", failures.len(), good);
        ensure!(good > 0, "no request was sent");
        Ok(self.tally)
    }
}

async fn run(ecs: Ecs, service: String, stop: Arc<AtomicBool>, tally: Arc<Tally>) -> Result<()> {
    let kept = http();
    let mut ticks = tokio::time::interval(INTERVAL);
    let mut requests = tokio::task::JoinSet::new();
    let mut addresses = Vec::new();
    let mut number = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        // Five times a second, as a load balancer's health state would change.
        if number.is_multiple_of(10) {
            addresses = ecs.healthy_addresses(&service).await?;
        }
        let Some(address) = addresses.get(number % addresses.len().max(1)).cloned() else {
            push(&tally, "no healthy task".to_owned());
            continue;
        };
        number += 1;
        let (tally, kept) = (Arc::clone(&tally), kept.clone());
        requests.spawn(async move {
            let request = webhook(&address, number)?;
            let answered = tokio::time::timeout(Duration::from_secs(5), async {
                if number.is_multiple_of(2) {
                    on_kept(&kept, request).await
                } else {
                    on_new(&address, request).await
                }
            });
            match answered.await.context("no answer within 5 s").and_then(|answer| answer) {
                Ok(version) => {
                    tally.good.fetch_add(1, Ordering::Relaxed);
                    if let Ok(mut versions) = tally.versions.lock() {
                        *versions.entry(version).or_default() += 1;
                    }
                }
                Err(error) => push(&tally, format!("request {number} to {address}: {error:#}")),
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = requests.join_next().await {
        done??;
    }
    Ok(())
}

fn push(tally: &Tally, failure: String) {
    if let Ok(mut failures) = tally.failures.lock() {
        failures.push(failure);
    }
}

fn webhook(address: &str, number: usize) -> Result<http::Request<Full<Bytes>>> {
    Ok(http::Request::post(format!("http://{address}:8000/webhooks/partner"))
        .header("host", format!("{address}:8000"))
        .header("content-type", "application/json")
        .header("webhook-id", format!("event-{number}"))
        .header("x-client-verify", "SUCCESS")
        .header("x-client-subject-dn", "CN=partner")
        .header("x-client-i-dn", "CN=Example CA")
        .header("x-client-serial", "01")
        .header("x-client-fingerprint-sha256", "ab".repeat(32))
        .body(Full::new(Bytes::from(format!("{{\"number\":{number}}}"))))?)
}

async fn on_kept(
    client: &hyper_util::client::legacy::Client<
        hyper_util::client::legacy::connect::HttpConnector,
        Full<Bytes>,
    >,
    request: http::Request<Full<Bytes>>,
) -> Result<String> {
    version(client.request(request).await?).await
}

async fn on_new(address: &str, request: http::Request<Full<Bytes>>) -> Result<String> {
    let stream = tokio::net::TcpStream::connect(format!("{address}:8000")).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // The connection ends once the sender is gone, which is after the answer was read.
    let answer = async move { version(sender.send_request(request).await?).await };
    let (answer, ended) = tokio::join!(answer, connection);
    ended?;
    answer
}

async fn version(answer: http::Response<hyper::body::Incoming>) -> Result<String> {
    let status = answer.status();
    let version =
        answer.headers().get("x-api-version").and_then(|value| value.to_str().ok()).unwrap_or("?").to_owned();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status == http::StatusCode::ACCEPTED, "{status}: {}", String::from_utf8_lossy(&body));
    Ok(version)
}
