//! Lifecycle hooks: functions that answer, pauses that wait, and the way back.

use std::time::Duration;

use coxswain_local_aws::HookAnswer;
use serde_json::{Value, json};

use crate::lab::{Lab, with};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:check";

/// A BLUE_GREEN configuration with these hooks.
fn configuration(hooks: &Value) -> Value {
    json!({"deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": hooks}})
}

/// What the function is told of its own, a null and an order in it.
fn details() -> Value {
    json!({"suite": "smoke", "paths": ["/b", "/a", null], "until": null})
}

fn function(stages: &Value) -> Value {
    let role = "arn:aws:iam::123456789012:role/hooks";
    json!({"hookTargetArn": FUNCTION, "roleArn": role, "lifecycleStages": stages, "hookDetails": details()})
}

fn pause(stage: &str, timeout: &Value) -> Value {
    json!({"targetType": "PAUSE", "lifecycleStages": [stage], "timeoutConfiguration": timeout})
}

/// A steady service; then another revision is deployed with these hooks.
async fn roll_with(hooks: &Value) -> Lab {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    let arn = lab.register("web:2").await;
    lab.update(with(configuration(hooks), json!({"taskDefinition": arn}))).await;
    lab
}

async fn paused(lab: &Lab) -> (Value, Value) {
    let deployment = lab
        .until_deployment(|deployment| deployment["lifecycleHookDetails"][0]["status"] == "AWAITING_ACTION")
        .await;
    let hook = deployment["lifecycleHookDetails"][0].clone();
    (deployment, hook)
}

