//! Service discovery: tasks in Cloud Map and in DNS, from their start to their stop.

use std::{collections::BTreeSet, time::Duration};

use coxswain_local_aws::{Config, Script, Timing};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{Name, RData, RecordType},
};
use serde_json::{Value, json};

use crate::lab::{Lab, with};

/// What CreateService of Cloud Map takes for records of those types.
pub(crate) fn records(kinds: &[&str]) -> Value {
    let records: Vec<Value> = kinds.iter().map(|kind| json!({"Type": kind, "TTL": 10})).collect();
    json!({"DnsConfig": {"DnsRecords": records}})
}

fn checked(kinds: &[&str]) -> Value {
    with(records(kinds), json!({"HealthCheckCustomConfig": {}}))
}

/// What DNS answers to a question: an address, or port and host.
fn dns(lab: &Lab, name: &str, kind: RecordType) -> BTreeSet<String> {
    let mut query = Message::new(1, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(Name::from_ascii(format!("{name}.")).unwrap(), kind));
    let answer = lab.local.answer_dns(&query.to_vec().unwrap(), true).unwrap();
    let show = |data: &RData| match data {
        RData::A(address) => address.to_string(),
        RData::SRV(srv) => format!("{} {}", srv.port, srv.target.to_ascii().trim_end_matches('.')),
        other => panic!("{other:?}"),
    };
    Message::from_vec(&answer).unwrap().answers.iter().map(|record| show(&record.data)).collect()
}

fn web(lab: &Lab) -> BTreeSet<String> {
    dns(lab, "web.example.internal", RecordType::A)
}

fn address(task: &Value) -> String {
    let details = task["attachments"][0]["details"].as_array().unwrap();
    let found = details.iter().find(|detail| detail["name"] == "privateIPv4Address").unwrap();
    found["value"].as_str().unwrap().to_owned()
}

fn id(task: &Value) -> &str {
    task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap()
}

async fn addresses(lab: &Lab) -> BTreeSet<String> {
    lab.tasks("RUNNING").await.iter().map(address).collect()
}

/// The instances of `web` that Cloud Map lists.
async fn instances(lab: &Lab, registry: &str) -> Vec<Value> {
    let mut listed = lab.map("ListInstances", json!({"ServiceId": registry})).await;
    listed["Instances"].as_array_mut().unwrap().drain(..).collect()
}

fn of(registry: &str) -> Value {
    json!({"serviceRegistries": [{"registryArn": registry}]})
}

#[tokio::test(start_paused = true)]
async fn a_running_task_is_registered_under_its_id_with_what_ecs_knows_of_it() {
    let lab = Lab::start().await;
    let registry = lab.registry(records(&["A"])).await;
    lab.steady(1, of(&registry)).await;
    let task = lab.tasks("RUNNING").await.remove(0);
    let found = instances(&lab, &registry).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["Id"], id(&task));
    let expected = json!({
        "AWS_INSTANCE_IPV4": address(&task), "AVAILABILITY_ZONE": task["availabilityZone"],
        "REGION": "us-east-1", "ECS_CLUSTER_NAME": "main", "ECS_SERVICE_NAME": "web",
        "ECS_TASK_DEFINITION_FAMILY": "web",
    });
    assert_eq!(found[0]["Attributes"], expected);
    assert_eq!(web(&lab), BTreeSet::from([address(&task)]));
}

#[tokio::test(start_paused = true)]
async fn a_client_finds_tasks_throughout_a_rolling_deployment_also_some_that_stop_already() {
    let lab = Lab::with(Config {
        timing: Timing { map_operation: Duration::from_secs(3), ..Timing::default() },
        ..Config::default()
    })
    .await;
    // Slow to end, so that a task can still be seen to stop.
    lab.script("web:good", Script { stops: (Duration::from_secs(5), 0), ..Script::serves() });
    let registry = lab.registry(records(&["A"])).await;
    lab.steady(3, of(&registry)).await;
    let before = addresses(&lab).await;
    assert_eq!(web(&lab), before);
    let second = lab.register("web:next").await;
    lab.update(json!({"taskDefinition": second})).await;
    let mut outlived = 0;
    loop {
        let found = web(&lab);
        assert!(!found.is_empty(), "nobody is found");
        let stopping: BTreeSet<String> = lab
            .tasks("STOPPED")
            .await
            .iter()
            .filter(|task| task["lastStatus"] == "STOPPING")
            .map(address)
            .collect();
        outlived += found.intersection(&stopping).count();
        let known: BTreeSet<String> = &addresses(&lab).await | &stopping;
        assert!(found.is_subset(&known), "{found:?} {known:?}");
        if lab.primary().await["rolloutState"] == "COMPLETED" {
            break;
        }
        lab.pass(Duration::from_millis(500)).await;
    }
    assert!(outlived > 0, "no record outlived the SIGTERM of its task");
    lab.pass(Duration::from_secs(5)).await;
    let after = addresses(&lab).await;
    assert_eq!(web(&lab), after);
    assert!(after.is_disjoint(&before));
}

