//! What the model promises, seen from outside.

#![cfg(test)]

mod digest;
mod form;
mod live_pairs;
mod properties;
mod read_back;
mod redaction;
mod service;
mod task_definition;
mod update;
