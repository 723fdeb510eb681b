//! Deployments that shift traffic: BLUE_GREEN, LINEAR and CANARY.

use std::time::Duration;

use coxswain_local_aws::{Clock, Config, Script, Switches, Timing};
use serde_json::{Value, json};

use crate::lab::{Lab, create_request, with};

const MINUTE: Duration = Duration::from_mins(1);

const BLUE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue/1";
const GREEN: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green/2";
const RULE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web/1/2/3";
const TEST_RULE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web/1/2/4";

/// A load balancer between whose target groups traffic is shifted.
fn balancer() -> Value {
    json!({
        "targetGroupArn": BLUE, "containerName": "web", "containerPort": 80,
        "advancedConfiguration": {
            "alternateTargetGroupArn": GREEN, "productionListenerRule": RULE, "testListenerRule": TEST_RULE,
            "roleArn": "arn:aws:iam::123456789012:role/balancer",
        },
    })
}

async fn register(lab: &Lab, image: &str) -> String {
    lab.register_container(json!({"name": "web", "image": image, "portMappings": [{"containerPort": 80}]}))
        .await
}

/// A service of that many tasks behind the load balancer, whose first deployment is done.
async fn start(lab: &Lab, desired: u64, configuration: Value) -> String {
    let arn = register(lab, "web:good").await;
    let more = json!({"deploymentConfiguration": configuration, "loadBalancers": [balancer()]});
    lab.create(&arn, desired, more).await;
    lab.until_stable().await;
    arn
}

async fn roll(lab: &Lab, image: &str) {
    let arn = register(lab, image).await;
    lab.update(json!({"taskDefinition": arn})).await;
}

fn blue_green(bake: u64) -> Value {
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": bake})
}

/// The target's and the source's weight of production traffic.
fn production(deployment: &Value) -> (Value, Value) {
    let weight = |revision: &Value| revision["requestedProductionTrafficWeight"].clone();
    (weight(&deployment["targetServiceRevision"]), weight(&deployment["sourceServiceRevisions"][0]))
}

async fn target_group(lab: &Lab, deployment: &Value) -> Value {
    let body = json!({"serviceRevisionArns": [deployment["targetServiceRevision"]["arn"]]});
    let mut answer = lab.call("DescribeServiceRevisions", body).await;
    answer["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"][0].take()
}

