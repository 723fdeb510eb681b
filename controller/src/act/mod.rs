//! Carries a plan out, one call after the other. It never decides.
//!
//! Around each call the record is kept: what is about to be sent is stored before it (so that a process
//! that dies in between knows what may have happened), and what was answered is stored after it.

mod refusal;
mod service;
mod tags;
mod task_definition;

pub use refusal::Refusals;
pub use task_definition::Families;

use coxswain_plan::{Observed, Plan, Record, Step, StepAnswer};

use crate::{
    aws::{AwsError, Failure},
    context::Context,
    phase::PhaseError,
    report::Report,
};

/// Carries a plan out. The plan's own record is stored already.
///
/// # Guarantees
/// - The first failure ends it: later steps rest on earlier ones.
/// - A call that AWS refused leaves the record as it was; one whose outcome is not known leaves the
///   record that says so, and the next look finds out before anything else is sent.
/// - What AWS has just refused as invalid is not sent again for ten minutes, unless something in it has
///   changed or a person asked for it (`is_asked_for`); the refusal stands.
/// - Once the program is ending no further step begins.
/// - Each call is asked for right before it is sent ([`crate::fence`]): without the lease, and under the
///   kill switch, it is not.
pub async fn run(
    plan: &Plan,
    observed: &Observed,
    is_asked_for: bool,
    cx: &Context,
    report: &mut Report,
) -> Result<(), PhaseError> {
    let now = cx.clock.now();
    if !is_asked_for && let Some(refusal) = cx.refusals.standing(plan, now) {
        return Err(refusal);
    }
    let result = carry_out(plan, observed, cx, report).await;
    cx.refusals.note(plan, &result, now);
    result
}

async fn carry_out(
    plan: &Plan,
    observed: &Observed,
    cx: &Context,
    report: &mut Report,
) -> Result<(), PhaseError> {
    let mut record = plan.record.clone();
    let last = plan.steps.len().saturating_sub(1);
    for (index, planned) in plan.steps.iter().enumerate() {
        if cx.drain.is_signalled() {
            cx.records.put(&record).await?;
            tracing::info!(step = planned.step.operation(), "shutting down: left to the next controller");
            return Err(PhaseError::Draining);
        }
        let before = record.before(plan, planned, observed, cx.clock.now());
        cx.records.put(&before).await?;
        tracing::info!(
            step = planned.step.operation(),
            reason = planned.reason.name(),
            revision = plan.revision,
            "{}",
            planned.because
        );
        let answer = match step(&planned.step, &before, cx).await {
            Ok(answer) => answer,
            Err(failure) => return Err(failed(failure, &record, observed, cx).await),
        };
        // What was answered is stored with what is about to be sent next, or here after the last step.
        record = before.after(plan, &planned.step, &answer, index == last);
        report.done.push(planned.step.operation());
    }
    cx.records.put(&record).await
}

async fn step(step: &Step, record: &Record, cx: &Context) -> Result<StepAnswer, StepFailure> {
    match step {
        Step::RegisterTaskDefinition { family, digest, known, request } => {
            task_definition::register(family, digest, known.as_deref(), request, cx).await
        }
        Step::CreateService { request, task_definition, rollout } => {
            service::create(request, task_definition, rollout, record, cx).await
        }
        Step::UpdateService { cluster, service, members, task_definition, .. } => {
            service::update(cluster, service, members, task_definition.as_ref(), record, cx).await
        }
        Step::TagResource { arn, tags } => tags::set(arn, tags, cx).await,
        Step::UntagResource { arn, keys } => tags::remove(arn, keys, cx).await,
    }
}

/// Why a step has no answer.
#[derive(Debug)]
pub(crate) enum StepFailure {
    /// AWS refused it, or did not answer.
    Aws(AwsError),
    /// It answered without a member that is always there: it was done, and the next look sees what.
    Answer { operation: &'static str, member: &'static str },
}

impl From<AwsError> for StepFailure {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

async fn failed(failure: StepFailure, record: &Record, observed: &Observed, cx: &Context) -> PhaseError {
    let source = match failure {
        StepFailure::Answer { operation, member } => return PhaseError::Answer { operation, member },
        StepFailure::Aws(error) => error,
    };
    let is_known = !matches!(source.failure, Failure::InDoubt { .. });
    if is_known && let Err(error) = cx.records.put(record).await {
        // Only patience is lost: the next looks wait for an effect that will not come.
        tracing::warn!(reason = error.reason().name(), "the record of a refused call was not taken back");
    }
    PhaseError::Act { standing: standing(observed), source: Box::new(source) }
}

/// What still serves, for people.
fn standing(observed: &Observed) -> String {
    match observed.service.active() {
        None => "there is no service yet".to_owned(),
        Some(live) => {
            let arn = &live.task_definition.arn;
            let revision = arn.rsplit('/').next().unwrap_or(arn);
            format!("still running: {} of {} tasks of {revision}", live.running_count, live.desired_count)
        }
    }
}
