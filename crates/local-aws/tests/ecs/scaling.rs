//! Application Auto Scaling on services of the local ECS, and held to pairs of real accounts.

use std::{fs, path::Path, time::Duration};

use coxswain_ecs_shapes::{Reading, application_autoscaling, check, sqs};
use serde_json::{Map, Value, json};

use crate::lab::{Lab, instant};

const CPU: &str = "ECSServiceAverageCPUUtilization";

async fn scaling(lab: &Lab, operation: &str, body: Value) -> Value {
    let target = format!("{}.{operation}", application_autoscaling().target_prefix);
    let (status, answer) = lab.send(&target, body.to_string()).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    check(
        application_autoscaling().operation(operation).unwrap().output,
        &answer,
        Reading::Wire,
        &mut |violation| panic!("{operation} answers {}: {:?}", violation.path, violation.problem),
    );
    answer
}

/// A request about the service `web`, with more members.
fn of_web(more: Value) -> Value {
    let body = json!({"ServiceNamespace": "ecs", "ResourceId": "service/main/web",
        "ScalableDimension": "ecs:service:DesiredCount"});
    crate::lab::with(body, more)
}

async fn track_cpu(lab: &Lab) {
    let body = of_web(json!({"MinCapacity": 1, "MaxCapacity": 6}));
    scaling(lab, "RegisterScalableTarget", body).await;
    let configuration = json!({"TargetValue": 50.0, "ScaleInCooldown": 60,
        "PredefinedMetricSpecification": {"PredefinedMetricType": CPU}});
    let policy = of_web(json!({"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": configuration}));
    scaling(lab, "PutScalingPolicy", policy).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_follows_its_load_within_the_deployment_that_stands() {
    let lab = Lab::with(instant()).await;
    lab.steady(2, json!({})).await;
    let deployment = lab.primary().await["id"].take();
    track_cpu(&lab).await;
    lab.local.set_metric("service/main/web", CPU, Some(100.0));
    lab.pass(Duration::from_mins(4)).await;
    let service = lab.service().await;
    assert_eq!((&service["desiredCount"], &service["runningCount"]), (&json!(4), &json!(4)));
    assert_eq!(service["deployments"][0]["id"], deployment);
    let (status, metrics) = lab
        .local_api(
            "POST",
            "/metrics",
            &json!({"resourceId": "service/main/web", "metric": CPU, "value": 5}).to_string(),
        )
        .await;
    assert_eq!((status, &metrics["metrics"][0]["value"]), (200, &json!(5.0)));
    lab.pass(Duration::from_mins(16)).await;
    assert_eq!(lab.service().await["desiredCount"], 1);
    let activities = scaling(&lab, "DescribeScalingActivities", json!({"ServiceNamespace": "ecs"})).await;
    let shown: Vec<(&str, &str)> = activities["ScalingActivities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|activity| (activity["Description"].as_str().unwrap(), activity["StatusCode"].as_str().unwrap()))
        .collect();
    assert_eq!(
        shown,
        [("Setting desired count to 1.", "Successful"), ("Setting desired count to 4.", "Successful")]
    );
}

#[tokio::test(start_paused = true)]
async fn scale_in_waits_for_a_deployment_and_scale_out_does_not() {
    let lab = Lab::with(instant()).await;
    lab.steady(4, json!({})).await;
    track_cpu(&lab).await;
    lab.local.set_metric("service/main/web", CPU, Some(10.0));
    lab.script("web:stuck", coxswain_local_aws::Script::never_healthy());
    let stuck = lab.register_checked("web:stuck").await;
    lab.pass(Duration::from_mins(14)).await;
    lab.update(json!({"taskDefinition": stuck})).await;
    lab.pass(Duration::from_mins(30)).await;
    assert_eq!(lab.service().await["desiredCount"], 4);
    lab.local.set_metric("service/main/web", CPU, Some(75.0));
    lab.pass(Duration::from_mins(4)).await;
    assert_eq!(lab.service().await["desiredCount"], 6);
}

/// A month of working days, with real deployments under it.
#[tokio::test(start_paused = true)]
async fn a_schedule_moves_a_services_count_for_a_month_in_one_deployment() {
    let lab = Lab::with(instant()).await;
    lab.steady(1, json!({})).await;
    let deployment = lab.primary().await["id"].take();
    scaling(&lab, "RegisterScalableTarget", of_web(json!({"MinCapacity": 1, "MaxCapacity": 8}))).await;
    for (name, hour, count) in [("morning", 8, 4), ("evening", 20, 1)] {
        let bounds = json!({"MinCapacity": count, "MaxCapacity": count});
        let action = json!({"ScheduledActionName": name, "Schedule": format!("cron(0 {hour} ? * MON-FRI *)"),
            "ScalableTargetAction": bounds});
        scaling(&lab, "PutScheduledAction", of_web(action)).await;
    }
    let (mut high, mut low) = (0, 0);
    for _ in 0..30 * 8 {
        lab.pass(Duration::from_hours(3)).await;
        let service = lab.service().await;
        assert_eq!(service["runningCount"], service["desiredCount"]);
        match service["desiredCount"].as_u64() {
            Some(4) => high += 1,
            Some(1) => low += 1,
            other => panic!("it went to {other:?}"),
        }
    }
    // The lab begins on a Wednesday after the morning, and ends on a Friday before noon: between them are
    // 21 working days, each with four looks between 8 and 20.
    assert_eq!((high, low), (4 * 21 + 2, 30 * 8 - 4 * 21 - 2));
    assert_eq!(lab.primary().await["id"], deployment);
}

#[tokio::test(start_paused = true)]
async fn a_step_policy_is_asked_by_an_alarm_that_is_told() {
    let lab = Lab::with(instant()).await;
    lab.steady(2, json!({})).await;
    scaling(&lab, "RegisterScalableTarget", of_web(json!({"MinCapacity": 1, "MaxCapacity": 10}))).await;
    let steps = json!([{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 3}]);
    let configuration = json!({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps});
    let policy = of_web(json!({"PolicyName": "out", "StepScalingPolicyConfiguration": configuration}));
    scaling(&lab, "PutScalingPolicy", policy).await;
    let unknown = json!({"name": "high", "state": "ALARM", "policy": "none"});
    assert_eq!(lab.local_api("POST", "/alarms", &unknown.to_string()).await.0, 400);
    let alarm = json!({"name": "high", "state": "ALARM", "policy": "out", "breach": 4});
    let (status, alarms) = lab.local_api("POST", "/alarms", &alarm.to_string()).await;
    assert_eq!((status, alarms), (200, json!({"alarms": ["high"]})));
    lab.pass(Duration::from_mins(1)).await;
    assert_eq!(lab.service().await["desiredCount"], 5);
}

#[tokio::test(start_paused = true)]
async fn scaling_shows_as_a_call_of_its_own_and_not_as_a_request_of_somebodys() {
    let lab = Lab::with(instant()).await;
    lab.steady(1, json!({})).await;
    lab.local.send_events_to("events").unwrap();
    lab.local.clear_requests();
    scaling(&lab, "RegisterScalableTarget", of_web(json!({"MinCapacity": 2, "MaxCapacity": 3}))).await;
    lab.until_stable().await;
    lab.pass(Duration::from_secs(5)).await;
    assert!(lab.local.requests().iter().all(|request| request.operation != "UpdateService"));
    let url = "https://sqs.us-east-1.amazonaws.com/123456789012/events";
    let body = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
    let (_, answer) = lab.send(&format!("{}.ReceiveMessage", sqs().target_prefix), body.to_string()).await;
    let events = answer["Messages"].as_array().unwrap().iter();
    let events: Vec<Value> =
        events.map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap()).collect();
    let call = events.iter().find(|event| event["detail"]["eventName"] == "UpdateService").unwrap();
    assert_eq!(
        call["detail"]["requestParameters"],
        json!({"cluster": "main", "service": "web", "desiredCount": 2})
    );
    let caller = "ecs.application-autoscaling.amazonaws.com";
    assert_eq!(call["detail"]["userIdentity"]["invokedBy"], caller);
    assert_eq!(
        (&call["detail"]["sourceIPAddress"], &call["detail"]["userAgent"]),
        (&json!(caller), &json!(caller))
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_there_cannot_be_registered_and_one_that_goes_is_left_alone() {
    let lab = Lab::with(instant()).await;
    let body = of_web(json!({"MinCapacity": 1, "MaxCapacity": 2}));
    let target = format!("{}.RegisterScalableTarget", application_autoscaling().target_prefix);
    let (status, answer) = lab.send(&target, body.to_string()).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")));
    assert_eq!(answer["message"], "ECS service doesn't exist: service/main/web");
    lab.steady(1, json!({})).await;
    track_cpu(&lab).await;
    lab.local.set_metric("service/main/web", CPU, Some(100.0));
    lab.call("DeleteService", json!({"cluster": "main", "service": "web", "force": true})).await;
    lab.pass(Duration::from_mins(30)).await;
    let activities = scaling(&lab, "DescribeScalingActivities", json!({"ServiceNamespace": "ecs"})).await;
    assert_eq!(activities["ScalingActivities"], json!([]));
}

fn pair(name: &str) -> (Map<String, Value>, Map<String, Value>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live-pairs").join(name);
    let mut pair: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut members = |name: &str| serde_json::from_value(pair[name].take()).unwrap();
    (members("declared"), members("live"))
}

fn of_key(members: &Map<String, Value>) -> Value {
    let names = ["ServiceNamespace", "ResourceId", "ScalableDimension"];
    names.into_iter().map(|name| (name.to_owned(), members[name].clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_scalable_target_reads_back_as_live_application_auto_scaling_did() {
    for number in 1..=3 {
        let lab = Lab::start().await;
        let (mut declared, live) = pair(&format!("applicationautoscaling-scalabletarget-{number:02}.json"));
        let key = of_key(&declared);
        let actions = declared.remove("ScheduledActions").unwrap_or_default();
        scaling(&lab, "RegisterScalableTarget", declared.into()).await;
        for action in actions.as_array().into_iter().flatten() {
            scaling(&lab, "PutScheduledAction", crate::lab::with(key.clone(), action.clone())).await;
        }
        let namespace = json!({"ServiceNamespace": live["ServiceNamespace"]});
        let mut read =
            scaling(&lab, "DescribeScalableTargets", namespace.clone()).await["ScalableTargets"][0].take();
        let shown = scaling(&lab, "DescribeScheduledActions", namespace).await["ScheduledActions"].take();
        let members = ["ScheduledActionName", "Schedule", "ScalableTargetAction"];
        let shown: Value = shown
            .as_array()
            .unwrap()
            .iter()
            .map(|action| {
                members.into_iter().map(|name| (name.to_owned(), action[name].clone())).collect::<Value>()
            })
            .collect();
        read["ScheduledActions"] = shown;
        for (member, value) in live.iter().filter(|(member, _)| *member != "Id") {
            let found = if member == "ScheduledActions" || read.get(member).is_some() {
                &read[member]
            } else {
                &Value::Null
            };
            assert_eq!(found, value, "{number}: {member}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_scaling_policy_reads_back_as_live_application_auto_scaling_did() {
    let lab = Lab::start().await;
    let (mut declared, live) = pair("applicationautoscaling-scalingpolicy-04.json");
    let key = of_key(&live);
    let bounds = json!({"MinCapacity": 1, "MaxCapacity": 5});
    scaling(&lab, "RegisterScalableTarget", crate::lab::with(key.clone(), bounds)).await;
    declared.remove("ScalingTargetId");
    let body = crate::lab::with(key, Value::Object(declared));
    scaling(&lab, "PutScalingPolicy", body).await;
    let namespace = json!({"ServiceNamespace": live["ServiceNamespace"]});
    let read = scaling(&lab, "DescribeScalingPolicies", namespace).await["ScalingPolicies"][0].take();
    for (member, value) in live.iter().filter(|(member, _)| *member != "Arn") {
        // CloudFormation reads a whole number of the API's as one.
        let found = &read[member];
        assert_eq!(found, value, "{member}");
    }
    // The same form, but for the id in it.
    let form = |arn: &Value| {
        let parts: Vec<String> = arn.as_str().unwrap().split(':').map(str::to_owned).collect();
        (parts[..6].join(":"), parts[6].len(), parts[7..].join(":"))
    };
    assert_eq!(form(&read["PolicyARN"]), form(&live["Arn"]));
}
