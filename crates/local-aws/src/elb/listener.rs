//! Listeners: port, protocol, certificates, and the default rule.

use serde_json::{Value, json};

use super::{
    Action, Attributes, Balancing, Mutual, State,
    error::{self, invalid, not_done},
    group::without_empty,
    limits, page,
    rule::Rule,
    tag::Tags,
};
use crate::{ecs::Members, error::ApiError};

/// A listener of a load balancer.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    pub(crate) arn: String,
    pub(super) balancer: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<Tls>,
    pub(crate) attributes: Attributes,
    pub(super) tags: Tags,
}

/// What an HTTPS listener has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The default one first.
    pub(crate) certificates: Vec<String>,
    pub(crate) policy: String,
    pub(crate) mutual: Mutual,
}

impl Tls {
    /// What a request says, over what stands.
    fn read(request: &Value, stands: Option<&Self>, state: &State) -> Result<Self, ApiError> {
        let mut certificates = stands.map(|stands| stands.certificates.clone()).unwrap_or_default();
        match request.items("Certificates") {
            [] if certificates.is_empty() => {
                return Err(invalid("A certificate must be specified for HTTPS listeners"));
            }
            [] => {}
            [certificate] => {
                let arn = certificate.text("CertificateArn").unwrap_or_default();
                state.certificates.check(arn)?;
                certificates.retain(|known| known != arn);
                certificates.splice(..certificates.len().min(1), [arn.to_owned()]);
            }
            _ => return Err(invalid("Only one default certificate can be specified for a listener")),
        }
        let policy = request.text("SslPolicy").or(stands.map(|stands| stands.policy.as_str()));
        let policy = policy.unwrap_or(limits::DEFAULT_POLICY).to_owned();
        limits::policy(&policy).ok_or_else(|| limits::no_policy(&policy))?;
        let mutual = match request.member("MutualAuthentication") {
            Some(mutual) => Mutual::read(mutual, state)?,
            None => stands.map(|stands| stands.mutual.clone()).unwrap_or_default(),
        };
        Ok(Self { certificates, policy, mutual })
    }
}

impl Listener {
    fn show(&self, state: &State) -> Value {
        let default = state.rules.values().find(|rule| rule.listener == self.arn && rule.priority.is_none());
        let actions: Vec<Value> = default.iter().map(|rule| rule.action.show()).collect();
        let tls = self.tls.as_ref();
        let certificates = tls.and_then(|tls| tls.certificates.first());
        without_empty(json!({
            "ListenerArn": self.arn,
            "LoadBalancerArn": self.balancer,
            "Port": self.port,
            "Protocol": if tls.is_some() { "HTTPS" } else { "HTTP" },
            "DefaultActions": actions,
            "Certificates": certificates.map(|arn| json!([{"CertificateArn": arn}])),
            "SslPolicy": tls.map(|tls| &tls.policy),
            "MutualAuthentication": tls.map(|tls| tls.mutual.show()),
        }))
    }
}

/// Whether a request's protocol has TLS.
fn is_tls(request: &Value) -> Result<Option<bool>, ApiError> {
    match request.text("Protocol") {
        None => Ok(None),
        Some("HTTP") => Ok(Some(false)),
        Some("HTTPS") => Ok(Some(true)),
        Some(other) => {
            let text = format!("Protocol '{other}' is not supported by application load balancers");
            Err(ApiError::new("UnsupportedProtocol", text))
        }
    }
}

