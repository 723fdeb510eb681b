//! The wire: AWS JSON 1.1 in, AWS JSON 1.1 out.
//!
//! A request names API and operation in `X-Amz-Target`; its body is the operation's input. Signatures
//! are not checked: whoever reaches a local ECS may use it.

use bytes::Bytes;
use coxswain_ecs_shapes::{Api, Operation, ecr, ecs, logs, ssm};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT},
};
use serde_json::{Map, Value, json};

use crate::{admin, error::ApiError, fault::Fault, local::LocalAws, recorder, validate};

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
        let (api, operation, body) = match read(&request) {
            Ok(parts) => parts,
            Err(error) => return Ok(self.respond(Err(error))),
        };
        let names = (api.service, operation.name);
        if let Some(journal) = &self.journal {
            let client = request.headers().get(USER_AGENT).and_then(|client| client.to_str().ok());
            journal.note(names, client, &recorder::without_secrets(api.service, &body));
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
                let _ = call();
                None
            }
            Fault::Twice => {
                let _ = call();
                Some(call())
            }
            Fault::None | Fault::DelayMs(_) => Some(call()),
        };
        let error = outcome.as_ref().and_then(|outcome| outcome.as_ref().err());
        let error = error.map(|error| error.code.clone().into_owned());
        self.recorder.record(self.clock.now(), names, &body, fault, error);
        outcome.map(|outcome| self.respond(outcome)).ok_or(ConnectionCut)
    }

    fn call(&self, api: &Api, operation: &'static Operation, body: &Value) -> Result<Value, ApiError> {
        let bucket = self.throttle.as_ref().filter(|_| api.service == ecs().service);
        if bucket.is_some_and(|bucket| !bucket.take(operation.name, self.clock.now())) {
            return Err(ApiError::throttled());
        }
        // Whether a request is right matters only where somebody would serve it.
        if api.service == ecs().service && !crate::ecs::is_done(operation.name) {
            return Err(not_done(api.service, operation.name));
        }
        let request = validate::request(operation.input, body).map_err(|error| in_words_of(api, error))?;
        let now = self.clock.now();
        if api.service == ssm().service {
            return self.parameters().call(operation.name, &request, now);
        }
        if api.service == logs().service {
            let streams = self.state().log_streams.group(crate::logs::group_name(&request)?).cloned();
            // Outside the lock: the driver has its own.
            return crate::logs::call(operation.name, &request, streams.as_ref(), &|stream| {
                self.driver.logs(&stream.task_id, &stream.container, usize::MAX)
            });
        }
        if api.service == ecr().service {
            return self.registries.call(operation.name, &request, self.driver.as_ref());
        }
        let checked = Checked { operation, request };
        if api.service == ecs().service {
            let answer = crate::ecs::call(&mut self.state(), &checked, now)?;
            self.wake();
            return Ok(answer);
        }
        Err(not_done(api.service, operation.name))
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
fn read(request: &Request<Bytes>) -> Result<(&'static Api, &'static Operation, Value), ApiError> {
    let unknown = |text: String| ApiError::new("UnknownOperationException", text);
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.ok_or_else(|| unknown("The header X-Amz-Target names no operation".into()))?;
    let (prefix, name) = target.split_once('.').ok_or_else(|| unknown(format!("No operation: {target}")))?;
    let api = apis().into_iter().find(|api| api.target_prefix == prefix);
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

/// The APIs that are routed here.
fn apis() -> [&'static Api; 4] {
    [ecs(), ssm(), logs(), ecr()]
}

/// ECS calls a request that its model refuses an `InvalidParameterException`; Systems Manager has
/// the name that most of AWS's APIs use.
fn in_words_of(api: &Api, error: ApiError) -> ApiError {
    if api.service == ssm().service && error.code == "InvalidParameterException" {
        return ApiError::new("ValidationException", error.message);
    }
    error
}

/// The honest answer for an operation of the model that is not done here.
pub(crate) fn not_done(service: &str, operation: &str) -> ApiError {
    let why = crate::ecs::why_not(operation).map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!("This local AWS does not do {service}'s {operation}{why}");
    ApiError::new("UnsupportedFeatureException", text)
}
