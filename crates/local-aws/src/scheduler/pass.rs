//! One look at one service: judge its tasks, start and stop, and see whether its deployment is done.

use std::{sync::Arc, time::Duration};

use super::{
    breaker, lifecycle,
    rolling::{self, Member, Moves, Situation, Standing},
};
use crate::{
    clock::Time,
    ecs::{
        Alarm, Health, LaunchRequest, Launches, Members, Rollout, Service, ServiceDeploymentStatus,
        ServiceKey, ServiceStatus, State, StopCode, Task, TaskStatus, Verdict, words,
    },
};

/// How often a steady service says so. Source: published events of real services.
const STEADY_AGAIN: Duration = Duration::from_hours(6);

/// Launches in a row that never ran, from which on it is complained about.
const INCONSISTENT_AFTER: u32 = 3;

/// Looks at a service.
pub(super) fn look_at(state: &mut State, key: &ServiceKey, now: Time) {
    // Taken out, so that state and service can be changed side by side.
    let Some(mut service) = state.services.remove(key) else { return };
    match service.status {
        ServiceStatus::Active => active(state, &mut service, now),
        ServiceStatus::Draining => draining(state, &mut service, now),
        ServiceStatus::Inactive => forget_stopped(state, &mut service),
    }
    state.services.insert(key.clone(), service);
}

fn active(state: &mut State, service: &mut Service, now: Time) {
    if let Some(ongoing) = service.ongoing() {
        ongoing.begin(now);
    }
    judge_all(state, service, now);
    forget_stopped(state, service);
    if breaker::roll_back_if_requested(state, service, now) || breaker::trip_if_due(state, service, now) {
        state.agenda.look_at(&service.key);
    }
    let situation = situation(state, service, now);
    let moves = rolling::decide(&situation);
    start(state, service, &moves, now);
    stop(state, service, &moves, now);
    if moves.is_stuck {
        service.events.complain(&mut state.random, now, &service.key.name, words::STUCK);
    }
    drop_empty_deployments(state, service, now);
    if moves.start == 0 && moves.stop.is_empty() && moves.stop_unhealthy.is_empty() {
        settle(state, service, &situation, now);
    }
}

/// Stops everything; INACTIVE as soon as every task is on its way out.
fn draining(state: &mut State, service: &mut Service, now: Time) {
    let reason = scaling_reason(service);
    for id in service.live.clone() {
        lifecycle::stop_task(state, &id, StopCode::ServiceSchedulerInitiated, &reason, now);
    }
    let running = |id: &String| state.tasks.get(id).is_some_and(|task| task.status < TaskStatus::Stopping);
    if service.live.iter().any(running) {
        return;
    }
    service.status = ServiceStatus::Inactive;
    if let Some(ongoing) = service.ongoing() {
        let reason = "Service deployment stopped because the service was deleted.";
        ongoing.finish(ServiceDeploymentStatus::Stopped, Some(reason), now);
    }
    service.deployments.clear();
    service.last_completed = None;
    let alarm = Alarm::ForgetService(service.key.clone());
    state.agenda.alarm(now.after(state.timing.inactive_kept), alarm);
}

fn forget_stopped(state: &State, service: &mut Service) {
    let lives = |id: &String| state.tasks.get(id).is_some_and(|task| task.status != TaskStatus::Stopped);
    service.live.retain(lives);
}

