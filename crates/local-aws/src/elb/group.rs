//! Target groups, and how their targets are checked.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    Action, Attributes, Balancing, State,
    error::{self, check_name, invalid, not_done},
    limits, page,
    tag::Tags,
    target::Target,
};
use crate::{ecs::Members, error::ApiError};

/// A target group, with targets by address.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) arn: String,
    name: String,
    /// `HTTP` or `HTTPS`.
    pub(super) protocol: String,
    pub(super) port: u16,
    vpc: String,
    pub(super) check: Check,
    pub(super) attributes: Attributes,
    pub(super) tags: Tags,
    pub(super) targets: Vec<Target>,
}

/// How targets are checked. Source of the defaults and bounds: the API's description of
/// `CreateTargetGroup`, for targets of type `ip`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) protocol: String,
    /// `traffic-port` or a number.
    pub(super) port: String,
    pub(super) path: String,
    pub(super) interval: u64,
    pub(super) timeout: u64,
    pub(super) healthy: u64,
    pub(super) unhealthy: u64,
    /// Codes and ranges of codes: `200,202` or `200-299`.
    pub(super) matcher: String,
}

impl Check {
    fn of(protocol: &str) -> Self {
        Self {
            protocol: protocol.to_owned(),
            port: "traffic-port".into(),
            path: "/".into(),
            interval: 30,
            timeout: 5,
            healthy: 5,
            unhealthy: 2,
            matcher: "200".into(),
        }
    }

    /// With what a request says about it.
    fn with(&self, request: &Value) -> Result<Self, ApiError> {
        let mut check = self.clone();
        if request.flag("HealthCheckEnabled") == Some(false) {
            return Err(ApiError::new(
                "InvalidConfigurationRequest",
                "Health check enabled must be true for target groups with target type 'ip'",
            ));
        }
        let texts = [
            ("HealthCheckProtocol", &mut check.protocol),
            ("HealthCheckPort", &mut check.port),
            ("HealthCheckPath", &mut check.path),
        ];
        for (member, place) in texts {
            if let Some(text) = request.text(member) {
                text.clone_into(place);
            }
        }
        let numbers = [
            ("HealthCheckIntervalSeconds", &mut check.interval),
            ("HealthCheckTimeoutSeconds", &mut check.timeout),
            ("HealthyThresholdCount", &mut check.healthy),
            ("UnhealthyThresholdCount", &mut check.unhealthy),
        ];
        for (member, place) in numbers {
            *place = request.whole(member).unwrap_or(*place);
        }
        if let Some(matcher) = request.member("Matcher") {
            if matcher.member("GrpcCode").is_some() {
                return Err(not_done("the matcher GrpcCode"));
            }
            matcher.text("HttpCode").unwrap_or(&check.matcher).to_owned().clone_into(&mut check.matcher);
        }
        check.verify()?;
        Ok(check)
    }

    fn verify(&self) -> Result<(), ApiError> {
        if !matches!(self.protocol.as_str(), "HTTP" | "HTTPS") {
            return Err(invalid(format!(
                "Health check protocol '{}' must be HTTP or HTTPS for this target group",
                self.protocol
            )));
        }
        if self.port != "traffic-port" && !self.port.parse().is_ok_and(|port: u16| port > 0) {
            return Err(invalid(format!(
                "Health check port '{}' must be 'traffic-port' or in the range 1-65535",
                self.port
            )));
        }
        if !self.path.starts_with('/') {
            return Err(invalid(format!(
                "Health check path '{}' must begin with a '/' character",
                self.path
            )));
        }
        if self.timeout >= self.interval {
            return Err(invalid(format!(
                "Health check interval '{}' must be greater than the timeout '{}'",
                self.interval, self.timeout
            )));
        }
        if codes(&self.matcher).is_none() {
            return Err(invalid(format!(
                "Health check matcher HTTP code '{}' must be within '200-499' inclusive",
                self.matcher
            )));
        }
        Ok(())
    }

    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval)
    }

    /// Whether an answer of this status says that a target is well.
    pub(super) fn takes(&self, status: u16) -> bool {
        codes(&self.matcher)
            .is_some_and(|ranges| ranges.iter().any(|(least, most)| (*least..=*most).contains(&status)))
    }
}

