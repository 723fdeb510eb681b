//! `deploymentConfiguration`: its defaults, its own way of merging, and what it refuses.
//!
//! The top level merges; a circuit breaker and alarms are replaced in their required members while
//! the breaker's optional ones stand; linear, canary and hooks' timeouts are replaced, with what is
//! missing filled from defaults.

use serde_json::{Map, Value, json};

use super::super::{Members, member::fill};
use crate::error::ApiError;

/// `deploymentConfiguration` after `sent` was applied to what `stands`; both may be absent.
pub(super) fn merge(stands: Option<&Value>, sent: Option<&Value>, daemon: bool) -> Result<Value, ApiError> {
    let mut merged = stands.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in sent.and_then(Value::as_object).into_iter().flatten() {
        let value = match name.as_str() {
            "deploymentCircuitBreaker" => breaker(merged.get(name), value),
            "linearConfiguration" => {
                with(value, &[("stepPercent", json!(10.0)), ("stepBakeTimeInMinutes", json!(6))])
            }
            "canaryConfiguration" => {
                with(value, &[("canaryPercent", json!(5.0)), ("canaryBakeTimeInMinutes", json!(10))])
            }
            "lifecycleHooks" => hooks(value),
            _ => value.clone(),
        };
        merged.insert(name.clone(), value);
    }
    let (maximum, minimum) = if daemon { (100, 0) } else { (200, 100) };
    fill(&mut merged, "strategy", "ROLLING");
    fill(&mut merged, "bakeTimeInMinutes", 0);
    fill(&mut merged, "maximumPercent", maximum);
    fill(&mut merged, "minimumHealthyPercent", minimum);
    fill(
        &mut merged,
        "deploymentCircuitBreaker",
        breaker(None, &json!({"enable": false, "rollback": false})),
    );
    check(&merged)?;
    Ok(Value::Object(merged))
}

/// A breaker as sent, with the optional members that stand, or their defaults.
fn breaker(stands: Option<&Value>, sent: &Value) -> Value {
    let optional = [
        ("resetOnHealthyTask", json!(true)),
        ("thresholdConfiguration", json!({"type": "BOUNDED_PERCENT", "value": 50})),
    ];
    let optional = optional.map(|(name, default)| {
        let standing = stands.and_then(|stands| stands.member(name)).cloned();
        (name, standing.unwrap_or(default))
    });
    with(sent, &optional)
}

fn with(sent: &Value, defaults: &[(&str, Value)]) -> Value {
    let mut filled = sent.as_object().cloned().unwrap_or_default();
    for (name, value) in defaults {
        fill(&mut filled, name, value.clone());
    }
    Value::Object(filled)
}

fn hooks(sent: &Value) -> Value {
    let hooks = sent.as_array().map(Vec::as_slice).unwrap_or_default();
    hooks
        .iter()
        .map(|hook| {
            let mut hook = hook.clone();
            if let Some(timeout) = hook.get_mut("timeoutConfiguration") {
                *timeout =
                    with(timeout, &[("timeoutInMinutes", json!(1_440)), ("action", json!("ROLLBACK"))]);
            }
            hook
        })
        .collect()
}

fn check(merged: &Map<String, Value>) -> Result<(), ApiError> {
    let strategy = merged.text("strategy").unwrap_or("ROLLING");
    for (member, wanted, word) in
        [("linearConfiguration", "LINEAR", "Linear"), ("canaryConfiguration", "CANARY", "Canary")]
    {
        if merged.member(member).is_some() && strategy != wanted {
            return Err(ApiError::invalid(format!(
                "{word} configuration can only be present with {wanted} deployment strategy"
            )));
        }
    }
    check_steps(merged)?;
    check_early_success(merged, strategy)?;
    check_hooks(merged)?;
    check_breaker(merged)?;
    check_percents(merged)
}

