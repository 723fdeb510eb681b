//! A deployment that shifts traffic, from stage to stage, and the tasks of both its revisions.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>

use std::time::Duration;

use super::{
    completion::complete,
    moves,
    pass::situation_of,
    rollback::{self, Cause},
    rolling::{self, Standing},
};
use crate::{
    clock::Time,
    ecs::{
        Alarm, Direction, Effect, Hook, HookCall, HookState, HookTargets, HookUrl, Service,
        ServiceDeployment, Shift, Stage, State,
    },
};

/// The longest that a stage other than a pause may take. Source: the workflow's page.
const STAGE_LIMIT: Duration = Duration::from_hours(24);

/// What a stage leads to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It goes on; its end may be due at a set time.
    Wait(Option<Time>),
    Enter(Stage),
    Done,
    Fail(Cause),
}

/// How the tasks stand, as far as a stage asks.
#[derive(Debug, Clone, Copy)]
struct Tasks {
    /// Every task of the revision that is scaled up is healthy.
    is_full: bool,
    /// No revision has tasks but the two that share the traffic.
    others_are_gone: bool,
    /// The PRIMARY alone is left.
    is_alone: bool,
}

/// Enters the first stage of a deployment that has just begun.
pub(super) fn begin(state: &mut State, service: &mut Service, now: Time) {
    let several = service.deployments.len() > 2;
    enter(state, service, if several { Stage::ReconcileService } else { Stage::PreScaleUp }, now);
}

/// Moves the deployment's stages on as far as they go now; says whether it is one that shifts traffic.
pub(super) fn advance(state: &mut State, service: &mut Service, now: Time) -> bool {
    loop {
        let tasks = tasks(state, service, now);
        let Some(shift) = service.ongoing().and_then(|ongoing| ongoing.shift.as_mut()) else { return false };
        let (calls_at, open) = move_hooks(&mut state.hook_targets, shift, now);
        ask(state, service);
        let Some(shift) = service.history.last().and_then(|ongoing| ongoing.shift.as_ref()) else {
            return false;
        };
        match if open { Step::Wait(calls_at) } else { next(shift, tasks, now) } {
            Step::Wait(at) => {
                if let Some(at) = at {
                    state.agenda.alarm(at, Alarm::Service(service.key.clone()));
                }
                return true;
            }
            Step::Enter(next) => enter(state, service, next, now),
            Step::Fail(cause) => rollback::fail(state, service, &cause, true, now),
            Step::Done => complete(state, service, now),
        }
    }
}

/// Starts and stops tasks of each revision towards its own count.
pub(super) fn scale(state: &mut State, service: &mut Service, now: Time) {
    let numbers: Vec<u64> = service.deployments.iter().map(|deployment| deployment.number).collect();
    for number in numbers {
        let Some(shift) = service.history.last().and_then(|ongoing| ongoing.shift.as_ref()) else { return };
        let wanted = shift.wanted(number, service.desired_count);
        let may_launch = shift.may_launch(number);
        let mut situation = situation_of(state, service, number, wanted, now);
        situation.may_launch &= may_launch;
        situation.members.retain(|member| member.is_primary);
        let moves = rolling::decide(&situation);
        moves::carry_out(state, service, number, &moves, now);
    }
}

fn enter(state: &mut State, service: &mut Service, next: Stage, now: Time) {
    let Some(ongoing) = service.ongoing() else { return };
    let ServiceDeployment { configuration, shift: Some(shift), .. } = ongoing else { return };
    let goes_back = shift.direction == Direction::Back;
    let hooks = Hook::of_stage(configuration, next, goes_back, &mut state.random, now);
    shift.enter(next, hooks, now);
    ongoing.turn(ongoing.status, now);
    if let Some(shift) = service.history.last().and_then(|ongoing| ongoing.shift.as_ref()) {
        state.route_by(service, shift);
    }
}

/// Moves the stage's hooks on; says when the next one wants it, and whether one is undecided.
fn move_hooks(targets: &mut HookTargets, shift: &mut Shift, now: Time) -> (Option<Time>, bool) {
    let at = shift.hooks.iter_mut().filter_map(|hook| hook.move_on(targets, now)).min();
    let failed = |hook: &Hook| matches!(hook.state, HookState::Failed(_) | HookState::TimedOut(Some(_)));
    let open = shift.hooks.iter().any(|hook| hook.state == HookState::Open);
    (at, open && !shift.hooks.iter().any(failed))
}

