//! Step scaling: which step an alarm's breach falls into, and the count that it makes.
//!
//! Source: *Application Auto Scaling user guide* step-scaling-policy-overview.html; *API*
//! API_StepAdjustment.html, API_StepScalingPolicyConfiguration.html.

use serde_json::Value;

use crate::ecs::Members;

/// Most steps of a policy. Source: *user guide* application-auto-scaling-limits.html.
const MOST_STEPS: usize = 20;

/// One step's range of breaches, its ends absent where it has none.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    lower: Option<f64>,
    upper: Option<f64>,
    adjustment: i64,
}

impl Step {
    fn of(value: &Value) -> Self {
        let bound = |name: &str| value.member(name).and_then(Value::as_f64);
        Self {
            lower: bound("MetricIntervalLowerBound"),
            upper: bound("MetricIntervalUpperBound"),
            adjustment: value.member("ScalingAdjustment").and_then(Value::as_i64).unwrap_or_default(),
        }
    }

    /// Above the threshold a range has its lower end, under it its upper end.
    fn has(self, breach: f64) -> bool {
        let (lower, upper) = (self.lower.unwrap_or(f64::NEG_INFINITY), self.upper.unwrap_or(f64::INFINITY));
        if breach >= 0.0 && lower >= 0.0 {
            lower <= breach && breach < upper
        } else {
            lower < breach && breach <= upper
        }
    }
}

/// What is wrong with a configuration.
pub(super) fn check(configuration: &Value) -> Result<(), String> {
    if configuration.text("AdjustmentType").is_none() {
        return Err("AdjustmentType is required for a step scaling policy".into());
    }
    let mut steps: Vec<Step> = configuration.items("StepAdjustments").iter().map(Step::of).collect();
    if steps.is_empty() || steps.len() > MOST_STEPS {
        return Err(format!("A step scaling policy needs one to {MOST_STEPS} step adjustments"));
    }
    let ends = |bound: fn(&Step) -> Option<f64>| steps.iter().filter(|step| bound(step).is_none()).count();
    if steps.iter().any(|step| step.lower.is_none() && step.upper.is_none()) {
        return Err("The upper and lower bound of a step adjustment can't both be null".into());
    }
    if ends(|step| step.lower) > 1 || ends(|step| step.upper) > 1 {
        return Err(
            "At most one step adjustment may have an unspecified lower bound, and one an unspecified upper \
                    bound"
                .into(),
        );
    }
    let is_open_below = ends(|step| step.lower) == 1;
    let is_open_above = ends(|step| step.upper) == 1;
    if steps.iter().any(|step| step.lower.is_some_and(|lower| lower < 0.0)) && !is_open_below {
        return Err("There must be a step adjustment with an unspecified lower bound when one has a negative lower bound".into());
    }
    if steps.iter().any(|step| step.upper.is_some_and(|upper| upper > 0.0)) && !is_open_above {
        return Err("There must be a step adjustment with an unspecified upper bound when one has a positive upper bound".into());
    }
    steps.sort_by(|one, other| {
        let lower = |step: &Step| step.lower.unwrap_or(f64::NEG_INFINITY);
        lower(one).total_cmp(&lower(other))
    });
    if steps.iter().any(|step| step.lower.zip(step.upper).is_some_and(|(lower, upper)| lower >= upper)) {
        return Err("The lower bound of a step adjustment must be less than its upper bound".into());
    }
    let touch = |pair: &[Step]| match pair {
        [one, other] => {
            one.upper.zip(other.lower).is_some_and(|(upper, lower)| upper.total_cmp(&lower).is_eq())
        }
        _ => true,
    };
    if steps.windows(2).all(touch) {
        Ok(())
    } else {
        Err("Step adjustment intervals can't overlap or have a gap".into())
    }
}

