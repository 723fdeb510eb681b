//! SQS as the wire sees it.

use std::borrow::Cow;

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, sqs};
use serde_json::Value;

use super::{At, error::query_code};
use crate::{caller::Identity, ecs::Members, error::ApiError, neighbour::Neighbour, world::World};

/// SQS. Its queues lie in [`LocalAws`], since events go there too.
#[derive(Debug)]
pub(crate) struct SimpleQueues;

#[async_trait]
impl Neighbour for SimpleQueues {
    fn api(&self) -> &'static Api {
        sqs()
    }

    fn refusal(&self) -> &'static str {
        "InvalidParameterValue"
    }

    fn amended<'a>(&self, operation: &str, body: &'a Value) -> Cow<'a, Value> {
        amended(operation, body)
    }

    fn query_code(&self, code: &str) -> Option<String> {
        Some(query_code(code))
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        let around = world.surroundings();
        let at = At { url: around.url.as_deref(), clock: world.clock.as_ref() };
        world.queues.call(operation, request, at).await
    }
}

/// `AttributeNames` of ReceiveMessage, which the model holds for names of queues' attributes, mean the
/// messages' own, as before the member that replaces it.
pub(super) fn amended<'a>(operation: &str, body: &'a Value) -> Cow<'a, Value> {
    let old = body.items("AttributeNames");
    if operation != "ReceiveMessage" || old.is_empty() {
        return Cow::Borrowed(body);
    }
    let mut amended = body.clone();
    let names: Vec<Value> = body.items("MessageSystemAttributeNames").iter().chain(old).cloned().collect();
    if let Some(members) = amended.as_object_mut() {
        members.remove("AttributeNames");
        members.insert("MessageSystemAttributeNames".to_owned(), names.into());
    }
    Cow::Owned(amended)
}
