//! The wire: AWS JSON in, AWS JSON out, or Smithy's RPC v2 CBOR both ways, or a form in and XML out.
//!
//! A request of AWS JSON names API and operation in `X-Amz-Target`, one of RPC v2 CBOR in its path, a form
//! in itself ([`query`]); its body is the operation's input. Signatures are not checked: whoever reaches a
//! local ECS may use it.

use std::{iter, net::SocketAddr};

use axum::extract::ConnectInfo;
use bytes::Bytes;
use coxswain_ecs_shapes::{Api, Operation, ecs};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT},
};
use serde_json::{Map, Value};

use crate::{
    admin,
    answer::Answer,
    caller::{Doorkeeper, Identity},
    cbor,
    config::Config,
    error::ApiError,
    events::Caller,
    fault::Fault,
    local::LocalAws,
    neighbour::Neighbour,
    query, recorder, validate,
    world::World,
};

/// The connection was cut: no answer comes, whether or not the request had its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was cut before an answer came")]
pub struct ConnectionCut;

/// In which protocol a request came, and its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Json,
    Cbor,
    Query,
}

impl Protocol {
    fn of(request: &Request<Bytes>) -> Self {
        if query::is_asked(request.headers()) {
            return Self::Query;
        }
        let named = request.headers().get("smithy-protocol");
        if named.is_some_and(|name| name.as_bytes() == CBOR.as_bytes()) { Self::Cbor } else { Self::Json }
    }
}

/// The name of RPC v2 CBOR in the header `smithy-protocol`.
const CBOR: &str = "rpc-v2-cbor";

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
            return Ok(admin::answer(self, &request, path));
        }
        if let Some(answer) = self.answer_task(request.method(), request.uri().path(), request.body()) {
            return Ok(answer);
        }
        let protocol = Protocol::of(&request);
        let who = match self.doorkeeper().identify(&request) {
            Ok(who) => who,
            Err(error) => return Ok(self.respond(protocol, None, Err(error))),
        };
        self.serve(&who, protocol, &request).await
    }

    fn doorkeeper(&self) -> Doorkeeper<'_> {
        let Config { account, region, access_keys: keys, .. } = &self.config;
        Doorkeeper { account, region, keys }
    }

    /// Serves a request of an API in its caller's world.
    async fn serve(
        &self,
        who: &Identity,
        protocol: Protocol,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, ConnectionCut> {
        let found = self.world(&who.account, &who.region).and_then(|world| {
            let parts = read(request, protocol, &world.neighbours)?;
            Ok((world, parts))
        });
        let (world, (api, operation, body)) = match found {
            Ok(found) => found,
            Err(error) => return Ok(self.respond(protocol, None, Err(error))),
        };
        let names = (api.service, operation.name);
        let client = request.headers().get(USER_AGENT).and_then(|client| client.to_str().ok());
        if let Some(journal) = &self.journal {
            journal.request(names, client, &recorder::without_secrets(operation.input, &body));
        }
        let fault = self.faults.choose(api.service, operation.name, &body);
        if let Some(delay) = fault.delay() {
            tokio::time::sleep(delay).await;
        }
        let call = || async {
            let outcome = world.call(api, operation, &body, who).await;
            if api.service == ecs().service && world.bus.is_heard() {
                let asked = recorder::without_secrets(operation.input, &body);
                world.tell_of_call((operation.name, &asked), &caller(request), &outcome);
            }
            outcome
        };
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
            Fault::None | Fault::DelayMs(_) | Fault::DelayBetweenMs(..) => Some(call().await),
        };
        if let (Some(journal), Some(outcome)) = (&self.journal, &outcome) {
            let clean =
                outcome.as_ref().map(|answer| recorder::without_secrets(operation.output, &answer.tree()));
            journal.answer(names, client, clean);
        }
        let error = outcome.as_ref().and_then(|outcome| outcome.as_ref().err());
        let error = error.map(|error| error.code.clone().into_owned());
        let place = (world.account.as_str(), world.region.as_str());
        self.recorder.record(self.clock.now(), place, (api.service, operation), &body, fault, error);
        let asked = Some((api, operation));
        outcome.map(|outcome| self.respond(protocol, asked, outcome)).ok_or(ConnectionCut)
    }

    fn respond(
        &self,
        protocol: Protocol,
        asked: Option<(&Api, &Operation)>,
        outcome: Result<Answer, ApiError>,
    ) -> Response<Bytes> {
        if protocol == Protocol::Query {
            let outcome = outcome.map(Answer::into_tree);
            return query::respond(asked, outcome, &self.next_request_id());
        }
        let mut status = StatusCode::OK;
        let mut query_code = None;
        let (shape, answer) = match outcome {
            Ok(answer) => (asked.map(|(_, operation)| operation.output), answer),
            Err(error) => {
                status = error.status;
                query_code = asked.and_then(|(api, _)| self.home.neighbour(api)?.query_code(&error.code));
                // RPC v2 wants the code with its namespace; every client cuts that off again.
                let service = asked.filter(|_| protocol == Protocol::Cbor).map(|(api, _)| api.service);
                (None, error.into_answer(service).into())
            }
        };
        let body = match protocol {
            Protocol::Json | Protocol::Query => answer.into_text(),
            Protocol::Cbor => cbor::encode(shape, &answer.into_tree()).unwrap_or_else(|error| {
                tracing::error!(%error, "an answer cannot be written as CBOR");
                status = StatusCode::INTERNAL_SERVER_ERROR;
                Vec::new()
            }),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let version = asked.map(|(api, _)| api.json_version);
        let content_type = match protocol {
            Protocol::Json if version == Some("1.0") => "application/x-amz-json-1.0",
            Protocol::Json | Protocol::Query => "application/x-amz-json-1.1",
            Protocol::Cbor => "application/cbor",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if protocol == Protocol::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static(CBOR));
        }
        if let Some(code) = query_code
            && let Ok(code) = HeaderValue::from_str(&format!("{code};{}", fault_of(status)))
        {
            headers.insert("x-amzn-query-error", code);
        }
        if let Ok(id) = HeaderValue::from_str(&self.next_request_id()) {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }
}

