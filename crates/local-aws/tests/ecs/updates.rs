//! UpdateService: what it keeps, what it replaces, and what starts a deployment.

use std::time::Duration;

use coxswain_local_aws::{Config, Switches};
use serde_json::{Value, json};

use crate::{discovery::records, lab::Lab};

const FORCE: &str = "you must force a new deployment";

/// Updates a steady service; says the service, and whether a deployment started.
async fn updated(lab: &Lab, members: Value) -> (Value, bool) {
    let before = lab.primary().await["id"].clone();
    let service = lab.update(members).await;
    let started = service["deployments"][0]["id"] != before;
    (service, started)
}

#[tokio::test(start_paused = true)]
async fn an_omitted_member_keeps_what_stands() {
    let lab = Lab::start().await;
    let more = json!({"enableExecuteCommand": true, "propagateTags": "SERVICE",
        "healthCheckGracePeriodSeconds": 30, "deploymentConfiguration": {"minimumHealthyPercent": 50}});
    lab.steady(1, more).await;
    let before = lab.service().await;
    let (after, started) = updated(&lab, json!({"desiredCount": 2})).await;
    assert!(!started);
    for member in
        ["enableExecuteCommand", "propagateTags", "healthCheckGracePeriodSeconds", "deploymentConfiguration"]
    {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(after["desiredCount"], 2);
}

#[tokio::test(start_paused = true)]
async fn placement_strategies_read_back_in_ecs_own_spelling() {
    let lab = Lab::start().await;
    let strategy = |field: &str| json!([{"type": "spread", "field": field}]);
    lab.steady(1, json!({"placementStrategy": strategy("host")})).await;
    assert_eq!(lab.service().await["placementStrategy"], strategy("instanceId"));
    for (sent, read) in
        [("memory", "MEMORY"), ("cpu", "CPU"), ("attribute:ecs.os-type", "attribute:ecs.os-type")]
    {
        let (service, started) = updated(&lab, json!({"placementStrategy": strategy(sent)})).await;
        assert_eq!((&service["placementStrategy"], started), (&strategy(read), false));
    }
}

#[tokio::test(start_paused = true)]
async fn only_members_that_change_what_runs_start_a_deployment() {
    let network = |subnet: &str| json!({"awsvpcConfiguration": {"subnets": [subnet]}});
    for (members, starts) in [
        (json!({"networkConfiguration": network("subnet-2")}), true),
        (json!({"platformVersion": "1.4.0"}), true),
        (
            json!({"loadBalancers": [{"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/b", "containerName": "web", "containerPort": 8080}]}),
            true,
        ),
        (
            // The ARN is that of a service in Cloud Map, which the test makes.
            json!({"serviceRegistries": [{"registryArn": "REGISTRY"}]}),
            true,
        ),
        (json!({"serviceConnectConfiguration": {"enabled": true, "namespace": "main"}}), true),
        (
            json!({"vpcLatticeConfigurations": [{"roleArn": "r", "targetGroupArn": "t", "portName": "http"}]}),
            true,
        ),
        (json!({"forceNewDeployment": true}), true),
        (json!({"desiredCount": 3}), false),
        (json!({"deploymentConfiguration": {"maximumPercent": 150}}), false),
        (json!({"availabilityZoneRebalancing": "DISABLED"}), false),
        (json!({"healthCheckGracePeriodSeconds": 5}), false),
        (json!({"enableExecuteCommand": true}), false),
        (json!({"enableECSManagedTags": true}), false),
        (json!({"propagateTags": "TASK_DEFINITION"}), false),
        (json!({"networkConfiguration": network("subnet-1")}), false),
        (json!({}), false),
    ] {
        let lab = Lab::start().await;
        let arn = lab
            .register_container(
                json!({"name": "web", "image": "web:1", "portMappings": [{"containerPort": 8080}]}),
            )
            .await;
        lab.create(&arn, 1, json!({})).await;
        lab.until_stable().await;
        let registry = lab.registry(records(&["A"])).await;
        let members = members.to_string().replace("REGISTRY", &registry);
        let members: Value = serde_json::from_str(&members).unwrap();
        let (_, started) = updated(&lab, members.clone()).await;
        assert_eq!(started, starts, "{members}");
        let (_, again) = updated(&lab, members.clone()).await;
        assert_eq!(again, members.get("forceNewDeployment").is_some(), "the same again: {members}");
    }
}

#[tokio::test(start_paused = true)]
async fn whether_identical_values_deploy_is_a_switch() {
    let switches = Switches { identical_update_deploys: true, ..Switches::default() };
    let lab = Lab::with(Config { switches, ..Config::default() }).await;
    let arn = lab.steady(1, json!({})).await;
    assert!(updated(&lab, json!({"taskDefinition": arn})).await.1);
    assert!(!updated(&lab, json!({"desiredCount": 1})).await.1);
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_may_be_named_by_family_or_revision_and_reads_back_as_arn() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    let second = lab.register("web:2").await;
    let third = lab.register("web:3").await;
    let (service, started) = updated(&lab, json!({"taskDefinition": "web:2"})).await;
    assert_eq!((service["taskDefinition"].as_str(), started), (Some(second.as_str()), true));
    let (service, _) = updated(&lab, json!({"taskDefinition": "web"})).await;
    assert_eq!(service["taskDefinition"], third.as_str());
}

#[tokio::test(start_paused = true)]
async fn sentinels_remove_what_omission_would_keep() {
    let lab = Lab::start().await;
    let more = json!({
        "serviceConnectConfiguration": {"enabled": true, "namespace": "main"},
        "vpcLatticeConfigurations": [{"roleArn": "r", "targetGroupArn": "t", "portName": "http"}],
        "serviceRegistries": [{"registryArn": lab.registry(records(&["A"])).await}],
    });
    lab.steady(1, more).await;
    let primary = lab.primary().await;
    assert_eq!(primary["serviceConnectConfiguration"]["namespace"], "main");
    assert_eq!(primary["vpcLatticeConfigurations"][0]["portName"], "http");
    let service = lab.service().await;
    assert_eq!(service.get("serviceConnectConfiguration"), None, "it is read from the deployment");
    for members in [
        json!({"serviceConnectConfiguration": {"enabled": false}}),
        json!({"vpcLatticeConfigurations": []}),
        json!({"serviceRegistries": []}),
    ] {
        let (_, started) = updated(&lab, members.clone()).await;
        assert!(started, "{members}");
    }
    let primary = lab.primary().await;
    assert_eq!(primary.get("serviceConnectConfiguration"), None);
    assert_eq!(primary.get("vpcLatticeConfigurations"), None);
    assert_eq!(lab.service().await["serviceRegistries"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn the_breaker_loses_its_rollback_when_only_enable_is_sent_again() {
    let lab = Lab::start().await;
    let breaker = json!({"enable": true, "rollback": true, "resetOnHealthyTask": false});
    lab.steady(1, json!({"deploymentConfiguration": {"deploymentCircuitBreaker": breaker}})).await;
    let sent = json!({"deploymentCircuitBreaker": {"enable": false, "rollback": false}});
    let (service, _) = updated(&lab, json!({"deploymentConfiguration": sent})).await;
    let read = &service["deploymentConfiguration"]["deploymentCircuitBreaker"];
    assert_eq!(read["rollback"], false);
    assert_eq!(read["resetOnHealthyTask"], false, "the optional member is retained");
    let (service, _) = updated(&lab, json!({"deploymentConfiguration": {"maximumPercent": 150}})).await;
    assert_eq!(&service["deploymentConfiguration"]["deploymentCircuitBreaker"], read);
}

#[tokio::test(start_paused = true)]
async fn a_capacity_provider_strategy_has_to_be_forced_and_can_be_taken_back() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    let body = json!({"cluster": "main", "service": "web", "capacityProviderStrategy": strategy});
    let (code, message) = lab.refused("UpdateService", body).await;
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains(FORCE), "{message}");
    let (service, started) =
        updated(&lab, json!({"capacityProviderStrategy": strategy, "forceNewDeployment": true})).await;
    assert!(started);
    assert_eq!(service.get("launchType"), None);
    assert_eq!(
        service["capacityProviderStrategy"],
        json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}])
    );
    let back = json!({"capacityProviderStrategy": [], "forceNewDeployment": true});
    let (service, _) = updated(&lab, back.clone()).await;
    assert_eq!(service["launchType"], "FARGATE");
    assert_eq!(service.get("capacityProviderStrategy"), None);
    let mut body = json!({"cluster": "main", "service": "web"});
    body.as_object_mut().unwrap().extend(back.as_object().unwrap().clone());
    lab.refused("UpdateService", body).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_on_an_inactive_task_definition_scales_but_the_definition_cannot_be_named() {
    let lab = Lab::start().await;
    let arn = lab.steady(1, json!({})).await;
    lab.call("DeregisterTaskDefinition", json!({"taskDefinition": arn})).await;
    lab.update(json!({"desiredCount": 2})).await;
    lab.until_stable().await;
    assert_eq!(lab.service().await["runningCount"], 2);
    let body = json!({"cluster": "main", "service": "web", "taskDefinition": arn, "desiredCount": 3});
    let (code, message) = lab.refused("UpdateService", body).await;
    assert_eq!((code.as_str(), message.as_str()), ("ClientException", "TaskDefinition is inactive"));
    assert_eq!(lab.service().await["desiredCount"], 2, "a refused update changes nothing");
}

