//! How targets are: what checks make of them, and how that is told.
//!
//! ```text
//! initial → healthy ⇄ unhealthy      (one good check is enough for a new target)
//! initial → unhealthy
//! any → draining → gone              (deregistered, for the deregistration delay)
//! unused                             (no listener forwards to the group)
//! ```
//!
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

use std::{net::SocketAddr, sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};

use super::{Balancing, State, TargetKey, group::Group, target::Target};
use crate::clock::Time;

/// What checks have made of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TargetState {
    /// No check has been good, nor enough of them bad.
    Initial,
    /// It gets requests.
    Healthy,
    /// It gets none, unless every target of the group is unhealthy.
    Unhealthy(CheckOutcome),
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckOutcome {
    /// The target is well.
    Good,
    /// It answered with this status.
    WrongCode(u16),
    /// It did not answer in time.
    TimedOut,
    /// No connection, or no HTTP.
    Failed,
}

impl CheckOutcome {
    /// The words for it. Source: published answers of DescribeTargetHealth.
    pub(crate) fn description(self) -> String {
        match self {
            Self::Good => String::new(),
            Self::WrongCode(code) => format!("Health checks failed with these codes: [{code}]"),
            Self::TimedOut => "Request timed out".into(),
            Self::Failed => "Health checks failed".into(),
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Good => "",
            Self::WrongCode(_) => "Target.ResponseCodeMismatch",
            Self::TimedOut => "Target.Timeout",
            Self::Failed => "Target.FailedHealthChecks",
        }
    }
}

impl TargetState {
    pub(super) fn show_unregistered() -> Value {
        json!({"State": "unused", "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group"})
    }
}

/// A check to be made, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckSpec {
    pub(crate) key: TargetKey,
    pub(crate) has_tls: bool,
    /// Where it goes.
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) matcher: String,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

impl State {
    /// A target's state, with nobody to ask where checks are immediate.
    fn state_of(&self, target: &Target) -> TargetState {
        match (&target.state, self.is_real.load(Ordering::Relaxed)) {
            (TargetState::Initial, false) => TargetState::Healthy,
            (state, _) => state.clone(),
        }
    }

    pub(super) fn show_health(&self, group: &Group, target: &Target) -> Value {
        let told = |state: &str, reason: &str, description: &str| json!({"State": state, "Reason": reason, "Description": description});
        if target.is_draining() {
            return told(
                "draining",
                "Target.DeregistrationInProgress",
                "Target deregistration is in progress",
            );
        }
        if self.balancers_of(&group.arn).is_empty() {
            let why = "Target group is not configured to receive traffic from the load balancer";
            return told("unused", "Target.NotInUse", why);
        }
        match self.state_of(target) {
            TargetState::Healthy => json!({"State": "healthy"}),
            TargetState::Initial => {
                told("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
            }
            TargetState::Unhealthy(outcome) => told("unhealthy", outcome.reason(), &outcome.description()),
        }
    }

    /// The targets of a group that may get a request: the healthy ones, or all where none is.
    ///
    /// Source: the health checks' page on failing open.
    pub(super) fn usable<'a>(&self, group: &'a Group) -> Vec<&'a Target> {
        let registered = || group.targets.iter().filter(|target| !target.is_draining());
        let healthy: Vec<&Target> =
            registered().filter(|target| self.state_of(target) == TargetState::Healthy).collect();
        if healthy.is_empty() { registered().collect() } else { healthy }
    }
}

impl Balancing {
    /// A registered target's state; `None` where it is not registered, or is being drained.
    pub(crate) fn health(&self, key: &TargetKey) -> Option<TargetState> {
        let state = self.state();
        let group = state.groups.get(&key.group)?;
        let mut targets = group.targets.iter();
        let target = targets.find(|target| (target.address, target.port) == (key.address, key.port))?;
        (!target.is_draining()).then(|| state.state_of(target))
    }

    /// Whether a listener forwards to a group; `None` where there is no such group.
    pub(crate) fn is_in_use(&self, group: &str) -> Option<bool> {
        let state = self.state();
        state.groups.contains_key(group).then(|| !state.balancers_of(group).is_empty())
    }

