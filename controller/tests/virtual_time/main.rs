//! The controller against the local ECS, in virtual time: hours pass in milliseconds.
//!
//! Only the tasks are scripted; requests go through the AWS SDK into the local ECS's own wire, manifests
//! are files in a directory, and the store is a store. [`stage`] sets it up.

#[cfg(test)]
mod drift;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod rollout;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod step_sweep;
#[cfg(test)]
mod wire;
