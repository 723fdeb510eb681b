//! Capacity providers: kept, read back, and named by clusters and strategies. No instance comes of one.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html>;
//! what is filled in, API_ManagedScaling.html there and a published read-back.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Members, State, arn, cluster,
    member::{fill, set},
    operation::paged,
    page,
    tag::{self, Tags},
};
use crate::error::ApiError;

/// Every account has these, and nobody makes or deletes them.
const RESERVED: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// Most that are described at once. Source: API_DescribeCapacityProviders.html
const MOST: usize = 100;

/// A capacity provider that somebody made.
#[derive(Debug)]
pub(super) struct CapacityProvider {
    /// Of managed instances: the one cluster in which it is.
    cluster: Option<String>,
    /// `autoScalingGroupProvider` or `managedInstancesProvider`, with ECS's defaults.
    body: Map<String, Value>,
    pub(super) tags: Tags,
    update_status: &'static str,
}

/// By name.
pub(super) type CapacityProviders = BTreeMap<String, CapacityProvider>;

pub(super) fn create(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let name = request.text("name").unwrap_or_default();
    super::service::check_name("Capacity provider name", name)?;
    let reserved = ["aws", "ecs", "fargate"];
    if reserved.iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix)) {
        let text =
            "The specified capacity provider name is invalid: it must not begin with aws, ecs or fargate.";
        return Err(ApiError::invalid(text));
    }
    if state.capacity_providers.contains_key(name) {
        return Err(ApiError::client("A capacity provider of that name exists already."));
    }
    let kinds = ["autoScalingGroupProvider", "managedInstancesProvider"];
    let mut body = Map::new();
    for kind in kinds {
        body.extend(request.member(kind).map(|given| (kind.to_owned(), given.clone())));
    }
    if body.len() != 1 {
        let text = "Exactly one of autoScalingGroupProvider and managedInstancesProvider must be specified.";
        return Err(ApiError::invalid(text));
    }
    let cluster = match (request.text("cluster"), body.contains_key("managedInstancesProvider")) {
        (Some(cluster), true) => Some(state.active_cluster(Some(cluster))?.name.clone()),
        (None, true) => return Err(ApiError::invalid("A cluster is required for managed instances.")),
        (_, false) => None,
    };
    normalize(&mut body);
    let provider =
        CapacityProvider { cluster, body, tags: Tags::read(request)?, update_status: "CREATE_COMPLETE" };
    let shown = show(state, name, &provider, true);
    state.capacity_providers.insert(name.to_owned(), provider);
    Ok(json!({"capacityProvider": shown}))
}

/// Fills in what ECS reads back of an Auto Scaling group where nothing was said of it.
fn normalize(body: &mut Map<String, Value>) {
    let group = body.get_mut("autoScalingGroupProvider").and_then(Value::as_object_mut);
    let Some(group) = group else { return };
    fill(group, "managedTerminationProtection", "DISABLED");
    fill(group, "managedDraining", "ENABLED");
    fill(group, "managedScaling", json!({"status": "DISABLED"}));
    if let Some(scaling) = group.get_mut("managedScaling").and_then(Value::as_object_mut) {
        fill(scaling, "targetCapacity", 100);
        fill(scaling, "minimumScalingStepSize", 1);
        fill(scaling, "maximumScalingStepSize", 10_000);
        fill(scaling, "instanceWarmupPeriod", 300);
    }
}

pub(super) fn describe(state: &State, request: &Value) -> Result<Value, ApiError> {
    let with_tags = tag::asked(request);
    let cluster = request.text("cluster").map(|name| state.active_cluster(Some(name))).transpose()?;
    let reserved = RESERVED.iter().map(|name| (*name, None));
    let own = state.capacity_providers.iter().map(|(name, provider)| (name.as_str(), Some(provider)));
    let known: BTreeMap<&str, Option<&CapacityProvider>> = reserved
        .chain(own)
        .filter(|(name, provider)| cluster.is_none_or(|cluster| is_of(cluster, name, *provider)))
        .collect();
    let shown = |name: &str, provider: Option<&CapacityProvider>| match provider {
        Some(provider) => show(state, name, provider, with_tags),
        None => show_reserved(state, name),
    };
    let asked: Vec<&str> =
        request.texts("capacityProviders").map(|name| arn::last_part(name, "capacity-provider")).collect();
    if asked.is_empty() {
        let size = page::size(request.whole("maxResults"), MOST, MOST)?;
        let after = page::key(request.text("nextToken"))?.unwrap_or_default();
        let rest = known.into_iter().filter(|(name, _)| *name > after.as_str());
        let page = page::cut(rest, size, |(name, _)| (*name).to_owned());
        let described: Vec<Value> =
            page.items.into_iter().map(|(name, provider)| shown(name, provider)).collect();
        return Ok(paged(json!({"capacityProviders": described, "failures": []}), page.next_token));
    }
    if asked.len() > MOST {
        return Err(ApiError::invalid("capacityProviders cannot have more than 100 elements."));
    }
    let (mut described, mut failures) = (Vec::new(), Vec::new());
    for name in asked {
        match known.get(name) {
            Some(provider) => described.push(shown(name, *provider)),
            None => {
                failures.push(json!({"arn": state.names.capacity_provider(name), "reason": "MISSING"}));
            }
        }
    }
    Ok(json!({"capacityProviders": described, "failures": failures}))
}