#[tokio::test(start_paused = true)]
async fn a_task_with_a_health_check_is_found_half_a_minute_after_it_has_passed() {
    let lab = Lab::start().await;
    let registry = lab.registry(checked(&["A"])).await;
    let arn = lab.register_checked("web:good").await;
    lab.create(&arn, 1, of(&registry)).await;
    let health = async |lab: &Lab| {
        let body = json!({"ServiceId": registry});
        let answer = lab.map("GetInstancesHealthStatus", body).await;
        let statuses = answer["Status"].as_object().unwrap();
        statuses.values().next().map(|status| status.as_str().unwrap().to_owned())
    };
    lab.until("runs", |service| service["runningCount"] == 1).await;
    lab.pass(Duration::from_secs(2)).await;
    assert_eq!(health(&lab).await.unwrap(), "UNHEALTHY");
    assert_eq!(web(&lab).len(), 1, "where nobody is healthy, DNS has everybody");
    lab.pass(Duration::from_secs(20)).await;
    assert_eq!(lab.tasks("RUNNING").await[0]["healthStatus"], "HEALTHY");
    assert_eq!(health(&lab).await.unwrap(), "UNHEALTHY");
    lab.pass(Duration::from_secs(15)).await;
    assert_eq!(health(&lab).await.unwrap(), "HEALTHY");

    // So that, in a rollout, the new task is not found yet when the old one is gone: what others saw in
    // https://github.com/aws/containers-roadmap/issues/830
    let next = lab.register_checked("web:next").await;
    lab.update(json!({"taskDefinition": next})).await;
    lab.until_stable().await;
    lab.pass(Duration::from_secs(2)).await;
    assert_eq!(health(&lab).await.unwrap(), "UNHEALTHY");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_falls_ill_or_ends_by_itself_leaves_dns() {
    let lab = Lab::start().await;
    let registry = lab.registry(checked(&["A"])).await;
    let arn = lab.register_checked("web:good").await;
    lab.create(&arn, 2, of(&registry)).await;
    lab.until_stable().await;
    lab.pass(Duration::from_mins(1)).await;
    let before = web(&lab);
    assert_eq!(before.len(), 2);
    let arn = lab.tasks("RUNNING").await[0]["taskArn"].clone();
    lab.call("StopTask", json!({"cluster": "main", "task": arn})).await;
    lab.pass(Duration::from_secs(2)).await;
    assert_eq!(instances(&lab, &registry).await.len(), 1);
    assert!(web(&lab).is_subset(&before) && web(&lab).len() == 1);

    let crashing = lab.register("web:crash").await;
    lab.script("web:crash", Script::exits(Duration::from_secs(3), 1));
    lab.update(json!({"taskDefinition": crashing, "desiredCount": 0})).await;
    lab.pass(Duration::from_mins(2)).await;
    assert!(web(&lab).is_empty());
    lab.update(json!({"desiredCount": 1})).await;
    let mut seen = BTreeSet::new();
    for _ in 0..60 {
        lab.pass(Duration::from_secs(1)).await;
        seen.insert(instances(&lab, &registry).await.len());
    }
    assert!(seen.contains(&1) && seen.contains(&0), "registered and taken out again: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn srv_names_the_containers_port_and_the_tasks_own_name_has_its_address() {
    let lab = Lab::start().await;
    let registry = lab.registry(records(&["SRV"])).await;
    let container = json!({"name": "web", "image": "web:1", "portMappings": [{"containerPort": 8080}]});
    let arn = lab.register_container(container).await;
    let more = json!({"serviceRegistries":
        [{"registryArn": registry, "containerName": "web", "containerPort": 8080}]});
    lab.create(&arn, 1, more).await;
    lab.until_stable().await;
    let task = lab.tasks("RUNNING").await.remove(0);
    let host = format!("{}.web.example.internal", id(&task));
    let found = dns(&lab, "web.example.internal", RecordType::SRV);
    assert_eq!(found, BTreeSet::from([format!("8080 {host}")]));
    assert_eq!(dns(&lab, &host, RecordType::A), BTreeSet::from([address(&task)]));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_registers_where_the_revision_before_was() {
    let lab = Lab::start().await;
    let registry = lab.registry(records(&["A"])).await;
    lab.steady(1, with(of(&registry), crate::lab::breaker(true))).await;
    lab.script("web:crash", Script::exits(Duration::from_secs(1), 1));
    let broken = lab.register("web:crash").await;
    lab.update(json!({"taskDefinition": broken, "serviceRegistries": []})).await;
    let over = lab.until_over().await;
    assert_eq!(over["status"], "ROLLBACK_SUCCESSFUL");
    lab.pass(Duration::from_secs(5)).await;
    assert_eq!(lab.service().await["serviceRegistries"][0]["registryArn"], registry);
    assert_eq!(web(&lab), addresses(&lab).await);
}

#[tokio::test(start_paused = true)]
async fn a_registry_has_to_exist_and_to_fit_the_task_definition() {
    let lab = Lab::start().await;
    let address_only = lab.registry(records(&["A"])).await;
    let body = with(json!({"Name": "ports", "NamespaceId": namespace(&lab).await}), records(&["SRV"]));
    let ports = lab.map("CreateService", body).await["Service"]["Arn"].as_str().unwrap().to_owned();
    let mapped = json!([{"containerPort": 80}]);
    let container = json!({"name": "web", "image": "web:1", "memory": 128, "portMappings": mapped});
    lab.register_container(container.clone()).await;
    let host = json!({"family": "host", "networkMode": "host", "containerDefinitions": [container]});
    lab.call("RegisterTaskDefinition", host).await;
    let none = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-none";
    let namespace = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1";
    for (family, registries, told) in [
        ("web", json!([{"registryArn": none}]), "could not be found"),
        ("web", json!([{"registryArn": namespace}]), "ARN is invalid"),
        ("web", json!([{"registryArn": address_only}, {"registryArn": ports}]), "at most 1"),
        ("web", json!([{"registryArn": address_only, "port": 80}]), "do not require a value for 'port'"),
        ("web", json!([{"registryArn": address_only, "containerName": "web"}]), "for 'containerName'"),
        ("web", json!([{"registryArn": ports}]), "needs a value for either 'port'"),
        ("web", json!([{"registryArn": ports, "port": 80, "containerName": "web"}]), "but not both"),
        (
            "web",
            json!([{"registryArn": ports, "containerName": "db", "containerPort": 80}]),
            "does not exist",
        ),
        ("web", json!([{"registryArn": ports, "containerName": "web", "containerPort": 81}]), "port 81"),
        ("web", json!([{"registryArn": ports, "port": 81}]), ""),
        ("web", json!([{"registryArn": ports, "containerName": "web", "containerPort": 80}]), ""),
        ("host", json!([{"registryArn": ports}]), "When specifying 'host' or 'bridge' for networkMode"),
        (
            "host",
            json!([{"registryArn": address_only, "containerName": "web", "containerPort": 80}]),
            "type SRV",
        ),
        ("host", json!([{"registryArn": ports, "containerName": "web", "containerPort": 80}]), ""),
    ] {
        let mut body = crate::lab::create_request(family, 0, json!({"serviceRegistries": registries}));
        if family == "host" {
            body.as_object_mut().unwrap().remove("networkConfiguration");
            body["launchType"] = "EC2".into();
        }
        if told.is_empty() {
            lab.call("CreateService", body).await;
            lab.call("DeleteService", json!({"cluster": "main", "service": "web"})).await;
            lab.pass(Duration::from_secs(5)).await;
        } else {
            let (code, text) = lab.refused("CreateService", body).await;
            assert_eq!(code, "InvalidParameterException", "{text}");
            assert!(text.contains(told), "{registries}: {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_gone_does_not_keep_a_service_from_being_scaled() {
    let lab = Lab::start().await;
    let registry = lab.registry(records(&["A"])).await;
    lab.steady(1, of(&registry)).await;
    for found in instances(&lab, &registry).await {
        let body = json!({"ServiceId": registry, "InstanceId": found["Id"]});
        lab.map("DeregisterInstance", body).await;
    }
    lab.pass(Duration::from_secs(2)).await;
    lab.map("DeleteService", json!({"Id": registry})).await;
    lab.update(json!({"desiredCount": 2})).await;
    lab.until_stable().await;
    let second = lab.register("web:2").await;
    let body = json!({"cluster": "main", "service": "web", "taskDefinition": second});
    let (_, text) = lab.refused("UpdateService", body).await;
    assert!(text.contains("could not be found"), "{text}");
}

async fn namespace(lab: &Lab) -> Value {
    lab.map("ListNamespaces", json!({})).await["Namespaces"][0]["Id"].take()
}
