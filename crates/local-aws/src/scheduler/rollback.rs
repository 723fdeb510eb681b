//! The end of a deployment that failed, and the rollback to the last one that completed.

use crate::{
    clock::Time,
    ecs::{NO_CANDIDATE, Rollout, Service, ServiceDeploymentStatus, State, words},
};

/// Why a deployment ends before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The circuit breaker tripped.
    Breaker,
    /// An alarm went off.
    Alarm,
    /// Somebody asked for it by StopServiceDeployment.
    Request,
    /// A lifecycle hook failed or timed out; this is the service deployment's reason.
    Hook(String),
    /// A stage took longer than ECS lets it; this is the service deployment's reason.
    Stage(String),
}

impl Cause {
    /// The end of the service event; a request makes none.
    fn event(&self) -> Option<&str> {
        match self {
            Self::Breaker => Some("tasks failed to start."),
            Self::Alarm => Some("alarm detected."),
            Self::Hook(reason) | Self::Stage(reason) => Some(reason),
            Self::Request => None,
        }
    }

    /// The failed deployment's `rolloutStateReason`.
    fn rollout_reason(&self, id: &str) -> String {
        match self {
            Self::Breaker => "ECS deployment circuit breaker: tasks failed to start.".into(),
            Self::Alarm => "ECS deployment failed: alarm detected.".into(),
            Self::Hook(_) => "ECS deployment failed: hook execution failure(s) detected.".into(),
            Self::Stage(_) => "ECS deployment failed: a lifecycle stage timed out.".into(),
            Self::Request => format!("ECS deployment {id} was stopped."),
        }
    }

    /// The `rolloutStateReason` of the deployment that comes back.
    fn return_reason(&self, id: &str) -> String {
        match self {
            Self::Breaker => format!("ECS deployment circuit breaker: rolling back to deploymentId {id}."),
            _ => format!("ECS deployment rolling back to deploymentId {id}."),
        }
    }

    /// The service deployment's `statusReason`, where it is rolled back.
    fn status_reason(&self) -> String {
        match self {
            Self::Breaker => because("rolled back", "the circuit breaker threshold was exceeded."),
            Self::Alarm => because("rolled back", "an alarm was detected."),
            Self::Request => because("rolled back", "of a stop request."),
            Self::Hook(reason) | Self::Stage(reason) => reason.clone(),
        }
    }

    /// The service deployment's `statusReason`, where it only ends.
    fn stop_reason(&self) -> String {
        match self {
            Self::Breaker => because("stopped", "the circuit breaker threshold was exceeded."),
            Self::Alarm => because("stopped", "an alarm was detected."),
            Self::Request => because("stopped", "of a stop request."),
            Self::Hook(reason) | Self::Stage(reason) => reason.clone(),
        }
    }
}

fn because(what: &str, why: &str) -> String {
    format!("Service deployment {what} because {why}")
}

/// Carries out what StopServiceDeployment asked for; says whether it had.
pub(super) fn stop_if_requested(state: &mut State, service: &mut Service, now: Time) -> bool {
    let status = service.ongoing().map(|ongoing| ongoing.status);
    let rolls_back = match status {
        Some(ServiceDeploymentStatus::RollbackRequested) => true,
        Some(ServiceDeploymentStatus::StopRequested) => false,
        _ => return false,
    };
    fail(state, service, &Cause::Request, rolls_back, now);
    true
}

/// Fails the deployment that an alarm of its own has gone off for; says whether one has.
pub(super) fn fail_by_alarm_if_due(state: &mut State, service: &mut Service, now: Time) -> bool {
    let in_progress = |status| status == ServiceDeploymentStatus::InProgress;
    let ongoing = service.ongoing().filter(|ongoing| in_progress(ongoing.status));
    let Some(alarms) = ongoing.and_then(|ongoing| ongoing.alarms.as_mut()) else { return false };
    if !alarms.look(&state.alarms) {
        return false;
    }
    let rolls_back = alarms.rolls_back;
    fail(state, service, &Cause::Alarm, rolls_back, now);
    true
}

/// Ends the PRIMARY deployment as FAILED, and rolls the service back if that is wanted.
pub(super) fn fail(state: &mut State, service: &mut Service, cause: &Cause, rolls_back: bool, now: Time) {
    let Some(primary) = service.deployments.first_mut() else { return };
    primary.turn(Rollout::Failed, cause.rollout_reason(&primary.id()), now);
    state.tell_deployment(&service.key, (&primary.id(), primary.rollout, &primary.reason), now);
    if let Some(event) = cause.event() {
        let text = words::failed(&primary.id(), event);
        service.events.say(&mut state.random, now, &service.key.name, &text);
    }
    if rolls_back {
        roll_back(state, service, cause, now);
    } else if let Some(ongoing) = service.ongoing() {
        ongoing.finish(ServiceDeploymentStatus::Stopped, Some(&cause.stop_reason()), now);
    }
}

/// Makes the last COMPLETED deployment the PRIMARY again, under its old id.
///
/// Its counters are those of its completion: none. The service's count, percentages and tags are not
/// the revision's and stay as they are. Without a deployment to return to, the failed one stays
/// PRIMARY and launches nothing.
fn roll_back(state: &mut State, service: &mut Service, cause: &Cause, now: Time) {
    let failed = service.deployments.first().map(|primary| primary.number);
    let target = service.last_completed.clone().filter(|target| Some(target.number) != failed);
    let Some(mut target) = target else {
        if let Some(ongoing) = service.ongoing() {
            ongoing.finish(ServiceDeploymentStatus::RollbackFailed, Some(NO_CANDIDATE), now);
        }
        return;
    };
    service.deployments.retain(|deployment| deployment.number != target.number);
    target.turn(Rollout::InProgress, cause.return_reason(&target.id()), now);
    state.tell_deployment(&service.key, (&target.id(), target.rollout, &target.reason), now);
    target.created_at = now;
    if let Some(ongoing) = service.ongoing() {
        ongoing.roll_back(&cause.status_reason(), target.number, now);
    }
    service.restore(&target.revision.spec);
    let text = words::rolling_back(&target.id());
    service.events.say(&mut state.random, now, &service.key.name, &text);
    service.deployments.insert(0, target);
}
