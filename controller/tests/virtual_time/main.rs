//! The controller against the local ECS, in virtual time: hours pass in milliseconds.
//!
//! Only the tasks are scripted; requests go through the AWS SDK into the local ECS's own wire, manifests
//! are files in a directory, and the store is a store. [`stage`] sets it up.

mod drift;
mod manifests;
mod restart;
mod rollout;
mod scale;
mod stage;
mod step_sweep;
mod wire;
