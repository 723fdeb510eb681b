//! Service discovery: which service of Cloud Map a task is registered in, and when.
//!
//! A task is registered when it is RUNNING. It is deregistered in the moment in which it is stopped, and
//! since that takes Cloud Map its time, it can be found for a while after its SIGTERM: ECS does not wait.
//! Source: *dev guide* service-discovery.html, and what others measured:
//! <https://github.com/aws/containers-roadmap/issues/343>

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Health, Members, State, connect, task_definition::TaskDefinition};
use crate::{clock::Time, cloud_map::Registry, error::ApiError};

/// A service of Cloud Map in which a task is to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The service's id.
    pub(super) service: String,
    pub(super) port: Option<u64>,
    /// Whether Cloud Map is told of the task's health.
    pub(super) reports_health: bool,
}

impl State {
    /// Where a task of what is in `spec` is to be registered.
    pub(super) fn endpoints(
        &self,
        spec: &Map<String, Value>,
        cluster: &str,
        definition: &TaskDefinition,
        now: Time,
    ) -> Vec<Endpoint> {
        let registries = spec.items("serviceRegistries").iter().filter_map(|registry| {
            let known = self.cloud_map.registry(registry.text("registryArn")?, now)?;
            Some(Endpoint {
                service: known.id,
                port: port_of(registry, definition),
                reports_health: known.has_custom_health,
            })
        });
        let mut endpoints: Vec<Endpoint> = registries.collect();
        endpoints.extend(connect::endpoints(self, spec, cluster, definition, now));
        endpoints
    }

    /// Registers a task that is RUNNING.
    pub(crate) fn register_task(&mut self, id: &str, now: Time) {
        let Some(task) = self.tasks.get_mut(id).filter(|task| !task.endpoints.is_empty()) else { return };
        task.is_registered = true;
        for endpoint in &task.endpoints {
            let mut attributes = BTreeMap::from([
                ("AWS_INSTANCE_IPV4", task.address.to_string()),
                ("AVAILABILITY_ZONE", task.zone.clone()),
                ("REGION", self.names.region().to_owned()),
                ("ECS_CLUSTER_NAME", task.cluster.clone()),
                ("ECS_TASK_DEFINITION_FAMILY", task.definition.family.clone()),
            ]);
            if let Some((key, _)) = &task.owner {
                attributes.insert("ECS_SERVICE_NAME", key.name.clone());
            }
            if let Some(port) = endpoint.port {
                attributes.insert("AWS_INSTANCE_PORT", port.to_string());
            }
            if endpoint.reports_health {
                // A task with a health check has to pass it first. Source:
                // https://github.com/aws/containers-roadmap/issues/830
                let healthy = !task.has_health_check() || task.health() == Health::Healthy;
                let status = if healthy { "HEALTHY" } else { "UNHEALTHY" };
                attributes.insert("AWS_INIT_HEALTH_STATUS", status.into());
            }
            let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            self.cloud_map.register(&endpoint.service, id, attributes, now);
        }
    }

    /// Tells Cloud Map of a registered task's health, as far as its health checks say anything.
    pub(crate) fn report_task_health(&self, id: &str, now: Time) {
        let Some(task) = self.tasks.get(id).filter(|task| task.is_registered) else { return };
        let healthy = match task.health() {
            Health::Unknown => return,
            health => health == Health::Healthy,
        };
        for endpoint in task.endpoints.iter().filter(|endpoint| endpoint.reports_health) {
            self.cloud_map.report_health(&endpoint.service, id, healthy, now);
        }
    }

    /// Deregisters a task that is stopped; the first stop does it.
    pub(crate) fn deregister_task(&mut self, id: &str, now: Time) {
        let Some(task) = self.tasks.get_mut(id).filter(|task| task.is_registered) else { return };
        task.is_registered = false;
        for endpoint in &task.endpoints {
            self.cloud_map.deregister(&endpoint.service, id, now);
        }
    }
}

