//! A plain client of the AWS JSON protocol, for the test's own eyes: unsigned, which the local ECS allows.

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};

type Http = Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>;

/// An HTTP client for loopback.
pub fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

/// The local ECS at an address.
#[derive(Debug, Clone)]
pub struct Ecs {
    endpoint: String,
    http: Http,
    authorization: Option<&'static str>,
}

impl Ecs {
    /// At `endpoint`, such as `http://127.0.0.1:4100`.
    pub fn new(endpoint: &str) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), http: http(), authorization: None }
    }

    /// As ECS alone at an emulator that tells APIs apart by what a signature is for, and checks none.
    #[must_use]
    pub fn with_scope(self) -> Self {
        let scope = "AWS4-HMAC-SHA256 Credential=example/20261125/us-east-1/ecs/aws4_request";
        Self { authorization: Some(scope), ..self }
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// One call of ECS; an error answer is an error.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value> {
        self.target(&format!("AmazonEC2ContainerServiceV20141113.{operation}"), input).await
    }

    /// One call of any API.
    pub async fn target(&self, target: &str, input: Value) -> Result<Value> {
        let mut request = http::Request::post(format!("{}/", self.endpoint))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target);
        if let Some(authorization) = self.authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(Full::new(Bytes::from(input.to_string())))?;
        let (status, body) = send(&self.http, request).await?;
        ensure!(status.is_success(), "{target} answered {status}: {body}");
        Ok(body)
    }

    /// The service as DescribeServices shows it.
    pub async fn service(&self, name: &str) -> Result<Value> {
        let answer = self
            .call("DescribeServices", json!({"cluster": "dev", "services": [name], "include": ["TAGS"]}))
            .await?;
        answer.pointer("/services/0").cloned().with_context(|| format!("no service {name}: {answer}"))
    }

    /// The number of revisions that were ever registered in a family.
    pub async fn revisions(&self, family: &str) -> Result<usize> {
        let answer = self.call("ListTaskDefinitions", json!({"familyPrefix": family})).await?;
        Ok(answer["taskDefinitionArns"].as_array().map_or(0, Vec::len))
    }

    /// Every deployment that ECS ever started for the service.
    pub async fn service_deployments(&self, name: &str) -> Result<Vec<Value>> {
        let answer = self.call("ListServiceDeployments", json!({"cluster": "dev", "service": name})).await?;
        Ok(answer["serviceDeployments"].as_array().cloned().unwrap_or_default())
    }

    /// The service's tasks that are meant to run.
    pub async fn tasks(&self, service: &str) -> Result<Vec<Value>> {
        let answer = self.call("ListTasks", json!({"cluster": "dev", "serviceName": service})).await?;
        let arns = answer["taskArns"].clone();
        if arns.as_array().is_none_or(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let answer = self.call("DescribeTasks", json!({"cluster": "dev", "tasks": arns})).await?;
        Ok(answer["tasks"].as_array().cloned().unwrap_or_default())
    }

    /// The addresses of the service's healthy tasks.
    pub async fn healthy_addresses(&self, service: &str) -> Result<Vec<String>> {
        let healthy = |task: &&Value| {
            task["lastStatus"] == "RUNNING"
                && task["desiredStatus"] == "RUNNING"
                && task["healthStatus"] == "HEALTHY"
        };
        Ok(self.tasks(service).await?.iter().filter(healthy).filter_map(address).collect())
    }
}

/// A task's own address.
fn address(task: &Value) -> Option<String> {
    let interface = task.pointer("/containers/0/networkInterfaces/0/privateIpv4Address")?;
    interface.as_str().map(str::to_owned)
}

/// Sends a request and reads the whole answer as JSON, or as a string where it is none.
pub async fn send(http: &Http, request: http::Request<Full<Bytes>>) -> Result<(http::StatusCode, Value)> {
    let uri = request.uri().clone();
    let answer = http.request(request).await.with_context(|| format!("no answer from {uri}"))?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}
