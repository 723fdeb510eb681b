//! The controller: watches manifests and brings ECS to what they say.
//!
//! Start with [`reconcile`](reconcile::reconcile): the spine, one look at one object. Around it stand
//! [`source`] (manifests), [`resolve`] (references), [`observe`] and [`act`] (ECS), [`records`] and
//! [`intents`] (the store); [`app`] wires them up. [`preview`] makes plans without acting on them.

pub mod act;
mod announce;
pub mod app;
mod at_rest;
pub mod authority;
pub mod aws;
pub mod config;
pub mod context;
pub mod desired;
mod feed;
pub mod fence;
pub mod health;
pub mod healthcheck;
pub mod http;
pub mod intents;
pub mod kill_switch;
pub mod metrics;
pub mod observe;
mod packed;
pub mod phase;
pub mod preview;
pub mod program;
pub mod reconcile;
pub mod records;
mod replica;
pub mod report;
pub mod resolve;
pub mod source;
pub mod status;
mod sweep;
pub mod telemetry;
