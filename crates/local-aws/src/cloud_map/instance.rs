//! Instances: what a service consists of, and whether it works.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use serde_json::{Map, Value, json};

use super::{
    catalog::Catalog,
    change::Change,
    filter, refusal,
    service::{RecordType, Service},
};
use crate::{
    clock::Time,
    ecs::{Members, set},
    error::ApiError,
};

/// Quotas. Source: <https://docs.aws.amazon.com/cloud-map/latest/dg/cloud-map-limits.html>
const MOST_OF_A_SERVICE: usize = 1_000;
const MOST_OF_A_NAMESPACE: usize = 2_000;

/// Limits of attributes. Source:
/// <https://docs.aws.amazon.com/cloud-map/latest/api/API_RegisterInstance.html>
const MOST_CUSTOM_ATTRIBUTES: usize = 30;
const MOST_CHARACTERS: usize = 5_000;

/// An instance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instance {
    pub(super) attributes: BTreeMap<String, String>,
    creator_request: Option<String>,
    /// As somebody reported last; without a custom health check nobody does.
    pub(super) healthy: bool,
}

impl Instance {
    /// An instance whose first health is the one that it is registered with.
    pub(super) fn new(attributes: BTreeMap<String, String>, creator_request: Option<String>) -> Self {
        let healthy = attributes.get("AWS_INIT_HEALTH_STATUS").is_none_or(|status| status != "UNHEALTHY");
        Self { attributes, creator_request, healthy }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// `HEALTHY`, `UNHEALTHY`, or `UNKNOWN` where nobody looks.
    pub(super) fn health(&self, service: &Service) -> &'static str {
        match (service.has_health_check(), self.healthy) {
            (false, _) => "UNKNOWN",
            (true, true) => "HEALTHY",
            (true, false) => "UNHEALTHY",
        }
    }
}

/// Refuses attributes that the service's records could not be made of.
fn check_attributes(service: &Service, attributes: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let custom = attributes.keys().filter(|name| !name.starts_with("AWS_")).count();
    if custom > MOST_CUSTOM_ATTRIBUTES {
        return Err(refusal::invalid(format!("An instance has at most {MOST_CUSTOM_ATTRIBUTES} attributes")));
    }
    let characters: usize =
        attributes.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if characters > MOST_CHARACTERS {
        return Err(refusal::invalid(format!("The attributes are longer than {MOST_CHARACTERS} characters")));
    }
    let is_plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    if let Some(name) = attributes.keys().find(|name| !is_plain(name)) {
        return Err(refusal::invalid(format!("'{name}' is no name of an attribute")));
    }
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    if let Some(id) = attribute("AWS_EC2_INSTANCE_ID") {
        return Err(refusal::invalid(format!("This local AWS has no EC2 instance {id}")));
    }
    if attribute("AWS_INIT_HEALTH_STATUS").is_some_and(|status| !matches!(status, "HEALTHY" | "UNHEALTHY")) {
        return Err(refusal::invalid("AWS_INIT_HEALTH_STATUS is HEALTHY or UNHEALTHY"));
    }
    check_addresses(&attribute)?;
    if attribute("AWS_ALIAS_DNS_NAME").is_some() {
        return check_alias(service, attributes);
    }
    let Some(dns) = &service.dns else { return Ok(()) };
    let has = |kind: RecordType| dns.ttl(kind).is_some();
    let missing = |name: &str| {
        Err(refusal::invalid(format!("The service's records need the attribute {name} of an instance")))
    };
    let (v4, v6) = (attribute("AWS_INSTANCE_IPV4").is_some(), attribute("AWS_INSTANCE_IPV6").is_some());
    if has(RecordType::A) && !v4 {
        return missing("AWS_INSTANCE_IPV4");
    }
    if has(RecordType::Aaaa) && !v6 {
        return missing("AWS_INSTANCE_IPV6");
    }
    if has(RecordType::Cname) && attribute("AWS_INSTANCE_CNAME").is_none() {
        return missing("AWS_INSTANCE_CNAME");
    }
    if has(RecordType::Srv) {
        if attribute("AWS_INSTANCE_PORT").is_none() {
            return missing("AWS_INSTANCE_PORT");
        }
        if !v4 && !v6 {
            return missing("AWS_INSTANCE_IPV4");
        }
    }
    Ok(())
}

fn check_addresses<'a>(attribute: &impl Fn(&str) -> Option<&'a str>) -> Result<(), ApiError> {
    let bad = |name: &str, value: &str| Err(refusal::invalid(format!("'{value}' is no {name}")));
    match attribute("AWS_INSTANCE_IPV4") {
        Some(value) if value.parse::<Ipv4Addr>().is_err() => return bad("AWS_INSTANCE_IPV4", value),
        _ => {}
    }
    match attribute("AWS_INSTANCE_IPV6") {
        Some(value) if value.parse::<Ipv6Addr>().is_err() => return bad("AWS_INSTANCE_IPV6", value),
        _ => {}
    }
    match attribute("AWS_INSTANCE_PORT") {
        Some(value) if value.parse::<u16>().is_err() => bad("AWS_INSTANCE_PORT", value),
        _ => Ok(()),
    }
}

