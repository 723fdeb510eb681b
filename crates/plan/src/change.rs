//! Which parts of an object differ, and whose change it was.

use coxswain_ecs_model::{Canonical, Effect, FieldDifference, Owner, Part, differences, update_members};
use serde_json::{Map, Value};

use crate::{
    desired::Desired,
    observed::LiveService,
    reason::Reason,
    record::{Record, Sent},
};

/// The differences of one part, and why they are there.
pub(crate) struct Change {
    pub(crate) reason: Reason,
    /// The manifest is as it was when we sent it last: somebody else moved the live side.
    pub(crate) is_drift: bool,
    pub(crate) differences: Vec<FieldDifference>,
}

/// All that differs between the manifest and the live service, part by part.
pub(crate) struct Changes {
    pub(crate) task_definition: Option<Change>,
    pub(crate) service: Option<Change>,
    pub(crate) count: Option<Change>,
    pub(crate) tags: Option<Change>,
    /// UpdateService's members that settle [`Self::service`].
    pub(crate) update_members: Map<String, Value>,
    /// Keys of tags that we had set and the manifest no longer names.
    pub(crate) removed_tags: Vec<String>,
}

impl Changes {
    /// `retry` says that a person asked for the held rollout again: then its differences are no drift.
    pub(crate) fn of(desired: &Desired, record: &Record, live: &LiveService, retry: bool) -> Self {
        let sent = &record.last_sent;
        let unchanged =
            |same: fn(&Desired, &Sent) -> bool| sent.as_ref().is_some_and(|sent| same(desired, sent));
        let edited = |reason| if retry { Reason::Retried } else { reason };
        let ours = members_ever_ours(record);
        let removed_tags = removed_tags(desired, record, live);

        let task_definition = change(
            task_definition_differences(desired, live),
            edited(Reason::DefinitionChanged),
            !retry && unchanged(|desired, sent| sent.task_definition == desired.digest),
        );
        let service = change(
            kept(desired, differences(Part::Service, &desired.service, ours.as_ref(), &live.service)),
            edited(Reason::ServiceChanged),
            !retry && unchanged(|desired, sent| sent.service == desired.service),
        );
        let count = change(
            count_difference(desired, live).into_iter().collect(),
            Reason::CountChanged,
            sent.as_ref().is_some_and(|sent| sent.desired_count == desired.desired_count()),
        );
        let tags = change(
            kept(desired, tag_differences(desired, &removed_tags, live)),
            Reason::TagsChanged,
            unchanged(|desired, sent| sent.tags == desired.tags),
        );
        let mut update_members = update_members(&desired.service, ours.as_ref(), &live.service);
        let differs = |member: &String| {
            let parts = service.iter().flat_map(|change| &change.differences);
            member == "forceNewDeployment"
                || parts.into_iter().any(|difference| top(&difference.path) == member)
        };
        update_members.retain(|member, _| differs(member));
        Self { task_definition, service, count, tags, update_members, removed_tags }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Change> {
        [&self.task_definition, &self.service, &self.count, &self.tags].into_iter().flatten()
    }

    pub(crate) fn all(&self) -> Vec<FieldDifference> {
        self.each().flat_map(|change| change.differences.iter().cloned()).collect()
    }

    /// Whether bringing the service to the manifest would start a deployment.
    pub(crate) fn needs_rollout(&self) -> bool {
        self.each()
            .flat_map(|change| &change.differences)
            .any(|difference| matches!(difference.effect, Effect::NewRevision | Effect::NewDeployment))
    }

    /// The first difference that ECS cannot settle on a living service.
    pub(crate) fn unchangeable(&self) -> Option<&FieldDifference> {
        self.each()
            .flat_map(|change| &change.differences)
            .find(|difference| difference.effect == Effect::Recreate)
    }

    /// The reason that a person wants to hear first.
    pub(crate) fn primary_reason(&self) -> Reason {
        self.each().map(|change| change.reason).min().unwrap_or(Reason::InSync)
    }
}

fn change(differences: Vec<FieldDifference>, edited: Reason, is_drift: bool) -> Option<Change> {
    let removed = differences.iter().all(|difference| difference.owner == Owner::Removed);
    let reason = match (is_drift, removed) {
        (true, _) => Reason::Drifted,
        (false, true) => Reason::MemberRemoved,
        (false, false) => edited,
    };
    (!differences.is_empty()).then_some(Change { reason, is_drift, differences })
}

/// The members that may be ours on the live side: those sent last, and those of a call whose outcome was
/// never recorded.
fn members_ever_ours(record: &Record) -> Option<Canonical> {
    match (&record.last_sent, &record.sending) {
        (Some(last), Some(sending)) => Some(sending.service.union(&last.service)),
        (Some(sent), None) | (None, Some(sent)) => Some(sent.service.clone()),
        (None, None) => None,
    }
}

fn task_definition_differences(desired: &Desired, live: &LiveService) -> Vec<FieldDifference> {
    match &live.task_definition.definition {
        Some(definition) => {
            kept(desired, differences(Part::TaskDefinition, &desired.task_definition, None, definition))
        }
        None => vec![FieldDifference {
            path: "taskDefinition".to_owned(),
            desired: Some(Value::from(desired.digest.to_string())),
            live: Some(Value::from(live.task_definition.arn.clone())),
            owner: Owner::Manifest,
            effect: Effect::NewRevision,
            sensitive: false,
        }],
    }
}

fn kept(desired: &Desired, mut differences: Vec<FieldDifference>) -> Vec<FieldDifference> {
    differences.retain(|difference| !is_ignored(desired, &difference.path));
    differences
}

fn is_ignored(desired: &Desired, path: &str) -> bool {
    desired.ignore_differences.iter().any(|ignored| {
        path.strip_prefix(ignored.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

fn count_difference(desired: &Desired, live: &LiveService) -> Option<FieldDifference> {
    let wanted = desired.desired_count()?;
    (wanted != live.desired_count).then(|| FieldDifference {
        path: "desiredCount".to_owned(),
        desired: Some(wanted.into()),
        live: Some(live.desired_count.into()),
        owner: Owner::Manifest,
        effect: Effect::InPlace,
        sensitive: false,
    })
}

fn removed_tags(desired: &Desired, record: &Record, live: &LiveService) -> Vec<String> {
    let sent = [&record.last_sent, &record.sending].into_iter().flatten();
    let mut keys: Vec<_> = sent
        .flat_map(|sent| sent.tags.keys())
        .filter(|key| !desired.tags.contains_key(*key) && live.tags.contains_key(*key))
        .filter(|key| !is_ignored(desired, &format!("tags[{key}]")))
        .cloned()
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

fn tag_differences(desired: &Desired, removed: &[String], live: &LiveService) -> Vec<FieldDifference> {
    let difference = |key: &String, wanted: Option<&String>, owner| FieldDifference {
        path: format!("tags[{key}]"),
        desired: wanted.map(|value| Value::from(value.clone())),
        live: live.tags.get(key).map(|value| Value::from(value.clone())),
        owner,
        effect: Effect::InPlace,
        sensitive: false,
    };
    let set = desired
        .tags
        .iter()
        .filter(|(key, value)| live.tags.get(*key) != Some(*value))
        .map(|(key, value)| difference(key, Some(value), Owner::Manifest));
    set.chain(removed.iter().map(|key| difference(key, None, Owner::Removed))).collect()
}

/// The first segment of a path: the member of UpdateService that it belongs to.
fn top(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}
