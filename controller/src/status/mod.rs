//! What is said of each object: derived from reports, kept in the store, served over HTTP.
//!
//! Start with [`StatusBoard`], the one writer. Every look ends in a
//! [`Report`](crate::report::Report); what follows from it for conditions, words, differences and the
//! sentence of reason is decided in pure functions, and nothing else sets any of them.

mod board;
mod condition;
mod derive;
mod document;
mod event;
#[cfg(test)]
pub(crate) mod fixture;
mod follow;
mod history;
mod kept;
mod mask;
mod memory;
mod source;
mod word;

pub use board::StatusBoard;
pub use document::{
    Condition, ConditionStatus, Counts, Difference, FieldEffect, FieldOwner, Hold, PlannedStep, Rollout,
    ServiceStatus,
};
pub use event::{EVENTS_KEPT, Event, Gap};
pub use history::{Entry, Outcome, ROLLOUTS_KEPT};
pub use mask::MASK;
pub(crate) use source::read_only;
pub use source::{BundleStatus, Problem, SourceStatus};
pub use word::{Health, Sync};

pub(crate) use follow::is_of;
pub(crate) use kept::chain;
