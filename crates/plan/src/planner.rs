//! The decision: what to do about one object, and why.

use coxswain_ecs_model::FieldDifference;
use coxswain_manifest::DriftPolicy;
use jiff::Timestamp;

use crate::{
    assess::{condition, held, progressing, ready},
    change::Changes,
    desired::Desired,
    observed::{Live, LiveService, Observed},
    policy::Policy,
    reason::Reason,
    record::{Hold, Record},
    settle::{Settled, is_ours, settle},
    step::{Condition, ConditionType, Event, Plan, PlannedStep},
};

/// Decides what to do about one object.
///
/// `now` is the moment of the decision. The plan's record is [`Record`] as this look settles it; it is
/// stored before the first step. Where anything is in doubt the plan has no steps and says when to look
/// again.
pub fn plan(
    desired: &Desired,
    record: &Record,
    observed: &Observed,
    policy: &Policy,
    now: Timestamp,
) -> Plan {
    let settled = settle(desired, record, observed, policy, now);
    let mut planner = Planner { desired, policy, now, settled, draft: Draft::default() };
    match &observed.service {
        Live::Missing => planner.missing(),
        Live::Draining => planner.draining(),
        Live::Active(live) if !is_ours(desired, &planner.settled.record, live) => planner.foreign(live),
        Live::Active(live) => planner.active(live),
    }
    planner.finish(observed.service.active())
}

pub(crate) struct Planner<'a> {
    pub(crate) desired: &'a Desired,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Timestamp,
    pub(crate) settled: Settled,
    pub(crate) draft: Draft,
}

#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) steps: Vec<PlannedStep>,
    differences: Vec<FieldDifference>,
    conditions: Vec<Condition>,
    events: Vec<Event>,
    pub(crate) blocked: Option<(Reason, String)>,
    /// Whether rollout-triggering members are left out of what is sent.
    pub(crate) held_back: bool,
    look_again: bool,
}

