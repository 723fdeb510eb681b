//! KMS: keys that sign and encrypt for real, so that what they signed verifies anywhere.
//!
//! Kept in memory. Private keys do not leave it, and no operation shows them.
//!
//! # Limits
//!
//! Symmetric keys (AES-256-GCM), ECDSA on the NIST curves and secp256k1, and RSA for signing. No HMAC, no
//! RSA encryption, no key agreement, no imported or renewed material, no grants, no replicas. A key's
//! policy is a text that refuses nobody. A seed repeats the keys' ids, never the keys.

mod alias;
mod encrypt;
mod manage;
mod material;
mod refusal;
mod sign;
mod spec;
mod store;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use coxswain_ecs_shapes::{Api, kms};
use serde_json::Value;

pub(crate) use self::store::Keys;
use crate::{
    caller::Identity, clock::Time, ecs::Members, error::ApiError, labels::Spelling, neighbour::Neighbour,
    wire::not_done, world::World,
};

const SPELLING: Spelling = Spelling { key: "TagKey", value: "TagValue" };

/// KMS. Its keys lie in [`World`], since other services ask whether they can be used.
#[derive(Debug)]
pub(crate) struct KeyManagement;

#[async_trait]
impl Neighbour for KeyManagement {
    fn api(&self) -> &'static Api {
        kms()
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        _: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        let now = world.clock.now();
        if operation == "CreateKey" {
            // Outside the lock: RSA's keys take a moment.
            let new = manage::new_key(request)?;
            let material = new.generate()?;
            return Ok(world.keys().create(new, material, now));
        }
        world.keys().call(operation, request, now)
    }
}

impl Keys {
    /// Answers an operation whose request the table has found right; CreateKey is its caller's.
    fn call(&mut self, operation: &str, input: &Value, now: Time) -> Result<Value, ApiError> {
        self.expire(now);
        match operation {
            "CancelKeyDeletion" => self.cancel_deletion(input),
            "CreateAlias" => self.create_alias(input, now),
            "Decrypt" => self.decrypt(input),
            "DeleteAlias" => self.delete_alias(input),
            "DescribeKey" => self.describe(input),
            "DisableKey" => self.set_enabled(input, false),
            "EnableKey" => self.set_enabled(input, true),
            "Encrypt" => self.encrypt(input),
            "GenerateDataKey" => self.data_key(input, true),
            "GenerateDataKeyWithoutPlaintext" => self.data_key(input, false),
            "GenerateRandom" => encrypt::random(input),
            "GetKeyPolicy" => self.get_policy(input),
            "GetKeyRotationStatus" => self.rotation_status(input),
            "GetPublicKey" => self.public_key(input),
            "ListAliases" => self.list_aliases(input),
            "ListKeyPolicies" => self.list_policies(input),
            "ListKeys" => self.list(input),
            "ListResourceTags" => self.list_tags(input),
            "PutKeyPolicy" => self.put_policy(input),
            "ReEncrypt" => self.re_encrypt(input),
            "ScheduleKeyDeletion" => self.schedule_deletion(input, now),
            "Sign" => self.sign(input),
            "TagResource" => self.tag(input),
            "UntagResource" => self.untag(input),
            "UpdateAlias" => self.update_alias(input, now),
            "UpdateKeyDescription" => self.update_description(input),
            "Verify" => self.verify(input),
            other => Err(not_done("kms", other)),
        }
    }
}

/// A member's bytes, if it is there; AWS's words where there are too many.
fn blob(input: &Value, member: &str, most: usize) -> Result<Option<Vec<u8>>, ApiError> {
    let Some(base64) = input.text(member) else { return Ok(None) };
    let bytes = STANDARD.decode(base64).map_err(|error| {
        ApiError::new("SerializationException", format!("{member} is no base64: {error}"))
    })?;
    let path = member.get(..1).unwrap_or_default().to_lowercase() + member.get(1..).unwrap_or_default();
    let refused = |bound: &str| {
        let text = format!(
            "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must have length {bound}"
        );
        Err(refusal::validation(text))
    };
    match bytes.len() {
        0 => refused("greater than or equal to 1"),
        length if length > most => refused(&format!("less than or equal to {most}")),
        _ => Ok(Some(bytes)),
    }
}

#[cfg(test)]
mod tests;
