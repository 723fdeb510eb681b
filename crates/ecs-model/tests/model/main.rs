//! What the model promises, seen from outside.

#![cfg(test)]

mod digest;
mod live_pairs;
mod properties;
mod redaction;
mod service;
mod task_definition;
mod update;
