//! The pure decision: desired, remembered and observed state become a [`Plan`].
//!
//! Start with [`plan`]. It does no I/O, reads no clock and draws no random number: the same arguments
//! give the same plan, which `cox plan`, `cox diff`, the status and the controller all show. The
//! controller carries a plan out step by step and keeps the [`Record`] by [`Record::before`] and
//! [`Record::after`].

mod assess;
mod cause;
mod change;
mod check;
mod decide;
mod desired;
mod explain;
mod observed;
mod planner;
mod policy;
mod read;
mod reason;
mod record;
mod settle;
mod step;
mod transition;

pub use cause::Cause;
pub use check::{Breach, Rule, check};
pub use desired::{DIGEST_TAG, Desired, OWNER_TAG, wire_tags};
pub use observed::{Deployment, Live, LiveService, LiveTaskDefinition, Observed, ServiceDeployment};
pub use planner::plan;
pub use policy::Policy;
pub use read::Unreadable;
pub use reason::Reason;
pub use record::{Correction, Good, Hold, Identity, RECORD_SCHEMA, Record, Revision, Rollout, Sent};
pub use settle::{failing_deployment, needs_service_deployments};
pub use step::{Condition, ConditionType, Event, Plan, PlannedStep, RolloutEnd, Step};
pub use transition::StepAnswer;
