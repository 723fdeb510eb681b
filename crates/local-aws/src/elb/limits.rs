//! Quotas, and the security policies that TLS listeners have.

use rustls::{SupportedProtocolVersion, version};
use serde_json::{Value, json};

use super::{error, page};
use crate::error::ApiError;

/// The main quotas, with the codes that exceeding them has; the defaults of an account.
///
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const QUOTAS: [(&str, usize, &str); 9] = [
    ("application-load-balancers", 50, "TooManyLoadBalancers"),
    ("certificates-per-application-load-balancer", 25, "TooManyCertificates"),
    ("condition-values-per-alb-rule", 5, "InvalidConfigurationRequest"),
    ("listeners-per-application-load-balancer", 50, "TooManyListeners"),
    ("rules-per-application-load-balancer", 100, "TooManyRules"),
    ("target-groups", 3_000, "TooManyTargetGroups"),
    ("target-groups-per-action-on-application-load-balancer", 5, "TooManyTargetGroups"),
    ("targets-per-application-load-balancer", 1_000, "TooManyTargets"),
    ("trust-stores", 20, "TooManyTrustStores"),
];

/// Refuses a count over the quota of that name.
pub(super) fn check(quota: &str, count: usize) -> Result<(), ApiError> {
    match QUOTAS.iter().find(|(name, ..)| *name == quota) {
        Some((name, most, code)) if count > *most => {
            Err(ApiError::new(code, format!("The maximum number of {name} has been reached: {most}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn describe(request: &Value) -> Result<Value, ApiError> {
    let key = |(name, ..): &&(&str, usize, &str)| (*name).to_owned();
    page::answer(
        request,
        "Limits",
        QUOTAS.iter(),
        key,
        |(name, most, _)| json!({"Name": name, "Max": most.to_string()}),
    )
}

/// A security policy.
#[derive(Debug)]
pub(crate) struct Policy {
    name: &'static str,
    protocols: &'static [&'static str],
}

/// What a listener has that names none. Source: the API's description of `CreateListener`.
pub(super) const DEFAULT_POLICY: &str = "ELBSecurityPolicy-2016-08";

/// Some of AWS's policies.
///
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
const POLICIES: [Policy; 8] = [
    Policy { name: "ELBSecurityPolicy-2016-08", protocols: &["TLSv1", "TLSv1.1", "TLSv1.2"] },
    Policy { name: "ELBSecurityPolicy-FS-1-2-Res-2020-10", protocols: &["TLSv1.2"] },
    Policy { name: "ELBSecurityPolicy-TLS-1-2-2017-01", protocols: &["TLSv1.2"] },
    Policy { name: "ELBSecurityPolicy-TLS13-1-2-2021-06", protocols: &["TLSv1.2", "TLSv1.3"] },
    Policy { name: "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", protocols: &["TLSv1.2", "TLSv1.3"] },
    Policy { name: "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", protocols: &["TLSv1.2", "TLSv1.3"] },
    Policy { name: "ELBSecurityPolicy-TLS13-1-3-2021-06", protocols: &["TLSv1.3"] },
    Policy { name: "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", protocols: &["TLSv1.3"] },
];

/// The policy of that name.
pub(crate) fn policy(name: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.name == name)
}

impl Policy {
    /// What rustls offers of it: TLS before 1.2 nobody does any more.
    pub(crate) fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let mut versions = Vec::new();
        if self.protocols.contains(&"TLSv1.3") {
            versions.push(&version::TLS13);
        }
        if self.protocols.contains(&"TLSv1.2") {
            versions.push(&version::TLS12);
        }
        versions
    }
}

pub(super) fn describe_policies(request: &Value) -> Result<Value, ApiError> {
    use crate::ecs::Members;
    for name in request.texts("Names") {
        if policy(name).is_none() {
            return Err(no_policy(name));
        }
    }
    let names = request.items("Names");
    let found =
        POLICIES.iter().filter(|policy| names.is_empty() || names.iter().any(|name| name == policy.name));
    page::answer(
        request,
        "SslPolicies",
        found,
        |policy| policy.name.to_owned(),
        |policy| {
            json!({"Name": policy.name, "SslProtocols": policy.protocols, "Ciphers": [],
            "SupportedLoadBalancerTypes": ["application", "network"]})
        },
    )
}

pub(super) fn no_policy(name: &str) -> ApiError {
    ApiError { code: "SSLPolicyNotFound".into(), ..error::invalid(format!("SSL policy '{name}' not found")) }
}
