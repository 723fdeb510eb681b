//! What CreateService and UpdateService refuse beyond the shape.

use serde_json::{Map, Value};

use super::super::{Members, task_definition::TaskDefinition};
use crate::error::ApiError;

/// Names of families, containers, services and clusters: up to 255 of `[A-Za-z0-9_-]`.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>
pub(in crate::ecs) fn check_name(what: &str, name: &str) -> Result<(), ApiError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if (1..=255).contains(&name.chars().count()) && name.chars().all(plain) {
        Ok(())
    } else {
        Err(ApiError::invalid(format!(
            "{what} must be between 1 and 255 letters, numbers, underscores and hyphens: '{name}'"
        )))
    }
}

/// Most tasks of a service. Source: Amazon ECS service quotas, tasks per service.
const MOST_TASKS: u64 = 5_000;

/// Refuses a desired count below 0 or over the quota.
pub(super) fn check_count(request: &Value) -> Result<(), ApiError> {
    let Some(count) = request.member("desiredCount") else { return Ok(()) };
    match count.as_u64() {
        None => Err(ApiError::invalid("desiredCount cannot be negative.")),
        Some(count) if count > MOST_TASKS => {
            Err(ApiError::invalid(format!("desiredCount cannot exceed {MOST_TASKS} tasks per service.")))
        }
        Some(_) => Ok(()),
    }
}

/// Refuses a service, as it would stand, that could not run.
///
/// `spec` holds the members before defaults are filled in, or after an update was merged.
pub(in crate::ecs) fn check_spec(
    spec: &Map<String, Value>,
    definition: &TaskDefinition,
) -> Result<(), ApiError> {
    let strategy = spec.items("capacityProviderStrategy");
    if spec.text("launchType").is_some() && !strategy.is_empty() {
        return Err(ApiError::invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try \
             again.",
        ));
    }
    let network =
        spec.member("networkConfiguration").and_then(|network| network.member("awsvpcConfiguration"));
    match (definition.is_awsvpc(), network) {
        (true, None) => {
            return Err(ApiError::invalid(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ));
        }
        (false, Some(_)) => {
            return Err(ApiError::invalid(
                "Network Configuration is not valid for the given networkMode of this task definition.",
            ));
        }
        _ => {}
    }
    if let Some(network) = network {
        if network.items("subnets").is_empty() {
            return Err(ApiError::invalid("subnets can not be empty."));
        }
        if network.items("subnets").len() > 16 {
            return Err(ApiError::invalid("subnets can have at most 16 items."));
        }
        if network.items("securityGroups").len() > 5 {
            return Err(ApiError::invalid("securityGroups can have at most 5 items."));
        }
    }
    let fargate = spec.text("launchType") == Some("FARGATE")
        || strategy.iter().any(|item| item.text("capacityProvider").is_some_and(is_fargate_provider));
    let compatible = definition.body.texts("compatibilities").any(|name| name == "FARGATE")
        && definition.body.text("cpu").is_some();
    if fargate && !compatible {
        return Err(ApiError::invalid("Task definition does not support launch_type FARGATE."));
    }
    containers(spec, definition)
}

/// Refuses load balancers with which traffic could not be shifted, in the words of AWS's page.
///
/// `spec` holds a `deploymentConfiguration` with its defaults. Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html>
pub(super) fn check_strategy(spec: &Map<String, Value>) -> Result<(), ApiError> {
    let strategy = spec.member("deploymentConfiguration").and_then(|configured| configured.text("strategy"));
    let strategy = strategy.unwrap_or("ROLLING");
    let balancers = spec.items("loadBalancers");
    let advanced = |balancer: &&Value| balancer.member("advancedConfiguration").is_some();
    let count = balancers.iter().filter(advanced).count();
    if count > 0 && balancers.iter().any(|balancer| balancer.text("loadBalancerName").is_some()) {
        return Err(ApiError::invalid("advancedConfiguration field is not allowed with ELBv1 loadBalancers"));
    }
    if count > 0 && count < balancers.len() {
        return Err(ApiError::invalid(
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined",
        ));
    }
    if strategy != "ROLLING" && count < balancers.len() {
        return Err(ApiError::invalid(
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment \
             strategy",
        ));
    }
    for balancer in balancers.iter().filter(advanced) {
        let Some(advanced) = balancer.member("advancedConfiguration") else { continue };
        let production = advanced.text("productionListenerRule");
        if production.is_some() && production == advanced.text("testListenerRule") {
            return Err(ApiError::invalid(format!(
                "The following rules cannot be used as both production and test listener rules: {}",
                production.unwrap_or_default()
            )));
        }
    }
    if strategy == "ROLLING" {
        return Ok(());
    }
    let mut groups: Vec<&str> =
        balancers.iter().filter_map(|balancer| balancer.text("targetGroupArn")).collect();
    groups.sort_unstable();
    if let Some([twice, _]) = groups.array_windows().find(|[one, other]| one == other) {
        return Err(ApiError::invalid(format!("Duplicate targetGroupArn found: {twice}")));
    }
    Ok(())
}

fn containers(spec: &Map<String, Value>, definition: &TaskDefinition) -> Result<(), ApiError> {
    for balancer in spec.items("loadBalancers") {
        let name = balancer.text("containerName").unwrap_or_default();
        let found = definition.containers().iter().find(|container| container.text("name") == Some(name));
        let Some(container) = found else {
            return Err(ApiError::invalid(format!(
                "The container {name} does not exist in the task definition."
            )));
        };
        let port = balancer.whole("containerPort").unwrap_or_default();
        let mapped = container.items("portMappings").iter().any(|mapping| {
            mapping.whole("containerPort") == Some(port) || mapping.text("containerPortRange").is_some()
        });
        if !mapped {
            return Err(ApiError::invalid(format!(
                "The container {name} did not have a container port {port} defined."
            )));
        }
    }
    if spec.items("placementConstraints").len() > 10 {
        return Err(ApiError::invalid("placementConstraints can have at most 10 items."));
    }
    if spec.items("placementStrategy").len() > 5 {
        return Err(ApiError::invalid("placementStrategy can have at most 5 items."));
    }
    Ok(())
}

/// Fargate's own capacity providers.
pub(in crate::ecs) fn is_fargate_provider(name: &str) -> bool {
    matches!(name, "FARGATE" | "FARGATE_SPOT")
}
