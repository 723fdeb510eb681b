//! Carrying moves out: tasks of one deployment are started and stopped, and events say so.

use std::sync::Arc;

use super::{lifecycle, rolling::Moves};
use crate::{
    clock::Time,
    ecs::{Alarm, Deployment, LaunchRequest, Service, State, StopCode, words},
};

/// Starts tasks of the deployment with this number, and stops those that the moves name.
pub(super) fn carry_out(state: &mut State, service: &mut Service, number: u64, moves: &Moves, now: Time) {
    start(state, service, number, moves, now);
    stop(state, service, moves, now);
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

/// Why the scheduler stops a task that is too much.
pub(super) fn scaling_reason(service: &Service) -> String {
    let id = service.deployments.first().map(Deployment::id).unwrap_or_default();
    format!("Scaling activity initiated by (deployment {id})")
}
