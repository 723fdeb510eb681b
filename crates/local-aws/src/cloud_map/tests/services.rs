use serde_json::json;

use super::{Rig, checked_dns, dns};

#[test]
fn a_service_has_the_records_that_dns_could_have_of_one_name() {
    let mut rig = Rig::new();
    let id = rig.namespace("example.internal");
    for (kinds, policy, is_right) in [
        (&["A"] as &[&str], "MULTIVALUE", true),
        (&["AAAA", "A"], "MULTIVALUE", true),
        (&["SRV"], "MULTIVALUE", true),
        (&["A", "SRV"], "MULTIVALUE", true),
        (&["CNAME"], "WEIGHTED", true),
        (&["CNAME"], "MULTIVALUE", false),
        (&["CNAME", "A"], "WEIGHTED", false),
        (&["A", "A"], "MULTIVALUE", false),
        (&[], "MULTIVALUE", false),
    ] {
        let mut request = dns(kinds);
        request["Name"] = format!("s{}", kinds.join("-").to_lowercase()).into();
        request["NamespaceId"] = id.clone().into();
        request["DnsConfig"]["RoutingPolicy"] = policy.into();
        let answer = rig.send("CreateService", &request);
        assert_eq!(answer.is_ok(), is_right, "{kinds:?} {policy}: {answer:?}");
    }
}

#[test]
fn a_service_of_an_http_namespace_has_no_records_and_one_of_a_dns_namespace_needs_them() {
    let mut rig = Rig::new();
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    let private = rig.namespace("example.internal");
    let mut with_records = dns(&["A"]);
    with_records["NamespaceId"] = http.clone().into();
    with_records["Name"] = "web".into();
    assert_eq!(rig.code("CreateService", with_records), "InvalidInput");
    assert_eq!(rig.code("CreateService", json!({"NamespaceId": private, "Name": "web"})), "InvalidInput");
    for (namespace, more, kind) in [
        (&http, json!({}), "HTTP"),
        (&private, json!({"Type": "HTTP"}), "HTTP"),
        (&private, dns(&["A"]), "DNS_HTTP"),
    ] {
        let service = rig.service(namespace, &format!("web-{}", kind.len()), more);
        let found = rig.call("GetService", json!({"Id": service}))["Service"].take();
        assert_eq!(found["Type"], kind);
        rig.call("DeleteService", json!({"Id": service}));
    }
    assert_eq!(
        rig.code("CreateService", json!({"NamespaceId": "ns-none", "Name": "web"})),
        "NamespaceNotFound"
    );
    assert_eq!(rig.code("CreateService", json!({"Name": "web"})), "InvalidInput");
}

#[test]
fn a_name_is_one_services_and_dns_does_not_tell_its_cases_apart() {
    let mut rig = Rig::new();
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    rig.service(&http, "web", json!({}));
    rig.service(&http, "WEB", json!({}));
    let private = rig.namespace("example.internal");
    let mut more = dns(&["A"]);
    more["CreatorRequestId"] = "first".into();
    let id = rig.service(&private, "web", more);
    let mut again = dns(&["A"]);
    again["NamespaceId"] = private.into();
    again["Name"] = "Web".into();
    let (code, members) = rig.refused("CreateService", again);
    assert_eq!((code.as_str(), &members["ServiceId"]), ("ServiceAlreadyExists", &json!(id)));
    assert_eq!(members["CreatorRequestId"], "first");
    assert_eq!(
        members["ServiceArn"],
        format!("arn:aws:servicediscovery:us-east-1:123456789012:service/{id}")
    );
}

#[test]
fn names_follow_the_models_pattern() {
    let mut rig = Rig::new();
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    for name in ["_web._tcp", "a", "a-b.c_d"] {
        rig.service(&http, name, json!({}));
    }
    for name in ["", "-a", "a-", "a..b", "a b", &"a".repeat(64)] {
        let request = json!({"NamespaceId": http, "Name": name});
        assert_eq!(rig.code("CreateService", request), "InvalidInput", "{name}");
    }
}