/// The codes of a matcher, as ranges; `None` where it is none.
fn codes(matcher: &str) -> Option<Vec<(u16, u16)>> {
    let range = |text: &str| {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let (least, most) = (least.parse().ok()?, most.parse().ok()?);
        (200 <= least && least <= most && most <= 499).then_some((least, most))
    };
    matcher.split(',').map(range).collect()
}

impl Group {
    pub(super) fn show(&self, state: &State) -> Value {
        let check = &self.check;
        json!({
            "TargetGroupArn": self.arn,
            "TargetGroupName": self.name,
            "Protocol": self.protocol,
            "Port": self.port,
            "VpcId": self.vpc,
            "HealthCheckProtocol": check.protocol,
            "HealthCheckPort": check.port,
            "HealthCheckEnabled": true,
            "HealthCheckIntervalSeconds": check.interval,
            "HealthCheckTimeoutSeconds": check.timeout,
            "HealthyThresholdCount": check.healthy,
            "UnhealthyThresholdCount": check.unhealthy,
            "HealthCheckPath": check.path,
            "Matcher": {"HttpCode": check.matcher},
            "LoadBalancerArns": state.balancers_of(&self.arn),
            "TargetType": "ip",
            "ProtocolVersion": "HTTP1",
            "IpAddressType": "ipv4",
        })
    }
}

impl Balancing {
    pub(super) fn create_group(&self, request: &Value) -> Result<Value, ApiError> {
        let name = request.text("Name").unwrap_or_default();
        check_name("Target group", name)?;
        match request.text("TargetType").unwrap_or("instance") {
            "ip" => {}
            other => return Err(not_done(format!("the target type {other}: targets are addresses (ip)"))),
        }
        let protocol = request.text("Protocol").ok_or_else(|| invalid("A protocol must be specified"))?;
        if !matches!(protocol, "HTTP" | "HTTPS") {
            return Err(not_done(format!("the protocol {protocol}")));
        }
        let version = request.text("ProtocolVersion").unwrap_or("HTTP1");
        if version != "HTTP1" {
            return Err(not_done(format!("the protocol version {version}")));
        }
        for member in ["TargetControlPort"] {
            if request.member(member).is_some() {
                return Err(not_done(format!("the member {member}")));
            }
        }
        if request.text("IpAddressType").is_some_and(|text| text != "ipv4") {
            return Err(not_done("the address type ipv6"));
        }
        let vpc = request.text("VpcId").ok_or_else(|| invalid("A VPC ID must be specified"))?;
        let port = request.whole("Port").and_then(|port| u16::try_from(port).ok());
        let mut state = self.state();
        let id = state.id();
        let group = Group {
            arn: self.arn(&format!("targetgroup/{name}/{id}")),
            name: name.to_owned(),
            protocol: protocol.to_owned(),
            port: port.ok_or_else(|| invalid("A port must be specified"))?,
            vpc: vpc.to_owned(),
            check: Check::of(protocol).with(request)?,
            attributes: Attributes::default(),
            tags: Tags::read(request)?,
            targets: Vec::new(),
        };
        if let Some(existing) = state.groups.values().find(|existing| existing.name == name) {
            let settings =
                |group: &Group| (group.protocol.clone(), group.port, group.vpc.clone(), group.check.clone());
            if settings(existing) == settings(&group) {
                return Ok(json!({"TargetGroups": [existing.show(&state)]}));
            }
            return Err(ApiError::new(
                "DuplicateTargetGroupName",
                format!("A target group with the same name '{name}' exists, but with different settings"),
            ));
        }
        limits::check("target-groups", state.groups.len() + 1)?;
        let shown = group.show(&state);
        state.groups.insert(group.arn.clone(), group);
        Ok(json!({"TargetGroups": [shown]}))
    }

