//! Carrying moves out: tasks of one deployment are started and stopped, and events say so.

use std::sync::Arc;

use super::{lifecycle, rolling::Moves};
use crate::{
    clock::Time,
    ecs::{
        Alarm, Balance, Deployment, LaunchRequest, Service, ServiceNotice, State, StopCode, Task, Unplaced,
        words,
    },
};

/// Starts tasks of the deployment with this number, and stops those that the moves name.
pub(super) fn carry_out(state: &mut State, service: &mut Service, number: u64, moves: &Moves, now: Time) {
    start(state, service, number, moves, now);
    stop(state, service, moves, now);
    if moves.held_by_protection > 0 {
        let id = service.deployment_mut(number).map(|deployment| deployment.id()).unwrap_or_default();
        let text = words::protected(&id, moves.held_by_protection);
        service.events.complain(&mut state.random, now, &service.key.name, &text);
    }
    if moves.is_stuck {
        service.events.complain(&mut state.random, now, &service.key.name, words::STUCK);
    }
}

fn start(state: &mut State, service: &mut Service, number: u64, moves: &Moves, now: Time) {
    let Some(deployment) = service.deployment_mut(number).filter(|_| moves.start > 0) else { return };
    if let Some(at) = deployment.launches.not_before.filter(|at| *at > now) {
        state.agenda.alarm(at, Alarm::Service(service.key.clone()));
        return;
    }
    let (definition, revision) = (Arc::clone(&deployment.definition), Arc::clone(&deployment.revision));
    let mut load = state.load(service.live.iter(), number);
    let (mut started, mut zone) = (Vec::new(), String::new());
    for _ in 0..moves.start {
        let of = (number, Arc::clone(&definition));
        let request = LaunchRequest::of_service(state, service, of, (&revision.spec, &load));
        match state.launch(request, now) {
            Ok(id) => {
                zone = state.tasks.get(&id).map(|task| task.zone.clone()).unwrap_or_default();
                *load.entry(zone.clone()).or_default() += 1;
                started.push(id);
            }
            Err(unplaced) => {
                let text = if unplaced == Unplaced::NoZone { words::NO_ZONE } else { words::NO_ADDRESS };
                if service.events.complain(&mut state.random, now, &service.key.name, text) {
                    state.tell_service(&service.key, ServiceNotice::PlacementFailure, now);
                }
                break;
            }
        }
    }
    service.adopt(&started);
    if !started.is_empty() {
        let text = if service.balance == Balance::Starting {
            words::started_to_rebalance(&started, &zone)
        } else {
            words::started(&started, moves.replaces_unhealthy)
        };
        service.events.say(&mut state.random, now, &service.key.name, &text);
    }
}

fn stop(state: &mut State, service: &mut Service, moves: &Moves, now: Time) {
    let scaling = scaling_reason(service);
    let unhealthy = "Task failed container health checks";
    for (ids, usual) in [(&moves.stop, scaling.as_str()), (&moves.stop_unhealthy, unhealthy)] {
        if ids.is_empty() {
            continue;
        }
        let is_pending = |id: &&String| state.tasks.get(*id).is_some_and(Task::is_pending);
        let (pending, running): (Vec<&String>, Vec<&String>) = ids.iter().partition(is_pending);
        let running: Vec<String> = running.into_iter().cloned().collect();
        let pending = pending.len();
        for id in ids {
            let group = state.tasks.get(id).and_then(|task| task.unhealthy_in.clone());
            let group = group.filter(|_| usual == unhealthy);
            let in_group =
                group.map(|group| format!("Task failed ELB health checks in (target-group {group})"));
            let reason = in_group.as_deref().unwrap_or(usual);
            lifecycle::stop_task(state, id, StopCode::ServiceSchedulerInitiated, reason, now);
        }
        if !running.is_empty() {
            service.events.say(&mut state.random, now, &service.key.name, &words::stopped(&running));
            state.say_drained(service, &running, now);
        }
        if pending > 0 {
            service.events.say(&mut state.random, now, &service.key.name, &words::stopped_pending(pending));
        }
    }
}

/// Why the scheduler stops a task that is too much.
pub(super) fn scaling_reason(service: &Service) -> String {
    let id = service.deployments.first().map(Deployment::id).unwrap_or_default();
    format!("Scaling activity initiated by (deployment {id})")
}