impl Balancing {
    pub(super) fn create_listener(&self, request: &Value) -> Result<Value, ApiError> {
        let balancer = request.text("LoadBalancerArn").unwrap_or_default();
        let mut state = self.state();
        if !state.balancers.contains_key(balancer) {
            return Err(error::no_balancer(balancer));
        }
        let has_tls = is_tls(request)?.ok_or_else(|| invalid("A listener protocol must be specified"))?;
        let port = request.whole("Port").and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| invalid("A listener port must be specified"))?;
        plain_has_no_tls(request, has_tls)?;
        let tls = if has_tls { Some(Tls::read(request, None, &state)?) } else { None };
        let action = Action::read(request.items("DefaultActions"), &state)?;
        state.check_association(&action, balancer)?;
        let of_balancer = |listener: &&Listener| listener.balancer == balancer;
        if let Some(there) = state.listeners.values().filter(of_balancer).find(|there| there.port == port) {
            let default =
                state.rules.values().find(|rule| rule.listener == there.arn && rule.priority.is_none());
            if there.tls == tls && default.is_some_and(|rule| rule.action == action) {
                return Ok(json!({"Listeners": [there.show(&state)]}));
            }
            return Err(ApiError::new(
                "DuplicateListener",
                "A listener already exists on this port for this load balancer",
            ));
        }
        let count = state.listeners.values().filter(of_balancer).count();
        limits::check("listeners-per-application-load-balancer", count + 1)?;
        let tags = Tags::read(request)?;
        let arn = format!("{}/{}", balancer.replacen(":loadbalancer/", ":listener/", 1), state.id());
        let rule = Rule {
            arn: state.rule_arn(&arn),
            listener: arn.clone(),
            priority: None,
            conditions: Vec::new(),
            action,
            tags: Tags::default(),
        };
        state.rules.insert(rule.arn.clone(), rule);
        let attributes = Attributes::default();
        let listener =
            Listener { arn: arn.clone(), balancer: balancer.to_owned(), port, tls, attributes, tags };
        let shown = listener.show(&state);
        state.listeners.insert(arn, listener);
        drop(state);
        self.changed.notify_one();
        Ok(json!({"Listeners": [shown]}))
    }

    pub(super) fn modify_listener(&self, request: &Value) -> Result<Value, ApiError> {
        let arn = request.text("ListenerArn").unwrap_or_default();
        let mut state = self.state();
        let mut changed = state.listeners.get(arn).ok_or_else(|| error::no_listener(arn))?.clone();
        let has_tls = is_tls(request)?.unwrap_or(changed.tls.is_some());
        plain_has_no_tls(request, has_tls)?;
        changed.tls = if has_tls { Some(Tls::read(request, changed.tls.as_ref(), &state)?) } else { None };
        if let Some(port) = request.whole("Port").and_then(|port| u16::try_from(port).ok()) {
            let is_other = |other: &&Listener| other.balancer == changed.balancer && other.arn != arn;
            if state.listeners.values().filter(is_other).any(|other| other.port == port) {
                return Err(ApiError::new(
                    "DuplicateListener",
                    "A listener already exists on this port for this load balancer",
                ));
            }
            changed.port = port;
        }
        if !request.items("DefaultActions").is_empty() {
            let action = Action::read(request.items("DefaultActions"), &state)?;
            state.check_association(&action, &changed.balancer)?;
            let mut rules = state.rules.values_mut();
            if let Some(default) = rules.find(|rule| rule.listener == arn && rule.priority.is_none()) {
                default.action = action;
            }
        }
        let shown = changed.show(&state);
        state.listeners.insert(arn.to_owned(), changed);
        drop(state);
        self.changed.notify_one();
        Ok(json!({"Listeners": [shown]}))
    }

    pub(super) fn describe_listeners(&self, request: &Value) -> Result<Value, ApiError> {
        let state = self.state();
        let (balancer, arns) = (request.text("LoadBalancerArn"), request.items("ListenerArns"));
        if balancer.is_none() && arns.is_empty() {
            return Err(invalid("You must specify either listener ARNs or a load balancer ARN"));
        }
        if let Some(arn) = balancer.filter(|arn| !state.balancers.contains_key(*arn)) {
            return Err(error::no_balancer(arn));
        }
        for arn in request.texts("ListenerArns") {
            if !state.listeners.contains_key(arn) {
                return Err(error::no_listener(arn));
            }
        }
        let found = state
            .listeners
            .values()
            .filter(|listener| balancer.is_none_or(|arn| listener.balancer == arn))
            .filter(|listener| arns.is_empty() || arns.iter().any(|arn| *arn == listener.arn));
        page::answer(request, "Listeners", found, |it| it.arn.clone(), |it| it.show(&state))
    }

    pub(super) fn delete_listener(&self, request: &Value) -> Result<Value, ApiError> {
        let arn = request.text("ListenerArn").unwrap_or_default();
        let mut state = self.state();
        if !state.listeners.contains_key(arn) {
            return Err(error::no_listener(arn));
        }
        state.remove_listener(arn);
        drop(state);
        self.changed.notify_one();
        Ok(json!({}))
    }

    pub(super) fn add_listener_certificates(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let named: Vec<String> = certificate_arns(request).map(str::to_owned).collect();
        for arn in &named {
            state.certificates.check(arn)?;
        }
        let tls = state.tls_mut(request)?;
        let new: Vec<String> = named.iter().filter(|arn| !tls.certificates.contains(arn)).cloned().collect();
        limits::check("certificates-per-application-load-balancer", tls.certificates.len() + new.len())?;
        tls.certificates.extend(new);
        let shown: Vec<Value> =
            named.iter().map(|arn| json!({"CertificateArn": arn, "IsDefault": false})).collect();
        drop(state);
        self.changed.notify_one();
        Ok(json!({"Certificates": shown}))
    }

    pub(super) fn remove_listener_certificates(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let tls = state.tls_mut(request)?;
        if let Some(default) =
            certificate_arns(request).find(|arn| tls.certificates.first().is_some_and(|it| it == arn))
        {
            let text = format!("Default certificate '{default}' cannot be removed");
            return Err(ApiError::new("OperationNotPermitted", text));
        }
        tls.certificates.retain(|known| !certificate_arns(request).any(|gone| gone == known));
        drop(state);
        self.changed.notify_one();
        Ok(json!({}))
    }

    pub(super) fn describe_listener_certificates(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let certificates = state.tls_mut(request)?.certificates.clone();
        let default = certificates.first().cloned();
        let mut sorted = certificates;
        sorted.sort_unstable();
        page::answer(
            request,
            "Certificates",
            sorted.into_iter(),
            Clone::clone,
            |arn| json!({"CertificateArn": arn, "IsDefault": Some(arn) == default.as_ref()}),
        )
    }
}

