//! When a deployment is done: its criteria, its bake, and the steady state of its service.

use std::time::Duration;

use super::rolling::{Member, Situation, Standing, floor};
use crate::{
    clock::Time,
    ecs::{
        Alarm, Launches, Members, Rollout, Service, ServiceDeploymentStatus, ServiceNotice, State, Task,
        TaskStatus, words,
    },
};

/// How often a steady service says so. Source: published events of real services.
const STEADY_AGAIN: Duration = Duration::from_hours(6);

/// Completes a rolling deployment whose time has come, and says when the service is steady.
///
/// `rests` says that nothing is to be started or stopped.
pub(super) fn of_rolling(
    state: &mut State,
    service: &mut Service,
    situation: &Situation,
    rests: bool,
    now: Time,
) {
    let early = early_success(service);
    let healthy = |member: &&Member| member.is_primary && member.standing == Standing::Healthy;
    let count = whole(situation.members.iter().filter(healthy).count());
    let is_full = rests && count == situation.desired && whole(situation.members.len()) == count;
    let old_are_gone = numbers_with_tasks(state, service).iter().all(|number| is_primary(service, *number));
    let is_reached = match early {
        Some(early) => count >= floor(situation.desired, early.percent) && (early.defers || old_are_gone),
        // With nothing desired a deployment completes at once.
        None => is_full && (old_are_gone || situation.desired == 0),
    };
    if bakes(state, service, is_reached, early, now) {
        return;
    }
    drop_empty_deployments(state, service, now);
    let is_alone = service.deployments.len() == 1 || service.desired_count == 0;
    let is_in_progress =
        service.deployments.first().is_some_and(|primary| primary.rollout == Rollout::InProgress);
    if is_reached && is_in_progress && (is_alone || early.is_some()) {
        complete(state, service, now);
    }
    say_steady(state, service, is_full && is_alone, now);
}

/// `earlySuccessCriteria`, where they are on. Source: the API's description of
/// `DeploymentEarlySuccessCriteria`.
#[derive(Debug, Clone, Copy)]
struct EarlySuccess {
    percent: u64,
    /// Whether the old tasks may go after the deployment's success.
    defers: bool,
    bake: Duration,
}

fn early_success(service: &mut Service) -> Option<EarlySuccess> {
    // A rollback has to be whole.
    let in_progress = |status| status == ServiceDeploymentStatus::InProgress;
    let configuration = &service.ongoing().filter(|ongoing| in_progress(ongoing.status))?.configuration;
    let criteria = configuration.member("earlySuccessCriteria")?;
    (criteria.flag("enable") == Some(true)).then(|| EarlySuccess {
        percent: criteria.whole("healthyPercent").unwrap_or(100),
        defers: criteria.text("sourceServiceRevisionCleanup") == Some("DEFERRED"),
        bake: Duration::from_mins(configuration.whole("bakeTimeInMinutes").unwrap_or(0)),
    })
}

/// Whether a deployment that could complete bakes still; meanwhile the old one stays listed.
fn bakes(
    state: &mut State,
    service: &mut Service,
    is_reached: bool,
    early: Option<EarlySuccess>,
    now: Time,
) -> bool {
    let key = service.key.clone();
    let Some(ongoing) = service.ongoing() else { return false };
    if !is_reached || ongoing.status != ServiceDeploymentStatus::InProgress {
        ongoing.full_since = None;
        return false;
    }
    let is_watching = ongoing.alarms.as_ref().is_some_and(crate::ecs::AlarmRecord::is_watching);
    let by_alarms = if is_watching { state.timing.alarm_bake } else { Duration::ZERO };
    let bake = early.map_or(Duration::ZERO, |early| early.bake).max(by_alarms);
    let ends = ongoing.full_since.get_or_insert(now).after(bake);
    if now < ends {
        state.agenda.alarm(ends, Alarm::Service(key));
    }
    now < ends
}

/// Turns the PRIMARY deployment into the one that a rollback returns to.
pub(super) fn complete(state: &mut State, service: &mut Service, now: Time) {
    let Some(primary) = service.deployments.first_mut() else { return };
    let id = primary.id();
    primary.turn(Rollout::Completed, format!("ECS deployment {id} completed."), now);
    state.tell_deployment(&service.key, (&id, primary.rollout, &primary.reason), now);
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

fn say_steady(state: &mut State, service: &mut Service, is_steady: bool, now: Time) {
    if !is_steady {
        service.steady_said = None;
        return;
    }
    let is_completed =
        service.deployments.first().is_some_and(|primary| primary.rollout == Rollout::Completed);
    let said = service.steady_said.is_some_and(|said| now.since(said) < STEADY_AGAIN);
    if is_completed && !said {
        service.events.settle();
        service.events.say(&mut state.random, now, &service.key.name, words::STEADY);
        service.steady_said = Some(now);
        state.tell_service(&service.key, ServiceNotice::Steady, now);
        state.agenda.alarm(now.after(STEADY_AGAIN), Alarm::Service(service.key.clone()));
    }
}

/// An ACTIVE deployment leaves the list when its tasks are gone and it is to have none; in a rollback
/// not before its time.
pub(super) fn drop_empty_deployments(state: &mut State, service: &mut Service, now: Time) {
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
    let mut kept = numbers_with_tasks(state, service);
    let wanted = |number: &u64| service.wanted_of(*number).is_some_and(|wanted| wanted > 0);
    kept.extend(service.deployments.iter().map(|deployment| deployment.number).filter(wanted));
    kept.extend(service.deployments.first().map(|primary| primary.number));
    service.deployments.retain(|deployment| kept.contains(&deployment.number));
}

/// The deployments whose tasks still run or stop.
fn numbers_with_tasks(state: &State, service: &Service) -> Vec<u64> {
    let tasks = service.live.iter().filter_map(|id| state.tasks.get(id));
    tasks.filter(|task| task.status < TaskStatus::Deprovisioning).filter_map(Task::deployment).collect()
}

fn is_primary(service: &Service, number: u64) -> bool {
    service.deployments.first().is_some_and(|primary| primary.number == number)
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
