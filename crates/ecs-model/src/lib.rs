//! What ECS makes of a task definition or service: canonical form, digest, difference, redaction.

mod canonical;
mod compare;
mod difference;
mod digest;
mod keyed;
mod normal;
mod redact;
mod rules;
mod spelling;
mod update;

pub use canonical::{Canonical, Part, canonical_service, canonical_task_definition, unknown_members};
pub use compare::differences;
pub use difference::{Effect, FieldDifference, Owner, service_effect};
pub use digest::{NotADigest, RolloutDigest, TaskDefinitionDigest, rollout_digest, task_definition_digest};
pub use redact::redact;
pub use rules::rule_source;
pub use update::update_members;
