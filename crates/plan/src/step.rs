//! A plan and its steps.

use std::collections::BTreeMap;

use coxswain_ecs_model::{FieldDifference, RolloutDigest, TaskDefinitionDigest};
use coxswain_manifest::Key;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    cause::Cause,
    reason::Reason,
    record::{Record, Sent},
};

/// All that follows from one look at one object: a value that is shown, stored and carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Which object.
    pub key: Key,
    /// `<bundle sequence>.<input number>` of the manifest it was made from.
    pub revision: String,
    /// What to do, in order; empty where nothing is to be done.
    pub steps: Vec<PlannedStep>,
    /// Every field that differs, those that no step changes included (held, reported, suspended).
    pub differences: Vec<FieldDifference>,
    /// The object's conditions as they are now.
    pub conditions: Vec<Condition>,
    /// What became known in this look and belongs in the history, such as a rollout's end.
    pub events: Vec<Event>,
    /// The record as this look settles it: stored, where it differs, before the first step.
    pub record: Record,
    /// What the record remembers as sent once every step is done.
    pub sends: Sent,
    /// When to look again at the latest, beside the drift sweep's own interval.
    pub look_again_at: Option<Timestamp>,
}

/// A step with the reason for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// What to do.
    pub step: Step,
    /// Why.
    pub reason: Reason,
    /// In words, for people.
    pub because: String,
    /// The differences that it settles.
    pub differences: Vec<FieldDifference>,
}

/// One mutation, named as the API calls it. Each is safe to repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// Makes sure that a revision with that digest exists: first `known` and then the family's newest
    /// are read, and only where neither is it and ACTIVE, one is registered.
    RegisterTaskDefinition {
        /// The family.
        family: String,
        /// The digest that the revision carries as a tag.
        digest: TaskDefinitionDigest,
        /// The revision of that digest that we registered before, if we did.
        known: Option<String>,
        /// The whole request.
        request: Value,
    },
    /// Creates the service.
    CreateService {
        /// The request without `taskDefinition`.
        request: Value,
        /// The revision that the plan's RegisterTaskDefinition yields.
        task_definition: TaskDefinitionDigest,
        /// Digest of all that triggers a deployment.
        rollout: RolloutDigest,
    },
    /// Changes the service, in one call.
    UpdateService {
        /// The cluster's name.
        cluster: String,
        /// The service's name.
        service: String,
        /// Members that change, as UpdateService names them; `desiredCount` included.
        members: Map<String, Value>,
        /// The revision that the plan's RegisterTaskDefinition yields; `None` leaves the member out, as a
        /// pure scale must.
        task_definition: Option<TaskDefinitionDigest>,
        /// Digest of all that triggers a deployment, where this update starts one.
        rollout: Option<RolloutDigest>,
    },
    /// Sets tags of ours on the service.
    TagResource {
        /// The service's ARN.
        arn: String,
        /// Only those that differ.
        tags: BTreeMap<String, String>,
    },
    /// Takes tags off the service that we had set and the manifest no longer names.
    UntagResource {
        /// The service's ARN.
        arn: String,
        /// Their keys.
        keys: Vec<String>,
    },
}

impl Step {
    /// The API's name of the step's call.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::RegisterTaskDefinition { .. } => "RegisterTaskDefinition",
            Self::CreateService { .. } => "CreateService",
            Self::UpdateService { .. } => "UpdateService",
            Self::TagResource { .. } => "TagResource",
            Self::UntagResource { .. } => "UntagResource",
        }
    }

    /// Whether it starts a deployment.
    pub fn starts_rollout(&self) -> bool {
        match self {
            Self::CreateService { .. } => true,
            Self::UpdateService { rollout, .. } => rollout.is_some(),
            Self::RegisterTaskDefinition { .. } | Self::TagResource { .. } | Self::UntagResource { .. } => {
                false
            }
        }
    }
}

/// The type of a [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionType {
    /// Live is what the manifest says.
    Synced,
    /// It works.
    Ready,
    /// A rollout is going on.
    Progressing,
    /// The desired rollout is not tried again until the manifest changes or somebody says retry.
    Held,
    /// Something that Coxswain cannot settle by itself stands in the way.
    Blocked,
    /// The manifest forbids writes.
    Suspended,
    /// The manifests are readable and valid.
    SourceReady,
    /// A pinned key signed the manifests that stand.
    SourceVerified,
}

/// A condition, as in Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// Which.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: bool,
    /// Why.
    pub reason: Reason,
    /// In words, for people.
    pub message: String,
}

/// Something that became known and belongs in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// When it was seen.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What.
    pub reason: Reason,
    /// In words, for people.
    pub message: String,
    /// The rollout that it ends, where it ends one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutEnd>,
}

/// How a rollout ended: an entry of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutEnd {
    /// Digest of all that triggers a deployment.
    pub rollout: String,
    /// The revision's ARN.
    pub task_definition_arn: String,
    /// `ecs-svc/N`, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// When it was started.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// The manifest's `<bundle sequence>.<input number>`.
    pub revision: String,
    /// What the failing tasks died of, where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}
