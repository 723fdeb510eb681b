//! The second opinion: what no plan may do, whoever made it.
//!
//! Written apart from the planner and sharing only its values: a rule here is read from the house's rules
//! and from ECS's behaviour, never from the code that it judges.

use jiff::{SignedDuration, Timestamp};

use crate::{
    desired::{Desired, OWNER_TAG},
    observed::{Live, LiveService, Observed},
    policy::Policy,
    record::{Record, Rollout},
    step::{Condition, ConditionType, Plan, PlannedStep, Step},
};

mod create;
mod difference;
mod guard;
mod order;
mod remembered;
mod rule;
mod secret;
mod status;
mod tags;
mod update;

pub use rule::{Breach, Rule};

/// How long a correction counts against the budget.
const BUDGET_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Every rule that a plan breaks; empty for a plan that may be shown, stored and carried out.
///
/// Takes what the plan was made from: the record is the one before this look.
pub fn check(
    plan: &Plan,
    desired: &Desired,
    record: &Record,
    observed: &Observed,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Breach> {
    let case = Case { plan, desired, record, observed, policy, now };
    let mut found = Found(Vec::new());
    guard::judge(&case, &mut found);
    order::judge(&case, &mut found);
    create::judge(&case, &mut found);
    update::judge(&case, &mut found);
    tags::judge(&case, &mut found);
    difference::judge(&case, &mut found);
    secret::judge(&case, &mut found);
    remembered::judge(&case, &mut found);
    status::judge(&case, &mut found);
    found.0
}

/// A plan beside what it was made from.
#[derive(Clone, Copy)]
struct Case<'a> {
    plan: &'a Plan,
    desired: &'a Desired,
    record: &'a Record,
    observed: &'a Observed,
    policy: &'a Policy,
    now: Timestamp,
}

impl<'a> Case<'a> {
    /// The steps without what surrounds them.
    fn steps(self) -> impl Iterator<Item = &'a Step> {
        self.plan.steps.iter().map(|planned| &planned.step)
    }

    /// The steps that change a living service, with what surrounds them.
    fn changes(self) -> impl Iterator<Item = &'a PlannedStep> {
        self.plan.steps.iter().filter(|planned| {
            !matches!(planned.step, Step::RegisterTaskDefinition { .. } | Step::CreateService { .. })
        })
    }

    /// The live service, where it is ours: the one that we remember, or one with our tag.
    fn ours(self) -> Option<&'a LiveService> {
        let live = self.observed.service.active()?;
        let is_known = self.record.identity.as_ref() == Some(&live.identity);
        let is_tagged = live.tags.get(OWNER_TAG) == Some(&self.desired.key.environment);
        (is_known || is_tagged).then_some(live)
    }

    /// Whether all that is wanted was sent and answered before: what differs now, others have changed.
    fn was_all_sent(self) -> bool {
        self.record.sending.is_none() && self.record.last_sent.as_ref() == Some(&self.desired.as_sent())
    }

    /// Whether a rollout was sent of which nothing can be known yet.
    fn is_in_doubt(self) -> bool {
        self.record.in_flight.as_ref().is_some_and(|rollout| {
            !self.is_visible(rollout) && self.now.duration_since(rollout.sent_at) < self.policy.settle
        })
    }

    /// Whether ECS's answers show the deployment, or one that can only be it.
    fn is_visible(self, rollout: &Rollout) -> bool {
        let Some(live) = self.observed.service.active() else { return false };
        let is_new = |id: &String| !rollout.before.contains(id);
        let earliest = rollout.sent_at - self.policy.settle;
        let mut listed = self.observed.service_deployments.iter().flatten();
        rollout.deployment_id.is_some()
            || live.deployments.iter().any(|deployment| {
                is_new(&deployment.id) && deployment.task_definition_arn == rollout.task_definition_arn
            })
            || listed.any(|listed| {
                let is_described = live.deployment(&listed.deployment_id).is_some();
                is_new(&listed.deployment_id) && !is_described && listed.created_at >= earliest
            })
    }

    fn is_draining(self) -> bool {
        self.observed.service == Live::Draining
    }

    fn condition(self, kind: ConditionType) -> Option<&'a Condition> {
        self.plan.conditions.iter().find(|condition| condition.kind == kind)
    }
}

/// The breaches found so far.
struct Found(Vec<Breach>);

impl Found {
    fn breach(&mut self, rule: Rule, what: impl Into<String>) {
        self.0.push(Breach { rule, what: what.into() });
    }

    /// A breach unless `holds`.
    fn demand(&mut self, holds: bool, rule: Rule, what: impl FnOnce() -> String) {
        if !holds {
            self.breach(rule, what());
        }
    }
}

/// The member of a service or definition that a difference's path starts with.
fn member_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}
