use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::{Rig, checked_dns, dns};
use crate::config::Timing;

#[test]
fn an_instance_needs_what_the_services_records_say() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let port = json!({"AWS_INSTANCE_IPV4": "192.0.2.1", "AWS_INSTANCE_PORT": "80"});
    for (kinds, attributes, is_right) in [
        (&["A"] as &[&str], json!({"AWS_INSTANCE_IPV4": "192.0.2.1"}), true),
        (&["A"], json!({"AWS_INSTANCE_IPV4": "192.0.2.1", "version": "1"}), true),
        (&["A"], json!({}), false),
        (&["A"], json!({"AWS_INSTANCE_IPV4": "192.0.2.256"}), false),
        (&["A"], json!({"AWS_INSTANCE_IPV4": "192.0.2.1", "AWS_INIT_HEALTH_STATUS": "SICK"}), false),
        (&["A"], json!({"AWS_EC2_INSTANCE_ID": "i-1"}), false),
        (&["A"], json!({"AWS_ALIAS_DNS_NAME": "lb.example.com"}), false),
        (&["AAAA"], json!({"AWS_INSTANCE_IPV6": "2001:db8::1"}), true),
        (&["AAAA"], json!({"AWS_INSTANCE_IPV6": "192.0.2.1"}), false),
        (&["SRV"], port.clone(), true),
        (&["SRV"], json!({"AWS_INSTANCE_IPV4": "192.0.2.1"}), false),
        (&["SRV"], json!({"AWS_INSTANCE_PORT": "80"}), false),
        (&["SRV"], json!({"AWS_INSTANCE_IPV4": "192.0.2.1", "AWS_INSTANCE_PORT": "65536"}), false),
    ] {
        let service = rig.service(&private, "web", dns(kinds));
        let request = json!({"ServiceId": service, "InstanceId": "one", "Attributes": attributes});
        let answer = rig.send("RegisterInstance", &request);
        assert_eq!(answer.is_ok(), is_right, "{kinds:?} {attributes}: {answer:?}");
        if is_right {
            rig.pass(2);
            rig.finish("DeregisterInstance", json!({"ServiceId": service, "InstanceId": "one"}), "INSTANCE");
        }
        rig.call("DeleteService", json!({"Id": service}));
    }
}

#[test]
fn the_limits_of_attributes_hold() {
    let mut rig = Rig::new();
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    let service = rig.service(&http, "web", json!({}));
    let register = |rig: &Rig, attributes: serde_json::Map<String, serde_json::Value>| {
        rig.code(
            "RegisterInstance",
            json!({"ServiceId": service, "InstanceId": "one", "Attributes": attributes}),
        )
    };
    let many = (0..31).map(|n| (format!("k{n}"), json!("v"))).collect();
    assert_eq!(register(&rig, many), "InvalidInput");
    let long = (0..5).map(|n| (format!("k{n}"), json!("v".repeat(1_000)))).collect();
    assert_eq!(register(&rig, long), "InvalidInput");
    let request = json!({"ServiceId": service, "InstanceId": "a b", "Attributes": {}});
    assert_eq!(rig.code("RegisterInstance", request), "InvalidInput");
}

#[test]
fn one_registration_of_an_instance_is_on_its_way_at_a_time() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let service = rig.service(&private, "web", dns(&["A"]));
    let request = |address: &str| json!({"ServiceId": service, "InstanceId": "one", "Attributes": {"AWS_INSTANCE_IPV4": address}});
    let operation = rig.call("RegisterInstance", request("192.0.2.1"))["OperationId"].clone();
    let (code, members) = rig.refused("RegisterInstance", request("192.0.2.2"));
    assert_eq!((code.as_str(), &members["DuplicateOperationId"]), ("DuplicateRequest", &operation));
    let id = json!({"ServiceId": service, "InstanceId": "one"});
    assert_eq!(rig.code("GetInstance", id.clone()), "InstanceNotFound");
    assert_eq!(rig.code("DeregisterInstance", id.clone()), "InstanceNotFound");
    rig.pass(2);
    rig.instance(&service, "one", "192.0.2.2", json!({}));
    let found = rig.call("GetInstance", id.clone())["Instance"].take();
    assert_eq!(found["Attributes"], json!({"AWS_INSTANCE_IPV4": "192.0.2.2"}), "it was replaced");
    assert_eq!(rig.call("GetService", json!({"Id": service}))["Service"]["InstanceCount"], 1);
    rig.finish("DeregisterInstance", id.clone(), "INSTANCE");
    assert_eq!(rig.code("GetInstance", id), "InstanceNotFound");
}

