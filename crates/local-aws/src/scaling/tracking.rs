//! Target tracking: what a policy watches, when it is in alarm, and the count that it makes.
//!
//! Source: *Application Auto Scaling user guide* target-tracking-scaling-policy-overview.html; *dev guide*
//! service-autoscaling-targettracking.html.

use serde_json::Value;

use crate::ecs::Members;

/// Under this share of the target a policy may scale in. AWS documents that there is a margin and not how
/// large; published low alarms have this one.
const LOW: f64 = 0.9;

/// The metrics of ECS that a policy may name. Source: *API* API_PredefinedMetricSpecification.html.
const OF_ECS: [&str; 5] = [
    "ECSServiceAverageCPUUtilization",
    "ECSServiceAverageMemoryUtilization",
    "ECSServiceAverageCPUUtilizationHighResolution",
    "ECSServiceAverageMemoryUtilizationHighResolution",
    "ALBRequestCountPerTarget",
];

/// What is wrong with a configuration.
pub(super) fn check(configuration: &Value, namespace: &str) -> Result<(), String> {
    let (predefined, customized) = (
        configuration.member("PredefinedMetricSpecification"),
        configuration.member("CustomizedMetricSpecification"),
    );
    for cooldown in ["ScaleInCooldown", "ScaleOutCooldown"] {
        if configuration.member(cooldown).is_some_and(|seconds| seconds.as_u64().is_none()) {
            return Err(format!("{cooldown} must be 0 or more"));
        }
    }
    match (predefined, customized) {
        (Some(_), Some(_)) | (None, None) => Err("Exactly one of PredefinedMetricSpecification and \
                                                  CustomizedMetricSpecification must be specified"
            .into()),
        (Some(predefined), None) => {
            let kind = predefined.text("PredefinedMetricType").unwrap_or_default();
            if namespace == "ecs" && !OF_ECS.contains(&kind) {
                return Err(format!("Unsupported predefined metric type {kind} for service namespace ecs"));
            }
            if kind == "ALBRequestCountPerTarget" && predefined.text("ResourceLabel").is_none() {
                return Err("ResourceLabel must be specified for ALBRequestCountPerTarget".into());
            }
            Ok(())
        }
        (None, Some(customized)) => {
            let is_whole =
                ["MetricName", "Namespace", "Statistic"].iter().all(|name| customized.member(name).is_some());
            if is_whole != customized.items("Metrics").is_empty() {
                return Err(
                    "A customized metric needs either MetricName, Namespace and Statistic, or Metrics".into(),
                );
            }
            Ok(())
        }
    }
}

/// The name under which a policy's metric is told: the predefined type, the customized metric's name, or
/// the policy's own where a formula makes it.
pub(super) fn metric<'a>(configuration: &'a Value, policy: &'a str) -> &'a str {
    let predefined = configuration.member("PredefinedMetricSpecification");
    let customized = configuration.member("CustomizedMetricSpecification");
    let name = predefined.and_then(|metric| metric.text("PredefinedMetricType"));
    name.or_else(|| customized?.text("MetricName")).unwrap_or(policy)
}

/// How a value stands to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    High,
    Between,
    Low,
}

pub(super) fn level(configuration: &Value, value: f64) -> Level {
    let target = target(configuration);
    if value > target {
        Level::High
    } else if value < target * LOW {
        Level::Low
    } else {
        Level::Between
    }
}

/// The count with which the metric would be at its target.
pub(super) fn count(configuration: &Value, current: u64, value: f64) -> u64 {
    let target = target(configuration);
    if target <= 0.0 {
        return current;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far under 2^53")]
    let exact = current as f64 * value.max(0.0) / target;
    // A product that is whole but for its last bit is whole.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is no less than 0")]
    let count = (exact - 1e-9).ceil().max(0.0) as u64;
    count
}

fn target(configuration: &Value) -> f64 {
    configuration.member("TargetValue").and_then(Value::as_f64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_count_brings_the_metric_to_its_target_rounded_up() {
        let policy = json!({"TargetValue": 50.0});
        for (current, value, expected) in [
            (2, 100.0, 4),
            (3, 60.0, 4),
            (3, 50.0, 3),
            (10, 20.0, 4),
            (4, 0.0, 0),
            (0, 90.0, 0),
            (7, 50.1, 8),
        ] {
            assert_eq!(count(&policy, current, value), expected, "{current} at {value}");
        }
        assert_eq!(count(&json!({"TargetValue": 0.1}), 3, 0.1), 3);
    }

    #[test]
    fn there_is_a_margin_under_the_target_and_none_above() {
        let policy = json!({"TargetValue": 50.0});
        for (value, expected) in
            [(50.1, Level::High), (50.0, Level::Between), (45.0, Level::Between), (44.9, Level::Low)]
        {
            assert_eq!(level(&policy, value), expected, "{value}");
        }
    }

    #[test]
    fn a_policy_names_one_metric_that_ecs_has() {
        let predefined = |kind: &str| json!({"TargetValue": 1.0, "PredefinedMetricSpecification": {"PredefinedMetricType": kind}});
        assert_eq!(check(&predefined("ECSServiceAverageCPUUtilization"), "ecs"), Ok(()));
        assert_eq!(check(&predefined("DynamoDBReadCapacityUtilization"), "dynamodb"), Ok(()));
        assert!(check(&predefined("DynamoDBReadCapacityUtilization"), "ecs").is_err());
        assert!(check(&predefined("ALBRequestCountPerTarget"), "ecs").is_err());
        assert!(check(&json!({"TargetValue": 1.0}), "ecs").is_err());
        let custom = json!({"TargetValue": 1.0, "CustomizedMetricSpecification":
            {"MetricName": "Backlog", "Namespace": "Shop", "Statistic": "Average"}});
        assert_eq!(check(&custom, "ecs"), Ok(()));
        assert_eq!(metric(&custom, "p"), "Backlog");
        let half = json!({"TargetValue": 1.0, "CustomizedMetricSpecification": {"MetricName": "Backlog"}});
        assert!(check(&half, "ecs").is_err());
    }
}
