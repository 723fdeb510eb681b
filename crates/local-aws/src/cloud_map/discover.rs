//! Discovery by the API.

use serde_json::{Value, json};

use super::{catalog::Catalog, instance::Instance, refusal, service::Service};
use crate::{ecs::Members, error::ApiError, id::Random};

/// Instances of an answer where nobody says how many. Source:
/// <https://docs.aws.amazon.com/cloud-map/latest/api/API_DiscoverInstances.html>
const USUAL: usize = 100;

fn find<'a>(catalog: &'a Catalog, request: &Value) -> Result<(&'a str, &'a Service), ApiError> {
    let asked = request.text("NamespaceName").unwrap_or_default();
    if request.text("OwnerAccount").is_some_and(|owner| owner != catalog.account) {
        return Err(refusal::no_namespace());
    }
    let namespace = catalog.namespaces.values().find(|namespace| namespace.http_name == asked);
    let namespace = namespace.ok_or_else(refusal::no_namespace)?;
    let name = request.text("ServiceName").unwrap_or_default();
    let service = catalog.services_in(&namespace.id).find(|service| service.name == name);
    Ok((&namespace.http_name, service.ok_or_else(refusal::no_service)?))
}

pub(super) fn instances(catalog: &mut Catalog, request: &Value) -> Result<Value, ApiError> {
    let mut random = catalog.random.clone();
    let (namespace, service) = find(catalog, request)?;
    let mut required: Vec<(&String, &Instance)> = service.instances.iter().collect();
    required.retain(|(_, instance)| matches(request, "QueryParameters", instance));
    let mut optional = required.clone();
    optional.retain(|(_, instance)| matches(request, "OptionalParameters", instance));
    let found = if optional.is_empty() { required } else { optional };
    let mut found = by_health(service, found, request.text("HealthStatus"));
    shuffle(&mut found, &mut random);
    let most = request.whole("MaxResults").and_then(|most| usize::try_from(most).ok()).unwrap_or(USUAL);
    found.truncate(most);
    let show = |(id, instance): &(&String, &Instance)| {
        json!({
            "InstanceId": id,
            "NamespaceName": namespace,
            "ServiceName": service.name,
            "HealthStatus": instance.health(service),
            "Attributes": instance.attributes,
        })
    };
    let answer = json!({
        "Instances": found.iter().map(show).collect::<Vec<_>>(),
        "InstancesRevision": service.revision,
    });
    catalog.random = random;
    Ok(answer)
}

/// Whether an instance has every attribute that a member of the request names.
fn matches(request: &Value, member: &str, instance: &Instance) -> bool {
    let wanted = request.member(member).and_then(Value::as_object).into_iter().flatten();
    wanted.into_iter().all(|(name, value)| instance.attribute(name) == value.as_str())
}

/// Where the service has no health check, everything is found.
fn by_health<'a>(
    service: &Service,
    found: Vec<(&'a String, &'a Instance)>,
    asked: Option<&str>,
) -> Vec<(&'a String, &'a Instance)> {
    if !service.has_health_check() {
        return found;
    }
    let with = |healthy: bool| -> Vec<_> {
        found.iter().copied().filter(|(_, instance)| instance.healthy == healthy).collect()
    };
    match asked {
        Some("HEALTHY") => with(true),
        Some("UNHEALTHY") => with(false),
        Some("ALL") => found,
        // What is meant where nobody says, too: it is what DNS does.
        _ => {
            let healthy = with(true);
            if healthy.is_empty() { found } else { healthy }
        }
    }
}

/// Puts items into a random order.
pub(super) fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for last in (1..items.len()).rev() {
        let other = usize::try_from(random.below(last as u64 + 1)).unwrap_or(0);
        items.swap(last, other);
    }
}

pub(super) fn revision(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    Ok(json!({"InstancesRevision": find(catalog, request)?.1.revision}))
}
