//! Parameter policies: of them, the one by which a parameter expires.
//!
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html>

use serde_json::{Value, json};

use crate::{clock::Time, ecs::Members, error::ApiError};

/// A policy that deletes its parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    /// As it came.
    text: String,
    pub(super) expires: Time,
}

impl Policy {
    /// The policies of a request; `[{}]` is none.
    ///
    /// Notifications are refused: there is nobody here whom they would tell.
    pub(super) fn read(text: &str, now: Time) -> Result<Vec<Self>, ApiError> {
        let attribute = |text: String| ApiError::new("InvalidPolicyAttributeException", text);
        let policies: Vec<Value> = serde_json::from_str(text)
            .map_err(|error| attribute(format!("Policies are no JSON list: {error}")))?;
        let mut read = Vec::new();
        for policy in policies {
            if policy.as_object().is_some_and(serde_json::Map::is_empty) {
                continue;
            }
            match policy.text("Type") {
                Some("Expiration") => {}
                Some(kind @ ("ExpirationNotification" | "NoChangeNotification")) => {
                    let text = format!("This local Systems Manager notifies nobody: {kind}");
                    return Err(ApiError::new("UnsupportedFeatureException", text));
                }
                _ => {
                    let text = "The policy type isn't supported. Parameter Store supports the following policy types: \
                                Expiration, ExpirationNotification, and NoChangeNotification.";
                    return Err(ApiError::new("InvalidPolicyTypeException", text));
                }
            }
            if !read.is_empty() {
                let text = "A parameter has one Expiration policy at most.";
                return Err(ApiError::new("IncompatiblePolicyException", text));
            }
            let at = policy.member("Attributes").and_then(|attributes| attributes.text("Timestamp"));
            let at = at.ok_or_else(|| attribute("An Expiration policy has a Timestamp.".to_owned()))?;
            let expires = at
                .parse::<jiff::Timestamp>()
                .ok()
                .and_then(|at| u64::try_from(at.as_millisecond()).ok())
                .map(Time::from_millis)
                .ok_or_else(|| attribute(format!("{at} is no time of ISO 8601 with its offset.")))?;
            if expires <= now {
                return Err(attribute(format!("{at} is past.")));
            }
            read.push(Self { text: policy.to_string(), expires });
        }
        Ok(read)
    }

    /// As DescribeParameters and GetParameterHistory show it. `Pending`: not applied yet.
    pub(super) fn show(&self) -> Value {
        json!({"PolicyText": self.text, "PolicyType": "Expiration", "PolicyStatus": "Pending"})
    }
}