impl Planner<'_> {
    fn missing(&mut self) {
        let why = if self.settled.events.iter().any(|event| event.reason == Reason::Deleted) {
            (Reason::Deleted, "the service that we created is gone and is created again")
        } else {
            (Reason::NotCreated, "ECS has no service of that name")
        };
        self.condition(ConditionType::Synced, false, why.0, why.1);
        self.condition(ConditionType::Ready, false, Reason::NotCreated, "there is no service");
        self.condition(ConditionType::Progressing, false, Reason::NotCreated, "there is no service");
        if self.settled.in_doubt {
            self.block_on_doubt();
        } else if self.settled.record.hold.is_none() && !self.is_suspended() {
            self.create(why.0, why.1);
        }
    }

    fn draining(&mut self) {
        let text = "the service is DRAINING: it is being deleted";
        self.condition(ConditionType::Synced, false, Reason::Draining, text);
        self.condition(ConditionType::Ready, false, Reason::Draining, text);
        self.condition(ConditionType::Progressing, false, Reason::Draining, text);
        self.draft.blocked = Some((Reason::Draining, text.to_owned()));
        self.draft.look_again = true;
    }

    fn foreign(&mut self, live: &LiveService) {
        self.draft.conditions.push(ready(&self.settled.record, live));
        self.draft.conditions.push(progressing(self.desired, &self.settled.record, live, self.now));
        let text = format!(
            "a service {} exists in cluster {} and does not carry the tag {}={}",
            self.desired.service_name,
            self.desired.cluster,
            crate::desired::OWNER_TAG,
            self.desired.key.environment
        );
        self.condition(ConditionType::Synced, false, Reason::NotOwned, text.clone());
        self.draft.blocked = Some((Reason::NotOwned, text));
    }

    fn active(&mut self, live: &LiveService) {
        self.remember_live_revision(live);
        let changes = Changes::of(self.desired, &self.settled.record, live, self.policy.retry);
        self.draft.differences = changes.all();
        if let Some(hold) = self.emergency_rollback(&changes, live) {
            self.draft.events.push(Event {
                at: self.now,
                reason: hold.reason,
                message: hold.message.clone(),
                rollout: None,
            });
            self.settled.record.hold = Some(hold);
        }
        self.draft.held_back = self.settled.record.hold.is_some();
        self.draft.conditions.push(ready(&self.settled.record, live));
        self.draft.conditions.push(progressing(self.desired, &self.settled.record, live, self.now));
        self.synced(&changes);
        self.draft.look_again = self.settled.record.in_flight.is_some()
            || live.primary().is_some_and(|primary| primary.rollout_state.as_deref() == Some("IN_PROGRESS"));

        if self.settled.in_doubt {
            self.block_on_doubt();
        } else if self.may_be_stale(&changes) {
            self.draft.look_again = true;
        } else if !self.is_suspended() {
            self.update(&changes, live);
        }
    }

    /// Whether the manifest, or the kill switch, forbids every write.
    fn is_suspended(&self) -> bool {
        self.desired.suspended || self.policy.stopped
    }

    /// What looks like drift right after a change of our own may be an answer from before it: ECS's reads
    /// lag behind its writes. A real drift is still there a moment later.
    fn may_be_stale(&self, changes: &Changes) -> bool {
        self.sent_just_now() && changes.each().any(|change| change.is_drift)
    }

    fn sent_just_now(&self) -> bool {
        self.settled.record.sent_at.is_some_and(|at| self.now.duration_since(at) < self.policy.settle)
    }

    /// A revision that carries our digest's tag is ours, even if the store that knew it was lost.
    fn remember_live_revision(&mut self, live: &LiveService) {
        let definition = &live.task_definition;
        let Some(digest) = definition.digest_tag.as_ref().and_then(|tag| tag.parse().ok()) else {
            return;
        };
        self.settled.record.remember(digest, definition.arn.clone());
        let completed = live.primary().is_some_and(|primary| {
            primary.task_definition_arn == definition.arn
                && primary.rollout_state.as_deref() == Some("COMPLETED")
        });
        let restored = self.settled.record.last_sent.is_none() && completed;
        for revision in self.settled.record.revisions.iter_mut().filter(|found| found.arn == definition.arn) {
            revision.good |= restored;
        }
    }

    /// Somebody moved the service to an earlier revision of ours that once ran well, while the manifest
    /// stayed as it was: a person in an emergency, not drift.
    fn emergency_rollback(&self, changes: &Changes, live: &LiveService) -> Option<Hold> {
        let record = &self.settled.record;
        let moved = changes.task_definition.as_ref().is_some_and(|change| change.is_drift)
            && record.hold.is_none()
            && record.in_flight.is_none()
            && !self.sent_just_now()
            && record.was_good(&live.task_definition.arn);
        moved.then(|| Hold {
            rollout: self.desired.rollout.clone(),
            reason: Reason::EmergencyRollback,
            message: format!(
                "somebody moved the service back to {}, an earlier good revision",
                short(&live.task_definition.arn)
            ),
            deployment_id: live.primary().map(|primary| primary.id.clone()),
            cause: None,
            since: self.now,
        })
    }

    fn synced(&mut self, changes: &Changes) {
        let Some(first) = self.draft.differences.first() else {
            self.condition(
                ConditionType::Synced,
                true,
                Reason::InSync,
                "every field of the manifest is live",
            );
            return;
        };
        let text = match self.draft.differences.len() {
            1 => format!("{} differs", first.path),
            count => format!("{} and {} more differ", first.path, count - 1),
        };
        let hold = self.settled.record.hold.as_ref().filter(|_| changes.needs_rollout());
        let reason = match (hold, changes.primary_reason()) {
            (Some(hold), _) => hold.reason,
            (None, Reason::Drifted) if self.desired.drift == DriftPolicy::Report => Reason::DriftReported,
            (None, reason) => reason,
        };
        self.condition(ConditionType::Synced, false, reason, text);
    }

    fn block_on_doubt(&mut self) {
        self.draft.look_again = true;
        self.draft.blocked = Some((
            Reason::OutcomeUnknown,
            "a call was sent and its effect is not to be seen yet; nothing is sent meanwhile".to_owned(),
        ));
    }

    fn condition(&mut self, kind: ConditionType, status: bool, reason: Reason, message: impl Into<String>) {
        self.draft.conditions.push(condition(kind, status, reason, message));
    }

    fn finish(mut self, live: Option<&LiveService>) -> Plan {
        let sends = self.sends();
        let is_suspended = self.is_suspended();
        let record = &mut self.settled.record;
        // Nothing is left to send: a member that the manifest names since, and that happened to be live
        // already, is ours from now on; and what was in doubt has arrived.
        let quiet = self.draft.steps.is_empty()
            && self.draft.blocked.is_none()
            && live.is_some()
            && !is_suspended
            && (self.draft.differences.is_empty() || self.draft.held_back);
        if quiet && (record.last_sent.as_ref() != Some(&sends) || record.sending.is_some()) {
            record.last_sent = Some(sends.clone());
            record.sending = None;
        }
        self.draft.conditions.push(held(record));
        let (blocked, reason, text) = match self.draft.blocked.take() {
            Some((reason, text)) => (true, reason, text),
            None => (false, Reason::InSync, "nothing stands in the way".to_owned()),
        };
        self.condition(ConditionType::Blocked, blocked, reason, text);
        let (reason, suspended) = match (self.policy.stopped, self.desired.suspended) {
            (true, _) => (Reason::KillSwitch, "the kill switch is set: nothing is sent to AWS"),
            (false, true) => (Reason::Suspended, "spec.suspend is true"),
            (false, false) => (Reason::Suspended, "it is not suspended"),
        };
        self.condition(ConditionType::Suspended, is_suspended, reason, suspended);
        self.draft.conditions.sort_by_key(|condition| condition.kind);
        let mut events = std::mem::take(&mut self.settled.events);
        events.append(&mut self.draft.events);
        Plan {
            key: self.desired.key.clone(),
            revision: self.desired.revision.clone(),
            steps: self.draft.steps,
            differences: self.draft.differences,
            conditions: self.draft.conditions,
            events,
            record: self.settled.record,
            sends,
            look_again_at: self.draft.look_again.then(|| self.now + self.policy.rollout_interval),
        }
    }

    /// What the record remembers once the steps are done: under a hold, what triggers a deployment stays
    /// as it was sent last.
    fn sends(&self) -> crate::record::Sent {
        let wanted = self.desired.as_sent();
        match &self.settled.record.last_sent {
            Some(last) if self.draft.held_back => crate::record::Sent {
                task_definition: last.task_definition.clone(),
                rollout: last.rollout.clone(),
                service: wanted.service.with_rollout_members_of(&last.service),
                ..wanted
            },
            _ => wanted,
        }
    }
}

/// `arn:aws:ecs:...:task-definition/api:41` becomes `api:41`.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
