//! What a rule does with a request: forward, redirect, or answer by itself.

use serde_json::{Value, json};

use super::{
    State,
    error::{self, invalid, not_done},
    group::without_empty,
    limits,
};
use crate::{ecs::Members, error::ApiError};

/// The heaviest that a target group can weigh. Source: the API's description of `TargetGroupTuple`.
const HEAVIEST: u64 = 999;

/// A rule's action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// To target groups, by their weights.
    Forward(Vec<(String, u64)>),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The load balancer answers.
    Fixed(Fixed),
}

/// Where to; each part may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) protocol: String,
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// 301 or 302.
    pub(crate) status: u16,
}

/// An answer of the load balancer's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

impl Action {
    /// The one action of a request's list, with target groups that are there.
    pub(super) fn read(list: &[Value], state: &State) -> Result<Self, ApiError> {
        for action in list {
            if let kind @ ("authenticate-oidc" | "authenticate-cognito" | "jwt-validation") =
                action.text("Type").unwrap_or_default()
            {
                return Err(not_done(format!("actions of the type {kind}")));
            }
        }
        let [action] = list else {
            return Err(ApiError::new(
                "InvalidLoadBalancerAction",
                "The action list must have exactly one forward, redirect or fixed-response action",
            ));
        };
        match action.text("Type").unwrap_or_default() {
            "forward" => forward(action, state),
            "redirect" => redirect(action),
            _ => fixed(action),
        }
    }

    pub(super) fn show(&self) -> Value {
        match self {
            Self::Forward(groups) => {
                let tuples: Vec<Value> = groups
                    .iter()
                    .map(|(arn, weight)| json!({"TargetGroupArn": arn, "Weight": weight}))
                    .collect();
                let single = match groups.as_slice() {
                    [(arn, _)] => Some(arn),
                    _ => None,
                };
                without_empty(json!({"Type": "forward", "TargetGroupArn": single, "ForwardConfig": {
                    "TargetGroups": tuples, "TargetGroupStickinessConfig": {"Enabled": false}}}))
            }
            Self::Redirect(to) => json!({"Type": "redirect", "RedirectConfig": {
                "Protocol": to.protocol, "Host": to.host, "Port": to.port, "Path": to.path,
                "Query": to.query, "StatusCode": format!("HTTP_{}", to.status)}}),
            Self::Fixed(fixed) => {
                let config = json!({"StatusCode": fixed.status.to_string(),
                    "ContentType": Some(&fixed.content_type).filter(|text| !text.is_empty()),
                    "MessageBody": Some(&fixed.body).filter(|text| !text.is_empty())});
                json!({"Type": "fixed-response", "FixedResponseConfig": without_empty(config)})
            }
        }
    }
}

fn forward(action: &Value, state: &State) -> Result<Action, ApiError> {
    let config = action.member("ForwardConfig").unwrap_or(&Value::Null);
    let sticky = config.member("TargetGroupStickinessConfig");
    if sticky.and_then(|sticky| sticky.flag("Enabled")) == Some(true) {
        return Err(not_done("stickiness between target groups"));
    }
    let mut groups = Vec::new();
    for tuple in config.items("TargetGroups") {
        let weight = tuple.whole("Weight").unwrap_or(1);
        if weight > HEAVIEST {
            return Err(invalid(format!("Target group weight '{weight}' must be between 0 and {HEAVIEST}")));
        }
        groups.push((tuple.text("TargetGroupArn").unwrap_or_default().to_owned(), weight));
    }
    match (action.text("TargetGroupArn"), groups.as_slice()) {
        (Some(arn), []) => groups.push((arn.to_owned(), 1)),
        (Some(arn), [(only, _)]) if arn == only => {}
        (None, [_, ..]) => {}
        _ => {
            return Err(ApiError::new(
                "InvalidLoadBalancerAction",
                "A forward action needs a TargetGroupArn or a ForwardConfig, or both of the same target group",
            ));
        }
    }
    limits::check("target-groups-per-action-on-application-load-balancer", groups.len())?;
    for (arn, _) in &groups {
        if !state.groups.contains_key(arn) {
            return Err(error::no_group(arn));
        }
    }
    Ok(Action::Forward(groups))
}

fn redirect(action: &Value) -> Result<Action, ApiError> {
    let config = action.member("RedirectConfig").ok_or_else(|| {
        ApiError::new("InvalidLoadBalancerAction", "A redirect action needs a RedirectConfig")
    })?;
    let part = |name: &str, default: &str| config.text(name).unwrap_or(default).to_owned();
    let redirect = Redirect {
        protocol: part("Protocol", "#{protocol}"),
        host: part("Host", "#{host}"),
        port: part("Port", "#{port}"),
        path: part("Path", "/#{path}"),
        query: part("Query", "#{query}"),
        status: if config.text("StatusCode") == Some("HTTP_301") { 301 } else { 302 },
    };
    let stays = redirect.protocol == "#{protocol}"
        && redirect.host == "#{host}"
        && redirect.port == "#{port}"
        && redirect.path == "/#{path}";
    let wrong = if stays {
        Some("it must change protocol, port, host or path, or it would never end")
    } else if !matches!(redirect.protocol.as_str(), "HTTP" | "HTTPS" | "#{protocol}") {
        Some("the protocol must be HTTP, HTTPS or #{protocol}")
    } else if redirect.port != "#{port}" && !redirect.port.parse().is_ok_and(|port: u16| port > 0) {
        Some("the port must be from 1 to 65535, or #{port}")
    } else if !redirect.path.starts_with('/') {
        Some("the path must begin with /")
    } else {
        None
    };
    match wrong {
        None => Ok(Action::Redirect(redirect)),
        Some(why) => Err(ApiError::new(
            "InvalidLoadBalancerAction",
            format!("The redirect action is not valid: {why}"),
        )),
    }
}

fn fixed(action: &Value) -> Result<Action, ApiError> {
    let config = action.member("FixedResponseConfig").ok_or_else(|| {
        ApiError::new("InvalidLoadBalancerAction", "A fixed-response action needs a FixedResponseConfig")
    })?;
    let status = config.text("StatusCode").unwrap_or_default();
    let code = status.parse().ok().filter(|code: &u16| matches!(code, 200..=299 | 400..=599));
    let code = code.ok_or_else(|| {
        invalid(format!("The fixed response's status code '{status}' must be 2XX, 4XX or 5XX"))
    })?;
    let content_type = config.text("ContentType").unwrap_or_default();
    let is_known = matches!(
        content_type,
        "" | "text/plain" | "text/css" | "text/html" | "application/javascript" | "application/json"
    );
    if !is_known {
        return Err(invalid(format!("The fixed response's content type '{content_type}' is not valid")));
    }
    Ok(Action::Fixed(Fixed {
        status: code,
        content_type: content_type.to_owned(),
        body: config.text("MessageBody").unwrap_or_default().to_owned(),
    }))
}
