//! Faults, the recorder, the raw wire, and the connector under the SDK.

use std::{sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use coxswain_ecs_shapes::ecs;
use coxswain_local_aws::{Clock, Config, ConnectionCut, Fault, InProcess};
use http::Request;
use serde_json::{Value, json};

use crate::lab::{Lab, create_request};

fn request(operation: &str, body: &Value) -> Request<Bytes> {
    let target = format!("{}.{operation}", ecs().target_prefix);
    Request::post("/").header("x-amz-target", target).body(Bytes::from(body.to_string())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_is_refused_as_aws_does_and_has_no_effect() {
    let lab = Lab::start().await;
    lab.local.add_fault("throttle:CreateCluster:first=1".parse().unwrap());
    let answer = lab.refused("CreateCluster", json!({"clusterName": "other"})).await;
    assert_eq!(answer, ("ThrottlingException".to_owned(), "Rate exceeded".to_owned()));
    let list = lab.call("ListClusters", json!({})).await;
    assert_eq!(list["clusterArns"].as_array().unwrap().len(), 1);
    lab.call("CreateCluster", json!({"clusterName": "other"})).await;
}

#[tokio::test(start_paused = true)]
async fn buckets_throttle_a_group_of_actions_until_they_fill_again() {
    let lab = Lab::with(Config { throttles: true, ..Config::default() }).await;
    let describe =
        || lab.local.handle(request("DescribeServices", &json!({"cluster": "main", "services": ["web"]})));
    let mut statuses = Vec::new();
    for _ in 0..101 {
        statuses.push(describe().await.unwrap().status().as_u16());
    }
    assert!(statuses[..100].iter().all(|status| *status == 200) && statuses[100] == 400, "{statuses:?}");
    let (code, _) = lab.refused("ListServices", json!({"cluster": "main"})).await;
    assert_eq!(code, "ThrottlingException");
    lab.call("ListTasks", json!({"cluster": "main"})).await;
    lab.pass(Duration::from_millis(50)).await;
    lab.call("ListServices", json!({"cluster": "main"})).await;
    let throttled = lab.local.requests().iter().filter(|request| request.error.is_some()).count();
    assert_eq!(throttled, 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_error_is_a_500_without_effect() {
    let lab = Lab::start().await;
    lab.local.add_fault("server-error:CreateCluster:first=1".parse().unwrap());
    let answer = lab.local.handle(request("CreateCluster", &json!({"clusterName": "other"}))).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(lab.call("ListClusters", json!({})).await["clusterArns"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_lost_before_or_after_its_effect_or_the_request_comes_twice() {
    for (fault, registered, answers) in
        [("lose-request", 0, false), ("lose-answer", 1, false), ("twice", 2, true)]
    {
        let lab = Lab::start().await;
        lab.local.add_fault(format!("{fault}:RegisterTaskDefinition:first=1").parse().unwrap());
        let body = json!({"family": "web", "containerDefinitions": [{"name": "web", "image": "web:1"}]});
        let answer = lab.local.handle(request("RegisterTaskDefinition", &body)).await;
        assert_eq!(answer.is_ok(), answers, "{fault}");
        if !answers {
            assert_eq!(answer.unwrap_err(), ConnectionCut);
        }
        let list = lab.call("ListTaskDefinitions", json!({})).await;
        assert_eq!(list["taskDefinitionArns"].as_array().unwrap().len(), registered, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_sees_every_request_and_the_recorder_remembers_them() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    lab.local.clear_requests();
    lab.local.on_request(|call| match (call.operation, call.attempt) {
        ("CreateService", 1) => {
            assert_eq!(call.request["serviceName"], "web");
            Fault::LoseAnswer
        }
        _ => Fault::None,
    });
    let body = create_request(&arn, 1, json!({}));
    lab.local.handle(request("CreateService", &body)).await.unwrap_err();
    lab.call("CreateService", body.clone()).await;
    lab.refused("CreateService", create_request(&arn, 2, json!({}))).await;
    let recorded = lab.local.requests();
    let seen: Vec<_> = recorded.iter().map(|one| (one.operation, one.fault, one.error.as_deref())).collect();
    assert_eq!(
        seen,
        [
            ("CreateService", Fault::LoseAnswer, None),
            ("CreateService", Fault::None, None),
            ("CreateService", Fault::None, Some("InvalidParameterException")),
        ]
    );
    assert_eq!(recorded[0].request, body);
    lab.local.clear_faults();
}

#[tokio::test(start_paused = true)]
async fn a_delay_takes_virtual_time() {
    let lab = Lab::start().await;
    lab.local.add_fault("delay=1500:ListClusters".parse().unwrap());
    let before = lab.clock.now();
    lab.call("ListClusters", json!({})).await;
    assert_eq!(lab.clock.now().since(before), Duration::from_millis(1_500));
}

#[tokio::test(start_paused = true)]
async fn faults_and_requests_can_be_managed_over_the_wire() {
    let lab = Lab::start().await;
    let local = |method: &str, path: &str, body: &str| {
        let body = Bytes::from(body.to_owned());
        Request::builder().method(method).uri(format!("/_local/{path}")).body(body).unwrap()
    };
    let ask = |request: Request<Bytes>| async {
        let answer = lab.local.handle(request).await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice::<Value>(answer.body()).unwrap())
    };
    assert_eq!(ask(local("GET", "health", "")).await, (200, json!({"status": "serving"})));
    assert_eq!(ask(local("POST", "faults", "throttle:ListClusters:every=2")).await.0, 200);
    let rule = r#"{"operation": "RunTask", "fault": "lose-answer", "when": {"first": 1}}"#;
    let (_, rules) = ask(local("POST", "faults", rule)).await;
    assert_eq!(rules["faults"].as_array().unwrap().len(), 2);
    lab.call("ListClusters", json!({})).await;
    lab.refused("ListClusters", json!({})).await;
    assert_eq!(ask(local("DELETE", "faults", "")).await, (200, json!({"faults": [], "eventFaults": []})));
    lab.call("ListClusters", json!({})).await;
    assert_eq!(ask(local("GET", "counts", "")).await.1["counts"]["ListClusters"], 3);
    let (_, requests) = ask(local("GET", "requests", "")).await;
    assert_eq!(requests["requests"][1]["operation"], "ListClusters");
    let (status, message) = ask(local("POST", "faults", "burn:everything")).await;
    assert_eq!(status, 400);
    assert!(message["message"].as_str().unwrap().contains("lose-answer"));
    assert_eq!(ask(local("GET", "nothing", "")).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_is_refused_as_one() {
    let lab = Lab::start().await;
    let prefix = ecs().target_prefix;
    for (target, body, code) in [
        ("nonsense".to_owned(), "{}", "UnknownOperationException"),
        ("Moon_20200101.Land".to_owned(), "{}", "UnknownOperationException"),
        (format!("{prefix}.Land"), "{}", "UnknownOperationException"),
        (format!("{prefix}.ListClusters"), "{", "SerializationException"),
        (format!("{prefix}.ListClusters"), "[]", "SerializationException"),
        (format!("{prefix}.ListClusters"), "7", "SerializationException"),
        (format!("{prefix}.CreateDaemon"), r#"{"daemonName": "x"}"#, "UnsupportedFeatureException"),
    ] {
        let (status, answer) = lab.send(&target, body).await;
        let code_given = answer["__type"].as_str().unwrap();
        // What lacks a required member is refused for that before it is found not to be done.
        let expected = if code_given == "InvalidParameterException" { code_given } else { code };
        assert_eq!((status, code_given), (400, expected), "{target} {body} {answer}");
    }
    let (status, _) = lab.send(&format!("{prefix}.ListClusters"), "").await;
    assert_eq!(status, 200, "an empty body is an empty request");
}

#[tokio::test(start_paused = true)]
async fn the_sdks_connector_is_answered_in_process_in_virtual_time() {
    let lab = Lab::start().await;
    let connector = InProcess::new(Arc::clone(&lab.local)).with_latency(Duration::from_millis(20));
    let ask = |operation: &str| {
        let mut request = HttpRequest::new(SdkBody::from("{}"));
        request.set_method("POST").unwrap();
        request.set_uri("http://localhost/").unwrap();
        request.headers_mut().insert("x-amz-target", format!("{}.{operation}", ecs().target_prefix));
        connector.call(request)
    };
    let before = lab.clock.now();
    let answer = ask("ListClusters").await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers().get("content-type"), Some("application/x-amz-json-1.1"));
    let body: Value = serde_json::from_slice(answer.body().bytes().unwrap()).unwrap();
    assert_eq!(body["clusterArns"].as_array().unwrap().len(), 1);
    assert_eq!(lab.clock.now().since(before), Duration::from_millis(20));
    lab.local.add_fault("lose-answer:ListClusters".parse().unwrap());
    assert!(ask("ListClusters").await.unwrap_err().is_io());
}
