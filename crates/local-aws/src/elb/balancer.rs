//! Load balancers.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{
    Attributes, Balancing, State,
    error::{self, check_name, invalid, not_done},
    limits, page,
    tag::Tags,
};
use crate::{clock::Time, ecs::Members, error::ApiError};

/// An application load balancer.
#[derive(Debug)]
pub(super) struct Balancer {
    pub(super) arn: String,
    name: String,
    scheme: String,
    /// Zone and subnet.
    zones: Vec<(String, String)>,
    security_groups: Vec<String>,
    address_type: String,
    created_at: Time,
    pub(super) attributes: Attributes,
    pub(super) tags: Tags,
    /// Where its listeners are served.
    pub(super) address: Ipv4Addr,
}

impl Balancer {
    fn show(&self, state: &str) -> Value {
        let zones = self
            .zones
            .iter()
            .map(|(zone, subnet)| json!({"ZoneName": zone, "SubnetId": subnet, "LoadBalancerAddresses": []}));
        json!({
            "LoadBalancerArn": self.arn,
            // There is no zone that would answer for a name: the address is what every client reaches.
            "DNSName": self.address.to_string(),
            "CanonicalHostedZoneId": "Z35SXDOTRQ7X7K",
            "CreatedTime": self.created_at.to_json(),
            "LoadBalancerName": self.name,
            "Scheme": self.scheme,
            "VpcId": "vpc-local",
            "State": {"Code": state},
            "Type": "application",
            "AvailabilityZones": zones.collect::<Vec<_>>(),
            "SecurityGroups": self.security_groups,
            "IpAddressType": self.address_type,
        })
    }

    /// What of it an equal request has in common.
    fn settings(&self) -> (&str, Vec<&str>, &[String], &str) {
        let subnets = self.zones.iter().map(|(_, subnet)| subnet.as_str()).collect();
        (&self.scheme, subnets, &self.security_groups, &self.address_type)
    }
}

/// The subnets that a request names, in either way.
pub(super) fn subnets(request: &Value) -> Result<Vec<String>, ApiError> {
    let mappings = request.items("SubnetMappings");
    for mapping in mappings {
        for member in ["AllocationId", "PrivateIPv4Address", "IPv6Address", "SourceNatIpv6Prefix"] {
            if mapping.member(member).is_some() {
                return Err(not_done(format!("SubnetMappings with {member}")));
            }
        }
    }
    let mapped = mappings.iter().filter_map(|mapping| mapping.text("SubnetId"));
    Ok(request.texts("Subnets").chain(mapped).map(str::to_owned).collect())
}

/// Zones as a load balancer needs them: two at least, each once.
fn check_zones(zones: &[(String, String)]) -> Result<(), ApiError> {
    let mut names: Vec<&String> = zones.iter().map(|(zone, _)| zone).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < zones.len() {
        return Err(ApiError::new(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        ));
    }
    if zones.len() < 2 {
        return Err(invalid("At least two subnets in two different Availability Zones must be specified"));
    }
    Ok(())
}

impl Balancing {
    /// `zones` are those of the request's subnets.
    pub(super) fn create_balancer(
        &self,
        request: &Value,
        zones: Vec<(String, String)>,
        now: Time,
    ) -> Result<Value, ApiError> {
        let name = request.text("Name").unwrap_or_default();
        check_name("Load balancer", name)?;
        if name.starts_with("internal-") {
            return Err(invalid(format!("Load balancer name '{name}' cannot begin with 'internal-'")));
        }
        match request.text("Type").unwrap_or("application") {
            "application" => {}
            other => return Err(not_done(format!("the type {other}"))),
        }
        for member in ["CustomerOwnedIpv4Pool", "EnablePrefixForIpv6SourceNat", "IpamPools"] {
            if request.member(member).is_some() {
                return Err(not_done(format!("the member {member}")));
            }
        }
        check_zones(&zones)?;
        let address_type = request.text("IpAddressType").unwrap_or("ipv4");
        if address_type != "ipv4" {
            return Err(not_done(format!("the address type {address_type}")));
        }
        let mut state = self.state();
        let id = state.id();
        let address = state.free_address();
        let balancer = Balancer {
            arn: self.arn(&format!("loadbalancer/app/{name}/{id}")),
            name: name.to_owned(),
            scheme: request.text("Scheme").unwrap_or("internet-facing").to_owned(),
            zones,
            security_groups: request.texts("SecurityGroups").map(str::to_owned).collect(),
            address_type: address_type.to_owned(),
            created_at: now,
            attributes: Attributes::default(),
            tags: Tags::read(request)?,
            address,
        };
        if let Some(existing) = state.balancers.values().find(|existing| existing.name == name) {
            if existing.settings() == balancer.settings() {
                return Ok(json!({"LoadBalancers": [existing.show("active")]}));
            }
            return Err(ApiError::new(
                "DuplicateLoadBalancerName",
                format!("A load balancer with the same name '{name}' exists, but with different settings"),
            ));
        }
        limits::check("application-load-balancers", state.balancers.len() + 1)?;
        // As AWS answers: it becomes active a little later.
        let shown = balancer.show("provisioning");
        state.balancers.insert(balancer.arn.clone(), balancer);
        Ok(json!({"LoadBalancers": [shown]}))
    }

