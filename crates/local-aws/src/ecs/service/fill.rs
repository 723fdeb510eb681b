//! What ECS adds to a service when it is read back.
//!
//! As read from live services of July and August 2026 that others published.

use serde_json::{Map, Value, json};

use super::super::{Members, member::fill, task_definition::TaskDefinition};

/// Fills the defaults of a new service in; `deploymentConfiguration` has its own.
pub(super) fn defaults(spec: &mut Map<String, Value>, definition: &TaskDefinition, linked_role: String) {
    if spec.items("capacityProviderStrategy").is_empty() {
        spec.remove("capacityProviderStrategy");
        fill(spec, "launchType", "EC2");
    }
    fill(spec, "schedulingStrategy", "REPLICA");
    fill(spec, "deploymentController", json!({"type": "ECS"}));
    let daemon = spec.text("schedulingStrategy") == Some("DAEMON");
    fill(spec, "availabilityZoneRebalancing", if daemon { "DISABLED" } else { "ENABLED" });
    fill(spec, "healthCheckGracePeriodSeconds", 0);
    fill(spec, "enableECSManagedTags", false);
    fill(spec, "enableExecuteCommand", false);
    fill(spec, "propagateTags", "NONE");
    for list in ["placementConstraints", "placementStrategy", "loadBalancers", "serviceRegistries"] {
        fill(spec, list, json!([]));
    }
    let on_fargate = on_fargate(spec);
    if on_fargate {
        fill(spec, "platformVersion", "LATEST");
    }
    // `role` is the request's name for what is read back as `roleArn`.
    if let Some(role) = spec.remove("role") {
        spec.insert("roleArn".into(), role);
    } else if on_fargate || definition.is_awsvpc() || !spec.items("loadBalancers").is_empty() {
        spec.insert("roleArn".into(), linked_role.into());
    }
    normalize(spec);
}

/// Brings the members that ECS completes into their read-back form.
pub(super) fn normalize(spec: &mut Map<String, Value>) {
    let network =
        spec.get_mut("networkConfiguration").and_then(|network| network.get_mut("awsvpcConfiguration"));
    if let Some(network) = network.and_then(Value::as_object_mut) {
        fill(network, "securityGroups", json!([]));
        fill(network, "assignPublicIp", "DISABLED");
    }
    // Source: terraform-provider-aws, which reads them back so.
    if let Some(Value::Array(strategies)) = spec.get_mut("placementStrategy") {
        for strategy in strategies.iter_mut().filter_map(Value::as_object_mut) {
            let field = match strategy.text("field") {
                Some("host") => "instanceId",
                Some("cpu") => "CPU",
                Some("memory") => "MEMORY",
                _ => continue,
            };
            strategy.insert("field".into(), field.into());
        }
    }
    if let Some(Value::Array(strategy)) = spec.get_mut("capacityProviderStrategy") {
        for item in strategy.iter_mut().filter_map(Value::as_object_mut) {
            fill(item, "base", 0);
            fill(item, "weight", 0);
        }
    }
}

/// Whether its tasks run on Fargate.
pub(in crate::ecs) fn on_fargate(spec: &Map<String, Value>) -> bool {
    let providers = spec.items("capacityProviderStrategy");
    spec.text("launchType") == Some("FARGATE")
        || providers
            .iter()
            .any(|item| item.text("capacityProvider").is_some_and(super::rules::is_fargate_provider))
}
