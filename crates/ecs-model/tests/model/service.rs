//! The three-way comparison of a service.

use coxswain_ecs_model::{Effect, Owner, Part, canonical_service, differences, service_effect};
use serde_json::{Value, json};

/// What DescribeServices answers for a Fargate service of which only the subnets were given.
pub(crate) fn described() -> Value {
    json!({
        "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/prod/api", "serviceName": "api",
        "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/prod", "status": "ACTIVE",
        "desiredCount": 2, "runningCount": 2, "pendingCount": 0, "launchType": "FARGATE",
        "platformVersion": "LATEST", "platformFamily": "Linux", "healthCheckGracePeriodSeconds": 0,
        "enableECSManagedTags": false, "enableExecuteCommand": false, "propagateTags": "NONE",
        "placementConstraints": [], "placementStrategy": [], "loadBalancers": [], "serviceRegistries": [],
        "deploymentController": {"type": "ECS"}, "availabilityZoneRebalancing": "ENABLED",
        "schedulingStrategy": "REPLICA", "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:4",
        "roleArn": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-b", "subnet-a"], "securityGroups": [], "assignPublicIp": "DISABLED"}},
        "deploymentConfiguration": {
            "strategy": "ROLLING", "bakeTimeInMinutes": 0, "maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": false, "rollback": false, "resetOnHealthyTask": true,
                "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}}},
        "events": [{"message": "(service api) has reached a steady state."}], "createdAt": 1_764_000_000.5,
        "deployments": [
            {"id": "ecs-svc/2", "status": "ACTIVE", "serviceConnectConfiguration": {"enabled": true, "namespace": "old"}},
            {"id": "ecs-svc/1", "status": "PRIMARY", "platformVersion": "1.4.0", "rolloutState": "COMPLETED"},
        ],
    })
}

/// The described service with some members other than they were.
pub(crate) fn live_with(members: &Value) -> Value {
    let mut live = described();
    live.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    live
}

fn lines(desired: &Value, last_sent: Option<&Value>, live: &Value) -> Vec<String> {
    let (desired, live) = (canonical_service(desired), canonical_service(live));
    let last_sent = last_sent.map(canonical_service);
    let found = differences(Part::Service, &desired, last_sent.as_ref(), &live);
    found.iter().map(ToString::to_string).collect()
}

fn on_subnets() -> Value {
    json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"]}}})
}

#[test]
fn a_service_made_from_subnets_alone_has_no_difference() {
    let written = json!({
        "cluster": "prod", "serviceName": "api", "launchType": "FARGATE", "desiredCount": 9, "taskDefinition": "api",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"]}},
    });
    assert_eq!(lines(&written, None, &described()), [""; 0]);
}

#[test]
fn a_written_default_equals_what_ecs_fills_in_or_leaves_out() {
    let written = json!({
        "platformVersion": "LATEST", "healthCheckGracePeriodSeconds": 0, "enableECSManagedTags": false,
        "enableExecuteCommand": false, "propagateTags": "NONE", "placementConstraints": [], "placementStrategy": [],
        "deploymentController": {"type": "ECS"}, "schedulingStrategy": "REPLICA", "loadBalancers": [],
        "availabilityZoneRebalancing": "ENABLED", "serviceConnectConfiguration": {"enabled": false},
        "volumeConfigurations": [], "capacityProviderStrategy": [],
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": false, "rollback": false},
            "alarms": {"alarmNames": [], "enable": false, "rollback": false}, "maximumPercent": 200},
    });
    assert_eq!(lines(&written, None, &described()), [""; 0]);
    assert_eq!(lines(&written, None, &json!({})), [""; 0]);
}

#[test]
fn what_the_manifest_names_is_compared() {
    let cases: &[(Value, &str)] = &[
        (json!({"platformVersion": "1.4.0"}), "platformVersion: LATEST -> 1.4.0 (new deployment)"),
        (json!({"enableExecuteCommand": true}), "enableExecuteCommand: false -> true (in place)"),
        (
            json!({"schedulingStrategy": "DAEMON"}),
            "schedulingStrategy: REPLICA -> DAEMON (cannot change: recreate)",
        ),
        (json!({"launchType": "EC2"}), "launchType: FARGATE -> EC2 (cannot change: recreate)"),
        (
            json!({"deploymentConfiguration": {"maximumPercent": 150}}),
            "deploymentConfiguration.maximumPercent: 200 -> 150 (in place)",
        ),
        (
            json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true}}}),
            "deploymentConfiguration.deploymentCircuitBreaker.enable: false -> true (in place)",
        ),
        (
            json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}}),
            r#"networkConfiguration.awsvpcConfiguration.subnets: ["subnet-a","subnet-b"] -> ["subnet-a"] (new deployment)"#,
        ),
        (
            json!({"serviceConnectConfiguration": {"enabled": true, "namespace": "prod"}}),
            r#"serviceConnectConfiguration: (absent) -> {"enabled":true,"namespace":"prod"} (new deployment)"#,
        ),
        (
            json!({"loadBalancers": [{"targetGroupArn": "tg", "containerName": "api", "containerPort": 80}]}),
            r#"loadBalancers: [] -> [{"containerName":"api","containerPort":80,"targetGroupArn":"tg"}] (new deployment)"#,
        ),
    ];
    for (written, line) in cases {
        assert_eq!(lines(written, None, &described()), [*line]);
    }
}

