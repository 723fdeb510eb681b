//! Secrets Manager: secrets with their versions, and the labels by which a rotation moves them.
//!
//! Kept in memory. A value shows in the answers that are asked for it and nowhere else.
//!
//! # Limits
//!
//! Nothing rotates by itself, nothing is replicated, and a resource's policy is a text that refuses
//! nobody. A secret that has a key of its own can be read and written while the local KMS says that the
//! key can be used; it is not encrypted with it.

mod lifecycle;
mod list;
mod password;
mod refusal;
mod secret;
mod store;
mod value;

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, secrets_manager};
use serde_json::Value;

pub(crate) use self::store::Secrets;
use crate::{
    caller::Identity, clock::Time, error::ApiError, labels::Spelling, neighbour::Neighbour, wire::not_done,
    world::World,
};

const SPELLING: Spelling = Spelling { key: "Key", value: "Value" };

/// Says why a key of KMS cannot be used, if it cannot.
pub(crate) type KeyCheck<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// Secrets Manager. Its secrets lie in [`World`], since tasks' secrets come from there too.
#[derive(Debug)]
pub(crate) struct SecretsManager;

#[async_trait]
impl Neighbour for SecretsManager {
    fn api(&self) -> &'static Api {
        secrets_manager()
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        let now = world.clock.now();
        world.secrets().call(operation, request, &|key| world.keys().usable(key, now), now)
    }
}

impl Secrets {
    /// Answers an operation whose request the table has found right.
    pub(crate) fn call(
        &mut self,
        operation: &str,
        input: &Value,
        key: KeyCheck<'_>,
        now: Time,
    ) -> Result<Value, ApiError> {
        self.expire(now);
        match operation {
            "BatchGetSecretValue" => self.batch_get(input, key, now),
            "CreateSecret" => self.create(input, key, now),
            "DeleteResourcePolicy" => self.delete_policy(input),
            "DeleteSecret" => self.delete(input, now),
            "DescribeSecret" => self.describe(input),
            "GetRandomPassword" => password::answer(input),
            "GetResourcePolicy" => self.get_policy(input),
            "GetSecretValue" => self.get_value(input, key, now),
            "ListSecretVersionIds" => self.list_versions(input),
            "ListSecrets" => self.list(input),
            "PutResourcePolicy" => self.put_policy(input),
            "PutSecretValue" => self.put_value(input, key, now),
            "RestoreSecret" => self.restore(input),
            "RotateSecret" => Err(refusal::no_rotation()),
            "TagResource" => self.tag(input, now),
            "UntagResource" => self.untag(input, now),
            "UpdateSecret" => self.update(input, key, now),
            "UpdateSecretVersionStage" => self.update_stage(input, now),
            other => Err(not_done("secretsmanager", other)),
        }
    }
}

#[cfg(test)]
mod tests;