/// Whether an operation changes nothing, so that nobody need be woken for it.
fn reads(operation: &str) -> bool {
    ["Describe", "Get", "List"].iter().any(|verb| operation.starts_with(verb))
}

/// Who sent a request, as far as it and its connection say.
fn caller(request: &Request<Bytes>) -> Caller {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    Caller::of(request.headers(), address)
}

/// Whose fault an error is, in the query protocol's words.
fn fault_of(status: StatusCode) -> &'static str {
    if status.is_server_error() { "Receiver" } else { "Sender" }
}

impl World {
    async fn call(
        &self,
        api: &Api,
        operation: &'static Operation,
        body: &Value,
        who: &Identity,
    ) -> Result<Answer, ApiError> {
        if let Some(neighbour) = self.neighbour(api) {
            let body = neighbour.amended(operation.name, body);
            let request = validate::request(operation.input, &body, neighbour.refusal())?;
            return neighbour.call(operation.name, &request, who, self).await.map(Answer::Tree);
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
        if !reads(operation.name) {
            self.deliver();
            self.wake();
        }
        Ok(answer)
    }

    fn neighbour(&self, api: &Api) -> Option<&dyn Neighbour> {
        let found = self.neighbours.iter().find(|neighbour| neighbour.api().service == api.service);
        found.map(AsRef::as_ref)
    }
}

/// Which operation is asked, with which body.
fn read(
    request: &Request<Bytes>,
    protocol: Protocol,
    neighbours: &[Box<dyn Neighbour>],
) -> Result<(&'static Api, &'static Operation, Value), ApiError> {
    let apis = || iter::once(ecs()).chain(neighbours.iter().map(|neighbour| neighbour.api()));
    let unknown = |text: String| ApiError::new("UnknownOperationException", text);
    let (prefix, name) = match protocol {
        Protocol::Query => return query::read(request.body(), apis()),
        Protocol::Json => {
            let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
            let target =
                target.ok_or_else(|| unknown("The header X-Amz-Target names no operation".into()))?;
            target.split_once('.').ok_or_else(|| unknown(format!("No operation: {target}")))?
        }
        Protocol::Cbor => {
            let path = request.uri().path();
            let named = path.strip_prefix("/service/").and_then(|rest| rest.split_once("/operation/"));
            named.ok_or_else(|| unknown(format!("No operation: {path}")))?
        }
    };
    let api = apis().find(|api| api.target_prefix == prefix && !prefix.is_empty());
    let api = api.ok_or_else(|| unknown(format!("The local AWS does not know the API {prefix}")))?;
    let operation = api.operation(name);
    let operation = operation.ok_or_else(|| unknown(format!("{} has no operation {name}", api.service)))?;
    let body = request.body();
    if body.is_empty() {
        return Ok((api, operation, Value::Object(Map::new())));
    }
    let read = match protocol {
        Protocol::Json | Protocol::Query => {
            serde_json::from_slice(body).map_err(|error| format!("The body is no JSON: {error}"))
        }
        Protocol::Cbor => cbor::decode(body).map_err(|error| format!("The body is no CBOR: {error}")),
    };
    let body = read.map_err(|text| ApiError::new("SerializationException", text))?;
    Ok((api, operation, body))
}

/// The honest answer for an operation of the model that is not done here.
pub(crate) fn not_done(service: &str, operation: &str) -> ApiError {
    let why = crate::ecs::why_not(operation).map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!("This local AWS does not do {service}'s {operation}{why}");
    ApiError::new("UnsupportedFeatureException", text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::{
        clock::{Time, TokioClock},
        scripted::ScriptedDriver,
    };

    async fn send(local: &LocalAws, operation: &str, request: &Value) -> (u16, Value) {
        let request = Request::post(format!("/service/AmazonSSM/operation/{operation}"))
            .header("smithy-protocol", CBOR)
            .body(cbor::encode(None, request).unwrap().into());
        let answer = local.handle(request.unwrap()).await.unwrap();
        for (name, value) in [("content-type", "application/cbor"), ("smithy-protocol", CBOR)] {
            assert_eq!(answer.headers()[name], value);
        }
        (answer.status().as_u16(), cbor::decode(answer.body()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn cbor_names_the_operation_in_its_path_and_is_answered_in_cbor() {
        let clock = Arc::new(TokioClock::starting_at(Time::from_millis(1_795_000_000_000)));
        let (sender, events) = unbounded_channel();
        let driver = ScriptedDriver::new(sender, Arc::clone(&clock) as _);
        let local = LocalAws::new(Config::default(), clock, driver, events);
        let parameter = json!({"Name": "/a", "Value": "1", "Type": "String"});
        let (status, answer) = send(&local, "PutParameter", &parameter).await;
        assert_eq!((status, &answer["Version"]), (200, &json!(1)));
        let (status, answer) = send(&local, "GetParameter", &json!({"Name": "/b"})).await;
        assert_eq!((status, &answer["__type"]), (400, &json!("com.amazonaws.ssm#ParameterNotFound")));
        let (_, answer) = send(&local, "GetMoon", &json!({})).await;
        assert_eq!(answer["__type"], "UnknownOperationException");
        let (_, answer) = send(&local, "GetParameter", &json!({"Name": 1})).await;
        assert_eq!(answer["__type"], "com.amazonaws.ssm#SerializationException");
    }
}
