//! Secrets of Secrets Manager under the names of parameters: `/aws/reference/secretsmanager/NAME`.
//!
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>

use serde_json::{Value, json};

use super::{
    Around,
    refusal::{not_found, validation},
};
use crate::{ecs::Members, error::ApiError};

const PREFIX: &str = "/aws/reference/secretsmanager/";

/// A secret, and which version of it: by id or by label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Secret<'a> {
    id: &'a str,
    selector: Option<&'a str>,
}

/// The secret that a parameter's name refers to, if it does.
pub(super) fn secret(name: &str) -> Option<Secret<'_>> {
    let named = name.strip_prefix(PREFIX)?;
    Some(match named.split_once(':') {
        Some((id, selector)) => Secret { id, selector: Some(selector) },
        None => Secret { id: named, selector: None },
    })
}

/// The secret as a parameter; AWS gives it in plain or not at all.
pub(super) fn read(
    asked: &str,
    secret: Secret<'_>,
    is_decrypted: bool,
    around: &dyn Around,
) -> Result<Value, ApiError> {
    if !is_decrypted {
        return Err(validation("WithDecryption flag must be True for retrieving a Secret Manager secret."));
    }
    let (version, stage) = match secret.selector {
        // Ids are UUIDs, which no label looks like.
        Some(selector) if selector.len() >= 32 => (Some(selector), None),
        other => (None, other),
    };
    let found = around.secret(secret.id, version, stage).map_err(|error| {
        let text = format!(
            "An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret {} not found. ({error})",
            secret.id
        );
        ApiError { message: text, ..not_found(asked) }
    })?;
    let value = found.text("SecretString").ok_or_else(|| not_found(asked))?;
    let name = asked.split_once(':').map_or(asked, |(name, _)| name);
    let mut shown = json!({
        "Name": name,
        "Type": "SecureString",
        "Value": value,
        "Version": 0,
        "LastModifiedDate": found.member("CreatedDate"),
        "ARN": found.text("ARN"),
        "SourceResult": found.to_string(),
        "DataType": "text",
    });
    if let (Some(selector), Some(shown)) = (secret.selector, shown.as_object_mut()) {
        shown.insert("Selector".to_owned(), format!(":{selector}").into());
    }
    Ok(shown)
}
