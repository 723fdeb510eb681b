//! What Elastic Load Balancing refuses, in its own codes.

use crate::error::ApiError;

/// `ValidationError`, which every operation can answer.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

/// Something of ELB's that is not done here.
pub(super) fn not_done(what: impl std::fmt::Display) -> ApiError {
    let text = format!("This local AWS does not do {what} of load balancers");
    ApiError::new("UnsupportedFeatureException", text)
}

pub(super) fn no_balancer(named: &str) -> ApiError {
    ApiError::new("LoadBalancerNotFound", format!("Load balancers '[{named}]' not found"))
}

pub(super) fn no_group(named: &str) -> ApiError {
    ApiError::new("TargetGroupNotFound", format!("Target groups '[{named}]' not found"))
}

pub(super) fn no_listener(named: &str) -> ApiError {
    ApiError::new("ListenerNotFound", format!("Listeners '[{named}]' not found"))
}

pub(super) fn no_rule(named: &str) -> ApiError {
    ApiError::new("RuleNotFound", format!("Rules '[{named}]' not found"))
}

pub(super) fn no_store(named: &str) -> ApiError {
    ApiError::new("TrustStoreNotFound", format!("Trust store '{named}' not found"))
}

/// A name as ELB has it: 32 characters of letters, digits and hyphens, none at its ends.
///
/// Source: the API's descriptions of `CreateLoadBalancer` and `CreateTargetGroup`.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > 32 {
        return Err(invalid(format!("{what} name '{name}' cannot be longer than '32' characters")));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(invalid(format!(
            "{what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(invalid(format!("{what} name '{name}' cannot begin or end with '-'")));
    }
    Ok(())
}
