use serde_json::json;

use super::Rig;

#[test]
fn a_namespace_is_there_when_its_operation_has_ended_and_not_before() {
    let mut rig = Rig::new();
    let request = json!({"Name": "example.internal", "Vpc": "vpc-1", "Description": "ours",
        "Tags": [{"Key": "team", "Value": "web"}]});
    let started = rig.now;
    let id = rig.call("CreatePrivateDnsNamespace", request)["OperationId"].clone();
    let operation = rig.call("GetOperation", json!({"OperationId": id}))["Operation"].take();
    assert_eq!((&operation["Status"], &operation["Type"]), (&json!("PENDING"), &json!("CREATE_NAMESPACE")));
    let namespace = operation["Targets"]["NAMESPACE"].clone();
    assert_eq!(rig.call("ListNamespaces", json!({}))["Namespaces"], json!([]));
    assert_eq!(rig.code("GetNamespace", json!({"Id": namespace})), "NamespaceNotFound");

    rig.pass(2);
    let operation = rig.call("GetOperation", json!({"OperationId": id}))["Operation"].take();
    assert_eq!(operation["Status"], "SUCCESS");
    assert_eq!(operation["UpdateDate"], rig.now.to_json());
    assert_eq!(operation["CreateDate"], started.to_json());
    let mut found = rig.call("GetNamespace", json!({"Id": namespace}))["Namespace"].take();
    let arn =
        format!("arn:aws:servicediscovery:us-east-1:123456789012:namespace/{}", namespace.as_str().unwrap());
    assert_eq!(found["Arn"], arn);
    assert_eq!((&found["Type"], &found["ServiceCount"]), (&json!("DNS_PRIVATE"), &json!(0)));
    assert_eq!(found["Properties"]["HttpProperties"]["HttpName"], "example.internal");
    assert_eq!(found["Properties"]["DnsProperties"]["SOA"]["TTL"], 15);
    assert_eq!(found["Description"].take(), "ours");
    assert_eq!(rig.call("GetNamespace", json!({"Id": arn}))["Namespace"]["Id"], namespace, "an ARN will do");
    let tags = rig.call("ListTagsForResource", json!({"ResourceARN": arn}));
    assert_eq!(tags["Tags"], json!([{"Key": "team", "Value": "web"}]));
}

