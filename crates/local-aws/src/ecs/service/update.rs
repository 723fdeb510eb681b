//! UpdateService: an omitted member keeps what stands, and only some members start a deployment.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    super::{
        Members, State, connect, discovery, revision::MEMBERS as REVISION_MEMBERS,
        task_definition::TaskDefinition,
    },
    Service, configuration, fill, read, rules,
};
use crate::{clock::Time, error::ApiError};

/// Members whose change starts a deployment, by UpdateService's own description.
///
/// `capacityProviderStrategy` is not among them: it asks for `forceNewDeployment`.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
const TRIGGERS: [&str; 8] = [
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// Members that are set as sent and change nothing that runs.
const PLAIN: [&str; 10] = [
    "availabilityZoneRebalancing",
    "placementConstraints",
    "placementStrategy",
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "propagateTags",
    "deploymentController",
    "monitoring",
    "gatewayConnectors",
];

pub(in crate::ecs) fn update(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    rules::check_count(request)?;
    let key = state.active_service(request)?.key.clone();
    // Taken out, so that state and service can be changed side by side; put back in any case.
    let Some(mut service) = state.services.remove(&key) else {
        return Err(ApiError::new("ServiceNotFoundException", "Service not found."));
    };
    let outcome = apply(state, &mut service, request, now);
    let answer = outcome.map(|()| json!({"service": read::show(state, &service, false)}));
    state.agenda.look_at(&key);
    state.services.insert(key, service);
    answer
}

fn apply(state: &mut State, service: &mut Service, request: &Value, now: Time) -> Result<(), ApiError> {
    let forced = request.flag("forceNewDeployment") == Some(true);
    let mut spec = service.spec.clone();
    // Without a task definition in the request, the one that runs is not judged: it may be INACTIVE.
    let named = request.text("taskDefinition").map(|name| state.usable_definition(name)).transpose()?;
    if let Some(definition) = &named {
        spec.insert("taskDefinition".into(), definition.arn.clone().into());
    }
    let daemon = spec.text("schedulingStrategy") == Some("DAEMON");
    if daemon && request.member("desiredCount").is_some() {
        return Err(ApiError::invalid("The daemon scheduling strategy does not support a desired count"));
    }
    let controller = request.member("deploymentController").and_then(|controller| controller.text("type"));
    if controller.is_some_and(|controller| controller != "ECS") {
        return Err(ApiError::new(
            "UnsupportedFeatureException",
            "This local ECS has the deployment controller ECS only.",
        ));
    }
    for member in PLAIN.iter().chain(TRIGGERS.iter().skip(1)) {
        if let Some(value) = request.member(member) {
            spec.insert((*member).to_owned(), value.clone());
        }
    }
    if let Some(sent) = request.member("deploymentConfiguration") {
        let merged = configuration::merge(spec.member("deploymentConfiguration"), Some(sent), daemon)?;
        spec.insert("deploymentConfiguration".into(), merged);
    }
    capacity_providers(&mut spec, request, forced)?;
    fill::normalize(&mut spec);
    drop_removed(&mut spec);
    let judges = |member: &str| named.is_some() || request.member(member).is_some();
    let (registries, connects) = (judges("serviceRegistries"), judges("serviceConnectConfiguration"));
    let definition = match named {
        Some(definition) => definition,
        None => current_definition(service)?,
    };
    rules::check_spec(&spec, &definition)?;
    rules::check_strategy(&spec)?;
    // What stands already is not judged again where only something else changes.
    if registries {
        discovery::check(state, &spec, &definition, now)?;
    }
    if connects {
        connect::check(state, &spec, &service.key.cluster, &definition, now)?;
    }
    if request.member("loadBalancers").is_some() {
        state.check_groups(&spec)?;
    }

    let sent_a_trigger = TRIGGERS.iter().any(|member| request.member(member).is_some());
    let changed = TRIGGERS.iter().any(|member| spec.get(*member) != service.spec.get(*member));
    service.spec = spec;
    if let Some(count) = request.whole("desiredCount") {
        service.desired_count = count;
    }
    if forced || changed || (sent_a_trigger && state.switches.identical_update_deploys) {
        state.deploy(service, definition, now);
    }
    Ok(())
}

/// Takes away what a sentinel removes: an absent member and its empty form are the same to ECS.
fn drop_removed(spec: &mut Map<String, Value>) {
    for list in ["volumeConfigurations", "vpcLatticeConfigurations", "gatewayConnectors"] {
        if spec.get(list).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            spec.remove(list);
        }
    }
    let connect = spec.member("serviceConnectConfiguration");
    if connect.is_some_and(|connect| connect.flag("enabled") == Some(false)) {
        spec.remove("serviceConnectConfiguration");
    }
}

/// A change of capacity providers has to be forced, and `[]` goes back to the launch type.
fn capacity_providers(spec: &mut Map<String, Value>, request: &Value, forced: bool) -> Result<(), ApiError> {
    let Some(sent) = request.member("capacityProviderStrategy") else { return Ok(()) };
    let before = spec.clone();
    if sent.as_array().is_some_and(Vec::is_empty) {
        if spec.remove("capacityProviderStrategy").is_none() {
            return Err(ApiError::invalid(
                "The capacity provider strategy cannot be removed: the service has none.",
            ));
        }
        let fargate = fill::on_fargate(&before);
        spec.insert("launchType".into(), if fargate { "FARGATE" } else { "EC2" }.into());
    } else {
        spec.remove("launchType");
        spec.insert("capacityProviderStrategy".into(), sent.clone());
        fill::normalize(spec);
    }
    if *spec != before && !forced {
        return Err(ApiError::invalid(
            "When switching from launch type to capacity provider strategy on an existing service, or making a \
             change to a capacity provider strategy on a service that is already using one, you must force a new \
             deployment.",
        ));
    }
    Ok(())
}

fn current_definition(service: &Service) -> Result<Arc<TaskDefinition>, ApiError> {
    let primary = service.deployments.first();
    let definition = primary.map(|primary| Arc::clone(&primary.definition));
    definition.ok_or_else(|| ApiError::server("The service has no deployment."))
}

impl Service {
    /// Puts back everything that a rollback restores: what a revision holds, not counts and percentages.
    pub(crate) fn restore(&mut self, revision: &Map<String, Value>) {
        for member in REVISION_MEMBERS {
            match revision.get(member) {
                Some(value) => self.spec.insert(member.to_owned(), value.clone()),
                None => self.spec.remove(member),
            };
        }
    }
}