/// The port that a registry's records say.
fn port_of(registry: &Value, definition: &TaskDefinition) -> Option<u64> {
    if let Some(port) = registry.whole("port") {
        return Some(port);
    }
    let container = container(definition, registry.text("containerName")?)?;
    let port = registry.whole("containerPort")?;
    let mappings = container.items("portMappings").iter();
    let mapping = mappings.into_iter().find(|mapping| mapping.whole("containerPort") == Some(port));
    // On a bridge it is the host's port that others reach.
    mapping.and_then(|mapping| mapping.whole("hostPort")).filter(|port| *port > 0).or(Some(port))
}

fn container<'a>(definition: &'a TaskDefinition, name: &str) -> Option<&'a Value> {
    definition.containers().iter().find(|container| container.text("name") == Some(name))
}

/// Refuses service registries that do not fit the task definition or their service in Cloud Map.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRegistry.html>; the words
/// are those of answers that others published, where there is one.
pub(super) fn check(
    state: &State,
    spec: &Map<String, Value>,
    definition: &TaskDefinition,
    now: Time,
) -> Result<(), ApiError> {
    let registries = spec.items("serviceRegistries");
    if registries.len() > 1 {
        return Err(ApiError::invalid("serviceRegistries can have at most 1 items."));
    }
    for registry in registries {
        let arn = registry.text("registryArn").unwrap_or_default();
        // https://github.com/hashicorp/terraform-provider-aws/issues/4373
        if !arn.starts_with("arn:") || !arn.contains(":servicediscovery:") || !arn.contains(":service/") {
            return Err(ApiError::invalid(format!(
                "The format of the supplied service registry ARN is invalid: {arn}."
            )));
        }
        let known = state.cloud_map.registry(arn, now);
        let known = known.ok_or_else(|| {
            ApiError::invalid(format!("The specified service registry could not be found: {arn}"))
        })?;
        check_ports(registry, &known, definition, arn)?;
    }
    Ok(())
}

fn check_ports(
    registry: &Value,
    known: &Registry,
    definition: &TaskDefinition,
    arn: &str,
) -> Result<(), ApiError> {
    let port = registry.whole("port");
    let (name, container_port) = (registry.text("containerName"), registry.whole("containerPort"));
    let refused = |text: String| Err(ApiError::invalid(text));
    match definition.body.text("networkMode") {
        Some("awsvpc") => {}
        Some("none") => {
            return refused("The network mode 'none' does not support serviceRegistries.".into());
        }
        _ => {
            // https://github.com/techservicesillinois/terraform-aws-ecs-service/issues/16
            if name.is_none() || container_port.is_none() {
                return refused(format!(
                    "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and \
                     'containerPort' must be specified from the task definition. Registry: {arn}"
                ));
            }
            if known.has_address_record && !known.has_port_record {
                return refused(format!(
                    "When specifying 'host' or 'bridge' for networkMode, the service registry must have a DNS \
                     record of the type SRV. Registry: {arn}"
                ));
            }
        }
    }
    // https://github.com/cloudposse/terraform-aws-ecs-web-app/pull/208
    if port.is_some() && (name.is_some() || container_port.is_some()) {
        return refused(
            "Specify a value for either 'port' or the 'containerName' and 'containerPort' combination, but not \
             both. Remove one and retry."
                .into(),
        );
    }
    if known.has_address_record && !known.has_port_record {
        // https://github.com/umotif-public/terraform-aws-ecs-fargate/issues/25
        let given = [
            ("port", port.is_some()),
            ("containerPort", container_port.is_some()),
            ("containerName", name.is_some()),
        ];
        if let Some((member, _)) = given.iter().find(|(_, is_given)| *is_given) {
            return refused(format!(
                "The values specified for serviceRegistries do not require a value for '{member}'. Remove the \
                 value and retry."
            ));
        }
    }
    if known.has_port_record && port.is_none() && (name.is_none() || container_port.is_none()) {
        return refused(format!(
            "The service registry needs a value for either 'port' or the 'containerName' and 'containerPort' \
             combination. Registry: {arn}"
        ));
    }
    let (Some(name), Some(port)) = (name, container_port) else { return Ok(()) };
    let Some(container) = container(definition, name) else {
        return refused(format!("The container {name} does not exist in the task definition."));
    };
    let mut mappings = container.items("portMappings").iter();
    if mappings.any(|mapping| mapping.whole("containerPort") == Some(port)) {
        Ok(())
    } else {
        refused(format!("The container {name} did not have a container port {port} defined."))
    }
}