fn is_of(cluster: &cluster::Cluster, name: &str, provider: Option<&CapacityProvider>) -> bool {
    let own = provider.and_then(|provider| provider.cluster.as_ref());
    own == Some(&cluster.name) || cluster.body.texts("capacityProviders").any(|named| named == name)
}

pub(super) fn update(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let name = arn::last_part(request.text("name").unwrap_or_default(), "capacity-provider").to_owned();
    let provider = state.capacity_providers.get_mut(&name).ok_or_else(|| not_found(&name))?;
    for kind in ["autoScalingGroupProvider", "managedInstancesProvider"] {
        let Some(given) = request.member(kind) else { continue };
        let standing = provider.body.get_mut(kind);
        let standing = standing.ok_or_else(|| ApiError::invalid(format!("{name} has no {kind}.")))?;
        merge(standing, given);
    }
    provider.update_status = "UPDATE_COMPLETE";
    let provider = state.capacity_providers.get(&name).ok_or_else(|| not_found(&name))?;
    Ok(json!({"capacityProvider": show(state, &name, provider, true)}))
}

/// Puts what is given over what stands, member by member.
fn merge(standing: &mut Value, given: &Value) {
    match (standing, given) {
        (Value::Object(standing), Value::Object(given)) => {
            for (name, value) in given {
                merge(standing.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (standing, given) => *standing = given.clone(),
    }
}

pub(super) fn delete(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let reference = request.text("capacityProvider").unwrap_or_default();
    let name = arn::last_part(reference, "capacity-provider");
    if RESERVED.contains(&name) {
        return Err(ApiError::client(format!(
            "The capacity provider {name} is reserved and cannot be deleted."
        )));
    }
    let provider = state.capacity_providers.get(name).ok_or_else(|| not_found(name))?;
    let named = |cluster: &cluster::Cluster| {
        cluster.active && cluster.body.texts("capacityProviders").any(|known| known == name)
    };
    if state.clusters.values().any(named) {
        let text = "The capacity provider is associated with a cluster, and cannot be deleted until it is removed from it.";
        return Err(ApiError::client(text));
    }
    let mut shown = show(state, name, provider, true);
    set(&mut shown, "status", "INACTIVE");
    set(&mut shown, "updateStatus", "DELETE_COMPLETE");
    state.capacity_providers.remove(name);
    Ok(json!({"capacityProvider": shown}))
}

/// PutClusterCapacityProviders: the cluster has these from now on, and this strategy.
pub(super) fn put_cluster(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?.name.clone();
    let providers: Vec<&str> = request.texts("capacityProviders").collect();
    check_strategy(state, &providers, request.items("defaultCapacityProviderStrategy"))?;
    let in_use = |service: &super::Service| {
        let strategy = service.spec.items("capacityProviderStrategy");
        service.key.cluster == cluster
            && service.is_active()
            && strategy
                .iter()
                .any(|item| item.text("capacityProvider").is_some_and(|name| !providers.contains(&name)))
    };
    if state.services.values().any(in_use) {
        let text = "The specified capacity provider is in use and cannot be removed.";
        return Err(ApiError::new("ResourceInUseException", text));
    }
    let body = &mut state.active_cluster_mut(Some(&cluster))?.body;
    for member in ["capacityProviders", "defaultCapacityProviderStrategy"] {
        body.insert(member.to_owned(), request.member(member).cloned().unwrap_or_else(|| json!([])));
    }
    cluster::normalize(body);
    let cluster = state.active_cluster(Some(&cluster))?;
    Ok(json!({"cluster": cluster::show(state, cluster, &["SETTINGS", "TAGS"])}))
}

/// Refuses providers that do not exist, and a strategy that names others than these.
pub(super) fn check_strategy(state: &State, providers: &[&str], strategy: &[Value]) -> Result<(), ApiError> {
    for name in providers {
        if !RESERVED.contains(name) && !state.capacity_providers.contains_key(*name) {
            return Err(not_found(name));
        }
    }
    let foreign = strategy.iter().filter_map(|item| item.text("capacityProvider"));
    if let Some(name) = foreign.into_iter().find(|name| !providers.contains(name)) {
        let text = format!(
            "The capacity provider {name} of the default strategy is not one of the cluster's capacity providers."
        );
        return Err(ApiError::invalid(text));
    }
    Ok(())
}

fn not_found(name: &str) -> ApiError {
    ApiError::invalid(format!("The specified capacity provider '{name}' was not found."))
}

fn show(state: &State, name: &str, provider: &CapacityProvider, with_tags: bool) -> Value {
    let managed = provider.body.contains_key("managedInstancesProvider");
    let mut shown = json!({
        "capacityProviderArn": state.names.capacity_provider(name),
        "name": name,
        "status": "ACTIVE",
        "updateStatus": provider.update_status,
        "type": if managed { "MANAGED_INSTANCES" } else { "EC2_AUTOSCALING" },
        "tags": if with_tags { provider.tags.to_json() } else { json!([]) },
    });
    if let Some(cluster) = &provider.cluster {
        set(&mut shown, "cluster", state.names.cluster(cluster));
    }
    for (kind, body) in &provider.body {
        set(&mut shown, kind, body.clone());
    }
    shown
}

fn show_reserved(state: &State, name: &str) -> Value {
    json!({
        "capacityProviderArn": state.names.capacity_provider(name),
        "name": name,
        "status": "ACTIVE",
        "type": name,
        "tags": [],
    })
}