#[test]
fn what_was_never_ours_is_no_difference() {
    let others = live_with(&json!({
        "propagateTags": "SERVICE", "enableExecuteCommand": true, "healthCheckGracePeriodSeconds": 60,
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}],
        "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50},
    }));
    assert_eq!(lines(&json!({}), None, &others), [""; 0]);
    assert_eq!(lines(&json!({}), Some(&json!({"platformVersion": "LATEST"})), &others), [""; 0]);
    let breaker = json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": false, "rollback": false}}});
    assert_eq!(lines(&breaker, None, &others), [""; 0]);
}

#[test]
fn a_structure_that_is_replaced_whole_is_owned_whole() {
    let live = live_with(&json!({"networkConfiguration": {"awsvpcConfiguration": {
        "subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-by-hand"], "assignPublicIp": "ENABLED"}}}));
    assert_eq!(
        lines(&on_subnets(), None, &live),
        [
            "networkConfiguration.awsvpcConfiguration.assignPublicIp: ENABLED -> DISABLED (new deployment)",
            r#"networkConfiguration.awsvpcConfiguration.securityGroups: ["sg-by-hand"] -> [] (new deployment)"#,
        ]
    );
}

#[test]
fn a_member_that_we_had_sent_and_no_longer_name_is_reset() {
    let cases: &[(Value, &str)] = &[
        (
            json!({"platformVersion": "1.4.0"}),
            "platformVersion: 1.4.0 -> LATEST (removed, reset; new deployment)",
        ),
        (
            json!({"healthCheckGracePeriodSeconds": 60}),
            "healthCheckGracePeriodSeconds: 60 -> 0 (removed, reset; in place)",
        ),
        (
            json!({"enableExecuteCommand": true}),
            "enableExecuteCommand: true -> false (removed, reset; in place)",
        ),
        (json!({"propagateTags": "SERVICE"}), "propagateTags: SERVICE -> NONE (removed, reset; in place)"),
        (
            json!({"serviceRegistries": [{"registryArn": "r"}]}),
            r#"serviceRegistries: [{"registryArn":"r"}] -> [] (removed, reset; new deployment)"#,
        ),
        (
            json!({"placementConstraints": [{"type": "distinctInstance"}]}),
            r#"placementConstraints: [{"type":"distinctInstance"}] -> [] (removed, reset; in place)"#,
        ),
        (
            json!({"availabilityZoneRebalancing": "DISABLED"}),
            "availabilityZoneRebalancing: DISABLED -> ENABLED (removed, reset; in place)",
        ),
        (
            json!({"deploymentConfiguration": {"maximumPercent": 150}}),
            "deploymentConfiguration.maximumPercent: 150 -> 200 (removed, reset; in place)",
        ),
    ];
    for (sent, line) in cases {
        assert_eq!(lines(&json!({}), Some(sent), &live_with(sent)), [*line]);
        assert_eq!(lines(&json!({}), Some(sent), &described()), [""; 0], "already reset");
        assert_eq!(lines(&json!({}), None, &live_with(sent)), [""; 0], "never ours");
    }
}

#[test]
fn a_removed_circuit_breaker_is_switched_off_and_what_others_tuned_stays() {
    let sent =
        json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}});
    let live =
        live_with(&json!({"deploymentConfiguration": {"maximumPercent": 150, "deploymentCircuitBreaker": {
        "enable": true, "rollback": true, "resetOnHealthyTask": false}}}));
    assert_eq!(
        lines(&json!({}), Some(&sent), &live),
        [
            "deploymentConfiguration.deploymentCircuitBreaker.enable: true -> false (removed, reset; in place)",
            "deploymentConfiguration.deploymentCircuitBreaker.rollback: true -> false (removed, reset; in place)",
        ]
    );
}

