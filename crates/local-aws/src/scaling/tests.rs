//! Targets, policies and actions as a client sees them, and what is due; every answer is held to the table.

use std::{cell::Cell, collections::BTreeMap, time::Duration};

use coxswain_ecs_shapes::{Reading, application_autoscaling, check};
use serde_json::json;

use super::*;

const START: Time = Time::from_millis(1_795_000_000_000);
const CPU: &str = "ECSServiceAverageCPUUtilization";

/// A service `main/web`, and Application Auto Scaling on a clock that a test moves.
struct Lab {
    scaling: Scaling,
    now: Cell<Time>,
    standing: Cell<Standing>,
    causes: std::cell::RefCell<Vec<String>>,
}

impl Lab {
    fn new(desired: u64) -> Self {
        let standing = Standing { desired, running: desired, is_deploying: false };
        Self {
            scaling: Scaling::new("123456789012", "eu-central-1", Random::seeded(7)),
            now: Cell::new(START),
            standing: Cell::new(standing),
            causes: std::cell::RefCell::default(),
        }
    }

    /// With the target registered between these counts.
    fn between(desired: u64, min: u64, max: u64) -> Self {
        let lab = Self::new(desired);
        lab.call("RegisterScalableTarget", json!({"MinCapacity": min, "MaxCapacity": max}));
        lab.run(Duration::ZERO);
        lab
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is asked reads best where it is written")]
    fn ask(&self, operation: &str, more: Value) -> Result<Value, ApiError> {
        let mut request = json!({"ServiceNamespace": "ecs"});
        if !operation.starts_with("DescribeScal") && !operation.contains("Tag") {
            request["ResourceId"] = "service/main/web".into();
            request["ScalableDimension"] = DESIRED_COUNT.into();
        }
        if operation.contains("Tag") {
            request = json!({});
        }
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let known = application_autoscaling().operation(operation).unwrap();
        check(known.input, &request, Reading::Wire, &mut |violation| {
            panic!("{operation}: the request's {}: {:?}", violation.path, violation.problem)
        });
        let look =
            |cluster: &str, name: &str| (cluster == "main" && name == "web").then(|| self.standing.get());
        let answer = self.scaling.call(operation, &request, &look, self.now.get())?;
        check(known.output, &answer, Reading::Wire, &mut |violation| {
            panic!("{operation}: the answer's {}: {:?}", violation.path, violation.problem)
        });
        Ok(answer)
    }

    fn call(&self, operation: &str, more: Value) -> Value {
        self.ask(operation, more).unwrap()
    }

    fn refused(&self, operation: &str, more: Value) -> (String, String) {
        let error = self.ask(operation, more).unwrap_err();
        (error.code.into_owned(), error.message)
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is asked reads best where it is written")]
    fn track(&self, more: Value) {
        let mut configuration = json!({"TargetValue": 50.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": CPU}});
        configuration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call(
            "PutScalingPolicy",
            json!({"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration}),
        );
    }

    fn metric(&self, name: &str, value: impl Into<Option<f64>>) {
        self.scaling.set_metric("service/main/web", name, value.into(), self.now.get());
    }

    /// Lets time pass from wake-up to wake-up, and ECS follow at once; says the count at the end.
    fn run(&self, time: Duration) -> u64 {
        let end = self.now.get().after(time);
        let look = |_: &str, _: &str| Some(self.standing.get());
        loop {
            for order in self.scaling.due(&look, self.now.get()) {
                let standing = Standing { desired: order.count, running: order.count, ..self.standing.get() };
                self.standing.set(standing);
                self.causes.borrow_mut().push(order.cause.clone());
                self.scaling.done(order, Ok(()), self.now.get());
            }
            let Some(at) = self.scaling.wakes_at().filter(|at| *at <= end) else {
                self.now.set(end);
                return self.standing.get().desired;
            };
            self.now.set(at.max(self.now.get()));
        }
    }

    fn deploys(&self, is_deploying: bool) {
        self.standing.set(Standing { is_deploying, ..self.standing.get() });
    }
}

const fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

#[test]
fn a_target_is_registered_merged_read_back_and_deregistered() {
    let lab = Lab::new(2);
    let (code, text) = lab.refused("RegisterScalableTarget", json!({"MinCapacity": 1}));
    assert_eq!(code, "ValidationException");
    assert!(text.contains("MaxCapacity"), "{text}");
    let arn = lab
        .call("RegisterScalableTarget", json!({"MinCapacity": 1, "MaxCapacity": 4, "Tags": {"team": "web"}}));
    let suspended = json!({"SuspendedState": {"DynamicScalingInSuspended": true}});
    assert_eq!(lab.call("RegisterScalableTarget", suspended), arn, "the same target");
    lab.call("RegisterScalableTarget", json!({"MaxCapacity": 6}));
    let expected = json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/main/web", "ScalableDimension": DESIRED_COUNT,
        "MinCapacity": 1, "MaxCapacity": 6, "CreationTime": 1_795_000_000.0,
        "RoleARN": "arn:aws:iam::123456789012:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService",
        "SuspendedState": {"DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": false,
            "ScheduledScalingSuspended": false},
        "ScalableTargetARN": arn["ScalableTargetARN"],
    });
    assert_eq!(lab.call("DescribeScalableTargets", json!({}))["ScalableTargets"], json!([expected]));
    let other = lab.call("DescribeScalableTargets", json!({"ResourceIds": ["service/main/api"]}));
    assert_eq!(other["ScalableTargets"], json!([]));
    let resource = json!({"ResourceARN": arn["ScalableTargetARN"]});
    assert_eq!(lab.call("ListTagsForResource", resource)["Tags"], json!({"team": "web"}));
    for more in [
        json!({"ResourceId": "service/main/none"}),
        json!({"ResourceId": "web"}),
        json!({"ScalableDimension": "ec2:spot-fleet-request:TargetCapacity"}),
        json!({"MinCapacity": 7}),
        json!({"MinCapacity": -1}),
    ] {
        assert_eq!(lab.refused("RegisterScalableTarget", more.clone()).0, "ValidationException", "{more}");
    }
    lab.track(json!({}));
    lab.call("DeregisterScalableTarget", json!({}));
    assert_eq!(lab.call("DescribeScalingPolicies", json!({}))["ScalingPolicies"], json!([]));
    assert_eq!(lab.refused("DeregisterScalableTarget", json!({})).0, "ObjectNotFoundException");
    let policy = json!({"PolicyName": "cpu"});
    assert_eq!(lab.refused("PutScalingPolicy", policy.clone()).0, "ObjectNotFoundException");
    assert_eq!(lab.refused("DeleteScalingPolicy", policy).0, "ObjectNotFoundException");
}

#[test]
fn registration_brings_the_count_between_the_bounds() {
    let lab = Lab::between(1, 3, 5);
    assert_eq!(lab.standing.get().desired, 3);
    lab.standing.set(Standing { desired: 9, running: 9, is_deploying: false });
    assert_eq!(lab.run(minutes(60)), 9, "nobody looks until it is registered again");
    lab.call("RegisterScalableTarget", json!({}));
    assert_eq!(lab.run(Duration::ZERO), 5);
    assert_eq!(*lab.causes.borrow(), ["minimum capacity was set to 3", "maximum capacity was set to 5"]);
    let activities = lab.call("DescribeScalingActivities", json!({}));
    let newest = &activities["ScalingActivities"][0];
    assert_eq!(newest["Description"], "Setting desired count to 5.");
    assert_eq!(newest["StatusCode"], "Successful");
    let fulfilled = "Successfully set desired count to 5. Change successfully fulfilled by ecs.";
    assert_eq!(newest["StatusMessage"], fulfilled);
}

#[test]
fn tracking_scales_out_after_three_minutes_and_rests_for_its_cooldown() {
    let lab = Lab::between(2, 1, 20);
    lab.track(json!({"ScaleOutCooldown": 300}));
    lab.metric(CPU, 90.0);
    assert_eq!(lab.run(Duration::from_millis(179_999)), 2);
    assert_eq!(lab.run(Duration::from_millis(1)), 4, "ceil(2 * 90 / 50)");
    assert_eq!(lab.run(minutes(3)), 4, "in the cooldown the two that came count");
    lab.metric(CPU, 160.0);
    assert_eq!(lab.run(minutes(1)), 7, "a larger one comes at once: ceil(2 * 160 / 50)");
    assert_eq!(lab.run(minutes(4)), 7);
    assert_eq!(lab.run(minutes(1)), 20, "after the new cooldown, and never over the maximum");
}

#[test]
fn tracking_scales_in_after_fifteen_minutes_with_a_margin_and_not_in_a_deployment() {
    let lab = Lab::between(10, 2, 20);
    lab.track(json!({"ScaleInCooldown": 60}));
    lab.metric(CPU, 46.0);
    assert_eq!(lab.run(minutes(60)), 10, "within a tenth of the target");
    lab.metric(CPU, 25.0);
    lab.deploys(true);
    assert_eq!(lab.run(minutes(30)), 10);
    lab.deploys(false);
    assert_eq!(lab.run(minutes(1)), 5);
    assert_eq!(lab.run(minutes(10)), 2, "never under the minimum");
    lab.metric(CPU, None);
    lab.standing.set(Standing { desired: 8, running: 8, is_deploying: false });
    assert_eq!(lab.run(minutes(60)), 8, "no data is no low load");
}

#[test]
fn scaling_in_can_be_disabled_and_each_direction_suspended() {
    let lab = Lab::between(4, 1, 10);
    lab.track(json!({"DisableScaleIn": true}));
    let shown = lab.call("DescribeScalingPolicies", json!({}))["ScalingPolicies"][0].take();
    assert_eq!(shown["Alarms"].as_array().unwrap().len(), 1);
    lab.metric(CPU, 1.0);
    assert_eq!(lab.run(minutes(60)), 4);
    lab.call("RegisterScalableTarget", json!({"SuspendedState": {"DynamicScalingOutSuspended": true}}));
    lab.metric(CPU, 100.0);
    assert_eq!(lab.run(minutes(60)), 4);
    lab.call("RegisterScalableTarget", json!({"SuspendedState": {"DynamicScalingOutSuspended": false}}));
    assert_eq!(lab.run(minutes(1)), 8);
}

/// Source: *dev guide* service-auto-scaling.html, on counts that somebody set out of the bounds.
#[test]
fn a_count_outside_its_bounds_is_moved_in_one_direction_only() {
    let set = |lab: &Lab, desired: u64| {
        lab.standing.set(Standing { desired, running: desired, is_deploying: false });
    };
    let lab = Lab::between(6, 4, 8);
    lab.track(json!({}));
    set(&lab, 2);
    lab.metric(CPU, 25.0);
    assert_eq!(lab.run(minutes(20)), 2, "in is not asked of what is under the minimum");
    lab.metric(CPU, 75.0);
    assert_eq!(lab.run(minutes(3)), 6, "out goes on from the minimum: ceil(4 * 75 / 50)");
    set(&lab, 12);
    assert_eq!(lab.run(minutes(20)), 12, "out is not asked of what is over the maximum");
    lab.metric(CPU, 25.0);
    assert_eq!(lab.run(minutes(15)), 4, "in goes on from the maximum: ceil(8 * 25 / 50)");
}

#[test]
fn scaling_out_does_not_wait_for_the_cooldown_of_scaling_in() {
    let lab = Lab::between(8, 1, 20);
    lab.track(json!({"ScaleInCooldown": 36_000, "ScaleOutCooldown": 60}));
    lab.metric(CPU, 25.0);
    assert_eq!(lab.run(minutes(60)), 4, "once, and then it rests for ten hours");
    lab.metric(CPU, 100.0);
    assert_eq!(lab.run(minutes(3)), 8);
    lab.metric(CPU, 25.0);
    assert_eq!(lab.run(minutes(15)), 4, "its cooldown ended with the scale-out");
}

#[test]
fn of_several_policies_the_one_with_the_most_capacity_wins_and_all_must_agree_to_scale_in() {
    let lab = Lab::between(4, 1, 20);
    lab.track(json!({}));
    let memory = json!({"TargetValue": 50.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}});
    lab.call(
        "PutScalingPolicy",
        json!({"PolicyName": "memory", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": memory}),
    );
    lab.metric(CPU, 60.0);
    lab.metric("ECSServiceAverageMemoryUtilization", 100.0);
    assert_eq!(lab.run(minutes(3)), 8);
    lab.metric(CPU, 10.0);
    lab.metric("ECSServiceAverageMemoryUtilization", 48.0);
    assert_eq!(lab.run(minutes(60)), 8, "memory is not ready");
    lab.metric("ECSServiceAverageMemoryUtilization", 30.0);
    assert_eq!(lab.run(minutes(15)), 5, "ceil(8 * 30 / 50), and not what the processors would do with");
    let twice = json!({"PolicyName": "again", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 9.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": CPU}}});
    assert!(lab.refused("PutScalingPolicy", twice).1.starts_with("Only one TargetTrackingScaling policy"));
}

#[test]
fn steps_follow_their_alarm_and_a_larger_one_counts_what_came_in_the_cooldown() {
    let lab = Lab::between(4, 1, 20);
    let steps = json!([
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 2},
        {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 3},
    ]);
    let out = json!({"AdjustmentType": "ChangeInCapacity", "Cooldown": 300, "StepAdjustments": steps});
    let put =
        lab.call("PutScalingPolicy", json!({"PolicyName": "out", "StepScalingPolicyConfiguration": out}));
    assert!(put.get("Alarms").is_none());
    assert!(!lab.scaling.set_alarm("high", "none", Some(5.0), lab.now.get()));
    assert!(lab.scaling.set_alarm("high", "out", Some(5.0), lab.now.get()));
    assert_eq!(lab.run(minutes(4)), 6);
    assert!(lab.scaling.set_alarm("high", put["PolicyARN"].as_str().unwrap(), Some(25.0), lab.now.get()));
    assert_eq!(lab.run(Duration::ZERO), 7, "one more, since two are there already");
    assert!(lab.scaling.set_alarm("high", "out", None, lab.now.get()));
    assert_eq!(lab.run(minutes(60)), 7);
    assert_eq!(lab.causes.borrow()[0], "monitor alarm high in state ALARM triggered policy out");
    let shown =
        lab.call("DescribeScalingPolicies", json!({"PolicyNames": ["out"]}))["ScalingPolicies"][0].take();
    assert_eq!(shown["Alarms"][0]["AlarmARN"], "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:high");

    let steps = json!([{"MetricIntervalUpperBound": 0, "ScalingAdjustment": -50}]);
    let more =
        json!({"AdjustmentType": "PercentChangeInCapacity", "Cooldown": 600, "StepAdjustments": steps});
    lab.call("PutScalingPolicy", json!({"PolicyName": "in", "StepScalingPolicyConfiguration": more}));
    assert!(lab.scaling.set_alarm("low", "in", Some(-5.0), lab.now.get()));
    assert_eq!(lab.run(minutes(9)), 4, "half of seven, rounded towards none");
    assert_eq!(lab.run(minutes(1)), 2, "the next one after the cooldown");
}

#[test]
fn a_policy_reads_back_as_it_was_put_and_keeps_its_arn() {
    let lab = Lab::between(1, 1, 4);
    lab.track(json!({"ScaleInCooldown": 60}));
    let first = lab.call("DescribeScalingPolicies", json!({}))["ScalingPolicies"][0].take();
    let arn = first["PolicyARN"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:"), "{arn}");
    assert!(arn.ends_with(":resource/ecs/service/main/web:policyName/cpu"), "{arn}");
    let high = first["Alarms"][0]["AlarmName"].as_str().unwrap();
    assert!(high.starts_with("TargetTracking-service/main/web-AlarmHigh-"), "{high}");
    let expected = json!({"TargetValue": 50.0, "ScaleInCooldown": 60,
        "PredefinedMetricSpecification": {"PredefinedMetricType": CPU}});
    assert_eq!(first["TargetTrackingScalingPolicyConfiguration"], expected);
    lab.track(json!({"TargetValue": 60.0}));
    let second = lab.call("DescribeScalingPolicies", json!({}))["ScalingPolicies"][0].take();
    assert_eq!(second["PolicyARN"], first["PolicyARN"]);
    assert!(second["TargetTrackingScalingPolicyConfiguration"].get("ScaleInCooldown").is_none());
    lab.call("DeleteScalingPolicy", json!({"PolicyName": "cpu"}));
    let predictive = json!({"PolicyName": "p", "PolicyType": "PredictiveScaling"});
    assert_eq!(lab.refused("PutScalingPolicy", predictive).0, "UnsupportedFeatureException");
}

#[test]
fn scheduled_actions_move_the_bounds_and_the_count_for_a_month() {
    let lab = Lab::between(2, 1, 10);
    // START is 2026-11-18T11:06:40Z, a Wednesday.
    let action = |name: &str, schedule: &str, bounds: Value| {
        lab.call(
            "PutScheduledAction",
            json!({"ScheduledActionName": name, "Schedule": schedule,
            "Timezone": "Europe/Berlin", "ScalableTargetAction": bounds}),
        );
    };
    action("day", "cron(0 8 ? * MON-FRI *)", json!({"MinCapacity": 4, "MaxCapacity": 10}));
    action("night", "cron(0 20 ? * MON-FRI *)", json!({"MinCapacity": 1, "MaxCapacity": 2}));
    let mut counts = BTreeMap::<u64, u32>::new();
    for _ in 0..30 * 24 {
        *counts.entry(lab.run(minutes(60))).or_default() += 1;
    }
    // 21 working days of twelve hours, and five hours of the last one.
    assert_eq!(counts, BTreeMap::from([(2, 720 - 21 * 12 - 5), (4, 21 * 12 + 5)]));
    let activities = lab.call("DescribeScalingActivities", json!({"MaxResults": 2}));
    assert_eq!(activities["ScalingActivities"][0]["Cause"], "minimum capacity was set to 4");
    let bounds = &activities["ScalingActivities"][1];
    assert_eq!(bounds["Cause"], "scheduled action name day was triggered");
    assert_eq!(bounds["StatusMessage"], "Successfully set min capacity to 4 and max capacity to 10");
    lab.call("RegisterScalableTarget", json!({"SuspendedState": {"ScheduledScalingSuspended": true}}));
    assert_eq!(lab.run(minutes(24 * 60)), 4);
}

#[test]
fn a_scheduled_action_is_read_back_changed_and_deleted() {
    let lab = Lab::between(1, 1, 4);
    let put = json!({"ScheduledActionName": "a", "Schedule": "rate(2 hours)", "StartTime": 1_795_003_600,
        "EndTime": 1_795_090_000, "ScalableTargetAction": {"MinCapacity": 2}});
    lab.call("PutScheduledAction", put);
    let shown = lab.call("DescribeScheduledActions", json!({}))["ScheduledActions"][0].take();
    assert_eq!(shown["StartTime"], 1_795_003_600.0);
    assert_eq!(shown["ScalableTargetAction"], json!({"MinCapacity": 2}));
    assert_eq!(lab.run(minutes(60)), 2);
    lab.call(
        "PutScheduledAction",
        json!({"ScheduledActionName": "a", "Schedule": "at(2033-01-01T00:00:00)"}),
    );
    let changed = lab.call("DescribeScheduledActions", json!({}))["ScheduledActions"][0].take();
    assert_eq!(changed["ScheduledActionARN"], shown["ScheduledActionARN"]);
    assert!(changed.get("StartTime").is_none(), "times are deleted where they are not named");
    assert_eq!(changed["ScalableTargetAction"], json!({"MinCapacity": 2}));
    for more in [
        json!({"Schedule": "every day", "ScalableTargetAction": {"MinCapacity": 1}}),
        json!({"Schedule": "rate(1 day)"}),
        json!({"Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 3, "MaxCapacity": 2}}),
        json!({"Schedule": "rate(1 day)", "Timezone": "Nowhere", "ScalableTargetAction": {"MinCapacity": 1}}),
        json!({"ScalableTargetAction": {"MinCapacity": 1}}),
    ] {
        let mut named = json!({"ScheduledActionName": "b"});
        named.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(lab.refused("PutScheduledAction", named).0, "ValidationException", "{more}");
    }
    lab.call("DeleteScheduledAction", json!({"ScheduledActionName": "a"}));
    let gone = lab.refused("DeleteScheduledAction", json!({"ScheduledActionName": "a"}));
    assert_eq!(gone.0, "ObjectNotFoundException");
}

#[test]
fn lists_come_in_pages() {
    let lab = Lab::between(1, 1, 4);
    for number in 0..5 {
        lab.call(
            "PutScheduledAction",
            json!({"ScheduledActionName": format!("a{number}"),
            "Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}}),
        );
    }
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let mut request = json!({"MaxResults": 2});
        if let Some(token) = token {
            request["NextToken"] = token;
        }
        let page = lab.call("DescribeScheduledActions", request);
        seen.extend(
            page["ScheduledActions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|action| action["ScheduledActionName"].clone()),
        );
        token = page.get("NextToken").cloned();
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a0", "a1", "a2", "a3", "a4"]);
    let wrong = lab.refused("DescribeScheduledActions", json!({"NextToken": "nonsense"}));
    assert_eq!(wrong.0, "InvalidNextTokenException");
    assert_eq!(
        lab.refused(
            "GetPredictiveScalingForecast",
            json!({"PolicyName": "p",
        "StartTime": 1, "EndTime": 2})
        )
        .0,
        "UnsupportedFeatureException"
    );
}