/// The ranges are the API's descriptions' of `LinearConfiguration` and `CanaryConfiguration`.
fn check_steps(merged: &Map<String, Value>) -> Result<(), ApiError> {
    for (member, percent, least, minutes) in [
        ("linearConfiguration", "stepPercent", 3.0, "stepBakeTimeInMinutes"),
        ("canaryConfiguration", "canaryPercent", 0.1, "canaryBakeTimeInMinutes"),
    ] {
        let Some(configured) = merged.member(member) else { continue };
        let value = configured.member(percent).and_then(Value::as_f64).unwrap_or(least);
        let is_tenth = ((value * 10.0) - (value * 10.0).round()).abs() < 1e-6;
        if !(least..=100.0).contains(&value) || !is_tenth {
            let text = format!("{percent} must be between {least:.1} and 100.0, in steps of 0.1.");
            return Err(ApiError::invalid(text));
        }
        if configured.whole(minutes).is_none_or(|minutes| minutes > 1_440) {
            return Err(ApiError::invalid(format!("{minutes} must be between 0 and 1440.")));
        }
    }
    if merged.whole("bakeTimeInMinutes").is_none_or(|minutes| minutes > 1_440) {
        return Err(ApiError::invalid("bakeTimeInMinutes must be between 0 and 1440."));
    }
    Ok(())
}

/// The rules are the API's description's of `DeploymentEarlySuccessCriteria`.
fn check_early_success(merged: &Map<String, Value>, strategy: &str) -> Result<(), ApiError> {
    let criteria = merged.member("earlySuccessCriteria");
    let Some(criteria) = criteria.filter(|criteria| criteria.flag("enable") == Some(true)) else {
        return Ok(());
    };
    if strategy != "ROLLING" {
        return Err(ApiError::invalid(
            "earlySuccessCriteria can only be used with the ROLLING deployment strategy.",
        ));
    }
    if criteria.text("sourceServiceRevisionCleanup").is_none() {
        return Err(ApiError::invalid("earlySuccessCriteria must have a sourceServiceRevisionCleanup."));
    }
    let minimum = merged.whole("minimumHealthyPercent").unwrap_or(0);
    if !criteria.whole("healthyPercent").is_some_and(|percent| (minimum..=100).contains(&percent)) {
        return Err(ApiError::invalid("healthyPercent must be between minimumHealthyPercent and 100."));
    }
    Ok(())
}

/// Most hooks of each kind. Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>
const MOST_HOOKS: usize = 10;

/// Stages that no pause hook may have, since they are run in a rollback too, or never wait. Source:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html>
const NO_PAUSE: [&str; 3] = ["RECONCILE_SERVICE", "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"];

fn check_hooks(merged: &Map<String, Value>) -> Result<(), ApiError> {
    let (mut pauses, mut functions) = (0, 0);
    for hook in merged.items("lifecycleHooks") {
        if hook.items("lifecycleStages").is_empty() {
            return Err(ApiError::invalid(
                "Lifecycle stage cannot be null or empty for any deployment lifecycle hooks",
            ));
        }
        let is_lambda = hook.text("targetType").unwrap_or("AWS_LAMBDA") == "AWS_LAMBDA";
        if is_lambda && (hook.text("roleArn").is_none() || hook.text("hookTargetArn").is_none()) {
            return Err(ApiError::invalid(
                "Role arn or Hook Target arn is missing for one or more deployment lifecycle hooks",
            ));
        }
        if !is_lambda && hook.texts("lifecycleStages").any(|stage| NO_PAUSE.contains(&stage)) {
            return Err(ApiError::invalid("Invalid lifecycle stage provided for Pause Hook"));
        }
        let timeout =
            hook.member("timeoutConfiguration").and_then(|timeout| timeout.member("timeoutInMinutes"));
        if timeout
            .is_some_and(|minutes| !minutes.as_u64().is_some_and(|minutes| (1..=20_160).contains(&minutes)))
        {
            return Err(ApiError::invalid("timeoutInMinutes must be between 1 and 20160."));
        }
        *(if is_lambda { &mut functions } else { &mut pauses }) += 1;
    }
    if pauses > MOST_HOOKS || functions > MOST_HOOKS {
        return Err(ApiError::invalid("lifecycleHooks can have at most 10 items of each targetType."));
    }
    Ok(())
}

fn check_breaker(merged: &Map<String, Value>) -> Result<(), ApiError> {
    let threshold = merged
        .member("deploymentCircuitBreaker")
        .and_then(|breaker| breaker.member("thresholdConfiguration"));
    if let Some(threshold) = threshold {
        let value = threshold.whole("value").unwrap_or(0);
        let percent = threshold.text("type") != Some("COUNT");
        if value == 0 || (percent && value > 100) {
            return Err(ApiError::invalid("Invalid deployment circuit breaker threshold value."));
        }
    }
    Ok(())
}

