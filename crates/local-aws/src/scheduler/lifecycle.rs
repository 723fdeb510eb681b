//! A task's way through its states, by time and by what its driver reports.

use std::time::Duration;

use crate::{
    clock::Time,
    driver::{TaskEvent, TaskEventKind},
    ecs::{Alarm, ContainerStatus, Effect, Launches, State, StopCode, Task, TaskStatus},
};

/// How long after its stop timeout a task counts as stopped though its driver has not said so.
const LOST: Duration = Duration::from_secs(30);

/// Moves a task on whose time has come.
pub(super) fn move_on(state: &mut State, id: &str, now: Time) {
    let (provisioning, deprovisioning) = (state.timing.provisioning, state.timing.deprovisioning);
    let Some(task) = state.tasks.get_mut(id) else { return };
    match task.status {
        TaskStatus::Provisioning if now >= task.created_at().after(provisioning) => {
            task.turn(TaskStatus::Pending);
            task.pull_started_at = Some(now);
            state.tell_task(id, now);
            if let Some(start) = state.start_of(id, now) {
                state.agenda.effect(Effect::Start(start));
            }
        }
        TaskStatus::Deactivating if task.drained_at.is_some_and(|at| now >= at) => signal(state, id, now),
        TaskStatus::Stopping if task.signalled_at.is_some_and(|at| now >= at.after(lost_after(task))) => {
            tracing::warn!(task = id, "the driver never said that the task's containers ended");
            deprovision(state, id, now);
        }
        TaskStatus::Deprovisioning
            if task.execution_stopped_at.is_some_and(|at| now >= at.after(deprovisioning)) =>
        {
            finish(state, id, now);
        }
        _ => {}
    }
}

fn lost_after(task: &Task) -> Duration {
    Duration::from_secs(task.stop_timeout_seconds) + LOST
}

/// Takes in what a driver reports.
pub(crate) fn task_event(state: &mut State, event: TaskEvent, now: Time) {
    let TaskEvent { task_id, container: name, kind } = event;
    let Some(task) = state.tasks.get_mut(&task_id) else { return };
    if task.status >= TaskStatus::Deprovisioning {
        return;
    }
    let Some(container) = task.containers.iter_mut().find(|container| container.name == name) else { return };
    let essential = container.essential;
    let is_health = matches!(kind, TaskEventKind::Health { .. });
    let mut failure = None;
    match kind {
        TaskEventKind::Started => {
            container.status = ContainerStatus::Running;
            container.started = true;
            container.started_at = Some(now);
            task.pull_stopped_at.get_or_insert(now);
        }
        TaskEventKind::CannotStart(reason) => {
            container.status = ContainerStatus::Stopped;
            container.reason = Some(reason.clone());
            failure = Some((StopCode::TaskFailedToStart, reason));
        }
        TaskEventKind::Health { healthy } => {
            container.healthy = Some(healthy);
            container.health_at = Some(now);
        }
        TaskEventKind::Restarted { .. } => {
            container.restarts += 1;
            container.started_at = Some(now);
            // Its health check begins anew.
            container.healthy = None;
            container.health_at = Some(now);
        }
        TaskEventKind::Exited { exit_code, reason } => {
            container.status = ContainerStatus::Stopped;
            container.exit_code = exit_code;
            container.finished_at = Some(now);
            container.reason = reason;
            if essential {
                failure = Some((
                    StopCode::EssentialContainerExited,
                    "Essential container in task exited".to_owned(),
                ));
            }
        }
    }
    task.version += 1;
    let owner = task.owner.clone();
    let runs = task.status == TaskStatus::Pending
        && task.wants_to_run
        && failure.is_none()
        && task.containers.iter().all(|container| container.started);
    if runs {
        task.turn(TaskStatus::Running);
        task.started_at = Some(now);
        state.register_task(&task_id, now);
        state.enlist(&task_id, now);
        if let Some((key, number)) = &owner {
            if let Some(deployment) =
                state.services.get_mut(key).and_then(|service| service.deployment_mut(*number))
            {
                deployment.launches = Launches::default();
            }
            state.agenda.alarm(now.after(state.timing.healthy_after), Alarm::Service(key.clone()));
        }
    }
    if is_health {
        state.report_task_health(&task_id, now);
    }
    state.tell_task(&task_id, now);
    if let Some((code, reason)) = failure {
        stop_task(state, &task_id, code, &reason, now);
    }
    let Some(task) = state.tasks.get(&task_id) else { return };
    let ended = |container: &crate::ecs::Container| container.status == ContainerStatus::Stopped;
    let is_stopping = matches!(task.status, TaskStatus::Deactivating | TaskStatus::Stopping);
    if is_stopping && task.containers.iter().all(ended) {
        deprovision(state, &task_id, now);
    }
    if let Some((key, _)) = owner {
        state.agenda.look_at(&key);
    }
}

