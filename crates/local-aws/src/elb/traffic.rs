//! Which rule a request meets, and which target gets it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::HeaderMap;
use tokio_util::sync::CancellationToken;

use super::{Action, Attributes, Balancing, Fixed, Listener, Redirect, State, rule::Rule};

/// A request, as far as rules look at it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// Without a port.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// Without the question mark; may be empty.
    pub(crate) query: &'a str,
    pub(crate) method: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) source: IpAddr,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Choice {
    /// A target gets it.
    Forward(Route),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The load balancer answers by itself.
    Fixed(Fixed),
    /// There is nobody to forward it to.
    NoTarget,
    /// The listener is gone.
    NoListener,
}

/// The way to a target.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) address: SocketAddr,
    pub(crate) has_tls: bool,
    /// To be held until the answer is through.
    pub(crate) in_flight: Arc<()>,
    /// Cancelled when the target's time is over.
    pub(crate) gone: CancellationToken,
}

/// A listener with where it is served and how its load balancer is set.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) listener: Listener,
    pub(crate) address: IpAddr,
    pub(crate) balancer: Attributes,
}

impl Balancing {
    /// Every listener.
    pub(crate) fn served(&self) -> Vec<Served> {
        let state = self.state();
        let served = state.listeners.values().filter_map(|listener| {
            let balancer = state.balancers.get(&listener.balancer)?;
            Some(Served {
                listener: listener.clone(),
                address: balancer.address.into(),
                balancer: balancer.attributes.clone(),
            })
        });
        served.collect()
    }

    /// Decides what becomes of a request at a listener.
    pub(crate) fn choose(&self, listener: &str, asked: &Asked<'_>) -> Choice {
        let mut state = self.state();
        let Some(rule) = state.rule_for(listener, asked) else { return Choice::NoListener };
        match rule.action.clone() {
            Action::Redirect(redirect) => Choice::Redirect(redirect),
            Action::Fixed(fixed) => Choice::Fixed(fixed),
            Action::Forward(groups) => {
                let route = state.by_weight(&groups).and_then(|group| state.route(&group));
                route.map_or(Choice::NoTarget, Choice::Forward)
            }
        }
    }
}

impl State {
    fn rule_for(&self, listener: &str, asked: &Asked<'_>) -> Option<&Rule> {
        let met = |rule: &&Rule| {
            rule.listener == listener && rule.conditions.iter().all(|condition| condition.is_met(asked))
        };
        self.rules.values().filter(met).min_by_key(|rule| rule.place())
    }

    /// One of the groups, drawn by weight.
    fn by_weight(&mut self, groups: &[(String, u64)]) -> Option<String> {
        let total: u64 = groups.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return None;
        }
        let mut left = self.random.below(total);
        groups.iter().find_map(|(arn, weight)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it.then(|| arn.clone())
        })
    }

    fn route(&mut self, group: &str) -> Option<Route> {
        self.turn = self.turn.wrapping_add(1);
        let turn = usize::try_from(self.turn).unwrap_or(0);
        let group = self.groups.get(group)?;
        let targets = self.usable(group);
        let by_load =
            group.attributes.group_text("load_balancing.algorithm.type") == "least_outstanding_requests";
        let target = if by_load {
            targets.iter().min_by_key(|target| Arc::strong_count(&target.in_flight))
        } else {
            targets.get(turn.checked_rem(targets.len())?)
        };
        target.map(|target| Route {
            address: SocketAddr::new(target.address, target.port),
            has_tls: group.protocol == "HTTPS",
            in_flight: Arc::clone(&target.in_flight),
            gone: target.gone.clone(),
        })
    }
}
