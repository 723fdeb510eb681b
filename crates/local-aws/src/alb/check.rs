//! Health checks, each target's in a task of its own.

use std::{collections::BTreeMap, io, sync::Arc};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Hub;
use crate::elb::{CheckOutcome, CheckSpec, TargetKey};

/// Every check that runs.
#[derive(Debug)]
pub(super) struct Checks {
    hub: Arc<Hub>,
    tracker: TaskTracker,
    running: BTreeMap<TargetKey, (CheckSpec, CancellationToken)>,
}

impl Checks {
    pub(super) fn new(hub: Arc<Hub>, tracker: TaskTracker) -> Self {
        Self { hub, tracker, running: BTreeMap::new() }
    }

    /// Begins and ends checks, so that they are those; one that changed begins again.
    pub(super) fn follow(&mut self, specs: Vec<CheckSpec>) {
        let wanted: BTreeMap<TargetKey, CheckSpec> =
            specs.into_iter().map(|spec| (spec.key.clone(), spec)).collect();
        self.running.retain(|key, (spec, stop)| {
            let stays = wanted.get(key) == Some(spec);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for (key, spec) in wanted {
            if self.running.contains_key(&key) {
                continue;
            }
            let stop = CancellationToken::new();
            let (hub, own, token) = (Arc::clone(&self.hub), spec.clone(), stop.clone());
            self.tracker.spawn(async move {
                tokio::select! {
                    () = token.cancelled() => {}
                    () = repeat(&hub, &own) => {}
                }
            });
            self.running.insert(key, (spec, stop));
        }
    }

    pub(super) fn stop(&self) {
        for (_, stop) in self.running.values() {
            stop.cancel();
        }
    }
}

async fn repeat(hub: &Hub, spec: &CheckSpec) {
    loop {
        let asked = timeout(spec.timeout, ask(hub, spec)).await;
        let answer = match asked {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(_)) => Err(CheckOutcome::Failed),
            Err(_) => Err(CheckOutcome::TimedOut),
        };
        let outcome = hub.balancing.judge(&spec.key, answer);
        hub.balancing.checked(&spec.key, outcome);
        sleep(spec.interval).await;
    }
}

/// The status of a target's answer.
///
/// Source of the header: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
async fn ask(hub: &Hub, spec: &CheckSpec) -> Result<u16, io::Error> {
    let stream = hub.upstream.connect(spec.address, spec.has_tls).await?;
    let (mut sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
    let request = Request::get(&spec.path)
        .header(header::HOST, spec.address.to_string())
        .header(header::USER_AGENT, "ELB-HealthChecker/2.0")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answered = sender.send_request(request);
    tokio::pin!(connection, answered);
    tokio::select! {
        response = &mut answered => response.map(|response| response.status().as_u16()).map_err(io::Error::other),
        ended = &mut connection => match ended {
            // What was read before the end may hold the answer.
            Ok(()) => answered.await.map(|response| response.status().as_u16()).map_err(io::Error::other),
            Err(error) => Err(io::Error::other(error)),
        },
    }
}