fn certificate_arns(request: &Value) -> impl Iterator<Item = &str> {
    request.items("Certificates").iter().filter_map(|certificate| certificate.text("CertificateArn"))
}

/// What belongs to TLS is refused without it.
fn plain_has_no_tls(request: &Value, has_tls: bool) -> Result<(), ApiError> {
    if !request.items("AlpnPolicy").is_empty() {
        return Err(not_done("ALPN policies, which network load balancers have"));
    }
    for member in ["Certificates", "SslPolicy", "MutualAuthentication"] {
        let is_there =
            request.member(member).is_some_and(|value| value.as_array().is_none_or(|it| !it.is_empty()));
        if !has_tls && is_there {
            return Err(invalid(format!("{member} cannot be specified for HTTP listeners")));
        }
    }
    Ok(())
}

impl State {
    fn tls_mut(&mut self, request: &Value) -> Result<&mut Tls, ApiError> {
        let arn = request.text("ListenerArn").unwrap_or_default();
        let listener = self.listeners.get_mut(arn).ok_or_else(|| error::no_listener(arn))?;
        listener.tls.as_mut().ok_or_else(|| {
            ApiError::new("UnsupportedProtocol", "Certificates are for HTTPS and TLS listeners only")
        })
    }

    /// Takes a listener away with its rules.
    pub(super) fn remove_listener(&mut self, arn: &str) {
        self.listeners.remove(arn);
        self.rules.retain(|_, rule| rule.listener != arn);
    }
}
