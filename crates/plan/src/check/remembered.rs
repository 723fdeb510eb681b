//! Whether the record keeps what must not be forgotten, and learns only what was seen.

use super::{BUDGET_WINDOW, Case, Found, Rule};
use crate::{
    observed::Live,
    reason::Reason,
    record::{RECORD_SCHEMA, Rollout},
    step::RolloutEnd,
};

/// A record keeps so many revisions at the least before it forgets one.
const REVISIONS_AT_LEAST: usize = 20;

pub(super) fn judge(case: &Case, found: &mut Found) {
    envelope(case, found);
    identity(case, found);
    hold(case, found);
    in_flight(case, found);
    ends(case, found);
    memory(case, found);
    sends(case, found);
}

fn envelope(case: &Case, found: &mut Found) {
    let (plan, before, settled) = (case.plan, case.record, &case.plan.record);
    let is_ours = plan.key == case.desired.key && settled.key == case.desired.key;
    found.demand(is_ours, Rule::WrongObject, || format!("the plan is of {}", plan.key));
    found.demand(plan.revision == case.desired.revision, Rule::WrongObject, || {
        format!("the plan is of the manifest's revision {}", plan.revision)
    });
    let is_kept = settled.schema == RECORD_SCHEMA && settled.epoch == before.epoch;
    found.demand(is_kept, Rule::WrongObject, || "the record's layout or epoch has changed".to_owned());
}

fn identity(case: &Case, found: &mut Found) {
    let live = case.ours().map(|live| &live.identity);
    let settled = case.plan.record.identity.as_ref();
    let is_kept = match (case.record.identity.as_ref(), &case.observed.service) {
        (Some(before), Live::Active(_)) => settled == live || settled == Some(before),
        (Some(before), Live::Draining) => settled == Some(before),
        (Some(before), Live::Missing) => settled.is_none_or(|settled| settled == before),
        (None, _) => settled.is_none() || settled == live,
    };
    let remembers_living = live.is_none() || settled == live;
    found.demand(is_kept && remembers_living, Rule::IdentityLost, || {
        "the record does not remember the living service, or remembers another".to_owned()
    });
}

fn hold(case: &Case, found: &mut Found) {
    let wanted = &case.desired.rollout;
    let is_held = case.plan.record.hold.as_ref().is_some_and(|hold| hold.rollout == *wanted);
    let was_held = case.record.hold.as_ref().is_some_and(|hold| hold.rollout == *wanted);
    found.demand(!was_held || is_held || case.policy.retry, Rule::HoldForgotten, || {
        "the manifest has not changed, nobody said retry, and the hold is gone".to_owned()
    });
}

fn in_flight(case: &Case, found: &mut Found) {
    let Some(before) = &case.record.in_flight else {
        let invented = case.plan.record.in_flight.is_some();
        found.demand(!invented, Rule::InFlightDropped, || {
            "a rollout is in flight that was not sent".to_owned()
        });
        return;
    };
    let is_same = |settled: &Rollout| {
        let same_call = settled.rollout == before.rollout && settled.sent_at == before.sent_at;
        let same_id = before.deployment_id.is_none() || settled.deployment_id == before.deployment_id;
        same_call && same_id
    };
    if case.plan.record.in_flight.as_ref().is_some_and(is_same) {
        return;
    }
    // The service was deleted, or moved on, by somebody else: our rollout has no end of its own.
    let others_act = |reason| matches!(reason, Reason::Deleted | Reason::Drifted);
    let is_its_end = |end: &RolloutEnd| end.rollout == before.rollout.to_string();
    let is_told = case
        .plan
        .events
        .iter()
        .any(|event| others_act(event.reason) || event.rollout.as_ref().is_some_and(is_its_end));
    let never_began = before.deployment_id.is_none() && !case.is_visible(before) && !case.is_in_doubt();
    found.demand(is_told || never_began, Rule::InFlightDropped, || {
        "a rollout in flight is forgotten without a word on its end".to_owned()
    });
}

fn ends(case: &Case, found: &mut Found) {
    for end in case.plan.events.iter().filter_map(|event| event.rollout.as_ref()) {
        if end.succeeded {
            found.demand(has_succeeded(case, end), Rule::SuccessInvented, || {
                format!("ECS does not say that deployment {:?} succeeded", end.deployment_id)
            });
            continue;
        }
        let is_held =
            case.plan.record.hold.as_ref().is_some_and(|hold| hold.rollout.to_string() == end.rollout);
        let must_hold = end.rollout == case.desired.rollout.to_string() && !case.policy.retry;
        found.demand(is_held || !must_hold, Rule::FailureNotHeld, || {
            "a rollout ended without success, and its digest is not held".to_owned()
        });
    }
}

/// That the service is stable says nothing: after a rollback it is stable, too.
fn has_succeeded(case: &Case, end: &RolloutEnd) -> bool {
    let Some(id) = &end.deployment_id else { return false };
    let live = case.observed.service.active();
    let deployments = live.into_iter().flat_map(|live| &live.deployments);
    let mut completed =
        deployments.filter(|deployment| deployment.rollout_state.as_deref() == Some("COMPLETED"));
    let mut told = case.observed.service_deployments.iter().flatten();
    completed.any(|deployment| deployment.id == *id)
        || told.any(|told| told.deployment_id == *id && told.status == "SUCCESSFUL")
}

fn memory(case: &Case, found: &mut Found) {
    let (before, settled) = (case.record, &case.plan.record);
    let recent = before.corrections.iter().filter(|past| case.now.duration_since(past.at) < BUDGET_WINDOW);
    for correction in recent {
        found.demand(settled.corrections.contains(correction), Rule::MemoryLost, || {
            format!("the correction of {} is forgotten", correction.at)
        });
    }
    let may_forget = settled.revisions.len() >= REVISIONS_AT_LEAST;
    for revision in &before.revisions {
        let kept = settled.revisions.iter().find(|kept| kept.arn == revision.arn);
        let is_kept = kept.map_or(may_forget, |kept| kept.good || !revision.good);
        found.demand(is_kept, Rule::MemoryLost, || format!("revision {} is forgotten", revision.arn));
    }
    if settled.last_good != before.last_good {
        let is_told =
            case.plan.events.iter().any(|event| event.rollout.as_ref().is_some_and(|end| end.succeeded));
        let primary = case.ours().and_then(|live| live.primary());
        let is_shown = primary.is_some_and(|primary| {
            let is_completed = primary.rollout_state.as_deref() == Some("COMPLETED");
            let arn = settled.last_good.as_ref().map(|good| &good.task_definition_arn);
            is_completed && arn == Some(&primary.task_definition_arn)
        });
        found.demand(is_told || is_shown, Rule::GoodInvented, || {
            "a rollout is remembered as good that nothing shows to be so".to_owned()
        });
    }
}

fn sends(case: &Case, found: &mut Found) {
    let sends = &case.plan.sends;
    let wanted = case.desired.as_sent();
    if case.steps().any(crate::step::Step::starts_rollout) {
        found.demand(*sends == wanted, Rule::SendsWrong, || {
            "a rollout is started, and what is remembered as sent is not what is wanted".to_owned()
        });
    } else if !case.plan.steps.is_empty() {
        let is_kept = sends.tags == wanted.tags && sends.desired_count == wanted.desired_count;
        found.demand(is_kept, Rule::SendsWrong, || {
            "what is remembered as sent has other tags or another count than is wanted".to_owned()
        });
    }
}
