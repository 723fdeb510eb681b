//! The spine: one look at one object, from what is wanted to what was done.
//!
//! ```text
//! desired -> record -> observe -> plan -> check -> act -> report
//! ```
//! Reading, validating and resolving the manifests has happened before, once for all objects
//! ([`crate::source`], [`crate::resolve`]); what is left is here, once per object and look. Each phase
//! takes what the one before it made, so that the order cannot be wrong; each may end the look early,
//! and there is one exit, where the status is written.

use std::sync::Arc;

use coxswain_manifest::Key;
use coxswain_plan::{Breach, Policy, check, plan};
use coxswain_runtime::NextLook;
use tracing::Instrument as _;

use crate::{act, context::Context, observe, phase::PhaseError, report::Report};

/// Looks at one object and brings it one step closer to its manifest.
///
/// # Guarantees
/// Safe to run at any time and any number of times, for one key at a time: what is done follows from
/// what is seen now and remembered, never from why the look was asked for. Where nothing differs,
/// nothing is written.
///
/// # Cancel safety
/// Dying at any point is safe: the record says what was about to be sent, and the next look begins by
/// observing.
pub async fn reconcile(key: &Key, cx: &Context) -> NextLook {
    let mut report = Report::begin(key, cx.clock.now());
    let span = tracing::info_span!("reconcile", object = %key);
    let result = look(key, cx, &mut report).instrument(span).await;
    report.finish(result, cx).await
}

async fn look(key: &Key, cx: &Context, report: &mut Report) -> Result<(), PhaseError> {
    let stopped = cx.authority.is_stopped();
    report.is_stopped = stopped;
    let desired = cx.desired.get(key)?;
    report.desired = Some(desired.clone());

    let record = cx.records.get(key).await?;
    let wish = cx.intents.wish(key);

    let observed = Arc::new(observe::service(&desired, &record, cx).await?);
    report.observed = Some(observed.clone());

    // What nobody may send is not tried again either; the wish waits.
    let policy = Policy { retry: wish.is_retry() && !stopped, stopped, ..cx.policy.clone() };
    let now = cx.clock.now();
    let plan = Arc::new(plan(&desired, &record, &observed, &policy, now));
    report.plan = Some(plan.clone());
    second_opinion(&check(&plan, &desired, &record, &observed, &policy, now))?;

    cx.records.put(&plan.record).await?;
    act::run(&plan, &observed, wish.is_retry(), cx, report).await?;
    if stopped {
        return Ok(());
    }
    cx.intents.consume(wish, &plan, &cx.authority, cx.clock.now()).await
}

/// Refuses a plan that breaks a rule: a fault of the planner's ends here, before anything is stored or sent.
fn second_opinion(breaches: &[Breach]) -> Result<(), PhaseError> {
    if breaches.is_empty() {
        return Ok(());
    }
    let breaches = breaches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    tracing::error!(reason = "PlanRefused", %breaches, "the plan was refused and nothing was sent");
    Err(PhaseError::UnsafePlan { breaches })
}

#[cfg(test)]
mod tests {
    use coxswain_plan::{Reason, Rule};
    use jiff::Timestamp;

    use super::*;
    use crate::phase::Retry;

    #[test]
    fn a_plan_that_breaks_a_rule_blocks_its_object_and_names_the_rule() {
        assert!(second_opinion(&[]).is_ok());
        let what = "v1:sha256:00 is held".to_owned();
        let error = second_opinion(&[Breach { rule: Rule::RolloutWhileHeld, what }]).unwrap_err();
        assert_eq!(error.reason(), Reason::PlanRefused);
        assert_eq!(error.retry(Timestamp::UNIX_EPOCH), Retry::AfterChange);
        assert!(error.message().contains("RolloutWhileHeld: v1:sha256:00 is held"), "{}", error.message());
    }
}
