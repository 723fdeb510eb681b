//! Digests of canonical forms.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{
    canonical::{Canonical, Part},
    difference::{Effect, service_effect},
    normal::folded_member,
    rules::Context,
};

/// What stands before the hexadecimal digits; a change of the canonical form raises the number.
const PREFIX: &str = "v1:sha256:";

/// A text that is no digest of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no digest of the form v1:sha256: and 64 lower-case hexadecimal digits")]
pub struct NotADigest(String);

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotADigest;

            fn from_str(text: &str) -> Result<Self, NotADigest> {
                checked(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotADigest;

            fn try_from(text: String) -> Result<Self, NotADigest> {
                checked(&text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                digest.0
            }
        }
    };
}

digest! {
    /// The digest of a task definition's canonical form; stands as a tag on the revision.
    TaskDefinitionDigest
}

digest! {
    /// The digest of all that starts a deployment: the task definition and those members of the service.
    ///
    /// The key of a hold: tags, counts and in-place changes do not move it.
    RolloutDigest
}

fn checked(text: &str) -> Result<String, NotADigest> {
    let is_hex = |digits: &str| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_digest = text.strip_prefix(PREFIX).is_some_and(|digits| digits.len() == 64 && is_hex(digits));
    if is_digest { Ok(text.to_owned()) } else { Err(NotADigest(text.to_owned())) }
}

/// SHA-256 over the form's JSON: members by name, no white space, UTF-8.
///
/// The same number comes from `jq -cjS . form.json | sha256sum`.
pub fn task_definition_digest(form: &Canonical) -> TaskDefinitionDigest {
    TaskDefinitionDigest(sha256(form.as_value()))
}

/// SHA-256 over `{"service":{...},"taskDefinition":"<digest>"}`, where the service has the members that
/// start a deployment, defaults folded away.
pub fn rollout_digest(task_definition: &TaskDefinitionDigest, service: &Canonical) -> RolloutDigest {
    let shape = Part::Service.request();
    let context = Context::of_service(service.as_value(), service.as_value());
    let members = service.as_value().as_object().into_iter().flatten();
    let triggers: Map<String, Value> = members
        .filter(|(name, _)| service_effect(name) == Effect::NewDeployment)
        .filter_map(|(name, value)| Some((name.clone(), folded_member(shape, name, value, context)?)))
        .collect();
    RolloutDigest(sha256(
        &serde_json::json!({"service": triggers, "taskDefinition": task_definition.to_string()}),
    ))
}

fn sha256(value: &Value) -> String {
    format!("{PREFIX}{}", hex::encode(Sha256::digest(value.to_string())))
}