/// The count that a breach of the alarm's threshold makes of this one; `None` where no step has it.
pub(super) fn count(configuration: &Value, current: u64, breach: f64) -> Option<u64> {
    let step = configuration.items("StepAdjustments").iter().map(Step::of).find(|step| step.has(breach))?;
    let change = match configuration.text("AdjustmentType") {
        Some("ExactCapacity") => return Some(u64::try_from(step.adjustment).unwrap_or(0)),
        Some("PercentChangeInCapacity") => {
            let least = configuration.whole("MinAdjustmentMagnitude").unwrap_or(0);
            percent(current, step.adjustment, i64::try_from(least).unwrap_or(i64::MAX))
        }
        _ => step.adjustment,
    };
    Some(current.saturating_add_signed(change))
}

/// A share of the count: rounded towards zero, but never to zero, and at least the least change.
fn percent(current: u64, percent: i64, least: i64) -> i64 {
    let exact = i128::from(current) * i128::from(percent);
    let change = match exact {
        0 => 0,
        1..=99 => 1,
        -99..=-1 => -1,
        _ => exact / 100,
    };
    let change = i64::try_from(change).unwrap_or(if exact > 0 { i64::MAX } else { i64::MIN });
    match change {
        0 => 0,
        1.. => change.max(least),
        _ => change.min(-least),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "what is asked reads best where it is written")]
    fn policy(kind: &str, steps: Value) -> Value {
        json!({"AdjustmentType": kind, "StepAdjustments": steps})
    }

    #[test]
    fn a_breach_falls_into_one_step_and_its_ends_belong_to_one() {
        let steps = json!([
            {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
            {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 3},
            {"MetricIntervalLowerBound": -10.0, "MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -1},
            {"MetricIntervalUpperBound": -10.0, "ScalingAdjustment": -2},
        ]);
        let policy = policy("ChangeInCapacity", steps);
        check(&policy).unwrap();
        for (breach, expected) in
            [(0.0, 6), (9.9, 6), (10.0, 8), (-0.1, 4), (-9.9, 4), (-10.0, 3), (-99.0, 3)]
        {
            assert_eq!(count(&policy, 5, breach), Some(expected), "{breach}");
        }
        assert_eq!(count(&policy, 1, -99.0), Some(0));
    }

    #[test]
    fn percentages_are_rounded_as_the_user_guide_has_it() {
        for (current, share, least, expected) in [
            (10, 20, 0, 2),
            (4, 25, 2, 2),
            (3, 10, 0, 1),
            (7, 50, 0, 3),
            (3, -10, 0, -1),
            (9, -74, 0, -6),
            (10, -20, 5, -5),
            (0, 50, 2, 0),
        ] {
            assert_eq!(percent(current, share, least), expected, "{share} % of {current}");
        }
        let exact = policy("ExactCapacity", json!([{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 9}]));
        assert_eq!(count(&exact, 2, 1.0), Some(9));
        assert_eq!(count(&exact, 2, -1.0), None);
    }

    #[test]
    fn steps_with_gaps_overlaps_or_missing_ends_are_refused() {
        let step = |lower: Option<f64>, upper: Option<f64>| json!({"MetricIntervalLowerBound": lower, "MetricIntervalUpperBound": upper, "ScalingAdjustment": 1});
        for steps in [
            json!([]),
            json!([step(None, None)]),
            json!([step(Some(0.0), Some(10.0))]),
            json!([step(Some(-5.0), None)]),
            json!([step(Some(0.0), Some(10.0)), step(Some(11.0), None)]),
            json!([step(Some(0.0), Some(10.0)), step(Some(9.0), None)]),
            json!([step(Some(0.0), None), step(Some(5.0), None)]),
            json!([step(Some(5.0), Some(5.0)), step(Some(5.0), None)]),
        ] {
            assert!(check(&policy("ChangeInCapacity", steps.clone())).is_err(), "{steps}");
        }
        assert!(check(&json!({"StepAdjustments": [step(Some(0.0), None)]})).is_err());
    }
}
