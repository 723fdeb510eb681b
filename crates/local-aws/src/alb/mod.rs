//! The local ALB: each listener of each load balancer as a socket on loopback, and targets that are
//! really checked.
//!
//! [`LocalAws::balance`] follows what `crate::elb` keeps: it opens and closes sockets, gives them new
//! certificates and settings, begins and ends checks, and takes away what has drained. Requests go from
//! `front` (connections, TLS) through `request` (rules, headers) to `upstream` (targets).
//!
//! # Limits
//!
//! Targets are spoken to in HTTP/1.1. Request logs, metrics, WAF and slow start there are none.

mod answer;
mod check;
mod client_certificate;
mod front;
mod header;
mod held;
mod request;
mod tls;
mod trace;
mod upstream;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{check::Checks, front::Fronts, trace::Traces, upstream::Upstream};
use crate::{elb::Balancing, local::LocalAws, switches::Switches};

/// How long connections may take to end once the ALB is told to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where listeners are served.
#[derive(Debug, Clone, Default)]
pub struct BalancerConfig {
    /// The port on which a listener's port is served, where it is another: 8443 for 443.
    ///
    /// Ports under 1024 are for those whom the system allows them.
    pub ports: BTreeMap<u16, u16>,
}

impl BalancerConfig {
    fn served(&self, port: u16) -> u16 {
        self.ports.get(&port).copied().unwrap_or(port)
    }
}

/// What every connection shares.
#[derive(Debug)]
struct Hub {
    balancing: Arc<Balancing>,
    upstream: Upstream,
    config: BalancerConfig,
    switches: Switches,
    traces: Traces,
}

/// What is served and checked of one account and region.
struct Desk {
    fronts: Fronts,
    checks: Checks,
}

/// Listeners by their ARNs, each with where it is served or why not.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Mutex<BTreeMap<String, Result<SocketAddr, String>>>);

impl Sockets {
    fn set(&self, listener: &str, socket: Option<Result<SocketAddr, String>>) {
        let mut sockets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match socket {
            Some(socket) => sockets.insert(listener.to_owned(), socket),
            None => sockets.remove(listener),
        };
    }

    /// As the admin API shows them.
    pub(crate) fn show(&self) -> Value {
        let sockets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = sockets.iter().map(|(listener, socket)| match socket {
            Ok(address) => json!({"listener": listener, "address": address.to_string()}),
            Err(why) => json!({"listener": listener, "error": why}),
        });
        json!({"listeners": shown.collect::<Vec<_>>()})
    }
}

impl LocalAws {
    /// Serves every listener and checks every target until `shutdown`.
    ///
    /// Without it load balancers are only kept, and targets are healthy as soon as they are registered.
    /// To be called once.
    pub async fn balance(&self, config: BalancerConfig, shutdown: CancellationToken) {
        let upstream = match Upstream::new() {
            Ok(upstream) => upstream,
            Err(error) => {
                tracing::error!(%error, "no load balancer can be served");
                return;
            }
        };
        self.common.is_balanced.store(true, Ordering::Relaxed);
        let tracker = TaskTracker::new();
        // By account and region, as worlds come.
        let mut desks: BTreeMap<(String, String), Desk> = BTreeMap::new();
        loop {
            let mut next = None;
            for world in self.worlds() {
                let desk = desks.entry((world.account.clone(), world.region.clone())).or_insert_with(|| {
                    let hub = Arc::new(Hub {
                        balancing: Arc::clone(&world.balancing),
                        upstream: upstream.clone(),
                        config: config.clone(),
                        switches: world.state().switches,
                        traces: Traces::new(Arc::clone(&self.clock)),
                    });
                    Desk {
                        fronts: Fronts::new(Arc::clone(&hub), tracker.clone()),
                        checks: Checks::new(hub, tracker.clone()),
                    }
                });
                next = next.into_iter().chain(world.balancing.expire(self.clock.now())).min();
                desk.fronts.follow(world.balancing.served(), &self.sockets).await;
                desk.checks.follow(world.balancing.checks());
            }
            let drained = async {
                match next {
                    Some(at) => sleep(at.since(self.clock.now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.common.balancers_changed.notified() => {}
                () = drained => {}
            }
        }
        for desk in desks.values() {
            desk.fronts.stop();
            desk.checks.stop();
        }
        tracker.close();
        if timeout(PATIENCE, tracker.wait()).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
    }
}
