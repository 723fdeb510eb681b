//! Attributes: which there are, what they are without being set, and which values do what they say here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Balancing,
    error::{self, invalid, not_done},
};
use crate::{ecs::Members, error::ApiError};

/// What an attribute takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Flag,
    Whole(u64, u64),
    OneOf(&'static [&'static str]),
    Text,
}

/// An attribute: its key, what it takes, its default, and the values other than that which are not done.
#[derive(Debug)]
struct Known {
    key: &'static str,
    takes: Takes,
    default: &'static str,
    /// Whether only the default does what it says here.
    is_fixed: bool,
}

const fn known(key: &'static str, takes: Takes, default: &'static str) -> Known {
    Known { key, takes, default, is_fixed: false }
}

const fn fixed(key: &'static str, takes: Takes, default: &'static str) -> Known {
    Known { key, takes, default, is_fixed: true }
}

/// A kind of resource, by its attributes. Source: the API's descriptions of `LoadBalancerAttribute`,
/// `TargetGroupAttribute` and `ListenerAttribute`.
#[derive(Debug)]
pub(super) struct Kind(&'static [Known]);

pub(super) const OF_BALANCERS: Kind = Kind(&[
    fixed("access_logs.s3.enabled", Takes::Flag, "false"),
    known("access_logs.s3.bucket", Takes::Text, ""),
    known("access_logs.s3.prefix", Takes::Text, ""),
    known("client_keep_alive.seconds", Takes::Whole(60, 604_800), "3600"),
    fixed("connection_logs.s3.enabled", Takes::Flag, "false"),
    known("connection_logs.s3.bucket", Takes::Text, ""),
    known("connection_logs.s3.prefix", Takes::Text, ""),
    known("deletion_protection.enabled", Takes::Flag, "false"),
    fixed("health_check_logs.s3.enabled", Takes::Flag, "false"),
    known("health_check_logs.s3.bucket", Takes::Text, ""),
    known("health_check_logs.s3.prefix", Takes::Text, ""),
    known("idle_timeout.timeout_seconds", Takes::Whole(1, 4_000), "60"),
    known("ipv6.deny_all_igw_traffic", Takes::Flag, "false"),
    known("load_balancing.cross_zone.enabled", Takes::Flag, "true"),
    known(
        "routing.http.desync_mitigation_mode",
        Takes::OneOf(&["monitor", "defensive", "strictest"]),
        "defensive",
    ),
    known("routing.http.drop_invalid_header_fields.enabled", Takes::Flag, "false"),
    known("routing.http.preserve_host_header.enabled", Takes::Flag, "false"),
    known("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", Takes::Flag, "false"),
    known("routing.http.xff_client_port.enabled", Takes::Flag, "false"),
    known(
        "routing.http.xff_header_processing.mode",
        Takes::OneOf(&["append", "preserve", "remove"]),
        "append",
    ),
    known("routing.http2.enabled", Takes::Flag, "true"),
    known("waf.fail_open.enabled", Takes::Flag, "false"),
    known("zonal_shift.config.enabled", Takes::Flag, "false"),
]);

pub(super) const OF_GROUPS: Kind = Kind(&[
    known("deregistration_delay.timeout_seconds", Takes::Whole(0, 3_600), "300"),
    fixed("load_balancing.algorithm.anomaly_mitigation", Takes::OneOf(&["on", "off"]), "off"),
    known(
        "load_balancing.algorithm.type",
        Takes::OneOf(&["round_robin", "least_outstanding_requests"]),
        "round_robin",
    ),
    known(
        "load_balancing.cross_zone.enabled",
        Takes::OneOf(&["true", "false", "use_load_balancer_configuration"]),
        "use_load_balancer_configuration",
    ),
    known("slow_start.duration_seconds", Takes::Whole(0, 900), "0"),
    known("stickiness.app_cookie.cookie_name", Takes::Text, ""),
    known("stickiness.app_cookie.duration_seconds", Takes::Whole(1, 604_800), "86400"),
    fixed("stickiness.enabled", Takes::Flag, "false"),
    known("stickiness.lb_cookie.duration_seconds", Takes::Whole(1, 604_800), "86400"),
    known("stickiness.type", Takes::OneOf(&["lb_cookie", "app_cookie"]), "lb_cookie"),
    known("target_group_health.dns_failover.minimum_healthy_targets.count", Takes::Text, "1"),
    known("target_group_health.dns_failover.minimum_healthy_targets.percentage", Takes::Text, "off"),
    known("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", Takes::Text, "1"),
    known(
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        Takes::Text,
        "off",
    ),
]);

pub(super) const OF_LISTENERS: Kind = Kind(&[
    known("routing.http.request.x_amzn_mtls_clientcert.header_name", Takes::Text, ""),
    known("routing.http.request.x_amzn_mtls_clientcert_issuer.header_name", Takes::Text, ""),
    known("routing.http.request.x_amzn_mtls_clientcert_leaf.header_name", Takes::Text, ""),
    known("routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name", Takes::Text, ""),
    known("routing.http.request.x_amzn_mtls_clientcert_subject.header_name", Takes::Text, ""),
    known("routing.http.request.x_amzn_mtls_clientcert_validity.header_name", Takes::Text, ""),
    known("routing.http.request.x_amzn_tls_cipher_suite.header_name", Takes::Text, ""),
    known("routing.http.request.x_amzn_tls_version.header_name", Takes::Text, ""),
    known("routing.http.response.access_control_allow_credentials.header_value", Takes::Text, ""),
    known("routing.http.response.access_control_allow_headers.header_value", Takes::Text, ""),
    known("routing.http.response.access_control_allow_methods.header_value", Takes::Text, ""),
    known("routing.http.response.access_control_allow_origin.header_value", Takes::Text, ""),
    known("routing.http.response.access_control_expose_headers.header_value", Takes::Text, ""),
    known("routing.http.response.access_control_max_age.header_value", Takes::Text, ""),
    known("routing.http.response.content_security_policy.header_value", Takes::Text, ""),
    known("routing.http.response.server.enabled", Takes::Flag, "true"),
    known("routing.http.response.strict_transport_security.header_value", Takes::Text, ""),
    known("routing.http.response.x_content_type_options.header_value", Takes::Text, ""),
    known("routing.http.response.x_frame_options.header_value", Takes::Text, ""),
]);

/// Attributes that were set; the others have their defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// The value, or the default of `kind`.
    fn get(&self, kind: &Kind, key: &str) -> &str {
        let default = || kind.0.iter().find(|known| known.key == key).map(|known| known.default);
        self.0.get(key).map(String::as_str).or_else(default).unwrap_or_default()
    }

    fn set(&mut self, kind: &Kind, list: &[Value]) -> Result<(), ApiError> {
        for attribute in list {
            let (key, value) =
                (attribute.text("Key").unwrap_or_default(), attribute.text("Value").unwrap_or_default());
            let Some(known) = kind.0.iter().find(|known| known.key == key) else {
                return Err(ApiError::new(
                    "InvalidConfigurationRequest",
                    format!("The attribute '{key}' is not valid for this resource"),
                ));
            };
            let fits = match known.takes {
                Takes::Flag => matches!(value, "true" | "false"),
                Takes::Whole(least, most) => {
                    value.parse().is_ok_and(|value: u64| (least..=most).contains(&value))
                }
                Takes::OneOf(values) => values.contains(&value),
                Takes::Text => true,
            };
            if known.is_fixed && value != known.default && fits {
                return Err(not_done(format!("the value '{value}' for the attribute {key}")));
            }
            if !fits {
                return Err(ApiError::new(
                    "InvalidConfigurationRequest",
                    format!("The value '{value}' is not valid for the attribute '{key}'"),
                ));
            }
            self.0.insert(key.to_owned(), value.to_owned());
        }
        Ok(())
    }

    fn show(&self, kind: &Kind) -> Value {
        // These are told only once they are set: the model has room for twenty.
        let is_told =
            |known: &&Known| !known.key.starts_with("health_check_logs.") || self.0.contains_key(known.key);
        let told = kind.0.iter().filter(is_told);
        let shown = told.map(|known| json!({"Key": known.key, "Value": self.get(kind, known.key)}));
        json!({"Attributes": shown.collect::<Vec<_>>()})
    }

    /// A load balancer's switch.
    pub(crate) fn balancer_flag(&self, key: &str) -> bool {
        self.get(&OF_BALANCERS, key) == "true"
    }

    /// A load balancer's text.
    pub(crate) fn balancer_text(&self, key: &str) -> &str {
        self.get(&OF_BALANCERS, key)
    }

    /// A target group's whole number.
    pub(crate) fn group_whole(&self, key: &str) -> u64 {
        self.get(&OF_GROUPS, key).parse().unwrap_or_default()
    }

    /// A target group's text.
    pub(crate) fn group_text(&self, key: &str) -> &str {
        self.get(&OF_GROUPS, key)
    }

    /// A listener's text; empty where it is not set.
    pub(crate) fn listener_text(&self, key: &str) -> &str {
        self.get(&OF_LISTENERS, key)
    }
}