#[test]
fn a_service_has_a_thousand_instances_and_they_come_in_pages_of_a_hundred() {
    let mut rig = Rig::new();
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    let service = rig.service(&http, "web", json!({}));
    for number in 0..1_000 {
        let id = format!("i{number:04}");
        rig.call("RegisterInstance", json!({"ServiceId": service, "InstanceId": id, "Attributes": {}}));
    }
    rig.pass(2);
    let one_more = json!({"ServiceId": service, "InstanceId": "more", "Attributes": {}});
    assert_eq!(rig.code("RegisterInstance", one_more), "ResourceLimitExceeded");
    let page = rig.call("ListInstances", json!({"ServiceId": service}));
    assert_eq!(page["Instances"].as_array().unwrap().len(), 100);
    let next = json!({"ServiceId": service, "NextToken": page["NextToken"], "MaxResults": 1});
    assert_eq!(rig.call("ListInstances", next)["Instances"][0]["Id"], "i0100");
}

#[test]
fn a_reported_health_shows_after_half_a_minute_and_the_same_again_does_not_hurry_it() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let service = rig.service(&private, "web", checked_dns(&["A"]));
    rig.instance(&service, "one", "192.0.2.1", json!({}));
    rig.instance(&service, "two", "192.0.2.2", json!({"AWS_INIT_HEALTH_STATUS": "UNHEALTHY"}));
    let health =
        |rig: &Rig| rig.call("GetInstancesHealthStatus", json!({"ServiceId": service}))["Status"].take();
    let report = |rig: &Rig, id: &str, status: &str| {
        let request = json!({"ServiceId": service, "InstanceId": id, "Status": status});
        rig.call("UpdateInstanceCustomHealthStatus", request);
    };
    assert_eq!(health(&rig), json!({"one": "HEALTHY", "two": "UNHEALTHY"}));
    report(&rig, "two", "HEALTHY");
    rig.pass(20);
    report(&rig, "two", "HEALTHY");
    report(&rig, "one", "UNHEALTHY");
    rig.pass(10);
    assert_eq!(health(&rig), json!({"one": "HEALTHY", "two": "HEALTHY"}));
    report(&rig, "one", "HEALTHY");
    rig.pass(60);
    assert_eq!(health(&rig), json!({"one": "HEALTHY", "two": "HEALTHY"}), "the opposite took its place");

    report(&rig, "one", "UNHEALTHY");
    rig.pass(30);
    assert_eq!(health(&rig)["one"], "UNHEALTHY", "a report that had its effect stands in nobody's way");

    let asked = json!({"ServiceId": service, "Instances": ["one", "none"]});
    assert_eq!(rig.code("GetInstancesHealthStatus", asked), "InstanceNotFound");
    let missing = json!({"ServiceId": service, "InstanceId": "none", "Status": "HEALTHY"});
    assert_eq!(rig.code("UpdateInstanceCustomHealthStatus", missing), "InstanceNotFound");
    let plain = rig.service(&private, "plain", dns(&["A"]));
    rig.instance(&plain, "one", "192.0.2.1", json!({}));
    let request = json!({"ServiceId": plain, "InstanceId": "one", "Status": "HEALTHY"});
    assert_eq!(rig.code("UpdateInstanceCustomHealthStatus", request), "CustomHealthNotFound");
}

#[test]
fn a_report_on_an_instance_that_is_still_on_its_way_is_not_lost() {
    let timing = Timing { map_health: Duration::ZERO, ..Timing::default() };
    let mut rig = Rig::with(timing);
    let private = rig.namespace("example.internal");
    let service = rig.service(&private, "web", checked_dns(&["A"]));
    let attributes = [("AWS_INSTANCE_IPV4", "192.0.2.1"), ("AWS_INIT_HEALTH_STATUS", "UNHEALTHY")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    rig.map.register(&service, "one", BTreeMap::from(attributes), rig.now);
    rig.map.report_health(&service, "one", true, rig.now);
    rig.pass(1);
    let health = rig.call("GetInstancesHealthStatus", json!({"ServiceId": service}))["Status"].take();
    assert_eq!(health, json!({"one": "HEALTHY"}));
}
