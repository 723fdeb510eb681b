//! What was declared, and what Cloud Map answered: held to pairs that others published.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use super::Rig;

fn pairs(kind: &str) -> Vec<(String, Value, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live-pairs");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = entries.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(&format!("servicediscovery-{kind}-"))
    });
    let found: Vec<_> = of_kind
        .map(|path| {
            let mut pair: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            (path.display().to_string(), pair["declared"].take(), pair["live"].take())
        })
        .collect();
    assert!(!found.is_empty(), "{kind}");
    found
}

/// Holds what is read back to what was live: ids and ARNs by their form, tags by those that were declared.
fn compare(name: &str, read: &Value, live: &Value, namespace: &str) {
    for (member, value) in live.as_object().unwrap() {
        let read = &read[member];
        match member.as_str() {
            "Id" => assert_eq!(read.as_str().unwrap().len(), value.as_str().unwrap().len(), "{name}"),
            "Arn" => {
                let start = |arn: &Value| arn.as_str().unwrap().rsplit_once('/').unwrap().0.to_owned();
                assert_eq!(start(read), start(value), "{name}");
            }
            "NamespaceId" => assert_eq!(read, namespace, "{name}"),
            "DnsConfig" => assert_eq!(&without_ids(read), &without_ids(value), "{name}"),
            "Tags" => {}
            _ => assert_eq!(read, value, "{name}: {member}"),
        }
    }
}

/// The handler shows an empty DnsConfig where there is none.
fn without_ids(config: &Value) -> Map<String, Value> {
    let mut config = config.as_object().cloned().unwrap_or_default();
    if let Some(id) = config.get_mut("NamespaceId") {
        *id = "named".into();
    }
    config
}

#[test]
fn a_namespace_reads_back_as_a_live_one_did() {
    for (kind, operation) in [
        ("httpnamespace", "CreateHttpNamespace"),
        ("privatednsnamespace", "CreatePrivateDnsNamespace"),
        ("publicdnsnamespace", "CreatePublicDnsNamespace"),
    ] {
        for (name, declared, live) in pairs(kind) {
            let mut rig = Rig::new();
            let id = rig.finish(operation, declared.clone(), "NAMESPACE");
            let read = rig.call("GetNamespace", json!({"Id": id}))["Namespace"].take();
            compare(&name, &read, &live, &id);
            let tags = rig.call("ListTagsForResource", json!({"ResourceARN": read["Arn"]}))["Tags"].take();
            let declared = declared.get("Tags").cloned().unwrap_or(json!([]));
            assert_eq!(tags, declared, "{name}");
            for tag in declared.as_array().unwrap() {
                assert!(live["Tags"].as_array().unwrap().contains(tag), "{name}: {tag}");
            }
        }
    }
}

#[test]
fn a_service_reads_back_as_a_live_one_did() {
    for (name, mut declared, live) in pairs("service") {
        let mut rig = Rig::new();
        let namespace = if live["Type"] == "HTTP" {
            rig.finish("CreateHttpNamespace", json!({"Name": "main"}), "NAMESPACE")
        } else {
            rig.namespace("example.internal")
        };
        declared["NamespaceId"] = namespace.clone().into();
        if declared["DnsConfig"].get("NamespaceId").is_some() {
            declared["DnsConfig"]["NamespaceId"] = namespace.clone().into();
        }
        if live["Type"] == "HTTP" {
            declared.as_object_mut().unwrap().remove("DnsConfig");
        }
        let id = rig.call("CreateService", declared)["Service"]["Id"].clone();
        let read = rig.call("GetService", json!({"Id": id}))["Service"].take();
        compare(&name, &read, &live, &namespace);
    }
}
