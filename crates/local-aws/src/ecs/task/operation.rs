//! RunTask, StopTask, ListTasks and DescribeTasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{Members, ServiceKey, State, arn, member::set, operation::paged, page, service, tag, tag::Tags},
    LaunchRequest, StopCode, Task,
};
use crate::{clock::Time, error::ApiError, scheduler};

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
    if let Some(token) = request.text("clientToken")
        && let Some((earlier, tasks)) = state.run_task_calls.get(token)
    {
        if earlier != request {
            return Err(ApiError::new(
                "ConflictException",
                "The client token was used with other parameters.",
            ));
        }
        let tasks = tasks.iter().filter_map(|id| state.tasks.get(id)).map(|task| task.show(state, false));
        return Ok(json!({"tasks": tasks.collect::<Vec<_>>(), "failures": []}));
    }
    let definition = state.usable_definition(request.text("taskDefinition").unwrap_or_default())?;
    let mut place = request.as_object().cloned().unwrap_or_default();
    if place.text("launchType").is_none() && place.items("capacityProviderStrategy").is_empty() {
        let default =
            state.active_cluster(Some(&cluster))?.body.get("defaultCapacityProviderStrategy").cloned();
        place.extend(default.map(|strategy| ("capacityProviderStrategy".to_owned(), strategy)));
    }
    service::check_spec(&place, &definition)?;
    for own in request.member("overrides").map(|own| own.items("containerOverrides")).unwrap_or_default() {
        let name = own.text("name").unwrap_or_default();
        if !definition.containers().iter().any(|container| container.text("name") == Some(name)) {
            return Err(ApiError::invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
    }
    let tags = Tags::read(request)?;
    let mut overrides = request.member("overrides").cloned().unwrap_or_else(|| json!({}));
    for list in ["containerOverrides", "inferenceAcceleratorOverrides"] {
        if overrides.member(list).is_none() {
            set(&mut overrides, list, json!([]));
        }
    }
    let mut started = Vec::new();
    for _ in 0..count {
        let launch = LaunchRequest {
            cluster: cluster.clone(),
            group: request
                .text("group")
                .map_or_else(|| format!("family:{}", definition.family), str::to_owned),
            definition: definition.clone(),
            owner: None,
            started_by: request.text("startedBy").map(str::to_owned),
            place: &place,
            overrides: overrides.clone(),
            tags: tags.clone(),
            enable_execute_command: request.flag("enableExecuteCommand") == Some(true),
        };
        started.extend(state.launch(launch, now));
    }
    if let Some(token) = request.text("clientToken") {
        // Calls whose tasks are all forgotten can be repeated no more.
        let tasks = &state.tasks;
        state.run_task_calls.retain(|_, (_, ids)| ids.iter().any(|id| tasks.contains_key(id)));
        state.run_task_calls.insert(token.to_owned(), (request.clone(), started.clone()));
    }
    let tasks = started.iter().filter_map(|id| state.tasks.get(id)).map(|task| task.show(state, false));
    let tasks: Vec<Value> = tasks.collect();
    let missing = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(tasks.len());
    let failures = vec![json!({"reason": "RESOURCE:ENI"}); missing];
    Ok(json!({"tasks": tasks, "failures": failures}))
}

pub(in crate::ecs) fn stop(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let id = task_in(state, request, request.text("task").unwrap_or_default())
        .map(|task| task.id.clone())
        .ok_or_else(|| ApiError::invalid("The referenced task was not found."))?;
    let reason = request.text("reason").unwrap_or("Task stopped by user");
    state.active_cluster(request.text("cluster"))?;
    scheduler::stop_task(state, &id, StopCode::UserInitiated, reason, now);
    let task = state.tasks.get(&id).map(|task| task.show(state, false));
    Ok(json!({"task": task}))
}

/// The task that a reference names in the request's cluster.
fn task_in<'a>(state: &'a State, request: &Value, reference: &str) -> Option<&'a Task> {
    let task = state.tasks.get(arn::last_part(reference, "task"))?;
    (task.cluster == arn::cluster_name(request.text("cluster"))).then_some(task)
}

pub(in crate::ecs) fn describe(state: &State, request: &Value) -> Result<Value, ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?;
    let references: Vec<&str> = request.texts("tasks").collect();
    if !(1..=100).contains(&references.len()) {
        return Err(ApiError::invalid("Tasks cannot be empty or have more than 100 elements."));
    }
    let with_tags = tag::asked(request);
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for reference in references {
        if let Some(task) = task_in(state, request, reference) {
            tasks.push(task.show(state, with_tags));
        } else {
            let arn = state.names.task(&cluster.name, arn::last_part(reference, "task"));
            failures.push(json!({"arn": arn, "reason": "MISSING"}));
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

pub(in crate::ecs) fn list(state: &State, request: &Value) -> Result<Value, ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?;
    let size = page::size(request.whole("maxResults"), 100, 100)?;
    let after = page::key(request.text("nextToken"))?.unwrap_or_default();
    let ids = match request.text("serviceName") {
        Some(name) => {
            let key = ServiceKey::new(&cluster.name, arn::last_part(name, "service"));
            let service = state.services.get(&key);
            let missing = || ApiError::new("ServiceNotFoundException", "Service not found.");
            &service.ok_or_else(missing)?.tasks
        }
        None => &cluster.tasks,
    };
    // PENDING is a desired status that no task has. Source: the API's description of ListTasks.
    let running = request.text("desiredStatus").unwrap_or("RUNNING");
    let wanted = |task: &&Task| {
        let status = if task.wants_to_run { "RUNNING" } else { "STOPPED" };
        status == running
            && request.text("family").is_none_or(|family| task.definition.family == family)
            && request.text("startedBy").is_none_or(|by| task.started_by.as_deref() == Some(by))
            && request.text("launchType").is_none_or(|kind| task.place.launch_type.as_deref() == Some(kind))
    };
    let tasks = ids
        .range::<str, _>((std::ops::Bound::Excluded(after.as_str()), std::ops::Bound::Unbounded))
        .filter_map(|id| state.tasks.get(id))
        .filter(wanted);
    let page = page::cut(tasks, size, |task| task.id.clone());
    let arns: Vec<String> = page.items.iter().map(|task| state.names.task(&cluster.name, &task.id)).collect();
    Ok(paged(json!({"taskArns": arns}), page.next_token))
}
