//! Which steps go together, in which order, for which reason.

use std::collections::BTreeMap;

use super::{Case, Found, Rule};
use crate::{reason::Reason, step::Step};

pub(super) fn judge(case: &Case, found: &mut Found) {
    number(case, found);
    registration(case, found);
    reasons(case, found);
    state(case, found);
}

fn number(case: &Case, found: &mut Found) {
    let mut times = BTreeMap::new();
    for step in case.steps() {
        *times.entry(step.operation()).or_insert(0_usize) += 1;
    }
    for (operation, times) in &times {
        found.demand(*times == 1, Rule::StepTwice, || format!("{operation} {times} times"));
    }
}

fn registration(case: &Case, found: &mut Found) {
    let used = case.steps().enumerate().find_map(|(index, step)| match step {
        Step::CreateService { task_definition, .. } => Some((index, task_definition)),
        Step::UpdateService { task_definition: Some(digest), .. } => Some((index, digest)),
        _ => None,
    });
    let registered = case.steps().enumerate().find_map(|(index, step)| match step {
        Step::RegisterTaskDefinition { digest, .. } => Some((index, digest)),
        _ => None,
    });
    match (registered, used) {
        (None, None) => {}
        (Some(_), None) => {
            found.breach(Rule::RegisteredForNothing, "a revision is registered and no step uses it");
        }
        (None, Some(_)) => {
            found.breach(Rule::NotRegistered, "a step names a revision that no step registers");
        }
        (Some((registered, _)), Some((used, _))) => {
            found.demand(registered < used, Rule::RegisteredTooLate, || {
                "a revision is registered after the step that uses it".to_owned()
            });
        }
    }
    for (_, digest) in registered.into_iter().chain(used) {
        found.demand(*digest == case.desired.digest, Rule::DigestMismatch, || {
            format!("{digest} is not the digest of the definition that is wanted")
        });
    }
    for step in case.steps() {
        if let Step::CreateService { rollout, .. } | Step::UpdateService { rollout: Some(rollout), .. } = step
        {
            found.demand(*rollout == case.desired.rollout, Rule::DigestMismatch, || {
                format!("{rollout} is not the digest of the rollout that is wanted")
            });
        }
    }
}

fn reasons(case: &Case, found: &mut Found) {
    for planned in &case.plan.steps {
        let operation = planned.step.operation();
        found.demand(planned.reason != Reason::InSync, Rule::StepWithoutReason, || {
            format!("{operation} is taken because all is in sync")
        });
        found.demand(!planned.because.trim().is_empty(), Rule::StepWithoutWords, || {
            format!("{operation} does not say why")
        });
    }
    for planned in case.changes() {
        // A retry of what is live already has nothing to show but the person's wish.
        let is_explained = !planned.differences.is_empty() || planned.reason == Reason::Retried;
        found.demand(is_explained, Rule::StepWithoutDifference, || {
            format!("{} shows nothing that it settles", planned.step.operation())
        });
    }
}

fn state(case: &Case, found: &mut Found) {
    let creates = case.steps().any(|step| matches!(step, Step::CreateService { .. }));
    let is_there = case.observed.service.active().is_some();
    match case.changes().next() {
        Some(change) if creates => {
            let operation = change.step.operation();
            found.breach(Rule::CreateAndUpdate, format!("CreateService and {operation}"));
        }
        Some(change) if !is_there => {
            let operation = change.step.operation();
            found.breach(Rule::ChangeWithoutService, format!("{operation} although there is no service"));
        }
        None if creates && is_there => {
            found.breach(Rule::CreateOverService, "CreateService although the service is there");
        }
        _ => {}
    }
}
