//! Targets: registered, checked, drained, gone.

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Balancing, State,
    error::{self, invalid, not_done},
    group::{Group, without_empty},
    health::TargetState,
    limits,
};
use crate::{clock::Time, ecs::Members, error::ApiError};

/// A target: a group's ARN, an address and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TargetKey {
    pub(crate) group: String,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

/// A target as its group keeps it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    zone: Option<String>,
    pub(super) state: TargetState,
    /// Checks of the other kind than its state, in a row.
    pub(super) against: u64,
    /// Set once it is deregistered: until then it is shown, and its requests go on.
    pub(super) draining_until: Option<Time>,
    /// A clone is held by every request that is on its way there.
    pub(super) in_flight: Arc<()>,
    /// Cancelled when the time of its draining is over.
    pub(super) gone: CancellationToken,
}

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registration {
    /// There is no such group.
    NoGroup,
    /// Registered now.
    New,
    /// It was there already.
    Known,
}

impl Target {
    fn new(address: IpAddr, port: u16, zone: Option<String>) -> Self {
        Self {
            address,
            port,
            zone,
            state: TargetState::Initial,
            against: 0,
            draining_until: None,
            in_flight: Arc::new(()),
            gone: CancellationToken::new(),
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining_until.is_some()
    }
}

impl Group {
    fn register(&mut self, address: IpAddr, port: u16, zone: Option<String>) -> Registration {
        match self.targets.iter_mut().find(|target| (target.address, target.port) == (address, port)) {
            Some(target) if !target.is_draining() => Registration::Known,
            Some(target) => {
                // Back again: it is looked at as a new one is.
                *target =
                    Target { in_flight: Arc::clone(&target.in_flight), ..Target::new(address, port, zone) };
                Registration::New
            }
            None => {
                self.targets.push(Target::new(address, port, zone));
                Registration::New
            }
        }
    }

    /// Begins the draining; says when it ends.
    fn deregister(&mut self, address: IpAddr, port: u16, now: Time) -> Option<Time> {
        let delay = Duration::from_secs(self.attributes.group_whole("deregistration_delay.timeout_seconds"));
        let target =
            self.targets.iter_mut().find(|target| (target.address, target.port) == (address, port))?;
        Some(*target.draining_until.get_or_insert_with(|| now.after(delay)))
    }
}

impl State {
    /// Takes away what has drained; says when the next target has.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Time> {
        let mut next = None;
        for group in self.groups.values_mut() {
            group.targets.retain(|target| {
                let Some(until) = target.draining_until else { return true };
                if until <= now {
                    target.gone.cancel();
                    return false;
                }
                next = next.map_or(Some(until), |next: Time| Some(next.min(until)));
                true
            });
        }
        next
    }
}

impl Balancing {
    pub(super) fn register_targets(&self, request: &Value, now: Time) -> Result<Value, ApiError> {
        let mut state = self.state();
        state.expire(now);
        let group = state.group_mut(request.text("TargetGroupArn").unwrap_or_default())?;
        let targets = targets(request, group.port)?;
        limits::check("targets-per-application-load-balancer", group.targets.len() + targets.len())?;
        for (address, port, zone) in targets {
            group.register(address, port, zone);
        }
        drop(state);
        self.changed.notify_one();
        Ok(json!({}))
    }

    /// One that is not there is deregistered already.
    pub(super) fn deregister_targets(&self, request: &Value, now: Time) -> Result<Value, ApiError> {
        let mut state = self.state();
        state.expire(now);
        let group = state.group_mut(request.text("TargetGroupArn").unwrap_or_default())?;
        for named in request.items("Targets") {
            let (address, _, _) = target(named, group.port)?;
            let port = named.whole("Port").and_then(|port| u16::try_from(port).ok());
            // Without a port, every registration of the address.
            let of_address = group.targets.iter().filter(|target| target.address == address);
            let ports: Vec<u16> = of_address.map(|target| target.port).collect();
            for port in ports.into_iter().filter(|known| port.is_none_or(|port| port == *known)) {
                group.deregister(address, port, now);
            }
        }
        drop(state);
        self.changed.notify_one();
        Ok(json!({}))
    }

    pub(super) fn describe_target_health(&self, request: &Value, now: Time) -> Result<Value, ApiError> {
        let mut state = self.state();
        state.expire(now);
        let arn = request.text("TargetGroupArn").unwrap_or_default();
        let group = state.groups.get(arn).ok_or_else(|| error::no_group(arn))?;
        let show = |address: IpAddr, port: u16, found: Option<&Target>| {
            let zone = found.and_then(|target| target.zone.clone());
            let health =
                found.map_or_else(TargetState::show_unregistered, |target| state.show_health(group, target));
            let check_port = match group.check.port.as_str() {
                "traffic-port" => port.to_string(),
                port => port.to_owned(),
            };
            json!({
                "Target": without_empty(json!({"Id": address.to_string(), "Port": port, "AvailabilityZone": zone})),
                "HealthCheckPort": check_port,
                "TargetHealth": health,
            })
        };
        let named = targets(request, group.port)?;
        let shown: Vec<Value> = if named.is_empty() {
            group.targets.iter().map(|target| show(target.address, target.port, Some(target))).collect()
        } else {
            let find = |address: IpAddr, port: u16| {
                group.targets.iter().find(|target| (target.address, target.port) == (address, port))
            };
            named.iter().map(|(address, port, _)| show(*address, *port, find(*address, *port))).collect()
        };
        Ok(json!({"TargetHealthDescriptions": shown}))
    }

    /// Registers a task. Safe to repeat.
    pub(crate) fn register(&self, key: &TargetKey, zone: &str, now: Time) -> Registration {
        let mut state = self.state();
        state.expire(now);
        let Ok(group) = state.group_mut(&key.group) else { return Registration::NoGroup };
        let registration = group.register(key.address, key.port, Some(zone.to_owned()));
        drop(state);
        self.changed.notify_one();
        registration
    }

    /// Begins a task's draining; says when it ends, or nothing where it is not registered. Safe to repeat.
    pub(crate) fn deregister(&self, key: &TargetKey, now: Time) -> Option<Time> {
        let mut state = self.state();
        state.expire(now);
        let until = state.group_mut(&key.group).ok()?.deregister(key.address, key.port, now);
        drop(state);
        self.changed.notify_one();
        until
    }
}

/// Address, port and zone of each target that a request names.
fn targets(request: &Value, usual_port: u16) -> Result<Vec<(IpAddr, u16, Option<String>)>, ApiError> {
    request.items("Targets").iter().map(|named| target(named, usual_port)).collect()
}

fn target(named: &Value, usual_port: u16) -> Result<(IpAddr, u16, Option<String>), ApiError> {
    let id = named.text("Id").unwrap_or_default();
    let address: IpAddr =
        id.parse().map_err(|_| invalid(format!("The IP address '{id}' is not a valid IPv4 address")))?;
    if address.is_ipv6() {
        return Err(not_done("targets with IPv6 addresses"));
    }
    let port = named.whole("Port").and_then(|port| u16::try_from(port).ok()).unwrap_or(usual_port);
    Ok((address, port, named.text("AvailabilityZone").map(str::to_owned)))
}
