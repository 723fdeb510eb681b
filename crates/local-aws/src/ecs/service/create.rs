//! CreateService.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value, json};

use super::{
    super::{
        Members, State, connect, discovery, event::Events, member::fill, tag::Tags,
        task_definition::TaskDefinition,
    },
    Balance, Service, ServiceKey, ServiceStatus, configuration, fill, read, rules,
};
use crate::{clock::Time, error::ApiError};

pub(in crate::ecs) fn create(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let name = request.text("serviceName").unwrap_or_default();
    rules::check_name("Service name", name)?;
    rules::check_count(request)?;
    let cluster = state.active_cluster(request.text("cluster"))?;
    let key = ServiceKey::new(&cluster.name, name);
    let cluster_strategy = cluster.body.get("defaultCapacityProviderStrategy").cloned();
    if let Some(existing) = state.services.get(&key)
        && let Some(answer) = name_in_use(existing, request)
    {
        return answer.map(|()| json!({"service": read::show(state, existing, false)}));
    }
    let definition = definition(state, request)?;
    let (spec, desired_count) = spec(state, request, cluster_strategy, &definition)?;
    discovery::check(state, &spec, &definition, now)?;
    connect::check(state, &spec, &key.cluster, &definition, now)?;
    let tags = Tags::read(request)?;
    if request.text("clientToken").is_some_and(|token| token.len() > 36) {
        return Err(ApiError::invalid("clientToken must be at most 36 characters."));
    }
    let mut service = Service {
        key: key.clone(),
        status: ServiceStatus::Active,
        desired_count,
        spec,
        tags,
        created_at: now,
        asked: without_token(request),
        deployments: Vec::new(),
        last_completed: None,
        history: Vec::new(),
        revisions: BTreeMap::new(),
        tasks: BTreeSet::new(),
        live: BTreeSet::new(),
        events: Events::default(),
        balance: Balance::Even,
        steady_said: None,
    };
    state.deploy(&mut service, definition, now);
    let answer = json!({"service": read::show(state, &service, false)});
    state.services.insert(key.clone(), service);
    state.agenda.look_at(&key);
    Ok(answer)
}

/// What is answered where the name is taken: the same request gets the same service, another an error.
fn name_in_use(existing: &Service, request: &Value) -> Option<Result<(), ApiError>> {
    match existing.status {
        ServiceStatus::Inactive => None,
        ServiceStatus::Draining => {
            Some(Err(ApiError::invalid("Unable to Start a service that is still Draining.")))
        }
        ServiceStatus::Active if existing.asked == without_token(request) => Some(Ok(())),
        ServiceStatus::Active => Some(Err(ApiError::invalid("Creation of service was not idempotent."))),
    }
}

fn without_token(request: &Value) -> Value {
    let mut request = request.clone();
    if let Some(members) = request.as_object_mut() {
        members.remove("clientToken");
    }
    request
}

fn definition(state: &State, request: &Value) -> Result<Arc<TaskDefinition>, ApiError> {
    let controller = request.member("deploymentController").and_then(|controller| controller.text("type"));
    if let Some(other) = controller.filter(|controller| *controller != "ECS") {
        return Err(ApiError::new(
            "UnsupportedFeatureException",
            format!("This local ECS has no deployment controller {other}."),
        ));
    }
    let reference = request
        .text("taskDefinition")
        .ok_or_else(|| ApiError::invalid("TaskDefinition can not be blank."))?;
    state.usable_definition(reference)
}

/// The members that stand from the beginning, and the desired count.
fn spec(
    state: &State,
    request: &Value,
    cluster_strategy: Option<Value>,
    definition: &TaskDefinition,
) -> Result<(Map<String, Value>, u64), ApiError> {
    let mut spec = request.as_object().cloned().unwrap_or_default();
    for member in ["cluster", "serviceName", "clientToken", "tags", "desiredCount"] {
        spec.remove(member);
    }
    // ECS copies the cluster's default strategy where neither is named.
    if let Some(Value::Array(strategy)) = cluster_strategy
        && !strategy.is_empty()
        && spec.text("launchType").is_none()
        && spec.items("capacityProviderStrategy").is_empty()
    {
        spec.remove("capacityProviderStrategy");
        fill(&mut spec, "capacityProviderStrategy", strategy);
    }
    rules::check_spec(&spec, definition)?;
    let daemon = spec.text("schedulingStrategy") == Some("DAEMON");
    if daemon && request.member("desiredCount").is_some() {
        return Err(ApiError::invalid("The daemon scheduling strategy does not support a desired count"));
    }
    if daemon && fill::on_fargate(&spec) {
        return Err(ApiError::invalid("The DAEMON scheduling strategy is not supported on Fargate."));
    }
    let desired_count = match request.whole("desiredCount") {
        Some(count) => count,
        // A daemon's count is that of the container instances, of which there are none.
        None if daemon => 0,
        None => {
            return Err(ApiError::invalid("desiredCount is required for the REPLICA scheduling strategy."));
        }
    };
    let merged = configuration::merge(None, spec.member("deploymentConfiguration"), daemon)?;
    spec.insert("deploymentConfiguration".into(), merged);
    rules::check_strategy(&spec)?;
    state.check_groups(&spec)?;
    spec.insert("taskDefinition".into(), definition.arn.clone().into());
    fill::defaults(&mut spec, definition, state.names.service_linked_role());
    Ok((spec, desired_count))
}
