//! Whether anything may be written at all, and whether a rollout may start.

use coxswain_manifest::DriftPolicy;

use super::{BUDGET_WINDOW, Case, Found, Rule};
use crate::{
    reason::Reason,
    step::{ConditionType, PlannedStep, Step},
};

pub(super) fn judge(case: &Case, found: &mut Found) {
    if let Some(first) = case.plan.steps.first() {
        whole_plan(case, &first.step, found);
    }
    for planned in &case.plan.steps {
        rollout(case, &planned.step, found);
        correction(case, planned, found);
    }
}

fn whole_plan(case: &Case, first: &Step, found: &mut Found) {
    let write = first.operation();
    let is_foreign = case.observed.service.active().is_some() && case.ours().is_none();
    let blocked = case.condition(ConditionType::Blocked).filter(|condition| condition.status);
    // A field that does not stay stops its own correction; an edit of another field still goes out.
    let stands_in_the_way = blocked.is_some_and(|condition| condition.reason != Reason::NotConverging);
    let forbidden = [
        (case.desired.suspended, Rule::WriteWhileSuspended, "the manifest suspends the object"),
        (case.policy.stopped, Rule::WriteWhileSuspended, "the kill switch is set"),
        (is_foreign, Rule::WriteToForeignService, "the service is not ours"),
        (case.is_draining(), Rule::WriteWhileDraining, "the service is being deleted"),
        (case.is_in_doubt(), Rule::WriteWhileInDoubt, "the outcome of a rollout that was sent is not known"),
        (stands_in_the_way, Rule::WriteWhileBlocked, "the plan says that it is blocked"),
    ];
    // The first says it all: what stands in the way is blocked, too.
    if let Some((_, rule, why)) = forbidden.into_iter().find(|(applies, ..)| *applies) {
        found.breach(rule, format!("{write} although {why}"));
    }
}

fn rollout(case: &Case, step: &Step, found: &mut Found) {
    let (Step::CreateService { rollout: digest, .. } | Step::UpdateService { rollout: Some(digest), .. }) =
        step
    else {
        return;
    };
    let held_before = case.record.hold.as_ref().filter(|_| !case.policy.retry);
    let held = [held_before, case.plan.record.hold.as_ref()];
    let is_held = held.into_iter().flatten().any(|hold| hold.rollout == *digest);
    found.demand(!is_held, Rule::RolloutWhileHeld, || {
        format!("{} rolls out {digest}, which is held", step.operation())
    });
    let is_in_flight = case.plan.record.in_flight.as_ref().is_some_and(|flight| flight.rollout == *digest);
    found.demand(!is_in_flight, Rule::RolloutTwice, || {
        format!("{} rolls out {digest}, which is in flight", step.operation())
    });
}

fn correction(case: &Case, planned: &PlannedStep, found: &mut Found) {
    let operation = planned.step.operation();
    let is_correction = planned.reason == Reason::Drifted;
    let is_drift = case.was_all_sent() && !case.policy.retry && case.ours().is_some();
    if is_drift && !is_correction {
        found.breach(Rule::CorrectionUncounted, format!("{operation} is called {}", planned.reason));
    }
    if !is_drift && !is_correction {
        return;
    }
    found.demand(case.desired.drift == DriftPolicy::Correct, Rule::CorrectionAgainstPolicy, || {
        format!("{operation} corrects drift that is only to be reported")
    });
    let since_sent = case.record.sent_at.map(|sent| case.observed.seen_at.duration_since(sent));
    let is_stale = since_sent.is_some_and(|age| age < case.policy.settle);
    found.demand(!is_stale, Rule::CorrectionOnStaleAnswer, || {
        format!("{operation} corrects what may be an answer from before our own change")
    });
    for path in planned.differences.iter().map(|difference| &difference.path) {
        let recent =
            case.record.corrections.iter().filter(|past| case.now.duration_since(past.at) < BUDGET_WINDOW);
        let times = recent.filter(|past| past.paths.contains(path)).count();
        found.demand(times < case.policy.corrections_per_hour, Rule::CorrectionBeyondBudget, || {
            format!("{operation} corrects {path}, which was corrected {times} times within an hour")
        });
    }
}
