//! Service Connect, as far as it goes without a proxy: its namespace, its services there, and the tasks
//! registered in them.
//!
//! Source: *dev guide* service-connect-concepts-deploy.html, and
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectService.html>

use serde_json::{Map, Value, json};

use super::{
    Members, Service, State, discovery::Endpoint, operation::paged, page, task_definition::TaskDefinition,
};
use crate::{clock::Time, error::ApiError};

/// The configuration, where Service Connect is on.
fn enabled(spec: &Map<String, Value>) -> Option<&Value> {
    spec.member("serviceConnectConfiguration").filter(|connect| connect.flag("enabled") == Some(true))
}

/// The namespace that a service names, or its cluster's.
fn namespace<'a>(state: &'a State, connect: &'a Value, cluster: &str) -> Option<&'a str> {
    let defaults = || state.clusters.get(cluster)?.body.get("serviceConnectDefaults")?.text("namespace");
    connect.text("namespace").or_else(defaults).filter(|name| !name.is_empty())
}

/// A service's name in Cloud Map: that of its port, where it has none of its own.
fn discovery_name(service: &Value) -> &str {
    service.text("discoveryName").or(service.text("portName")).unwrap_or_default()
}

/// The mapping of a task definition that has that name.
fn named_port<'a>(definition: &'a TaskDefinition, name: &str) -> Option<&'a Value> {
    let mut mappings = definition.containers().iter().flat_map(|container| container.items("portMappings"));
    mappings.find(|mapping| mapping.text("name") == Some(name))
}

/// Where a task of what is in `spec` is to be registered.
pub(super) fn endpoints(
    state: &State,
    spec: &Map<String, Value>,
    cluster: &str,
    definition: &TaskDefinition,
    now: Time,
) -> Vec<Endpoint> {
    let Some(connect) = enabled(spec) else { return Vec::new() };
    let Some(namespace) = namespace(state, connect, cluster) else { return Vec::new() };
    let Some(namespace) = state.cloud_map.namespace(namespace, now) else { return Vec::new() };
    let endpoint = |service: &Value| {
        let (id, _) = state.cloud_map.connect_service(&namespace, discovery_name(service), now)?;
        let mapped = named_port(definition, service.text("portName")?)?.whole("containerPort");
        let port = service.whole("ingressPortOverride").or(mapped);
        Some(Endpoint { service: id, port, reports_health: false })
    };
    connect.items("services").iter().filter_map(endpoint).collect()
}

/// Makes the namespace that a cluster's services take by default, and keeps it as its ARN.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ClusterServiceConnectDefaultsRequest.html>
pub(super) fn set_default(
    state: &State,
    cluster: &mut Map<String, Value>,
    now: Time,
) -> Result<(), ApiError> {
    let Some(defaults) = cluster.remove("serviceConnectDefaults") else { return Ok(()) };
    let Some(named) = defaults.text("namespace").filter(|named| !named.is_empty()) else { return Ok(()) };
    let namespace = state.cloud_map.namespace_or_new(named, now).ok_or_else(|| not_found(named))?;
    cluster.insert("serviceConnectDefaults".into(), json!({"namespace": namespace}));
    Ok(())
}

fn not_found(namespace: &str) -> ApiError {
    let text = format!("The specified namespace wasn't found: {namespace}");
    ApiError::new("NamespaceNotFoundException", text)
}

/// ListServicesByNamespace: the services of every cluster that are in the namespace.
pub(super) fn list(state: &State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let named = request.text("namespace").unwrap_or_default();
    let asked = state.cloud_map.namespace(named, now).ok_or_else(|| not_found(named))?;
    let size = page::size(request.whole("maxResults"), 10, 100)?;
    let after = page::key(request.text("nextToken"))?.unwrap_or_default();
    let is_in = |service: &&Service| {
        let connect = enabled(&service.spec).filter(|_| service.is_active());
        let named = connect.and_then(|connect| namespace(state, connect, &service.key.cluster));
        named.and_then(|named| state.cloud_map.namespace(named, now)).is_some_and(|found| found == asked)
    };
    let arn = |service: &Service| state.names.service(&service.key.cluster, &service.key.name);
    let mut arns: Vec<String> = state.services.values().filter(is_in).map(arn).collect();
    arns.sort();
    let page = page::cut(arns.into_iter().filter(|arn| *arn > after), size, Clone::clone);
    Ok(paged(json!({"serviceArns": page.items}), page.next_token))
}

impl State {
    /// Makes the namespace and the services of a deployment; says its `serviceConnectResources`.
    ///
    /// A name that is none of a namespace becomes an HTTP namespace. Source:
    /// <https://github.com/aws/aws-cdk/issues/25616>
    pub(super) fn connect(&self, spec: &Map<String, Value>, cluster: &str, now: Time) -> Vec<Value> {
        let Some(connect) = enabled(spec) else { return Vec::new() };
        let named = namespace(self, connect, cluster);
        let Some(namespace) = named.and_then(|named| self.cloud_map.namespace_or_new(named, now)) else {
            return Vec::new();
        };
        let resource = |service: &Value| {
            let name = discovery_name(service);
            let (_, arn) = self.cloud_map.connect_service(&namespace, name, now)?;
            Some(json!({"discoveryName": name, "discoveryArn": arn}))
        };
        connect.items("services").iter().filter_map(resource).collect()
    }

    /// Has the services of Service Connect deleted that a service leaves behind.
    pub(crate) fn disconnect(&self, resources: &[Value], now: Time) {
        for resource in resources {
            if let Some(arn) = resource.text("discoveryArn") {
                self.cloud_map.delete_when_empty(arn, now);
            }
        }
    }
}

/// Refuses a configuration that does not fit the task definition, or names a namespace that is not there.
pub(super) fn check(
    state: &State,
    spec: &Map<String, Value>,
    cluster: &str,
    definition: &TaskDefinition,
    now: Time,
) -> Result<(), ApiError> {
    let Some(connect) = enabled(spec) else { return Ok(()) };
    let Some(namespace) = namespace(state, connect, cluster) else {
        return Err(ApiError::invalid(
            "Service Connect needs a namespace: in serviceConnectConfiguration, or as the cluster's default.",
        ));
    };
    if namespace.starts_with("arn:") && state.cloud_map.namespace(namespace, now).is_none() {
        return Err(not_found(namespace));
    }
    if !matches!(definition.body.text("networkMode"), Some("awsvpc" | "bridge") | None) {
        return Err(ApiError::invalid("Service Connect supports the network modes awsvpc and bridge."));
    }
    let mut names = Vec::new();
    for service in connect.items("services") {
        let port = service.text("portName").unwrap_or_default();
        if named_port(definition, port).is_none() {
            return Err(ApiError::invalid(format!(
                "The portName {port} is the name of no port mapping of the task definition."
            )));
        }
        if service.items("clientAliases").len() > 1 {
            return Err(ApiError::invalid("clientAliases can have at most 1 items."));
        }
        let name = discovery_name(service);
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if name.len() > 64 || name.starts_with('-') || !name.bytes().all(allowed) {
            return Err(ApiError::invalid(format!(
                "The discoveryName {name} has to be up to 64 lowercase letters, numbers, underscores and \
                 hyphens, and cannot start with a hyphen."
            )));
        }
        if names.contains(&name) {
            return Err(ApiError::invalid(format!("The discoveryName {name} is used twice.")));
        }
        names.push(name);
    }
    Ok(())
}
