//! Clusters.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    Members, ServiceKey, ServiceStatus, State, TaskStatus, arn::cluster_name,
    capacity_provider::check_strategy, connect, member::fill, page, tag::Tags,
};
use crate::{clock::Time, error::ApiError};

/// A cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) tags: Tags,
    pub(super) tasks: BTreeSet<String>,
    /// As sent, with defaults.
    pub(super) body: Map<String, Value>,
}

impl State {
    /// The ACTIVE cluster that a request names.
    pub(super) fn active_cluster(&self, reference: Option<&str>) -> Result<&Cluster, ApiError> {
        match self.clusters.get(cluster_name(reference)) {
            Some(cluster) if cluster.active => Ok(cluster),
            Some(_) => Err(ApiError::new("ClusterNotFoundException", "The referenced cluster was inactive.")),
            None => Err(not_found()),
        }
    }

    pub(super) fn active_cluster_mut(&mut self, reference: Option<&str>) -> Result<&mut Cluster, ApiError> {
        let cluster = self.clusters.get_mut(cluster_name(reference));
        cluster.filter(|cluster| cluster.active).ok_or_else(not_found)
    }
}

fn not_found() -> ApiError {
    ApiError::new("ClusterNotFoundException", "Cluster not found.")
}

/// An existing ACTIVE cluster of that name is answered as it is.
pub(super) fn create(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let name = request.text("clusterName").unwrap_or("default");
    super::service::check_name("Cluster name", name)?;
    let tags = Tags::read(request)?;
    if state.clusters.get(name).is_none_or(|cluster| !cluster.active) {
        let mut body = request.as_object().cloned().unwrap_or_default();
        body.remove("clusterName");
        body.remove("tags");
        let insights = state.account_setting("containerInsights").unwrap_or("disabled");
        fill(&mut body, "settings", json!([{"name": "containerInsights", "value": insights}]));
        fill(&mut body, "capacityProviders", json!([]));
        fill(&mut body, "defaultCapacityProviderStrategy", json!([]));
        normalize(&mut body);
        let providers: Vec<&str> = body.texts("capacityProviders").collect();
        check_strategy(state, &providers, body.items("defaultCapacityProviderStrategy"))?;
        connect::set_default(state, &mut body, now)?;
        let cluster = Cluster { name: name.to_owned(), active: true, tags, tasks: BTreeSet::new(), body };
        state.clusters.insert(name.to_owned(), cluster);
    }
    let cluster = state.active_cluster(Some(name))?;
    Ok(json!({"cluster": show(state, cluster, &["TAGS", "SETTINGS", "CONFIGURATIONS"])}))
}

/// Brings the members that ECS completes into their read-back form.
pub(super) fn normalize(body: &mut Map<String, Value>) {
    let strategy = body.get_mut("defaultCapacityProviderStrategy").and_then(Value::as_array_mut);
    for item in strategy.into_iter().flatten().filter_map(Value::as_object_mut) {
        fill(item, "base", 0);
        fill(item, "weight", 0);
    }
}

/// UpdateCluster and UpdateClusterSettings: what is named is replaced, and the rest stays.
pub(super) fn update(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    state.active_cluster(request.text("cluster"))?;
    let mut given = Map::new();
    for member in ["settings", "configuration", "serviceConnectDefaults"] {
        given.extend(request.member(member).map(|value| (member.to_owned(), value.clone())));
    }
    let names_default = given.contains_key("serviceConnectDefaults");
    connect::set_default(state, &mut given, now)?;
    let cluster = state.active_cluster_mut(request.text("cluster"))?;
    if names_default {
        // An empty name takes the default away.
        cluster.body.remove("serviceConnectDefaults");
    }
    cluster.body.extend(given);
    let cluster = state.active_cluster(request.text("cluster"))?;
    Ok(json!({"cluster": show(state, cluster, &["TAGS", "SETTINGS", "CONFIGURATIONS"])}))
}

pub(super) fn describe(state: &State, request: &Value) -> Value {
    let asked: Vec<&str> = request.texts("clusters").collect();
    let include: Vec<&str> = request.texts("include").collect();
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for reference in if asked.is_empty() { vec!["default"] } else { asked } {
        let name = cluster_name(Some(reference));
        match state.clusters.get(name) {
            Some(cluster) => clusters.push(show(state, cluster, &include)),
            None => failures.push(json!({"arn": state.names.cluster(name), "reason": "MISSING"})),
        }
    }
    json!({"clusters": clusters, "failures": failures})
}

pub(super) fn list(state: &State, request: &Value) -> Result<Value, ApiError> {
    let size = page::size(request.whole("maxResults"), 100, 100)?;
    let after = page::key(request.text("nextToken"))?.unwrap_or_default();
    let active = state.clusters.values().filter(|cluster| cluster.active && cluster.name > after);
    let page = page::cut(active, size, |cluster| cluster.name.clone());
    let arns: Vec<String> = page.items.iter().map(|cluster| state.names.cluster(&cluster.name)).collect();
    Ok(super::operation::paged(json!({"clusterArns": arns}), page.next_token))
}

pub(super) fn delete(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?;
    let name = cluster.name.clone();
    if services(state, &name).any(|service| service.status != ServiceStatus::Inactive) {
        let text = "The Cluster cannot be deleted while Services are active.";
        return Err(ApiError::new("ClusterContainsServicesException", text));
    }
    let running = |id: &String| state.tasks.get(id).is_some_and(|task| task.status != TaskStatus::Stopped);
    if cluster.tasks.iter().any(running) {
        let text = "The Cluster cannot be deleted while Tasks are active.";
        return Err(ApiError::new("ClusterContainsTasksException", text));
    }
    state.active_cluster_mut(Some(&name))?.active = false;
    let cluster = state.clusters.get(&name).ok_or_else(not_found)?;
    Ok(json!({"cluster": show(state, cluster, &[])}))
}

fn services<'a>(state: &'a State, cluster: &str) -> impl Iterator<Item = &'a super::Service> {
    let cluster = cluster.to_owned();
    state
        .services
        .range(ServiceKey::new(&cluster, "")..)
        .take_while(move |(key, _)| key.cluster == cluster)
        .map(|(_, service)| service)
}

pub(super) fn show(state: &State, cluster: &Cluster, include: &[&str]) -> Value {
    let mut shown = cluster.body.clone();
    if !include.contains(&"SETTINGS") {
        shown.insert("settings".to_owned(), json!([]));
    }
    if !include.contains(&"CONFIGURATIONS") {
        shown.remove("configuration");
    }
    let tasks = cluster.tasks.iter().filter_map(|id| state.tasks.get(id));
    let (mut running, mut pending) = (0, 0);
    for task in tasks {
        running += usize::from(task.status == TaskStatus::Running);
        pending += usize::from(task.is_pending());
    }
    let active_services = services(state, &cluster.name).filter(|service| service.is_active()).count();
    let tags = if include.contains(&"TAGS") { cluster.tags.to_json() } else { json!([]) };
    let rest = json!({
        "clusterArn": state.names.cluster(&cluster.name),
        "clusterName": cluster.name,
        "status": if cluster.active { "ACTIVE" } else { "INACTIVE" },
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": active_services,
        "statistics": [],
        "tags": tags,
    });
    if let Value::Object(rest) = rest {
        shown.extend(rest);
    }
    Value::Object(shown)
}