#[tokio::test(start_paused = true)]
async fn what_a_refused_update_names_stays_as_it_was() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    let before = lab.service().await;
    for (members, code) in [
        (json!({"desiredCount": -1}), "InvalidParameterException"),
        (json!({"desiredCount": "two"}), "SerializationException"),
        (
            json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}),
            "InvalidParameterException",
        ),
        (json!({"deploymentConfiguration": {"minimumHealthyPercent": 101}}), "InvalidParameterException"),
        (json!({"taskDefinition": "web:99"}), "ClientException"),
        (json!({"deploymentController": {"type": "CODE_DEPLOY"}}), "UnsupportedFeatureException"),
    ] {
        let mut body = json!({"cluster": "main", "service": "web"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        assert_eq!(lab.refused("UpdateService", body).await.0, code, "{members}");
    }
    lab.pass(Duration::from_secs(10)).await;
    assert_eq!(lab.service().await, before);
}

#[tokio::test(start_paused = true)]
async fn settings_of_tasks_reach_only_new_ones() {
    let lab = Lab::start().await;
    lab.steady(1, json!({"tags": [{"key": "team", "value": "a"}]})).await;
    lab.update(json!({"enableECSManagedTags": true, "propagateTags": "SERVICE"})).await;
    let tags = |task: Value| async move { task["tags"].clone() };
    let describe = |arn: Value| json!({"cluster": "main", "tasks": [arn], "include": ["TAGS"]});
    let old = lab.tasks("RUNNING").await[0]["taskArn"].clone();
    let described = lab.call("DescribeTasks", describe(old)).await;
    assert_eq!(tags(described["tasks"][0].clone()).await, json!([]));
    lab.update(json!({"forceNewDeployment": true})).await;
    lab.until_stable().await;
    let new = lab.tasks("RUNNING").await[0]["taskArn"].clone();
    let described = lab.call("DescribeTasks", describe(new)).await;
    assert_eq!(
        described["tasks"][0]["tags"],
        json!([{"key": "team", "value": "a"}, {"key": "aws:ecs:clusterName", "value": "main"},
            {"key": "aws:ecs:serviceName", "value": "web"}])
    );
}
