//! Service Connect, as far as Cloud Map and the answers of ECS go.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Lab, create_request};

const CONTAINER: &str =
    r#"{"name": "web", "image": "web:1", "portMappings": [{"name": "http", "containerPort": 8080}]}"#;

async fn definition(lab: &Lab) -> String {
    lab.register_container(serde_json::from_str(CONTAINER).unwrap()).await
}

fn connect(namespace: &str) -> Value {
    let alias = json!([{"port": 80, "dnsName": "shop"}]);
    json!({"serviceConnectConfiguration": {"enabled": true, "namespace": namespace,
        "services": [{"portName": "http", "discoveryName": "shop", "clientAliases": alias}]}})
}

async fn discover(lab: &Lab, namespace: &str) -> Vec<Value> {
    let body = json!({"NamespaceName": namespace, "ServiceName": "shop"});
    let mut answer = lab.map("DiscoverInstances", body).await;
    answer["Instances"].as_array_mut().unwrap().drain(..).collect()
}

#[tokio::test(start_paused = true)]
async fn tasks_are_registered_in_the_namespace_by_their_named_port_and_the_deployment_says_where() {
    let lab = Lab::start().await;
    let arn = definition(&lab).await;
    lab.create(&arn, 2, connect("main")).await;
    lab.until_stable().await;
    let primary = lab.primary().await;
    assert_eq!(primary["serviceConnectConfiguration"], connect("main")["serviceConnectConfiguration"]);
    let resource = &primary["serviceConnectResources"][0];
    assert_eq!(resource["discoveryName"], "shop");
    let service = lab.map("GetService", json!({"Id": resource["discoveryArn"]})).await["Service"].take();
    assert_eq!((&service["Type"], &service["Name"]), (&json!("HTTP"), &json!("shop")));
    let found = discover(&lab, "main").await;
    assert_eq!(found.len(), 2);
    for instance in found {
        assert_eq!(instance["Attributes"]["AWS_INSTANCE_PORT"], "8080");
        assert_eq!(instance["Attributes"]["ECS_SERVICE_NAME"], "web");
    }
    let listed = lab.call("ListServicesByNamespace", json!({"namespace": "main"})).await;
    assert_eq!(listed["serviceArns"], json!(["arn:aws:ecs:us-east-1:123456789012:service/main/web"]));

    lab.call("DeleteService", json!({"cluster": "main", "service": "web", "force": true})).await;
    lab.pass(Duration::from_secs(10)).await;
    assert_eq!(lab.map("ListServices", json!({})).await["Services"], json!([]), "its service went with it");
    let listed = lab.call("ListServicesByNamespace", json!({"namespace": "main"})).await;
    assert_eq!(listed["serviceArns"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_clusters_namespace_is_made_with_it_and_is_its_services_default() {
    let lab = Lab::start().await;
    let defaults = json!({"clusterName": "shop", "serviceConnectDefaults": {"namespace": "internal"}});
    let cluster = lab.call("CreateCluster", defaults).await["cluster"].take();
    let namespace = lab.map("ListNamespaces", json!({})).await["Namespaces"][0].take();
    assert_eq!((&namespace["Type"], &namespace["Name"]), (&json!("HTTP"), &json!("internal")));
    assert_eq!(cluster["serviceConnectDefaults"]["namespace"], namespace["Arn"]);
    let arn = definition(&lab).await;
    let mut more = connect("");
    more["serviceConnectConfiguration"].as_object_mut().unwrap().remove("namespace");
    let mut body = create_request(&arn, 1, more);
    body["cluster"] = "shop".into();
    lab.call("CreateService", body).await;
    lab.pass(Duration::from_mins(1)).await;
    assert_eq!(discover(&lab, "internal").await.len(), 1);
    let unknown = json!({"clusterName": "x", "serviceConnectDefaults": {"namespace":
        "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-none"}});
    assert_eq!(lab.refused("CreateCluster", unknown).await.0, "NamespaceNotFoundException");
}

type Change = fn(&mut Value);

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused() {
    let lab = Lab::start().await;
    let arn = definition(&lab).await;
    let with = |change: Change| {
        let mut more = connect("main");
        change(&mut more["serviceConnectConfiguration"]);
        create_request(&arn, 1, more)
    };
    let cases: [(Change, &str); 5] = [
        (|connect| connect["namespace"] = Value::Null, "needs a namespace"),
        (|connect| connect["services"][0]["portName"] = "grpc".into(), "no port mapping"),
        (|connect| connect["services"][0]["discoveryName"] = "Shop".into(), "lowercase letters"),
        (
            |connect| connect["services"][0]["clientAliases"] = json!([{"port": 80}, {"port": 81}]),
            "at most 1 items",
        ),
        (
            |connect| {
                let service = connect["services"][0].clone();
                connect["services"] = json!([service, service]);
            },
            "used twice",
        ),
    ];
    for (change, told) in cases {
        let (code, text) = lab.refused("CreateService", with(change)).await;
        assert_eq!(code, "InvalidParameterException", "{text}");
        assert!(text.contains(told), "{text}");
    }
    let none = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-none";
    let (code, _) = lab.refused("CreateService", create_request(&arn, 1, connect(none))).await;
    assert_eq!(code, "NamespaceNotFoundException");
}
