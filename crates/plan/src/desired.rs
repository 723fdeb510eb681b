//! What the manifests ask for, in the form that is compared.

use std::collections::BTreeMap;

use coxswain_ecs_model::{
    Canonical, RolloutDigest, TaskDefinitionDigest, canonical_service, canonical_task_definition,
    rollout_digest, task_definition_digest,
};
use coxswain_manifest::{Count, DriftPolicy, Key, ResolvedService};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::Sent;

/// The tag by which Coxswain knows a service as its own; the value is the environment's name.
pub const OWNER_TAG: &str = "coxswain.dev/environment";

/// The tag on a revision that holds its [`TaskDefinitionDigest`].
///
/// RegisterTaskDefinition has no client token: after an answer that never came, the family's newest
/// revision is read and this tag compared.
pub const DIGEST_TAG: &str = "coxswain.dev/digest";

/// What the manifests ask of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Which object.
    pub key: Key,
    /// `<bundle sequence>.<input number>`.
    pub revision: String,
    /// The cluster's name.
    pub cluster: String,
    /// The service's name in ECS.
    pub service_name: String,
    /// The task definition's family.
    pub family: String,
    /// RegisterTaskDefinition's JSON, tags included.
    pub register: Value,
    /// The task definition in canonical form.
    pub task_definition: Canonical,
    /// CreateService's JSON without taskDefinition, desiredCount and clientToken; creation defaults and
    /// tags included.
    pub create: Value,
    /// The service's members in canonical form, without creation defaults.
    pub service: Canonical,
    /// Digest of [`Self::task_definition`].
    pub digest: TaskDefinitionDigest,
    /// Digest of all that triggers a deployment.
    pub rollout: RolloutDigest,
    /// Who owns the count.
    pub count: Count,
    /// Our tags, the owner's tag included.
    pub tags: BTreeMap<String, String>,
    /// From the start of a rollout, in seconds.
    pub progress_deadline_seconds: u32,
    /// Whether drift is corrected or only reported.
    pub drift: DriftPolicy,
    /// Whether nothing may be written.
    pub suspended: bool,
    /// Fields that are left as they are live, by path.
    pub ignore_differences: Vec<String>,
}

impl Desired {
    /// Brings a resolved manifest into the form that is compared.
    pub fn new(resolved: &ResolvedService, revision: impl Into<String>) -> Self {
        let mut tags = resolved.tags.clone();
        tags.insert(OWNER_TAG.to_owned(), resolved.key.environment.clone());
        let task_definition = canonical_task_definition(&resolved.task_definition);
        let digest = task_definition_digest(&task_definition);
        let service = canonical_service(&resolved.service);

        let mut register = resolved.task_definition.clone();
        let mut revision_tags = resolved.task_definition_tags.clone();
        revision_tags.insert(OWNER_TAG.to_owned(), resolved.key.environment.clone());
        revision_tags.insert(DIGEST_TAG.to_owned(), digest.to_string());
        set(&mut register, "family", Value::from(resolved.family.clone()));
        set(&mut register, "tags", wire_tags(&revision_tags));

        let mut create = resolved.service.clone();
        underlay(&mut create, &resolved.creation_defaults);
        set(&mut create, "tags", wire_tags(&tags));

        let text =
            |name: &str| resolved.service.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            key: resolved.key.clone(),
            revision: revision.into(),
            cluster: text("cluster"),
            service_name: text("serviceName"),
            family: resolved.family.clone(),
            register,
            create,
            rollout: rollout_digest(&digest, &service),
            task_definition,
            service,
            digest,
            count: resolved.count,
            tags,
            progress_deadline_seconds: resolved.progress_deadline_seconds,
            drift: resolved.drift,
            suspended: resolved.suspended,
            ignore_differences: resolved.ignore_differences.clone(),
        }
    }

    /// The desired count, where the manifest owns it.
    pub fn desired_count(&self) -> Option<u32> {
        match self.count {
            Count::Fixed(count) => Some(count),
            Count::Unmanaged => None,
        }
    }

    /// What a record remembers once all of it was sent.
    pub fn as_sent(&self) -> Sent {
        Sent {
            task_definition: self.digest.clone(),
            rollout: self.rollout.clone(),
            service: self.service.clone(),
            desired_count: self.desired_count(),
            tags: self.tags.clone(),
        }
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

/// Fills in members of `under` that `over` does not name, at every depth of objects.
fn underlay(over: &mut Value, under: &Value) {
    if let (Value::Object(over), Value::Object(under)) = (over, under) {
        for (name, value) in under {
            match over.get_mut(name) {
                Some(existing) => underlay(existing, value),
                None => drop(over.insert(name.clone(), value.clone())),
            }
        }
    }
}

/// Tags as ECS's requests want them: a list of `{key, value}`, sorted by key.
pub fn wire_tags(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({"key": key, "value": value})).collect()
}