#[test]
fn what_ecs_cannot_take_back_is_let_go() {
    let desired = json!({});
    for sent in
        [on_subnets(), json!({"launchType": "FARGATE"}), json!({"monitoring": {"metricConfigurations": []}})]
    {
        assert_eq!(lines(&desired, Some(&sent), &described()), [""; 0]);
    }
}

#[test]
fn service_connect_is_read_from_the_primary_deployment() {
    let connect = json!({"enabled": true, "namespace": "prod", "services": [
        {"portName": "http", "clientAliases": [{"port": 80}]}]});
    let mut live = described();
    live["deployments"][1]["serviceConnectConfiguration"] = json!({"enabled": true, "namespace": "prod", "services": [
        {"portName": "http", "discoveryName": "http", "clientAliases": [{"port": 80}]}]});
    let desired = json!({"serviceConnectConfiguration": connect});
    assert_eq!(lines(&desired, None, &live), [""; 0]);
    assert_eq!(
        lines(&json!({}), Some(&desired), &live),
        [
            r#"serviceConnectConfiguration: {"enabled":true,"namespace":"prod","services":[{"clientAliases":[{"port":80}],"portName":"http"}]} -> {"enabled":false} (removed, reset; new deployment)"#,
        ]
    );
    live["deployments"][1].as_object_mut().unwrap().remove("serviceConnectConfiguration");
    assert_eq!(lines(&desired, Some(&desired), &live).len(), 1, "switched off by hand is seen");
}

#[test]
fn what_only_a_revision_shows_is_taken_to_be_what_we_sent() {
    let desired =
        json!({"monitoring": {"metricConfigurations": [{"metricNames": ["a"], "resolutionSeconds": 60}]}});
    assert_eq!(lines(&desired, None, &described()).len(), 1, "never sent");
    assert_eq!(lines(&desired, Some(&desired), &described()), [""; 0]);
}

#[test]
fn capacity_providers_keep_their_order_and_their_defaults_fold() {
    let strategy = |items: Value| json!({"capacityProviderStrategy": items});
    let written =
        strategy(json!([{"capacityProvider": "FARGATE_SPOT", "weight": 2}, {"capacityProvider": "FARGATE"}]));
    let filled = strategy(json!([{"capacityProvider": "FARGATE_SPOT", "weight": 2, "base": 0},
        {"capacityProvider": "FARGATE", "weight": 0, "base": 0}]));
    let turned =
        strategy(json!([{"capacityProvider": "FARGATE"}, {"capacityProvider": "FARGATE_SPOT", "weight": 2}]));
    assert_eq!(lines(&written, None, &filled), [""; 0]);
    assert_eq!(lines(&written, None, &turned).len(), 1);
}

#[test]
fn launch_type_and_capacity_providers_are_one_choice() {
    let strategy = json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]});
    let launch = json!({"launchType": "FARGATE"});
    let mut on_strategy = live_with(&strategy);
    on_strategy.as_object_mut().unwrap().remove("launchType");
    let back =
        r#"capacityProviderStrategy: [{"capacityProvider":"FARGATE","weight":1}] -> [] (new deployment)"#;
    assert_eq!(lines(&launch, None, &on_strategy), [back], "moved by somebody else");
    assert_eq!(lines(&launch, Some(&strategy), &on_strategy), [back], "moved by the manifest");
    let there =
        r#"capacityProviderStrategy: [] -> [{"capacityProvider":"FARGATE","weight":1}] (new deployment)"#;
    assert_eq!(lines(&strategy, Some(&launch), &described()), [there]);
}

