//! Real programs on free ports, for the end-to-end tests: start, wait for a condition with a deadline,
//! print everything on failure, end what was started.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for a member that is missing")]

pub mod ecs;
pub mod measure;
pub mod ministack;
pub mod moto;
pub mod picture;
pub mod process;
pub mod replica;
pub mod traffic;
