//! Systems Manager's parameters: with versions, labels, tags, filters and the policy by which one expires.
//!
//! Requests come here checked by the shape table. Kept in memory; there is no encryption, only its looks:
//! a `SecureString` is masked where decryption is not asked for, and cannot be read while its key cannot
//! be used.
//!
//! # Limits
//!
//! Nothing but parameters. No notifications, no data types that AWS checks elsewhere, no sharing with
//! other accounts. Allowed patterns know neither looking around nor back references.

mod filter;
mod label;
mod name;
mod policy;
mod put;
mod read;
mod reference;
mod refusal;
mod secret;
mod store;

use serde_json::{Value, json};

pub(crate) use self::store::Parameters;
use crate::{clock::Time, ecs::Members, error::ApiError, labels::Spelling, wire::not_done};

const SPELLING: Spelling = Spelling { key: "Key", value: "Value" };

/// What parameters need of the services around them.
pub(crate) trait Around {
    /// Says why a key of KMS cannot be used, if it cannot.
    fn key(&self, key: &str) -> Result<(), String>;

    /// What Secrets Manager answers for a version of a secret.
    fn secret(&self, id: &str, version: Option<&str>, stage: Option<&str>) -> Result<Value, ApiError>;
}

/// Nothing around: for what neither has a key nor refers to a secret.
struct Alone;

impl Around for Alone {
    fn key(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn secret(&self, id: &str, _: Option<&str>, _: Option<&str>) -> Result<Value, ApiError> {
        Err(refusal::not_found(id))
    }
}

impl Parameters {
    /// Answers an operation whose request the table has found right.
    pub(crate) fn call(
        &mut self,
        operation: &str,
        input: &Value,
        around: &dyn Around,
        now: Time,
    ) -> Result<Value, ApiError> {
        self.expire(now);
        match operation {
            "AddTagsToResource" => self.add_tags(input),
            "DeleteParameter" => self.delete_parameter(input),
            "DeleteParameters" => Ok(self.delete_parameters(input)),
            "DescribeParameters" => self.describe(input),
            "GetParameter" => self.get(input, around),
            "GetParameterHistory" => self.history(input, around),
            "GetParameters" => self.get_many(input, around),
            "GetParametersByPath" => self.get_by_path(input, around),
            "LabelParameterVersion" => self.label(input),
            "ListTagsForResource" => self.list_tags(input),
            "PutParameter" => self.put(input, around, now),
            "RemoveTagsFromResource" => self.remove_tags(input),
            "UnlabelParameterVersion" => self.unlabel(input),
            other => Err(not_done("ssm", other)),
        }
    }

    fn delete_parameter(&mut self, input: &Value) -> Result<Value, ApiError> {
        let name = input.text("Name").unwrap_or_default();
        if self.delete(name) { Ok(json!({})) } else { Err(refusal::not_found(name)) }
    }

    fn delete_parameters(&mut self, input: &Value) -> Value {
        let (deleted, invalid): (Vec<&str>, Vec<&str>) =
            input.texts("Names").partition(|name| self.delete(name));
        json!({ "DeletedParameters": deleted, "InvalidParameters": invalid })
    }
}

#[cfg(test)]
mod tests;