#[test]
fn a_daemon_has_defaults_of_its_own() {
    let live = json!({"schedulingStrategy": "DAEMON", "availabilityZoneRebalancing": "DISABLED",
        "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}});
    let sent = json!({"deploymentConfiguration": {"maximumPercent": 110, "minimumHealthyPercent": 10},
        "availabilityZoneRebalancing": "ENABLED"});
    assert_eq!(lines(&json!({}), Some(&sent), &live), [""; 0]);
}

#[test]
fn placement_fields_are_compared_in_ecs_spelling() {
    let field = |name: &str| json!({"placementStrategy": [{"type": "spread", "field": name}]});
    assert_eq!(lines(&field("host"), None, &field("instanceId")), [""; 0]);
    assert_eq!(lines(&field("cpu"), None, &field("CPU")), [""; 0]);
    assert_eq!(lines(&field("cpu"), None, &field("MEMORY")).len(), 1);
}

#[test]
fn an_explicit_default_is_the_manifests_word_and_no_removal() {
    let sent = json!({"enableExecuteCommand": true, "networkConfiguration": {"awsvpcConfiguration": {
        "subnets": ["subnet-a"], "assignPublicIp": "ENABLED"}}});
    let desired = json!({"enableExecuteCommand": false, "networkConfiguration": {"awsvpcConfiguration": {
        "subnets": ["subnet-a"], "assignPublicIp": "DISABLED"}}});
    let found = differences(
        Part::Service,
        &canonical_service(&desired),
        Some(&canonical_service(&sent)),
        &canonical_service(&live_with(&sent)),
    );
    let owners: Vec<_> =
        found.iter().map(|difference| (difference.path.as_str(), difference.owner)).collect();
    assert_eq!(
        owners,
        [
            ("enableExecuteCommand", Owner::Manifest),
            ("networkConfiguration.awsvpcConfiguration.assignPublicIp", Owner::Manifest),
        ]
    );
}

#[test]
fn every_member_has_its_effect() {
    let cases = [
        ("networkConfiguration", Effect::NewDeployment),
        ("capacityProviderStrategy", Effect::NewDeployment),
        ("forceNewDeployment", Effect::NewDeployment),
        ("deploymentConfiguration", Effect::InPlace),
        ("propagateTags", Effect::InPlace),
        ("schedulingStrategy", Effect::Recreate),
        ("role", Effect::Recreate),
        ("fromTheFuture", Effect::NewDeployment),
    ];
    for (member, effect) in cases {
        assert_eq!(service_effect(member), effect, "{member}");
    }
}

#[test]
fn defaults_deep_in_a_service_equal_their_absence() {
    let configuration = |members: Value| json!({"deploymentConfiguration": members});
    let hook = |members: Value| {
        let mut hook = json!({"hookTargetArn": "a", "lifecycleStages": ["SCALE_UP"]});
        hook.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        configuration(json!({"lifecycleHooks": [hook]}))
    };
    let volume = |specification: Value| {
        let mut specification = specification;
        specification["resourceType"] = json!("volume");
        json!({"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"roleArn": "r", "tagSpecifications": [specification]}}]})
    };
    let cases = [
        (
            "strategy",
            configuration(json!({"strategy": "ROLLING", "bakeTimeInMinutes": 0})),
            configuration(json!({})),
        ),
        (
            "linear",
            configuration(json!({"linearConfiguration": {"stepPercent": 10.0, "stepBakeTimeInMinutes": 6}})),
            configuration(json!({"linearConfiguration": {}})),
        ),
        (
            "canary",
            configuration(
                json!({"canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}}),
            ),
            configuration(json!({"canaryConfiguration": {}})),
        ),
        ("hook's target", hook(json!({"targetType": "AWS_LAMBDA"})), hook(json!({}))),
        (
            "hook's timeout",
            hook(json!({"timeoutConfiguration": {"timeoutInMinutes": 1440, "action": "ROLLBACK"}})),
            hook(json!({})),
        ),
        (
            "threshold",
            configuration(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true,
            "resetOnHealthyTask": true, "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}}})),
            configuration(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}})),
        ),
        ("volume's tags", volume(json!({"propagateTags": "NONE"})), volume(json!({}))),
        (
            "a half-stated threshold",
            configuration(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true,
            "thresholdConfiguration": {"type": "BOUNDED_PERCENT"}}})),
            configuration(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true,
            "thresholdConfiguration": {"value": 50}}})),
        ),
    ];
    for (case, one, other) in cases {
        assert_eq!(lines(&one, None, &other), [""; 0], "{case}");
        assert_eq!(lines(&other, None, &one), [""; 0], "{case}, the other way");
    }
}

