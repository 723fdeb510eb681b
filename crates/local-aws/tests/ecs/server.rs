//! The wire over real sockets, on the loopback interface.

use std::sync::Arc;

use coxswain_ecs_shapes::ecs;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::TaskTracker;

use crate::lab::Lab;

/// Sends one request on a connection of its own and reads until it is closed.
async fn exchange(address: std::net::SocketAddr, operation: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: local\r\nconnection: close\r\nx-amz-target: {}.{operation}\r\n\
         content-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n{body}",
        ecs().target_prefix,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A cut connection may end in an error rather than at the end of file; both are no answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn http_answers_and_a_lost_answer_is_a_connection_closed_without_a_byte() {
    let lab = Lab::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tracker = TaskTracker::new();
    let server = Arc::clone(&lab.local).server();
    let serving = tracker.spawn(async move { axum::serve(listener, server).await });

    let answer = exchange(address, "ListClusters", "{}").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: application/x-amz-json-1.1"), "{answer}");
    assert!(answer.contains("x-amzn-requestid: "), "{answer}");
    assert!(answer.ends_with(r#"{"clusterArns":["arn:aws:ecs:us-east-1:123456789012:cluster/main"]}"#));

    let refused = exchange(address, "ListServices", r#"{"cluster": "none"}"#).await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    assert!(refused.contains(r#""__type":"ClusterNotFoundException""#), "{refused}");

    lab.local.add_fault("lose-answer:CreateCluster:first=1".parse().unwrap());
    assert_eq!(exchange(address, "CreateCluster", r#"{"clusterName": "other"}"#).await, "");
    let answer = exchange(address, "ListClusters", "{}").await;
    assert!(answer.contains("cluster/other"), "it had its effect: {answer}");
    serving.abort();
}
