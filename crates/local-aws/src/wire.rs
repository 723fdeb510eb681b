//! The wire: AWS JSON 1.1 in, AWS JSON 1.1 out.
//!
//! A request names API and operation in `X-Amz-Target`; its body is the operation's input. Signatures
//! are not checked: whoever reaches a local ECS may use it.

use std::iter;

use bytes::Bytes;
use coxswain_ecs_shapes::{Api, Operation, ecs};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT},
};
use serde_json::{Map, Value, json};

use crate::{
    admin, error::ApiError, fault::Fault, local::LocalAws, neighbour::Neighbour, recorder, validate,
};

/// The connection was cut: no answer comes, whether or not the request had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was cut before an answer came")]
pub struct ConnectionCut;

/// One request, checked by the table.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) operation: &'static Operation,
    /// An object.
    pub(crate) request: Value,
}

impl LocalAws {
    /// Serves one request: the whole wire.
    ///
    /// # Errors
    /// [`ConnectionCut`] where a fault asks for it; every refusal is an answer.
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ConnectionCut> {
        if let Some(path) = request.uri().path().strip_prefix("/_local") {
            return Ok(admin::answer(self, request.method(), path, request.body()));
        }
        if let Some(answer) = self.answer_task(request.method(), request.uri().path(), request.body()) {
            return Ok(answer);
        }
        let (api, operation, body) = match read(&request, &self.neighbours) {
            Ok(parts) => parts,
            Err(error) => return Ok(self.respond(Err(error))),
        };
        let names = (api.service, operation.name);
        if let Some(journal) = &self.journal {
            let client = request.headers().get(USER_AGENT).and_then(|client| client.to_str().ok());
            journal.note(names, client, &recorder::without_secrets(operation.input, &body));
        }
        let fault = self.faults.choose(api.service, operation.name, &body);
        if let Some(delay) = fault.delay() {
            tokio::time::sleep(delay).await;
        }
        let call = || self.call(api, operation, &body);
        let outcome = match fault {
            Fault::Throttle => Some(Err(ApiError::throttled())),
            Fault::ServerError => Some(Err(ApiError::server("Service Unavailable. Please try again later."))),
            Fault::LoseRequest => None,
            Fault::LoseAnswer => {
                let _ = call().await;
                None
            }
            Fault::Twice => {
                let _ = call().await;
                Some(call().await)
            }
            Fault::None | Fault::DelayMs(_) => Some(call().await),
        };
        let error = outcome.as_ref().and_then(|outcome| outcome.as_ref().err());
        let error = error.map(|error| error.code.clone().into_owned());
        self.recorder.record(self.clock.now(), (api.service, operation), &body, fault, error);
        outcome.map(|outcome| self.respond(outcome)).ok_or(ConnectionCut)
    }

    async fn call(&self, api: &Api, operation: &'static Operation, body: &Value) -> Result<Value, ApiError> {
        if let Some(neighbour) =
            self.neighbours.iter().find(|neighbour| neighbour.api().service == api.service)
        {
            let request = validate::request(operation.input, body, neighbour.refusal())?;
            return neighbour.call(operation.name, &request, self).await;
        }
        let now = self.clock.now();
        if self.throttle.as_ref().is_some_and(|buckets| !buckets.take(operation.name, now)) {
            return Err(ApiError::throttled());
        }
        // Whether a request is right matters only where somebody would serve it.
        if !crate::ecs::is_done(operation.name) {
            return Err(not_done(api.service, operation.name));
        }
        let request = validate::request(operation.input, body, validate::OF_ECS)?;
        let answer = crate::ecs::call(&mut self.state(), &Checked { operation, request }, now)?;
        self.wake();
        Ok(answer)
    }

    fn respond(&self, outcome: Result<Value, ApiError>) -> Response<Bytes> {
        let (status, body) = match outcome {
            Ok(answer) => (StatusCode::OK, answer),
            Err(ApiError { code, message, status }) => (status, json!({"__type": code, "message": message})),
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        if let Ok(id) = HeaderValue::from_str(&self.next_request_id()) {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }
}

/// Which operation is asked, with which body.
fn read(
    request: &Request<Bytes>,
    neighbours: &[Box<dyn Neighbour>],
) -> Result<(&'static Api, &'static Operation, Value), ApiError> {
    let unknown = |text: String| ApiError::new("UnknownOperationException", text);
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.ok_or_else(|| unknown("The header X-Amz-Target names no operation".into()))?;
    let (prefix, name) = target.split_once('.').ok_or_else(|| unknown(format!("No operation: {target}")))?;
    let api = iter::once(ecs())
        .chain(neighbours.iter().map(|neighbour| neighbour.api()))
        .find(|api| api.target_prefix == prefix);
    let api = api.ok_or_else(|| unknown(format!("The local AWS does not know the API {prefix}")))?;
    let operation = api.operation(name);
    let operation = operation.ok_or_else(|| unknown(format!("{} has no operation {name}", api.service)))?;
    let body = request.body();
    let body = if body.is_empty() {
        Value::Object(Map::new())
    } else {
        serde_json::from_slice(body).map_err(|error| {
            ApiError::new("SerializationException", format!("The body is no JSON: {error}"))
        })?
    };
    Ok((api, operation, body))
}

/// The honest answer for an operation of the model that is not done here.
pub(crate) fn not_done(service: &str, operation: &str) -> ApiError {
    let why = crate::ecs::why_not(operation).map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!("This local AWS does not do {service}'s {operation}{why}");
    ApiError::new("UnsupportedFeatureException", text)
}