#[test]
fn of_two_health_checks_a_service_has_one_and_a_private_namespace_only_the_custom_one() {
    let mut rig = Rig::new();
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    let private = rig.namespace("example.internal");
    let route53 = json!({"Type": "HTTP"});
    let both = json!({"NamespaceId": http, "Name": "web", "HealthCheckConfig": route53,
        "HealthCheckCustomConfig": {}});
    assert_eq!(rig.code("CreateService", both), "InvalidInput");
    let mut on_private = dns(&["A"]);
    on_private["NamespaceId"] = private.clone().into();
    on_private["Name"] = "web".into();
    on_private["HealthCheckConfig"] = route53.clone();
    assert_eq!(rig.code("CreateService", on_private), "InvalidInput");
    let id = rig.service(&http, "web", json!({"HealthCheckConfig": route53}));
    let found = rig.call("GetService", json!({"Id": id}))["Service"].take();
    let filled = json!({"Type": "HTTP", "ResourcePath": "/", "FailureThreshold": 1});
    assert_eq!(found["HealthCheckConfig"], filled);
    let mut custom = checked_dns(&["A"]);
    custom["HealthCheckCustomConfig"]["FailureThreshold"] = 5.into();
    let id = rig.service(&private, "web", custom);
    let found = rig.call("GetService", json!({"Id": id}))["Service"].take();
    assert_eq!(found["HealthCheckCustomConfig"], json!({"FailureThreshold": 1}), "always 1 by now");
}

#[test]
fn an_update_changes_times_to_live_and_no_types() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let id = rig.service(&private, "web", dns(&["A"]));
    let change =
        |kind: &str| json!({"Id": id, "Service": {"DnsConfig": {"DnsRecords": [{"Type": kind, "TTL": 60}]}}});
    assert_eq!(rig.code("UpdateService", change("SRV")), "InvalidInput");
    rig.finish("UpdateService", change("A"), "SERVICE");
    let found = rig.call("GetService", json!({"Id": id}))["Service"].take();
    assert_eq!(found["DnsConfig"]["DnsRecords"], json!([{"Type": "A", "TTL": 60}]));
    rig.finish("UpdateService", json!({"Id": id, "Service": {"Description": "no records"}}), "SERVICE");
    let found = rig.call("GetService", json!({"Id": id}))["Service"].take();
    assert_eq!(found["DnsConfig"]["DnsRecords"], json!([]), "what is left out is deleted");
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    let fixed = rig.service(&http, "web", json!({}));
    let request = json!({"Id": fixed, "Service": {"Description": "new"}});
    assert_eq!(rig.code("UpdateService", request), "InvalidInput");
}

#[test]
fn a_service_with_instances_stays() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let id = rig.service(&private, "web", dns(&["A"]));
    rig.instance(&id, "one", "192.0.2.1", json!({}));
    assert_eq!(rig.code("DeleteService", json!({"Id": id})), "ResourceInUse");
    rig.finish("DeregisterInstance", json!({"ServiceId": id, "InstanceId": "one"}), "INSTANCE");
    rig.call("DeleteService", json!({"Id": id}));
    assert_eq!(rig.code("GetService", json!({"Id": id})), "ServiceNotFound");
    assert_eq!(rig.code("DeleteService", json!({"Id": id})), "ServiceNotFound");
}

#[test]
fn services_are_listed_by_namespace_without_what_a_summary_does_not_have() {
    let mut rig = Rig::new();
    let private = rig.namespace("example.internal");
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    rig.service(&private, "web", dns(&["A"]));
    rig.service(&http, "web", json!({}));
    let of = |id: &str| json!({"Filters": [{"Name": "NAMESPACE_ID", "Values": [id]}]});
    let found = rig.call("ListServices", of(&private))["Services"].take();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!((&found[0]["Type"], found[0].get("NamespaceId")), (&json!("DNS_HTTP"), None));
    let arn = format!("arn:aws:servicediscovery:us-east-1:123456789012:namespace/{http}");
    assert_eq!(rig.call("ListServices", of(&arn))["Services"][0]["Type"], "HTTP");
    assert_eq!(rig.call("ListServices", json!({}))["Services"].as_array().unwrap().len(), 2);
    let count = rig.call("GetNamespace", json!({"Id": private}))["Namespace"]["ServiceCount"].clone();
    assert_eq!(count, 1);
}

#[test]
fn attributes_of_a_service_are_set_and_deleted_and_thirty_are_the_most() {
    let mut rig = Rig::new();
    let http = rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE");
    let id = rig.service(&http, "web", json!({}));
    let many: serde_json::Map<_, _> = (0..30).map(|n| (format!("k{n}"), json!("v"))).collect();
    rig.call("UpdateServiceAttributes", json!({"ServiceId": id, "Attributes": many}));
    let one_more = json!({"ServiceId": id, "Attributes": {"more": "v"}});
    let code = rig.code("UpdateServiceAttributes", one_more);
    assert_eq!(code, "ServiceAttributesLimitExceededException");
    let names: Vec<_> = (1..30).map(|n| format!("k{n}")).collect();
    rig.call("DeleteServiceAttributes", json!({"ServiceId": id, "Attributes": names}));
    let found = rig.call("GetServiceAttributes", json!({"ServiceId": id}))["ServiceAttributes"].take();
    assert_eq!(found["Attributes"], json!({"k0": "v"}));
}
