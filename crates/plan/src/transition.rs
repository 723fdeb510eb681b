//! How a record changes before and after each step: the memory that survives a death in between.

use jiff::Timestamp;

use crate::{
    observed::Observed,
    reason::Reason,
    record::{Correction, Identity, Record, Rollout},
    step::{Plan, PlannedStep, Step},
};

/// What a step's call answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepAnswer {
    /// RegisterTaskDefinition's revision, found or made.
    Registered {
        /// With its number.
        arn: String,
    },
    /// The service of CreateService's or UpdateService's answer.
    Service {
        /// ARN and creation time.
        identity: Identity,
        /// The PRIMARY deployment's id, `ecs-svc/N`.
        deployment_id: Option<String>,
    },
    /// The call has no answer of interest.
    Done,
}

impl Record {
    /// The record to store before a step is sent.
    ///
    /// # Guarantees
    /// If we die after storing it, the next look finds what was about to be sent: `sending` says which
    /// members may be ours by now, `in_flight` which deployments existed before.
    #[must_use]
    pub fn before(&self, plan: &Plan, step: &PlannedStep, observed: &Observed, now: Timestamp) -> Self {
        let mut record = self.clone();
        let (task_definition, rollout) = match &step.step {
            // Safe to repeat without a memory: the family's newest is read first.
            Step::RegisterTaskDefinition { .. } => return record,
            Step::CreateService { task_definition, rollout, .. } => (Some(task_definition), Some(rollout)),
            Step::UpdateService { task_definition, rollout, .. } => {
                (task_definition.as_ref(), rollout.as_ref())
            }
            Step::TagResource { .. } | Step::UntagResource { .. } => (None, None),
        };
        record.sending = Some(plan.sends.clone());
        record.sent_at = Some(now);
        if step.reason == Reason::Drifted {
            let paths = step.differences.iter().map(|difference| difference.path.clone()).collect();
            record.corrections.push(Correction { at: now, paths });
        }
        if let Some(rollout) = rollout {
            let live = observed.service.active();
            let named =
                task_definition.and_then(|digest| self.revision(digest)).map(|found| found.arn.clone());
            if let Some(before) = record.in_flight.take().filter(|before| before.rollout != *rollout) {
                record.ended(before.superseded(now, "a newer manifest replaced it"));
            }
            let current = || live.map(|live| live.task_definition.arn.clone());
            record.in_flight = Some(Rollout {
                rollout: rollout.clone(),
                task_definition_arn: named.or_else(current).unwrap_or_default(),
                deployment_id: None,
                before: live.map_or_else(Vec::new, |live| {
                    live.deployments.iter().map(|deployment| deployment.id.clone()).collect()
                }),
                sent_at: now,
                revision: plan.revision.clone(),
                reason: step.reason,
            });
        }
        record
    }

    /// The record to store once a step's call was answered; `is_last` where no step follows.
    #[must_use]
    pub fn after(&self, plan: &Plan, step: &Step, answer: &StepAnswer, is_last: bool) -> Self {
        let mut record = self.clone();
        match (step, answer) {
            (Step::RegisterTaskDefinition { digest, .. }, StepAnswer::Registered { arn }) => {
                record.remember(digest.clone(), arn.clone());
            }
            (_, StepAnswer::Service { identity, deployment_id }) => {
                record.identity = Some(identity.clone());
                if let (true, Some(rollout)) = (step.starts_rollout(), &mut record.in_flight) {
                    let is_new = deployment_id.as_ref().is_some_and(|id| !rollout.before.contains(id));
                    if is_new {
                        rollout.deployment_id.clone_from(deployment_id);
                    }
                }
            }
            _ => {}
        }
        if is_last {
            record.last_sent = Some(plan.sends.clone());
            record.sending = None;
        }
        record
    }
}
