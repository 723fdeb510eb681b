//! The rules of a task definition, one row each.

use coxswain_ecs_model::{Effect, Owner, Part, canonical_task_definition, differences};
use serde_json::{Value, json};

fn lines(desired: &Value, live: &Value) -> Vec<String> {
    let (desired, live) = (canonical_task_definition(desired), canonical_task_definition(live));
    differences(Part::TaskDefinition, &desired, None, &live).iter().map(ToString::to_string).collect()
}

/// A Fargate definition with one container that has `members` too.
fn fargate(members: &Value) -> Value {
    definition(json!({"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"}), members)
}

fn bridge(members: &Value) -> Value {
    definition(json!({"networkMode": "bridge"}), members)
}

fn definition(mut root: Value, members: &Value) -> Value {
    let mut container = json!({"name": "api", "image": "api:1"});
    container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    root["containerDefinitions"] = json!([container]);
    root
}

#[test]
fn what_ecs_answers_to_a_minimal_registration_is_no_difference() {
    let registered = json!({
        "family": "api", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "api", "image": "api:1"}],
    });
    let described = json!({
        "family": "api", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{
            "name": "api", "image": "api:1", "cpu": 0, "essential": true, "portMappings": [], "environment": [],
            "mountPoints": [], "volumesFrom": [], "systemControls": [],
        }],
        "volumes": [], "placementConstraints": [], "enableFaultInjection": false,
        "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
        "compatibilities": ["EC2", "MANAGED_INSTANCES", "FARGATE"], "revision": 4, "status": "ACTIVE",
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:4",
        "registeredAt": 1_764_000_000.25, "registeredBy": "arn:aws:iam::123456789012:role/deploy",
    });
    assert_eq!(lines(&registered, &described), [""; 0]);
    assert_eq!(canonical_task_definition(&registered), canonical_task_definition(&described));
}

#[test]
fn a_default_equals_its_absence() {
    let cases: &[(&str, Value, Value)] = &[
        (
            "hostPort on the task's network",
            json!({"portMappings": [{"containerPort": 80}]}),
            json!({"portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]}),
        ),
        (
            "hostPort 0 on the task's network",
            json!({"portMappings": [{"containerPort": 80, "hostPort": 0}]}),
            json!({"portMappings": [{"containerPort": 80, "hostPort": 80}]}),
        ),
        (
            "a port range has no host port",
            json!({"portMappings": [{"containerPortRange": "8000-8010"}]}),
            json!({"portMappings": [{"containerPortRange": "8000-8010", "protocol": "tcp"}]}),
        ),
        (
            "health check",
            json!({"healthCheck": {"command": ["CMD", "true"]}}),
            json!({"healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0}}),
        ),
        (
            "linux parameters",
            json!({}),
            json!({"linuxParameters": {"capabilities": {"add": [], "drop": []}, "devices": [], "tmpfs": [], "initProcessEnabled": false}}),
        ),
        (
            "secret options",
            json!({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}}),
            json!({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}, "secretOptions": []}}),
        ),
        ("version consistency", json!({}), json!({"versionConsistency": "enabled"})),
        (
            "a disabled restart policy",
            json!({}),
            json!({"restartPolicy": {"enabled": false, "ignoredExitCodes": [], "restartAttemptPeriod": 300}}),
        ),
        (
            "restart period",
            json!({"restartPolicy": {"enabled": true}}),
            json!({"restartPolicy": {"enabled": true, "restartAttemptPeriod": 300, "ignoredExitCodes": []}}),
        ),
        (
            "read-only mounts",
            json!({"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}),
            json!({"mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": false}]}),
        ),
        (
            "flags",
            json!({}),
            json!({"readonlyRootFilesystem": false, "privileged": false, "interactive": false,
         "pseudoTerminal": false, "disableNetworking": false, "essential": true, "cpu": 0}),
        ),
        ("null", json!({}), json!({"command": null, "stopTimeout": null, "healthCheck": null})),
        (
            "empty items",
            json!({"environment": [{"name": "A", "value": "1"}]}),
            json!({"environment": [{}, null, {"name": "A", "value": "1"}]}),
        ),
        (
            "scalars that people write",
            json!({"cpu": "128", "essential": "false"}),
            json!({"cpu": 128, "essential": false}),
        ),
    ];
    for (case, left, right) in cases {
        assert_eq!(lines(&fargate(left), &fargate(right)), [""; 0], "{case}");
    }
}

#[test]
fn a_default_of_the_task_equals_its_absence() {
    let fargate = json!({"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"});
    let cases: &[(&str, Value, Value)] = &[
        (
            "sizes in units",
            json!({"cpu": "0.25 vCPU", "memory": "0.5 GB"}),
            json!({"cpu": "256", "memory": "512"}),
        ),
        ("sizes as numbers", json!({"cpu": 256, "memory": 512}), json!({"cpu": "256", "memory": "512"})),
        (
            "Fargate's platform",
            fargate.clone(),
            json!({"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
                "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}}),
        ),
        ("network of an instance", json!({}), json!({"networkMode": "bridge"})),
        (
            "an empty host",
            json!({"volumes": [{"name": "v"}]}),
            json!({"volumes": [{"name": "v", "host": {}, "configuredAtLaunch": false}]}),
        ),
        (
            "file system",
            json!({"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]}),
            json!({"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/",
            "transitEncryption": "DISABLED", "authorizationConfig": {"iam": "DISABLED"}}}]}),
        ),
        (
            "an execution role's name",
            json!({"executionRoleArn": "arn:aws:iam::123456789012:role/execution"}),
            json!({"executionRoleArn": "execution"}),
        ),
        (
            "the one kind of proxy",
            json!({"proxyConfiguration": {"containerName": "envoy"}}),
            json!({"proxyConfiguration": {"containerName": "envoy", "type": "APPMESH", "properties": []}}),
        ),
        (
            "flags of volumes",
            json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {"driver": "d"}}]}),
            json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {
                "driver": "d", "scope": "task", "autoprovision": false, "driverOpts": {}, "labels": {}}}]}),
        ),
        (
            "a role's name",
            json!({"taskRoleArn": "task"}),
            json!({"taskRoleArn": "arn:aws:iam::123456789012:role/service/task"}),
        ),
    ];
    for (case, left, right) in cases {
        assert_eq!(lines(left, right), [""; 0], "{case}");
        assert_eq!(lines(right, left), [""; 0], "{case}, the other way");
    }
}