    pub(super) fn describe_balancers(&self, request: &Value) -> Result<Value, ApiError> {
        let state = self.state();
        let (arns, names) = (request.items("LoadBalancerArns"), request.items("Names"));
        let wanted = |balancer: &&Balancer| {
            let is_in = |list: &[Value], text: &str| list.iter().any(|item| item == text);
            (arns.is_empty() && names.is_empty())
                || is_in(arns, &balancer.arn)
                || is_in(names, &balancer.name)
        };
        for asked in request.texts("LoadBalancerArns").chain(request.texts("Names")) {
            if !state.balancers.values().any(|balancer| balancer.arn == asked || balancer.name == asked) {
                return Err(error::no_balancer(asked));
            }
        }
        let found = state.balancers.values().filter(wanted);
        page::answer(request, "LoadBalancers", found, |it| it.arn.clone(), |it| it.show("active"))
    }

    /// One that is not there is deleted already.
    pub(super) fn delete_balancer(&self, request: &Value) -> Result<Value, ApiError> {
        let arn = request.text("LoadBalancerArn").unwrap_or_default();
        let mut state = self.state();
        if state
            .balancers
            .get(arn)
            .is_some_and(|balancer| balancer.attributes.balancer_flag("deletion_protection.enabled"))
        {
            return Err(ApiError::new(
                "OperationNotPermitted",
                format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
            ));
        }
        state.balancers.remove(arn);
        let gone: Vec<String> =
            state.listeners.values().filter(|it| it.balancer == arn).map(|it| it.arn.clone()).collect();
        for listener in gone {
            state.remove_listener(&listener);
        }
        drop(state);
        self.changed.notify_one();
        Ok(json!({}))
    }

    pub(super) fn set_subnets(
        &self,
        request: &Value,
        zones: Vec<(String, String)>,
    ) -> Result<Value, ApiError> {
        check_zones(&zones)?;
        let mut state = self.state();
        let balancer = state.balancer_mut(request)?;
        balancer.zones = zones;
        let shown = balancer.show("active");
        Ok(
            json!({"AvailabilityZones": shown.get("AvailabilityZones"), "IpAddressType": balancer.address_type}),
        )
    }

    pub(super) fn set_security_groups(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let balancer = state.balancer_mut(request)?;
        balancer.security_groups = request.texts("SecurityGroups").map(str::to_owned).collect();
        Ok(json!({"SecurityGroupIds": balancer.security_groups}))
    }

    pub(super) fn set_address_type(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let balancer = state.balancer_mut(request)?;
        match request.text("IpAddressType").unwrap_or_default() {
            "ipv4" => Ok(json!({"IpAddressType": balancer.address_type})),
            other => Err(not_done(format!("the address type {other}"))),
        }
    }
}

impl State {
    pub(super) fn balancer_mut(&mut self, request: &Value) -> Result<&mut Balancer, ApiError> {
        let arn = request.text("LoadBalancerArn").unwrap_or_default();
        self.balancers.get_mut(arn).ok_or_else(|| error::no_balancer(arn))
    }

    /// A loopback address in 127.192.0.0/10 that no load balancer has; tasks have 127.64.0.0/10.
    ///
    /// Drawn, so that two local AWS on one machine hardly ever meet.
    fn free_address(&mut self) -> Ipv4Addr {
        loop {
            // 0 and 255 as last octet look like networks and broadcasts to many a tool.
            let [_, _, _, _, _, second, third, last] = self.random.next().to_be_bytes();
            let address = Ipv4Addr::new(127, 0b1100_0000 | second, third, last.clamp(1, 254));
            if self.balancers.values().all(|balancer| balancer.address != address) {
                return address;
            }
        }
    }
}
