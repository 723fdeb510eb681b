//! What is said of one object: the value that the store keeps, HTTP serves and `cox` prints.

use coxswain_ecs_model::{Effect, FieldDifference, Owner};
use coxswain_plan::{Cause, ConditionType, Reason};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    mask::masked,
    word::{Health, Sync},
};

/// One service: what is wanted of it, what was seen, and what happens next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// The environment's name.
    pub environment: String,
    /// The object's name.
    pub name: String,
    /// Whether live is what the manifest says.
    pub sync: Sync,
    /// Whether it works.
    pub health: Health,
    /// The reason that matters most now.
    pub reason: Reason,
    /// One sentence on it.
    pub summary: String,
    /// What to do about it; empty where nothing needs doing.
    pub advice: String,
    /// `<bundle sequence>.<input number>` of the manifest that was looked at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_revision: Option<String>,
    /// As in Kubernetes.
    pub conditions: Vec<Condition>,
    /// Every field that differs, values of secrets and environment variables masked.
    pub differences: Vec<Difference>,
    /// What the last plan does about it.
    pub steps: Vec<PlannedStep>,
    /// The rollout that is going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// What is held, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Tasks, as ECS counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// The ARN of the revision that the service names now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// The images of that revision, by container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Whether the last look was made by the manifests that stand now. As served; a look that is on its
    /// way makes it true.
    #[serde(default)]
    pub is_current: bool,
    /// When ECS was asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub seen_at: Option<Timestamp>,
    /// When it is looked at again, at the latest; absent where nobody has set a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub next_look_at: Option<Timestamp>,
}

impl ServiceStatus {
    /// The condition of that type.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the condition of that type is there and True.
    pub fn is(&self, kind: ConditionType) -> bool {
        self.condition(kind).is_some_and(|condition| condition.status == ConditionStatus::True)
    }

    /// `service/api`.
    pub fn object(&self) -> String {
        format!("service/{}", self.name)
    }

    /// Whether both say the same, times of looking aside.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let still = |status: &Self| Self { seen_at: None, next_look_at: None, ..status.clone() };
        still(self) == still(other)
    }
}

/// A condition, in Kubernetes' form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why.
    pub reason: Reason,
    /// In words, for people.
    pub message: String,
    /// When status or reason changed last.
    #[schemars(with = "String")]
    pub last_transition_time: Timestamp,
    /// The manifest's revision at the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_revision: Option<String>,
}

/// Whether a condition holds, as Kubernetes spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be known at present.
    Unknown,
}

impl ConditionStatus {
    /// As it is spelled.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Items of lists by name: `containerDefinitions[api].image`.
    pub path: String,
    /// What the manifest asks for, masked where it could be a secret; absent where it asks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// What is live, masked likewise; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
    /// Whose field it is.
    pub owner: FieldOwner,
    /// What settling it takes.
    pub effect: FieldEffect,
    /// Where the desired value was written, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// Whose field it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FieldOwner {
    /// The manifest names it.
    Manifest,
    /// The manifest named it once; it is reset.
    Removed,
}

/// What settling a difference takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FieldEffect {
    /// A new revision of the task definition, and a rollout.
    NewRevision,
    /// An update that starts no rollout.
    InPlace,
    /// An update that starts a rollout.
    NewDeployment,
    /// ECS cannot change it on a living service.
    Recreate,
}

impl FieldEffect {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NewRevision => "new revision",
            Self::InPlace => "in place",
            Self::NewDeployment => "new deployment",
            Self::Recreate => "cannot change",
        }
    }
}

impl From<&FieldDifference> for Difference {
    fn from(difference: &FieldDifference) -> Self {
        let mask = |value: &Value| masked(&difference.path, value, difference.sensitive);
        Self {
            path: difference.path.clone(),
            desired: difference.desired.as_ref().map(mask),
            live: difference.live.as_ref().map(mask),
            owner: match difference.owner {
                Owner::Manifest => FieldOwner::Manifest,
                Owner::Removed => FieldOwner::Removed,
            },
            effect: match difference.effect {
                Effect::NewRevision => FieldEffect::NewRevision,
                Effect::InPlace => FieldEffect::InPlace,
                Effect::NewDeployment => FieldEffect::NewDeployment,
                Effect::Recreate => FieldEffect::Recreate,
            },
            origin: None,
        }
    }
}

/// A step of the plan, without its request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// As the API calls it.
    pub operation: String,
    /// Why.
    pub reason: Reason,
    /// In words, for people.
    pub because: String,
    /// The fields that it settles, by path.
    pub paths: Vec<String>,
}

impl From<&coxswain_plan::PlannedStep> for PlannedStep {
    fn from(planned: &coxswain_plan::PlannedStep) -> Self {
        Self {
            operation: planned.step.operation().to_owned(),
            reason: planned.reason,
            because: planned.because.clone(),
            paths: planned.differences.iter().map(|difference| difference.path.clone()).collect(),
        }
    }
}

/// A rollout that is going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// `ecs-svc/N`, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// Digest of all that triggers a deployment; absent where somebody else has started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The revision's ARN.
    pub task_definition: String,
    /// When it was started.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// The manifest's revision; absent where somebody else has started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// ECS's `rolloutState`.
    pub state: String,
    /// ECS's words on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Its tasks.
    pub counts: Counts,
    /// Tasks of it that failed in a row.
    pub failed_tasks: u32,
}

/// Tasks, as ECS counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Wanted.
    pub desired: u32,
    /// Running.
    pub running: u32,
    /// Starting.
    pub pending: u32,
}

/// What is held, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The digest that is not tried again.
    pub digest: String,
    /// Why.
    pub reason: Reason,
    /// In words, with ECS's own.
    pub message: String,
    /// The deployment that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// What its tasks died of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Since when.
    #[schemars(with = "String")]
    pub since: Timestamp,
}

impl From<&coxswain_plan::Hold> for Hold {
    fn from(hold: &coxswain_plan::Hold) -> Self {
        Self {
            digest: hold.rollout.to_string(),
            reason: hold.reason,
            message: hold.message.clone(),
            deployment_id: hold.deployment_id.clone(),
            cause: hold.cause.clone(),
            since: hold.since,
        }
    }
}