#[test]
fn every_set_of_a_service_may_be_turned() {
    let two = |left: Value, right: Value| (json!([left, right]), json!([right, left]));
    let texts = || two(json!("a"), json!("b"));
    let named = |key: &str| two(json!({key: "a"}), json!({key: "b"}));
    let wrap = |pointer: &[&str], (one, other): (Value, Value)| {
        let around = |value: Value| {
            pointer.iter().rev().fold(value, |inner, name| match *name {
                "[]" => json!([inner]),
                name => json!({name: inner}),
            })
        };
        (around(one), around(other))
    };
    let cases = [
        wrap(&["networkConfiguration", "awsvpcConfiguration", "subnets"], texts()),
        wrap(&["networkConfiguration", "awsvpcConfiguration", "securityGroups"], texts()),
        wrap(&["deploymentConfiguration", "alarms", "alarmNames"], texts()),
        wrap(&["deploymentConfiguration", "lifecycleHooks"], named("hookTargetArn")),
        wrap(&["deploymentConfiguration", "lifecycleHooks", "[]", "lifecycleStages"], texts()),
        wrap(&["loadBalancers"], named("targetGroupArn")),
        wrap(&["loadBalancers"], named("loadBalancerName")),
        wrap(&["serviceRegistries"], named("registryArn")),
        wrap(&["placementConstraints"], named("expression")),
        wrap(&["volumeConfigurations"], named("name")),
        wrap(&["volumeConfigurations", "[]", "managedEBSVolume", "tagSpecifications"], named("resourceType")),
        wrap(
            &["volumeConfigurations", "[]", "managedEBSVolume", "tagSpecifications", "[]", "tags"],
            named("key"),
        ),
        wrap(&["vpcLatticeConfigurations"], named("targetGroupArn")),
        wrap(&["serviceConnectConfiguration", "services"], named("portName")),
        wrap(&["serviceConnectConfiguration", "services", "[]", "clientAliases"], named("dnsName")),
        wrap(&["monitoring", "metricConfigurations", "[]", "metricNames"], texts()),
        wrap(&["gatewayConnectors"], named("portName")),
        wrap(&["gatewayConnectors", "[]", "filters", "accessTypes"], texts()),
    ];
    for (one, other) in cases {
        assert_ne!(one, other);
        assert_eq!(canonical_service(&one), canonical_service(&other), "{one}");
        let live = json!({"deployments": [{"status": "PRIMARY"}]});
        assert_ne!(lines(&one, None, &live), [""; 0], "{one}");
    }
}

#[test]
fn an_item_of_a_service_is_named_by_its_key() {
    let balancers = |port: u16| {
        json!({"loadBalancers": [
        {"targetGroupArn": "tg-a", "containerName": "api", "containerPort": port},
        {"targetGroupArn": "tg-b", "containerName": "api", "containerPort": 9090}]})
    };
    assert_eq!(
        lines(&balancers(8080), None, &balancers(80)),
        ["loadBalancers[tg-a].containerPort: 80 -> 8080 (new deployment)",]
    );
    let mut more = balancers(80);
    more["loadBalancers"].as_array_mut().unwrap().remove(1);
    assert_eq!(
        lines(&more, Some(&balancers(80)), &balancers(80)),
        [
            r#"loadBalancers[tg-b]: {"containerName":"api","containerPort":9090,"targetGroupArn":"tg-b"} -> (absent) (removed, reset; new deployment)"#,
        ]
    );
}

#[test]
fn a_required_member_left_out_of_a_merged_structure_is_wanted_at_its_default() {
    let breaker = |members: Value| json!({"deploymentConfiguration": {"deploymentCircuitBreaker": members}});
    let (desired, live) =
        (breaker(json!({"enable": true})), breaker(json!({"enable": true, "rollback": true})));
    assert_eq!(
        lines(&desired, None, &live),
        ["deploymentConfiguration.deploymentCircuitBreaker.rollback: true -> false (in place)",]
    );
}

#[test]
fn a_removed_member_does_not_colour_the_next() {
    let sent = json!({"enableExecuteCommand": true, "deploymentConfiguration": {"bakeTimeInMinutes": 5}});
    let desired = json!({"deploymentConfiguration": {"maximumPercent": 150}, "propagateTags": "SERVICE"});
    assert_eq!(
        lines(&desired, Some(&sent), &live_with(&sent)),
        [
            "deploymentConfiguration.bakeTimeInMinutes: 5 -> 0 (removed, reset; in place)",
            "deploymentConfiguration.maximumPercent: 200 -> 150 (in place)",
            "enableExecuteCommand: true -> false (removed, reset; in place)",
            "propagateTags: NONE -> SERVICE (in place)",
        ]
    );
}

#[test]
fn the_live_scheduling_strategy_says_which_defaults_hold_and_else_the_written_one() {
    let percent = |value: u16, scheduling: &str| json!({"schedulingStrategy": scheduling, "deploymentConfiguration": {"maximumPercent": value}});
    assert_eq!(lines(&percent(100, "DAEMON"), None, &json!({"schedulingStrategy": "DAEMON"})), [""; 0]);
    assert_eq!(
        lines(&percent(100, "REPLICA"), None, &json!({"schedulingStrategy": "DAEMON"})),
        ["schedulingStrategy: DAEMON -> REPLICA (cannot change: recreate)",]
    );
    let asked = lines(&percent(100, "DAEMON"), None, &json!({}));
    assert_eq!(asked, ["schedulingStrategy: REPLICA -> DAEMON (cannot change: recreate)"]);
}