/// Draws the consequences of what became of each task, once.
fn judge_all(state: &mut State, service: &mut Service, now: Time) {
    let resets =
        service.circuit_breaker().and_then(|breaker| breaker.flag("resetOnHealthyTask")) != Some(false);
    let grace = Duration::from_secs(service.grace_seconds());
    for id in service.live.clone() {
        let healthy_after = state.timing.healthy_after;
        let Some(task) = state.tasks.get_mut(&id) else { continue };
        let standing = standing(task, grace, healthy_after, now);
        let ended = task.stop_code.is_some_and(StopCode::is_failure);
        let Some(deployment) = task.deployment().and_then(|number| service.deployment_mut(number)) else {
            continue;
        };
        let unhealthy = standing == Some(Standing::Unhealthy);
        if standing == Some(Standing::Healthy) && task.verdict == Verdict::Open {
            task.verdict = Verdict::Good;
            deployment.failed_tasks = 0;
            if resets {
                deployment.breaker_count = 0;
            }
        } else if (unhealthy && task.verdict != Verdict::Failed) || (ended && task.verdict == Verdict::Open) {
            task.verdict = Verdict::Failed;
            deployment.failed_tasks += 1;
            deployment.breaker_count += 1;
            if ended && task.started_at.is_none() {
                deployment.launches.failed += 1;
                let pause = pause_after(deployment.launches.failed, &state.timing);
                deployment.launches.not_before = Some(now.after(pause));
            }
            let inconsistent = deployment.launches.failed >= INCONSISTENT_AFTER;
            if unhealthy {
                service.events.say(&mut state.random, now, &service.key.name, &words::unhealthy(&id));
            }
            if inconsistent {
                service.events.complain(&mut state.random, now, &service.key.name, words::INCONSISTENT);
            }
        }
        in_grace(state, service, &id, grace, now);
    }
}

/// Has the service looked at when a task's grace period ends, if that may change its standing.
fn in_grace(state: &mut State, service: &Service, id: &str, grace: Duration, now: Time) {
    let Some(task) = state.tasks.get(id).filter(|task| task.health() == Health::Unhealthy) else { return };
    if let Some(ends) = task.started_at.map(|started| started.after(grace))
        && ends > now
    {
        state.agenda.alarm(ends, Alarm::Service(service.key.clone()));
    }
}

/// The pause before the next launch: none after one failure, then doubling.
fn pause_after(failed: u32, timing: &crate::config::Timing) -> Duration {
    let Some(doublings) = failed.checked_sub(2) else { return Duration::ZERO };
    let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
    timing.first_backoff.saturating_mul(factor).min(timing.longest_backoff)
}

/// How a task stands; `None` once it is on its way out.
fn standing(task: &Task, grace: Duration, healthy_after: Duration, now: Time) -> Option<Standing> {
    if !task.wants_to_run {
        return None;
    }
    let Some(age) = task.started_at.map(|started| now.since(started)) else { return Some(Standing::Pending) };
    Some(match (task.has_health_check(), task.health()) {
        (true, Health::Healthy) => Standing::Healthy,
        (true, Health::Unhealthy) if age >= grace => Standing::Unhealthy,
        (false, _) if age >= healthy_after => Standing::Healthy,
        _ => Standing::Settling,
    })
}

fn situation(state: &State, service: &Service, now: Time) -> Situation {
    let primary = service.deployments.first();
    let grace = Duration::from_secs(service.grace_seconds());
    let mut tasks: Vec<&Task> = service.live.iter().filter_map(|id| state.tasks.get(id)).collect();
    tasks.sort_by_key(|task| (task.created_at(), &task.id));
    let members = tasks.iter().filter_map(|task| {
        Some(Member {
            id: task.id.clone(),
            is_primary: task.deployment() == primary.map(|primary| primary.number),
            standing: standing(task, grace, state.timing.healthy_after, now)?,
            is_protected: task.is_protected(now),
        })
    });
    Situation {
        desired: service.desired_count,
        minimum_healthy_percent: service.percent("minimumHealthyPercent", 100),
        maximum_percent: service.percent("maximumPercent", 200),
        may_launch: primary.is_some_and(|primary| primary.rollout != Rollout::Failed),
        is_draining: tasks.iter().any(|task| !task.wants_to_run && task.status < TaskStatus::Deprovisioning),
        members: members.collect(),
    }
}

fn start(state: &mut State, service: &mut Service, moves: &Moves, now: Time) {
    let Some(primary) = service.deployments.first().filter(|_| moves.start > 0) else { return };
    if let Some(at) = primary.launches.not_before.filter(|at| *at > now) {
        state.agenda.alarm(at, Alarm::Service(service.key.clone()));
        return;
    }
    let (number, definition) = (primary.number, Arc::clone(&primary.definition));
    let revision = Arc::clone(&primary.revision);
    let mut started = Vec::new();
    for _ in 0..moves.start {
        let of = (number, Arc::clone(&definition));
        let request = LaunchRequest::of_service(state, service, of, &revision.spec);
        started.extend(state.launch(request, now));
    }
    service.adopt(&started);
    if started.len() < moves.start {
        service.events.complain(&mut state.random, now, &service.key.name, words::NO_ADDRESS);
    }
    if !started.is_empty() {
        let text = words::started(&started, moves.replaces_unhealthy);
        service.events.say(&mut state.random, now, &service.key.name, &text);
    }
}

