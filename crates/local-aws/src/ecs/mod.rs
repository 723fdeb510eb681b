//! ECS: the state, and the operations on it.

use serde_json::Value;

use crate::{
    clock::Time,
    config::Config,
    error::ApiError,
    id::Random,
    wire::{Checked, not_done},
};

/// Everything that this ECS knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) random: Random,
}

impl State {
    pub(crate) fn new(_config: &Config, random: Random) -> Self {
        Self { random }
    }
}

/// Serves one operation.
pub(crate) fn call(_state: &mut State, checked: &Checked, _now: Time) -> Result<Value, ApiError> {
    let _ = &checked.request;
    Err(not_done("ecs", checked.operation.name))
}