fn check_percents(merged: &Map<String, Value>) -> Result<(), ApiError> {
    let (minimum, maximum) = (merged.whole("minimumHealthyPercent"), merged.whole("maximumPercent"));
    let (Some(minimum), Some(maximum)) = (minimum, maximum) else {
        return Err(ApiError::invalid("minimumHealthyPercent and maximumPercent cannot be negative."));
    };
    if minimum > 100 || maximum < 100 {
        return Err(ApiError::invalid(
            "minimumHealthyPercent must be at most 100 and maximumPercent at least 100.",
        ));
    }
    if minimum == 100 && maximum == 100 {
        return Err(ApiError::invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_that_is_sent_again_loses_what_is_required_and_keeps_what_is_optional() {
        let sent = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true,
            "resetOnHealthyTask": false, "thresholdConfiguration": {"type": "COUNT", "value": 5}}});
        let stands = merge(None, Some(&sent), false).unwrap();
        let sent = json!({"deploymentCircuitBreaker": {"enable": false, "rollback": false}});
        let merged = merge(Some(&stands), Some(&sent), false).unwrap();
        assert_eq!(
            merged["deploymentCircuitBreaker"],
            json!({"enable": false, "rollback": false, "resetOnHealthyTask": false,
                "thresholdConfiguration": {"type": "COUNT", "value": 5}})
        );
    }

    #[test]
    fn the_top_level_merges_and_linear_is_replaced_with_defaults() {
        let stands = merge(
            None,
            Some(&json!({"strategy": "LINEAR", "minimumHealthyPercent": 50,
            "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": 1}})),
            false,
        )
        .unwrap();
        let sent = json!({"maximumPercent": 150, "linearConfiguration": {"stepPercent": 50.0}});
        let merged = merge(Some(&stands), Some(&sent), false).unwrap();
        assert_eq!(merged["minimumHealthyPercent"], 50);
        assert_eq!(merged["maximumPercent"], 150);
        assert_eq!(merged["linearConfiguration"], json!({"stepPercent": 50.0, "stepBakeTimeInMinutes": 6}));
    }

    #[test]
    fn what_does_not_fit_together_is_refused_in_ecs_words() {
        for (sent, words) in [
            (json!({"linearConfiguration": {}}), "Linear configuration can only be present with LINEAR"),
            (json!({"lifecycleHooks": [{"roleArn": "r"}]}), "Lifecycle stage cannot be null"),
            (json!({"lifecycleHooks": [{"lifecycleStages": ["BAKE_TIME"]}]}), "Role arn or Hook Target arn"),
            (
                json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true,
                    "thresholdConfiguration": {"type": "COUNT", "value": 0}}}),
                "Invalid deployment circuit breaker threshold value.",
            ),
            (json!({"minimumHealthyPercent": 100, "maximumPercent": 100}), "this will block deployments"),
            (
                json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}}),
                "between 3.0 and 100.0",
            ),
            (
                json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.15}}),
                "in steps of 0.1",
            ),
            (json!({"bakeTimeInMinutes": 1_441}), "bakeTimeInMinutes must be"),
            (
                json!({"lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["TEST_TRAFFIC_SHIFT"]}]}),
                "Invalid lifecycle stage provided for Pause Hook",
            ),
            (
                json!({"lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"],
                    "timeoutConfiguration": {"timeoutInMinutes": 20_161}}]}),
                "between 1 and 20160",
            ),
            (
                json!({"earlySuccessCriteria": {"enable": true, "healthyPercent": 50,
                    "sourceServiceRevisionCleanup": "DEFERRED"}}),
                "between minimumHealthyPercent and 100",
            ),
            (
                json!({"strategy": "BLUE_GREEN", "earlySuccessCriteria": {"enable": true, "healthyPercent": 100,
                    "sourceServiceRevisionCleanup": "DEFERRED"}}),
                "only be used with the ROLLING",
            ),
        ] {
            let message = merge(None, Some(&sent), false).unwrap_err().message;
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_daemon_starts_from_other_percentages() {
        let merged = merge(None, None, true).unwrap();
        assert_eq!((&merged["maximumPercent"], &merged["minimumHealthyPercent"]), (&json!(100), &json!(0)));
    }
}