async fn running(lab: &Lab) -> Vec<Value> {
    lab.tasks("RUNNING").await.iter().map(|task| task["taskArn"].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn blue_serves_until_green_is_whole_and_both_run_through_the_bake() {
    let lab = Lab::start().await;
    start(&lab, 2, blue_green(5)).await;
    let old = lab.primary().await["id"].clone();
    let blue = running(&lab).await;
    roll(&lab, "web:2").await;
    let scaling = lab.until_stage("SCALE_UP").await;
    assert_eq!(production(&scaling), (json!(0.0), json!(100.0)));
    assert_eq!(scaling["status"], "IN_PROGRESS");
    let baking = lab.until_stage("BAKE_TIME").await;
    assert_eq!(production(&baking), (json!(100.0), json!(0.0)));
    assert_eq!(baking["targetServiceRevision"]["requestedTestTrafficWeight"], 100.0);
    assert_eq!(baking["targetServiceRevision"]["runningTaskCount"], 2);
    assert_eq!(baking["sourceServiceRevisions"][0]["requestedTaskCount"], 2);
    let service = lab.service().await;
    let shown = service["deployments"].as_array().unwrap();
    assert_eq!(shown.len(), 2);
    assert_eq!((&shown[0]["status"], &shown[0]["rolloutState"]), (&json!("PRIMARY"), &json!("IN_PROGRESS")));
    assert_eq!((&shown[1]["status"], &shown[1]["rolloutState"]), (&json!("ACTIVE"), &json!("COMPLETED")));
    assert_eq!((&shown[1]["id"], &shown[1]["desiredCount"]), (&old, &json!(2)));
    assert_eq!(service["runningCount"], 4);
    lab.pass(MINUTE * 4).await;
    assert_eq!(lab.newest_deployment().await["lifecycleStage"], "BAKE_TIME");
    assert_eq!(running(&lab).await.len(), 4, "blue waits for a way back");
    let done = lab.until_over().await;
    assert_eq!((&done["status"], &done["lifecycleStage"]), (&json!("SUCCESSFUL"), &json!("CLEAN_UP")));
    let green = running(&lab).await;
    assert!(green.len() == 2 && green.iter().all(|task| !blue.contains(task)));
    assert_eq!(lab.primary().await["rolloutState"], "COMPLETED");
    let events = lab.events().await;
    assert_eq!(events.last().unwrap(), "(service web) has reached a steady state.");
}

#[tokio::test(start_paused = true)]
async fn each_shift_takes_the_target_group_that_does_not_serve() {
    let lab = Lab::start().await;
    start(&lab, 1, blue_green(0)).await;
    assert_eq!(
        target_group(&lab, &lab.newest_deployment().await).await,
        json!({"targetGroupArn": BLUE, "productionListenerRule": RULE})
    );
    for (image, group) in [("web:2", GREEN), ("web:3", BLUE)] {
        roll(&lab, image).await;
        let done = lab.until_over().await;
        assert_eq!(target_group(&lab, &done).await["targetGroupArn"], group);
    }
    // A rolling deployment stays where the traffic is.
    roll(&lab, "web:4").await;
    lab.until_over().await;
    let arn = register(&lab, "web:5").await;
    lab.update(json!({"taskDefinition": arn, "deploymentConfiguration": {"strategy": "ROLLING"}})).await;
    let done = lab.until_over().await;
    assert_eq!(done.get("lifecycleStage"), None);
    assert_eq!(target_group(&lab, &done).await["targetGroupArn"], GREEN);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_in_the_bake_turns_the_traffic_back_and_no_blue_task_is_started_again() {
    let lab = Lab::start().await;
    let good = start(&lab, 2, blue_green(60)).await;
    let (old, blue) = (lab.primary().await["id"].clone(), running(&lab).await);
    roll(&lab, "web:2").await;
    let baking = lab.until_stage("BAKE_TIME").await;
    let body = json!({"serviceDeploymentArn": baking["serviceDeploymentArn"], "stopType": "ROLLBACK"});
    lab.call("StopServiceDeployment", body).await;
    lab.pass(Duration::from_secs(1)).await;
    let rolling_back = lab.newest_deployment().await;
    assert_eq!(rolling_back["status"], "ROLLBACK_IN_PROGRESS");
    assert_eq!(production(&rolling_back), (json!(0.0), json!(100.0)));
    let primary = lab.primary().await;
    assert_eq!((&primary["id"], &primary["rolloutState"]), (&old, &json!("IN_PROGRESS")));
    let done = lab.until_over().await;
    assert_eq!(done["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(running(&lab).await, blue);
    let service = lab.service().await;
    assert_eq!(service["taskDefinition"], good.as_str());
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_from_the_clean_up_starts_blue_again_before_it_gets_the_traffic() {
    let lab = Lab::start().await;
    lab.script("web:good", Script { stops: (Duration::from_secs(20), 0), ..Script::serves() });
    start(&lab, 1, blue_green(0)).await;
    roll(&lab, "web:2").await;
    let cleaning = lab.until_stage("CLEAN_UP").await;
    assert_eq!(cleaning["status"], "IN_PROGRESS");
    lab.call("StopServiceDeployment", json!({"serviceDeploymentArn": cleaning["serviceDeploymentArn"]}))
        .await;
    lab.pass(Duration::from_secs(10)).await;
    let rolling_back = lab.newest_deployment().await;
    assert_eq!(rolling_back["lifecycleStage"], "SCALE_UP");
    assert_eq!(production(&rolling_back), (json!(100.0), json!(0.0)), "green serves until blue is whole");
    assert_eq!(lab.until_over().await["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(lab.service().await["runningCount"], 1);
}

#[tokio::test(start_paused = true)]
async fn linear_and_canary_move_in_steps_that_rest() {
    for (configuration, after_a_minute, then, minutes) in [
        (
            json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 5}}),
            40.0,
            80.0,
            10,
        ),
        (
            json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 2.5, "canaryBakeTimeInMinutes": 5}}),
            2.5,
            100.0,
            5,
        ),
    ] {
        let lab = Lab::start().await;
        start(&lab, 1, with(configuration, json!({"bakeTimeInMinutes": 1}))).await;
        roll(&lab, "web:2").await;
        lab.until_stage("PRODUCTION_TRAFFIC_SHIFT").await;
        let began = lab.clock.now();
        lab.pass(MINUTE).await;
        assert_eq!(production(&lab.newest_deployment().await).0, after_a_minute);
        lab.pass(MINUTE * 4 + Duration::from_secs(1)).await;
        assert_eq!(production(&lab.newest_deployment().await).0, then);
        lab.until_stage("CLEAN_UP").await;
        let took = lab.clock.now().since(began);
        let expected = MINUTE * (minutes + 1);
        assert!(took >= expected && took < expected + MINUTE, "{took:?}, no step bake after the last");
        assert_eq!(lab.until_over().await["status"], "SUCCESSFUL");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_load_balancer_is_replaced_as_a_whole_and_has_no_weights() {
    let lab = Lab::start().await;
    lab.steady(1, json!({"deploymentConfiguration": blue_green(1)})).await;
    roll(&lab, "web:2").await;
    let baking = lab.until_stage("BAKE_TIME").await;
    assert_eq!(production(&baking), (Value::Null, Value::Null));
    assert_eq!(lab.until_over().await["status"], "SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn scaling_in_the_bake_scales_both_and_a_dead_blue_task_is_replaced() {
    let lab = Lab::start().await;
    start(&lab, 2, blue_green(30)).await;
    let blue = running(&lab).await[0].as_str().unwrap().to_owned();
    roll(&lab, "web:2").await;
    lab.until_stage("BAKE_TIME").await;
    lab.driver.exit(blue.rsplit('/').next().unwrap(), "web", 1);
    lab.update(json!({"desiredCount": 3})).await;
    lab.pass(MINUTE).await;
    let deployment = lab.newest_deployment().await;
    assert_eq!(deployment["targetServiceRevision"]["runningTaskCount"], 3);
    assert_eq!(deployment["sourceServiceRevisions"][0]["runningTaskCount"], 3);
    lab.update(json!({"desiredCount": 1})).await;
    lab.pass(MINUTE).await;
    assert_eq!(running(&lab).await.len(), 2);
    assert_eq!(lab.until_over().await["status"], "SUCCESSFUL");
    assert_eq!(running(&lab).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_newer_deployment_reconciles_to_the_revision_in_production_first() {
    let lab = Lab::start().await;
    start(&lab, 1, blue_green(60)).await;
    roll(&lab, "web:2").await;
    let baking = lab.until_stage("BAKE_TIME").await;
    let in_production = baking["targetServiceRevision"]["arn"].clone();
    roll(&lab, "web:3").await;
    lab.pass(Duration::from_millis(100)).await;
    let deployments = lab.service_deployments().await;
    assert_eq!(deployments[0]["lifecycleStage"], "RECONCILE_SERVICE");
    assert_eq!(deployments[1]["status"], "STOPPED");
    let scaling = lab.until_stage("SCALE_UP").await;
    let sources = scaling["sourceServiceRevisions"].as_array().unwrap();
    let source = sources.iter().find(|source| source["arn"] == in_production).unwrap();
    assert_eq!(source["requestedProductionTrafficWeight"], 100.0);
    assert_eq!(source["runningTaskCount"], 1);
    assert_eq!(lab.service().await["deployments"].as_array().unwrap().len(), 2);
    assert_eq!(lab.until_over().await["status"], "SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn whether_the_breaker_watches_a_shift_is_a_switch() {
    for watches in [true, false] {
        let switches = Switches { breaker_watches_every_strategy: watches, ..Switches::default() };
        let lab = Lab::with(Config { switches, ..Config::default() }).await;
        let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
        start(&lab, 1, with(blue_green(0), breaker)).await;
        lab.script("web:bad", Script::exits(Duration::from_secs(1), 1));
        roll(&lab, "web:bad").await;
        lab.pass(Duration::from_mins(30)).await;
        let deployment = lab.newest_deployment().await;
        if watches {
            assert_eq!(deployment["status"], "ROLLBACK_SUCCESSFUL");
        } else {
            assert_eq!(
                (&deployment["status"], &deployment["lifecycleStage"]),
                (&json!("IN_PROGRESS"), &json!("SCALE_UP"))
            );
            // No stage lasts for ever.
            let done = lab.until_over().await;
            assert_eq!(done["status"], "ROLLBACK_SUCCESSFUL");
            let reason = "Service deployment rolled back because SCALE_UP took longer than 24 hours.";
            assert_eq!(done["statusReason"], reason);
        }
        assert_eq!(lab.service().await["runningCount"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn whether_a_first_deployment_bakes_is_a_switch() {
    for bakes in [false, true] {
        let switches = Switches { first_deployment_bakes: bakes, ..Switches::default() };
        let lab = Lab::with(Config { switches, ..Config::default() }).await;
        let arn = register(&lab, "web:1").await;
        lab.create(&arn, 1, json!({"deploymentConfiguration": blue_green(30)})).await;
        lab.pass(MINUTE * 2).await;
        let status = if bakes { "IN_PROGRESS" } else { "SUCCESSFUL" };
        assert_eq!(lab.newest_deployment().await["status"], status);
        assert_eq!(lab.until_over().await["status"], "SUCCESSFUL");
    }
}

#[tokio::test(start_paused = true)]
async fn whether_a_stop_may_abort_is_a_switch() {
    for stops in [false, true] {
        let switches = Switches { abort_stops: stops, ..Switches::default() };
        let lab = Lab::with(Config { switches, ..Config::default() }).await;
        start(&lab, 1, blue_green(30)).await;
        roll(&lab, "web:2").await;
        let arn = lab.until_stage("BAKE_TIME").await["serviceDeploymentArn"].clone();
        let body = json!({"serviceDeploymentArn": arn, "stopType": "ABORT"});
        if !stops {
            assert_eq!(lab.refused("StopServiceDeployment", body).await.0, "InvalidParameterException");
            continue;
        }
        lab.call("StopServiceDeployment", body).await;
        assert_eq!(lab.newest_deployment().await["status"], "STOP_REQUESTED");
        let done = lab.until_over().await;
        assert_eq!(done["status"], "STOPPED");
        assert!(done.get("stoppedAt").is_some());
        assert_eq!(lab.primary().await["rolloutState"], "FAILED");
    }
}

#[tokio::test(start_paused = true)]
async fn load_balancers_that_cannot_shift_are_refused_in_ecs_words() {
    let lab = Lab::start().await;
    let arn = register(&lab, "web:1").await;
    let plain = json!({"targetGroupArn": BLUE, "containerName": "web", "containerPort": 80});
    let mut same_rule = balancer();
    same_rule["advancedConfiguration"]["testListenerRule"] = json!(RULE);
    let classic = with(balancer(), json!({"loadBalancerName": "old"}));
    for (balancers, words) in [
        (
            json!([plain]),
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING",
        ),
        (json!([plain, balancer()]), "Either all or none of the provided loadBalancers"),
        (json!([same_rule]), "cannot be used as both production and test listener rules"),
        (json!([classic]), "advancedConfiguration field is not allowed with ELBv1 loadBalancers"),
        (json!([balancer(), balancer()]), "Duplicate targetGroupArn found: arn:aws:elasticloadbalancing"),
    ] {
        let more = json!({"deploymentConfiguration": blue_green(0), "loadBalancers": balancers});
        let (code, message) = lab.refused("CreateService", create_request(&arn, 1, more)).await;
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains(words), "{message}");
    }
}

/// Where tasks settle at once, no alarm of theirs wakes the service when the failed revision is gone.
#[tokio::test(start_paused = true)]
async fn a_rollback_ends_by_itself_though_no_task_wakes_the_service() {
    let timing = Timing { healthy_after: Duration::from_secs(1), ..Timing::default() };
    let lab = Lab::with(Config { timing, ..Config::default() }).await;
    start(&lab, 1, blue_green(60)).await;
    roll(&lab, "web:2").await;
    let baking = lab.until_stage("BAKE_TIME").await;
    lab.pass(MINUTE).await;
    lab.call("StopServiceDeployment", json!({"serviceDeploymentArn": baking["serviceDeploymentArn"]})).await;
    lab.pass(Duration::from_secs(30)).await;
    assert_eq!(lab.newest_deployment().await["status"], "ROLLBACK_SUCCESSFUL");
}
