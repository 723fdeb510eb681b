//! What ECS makes of a task definition or a service: one form for what people write and what ECS
//! returns, its digest, the differences that are ours, and what people may see of it.
//!
//! ECS fills in, reorders and respells what it is given. A container of a name and an image comes back
//! with a CPU share, ten empty lists and `essential: true`; a service made from its subnets comes back
//! with two dozen settings. This crate knows which of that means nothing.
//!
//! # The scheme
//!
//! The two parts of an ECS service are compared in two ways, because ECS keeps them in two ways.
//!
//! * **A task definition is replaced whole**: absent means absent. [`canonical_task_definition`] folds
//!   every default away, on both sides, and what is then empty too. Two forms are equal exactly when ECS
//!   would run the same, so that the form can be digested ([`task_definition_digest`]). Defaults are
//!   folded member by member and never object by object: an object to which ECS adds a member with a
//!   default still folds.
//! * **A service is merged**: UpdateService keeps what it is not given. [`canonical_service`] therefore
//!   keeps what is written, a written default too: that a member is named says that it is owned.
//!   [`differences`] looks at the members that the manifest names, and at those that we had sent and the
//!   manifest no longer names, which are reset; all others belong to somebody else. Each member so
//!   found is folded on both sides and compared: a written default equals a member that ECS leaves out.
//!
//! What naming a member owns follows what UpdateService does with it. A structure that it replaces
//! (`networkConfiguration`) is owned whole: what is left out inside means the default. A structure that
//! it merges (`deploymentConfiguration` and the circuit breaker in it) is owned member by member.
//!
//! Lists are sets where ECS takes them so: items are then matched and named by their key, as in
//! `containerDefinitions[api].environment[PORT].value`. Members that the shape table does not know are
//! carried as they are, compared only where the manifest names them, and told by [`unknown_members`].
//!
//! ```
//! use coxswain_ecs_model::{Part, canonical_service, differences, update_members};
//! use serde_json::json;
//!
//! let sent = canonical_service(&json!({"enableExecuteCommand": true, "platformVersion": "LATEST"}));
//! let desired = canonical_service(&json!({"healthCheckGracePeriodSeconds": 30}));
//! let live = canonical_service(&json!({
//!     "enableExecuteCommand": true,          // ours once, no longer named: reset
//!     "healthCheckGracePeriodSeconds": 0,    // named: compared
//!     "propagateTags": "SERVICE",            // never ours: left
//! }));
//!
//! let lines: Vec<_> =
//!     differences(Part::Service, &desired, Some(&sent), &live).iter().map(ToString::to_string).collect();
//! assert_eq!(lines, [
//!     "enableExecuteCommand: true -> false (removed, reset; in place)",
//!     "healthCheckGracePeriodSeconds: 0 -> 30 (in place)",
//! ]);
//! let members = update_members(&desired, Some(&sent), &live);
//! assert_eq!(json!(members), json!({"enableExecuteCommand": false, "healthCheckGracePeriodSeconds": 30}));
//! ```
//!
//! # Where to start
//!
//! `rules/` is the knowledge: one entry a member, each with its source. `normal` is the walk that
//! brings a tree to its form by the rules, `compare` the one that finds differences, `update` makes
//! UpdateService's members, and `redact` decides what is shown. None of them panics, whatever the input.
//!
//! # Secrets
//!
//! A [`Canonical`] holds values as they are. A [`FieldDifference`] never does: sensitive values are masked
//! when it is made. For all else that is shown there is [`redact`].

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
pub use rules::{default_in_words, rule_source};
pub use update::update_members;
