//! The steps that bring a service to its manifest, each with its reason.

use coxswain_ecs_model::{Effect, FieldDifference, Owner};
use coxswain_manifest::DriftPolicy;
use serde_json::Value;

use crate::{
    change::{Change, Changes},
    observed::LiveService,
    planner::Planner,
    reason::Reason,
    step::{PlannedStep, Step},
};

impl Planner<'_> {
    pub(crate) fn create(&mut self, reason: Reason, because: &str) {
        self.register(reason, because.to_owned(), Vec::new());
        let mut request = self.desired.create.clone();
        // CreateService wants a count of every service but a DAEMON, also where somebody else scales it.
        let is_daemon = request.get("schedulingStrategy").and_then(Value::as_str) == Some("DAEMON");
        if let (false, Some(members)) = (is_daemon, request.as_object_mut()) {
            members.insert("desiredCount".to_owned(), self.desired.desired_count().unwrap_or(1).into());
        }
        self.draft.steps.push(PlannedStep {
            step: Step::CreateService {
                request,
                task_definition: self.desired.digest.clone(),
                rollout: self.desired.rollout.clone(),
            },
            reason,
            because: because.to_owned(),
            differences: Vec::new(),
        });
    }

    fn register(&mut self, reason: Reason, because: String, differences: Vec<FieldDifference>) {
        let known = self.settled.record.revision(&self.desired.digest).map(|revision| revision.arn.clone());
        self.draft.steps.push(PlannedStep {
            step: Step::RegisterTaskDefinition {
                family: self.desired.family.clone(),
                digest: self.desired.digest.clone(),
                known,
                request: self.desired.register.clone(),
            },
            reason,
            because,
            differences,
        });
    }

    pub(crate) fn update(&mut self, changes: &Changes, live: &LiveService) {
        if let Some(fixed) = changes.unchangeable() {
            let text = format!("{} cannot change while the service lives", fixed.path);
            self.draft.blocked = Some((Reason::CannotChange, text));
            return;
        }
        if let Some(path) = self.not_converging(changes) {
            let text =
                format!("{path} was corrected {} times within an hour", self.policy.corrections_per_hour);
            self.draft.blocked = Some((Reason::NotConverging, text));
            return;
        }
        let is_held = self.draft.held_back;
        let acted = |change: &&Change| !(change.is_drift && self.desired.drift == DriftPolicy::Report);
        let definition = changes.task_definition.as_ref().filter(acted).filter(|_| !is_held);
        let service = changes.service.as_ref().filter(acted);
        let count = changes.count.as_ref().filter(acted);

        let mut members = service.map_or_else(Default::default, |_| changes.update_members.clone());
        let mut differences: Vec<_> = [definition, service, count]
            .into_iter()
            .flatten()
            .flat_map(|change| change.differences.clone())
            .collect();
        if is_held {
            members.retain(|member, _| coxswain_ecs_model::service_effect(member) == Effect::InPlace);
            differences.retain(|difference| difference.effect == Effect::InPlace);
        }
        let rolls = definition.is_some()
            || differences.iter().any(|difference| difference.effect == Effect::NewDeployment);
        if let (Some(_), Some(wanted)) = (count, self.desired.desired_count()) {
            members.insert("desiredCount".to_owned(), wanted.into());
        }
        let mut reason = [definition, service, count].into_iter().flatten().map(|change| change.reason).min();
        if let (Some(change), Some(reason)) = (definition, reason) {
            self.register(reason, because(change), change.differences.clone());
        }
        let mut texts: Vec<_> = [definition, service, count].into_iter().flatten().map(because).collect();
        let restarts = !rolls && !is_held && self.restarts_what_failed(live);
        if restarts {
            members.insert("forceNewDeployment".to_owned(), true.into());
            reason = Some(Reason::Retried);
            texts.insert(0, "the failed deployment is started again, as a person asked".to_owned());
        }
        if let (Some(reason), true) = (reason, definition.is_some() || !members.is_empty()) {
            self.draft.steps.push(PlannedStep {
                step: Step::UpdateService {
                    cluster: self.desired.cluster.clone(),
                    service: self.desired.service_name.clone(),
                    members,
                    task_definition: definition.map(|_| self.desired.digest.clone()),
                    rollout: (rolls || restarts).then(|| self.desired.rollout.clone()),
                },
                reason,
                because: texts.join("; "),
                differences,
            });
        }
        self.tags(changes, live);
    }

    /// A deployment that failed with nothing to roll back to stays PRIMARY, and ECS starts no more tasks
    /// of it: nothing differs, and yet a person who says retry wants it tried.
    fn restarts_what_failed(&self, live: &LiveService) -> bool {
        let has_failed =
            live.primary().is_some_and(|primary| primary.rollout_state.as_deref() == Some("FAILED"));
        self.policy.retry && has_failed && self.settled.record.in_flight.is_none()
    }

    fn tags(&mut self, changes: &Changes, live: &LiveService) {
        let Some(change) = changes.tags.as_ref() else {
            return;
        };
        if change.is_drift && self.desired.drift == DriftPolicy::Report {
            return;
        }
        let (removed, set): (Vec<_>, Vec<_>) =
            change.differences.iter().cloned().partition(|difference| difference.owner == Owner::Removed);
        let arn = live.identity.arn.clone();
        if !set.is_empty() {
            let differs = |key: &str| set.iter().any(|difference| difference.path == format!("tags[{key}]"));
            let tags = self.desired.tags.iter().filter(|(key, _)| differs(key));
            let tags = tags.map(|(key, value)| (key.clone(), value.clone())).collect();
            self.push_tag_step(Step::TagResource { arn: arn.clone(), tags }, change, set);
        }
        if !removed.is_empty() {
            let keys = changes.removed_tags.clone();
            self.push_tag_step(Step::UntagResource { arn, keys }, change, removed);
        }
    }

    fn push_tag_step(&mut self, step: Step, change: &Change, differences: Vec<FieldDifference>) {
        let because = because(change);
        self.draft.steps.push(PlannedStep { step, reason: change.reason, because, differences });
    }

    /// The first drifted field that was corrected so often within an hour that correcting it again
    /// would only fight whoever else writes it.
    fn not_converging(&self, changes: &Changes) -> Option<String> {
        if self.desired.drift == DriftPolicy::Report {
            return None;
        }
        let drifted = changes.each().filter(|change| change.is_drift).flat_map(|change| &change.differences);
        drifted
            .map(|difference| &difference.path)
            .find(|path| {
                let times = self.settled.record.corrections.iter().filter(|done| done.paths.contains(path));
                times.count() >= self.policy.corrections_per_hour
            })
            .cloned()
    }
}

fn because(change: &Change) -> String {
    let what: Vec<_> = change.differences.iter().take(3).map(|difference| difference.path.as_str()).collect();
    let more = change.differences.len().saturating_sub(what.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let verb = match change.reason {
        Reason::Drifted => "changed by somebody else",
        Reason::Retried => "tried again, as a person asked",
        Reason::MemberRemoved => "no longer in the manifest",
        _ => "changed in the manifest",
    };
    format!("{}{more} {verb}", what.join(", "))
}