fn stop(state: &mut State, service: &mut Service, moves: &Moves, now: Time) {
    let scaling = scaling_reason(service);
    let unhealthy = "Task failed container health checks";
    for (ids, reason) in [(&moves.stop, scaling.as_str()), (&moves.stop_unhealthy, unhealthy)] {
        if ids.is_empty() {
            continue;
        }
        for id in ids {
            lifecycle::stop_task(state, id, StopCode::ServiceSchedulerInitiated, reason, now);
        }
        service.events.say(&mut state.random, now, &service.key.name, &words::stopped(ids));
    }
}

fn scaling_reason(service: &Service) -> String {
    let id = service.deployments.first().map(crate::ecs::Deployment::id).unwrap_or_default();
    format!("Scaling activity initiated by (deployment {id})")
}

/// An ACTIVE deployment leaves the list when its tasks are gone; in a rollback not before its time.
fn drop_empty_deployments(state: &mut State, service: &mut Service, now: Time) {
    let rolls_back = service
        .ongoing()
        .is_some_and(|ongoing| ongoing.status == ServiceDeploymentStatus::RollbackInProgress);
    if let Some(primary) = service.deployments.first().filter(|_| rolls_back) {
        let done = primary.created_at.after(state.timing.rollback);
        if now < done {
            state.agenda.alarm(done, Alarm::Service(service.key.clone()));
            return;
        }
    }
    let tasks = service.live.iter().filter_map(|id| state.tasks.get(id));
    let numbers: Vec<u64> =
        tasks.filter(|task| task.status < TaskStatus::Deprovisioning).filter_map(Task::deployment).collect();
    let primary = service.deployments.first().map(|primary| primary.number);
    service
        .deployments
        .retain(|deployment| Some(deployment.number) == primary || numbers.contains(&deployment.number));
}

/// Completes the PRIMARY deployment, and says when the service is steady.
fn settle(state: &mut State, service: &mut Service, situation: &Situation, now: Time) {
    let desired = usize::try_from(service.desired_count).unwrap_or(usize::MAX);
    let healthy = |member: &Member| member.is_primary && member.standing == Standing::Healthy;
    let is_full = situation.members.len() == desired && situation.members.iter().all(healthy);
    // With nothing desired a deployment completes at once; else it has to be alone.
    let is_alone = service.deployments.len() == 1 || service.desired_count == 0;
    if !(is_full && is_alone) {
        service.steady_said = None;
        return;
    }
    let Some(primary) = service.deployments.first_mut() else { return };
    if primary.rollout == Rollout::InProgress {
        let id = primary.id();
        primary.turn(Rollout::Completed, format!("ECS deployment {id} completed."), now);
        primary.failed_tasks = 0;
        primary.breaker_count = 0;
        primary.launches = Launches::default();
        service.last_completed = Some(primary.clone());
        if let Some(ongoing) = service.ongoing() {
            let status = if ongoing.status == ServiceDeploymentStatus::RollbackInProgress {
                ServiceDeploymentStatus::RollbackSuccessful
            } else {
                ServiceDeploymentStatus::Successful
            };
            ongoing.finish(status, None, now);
        }
        service.events.say(&mut state.random, now, &service.key.name, &words::completed(&id));
    }
    let is_completed =
        service.deployments.first().is_some_and(|primary| primary.rollout == Rollout::Completed);
    let said = service.steady_said.is_some_and(|said| now.since(said) < STEADY_AGAIN);
    if is_completed && !said {
        service.events.settle();
        service.events.say(&mut state.random, now, &service.key.name, words::STEADY);
        service.steady_said = Some(now);
        state.agenda.alarm(now.after(STEADY_AGAIN), Alarm::Service(service.key.clone()));
    }
}
