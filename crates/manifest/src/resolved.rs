//! What a bundle asks for once its references are resolved: the planner's input.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::key::Key;
use crate::source::Location;

/// What the look-up of a reference gave: of a parameter, or of an image by its tag.
///
/// Values are kept by the reference's name: a parameter's path (`/dev/infra/subnets`), or an image's
/// [name](crate::ImageName) (`image:api:1.4`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// An SSM parameter of type String, or the image with the digest that its tag stands for.
    String(String),
    /// An SSM parameter of type `StringList`.
    StringList(Vec<String>),
    /// No value, and why: `not found`, `is a SecureString, which is never decrypted`.
    Unavailable(String),
}

/// A bundle with its references resolved.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Where the bundle goes.
    pub environment: EnvironmentSettings,
    /// Each object, or why it is blocked.
    pub objects: BTreeMap<Key, Result<ResolvedService, Vec<Diagnostic>>>,
}

/// Where a bundle goes and what its objects share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentSettings {
    /// `metadata.name`, the first part of every [`Key`].
    pub name: String,
    /// The AWS Region, if the manifest fixes it.
    pub region: Option<String>,
    /// The account, if the manifest fixes it: 12 digits.
    pub account: Option<String>,
    /// The ECS cluster's name.
    pub cluster: String,
    /// Tags of every task definition and service of the bundle.
    pub tags: BTreeMap<String, String>,
    /// What happens on drift, unless a Service says otherwise.
    pub drift: DriftPolicy,
    /// How often references are looked up again, in seconds; nothing where a bundle means the same from its
    /// first day to its last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_seconds: Option<u32>,
}

/// An object's key, and what is wanted of it or what is wrong with it.
pub type ResolvedObject = (Key, Result<ResolvedService, Vec<Diagnostic>>);

/// What happens when the live state has moved away from the manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftPolicy {
    /// It is reported and corrected.
    #[default]
    Correct,
    /// It is reported and left.
    Report,
}

/// Who decides how many tasks a service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Count {
    /// The manifest: exactly so many.
    Fixed(u32),
    /// Somebody else, such as an autoscaler that Coxswain does not run, or the scheduler of a DAEMON
    /// service: the count is neither sent in an update nor called drift.
    Unmanaged,
}

/// A Service as it is wanted: defaults merged, references resolved, in the wire's JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResolvedService {
    /// The object's name everywhere.
    pub key: Key,
    /// Where its manifest starts.
    pub location: Location,
    /// The task definition's family.
    pub family: String,
    /// RegisterTaskDefinition's request without `tags`.
    pub task_definition: Value,
    /// CreateService's request without `taskDefinition`, `desiredCount`, `clientToken` and `tags`.
    pub service: Value,
    /// Coxswain's own safe defaults under [`Self::service`], for CreateService only: a service that
    /// exists keeps what it has.
    pub creation_defaults: Value,
    /// How many tasks.
    pub count: Count,
    /// Tags of the service: the Environment's, overridden by `spec.service.tags`.
    pub tags: BTreeMap<String, String>,
    /// Tags of the task definition: the Environment's, overridden by `spec.taskDefinition.tags`.
    pub task_definition_tags: BTreeMap<String, String>,
    /// How long a rollout may go without progress before it counts as failed.
    pub progress_deadline_seconds: u32,
    /// What happens on drift.
    pub drift: DriftPolicy,
    /// Whether Coxswain leaves the object alone for now.
    pub suspended: bool,
    /// Paths whose differences are neither corrected nor called drift.
    pub ignore_differences: Vec<String>,
    /// Where each value came from, by path.
    pub origins: Vec<Origin>,
}

impl ResolvedService {
    /// Where the value at `path` came from: the origin of the longest path that leads to it.
    ///
    /// Paths start with `taskDefinition.` or `service.`; items are addressed by name where they have
    /// one: `taskDefinition.containerDefinitions[api].image`.
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        let leads = |origin: &&Origin| {
            path.strip_prefix(origin.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.origins.iter().filter(leads).max_by_key(|origin| origin.path.len())
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The value's path: `taskDefinition.containerDefinitions[api].image`.
    pub path: String,
    /// Its source.
    pub source: OriginSource,
}

/// The layers that a value can come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OriginSource {
    /// The Service's own manifest.
    Manifest(Location),
    /// The Environment's settings or defaults.
    Environment(Location),
    /// A reference, written there: `${param:/dev/infra/subnets}`.
    Reference {
        /// As written.
        reference: String,
        /// Where.
        location: Location,
    },
    /// Coxswain's own default, such as `family` from the object's name.
    Coxswain,
}

impl std::fmt::Display for OriginSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Manifest(location) => write!(f, "{location}"),
            Self::Environment(location) => write!(f, "{location} (Environment)"),
            Self::Reference { reference, location } => write!(f, "{reference} at {location}"),
            Self::Coxswain => f.write_str("Coxswain's default"),
        }
    }
}
