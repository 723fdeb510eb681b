//! Application Auto Scaling as the wire sees it.

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, application_autoscaling};
use serde_json::Value;

use crate::{caller::Identity, error::ApiError, neighbour::Neighbour, world::World};

/// Application Auto Scaling. What it knows lies in [`LocalAws`], since the loop acts on it.
#[derive(Debug)]
pub(crate) struct ApplicationAutoScaling;

#[async_trait]
impl Neighbour for ApplicationAutoScaling {
    fn api(&self) -> &'static Api {
        application_autoscaling()
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        let look = |cluster: &str, service: &str| world.standing(cluster, service);
        let answer = world.scaling.call(operation, request, &look, world.clock.now());
        world.wake();
        answer
    }
}