#[test]
fn what_is_no_default_differs() {
    let cases: &[(&str, Value, Value, &str)] = &[
        (
            "host port of an instance",
            bridge(&json!({"portMappings": [{"containerPort": 80, "hostPort": 80}]})),
            bridge(&json!({"portMappings": [{"containerPort": 80, "hostPort": 0}]})),
            "containerDefinitions[api].portMappings[80].hostPort: 0 -> 80 (new revision)",
        ),
        (
            "essential",
            fargate(&json!({})),
            fargate(&json!({"essential": false})),
            "containerDefinitions[api].essential: false -> true (new revision)",
        ),
        (
            "protocol",
            fargate(&json!({"portMappings": [{"containerPort": 53, "protocol": "udp"}]})),
            fargate(&json!({"portMappings": [{"containerPort": 53, "protocol": "udp", "name": "dns"}]})),
            "containerDefinitions[api].portMappings[53/udp].name: dns -> (absent) (new revision)",
        ),
        (
            "order of a command",
            fargate(&json!({"command": ["a", "b"]})),
            fargate(&json!({"command": ["b", "a"]})),
            r#"containerDefinitions[api].command: ["b","a"] -> ["a","b"] (new revision)"#,
        ),
        (
            "platform",
            json!({"requiresCompatibilities": ["FARGATE"], "runtimePlatform": {"cpuArchitecture": "ARM64"}}),
            json!({"requiresCompatibilities": ["FARGATE"]}),
            r#"runtimePlatform: (absent) -> {"cpuArchitecture":"ARM64"} (new revision)"#,
        ),
        (
            "two roles",
            json!({"taskRoleArn": "arn:aws:iam::123456789012:role/a"}),
            json!({"taskRoleArn": "arn:aws:iam::210987654321:role/a"}),
            "taskRoleArn: arn:aws:iam::210987654321:role/a -> arn:aws:iam::123456789012:role/a (new revision)",
        ),
        (
            "a Docker volume of no members",
            json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]}),
            json!({"volumes": [{"name": "v"}]}),
            "volumes[v].dockerVolumeConfiguration: (absent) -> {} (new revision)",
        ),
        (
            "an option's letters",
            fargate(
                &json!({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "G"}}}),
            ),
            fargate(
                &json!({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}}),
            ),
            r#"containerDefinitions[api].logConfiguration.options: {"awslogs-group":"g"} -> {"awslogs-group":"G"} (new revision)"#,
        ),
        (
            "a container that is gone",
            json!({}),
            fargate(&json!({})),
            r#"containerDefinitions: [{"image":"api:1","name":"api"}] -> [] (new revision)"#,
        ),
    ];
    for (case, desired, live, line) in cases {
        let found = lines(desired, live);
        assert!(found.contains(&(*line).to_owned()), "{case}: {found:#?}");
    }
}

