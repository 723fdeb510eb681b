//! The AWS SDK's HTTP connector, straight into a [`LocalAws`]: no socket, so that time can be paused.

use std::{sync::Arc, time::Duration};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::local::LocalAws;

/// An HTTP client for `aws_sdk_*::config::Builder::http_client` that asks a [`LocalAws`].
#[derive(Debug, Clone)]
pub struct InProcess {
    local: Arc<LocalAws>,
    latency: Duration,
}

impl InProcess {
    /// A client without latency.
    pub fn new(local: Arc<LocalAws>) -> Self {
        Self { local, latency: Duration::ZERO }
    }

    /// Lets every call take so long, half of it before its effect.
    #[must_use]
    pub fn with_latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { local, latency } = self.clone();
        HttpConnectorFuture::new(async move {
            pause(latency / 2).await;
            let answer = local.handle(incoming(&request)?).await;
            pause(latency / 2).await;
            let answer = answer.map_err(|cut| ConnectorError::io(cut.into()))?;
            outgoing(answer)
        })
    }
}

async fn pause(latency: Duration) {
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
}

/// The SDK's request as the wire's.
fn incoming(request: &HttpRequest) -> Result<http::Request<Bytes>, ConnectorError> {
    let body = request.body().bytes().map(Bytes::copy_from_slice);
    let body =
        body.ok_or_else(|| ConnectorError::user("a streaming body is not served in process".into()))?;
    let mut builder = http::Request::builder().method(request.method()).uri(request.uri());
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    builder.body(body).map_err(|error| ConnectorError::user(error.into()))
}

/// The wire's answer as the SDK's.
fn outgoing(answer: http::Response<Bytes>) -> Result<HttpResponse, ConnectorError> {
    let (parts, body) = answer.into_parts();
    let status = StatusCode::try_from(parts.status.as_u16())
        .map_err(|error| ConnectorError::other(error.into(), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            response.headers_mut().insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(response)
}