/// Whose attributes an operation is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    Balancer,
    Group,
    Listener,
}

impl Whose {
    fn kind(self) -> &'static Kind {
        match self {
            Self::Balancer => &OF_BALANCERS,
            Self::Group => &OF_GROUPS,
            Self::Listener => &OF_LISTENERS,
        }
    }
}

impl Balancing {
    pub(super) fn describe_attributes(&self, whose: Whose, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        Ok(state.attributes(whose, request)?.show(whose.kind()))
    }

    pub(super) fn modify_attributes(&self, whose: Whose, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let attributes = state.attributes(whose, request)?;
        let mut changed = attributes.clone();
        changed.set(whose.kind(), request.items("Attributes"))?;
        if matches!(whose, Whose::Listener) && request.items("Attributes").is_empty() {
            return Err(invalid("Attributes must be specified"));
        }
        *attributes = changed;
        let shown = attributes.show(whose.kind());
        drop(state);
        self.changed.notify_one();
        Ok(shown)
    }
}

impl super::State {
    fn attributes(&mut self, whose: Whose, request: &Value) -> Result<&mut Attributes, ApiError> {
        let arn = |member: &str| request.text(member).unwrap_or_default();
        match whose {
            Whose::Balancer => {
                let arn = arn("LoadBalancerArn");
                self.balancers
                    .get_mut(arn)
                    .map(|it| &mut it.attributes)
                    .ok_or_else(|| error::no_balancer(arn))
            }
            Whose::Group => {
                let arn = arn("TargetGroupArn");
                self.groups.get_mut(arn).map(|it| &mut it.attributes).ok_or_else(|| error::no_group(arn))
            }
            Whose::Listener => {
                let arn = arn("ListenerArn");
                self.listeners
                    .get_mut(arn)
                    .map(|it| &mut it.attributes)
                    .ok_or_else(|| error::no_listener(arn))
            }
        }
    }
}
