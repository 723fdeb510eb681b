//! What UpdateService is sent, and that it settles what differed.

use coxswain_ecs_model::{Part, canonical_service, differences, update_members};
use serde_json::{Value, json};

use crate::service::{described, live_with};

fn update(desired: &Value, last_sent: &Value, live: &Value) -> Value {
    let (desired, live) = (canonical_service(desired), canonical_service(live));
    Value::Object(update_members(&desired, Some(&canonical_service(last_sent)), &live))
}

#[test]
fn only_members_that_differ_are_sent() {
    let desired = json!({
        "platformVersion": "1.4.0", "enableExecuteCommand": false, "propagateTags": "NONE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-b", "subnet-a"]}},
    });
    assert_eq!(update(&desired, &json!({}), &described()), json!({"platformVersion": "1.4.0"}));
    assert_eq!(update(&json!({}), &json!({}), &described()), json!({}));
}

#[test]
fn a_removed_member_is_sent_as_its_sentinel() {
    let cases: &[(Value, Value)] = &[
        (json!({"platformVersion": "1.4.0"}), json!({"platformVersion": "LATEST"})),
        (json!({"healthCheckGracePeriodSeconds": 60}), json!({"healthCheckGracePeriodSeconds": 0})),
        (json!({"enableExecuteCommand": true}), json!({"enableExecuteCommand": false})),
        (json!({"enableECSManagedTags": true}), json!({"enableECSManagedTags": false})),
        (json!({"propagateTags": "SERVICE"}), json!({"propagateTags": "NONE"})),
        (json!({"loadBalancers": [{"targetGroupArn": "tg"}]}), json!({"loadBalancers": []})),
        (json!({"serviceRegistries": [{"registryArn": "r"}]}), json!({"serviceRegistries": []})),
        (json!({"placementStrategy": [{"type": "random"}]}), json!({"placementStrategy": []})),
        (
            json!({"placementConstraints": [{"type": "distinctInstance"}]}),
            json!({"placementConstraints": []}),
        ),
        (
            json!({"deploymentController": {"type": "CODE_DEPLOY"}}),
            json!({"deploymentController": {"type": "ECS"}}),
        ),
    ];
    for (sent, sentinel) in cases {
        assert_eq!(update(&json!({}), sent, &live_with(sent)), *sentinel);
    }
    let on_primary: &[(Value, Value)] = &[
        (
            json!({"serviceConnectConfiguration": {"enabled": true}}),
            json!({"serviceConnectConfiguration": {"enabled": false}}),
        ),
        (json!({"volumeConfigurations": [{"name": "v"}]}), json!({"volumeConfigurations": []})),
        (json!({"vpcLatticeConfigurations": [{"portName": "p"}]}), json!({"vpcLatticeConfigurations": []})),
    ];
    for (sent, sentinel) in on_primary {
        let mut live = described();
        live["deployments"][1].as_object_mut().unwrap().extend(sent.as_object().unwrap().clone());
        assert_eq!(update(&json!({}), sent, &live), *sentinel);
    }
}

#[test]
fn a_deployment_configuration_goes_whole_with_what_others_set() {
    let desired =
        json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}});
    let live = live_with(&json!({"deploymentConfiguration": {
        "strategy": "ROLLING", "bakeTimeInMinutes": 0, "maximumPercent": 150, "minimumHealthyPercent": 50,
        "alarms": {"alarmNames": ["a"], "enable": true, "rollback": true},
        "deploymentCircuitBreaker": {"enable": false, "rollback": false, "resetOnHealthyTask": false}}}));
    assert_eq!(
        update(&desired, &json!({}), &live),
        json!({"deploymentConfiguration": {
        "strategy": "ROLLING", "bakeTimeInMinutes": 0, "maximumPercent": 150, "minimumHealthyPercent": 50,
        "alarms": {"alarmNames": ["a"], "enable": true, "rollback": true},
        "deploymentCircuitBreaker": {"enable": true, "rollback": true, "resetOnHealthyTask": false}}})
    );
}

