//! The spine: one look at one object, from what is wanted to what was done.
//!
//! ```text
//! desired -> record -> observe -> plan -> act -> report
//! ```
//! Reading, validating and resolving the manifests has happened before, once for all objects
//! ([`crate::source`], [`crate::resolve`]); what is left is here, once per object and look. Each phase
//! takes what the one before it made, so that the order cannot be wrong; each may end the look early,
//! and there is one exit, where the status is written.

use coxswain_manifest::Key;
use coxswain_plan::{Policy, plan};
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
    let desired = cx.desired.get(key)?;
    report.desired = Some(desired.clone());

    let record = cx.records.get(key).await?;
    let wish = cx.intents.wish(key);

    let observed = observe::service(&desired, &record, cx).await?;
    report.observed = Some(observed.clone());

    let policy = Policy { retry: wish.is_retry(), ..cx.policy.clone() };
    let plan = plan(&desired, &record, &observed, &policy, cx.clock.now());
    report.plan = Some(plan.clone());

    cx.records.put(&plan.record).await?;
    act::run(&plan, &observed, cx, report).await?;
    cx.intents.consume(wish, &plan, cx.clock.now()).await
}
