//! The services beside ECS: what each is to the wire.

use std::{borrow::Cow, fmt::Debug, sync::Arc};

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, ecr, logs, ssm};
use serde_json::Value;

use crate::{
    caller::Identity, cloud_map::CloudMap, config::Config, ecr::Registries, elb::Balancing, error::ApiError,
    events::EventBridge, kms::KeyManagement, scaling::ApplicationAutoScaling,
    secrets_manager::SecretsManager, sqs::SimpleQueues, sts::SecurityTokens, world::World,
};

/// One service beside ECS, in the same account and region.
///
/// Its state is its own, behind a lock of its own that is held neither over an await nor while ECS's is
/// taken. A new service is a folder with a value that is this, and a line in [`neighbours`].
#[async_trait]
pub(crate) trait Neighbour: Debug + Send + Sync {
    /// What the table knows of it.
    fn api(&self) -> &'static Api;

    /// The code by which it refuses a request that its model does not allow; most of AWS's services have
    /// this one.
    fn refusal(&self) -> &'static str {
        "ValidationException"
    }

    /// The request as the table shall see it: what the service accepts though its model does not have it.
    fn amended<'a>(&self, _operation: &str, body: &'a Value) -> Cow<'a, Value> {
        Cow::Borrowed(body)
    }

    /// The code under which clients of the service's older query protocol know an error, where it had one.
    fn query_code(&self, _code: &str) -> Option<String> {
        None
    }

    /// Answers an operation whose request the table has found right.
    ///
    /// `who` asks, and `world` is where it lies: the clock, the tasks' driver, the other services of the account and region.
    ///
    /// # Errors
    /// What the service refuses, in its own codes; [`not_done`](crate::wire::not_done) for an operation
    /// that is not done here.
    async fn call(
        &self,
        operation: &str,
        request: &Value,
        who: &Identity,
        world: &World,
    ) -> Result<Value, ApiError>;
}

/// Every service beside ECS, with nothing in it yet.
pub(crate) fn neighbours(
    config: &Config,
    cloud_map: &CloudMap,
    balancing: &Arc<Balancing>,
) -> Vec<Box<dyn Neighbour>> {
    let registries = Registries::new(&config.account, &config.region);
    vec![
        Box::new(SecretsManager),
        Box::new(SecurityTokens),
        Box::new(KeyManagement),
        Box::new(SystemsManager),
        Box::new(Logs),
        Box::new(registries),
        Box::new(cloud_map.clone()),
        Box::new(SimpleQueues),
        Box::new(EventBridge),
        Box::new(ApplicationAutoScaling),
        Box::new(Arc::clone(balancing)),
    ]
}

/// Systems Manager. Its parameters lie in [`World`], since tasks' secrets come from there too.
#[derive(Debug)]
struct SystemsManager;

#[async_trait]
impl Neighbour for SystemsManager {
    fn api(&self) -> &'static Api {
        ssm()
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        world.parameters().call(operation, request, world, world.clock.now())
    }
}

/// CloudWatch Logs, which has no state of its own: ECS knows the streams, the driver their lines.
#[derive(Debug)]
struct Logs;

#[async_trait]
impl Neighbour for Logs {
    fn api(&self) -> &'static Api {
        logs()
    }

    fn refusal(&self) -> &'static str {
        "InvalidParameterException"
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        let streams = world.state().log_streams.group(crate::logs::group_name(request)?).cloned();
        // Outside the lock: the driver has its own.
        crate::logs::call(operation, request, streams.as_ref(), &|stream| {
            world.driver.logs(&stream.task_id, &stream.container, usize::MAX)
        })
    }
}

#[async_trait]
impl Neighbour for Registries {
    fn api(&self) -> &'static Api {
        ecr()
    }

    fn refusal(&self) -> &'static str {
        "InvalidParameterException"
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        self.call(operation, request, world.driver.as_ref())
    }
}

#[cfg(test)]
mod tests;