    pub(super) fn describe_groups(&self, request: &Value) -> Result<Value, ApiError> {
        let state = self.state();
        let (arns, names) = (request.items("TargetGroupArns"), request.items("Names"));
        for asked in request.texts("TargetGroupArns").chain(request.texts("Names")) {
            if !state.groups.values().any(|group| group.arn == asked || group.name == asked) {
                return Err(error::no_group(asked));
            }
        }
        let balancer = request.text("LoadBalancerArn");
        if let Some(arn) = balancer.filter(|arn| !state.balancers.contains_key(*arn)) {
            return Err(error::no_balancer(arn));
        }
        let is_in = |list: &[Value], text: &str| list.iter().any(|item| item == text);
        let found = state.groups.values().filter(|group| {
            let is_named =
                (arns.is_empty() && names.is_empty()) || is_in(arns, &group.arn) || is_in(names, &group.name);
            let serves = balancer.is_none_or(|arn| state.balancers_of(&group.arn).contains(arn));
            is_named && serves
        });
        page::answer(request, "TargetGroups", found, |it| it.arn.clone(), |it| it.show(&state))
    }

    pub(super) fn modify_group(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let group = state.group_mut(request.text("TargetGroupArn").unwrap_or_default())?;
        group.check = group.check.with(request)?;
        let arn = group.arn.clone();
        let shown = state.groups.get(&arn).map(|group| group.show(&state));
        drop(state);
        self.changed.notify_one();
        Ok(json!({"TargetGroups": Vec::from_iter(shown)}))
    }

    /// One that is not there is deleted already.
    pub(super) fn delete_group(&self, request: &Value) -> Result<Value, ApiError> {
        let arn = request.text("TargetGroupArn").unwrap_or_default();
        let mut state = self.state();
        if !state.balancers_of(arn).is_empty() {
            return Err(ApiError::new(
                "ResourceInUse",
                format!("Target group '{arn}' is currently in use by a listener or a rule"),
            ));
        }
        state.groups.remove(arn);
        drop(state);
        self.changed.notify_one();
        Ok(json!({}))
    }
}

impl State {
    pub(super) fn group_mut(&mut self, arn: &str) -> Result<&mut Group, ApiError> {
        self.groups.get_mut(arn).ok_or_else(|| error::no_group(arn))
    }

    /// The load balancers that forward to a target group.
    pub(super) fn balancers_of(&self, group: &str) -> BTreeSet<String> {
        let forwards = self.rules.values().filter(|rule| match &rule.action {
            Action::Forward(groups) => groups.iter().any(|(arn, _)| arn == group),
            Action::Redirect(_) | Action::Fixed(_) => false,
        });
        let listeners = forwards.filter_map(|rule| self.listeners.get(&rule.listener));
        listeners.map(|listener| listener.balancer.clone()).collect()
    }
}

/// An object without its empty members, as answers have it.
pub(super) fn without_empty(object: Value) -> Value {
    let Value::Object(mut members) = object else { return object };
    members.retain(|_, value| !value.is_null());
    Value::Object(Map::from_iter(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_is_codes_and_ranges_from_200_to_499() {
        let check = |matcher: &str| Check { matcher: matcher.into(), ..Check::of("HTTP") };
        for (matcher, status, takes) in
            [("200", 200, true), ("200", 201, false), ("200-299,404", 250, true), ("200-299,404", 404, true)]
        {
            assert_eq!(check(matcher).takes(status), takes, "{matcher} {status}");
        }
        for wrong in ["", "199", "200-500", "300-200", "ok"] {
            assert!(check(wrong).verify().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_check_takes_longer_than_it_may_last_is_refused() {
        let check = Check::of("HTTP");
        let error = check.with(&json!({"HealthCheckIntervalSeconds": 5})).unwrap_err();
        assert!(error.message.contains("must be greater than the timeout"), "{error}");
        let changed = check.with(&json!({"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2}));
        assert_eq!(changed.unwrap().interval(), Duration::from_secs(5));
    }
}
