//! RunTask and StartTask.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{
        Members, State, member::set, service, tag::Tags, task_definition::TaskDefinition,
        task_definition::check_size_override,
    },
    LaunchRequest,
};
use crate::{clock::Time, ecs::Load, error::ApiError};

/// Earlier RunTask requests with a client token: the request, and the tasks that it made.
pub(in crate::ecs) type RunTaskCalls = BTreeMap<String, (Value, Vec<String>)>;

pub(in crate::ecs) fn run(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?.name.clone();
    let count = match request.member("count") {
        None => 1,
        Some(count) => count
            .as_u64()
            .filter(|count| (1..=10).contains(count))
            .ok_or_else(|| ApiError::invalid("count must be between 1 and 10."))?,
    };
    // Source: the API's description of RunTask.
    if request.text("clientToken").is_some_and(|token| token.len() > 64) {
        return Err(ApiError::invalid("clientToken must be at most 64 characters."));
    }
    if let Some(answer) = repeated(state, request)? {
        return Ok(answer);
    }
    let definition = state.usable_definition(request.text("taskDefinition").unwrap_or_default())?;
    let mut place = request.as_object().cloned().unwrap_or_default();
    if place.text("launchType").is_none() && place.items("capacityProviderStrategy").is_empty() {
        let default =
            state.active_cluster(Some(&cluster))?.body.get("defaultCapacityProviderStrategy").cloned();
        place.extend(default.map(|strategy| ("capacityProviderStrategy".to_owned(), strategy)));
    }
    service::check_spec(&place, &definition)?;
    let overrides = overrides(request, &definition)?;
    let tags = tags(state, request, &cluster, &definition)?;
    let group = request.text("group").map_or_else(|| format!("family:{}", definition.family), str::to_owned);
    let mut started = Vec::new();
    for _ in 0..count {
        let launch = LaunchRequest {
            cluster: cluster.clone(),
            group: group.clone(),
            definition: definition.clone(),
            owner: None,
            started_by: request.text("startedBy").map(str::to_owned),
            place: &place,
            overrides: overrides.clone(),
            tags: tags.clone(),
            enable_execute_command: request.flag("enableExecuteCommand") == Some(true),
            routes: Vec::new(),
            load: Load::new(),
        };
        started.extend(state.launch(launch, now));
    }
    if let Some(token) = request.text("clientToken") {
        // Calls whose tasks are all forgotten can be repeated no more.
        let tasks = &state.tasks;
        state.run_task_calls.retain(|_, (_, ids)| ids.iter().any(|id| tasks.contains_key(id)));
        state.run_task_calls.insert(token.to_owned(), (request.clone(), started.clone()));
    }
    let missing = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(started.len());
    Ok(json!({
        "tasks": show(state, &started),
        "failures": vec![json!({"reason": "RESOURCE:ENI"}); missing],
    }))
}

/// The tasks that the same request made before.
fn repeated(state: &State, request: &Value) -> Result<Option<Value>, ApiError> {
    let earlier = request.text("clientToken").and_then(|token| state.run_task_calls.get(token));
    match earlier {
        Some((earlier, _)) if earlier != request => {
            Err(ApiError::new("ConflictException", "The client token was used with other parameters."))
        }
        Some((_, tasks)) => Ok(Some(json!({"tasks": show(state, tasks), "failures": []}))),
        None => Ok(None),
    }
}

fn show(state: &State, ids: &[String]) -> Vec<Value> {
    ids.iter().filter_map(|id| state.tasks.get(id)).map(|task| task.show(state, false)).collect()
}

/// The request's overrides, checked, with their lists filled in and sizes as numbers.
fn overrides(request: &Value, definition: &TaskDefinition) -> Result<Value, ApiError> {
    let mut overrides = request.member("overrides").cloned().unwrap_or_else(|| json!({}));
    for own in overrides.items("containerOverrides") {
        let name = own.text("name").unwrap_or_default();
        if !definition.containers().iter().any(|container| container.text("name") == Some(name)) {
            return Err(ApiError::invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
    }
    for (member, size) in check_size_override(definition, overrides.text("cpu"), overrides.text("memory"))? {
        set(&mut overrides, member, size.to_string());
    }
    for list in ["containerOverrides", "inferenceAcceleratorOverrides"] {
        if overrides.member(list).is_none() {
            set(&mut overrides, list, json!([]));
        }
    }
    Ok(overrides)
}

/// The tags of the request, over those of the task definition where they are asked for.
fn tags(
    state: &State,
    request: &Value,
    cluster: &str,
    definition: &TaskDefinition,
) -> Result<Tags, ApiError> {
    let mut tags = match request.text("propagateTags") {
        Some("TASK_DEFINITION") => state.tags_of_definition(definition),
        Some("SERVICE") => {
            return Err(ApiError::invalid("A task that belongs to no service takes no tags of one."));
        }
        _ => Tags::default(),
    };
    tags.extend(&Tags::read(request)?);
    if request.flag("enableECSManagedTags") == Some(true) {
        tags.set("aws:ecs:clusterName", cluster);
    }
    Ok(tags)
}

/// StartTask names the container instances to run on, and there is none: each is a failure.
pub(in crate::ecs) fn start(state: &State, request: &Value) -> Result<Value, ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?;
    state.usable_definition(request.text("taskDefinition").unwrap_or_default())?;
    let instances: Vec<&str> = request.texts("containerInstances").collect();
    if !(1..=10).contains(&instances.len()) {
        return Err(ApiError::invalid("Container instances cannot be empty or have more than 10 elements."));
    }
    let failures = instances.iter().map(|instance| state.missing_instance(&cluster.name, instance));
    Ok(json!({"tasks": [], "failures": failures.collect::<Vec<_>>()}))
}
