use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Rig, checked_dns, dns};
use crate::cloud_map::records::{Data, Found};

fn ids(answer: &Value) -> BTreeSet<String> {
    let instances = answer["Instances"].as_array().unwrap();
    instances.iter().map(|found| found["InstanceId"].as_str().unwrap().to_owned()).collect()
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

/// Three instances of `web`: `sick` is not healthy.
fn three(rig: &mut Rig) -> String {
    let private = rig.namespace("example.internal");
    let service = rig.service(&private, "web", checked_dns(&["A"]));
    rig.instance(&service, "one", "192.0.2.1", json!({"version": "1", "az": "a"}));
    rig.instance(&service, "two", "192.0.2.2", json!({"version": "2", "az": "a"}));
    let sick = json!({"version": "2", "AWS_INIT_HEALTH_STATUS": "UNHEALTHY"});
    rig.instance(&service, "sick", "192.0.2.3", sick);
    service
}

#[test]
fn instances_are_discovered_by_health_and_attributes() {
    let mut rig = Rig::new();
    three(&mut rig);
    for (more, found) in [
        (json!({}), set(&["one", "two"])),
        (json!({"HealthStatus": "HEALTHY"}), set(&["one", "two"])),
        (json!({"HealthStatus": "UNHEALTHY"}), set(&["sick"])),
        (json!({"HealthStatus": "ALL"}), set(&["one", "two", "sick"])),
        (json!({"HealthStatus": "HEALTHY_OR_ELSE_ALL"}), set(&["one", "two"])),
        (json!({"QueryParameters": {"version": "2"}}), set(&["two"])),
        (json!({"QueryParameters": {"version": "2", "az": "b"}}), set(&[])),
        (json!({"OptionalParameters": {"version": "1"}}), set(&["one"])),
        (json!({"OptionalParameters": {"version": "9"}}), set(&["one", "two"])),
        (json!({"QueryParameters": {"az": "a"}, "OptionalParameters": {"version": "2"}}), set(&["two"])),
    ] {
        let mut request = json!({"NamespaceName": "example.internal", "ServiceName": "web"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(ids(&rig.call("DiscoverInstances", request)), found, "{more}");
    }
    let request = json!({"NamespaceName": "example.internal", "ServiceName": "web", "MaxResults": 1});
    assert_eq!(ids(&rig.call("DiscoverInstances", request)).len(), 1);
    let request = json!({"NamespaceName": "none", "ServiceName": "web"});
    assert_eq!(rig.code("DiscoverInstances", request), "NamespaceNotFound");
    let request = json!({"NamespaceName": "example.internal", "ServiceName": "none"});
    assert_eq!(rig.code("DiscoverInstances", request), "ServiceNotFound");
}

#[test]
fn where_nobody_is_healthy_all_are_found_and_the_revision_tells_of_registrations_only() {
    let mut rig = Rig::new();
    let service = three(&mut rig);
    let names = json!({"NamespaceName": "example.internal", "ServiceName": "web"});
    let revision = |rig: &Rig| {
        rig.call("DiscoverInstancesRevision", names.clone())["InstancesRevision"].as_u64().unwrap()
    };
    let before = revision(&rig);
    for id in ["one", "two"] {
        let request = json!({"ServiceId": service, "InstanceId": id, "Status": "UNHEALTHY"});
        rig.call("UpdateInstanceCustomHealthStatus", request);
    }
    rig.pass(30);
    let answer = rig.call("DiscoverInstances", names.clone());
    assert_eq!(ids(&answer), set(&["one", "two", "sick"]));
    assert_eq!(answer["InstancesRevision"].as_u64().unwrap(), before);
    assert_eq!(addresses(&look_up(&rig, "web.example.internal")).len(), 3, "DNS too");
    rig.finish("DeregisterInstance", json!({"ServiceId": service, "InstanceId": "one"}), "INSTANCE");
    assert_eq!(revision(&rig), before + 1);
}

#[test]
fn the_order_of_what_is_discovered_is_random() {
    let mut rig = Rig::new();
    three(&mut rig);
    let request = json!({"NamespaceName": "example.internal", "ServiceName": "web", "HealthStatus": "ALL"});
    let first = |_| rig.call("DiscoverInstances", request.clone())["Instances"][0]["InstanceId"].to_string();
    assert_eq!((0..50).map(first).collect::<BTreeSet<_>>().len(), 3);
}

fn look_up(rig: &Rig, name: &str) -> Found {
    rig.map.look_up(name, rig.now).unwrap()
}

fn addresses(found: &Found) -> BTreeSet<String> {
    let address = |data: &Data| match data {
        Data::A(address) => Some(address.to_string()),
        _ => None,
    };
    found.records.iter().filter_map(|record| address(&record.data)).collect()
}

#[test]
fn dns_has_the_healthy_instances_with_the_services_time_to_live() {
    let mut rig = Rig::new();
    three(&mut rig);
    let found = look_up(&rig, "WEB.Example.internal");
    assert_eq!(addresses(&found), set(&["192.0.2.1", "192.0.2.2"]));
    assert!(found.records.iter().all(|record| record.ttl == 10));
    let found = look_up(&rig, "none.example.internal");
    assert!(!found.exists);
    assert_eq!(found.soa.unwrap().ttl, 15);
    assert!(rig.map.look_up("web.example.com", rig.now).is_none(), "another zone");
    assert!(rig.map.look_up("webexample.internal", rig.now).is_none(), "no dot before the zone");
}

#[test]
fn of_many_instances_eight_are_chosen_and_every_one_has_its_turn() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let service = rig.service(&private, "web", dns(&["A"]));
    for number in 1..=20 {
        rig.instance(&service, &format!("i{number}"), &format!("192.0.2.{number}"), json!({}));
    }
    let mut seen = BTreeSet::new();
    for _ in 0..60 {
        let found = addresses(&look_up(&rig, "web.example.internal"));
        assert_eq!(found.len(), 8);
        seen.extend(found);
    }
    assert_eq!(seen.len(), 20);
}

#[test]
fn a_weighted_service_answers_with_one_instance_and_a_cname_points_elsewhere() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let mut weighted = dns(&["A"]);
    weighted["DnsConfig"]["RoutingPolicy"] = "WEIGHTED".into();
    let service = rig.service(&private, "web", weighted);
    rig.instance(&service, "one", "192.0.2.1", json!({}));
    rig.instance(&service, "two", "192.0.2.2", json!({}));
    let mut seen = BTreeSet::new();
    for _ in 0..50 {
        let found = addresses(&look_up(&rig, "web.example.internal"));
        assert_eq!(found.len(), 1);
        seen.extend(found);
    }
    assert_eq!(seen.len(), 2);
    let mut alias = dns(&["CNAME"]);
    alias["DnsConfig"]["RoutingPolicy"] = "WEIGHTED".into();
    let service = rig.service(&private, "alias", alias);
    rig.instance(&service, "one", "192.0.2.1", json!({"AWS_INSTANCE_CNAME": "www.example.com."}));
    let found = look_up(&rig, "alias.example.internal");
    assert_eq!(found.records[0].data, Data::Cname("www.example.com".into()));
}

#[test]
fn srv_names_hosts_whose_addresses_dns_has_and_names_between_exist_without_records() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let service = rig.service(&private, "_web._tcp", dns(&["SRV"]));
    rig.instance(&service, "one", "192.0.2.1", json!({"AWS_INSTANCE_PORT": "8080"}));
    let found = look_up(&rig, "_web._tcp.example.internal");
    let target = "one._web._tcp.example.internal";
    assert_eq!(found.records[0].data, Data::Srv { port: 8080, target: target.into() });
    assert_eq!(found.additional[0].name, target);
    assert_eq!(addresses(&look_up(&rig, target)), set(&["192.0.2.1"]));
    let between = look_up(&rig, "_tcp.example.internal");
    assert_eq!((between.exists, between.records.len()), (true, 0));
    assert!(!look_up(&rig, "two._web._tcp.example.internal").exists);
}

#[test]
fn an_instance_that_is_deregistered_is_found_until_that_has_ended() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let service = rig.service(&private, "web", dns(&["A"]));
    rig.instance(&service, "one", "192.0.2.1", json!({}));
    rig.call("DeregisterInstance", json!({"ServiceId": service, "InstanceId": "one"}));
    rig.pass(1);
    assert_eq!(addresses(&look_up(&rig, "web.example.internal")).len(), 1);
    rig.pass(1);
    assert!(!look_up(&rig, "web.example.internal").exists, "without instances there is no such name");
}
