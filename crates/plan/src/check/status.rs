//! Whether the conditions and the next look agree with the rest of the plan.

use coxswain_ecs_model::Effect;

use super::{Case, Found, Rule};
use crate::{
    observed::Live,
    step::ConditionType::{self, Blocked, Held, Progressing, Ready, SourceReady, Suspended, Synced},
};

/// Those that a plan knows; whether the source is readable, it does not.
const CONDITIONS: &[ConditionType] = &[Synced, Ready, Progressing, Held, Blocked, Suspended];

pub(super) fn judge(case: &Case, found: &mut Found) {
    for kind in [SourceReady].iter().chain(CONDITIONS) {
        let times = case.plan.conditions.iter().filter(|condition| condition.kind == *kind).count();
        let wanted = usize::from(CONDITIONS.contains(kind));
        found
            .demand(times == wanted, Rule::ConditionsIncomplete, || format!("{kind:?} stands {times} times"));
    }
    for condition in &case.plan.conditions {
        found.demand(!condition.message.trim().is_empty(), Rule::ConditionsIncomplete, || {
            format!("{:?} says nothing", condition.kind)
        });
    }
    held(case, found);
    synced(case, found);
    suspended(case, found);
    blocked(case, found);
    health(case, found);
    look(case, found);
}

fn says(case: &Case, kind: ConditionType) -> Option<bool> {
    case.condition(kind).map(|condition| condition.status)
}

fn held(case: &Case, found: &mut Found) {
    let hold = case.plan.record.hold.as_ref().filter(|hold| hold.rollout == case.desired.rollout);
    let Some(condition) = case.condition(Held) else { return };
    let agrees = match hold {
        Some(hold) => condition.status && condition.reason == hold.reason,
        None => !condition.status,
    };
    found.demand(agrees, Rule::HeldDisagrees, || {
        format!("the condition is {} for {}, the record says otherwise", condition.status, condition.reason)
    });
}

fn synced(case: &Case, found: &mut Found) {
    let is_synced = case.ours().is_some() && case.plan.differences.is_empty();
    let agrees = says(case, Synced).is_none_or(|said| said == is_synced);
    found.demand(agrees, Rule::SyncedDisagrees, || {
        format!("{} fields differ, and Synced says otherwise", case.plan.differences.len())
    });
}

fn suspended(case: &Case, found: &mut Found) {
    let (manifest, switch) = (case.desired.suspended, case.policy.stopped);
    let agrees = says(case, Suspended).is_none_or(|said| said == (manifest || switch));
    found.demand(agrees, Rule::SuspendedDisagrees, || {
        format!("the manifest says suspend: {manifest}, the kill switch: {switch}")
    });
}

fn blocked(case: &Case, found: &mut Found) {
    let is_foreign = case.observed.service.active().is_some() && case.ours().is_none();
    let needs_recreation = case.plan.differences.iter().any(|found| found.effect == Effect::Recreate);
    let is_blocked = is_foreign || case.is_draining() || case.is_in_doubt() || needs_recreation;
    let is_said = says(case, Blocked) != Some(false);
    found.demand(
        !is_blocked || is_said || case.desired.suspended || case.policy.stopped,
        Rule::BlockedDisagrees,
        || "something stands in the way, and Blocked says no".to_owned(),
    );
}

fn health(case: &Case, found: &mut Found) {
    let is_there = matches!(case.observed.service, Live::Active(_));
    for kind in [Ready, Progressing] {
        let claims = says(case, kind) == Some(true);
        found.demand(is_there || !claims, Rule::HealthWithoutService, || {
            format!("{kind:?} although there is no service")
        });
    }
}

fn look(case: &Case, found: &mut Found) {
    let moves = case.plan.record.in_flight.is_some() || says(case, Progressing) == Some(true);
    let is_foreign = case.observed.service.active().is_some() && case.ours().is_none();
    let is_needed = (moves && !is_foreign) || case.is_in_doubt() || case.is_draining();
    let is_soon = case.plan.look_again_at.is_some_and(|at| at > case.now);
    found.demand(!is_needed || is_soon, Rule::LookMissing, || {
        "something is in flight or in doubt, and no look is set".to_owned()
    });
    let is_past = case.plan.look_again_at.is_some_and(|at| at <= case.now);
    found.demand(!is_past || is_needed, Rule::LookMissing, || "the next look lies in the past".to_owned());
}
