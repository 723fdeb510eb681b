//! One look at one service: judge its tasks, start and stop, and see whether its deployment is done.

use std::{collections::BTreeSet, time::Duration};

use super::{
    breaker, completion, lifecycle, moves, rollback,
    rolling::{self, Member, Situation, Standing},
    shift, zones,
};
use crate::{
    clock::Time,
    ecs::{
        Alarm, Health, Members, Rollout, Routed, Service, ServiceDeploymentStatus, ServiceKey, ServiceNotice,
        ServiceStatus, State, StopCode, Task, TaskStatus, Verdict, words,
    },
};

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
    if service.ongoing().is_some_and(|ongoing| ongoing.begin(now) && ongoing.shift.is_some()) {
        shift::begin(state, service, now);
    }
    judge_all(state, service, now);
    forget_stopped(state, service);
    if rollback::stop_if_requested(state, service, now)
        || rollback::fail_by_alarm_if_due(state, service, now)
        || breaker::trip_if_due(state, service, now)
    {
        state.agenda.look_at(&service.key);
    }
    if shift::advance(state, service, now) {
        shift::scale(state, service, now);
        service.steady_said = None;
        let listed = service.deployments.len();
        completion::drop_empty_deployments(state, service, now);
        if service.deployments.len() < listed {
            // A stage may have waited for just that, and nothing else may wake the service.
            state.agenda.look_at(&service.key);
        }
        return;
    }
    let Some(primary) = service.deployments.first().map(|primary| primary.number) else { return };
    let wanted = service.desired_count + zones::extra(service);
    let situation = situation_of(state, service, primary, wanted, now);
    let moves = rolling::decide(&situation);
    moves::carry_out(state, service, primary, &moves, now);
    let rests = moves.start == 0 && moves.stop.is_empty() && moves.stop_unhealthy.is_empty();
    completion::of_rolling(state, service, &situation, rests, now);
    if rests {
        zones::rebalance(state, service, &situation, now);
    }
}

/// Stops everything; INACTIVE as soon as every task is on its way out.
fn draining(state: &mut State, service: &mut Service, now: Time) {
    let reason = moves::scaling_reason(service);
    for id in service.live.clone() {
        lifecycle::stop_task(state, &id, StopCode::ServiceSchedulerInitiated, &reason, now);
    }
    let running =
        |id: &String| state.tasks.get(id).is_some_and(|task| task.status < TaskStatus::Deactivating);
    if service.live.iter().any(running) {
        return;
    }
    service.status = ServiceStatus::Inactive;
    if let Some(ongoing) = service.ongoing() {
        let reason = "Service deployment stopped because the service was deleted.";
        ongoing.finish(ServiceDeploymentStatus::Stopped, Some(reason), now);
    }
    let deployments = service.deployments.iter().chain(&service.last_completed);
    for deployment in deployments {
        state.disconnect(&deployment.connected, now);
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
    let mut counted = BTreeSet::new();
    for id in service.live.clone() {
        let healthy_after = state.timing.healthy_after;
        let Some(task) = state.tasks.get_mut(&id) else { continue };
        let routed = Routed::of(task, &state.balancing);
        let standing = standing(task, &routed, (grace, healthy_after), now);
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
            let by_group = task.health() != Health::Unhealthy;
            deployment.failed_tasks += 1;
            if counted.insert(deployment.number) || !state.switches.breaker_counts_a_batch_once {
                deployment.breaker_count += 1;
            }
            if ended && task.started_at.is_none() {
                deployment.launches.failed += 1;
                let pause = pause_after(deployment.launches.failed, &state.timing);
                deployment.launches.not_before = Some(now.after(pause));
            }
            let inconsistent = deployment.launches.failed >= INCONSISTENT_AFTER;
            if unhealthy {
                let text = match &routed {
                    Routed::Unhealthy { group, port, reason } if by_group => {
                        task.unhealthy_in = Some(group.clone());
                        words::unhealthy_in(&id, *port, group, reason)
                    }
                    _ => words::unhealthy(&id),
                };
                service.events.say(&mut state.random, now, &service.key.name, &text);
            }
            if inconsistent
                && service.events.complain(&mut state.random, now, &service.key.name, words::INCONSISTENT)
            {
                state.tell_service(&service.key, ServiceNotice::StartImpaired, now);
            }
        }
        in_grace(state, service, &id, grace, now);
    }
}

/// Has the service looked at when a task's grace period ends, if that may change its standing.
fn in_grace(state: &mut State, service: &Service, id: &str, grace: Duration, now: Time) {
    let is_unhealthy = |task: &&Task| {
        task.health() == Health::Unhealthy
            || matches!(Routed::of(task, &state.balancing), Routed::Unhealthy { .. })
    };
    let Some(task) = state.tasks.get(id).filter(is_unhealthy) else { return };
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
///
/// A target group's word counts as a health check's does; without either, time alone decides.
fn standing(
    task: &Task,
    routed: &Routed,
    (grace, healthy_after): (Duration, Duration),
    now: Time,
) -> Option<Standing> {
    if !task.wants_to_run {
        return None;
    }
    let Some(age) = task.started_at.map(|started| now.since(started)) else { return Some(Standing::Pending) };
    let checked = match (task.has_health_check(), task.health()) {
        (true, Health::Healthy) => Standing::Healthy,
        (true, Health::Unhealthy) if age >= grace => Standing::Unhealthy,
        (false, _) if age >= healthy_after || *routed == Routed::Healthy => Standing::Healthy,
        _ => Standing::Settling,
    };
    Some(match routed {
        Routed::Nowhere | Routed::Healthy => checked,
        Routed::Unhealthy { .. } if age >= grace => Standing::Unhealthy,
        Routed::Unhealthy { .. } | Routed::Waiting => checked.min(Standing::Settling),
    })
}

/// What moves are decided from, with the deployment of this number in the place of the PRIMARY.
pub(super) fn situation_of(
    state: &State,
    service: &Service,
    number: u64,
    desired: u64,
    now: Time,
) -> Situation {
    let grace = Duration::from_secs(service.grace_seconds());
    let mut tasks: Vec<&Task> = service.live.iter().filter_map(|id| state.tasks.get(id)).collect();
    tasks.sort_by_key(|task| (task.created_at(), &task.id));
    let members = tasks.iter().filter_map(|task| {
        Some(Member {
            id: task.id.clone(),
            is_primary: task.deployment() == Some(number),
            standing: standing(
                task,
                &Routed::of(task, &state.balancing),
                (grace, state.timing.healthy_after),
                now,
            )?,
            is_protected: task.is_protected(now),
            zone: task.zone.clone(),
        })
    });
    let deployment = service.deployments.iter().find(|deployment| deployment.number == number);
    Situation {
        desired,
        minimum_healthy_percent: service.percent("minimumHealthyPercent", 100),
        maximum_percent: service.percent("maximumPercent", 200),
        may_launch: deployment.is_some_and(|deployment| deployment.rollout != Rollout::Failed),
        is_draining: tasks.iter().any(|task| !task.wants_to_run && task.status < TaskStatus::Deprovisioning),
        members: members.collect(),
    }
}
