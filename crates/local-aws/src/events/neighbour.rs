//! EventBridge as the wire sees it.

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, events};
use serde_json::Value;

use crate::{caller::Identity, error::ApiError, neighbour::Neighbour, world::World};

/// EventBridge. Its bus lies in [`LocalAws`], since ECS speaks to it.
#[derive(Debug)]
pub(crate) struct EventBridge;

#[async_trait]
impl Neighbour for EventBridge {
    fn api(&self) -> &'static Api {
        events()
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        let answer = world.bus.call(operation, request, world.clock.now());
        world.deliver();
        answer
    }
}