#[tokio::test(start_paused = true)]
async fn a_function_is_asked_again_until_it_has_succeeded() {
    let lab = roll_with(&json!([function(&json!(["PRE_SCALE_UP"]))])).await;
    lab.local.answer_hooks("check", vec![HookAnswer::InProgress(60), HookAnswer::Succeeded]);
    lab.pass(Duration::from_secs(59)).await;
    let deployment = lab.newest_deployment().await;
    assert_eq!(deployment["lifecycleStage"], "PRE_SCALE_UP");
    let hook = &deployment["lifecycleHookDetails"][0];
    assert_eq!((&hook["status"], &hook["targetArn"]), (&json!("IN_PROGRESS"), &json!(FUNCTION)));
    assert_eq!(lab.service().await["deployments"][0]["pendingCount"], 0, "green has not started");
    lab.until_stage("SCALE_UP").await;
    assert_eq!(lab.until_over().await["status"], "SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn a_function_that_fails_rolls_back_and_service_deployment_and_event_say_which() {
    for (answers, end) in [
        (Some(HookAnswer::Failed), format!("Lifecycle hook target {FUNCTION} returned FAILED status.")),
        (
            Some(HookAnswer::Nothing),
            format!(
                "ECS was unable to parse the response from {FUNCTION} due to HookStatus must not be null"
            ),
        ),
        (
            None,
            format!(
                "ECS was unable to invoke hook target {FUNCTION} due to the local ECS having no answer for it"
            ),
        ),
    ] {
        let lab = Lab::start().await;
        let good = lab.steady(1, json!({})).await;
        if let Some(answer) = answers {
            lab.local.answer_hooks(FUNCTION, vec![answer]);
        }
        let arn = lab.register("web:2").await;
        let hooks = json!([function(&json!(["POST_SCALE_UP"]))]);
        lab.update(with(configuration(&hooks), json!({"taskDefinition": arn}))).await;
        let done = lab.until_over().await;
        let reason =
            format!("Service deployment rolled back because POST_SCALE_UP lifecycle hook(s) failed. {end}");
        assert_eq!((&done["status"], &done["statusReason"]), (&json!("ROLLBACK_SUCCESSFUL"), &json!(reason)));
        assert_eq!(done["rollback"]["reason"], reason.as_str());
        assert_eq!(lab.service().await["taskDefinition"], good.as_str());
        let failed = format!("(service web) (deployment ecs-svc/N) deployment failed: {reason}");
        let events = lab.events().await;
        let place = events.iter().position(|event| *event == failed).unwrap();
        assert_eq!(events[place + 1], "(service web) rolling back to deployment ecs-svc/N.");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_whose_hook_fails_has_nothing_to_return_to() {
    let lab = Lab::start().await;
    lab.local.answer_hooks("*", vec![HookAnswer::Failed]);
    let arn = lab.register("web:1").await;
    lab.create(&arn, 1, configuration(&json!([function(&json!(["PRE_SCALE_UP"]))]))).await;
    let done = lab.until_over().await;
    assert_eq!(done["status"], "ROLLBACK_FAILED");
    assert_eq!(done["statusReason"], "No rollback candidate was found to run the rollback.");
    lab.pass(Duration::from_mins(10)).await;
    assert_eq!(lab.driver.started().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_waits_and_goes_on_or_back_as_it_is_told() {
    for (action, status) in [
        (json!({}), "SUCCESSFUL"),
        (json!({"action": "CONTINUE"}), "SUCCESSFUL"),
        (json!({"action": "ROLLBACK"}), "ROLLBACK_SUCCESSFUL"),
    ] {
        let lab =
            roll_with(&json!([{"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}]))
                .await;
        let (deployment, hook) = paused(&lab).await;
        assert_eq!(deployment["lifecycleStage"], "POST_TEST_TRAFFIC_SHIFT");
        assert_eq!((&hook["targetType"], &hook["timeoutAction"]), (&json!("PAUSE"), &json!("ROLLBACK")));
        lab.pass(Duration::from_hours(20)).await;
        assert_eq!(lab.newest_deployment().await["lifecycleStage"], "POST_TEST_TRAFFIC_SHIFT");
        let body =
            json!({"serviceDeploymentArn": deployment["serviceDeploymentArn"], "hookId": hook["hookId"]});
        let answer = lab.call("ContinueServiceDeployment", with(body.clone(), action)).await;
        assert_eq!(answer, json!({"serviceDeploymentArn": deployment["serviceDeploymentArn"]}));
        assert_eq!(lab.until_over().await["status"], status);
        let (code, message) = lab.refused("ContinueServiceDeployment", body).await;
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains("in terminal states"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_is_not_waiting_cannot_be_continued() {
    let lab =
        roll_with(&json!([pause("PRE_SCALE_UP", &json!({})), pause("POST_SCALE_UP", &json!({}))])).await;
    let (deployment, hook) = paused(&lab).await;
    let arn = deployment["serviceDeploymentArn"].as_str().unwrap();
    for (arn, id, code, words) in [
        (arn, "nonsense", "InvalidParameterException", "hookId must follow the format"),
        (
            arn,
            "ecs-pause-other",
            "InvalidParameterException",
            "either completed, unavailable, or not associated",
        ),
        (
            &arn.replace("/web/", "/other/"),
            "ecs-pause-1",
            "ServiceDeploymentNotFoundException",
            "does not exist",
        ),
    ] {
        let body = json!({"serviceDeploymentArn": arn, "hookId": id});
        let (found, message) = lab.refused("ContinueServiceDeployment", body).await;
        assert_eq!(found, code);
        assert!(message.contains(words), "{message}");
    }
    let body = json!({"serviceDeploymentArn": arn, "hookId": hook["hookId"]});
    lab.call("ContinueServiceDeployment", body.clone()).await;
    let (next, second) = paused(&lab).await;
    assert_eq!(next["lifecycleStage"], "POST_SCALE_UP");
    assert_ne!(second["hookId"], hook["hookId"]);
    let (_, message) = lab.refused("ContinueServiceDeployment", body).await;
    assert!(message.contains("either completed, unavailable"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_ends_times_out_as_it_is_configured() {
    for (action, status, reason) in [
        ("CONTINUE", "SUCCESSFUL", Value::Null),
        (
            "ROLLBACK",
            "ROLLBACK_SUCCESSFUL",
            json!("Service deployment rolled back because PRE_SCALE_UP pause hook timed out."),
        ),
    ] {
        let lab =
            roll_with(&json!([pause("PRE_SCALE_UP", &json!({"timeoutInMinutes": 3, "action": action}))]))
                .await;
        paused(&lab).await;
        lab.pass(Duration::from_secs(175)).await;
        assert_eq!(lab.newest_deployment().await["lifecycleStage"], "PRE_SCALE_UP");
        lab.pass(Duration::from_secs(10)).await;
        assert_ne!(lab.newest_deployment().await["lifecycleStage"], "PRE_SCALE_UP");
        let done = lab.until_over().await;
        assert_eq!((&done["status"], &done["statusReason"]), (&json!(status), &reason));
    }
}

#[tokio::test(start_paused = true)]
async fn both_kinds_of_hook_at_one_stage_must_be_done() {
    let hooks = json!([function(&json!(["PRE_SCALE_UP"])), pause("PRE_SCALE_UP", &json!({}))]);
    let lab = roll_with(&hooks).await;
    lab.local.answer_hooks("*", vec![HookAnswer::Succeeded]);
    lab.pass(Duration::from_mins(5)).await;
    let deployment = lab.newest_deployment().await;
    let statuses: Vec<&Value> =
        deployment["lifecycleHookDetails"].as_array().unwrap().iter().map(|hook| &hook["status"]).collect();
    assert_eq!(statuses, ["SUCCEEDED", "AWAITING_ACTION"]);
    assert_eq!(deployment["lifecycleStage"], "PRE_SCALE_UP");
}

#[tokio::test(start_paused = true)]
async fn a_step_of_linear_runs_its_hooks_each_time_with_another_id() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    let arn = lab.register("web:2").await;
    let linear = json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 50.0, "stepBakeTimeInMinutes": 0},
        "lifecycleHooks": [pause("PRE_PRODUCTION_TRAFFIC_SHIFT", &json!({}))]});
    lab.update(json!({"taskDefinition": arn, "deploymentConfiguration": linear})).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (deployment, hook) = paused(&lab).await;
        assert_eq!(
            deployment["lifecycleStage"], "PRODUCTION_TRAFFIC_SHIFT",
            "the enum has no PRE_PRODUCTION"
        );
        let body =
            json!({"serviceDeploymentArn": deployment["serviceDeploymentArn"], "hookId": hook["hookId"]});
        lab.call("ContinueServiceDeployment", body).await;
        lab.pass(Duration::from_secs(1)).await;
        ids.push(hook["hookId"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(lab.until_over().await["status"], "SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn a_held_function_is_shown_with_what_it_was_told_and_answered_by_hand() {
    let lab = Lab::start().await;
    lab.local.answer_hooks("check", vec![HookAnswer::Hold]);
    lab.steady(1, json!({})).await;
    let arn = lab.register("web:2").await;
    let hook = function(&json!(["TEST_TRAFFIC_SHIFT"]));
    lab.update(with(configuration(&json!([hook])), json!({"taskDefinition": arn}))).await;
    let deployment = lab.until_stage("TEST_TRAFFIC_SHIFT").await;
    let (_, open) = lab.local_api("GET", "/hooks", "").await;
    let call = &open["hooks"][0];
    assert_eq!(call["function"], FUNCTION);
    let event = &call["event"];
    assert_eq!(event["lifecycleStage"], "TEST_TRAFFIC_SHIFT");
    let (told, target) = (&event["executionDetails"], &deployment["targetServiceRevision"]["arn"]);
    assert_eq!(told["targetServiceRevisionArn"], *target);
    let path = format!("/hooks/{}", call["hookId"].as_str().unwrap());
    let decision = |status: &str| json!({"hookStatus": status}).to_string();
    assert_eq!(lab.local_api("POST", &path, &decision("MAYBE")).await.0, 400);
    let (status, left) = lab.local_api("POST", &path, &decision("FAILED")).await;
    assert_eq!((status, left), (200, json!({"hooks": []})));
    assert_eq!(lab.local_api("POST", &path, &decision("FAILED")).await.0, 400, "it is decided");
    // The function runs again on the way back, and nothing waits for it for ever.
    lab.local.answer_hooks("check", vec![HookAnswer::Succeeded]);
    assert_eq!(lab.until_over().await["status"], "ROLLBACK_SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn the_details_of_a_hook_are_kept_as_they_came_and_told_to_its_function() {
    let lab = roll_with(&json!([function(&json!(["PRE_SCALE_UP"]))])).await;
    lab.local.answer_hooks("check", vec![HookAnswer::Hold]);
    lab.until_stage("PRE_SCALE_UP").await;
    assert_eq!(lab.local.open_hooks()[0]["event"]["hookDetails"], details());
    let kept = &lab.service().await["deploymentConfiguration"]["lifecycleHooks"][0];
    assert_eq!(kept["hookDetails"], details());
}