#[test]
fn sets_have_no_order() {
    let left = fargate(&json!({
        "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
        "secrets": [{"name": "Y", "valueFrom": "/y"}, {"name": "X", "valueFrom": "/x"}],
        "portMappings": [{"containerPort": 443}, {"containerPort": 80}],
        "ulimits": [{"name": "nproc", "softLimit": 1, "hardLimit": 2}, {"name": "nofile", "softLimit": 1, "hardLimit": 2}],
        "dependsOn": [{"containerName": "b", "condition": "START"}, {"containerName": "a", "condition": "START"}],
        "links": ["b", "a"],
    }));
    let mut right = left.clone();
    for list in right["containerDefinitions"][0].as_object_mut().unwrap().values_mut() {
        if let Value::Array(items) = list {
            items.reverse();
        }
    }
    assert_ne!(left, right);
    assert_eq!(canonical_task_definition(&left), canonical_task_definition(&right));
}

#[test]
fn every_set_may_be_turned() {
    let two = |left: Value, right: Value| (json!([left, right]), json!([right, left]));
    let texts = || two(json!("a"), json!("b"));
    let of_container = |member: &str, (one, other): (Value, Value)| {
        (fargate(&json!({member: one})), fargate(&json!({member: other})))
    };
    let linux = |member: &str, (one, other): (Value, Value)| {
        (
            fargate(&json!({"linuxParameters": {member: one}})),
            fargate(&json!({"linuxParameters": {member: other}})),
        )
    };
    let of_task = |member: &str, (one, other): (Value, Value)| (json!({member: one}), json!({member: other}));
    let named = |key: &str| two(json!({key: "a"}), json!({key: "b"}));
    let ((add, dda), (drop, pord)) = (texts(), texts());
    let (permissions, turned) = two(json!("read"), json!("write"));
    let (codes, sedoc) = two(json!(1), json!(2));
    let cases = [
        linux("capabilities", (json!({"add": add, "drop": drop}), json!({"add": dda, "drop": pord}))),
        linux(
            "devices",
            (
                json!([{"hostPath": "d", "permissions": permissions}]),
                json!([{"hostPath": "d", "permissions": turned}]),
            ),
        ),
        linux("devices", named("hostPath")),
        linux("tmpfs", named("containerPath")),
        of_container(
            "restartPolicy",
            (
                json!({"enabled": true, "ignoredExitCodes": codes}),
                json!({"enabled": true, "ignoredExitCodes": sedoc}),
            ),
        ),
        of_container("dockerSecurityOptions", texts()),
        of_container("resourceRequirements", named("type")),
        of_container("systemControls", named("namespace")),
        of_container("extraHosts", named("hostname")),
        of_container("mountPoints", named("containerPath")),
        of_container("volumesFrom", named("sourceContainer")),
        of_container("logConfiguration", {
            let (one, other) = named("name");
            (
                json!({"logDriver": "x", "secretOptions": one}),
                json!({"logDriver": "x", "secretOptions": other}),
            )
        }),
        of_task("volumes", named("name")),
        of_task("placementConstraints", named("expression")),
        of_task("inferenceAccelerators", named("deviceName")),
        of_task("requiresCompatibilities", texts()),
        of_task("proxyConfiguration", {
            let (one, other) = named("name");
            (
                json!({"containerName": "x", "properties": one}),
                json!({"containerName": "x", "properties": other}),
            )
        }),
    ];
    for (one, other) in cases {
        assert_ne!(one, other);
        assert_eq!(canonical_task_definition(&one), canonical_task_definition(&other), "{one}");
    }
}

