//! Application Auto Scaling as the wire sees it.

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, application_autoscaling};
use serde_json::Value;

use crate::{error::ApiError, local::LocalAws, neighbour::Neighbour};

/// Application Auto Scaling. What it knows lies in [`LocalAws`], since the loop acts on it.
#[derive(Debug)]
pub(crate) struct ApplicationAutoScaling;

#[async_trait]
impl Neighbour for ApplicationAutoScaling {
    fn api(&self) -> &'static Api {
        application_autoscaling()
    }

    async fn call(&self, operation: &str, request: &Value, local: &LocalAws) -> Result<Value, ApiError> {
        let look = |cluster: &str, service: &str| local.standing(cluster, service);
        let answer = local.scaling.call(operation, request, &look, local.clock.now());
        local.wake();
        answer
    }
}