fn check_alias(service: &Service, attributes: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if attributes.keys().any(|name| name.starts_with("AWS_INSTANCE_")) {
        return Err(refusal::invalid("AWS_ALIAS_DNS_NAME and AWS_INSTANCE attributes exclude each other"));
    }
    let can = service.dns.as_ref().is_some_and(|dns| {
        dns.is_weighted && (dns.ttl(RecordType::A).is_some() || dns.ttl(RecordType::Aaaa).is_some())
    });
    if can {
        Ok(())
    } else {
        Err(refusal::invalid("AWS_ALIAS_DNS_NAME needs an A or AAAA record and the policy WEIGHTED"))
    }
}

pub(super) fn register(catalog: &mut Catalog, request: &Value, now: Time) -> Result<Value, ApiError> {
    let service = catalog.service(request.text("ServiceId").unwrap_or_default())?;
    let id = request.text("InstanceId").unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_/:.@-".contains(&byte);
    if id.is_empty() || !id.bytes().all(allowed) {
        return Err(refusal::invalid(format!("'{id}' is no id of an instance")));
    }
    let members = request.member("Attributes").and_then(Value::as_object);
    let attributes: BTreeMap<String, String> = members
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    check_attributes(service, &attributes)?;
    if !service.instances.contains_key(id) {
        if service.instances.len() >= MOST_OF_A_SERVICE {
            return Err(refusal::limit("Instances of the service", MOST_OF_A_SERVICE));
        }
        let siblings = catalog.services_in(&service.namespace_id);
        if siblings.map(|service| service.instances.len()).sum::<usize>() >= MOST_OF_A_NAMESPACE {
            return Err(refusal::limit("Instances of the namespace", MOST_OF_A_NAMESPACE));
        }
    }
    let instance = Instance::new(attributes, request.text("CreatorRequestId").map(str::to_owned));
    let change = Change::PutInstance { service: service.id.clone(), id: id.to_owned(), instance };
    Ok(json!({"OperationId": catalog.submit(change, now)?}))
}

pub(super) fn deregister(catalog: &mut Catalog, request: &Value, now: Time) -> Result<Value, ApiError> {
    let (service, id, _) = find(catalog, request)?;
    let change = Change::RemoveInstance { service: service.id.clone(), id: id.to_owned() };
    Ok(json!({"OperationId": catalog.submit(change, now)?}))
}

fn find<'a>(
    catalog: &'a Catalog,
    request: &'a Value,
) -> Result<(&'a Service, &'a str, &'a Instance), ApiError> {
    let service = catalog.service(request.text("ServiceId").unwrap_or_default())?;
    let id = request.text("InstanceId").unwrap_or_default();
    let instance = service.instances.get(id).ok_or_else(|| refusal::no_instance(id))?;
    Ok((service, id, instance))
}

fn show(catalog: &Catalog, id: &str, instance: &Instance) -> Value {
    json!({"Id": id, "Attributes": instance.attributes, "CreatedByAccount": catalog.account})
}

pub(super) fn get(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let (_, id, instance) = find(catalog, request)?;
    let mut shown = show(catalog, id, instance);
    if let Some(creator_request) = &instance.creator_request {
        set(&mut shown, "CreatorRequestId", creator_request.as_str());
    }
    Ok(json!({"Instance": shown, "ResourceOwner": catalog.account}))
}

pub(super) fn list(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let service = catalog.service(request.text("ServiceId").unwrap_or_default())?;
    let after = filter::after(request)?.unwrap_or_default();
    let rest = service.instances.iter().filter(|(id, _)| **id > after);
    let mut page = filter::page(
        request,
        "Instances",
        rest,
        |(id, _)| (*id).clone(),
        |(id, instance)| show(catalog, id, instance),
    );
    set(&mut page, "ResourceOwner", catalog.account.as_str());
    Ok(page)
}

pub(super) fn health(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let service = catalog.service(request.text("ServiceId").unwrap_or_default())?;
    let asked: Vec<&str> = request.texts("Instances").collect();
    if let Some(missing) = asked.iter().find(|id| !service.instances.contains_key(**id)) {
        return Err(refusal::no_instance(missing));
    }
    let after = filter::after(request)?.unwrap_or_default();
    let is_asked = |id: &str| asked.is_empty() || asked.contains(&id);
    let rest = service.instances.iter().filter(|(id, _)| **id > after && is_asked(id));
    let mut page = filter::page(
        request,
        "Status",
        rest,
        |(id, _)| (*id).clone(),
        |(id, instance)| json!([id, instance.health(service)]),
    );
    let statuses: Map<String, Value> = page
        .items("Status")
        .iter()
        .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.clone())))
        .collect();
    set(&mut page, "Status", statuses);
    Ok(page)
}

pub(super) fn update_health(catalog: &mut Catalog, request: &Value, now: Time) -> Result<Value, ApiError> {
    let (service, id, _) = find(catalog, request)?;
    if !service.has_custom_health() {
        return Err(refusal::no_custom_health());
    }
    let (service, id) = (service.id.clone(), id.to_owned());
    catalog.report_health(&service, &id, request.text("Status") == Some("HEALTHY"), now);
    Ok(json!({}))
}