#[test]
fn lists_that_have_an_order_keep_it() {
    for member in ["command", "entryPoint", "dnsServers", "dnsSearchDomains", "credentialSpecs"] {
        let found = lines(&fargate(&json!({member: ["a", "b"]})), &fargate(&json!({member: ["b", "a"]})));
        assert_eq!(found.len(), 1, "{member}");
    }
    let files = |first: &str, second: &str| {
        fargate(
            &json!({"environmentFiles": [{"type": "s3", "value": first}, {"type": "s3", "value": second}]}),
        )
    };
    assert_eq!(lines(&files("a", "b"), &files("b", "a")).len(), 1);
}

#[test]
fn a_changed_variable_is_shown_by_its_name_and_without_its_value() {
    let desired =
        fargate(&json!({"environment": [{"name": "KEY", "value": "new"}, {"name": "ADDED", "value": "x"}]}));
    let live = fargate(&json!({"environment": [{"name": "KEY", "value": "old"}]}));
    let (desired, live) = (canonical_task_definition(&desired), canonical_task_definition(&live));
    let found = differences(Part::TaskDefinition, &desired, None, &live);
    let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            r#"containerDefinitions[api].environment[ADDED]: (absent) -> {"name":"ADDED","value":"***"} (new revision)"#,
            "containerDefinitions[api].environment[KEY].value: *** -> *** (new revision)",
        ]
    );
    assert!(found.iter().all(|difference| difference.sensitive && difference.effect == Effect::NewRevision));
    assert!(found.iter().all(|difference| difference.owner == Owner::Manifest));
    let told = serde_json::to_string(&found).unwrap();
    assert!(!told.contains("new\"") && !told.contains("old") && !told.contains("\"x\""), "{told}");
}

#[test]
fn a_member_that_the_table_does_not_know_differs_only_where_the_manifest_names_it() {
    let (with, without) = (fargate(&json!({"fromTheFuture": {"a": 1}})), fargate(&json!({})));
    assert_eq!(lines(&without, &with), [""; 0]);
    assert_eq!(lines(&with, &with), [""; 0]);
    assert_eq!(
        lines(&with, &without),
        [r#"containerDefinitions[api].fromTheFuture: (absent) -> {"a":"***"} (new revision)"#,]
    );
    let form = canonical_task_definition(&with);
    assert_eq!(
        coxswain_ecs_model::unknown_members(Part::TaskDefinition, &form),
        ["containerDefinitions[0].fromTheFuture"],
    );
}

#[test]
fn two_items_of_one_key_are_told_apart() {
    let ports = |first: u16, second: u16| {
        bridge(
            &json!({"portMappings": [{"containerPort": 80, "hostPort": first}, {"containerPort": 80, "hostPort": second}]}),
        )
    };
    assert_eq!(lines(&ports(8080, 8081), &ports(8081, 8080)), [""; 0]);
    assert_eq!(
        lines(&ports(8080, 8082), &ports(8080, 8081)),
        ["containerDefinitions[api].portMappings[80#2].hostPort: 8081 -> 8082 (new revision)",]
    );
}

#[test]
fn a_live_structure_of_unknown_members_alone_is_no_difference() {
    assert_eq!(lines(&fargate(&json!({})), &fargate(&json!({"healthCheck": {"fromTheFuture": 1}}))), [""; 0]);
}

#[test]
fn a_set_holds_each_of_its_texts_once() {
    let twice = json!({"requiresCompatibilities": ["FARGATE", "EC2", "FARGATE"]});
    let once = json!({"requiresCompatibilities": ["EC2", "FARGATE"]});
    assert_eq!(canonical_task_definition(&twice), canonical_task_definition(&once));
}

#[test]
fn on_every_network_of_its_own_a_host_port_is_the_containers() {
    let ports = |host: Value| json!({"portMappings": [{"containerPort": 80, "hostPort": host}]});
    for root in [
        json!({"networkMode": "awsvpc"}),
        json!({"networkMode": "host"}),
        json!({"requiresCompatibilities": ["FARGATE"]}),
    ] {
        let (given, left) =
            (definition(root.clone(), &ports(json!(80))), definition(root, &ports(Value::Null)));
        assert_eq!(lines(&left, &given), [""; 0]);
    }
    assert_eq!(lines(&bridge(&ports(Value::Null)), &bridge(&ports(json!(80)))).len(), 1);
}