#[test]
fn ids_have_the_form_that_live_ones_have() {
    let mut rig = Rig::new();
    let id = rig.namespace("example.internal");
    let letters = id.strip_prefix("ns-").unwrap();
    assert_eq!(letters.len(), 16);
    assert!(letters.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{id}");
}

#[test]
fn who_asks_again_is_told_the_operation_and_later_the_namespace() {
    let mut rig = Rig::new();
    let request = json!({"Name": "main", "CreatorRequestId": "first"});
    let operation = rig.call("CreateHttpNamespace", request.clone())["OperationId"].clone();
    let (code, members) = rig.refused("CreateHttpNamespace", request.clone());
    assert_eq!((code.as_str(), &members["DuplicateOperationId"]), ("DuplicateRequest", &operation));
    assert!(members["Message"].is_string());
    rig.pass(2);
    let (code, members) = rig.refused("CreateHttpNamespace", request);
    assert_eq!((code.as_str(), &members["CreatorRequestId"]), ("NamespaceAlreadyExists", &json!("first")));
    assert_eq!(rig.call("GetNamespace", json!({"Id": members["NamespaceId"]}))["Namespace"]["Name"], "main");
}

#[test]
fn a_name_can_be_used_again_in_another_vpc_and_is_then_another_one_for_the_api() {
    let mut rig = Rig::new();
    rig.namespace("example.internal");
    let again = json!({"Name": "example.internal", "Vpc": "vpc-2"});
    let second = rig.finish("CreatePrivateDnsNamespace", again, "NAMESPACE");
    let found = rig.call("GetNamespace", json!({"Id": second}))["Namespace"].take();
    let name = found["Properties"]["HttpProperties"]["HttpName"].as_str().unwrap();
    assert!(name.starts_with("example.internal-"), "{name}");
}

#[test]
fn a_namespace_with_services_stays_and_an_empty_one_goes() {
    let mut rig = Rig::new();
    let id = rig.namespace("example.internal");
    let service = rig.service(&id, "web", super::dns(&["A"]));
    assert_eq!(rig.code("DeleteNamespace", json!({"Id": id})), "ResourceInUse");
    rig.call("DeleteService", json!({"Id": service}));
    rig.call("DeleteNamespace", json!({"Id": id}));
    assert_eq!(
        rig.call("GetNamespace", json!({"Id": id}))["Namespace"]["Id"],
        id.as_str(),
        "still on its way"
    );
    assert_eq!(rig.code("DeleteNamespace", json!({"Id": id})), "DuplicateRequest");
    rig.pass(2);
    assert_eq!(rig.code("GetNamespace", json!({"Id": id})), "NamespaceNotFound");
}

#[test]
fn description_and_negative_ttl_can_be_changed_of_a_namespace_of_that_type() {
    let mut rig = Rig::new();
    let id = rig.namespace("example.internal");
    let change = json!({"Description": "new", "Properties": {"DnsProperties": {"SOA": {"TTL": 60}}}});
    assert_eq!(rig.code("UpdatePublicDnsNamespace", json!({"Id": id, "Namespace": change})), "InvalidInput");
    rig.finish("UpdatePrivateDnsNamespace", json!({"Id": id, "Namespace": change}), "NAMESPACE");
    let found = rig.call("GetNamespace", json!({"Id": id}))["Namespace"].take();
    assert_eq!(found["Description"], "new");
    assert_eq!(found["Properties"]["DnsProperties"]["SOA"]["TTL"], 60);
}

#[test]
fn names_that_no_namespace_can_have_are_refused() {
    let rig = Rig::new();
    let long = "a".repeat(64);
    for name in ["", "a..b", "with space", "arn:aws:x", &long] {
        let request = json!({"Name": name, "Vpc": "vpc-1"});
        assert_eq!(rig.code("CreatePrivateDnsNamespace", request), "InvalidInput", "{name}");
    }
    assert_eq!(rig.code("CreatePrivateDnsNamespace", json!({"Name": "a"})), "InvalidInput", "no VPC");
}

#[test]
fn a_region_has_fifty_namespaces_and_they_are_listed_by_filter_in_pages() {
    let mut rig = Rig::new();
    for number in 0..49 {
        rig.finish("CreateHttpNamespace", json!({"Name": format!("main-{number}")}), "NAMESPACE");
    }
    rig.namespace("example.internal");
    let one_more = json!({"Name": "one-more"});
    assert_eq!(rig.code("CreateHttpNamespace", one_more), "ResourceLimitExceeded");

    let list = |filters| {
        rig.call("ListNamespaces", json!({"Filters": filters}))["Namespaces"].as_array().unwrap().len()
    };
    assert_eq!(list(json!([])), 50);
    assert_eq!(list(json!([{"Name": "TYPE", "Values": ["HTTP"]}])), 49);
    assert_eq!(list(json!([{"Name": "TYPE", "Values": ["HTTP", "DNS_PRIVATE"], "Condition": "IN"}])), 50);
    assert_eq!(list(json!([{"Name": "NAME", "Values": ["main-4"], "Condition": "BEGINS_WITH"}])), 10);
    assert_eq!(list(json!([{"Name": "HTTP_NAME", "Values": ["example.internal"]}])), 1);
    assert_eq!(list(json!([{"Name": "RESOURCE_OWNER", "Values": ["OTHER_ACCOUNTS"]}])), 0);
    let wrong = json!({"Filters": [{"Name": "NAME", "Values": ["a", "b"]}]});
    assert_eq!(rig.code("ListNamespaces", wrong), "InvalidInput");

    let (mut seen, mut token) = (0, None);
    loop {
        let mut request = json!({"MaxResults": 20});
        if let Some(token) = token {
            request["NextToken"] = token;
        }
        let mut page = rig.call("ListNamespaces", request);
        seen += page["Namespaces"].as_array().unwrap().len();
        match page["NextToken"].take() {
            serde_json::Value::Null => break,
            next => token = Some(next),
        }
    }
    assert_eq!(seen, 50);
    assert_eq!(rig.code("ListNamespaces", json!({"NextToken": "no token"})), "InvalidInput");
}

#[test]
fn tags_are_added_replaced_and_taken_away_and_fifty_are_the_most() {
    let mut rig = Rig::new();
    let id = rig.namespace("example.internal");
    let arn = format!("arn:aws:servicediscovery:us-east-1:123456789012:namespace/{id}");
    let tags: Vec<_> = (0..50).map(|n| json!({"Key": format!("k{n}"), "Value": "v"})).collect();
    rig.call("TagResource", json!({"ResourceARN": arn, "Tags": tags}));
    let one_more = json!({"ResourceARN": arn, "Tags": [{"Key": "more", "Value": "v"}]});
    let (code, members) = rig.refused("TagResource", one_more);
    assert_eq!((code.as_str(), &members["ResourceName"]), ("TooManyTagsException", &json!(arn)));
    let keys: Vec<_> = (1..50).map(|n| format!("k{n}")).collect();
    rig.call("UntagResource", json!({"ResourceARN": arn, "TagKeys": keys}));
    rig.call("TagResource", json!({"ResourceARN": arn, "Tags": [{"Key": "k0", "Value": "new"}]}));
    let left = rig.call("ListTagsForResource", json!({"ResourceARN": arn}));
    assert_eq!(left["Tags"], json!([{"Key": "k0", "Value": "new"}]));
    let elsewhere = json!({"ResourceARN": arn.replace("ns-", "ns-x")});
    assert_eq!(rig.code("ListTagsForResource", elsewhere), "ResourceNotFoundException");
}