/// Has a task stop, unless it does already: the first reason stays.
pub(crate) fn stop_task(state: &mut State, id: &str, code: StopCode, reason: &str, now: Time) {
    let Some(task) = state.tasks.get_mut(id).filter(|task| task.wants_to_run) else { return };
    task.wants_to_run = false;
    task.stop_code = Some(code);
    task.stopped_reason = Some(reason.to_owned());
    task.stopping_at = Some(now);
    let (owner, status) = (task.owner.clone(), task.status);
    state.deregister_task(id, now);
    let drained = if status == TaskStatus::Running { state.strike_off(id, now) } else { None };
    match (status, drained) {
        // Its driver has not heard of it.
        (TaskStatus::Provisioning, _) => deprovision(state, id, now),
        // What has ended by itself, or is lost, serves nobody any more.
        (_, Some(at)) if !code.is_failure() && code != StopCode::InfrastructureHealth => {
            if let Some(task) = state.tasks.get_mut(id) {
                task.turn(TaskStatus::Deactivating);
                task.drained_at = Some(at);
            }
            state.tell_task(id, now);
            state.agenda.alarm(at, Alarm::Task(id.to_owned()));
        }
        _ => signal(state, id, now),
    }
    if let Some((key, _)) = owner {
        state.agenda.look_at(&key);
    }
}

/// Has a task stop at once, drained or not.
pub(crate) fn stop_now(state: &mut State, id: &str, code: StopCode, reason: &str, now: Time) {
    stop_task(state, id, code, reason, now);
    if state.tasks.get(id).is_some_and(|task| task.status == TaskStatus::Deactivating) {
        signal(state, id, now);
    }
}

/// Tells the driver to stop a task.
fn signal(state: &mut State, id: &str, now: Time) {
    let Some(task) = state.tasks.get_mut(id) else { return };
    task.turn(TaskStatus::Stopping);
    task.signalled_at = Some(now);
    let lost = now.after(lost_after(task));
    state.tell_task(id, now);
    state.agenda.alarm(lost, Alarm::Task(id.to_owned()));
    state.agenda.effect(Effect::Stop(id.to_owned()));
}

fn deprovision(state: &mut State, id: &str, now: Time) {
    let Some(task) = state.tasks.get_mut(id) else { return };
    task.turn(TaskStatus::Deprovisioning);
    task.execution_stopped_at = Some(now);
    for container in &mut task.containers {
        container.status = ContainerStatus::Stopped;
    }
    state.tell_task(id, now);
    state.agenda.alarm(now.after(state.timing.deprovisioning), Alarm::Task(id.to_owned()));
}

fn finish(state: &mut State, id: &str, now: Time) {
    let Some(task) = state.tasks.get_mut(id) else { return };
    task.turn(TaskStatus::Stopped);
    task.stopped_at = Some(now);
    let (address, owner) = (task.address, task.owner.clone());
    state.tell_task(id, now);
    state.addresses.release(address);
    state.agenda.alarm(now.after(state.timing.stopped_kept), Alarm::ForgetTask(id.to_owned()));
    if let Some((key, _)) = owner {
        state.agenda.look_at(&key);
    }
}
