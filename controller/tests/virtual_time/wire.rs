//! One request over a real socket: an SDK without its HTTP client compiles, and fails only here.

use std::sync::Arc;

use coxswain_controller::aws::{Aws, Failure, Location, Operation, SdkAws};
use coxswain_runtime::SystemClock;
use serde_json::json;

use crate::stage::Stage;

fn location(url: String) -> Location {
    Location {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(url),
        example_credentials: true,
        http_client: None,
    }
}

#[tokio::test]
async fn the_sdk_reaches_an_endpoint_over_http_and_gives_its_answer_as_it_came() {
    let stage = Stage::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = stage.local.clone().server();
    let server = tokio_util::task::TaskTracker::new();
    let serving = server.spawn(async move { axum::serve(listener, router).await });

    let aws = SdkAws::connect(location(url), Arc::new(SystemClock)).await;
    let input = json!({"cluster": "dev", "services": ["nothing"]});
    let answer = aws.call(Operation::DescribeServices, input).await.unwrap();
    assert_eq!(answer["failures"][0]["reason"], "MISSING");

    let input = json!({"cluster": "none", "services": ["nothing"]});
    let error = aws.call(Operation::DescribeServices, input).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.request_id.is_some());

    let input = json!({"Names": ["/gone"], "WithDecryption": false});
    let answer = aws.call(Operation::GetParameters, input).await.unwrap();
    assert_eq!(answer["InvalidParameters"][0], "/gone");
    serving.abort();
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let aws = SdkAws::connect(location(url), Arc::new(SystemClock)).await;
    let error = aws.call(Operation::UpdateService, json!({"service": "api"})).await.unwrap_err();
    assert!(matches!(error.failure, Failure::Unavailable { .. }), "{error:?}");
}