/// Has the functions asked that are to be asked now.
fn ask(state: &mut State, service: &mut Service) {
    let shift = service.ongoing().and_then(|ongoing| ongoing.shift.as_mut());
    let asked: Vec<(String, HookUrl)> = shift
        .into_iter()
        .flat_map(|shift| &mut shift.hooks)
        .filter_map(|hook| hook.asks().map(|url| (hook.id.clone(), url)))
        .collect();
    let Some(ongoing) = service.history.last() else { return };
    for (id, url) in asked {
        let hook = ongoing.shift.iter().flat_map(|shift| &shift.hooks).find(|hook| hook.id == id);
        if let Some(event) = hook.and_then(|hook| state.hook_event(&service.key, ongoing, hook)) {
            state.agenda.effect(Effect::Ask(HookCall { hook: id, url, event }));
        }
    }
}

fn tasks(state: &State, service: &Service, now: Time) -> Tasks {
    let count = service.deployments.len();
    let primary = service.deployments.first().map(|primary| primary.number).unwrap_or_default();
    let situation = situation_of(state, service, primary, service.desired_count, now);
    let own = situation.members.iter().filter(|member| member.is_primary);
    let healthy = own.clone().filter(|member| member.standing == Standing::Healthy).count();
    Tasks {
        is_full: own.count() == healthy && u64::try_from(healthy) == Ok(service.desired_count),
        others_are_gone: count <= 2,
        is_alone: count == 1,
    }
}

/// What a stage leads to once none of its hooks is undecided.
fn next(shift: &Shift, tasks: Tasks, now: Time) -> Step {
    if shift.direction == Direction::Back {
        // What a hook says on the way back holds nothing up.
        return match shift.stage {
            Stage::CleanUp if tasks.is_alone && tasks.is_full => Step::Done,
            Stage::ScaleUp if tasks.is_full => Step::Enter(Stage::ProductionTrafficShift),
            Stage::ProductionTrafficShift => Step::Enter(Stage::TestTrafficShift),
            Stage::TestTrafficShift => Step::Enter(Stage::CleanUp),
            _ => Step::Wait(None),
        };
    }
    let failure = shift.hooks.iter().find_map(|hook| match &hook.state {
        HookState::Failed(reason) | HookState::TimedOut(Some(reason)) => Some(reason.clone()),
        _ => None,
    });
    if let Some(reason) = failure {
        return Step::Fail(Cause::Hook(reason));
    }
    let after = |wait: Duration, stage: Stage| {
        let at = shift.since.after(wait);
        if now >= at { Step::Enter(stage) } else { Step::Wait(Some(at)) }
    };
    let limit = || {
        let at = shift.since.after(STAGE_LIMIT);
        if now < at {
            return Step::Wait(Some(at));
        }
        let stage = shift.stage.name();
        Step::Fail(Cause::Stage(format!(
            "Service deployment rolled back because {stage} took longer than 24 hours."
        )))
    };
    match shift.stage {
        Stage::ReconcileService if tasks.others_are_gone => Step::Enter(Stage::PreScaleUp),
        Stage::PreScaleUp => Step::Enter(Stage::ScaleUp),
        Stage::ScaleUp if tasks.is_full => Step::Enter(Stage::PostScaleUp),
        Stage::PostScaleUp => Step::Enter(Stage::TestTrafficShift),
        Stage::TestTrafficShift => Step::Enter(Stage::PostTestTrafficShift),
        Stage::PostTestTrafficShift => Step::Enter(Stage::PreProductionTrafficShift),
        Stage::PreProductionTrafficShift => Step::Enter(Stage::ProductionTrafficShift),
        Stage::ProductionTrafficShift if shift.has_moved_all() => {
            Step::Enter(Stage::PostProductionTrafficShift)
        }
        Stage::ProductionTrafficShift => after(shift.step_bake(), Stage::PreProductionTrafficShift),
        Stage::PostProductionTrafficShift => Step::Enter(Stage::BakeTime),
        Stage::BakeTime => after(shift.bake, Stage::CleanUp),
        Stage::CleanUp if tasks.is_alone && tasks.is_full => Step::Done,
        Stage::ReconcileService | Stage::ScaleUp | Stage::CleanUp => limit(),
    }
}
