//! Task definitions: families, revisions, and what names one.

mod container;
mod fargate;
mod fill;
mod limits;
mod operation;
mod rules;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

pub(super) use self::{
    container::{health_check, seconds},
    fargate::check_size_override,
    operation::{DELETION_LOOKS, delete, deregister, describe, list, list_families, register},
};
use super::{Members, State, arn, tag::Tags};
use crate::{clock::Time, error::ApiError};

/// A family of task definitions.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// The highest number ever given: numbers never start again, also after deletion.
    last: u64,
    pub(super) revisions: BTreeMap<u64, Registered>,
}

/// A registered revision and what may still change about it.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) definition: Arc<TaskDefinition>,
    pub(super) status: Status,
    pub(super) tags: Tags,
    deregistered_at: Option<Time>,
    delete_requested_at: Option<Time>,
}

/// Whether a revision can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Inactive,
    DeleteInProgress,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
        }
    }
}

/// What was registered: never changes.
#[derive(Debug, PartialEq)]
pub(crate) struct TaskDefinition {
    pub(crate) family: String,
    pub(crate) revision: u64,
    pub(crate) arn: String,
    /// The read-back, without what may change.
    pub(super) body: Map<String, Value>,
}

impl TaskDefinition {
    /// The container definitions, with ECS's defaults.
    pub(super) fn containers(&self) -> &[Value] {
        self.body.items("containerDefinitions")
    }

    /// Whether a service's tasks need a `networkConfiguration`.
    pub(super) fn is_awsvpc(&self) -> bool {
        self.body.text("networkMode") == Some("awsvpc")
    }
}

impl State {
    /// The ACTIVE revision that a request names: by ARN, `family:revision`, or `family` for the latest.
    pub(super) fn usable_definition(&self, reference: &str) -> Result<Arc<TaskDefinition>, ApiError> {
        let registered =
            self.registered(reference).map_err(|_| ApiError::client("TaskDefinition not found."))?;
        if registered.status == Status::Active {
            Ok(Arc::clone(&registered.definition))
        } else {
            Err(ApiError::client("TaskDefinition is inactive"))
        }
    }

    /// The revision that a request names, whatever its status.
    fn registered(&self, reference: &str) -> Result<&Registered, ApiError> {
        let name = arn::last_part(reference, "task-definition");
        let (family, revision) = match name.split_once(':') {
            Some((family, revision)) => {
                let revision = revision
                    .parse()
                    .map_err(|_| ApiError::client(format!("Invalid revision number. Number: {revision}")))?;
                (family, Some(revision))
            }
            None => (name, None),
        };
        let known = self.families.get(family);
        let found = match revision {
            Some(revision) => known.and_then(|family| family.revisions.get(&revision)),
            None => known.and_then(Family::latest_active),
        };
        found.ok_or_else(|| ApiError::client("Unable to describe task definition."))
    }

    /// Removes a revision in `DELETE_IN_PROGRESS` that no task and no deployment refers to any more.
    ///
    /// Returns whether it has to be looked at again.
    pub(super) fn definition_is_still_referred_to(&mut self, family: &str, revision: u64) -> bool {
        let Some(known) = self.families.get_mut(family) else { return false };
        let Some(registered) = known.revisions.get(&revision) else { return false };
        // Tasks and deployments share the definition; one holder left is this very list.
        if Arc::strong_count(&registered.definition) > 1 {
            return true;
        }
        known.revisions.remove(&revision);
        false
    }
}

impl Family {
    fn latest_active(&self) -> Option<&Registered> {
        self.revisions.values().rev().find(|registered| registered.status == Status::Active)
    }
}

impl Registered {
    fn show(&self) -> Value {
        let mut shown = self.definition.body.clone();
        shown.insert("status".into(), self.status.name().into());
        if let Some(at) = self.deregistered_at {
            shown.insert("deregisteredAt".into(), at.to_json());
        }
        if let Some(at) = self.delete_requested_at {
            shown.insert("deleteRequestedAt".into(), at.to_json());
        }
        Value::Object(shown)
    }
}