    /// Whether anything was ever made here: until then, what ECS is told of load balancers is only noted.
    pub(crate) fn has_groups(&self) -> bool {
        !self.state().groups.is_empty()
    }

    /// Every check that is to be made.
    pub(crate) fn checks(&self) -> Vec<CheckSpec> {
        let state = self.state();
        let used = state.groups.values().filter(|group| !state.balancers_of(&group.arn).is_empty());
        let specs = used.flat_map(|group| {
            let check = &group.check;
            group.targets.iter().filter(|target| !target.is_draining()).map(move |target| CheckSpec {
                key: TargetKey { group: group.arn.clone(), address: target.address, port: target.port },
                has_tls: check.protocol == "HTTPS",
                address: SocketAddr::new(target.address, check.port.parse().unwrap_or(target.port)),
                path: check.path.clone(),
                matcher: check.matcher.clone(),
                interval: check.interval(),
                timeout: Duration::from_secs(check.timeout),
            })
        });
        specs.collect()
    }

    /// What the answer of a target says: `status` is its answer's, or why there was none.
    pub(crate) fn judge(&self, key: &TargetKey, answer: Result<u16, CheckOutcome>) -> CheckOutcome {
        let state = self.state();
        match (answer, state.groups.get(&key.group)) {
            (Ok(status), Some(group)) if group.check.takes(status) => CheckOutcome::Good,
            (Ok(status), _) => CheckOutcome::WrongCode(status),
            (Err(outcome), _) => outcome,
        }
    }

    /// Takes in what a check found.
    pub(crate) fn checked(&self, key: &TargetKey, outcome: CheckOutcome) {
        let mut state = self.state();
        let Some(group) = state.groups.get_mut(&key.group) else { return };
        let (healthy, unhealthy) = (group.check.healthy, group.check.unhealthy);
        let mut targets = group.targets.iter_mut();
        let Some(target) = targets.find(|target| (target.address, target.port) == (key.address, key.port))
        else {
            return;
        };
        if let Some(next) = target.after(outcome, healthy, unhealthy) {
            let has_turned = std::mem::discriminant(&target.state) != std::mem::discriminant(&next);
            target.state = next;
            if has_turned {
                state.turned.push(key.clone());
            }
        }
        drop(state);
        self.turned.notify_one();
    }

    /// Sets what a target is, for scripts; it stays so while nobody checks.
    pub(crate) fn set_health(&self, address: std::net::IpAddr, outcome: CheckOutcome) {
        let mut state = self.state();
        let mut turned = Vec::new();
        for group in state.groups.values_mut() {
            for target in group.targets.iter_mut().filter(|target| target.address == address) {
                target.state = match outcome {
                    CheckOutcome::Good => TargetState::Healthy,
                    bad => TargetState::Unhealthy(bad),
                };
                turned.push(TargetKey { group: group.arn.clone(), address, port: target.port });
            }
        }
        state.turned.extend(turned);
        drop(state);
        self.turned.notify_one();
    }

    /// The targets whose state has turned since the last time, for ECS to look at.
    pub(crate) fn take_turned(&self) -> Vec<TargetKey> {
        std::mem::take(&mut self.state().turned)
    }

    /// When the next draining ends.
    pub(crate) fn expire(&self, now: Time) -> Option<Time> {
        self.state().expire(now)
    }
}

impl Target {
    /// The state that a check leads to, if it is another or its reason is.
    fn after(&mut self, outcome: CheckOutcome, healthy: u64, unhealthy: u64) -> Option<TargetState> {
        let is_good = outcome == CheckOutcome::Good;
        let agrees = match self.state {
            TargetState::Initial => false,
            TargetState::Healthy => is_good,
            TargetState::Unhealthy(_) => !is_good,
        };
        if agrees {
            self.against = 0;
            return (!is_good).then_some(TargetState::Unhealthy(outcome));
        }
        let needed = match (&self.state, is_good) {
            // A new target is well with its first good check.
            (TargetState::Initial, true) => 1,
            (_, true) => healthy,
            (_, false) => unhealthy,
        };
        self.against += 1;
        if self.against < needed {
            return None;
        }
        self.against = 0;
        Some(if is_good { TargetState::Healthy } else { TargetState::Unhealthy(outcome) })
    }
}