#[test]
fn removed_members_of_a_deployment_configuration_go_back_to_their_defaults() {
    let sent = json!({"deploymentConfiguration": {"maximumPercent": 150,
        "deploymentCircuitBreaker": {"enable": true, "rollback": true,
            "thresholdConfiguration": {"type": "COUNT", "value": 3}},
        "alarms": {"alarmNames": ["a"], "enable": true, "rollback": true}}});
    let desired = json!({"deploymentConfiguration": {"minimumHealthyPercent": 50}});
    assert_eq!(
        update(&desired, &sent, &live_with(&sent)),
        json!({"deploymentConfiguration": {
        "maximumPercent": 200, "minimumHealthyPercent": 50,
        "deploymentCircuitBreaker": {"enable": false, "rollback": false,
            "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}},
        "alarms": {"alarmNames": [], "enable": false, "rollback": false}}})
    );
}

#[test]
fn the_settings_of_another_strategy_are_not_sent() {
    let live = live_with(&json!({"deploymentConfiguration": {
        "strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}}}));
    let desired = json!({"deploymentConfiguration": {"strategy": "ROLLING"}});
    assert_eq!(
        update(&desired, &json!({}), &live),
        json!({"deploymentConfiguration": {"strategy": "ROLLING"}})
    );
}

#[test]
fn a_change_of_capacity_providers_forces_a_deployment() {
    let strategy = json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]});
    let mut forced = strategy.clone();
    forced["forceNewDeployment"] = json!(true);
    assert_eq!(update(&strategy, &json!({}), &described()), forced);

    let mut live = live_with(&strategy);
    live.as_object_mut().unwrap().remove("launchType");
    let back = json!({"capacityProviderStrategy": [], "forceNewDeployment": true});
    assert_eq!(update(&json!({"launchType": "FARGATE"}), &strategy, &live), back);
    assert_eq!(update(&json!({"launchType": "FARGATE"}), &json!({}), &live), back);
    assert_eq!(update(&json!({}), &strategy, &live), back);
}

#[test]
fn what_cannot_change_is_not_sent() {
    let desired = json!({"schedulingStrategy": "DAEMON", "launchType": "EC2", "propagateTags": "SERVICE"});
    assert_eq!(update(&desired, &json!({}), &described()), json!({"propagateTags": "SERVICE"}));
}

/// UpdateService as far as it matters here: members are replaced, a deployment configuration's merged.
fn updated(live: &Value, members: &Value) -> Value {
    let mut live = live.clone();
    for (name, value) in members.as_object().unwrap() {
        match name.as_str() {
            "serviceConnectConfiguration" | "volumeConfigurations" | "vpcLatticeConfigurations" => {
                live["deployments"][1][name] = value.clone();
            }
            "deploymentConfiguration" => {
                live[name].as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
            }

            "forceNewDeployment" => {}
            _ => live[name] = value.clone(),
        }
    }
    live
}

#[test]
fn after_an_update_nothing_differs() {
    let all = json!({
        "platformVersion": "1.4.0", "healthCheckGracePeriodSeconds": 60, "enableExecuteCommand": true,
        "propagateTags": "TASK_DEFINITION", "availabilityZoneRebalancing": "DISABLED",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-c"], "securityGroups": ["sg-1"]}},
        "loadBalancers": [{"targetGroupArn": "tg", "containerName": "api", "containerPort": 80}],
        "serviceConnectConfiguration": {"enabled": true, "namespace": "prod"},
        "deploymentConfiguration": {"maximumPercent": 150, "deploymentCircuitBreaker": {"enable": true, "rollback": true}},
    });
    let names: Vec<String> = all.as_object().unwrap().keys().cloned().collect();
    // Every subset of the members, before and after.
    for (from, to) in (0..1_usize << names.len()).map(|bits| (bits, (bits * 7 + 3) % (1 << names.len()))) {
        let subset = |bits: usize| -> Value {
            let chosen = names.iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0);
            Value::Object(chosen.map(|(_, name)| (name.clone(), all[name].clone())).collect())
        };
        let (sent, desired) = (subset(from), subset(to));
        let live = updated(&described(), &update(&sent, &json!({}), &described()));
        let after = canonical_service(&updated(&live, &update(&desired, &sent, &live)));
        let [desired, sent] = [desired, sent].map(|form| canonical_service(&form));
        assert_eq!(differences(Part::Service, &desired, Some(&sent), &after), [], "{sent:?} to {desired:?}");
    }
}
