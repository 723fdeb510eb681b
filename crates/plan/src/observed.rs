//! What was seen of one object.

use std::collections::BTreeMap;

use coxswain_ecs_model::Canonical;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{cause::Cause, record::Identity};

/// What was seen of a service, in one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// When ECS was asked.
    pub seen_at: Timestamp,
    /// The service.
    pub service: Live,
    /// Of the rollout in flight, where DescribeServices alone does not tell how it ended; newest first.
    /// `None` where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_deployments: Option<Vec<ServiceDeployment>>,
    /// What the newest failing task of the rollout in flight died of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// A service as ECS describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Live {
    /// ECS knows none of that name, or one that is INACTIVE.
    Missing,
    /// It is being deleted.
    Draining,
    /// It is there.
    Active(Box<LiveService>),
}

impl Live {
    /// The service, where it is there.
    pub fn active(&self) -> Option<&LiveService> {
        match self {
            Self::Active(service) => Some(service),
            Self::Missing | Self::Draining => None,
        }
    }
}

/// An ACTIVE service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveService {
    /// ARN and creation time.
    pub identity: Identity,
    /// ECS's `desiredCount`.
    pub desired_count: u32,
    /// ECS's `runningCount`.
    pub running_count: u32,
    /// ECS's `pendingCount`.
    pub pending_count: u32,
    /// The service's members in canonical form.
    pub service: Canonical,
    /// All tags, other people's too.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// ECS's `taskDefinition`: the revision that the service names now.
    pub task_definition: LiveTaskDefinition,
    /// PRIMARY first.
    pub deployments: Vec<Deployment>,
}

impl LiveService {
    /// The deployment that ECS calls PRIMARY.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    /// The deployment of that id.
    pub fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }
}

/// The revision that a service names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveTaskDefinition {
    /// With its number.
    pub arn: String,
    /// The definition; `None` where ECS no longer has it.
    pub definition: Option<Canonical>,
    /// The tag by which Coxswain knows its own revisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_tag: Option<String>,
}

/// A deployment in a service's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/N`.
    pub id: String,
    /// PRIMARY, ACTIVE, INACTIVE.
    pub status: String,
    /// The revision's ARN.
    pub task_definition_arn: String,
    /// IN_PROGRESS, COMPLETED, FAILED; absent where the controller is not ECS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_state: Option<String>,
    /// ECS's words on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_state_reason: Option<String>,
    /// Tasks wanted.
    pub desired_count: u32,
    /// Tasks running.
    pub running_count: u32,
    /// Tasks starting.
    pub pending_count: u32,
    /// Consecutive failures.
    pub failed_tasks: u32,
    /// Set anew when ECS rolls back to it.
    pub created_at: Timestamp,
}

/// An entry of DescribeServiceDeployments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeployment {
    /// `ecs-svc/N`, from the target revision's ARN, whose last part is that N.
    pub deployment_id: String,
    /// PENDING, IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_SUCCESSFUL, ...
    pub status: String,
    /// ECS's words on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}
