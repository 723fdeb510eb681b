//! StopTask, ListTasks and DescribeTasks.

use serde_json::{Value, json};

use super::{
    super::{Members, ServiceKey, State, arn, operation::paged, page, tag},
    StopCode, Task,
};
use crate::{clock::Time, error::ApiError, scheduler};

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
pub(super) fn task_in<'a>(state: &'a State, request: &Value, reference: &str) -> Option<&'a Task> {
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
        // No task here is on a container instance.
        status == running
            && request.text("containerInstance").is_none()
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
