//! The part of the wire that AWS does not have: faults and what was asked, under `/_local/`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    caller::is_region,
    ecs::{HookAnswer, HookAnswerError, HookUrlError},
    events::AnyFaultRule,
    fault::FaultRuleError,
    local::LocalAws,
    session::is_account,
    world::World,
};

/// Serves `/_local` plus `path`.
///
/// | method and path | does |
/// |---|---|
/// | GET `/health` | says that it serves |
/// | GET `/requests` | the last requests, oldest first |
/// | DELETE `/requests` | forgets them |
/// | GET `/counts` | how often each operation was asked |
/// | GET `/faults` | the rules in force |
/// | POST `/faults` | adds a rule: its text, or `{"operation", "fault", "when"}` for requests, `{"detailType", "fault", "when"}` for events |
/// | DELETE `/faults` | removes every rule |
/// | GET `/alarms` | the CloudWatch alarms that are in ALARM |
/// | POST `/alarms` | sets one: `{"name", "state"}`, `ALARM` or `OK`; with `"policy"` it asks a step scaling policy, and `"breach"` says how far its metric is beyond its threshold |
/// | GET `/metrics` | the metrics that were told |
/// | POST `/metrics` | tells one: `{"resourceId", "metric", "value"}`, `null` where there are no data |
/// | GET `/zones` | the availability zones |
/// | POST `/zones` | loses one or has it back: `{"name", "state"}`, `LOST` or `OK` |
/// | GET `/hooks` | the lifecycle hooks whose functions have not answered |
/// | POST `/hooks` | what a function answers, `{"function", "answers"}`, or where it is asked, `{"function", "url"}` |
/// | GET `/balancers` | the listeners of load balancers, with where they are served |
/// | POST `/certificates` | a server certificate: `{"arn", "chain", "key"}`, both in PEM form |
/// | PUT `/objects/BUCKET/KEY` | an object of S3, for trust stores |
/// | GET `/objects/BUCKET/KEY` | the object |
/// | POST `/hooks/ID` | answers for a function: `{"hookStatus"}`, `SUCCEEDED` or `FAILED` |
///
/// Alarms, metrics, zones and hooks are those of the home; of another account and region where the query says
/// `account=` or `region=`. A zone is lost to every account.
pub(crate) fn answer(local: &LocalAws, request: &Request<Bytes>, path: &str) -> Response<Bytes> {
    let object = path.strip_prefix("/objects/").and_then(|path| path.split_once('/'));
    if let (&http::Method::GET, Some((bucket, key))) = (request.method(), object)
        && let Ok(world) = world(local, request.uri().query())
        && let Some(content) = world.balancing.object(bucket, key)
    {
        return Response::new(Bytes::from(content));
    }
    let (status, body) = match world(local, request.uri().query()) {
        Ok(world) => answer_in(local, &world, request, path),
        Err(message) => (StatusCode::BAD_REQUEST, json!({"message": message})),
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The world that a query names.
fn world(local: &LocalAws, query: Option<&str>) -> Result<Arc<World>, String> {
    let (mut account, mut region) = (local.home.account.clone(), local.home.region.clone());
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "account" if is_account(&value) => account = value.into_owned(),
            "region" if is_region(&value) => region = value.into_owned(),
            _ => return Err(format!("`{name}={value}` means nothing here: there are account and region")),
        }
    }
    local.world(&account, &region).map_err(|error| error.message)
}

fn answer_in(local: &LocalAws, world: &World, request: &Request<Bytes>, path: &str) -> (StatusCode, Value) {
    let body = request.body();
    let object = path.strip_prefix("/objects/").and_then(|path| path.split_once('/'));
    match (request.method().as_str(), path.trim_matches('/')) {
        ("GET", "" | "health") => (StatusCode::OK, json!({"status": "serving"})),
        ("GET", "requests") => (StatusCode::OK, json!({"requests": local.requests()})),
        ("DELETE", "requests") => {
            local.clear_requests();
            (StatusCode::OK, json!({"requests": []}))
        }
        ("GET", "counts") => (StatusCode::OK, json!({"counts": local.faults.attempts()})),
        ("GET", "faults") => (StatusCode::OK, faults(local)),
        ("POST", "faults") => told(add_fault(local, body), || faults(local)),
        ("DELETE", "faults") => {
            local.clear_faults();
            (StatusCode::OK, faults(local))
        }
        ("GET", "alarms") => (StatusCode::OK, json!({"alarms": world.alarms()})),
        ("POST", "alarms") => told(set_alarm(world, body), || json!({"alarms": world.alarms()})),
        ("GET", "metrics") => (StatusCode::OK, metrics(world)),
        ("POST", "metrics") => told(set_metric(world, body), || metrics(world)),
        ("GET", "zones") => (StatusCode::OK, zones(world)),
        ("POST", "zones") => told(set_zone(local, body), || zones(world)),
        ("GET", "hooks") => (StatusCode::OK, json!({"hooks": world.open_hooks()})),
        ("POST", "hooks") => told(answer_hooks(world, body), || json!({"hooks": world.open_hooks()})),
        ("POST", path) if path.starts_with("hooks/") => {
            let id = path.trim_start_matches("hooks/");
            told(resolve_hook(world, id, body), || json!({"hooks": world.open_hooks()}))
        }
        ("GET", "balancers") => (StatusCode::OK, local.sockets.show()),
        ("POST", "certificates") => told(put_certificate(world, body), || json!({})),
        ("PUT", _) if object.is_some() => {
            let (bucket, key) = object.unwrap_or_default();
            world.balancing.put_object(bucket, key, body);
            (StatusCode::OK, json!({}))
        }
        _ => {
            let there_is = "There are health, requests, counts, faults, alarms, metrics, zones, hooks, balancers, \
                            certificates and objects";
            (StatusCode::NOT_FOUND, json!({"message": there_is}))
        }
    }
}

/// What is so now, or why it could not be made so.
fn told(outcome: Result<(), String>, now: impl Fn() -> Value) -> (StatusCode, Value) {
    match outcome {
        Ok(()) => (StatusCode::OK, now()),
        Err(message) => (StatusCode::BAD_REQUEST, json!({"message": message})),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedState {
    name: String,
    state: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlarmState {
    name: String,
    state: String,
    policy: Option<String>,
    #[serde(default)]
    breach: f64,
}

fn set_alarm(world: &World, body: &Bytes) -> Result<(), String> {
    let alarm: AlarmState = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let is_in_alarm = match alarm.state.as_str() {
        "ALARM" => true,
        "OK" => false,
        other => return Err(format!("`{other}` is no state of an alarm: there are ALARM and OK")),
    };
    let Some(policy) = alarm.policy else {
        world.set_alarm(&alarm.name, is_in_alarm);
        return Ok(());
    };
    let breach = is_in_alarm.then_some(alarm.breach);
    if world.set_scaling_alarm(&alarm.name, &policy, breach) {
        Ok(())
    } else {
        Err(format!("there is no step scaling policy {policy}"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ToldMetric {
    resource_id: String,
    #[serde(rename = "metric")]
    name: String,
    value: Option<f64>,
}

fn set_metric(world: &World, body: &Bytes) -> Result<(), String> {
    let ToldMetric { resource_id, name, value } =
        serde_json::from_slice(body).map_err(|error| error.to_string())?;
    world.set_metric(&resource_id, &name, value);
    Ok(())
}

fn metrics(world: &World) -> Value {
    let shown = world
        .metrics()
        .into_iter()
        .map(|(resource, metric, value)| json!({"resourceId": resource, "metric": metric, "value": value}));
    json!({"metrics": shown.collect::<Vec<_>>()})
}

fn zones(world: &World) -> Value {
    let shown = |(name, is_lost)| json!({"name": name, "state": if is_lost { "LOST" } else { "OK" }});
    json!({"zones": world.zones().into_iter().map(shown).collect::<Vec<_>>()})
}

fn set_zone(local: &LocalAws, body: &Bytes) -> Result<(), String> {
    let NamedState { name, state } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let is_lost = match state.as_str() {
        "LOST" => true,
        "OK" => false,
        other => return Err(format!("`{other}` is no state of a zone: there are LOST and OK")),
    };
    if local.set_zone(&name, is_lost) { Ok(()) } else { Err(format!("there is no zone {name}")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookBehaviour {
    function: String,
    answers: Option<Vec<String>>,
    url: Option<String>,
}

fn answer_hooks(world: &World, body: &Bytes) -> Result<(), String> {
    let HookBehaviour { function, answers, url } =
        serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let answers = match (answers, url) {
        (Some(answers), None) => answers,
        (None, Some(url)) => {
            world.ask_hooks(&function, url.parse().map_err(|error: HookUrlError| error.to_string())?);
            return Ok(());
        }
        _ => return Err("write either answers or a url".to_owned()),
    };
    let answers: Result<Vec<HookAnswer>, _> = answers.iter().map(|answer| answer.parse()).collect();
    world.answer_hooks(&function, answers.map_err(|error: HookAnswerError| error.to_string())?);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resolved {
    hook_status: String,
}

fn resolve_hook(world: &World, id: &str, body: &Bytes) -> Result<(), String> {
    let Resolved { hook_status } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let succeeded = match hook_status.as_str() {
        "SUCCEEDED" => true,
        "FAILED" => false,
        other => return Err(format!("`{other}` decides nothing: there are SUCCEEDED and FAILED")),
    };
    if world.resolve_hook(id, succeeded) { Ok(()) } else { Err(format!("no hook waits under the id {id}")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Certificate {
    arn: String,
    chain: String,
    key: String,
}

fn put_certificate(world: &World, body: &Bytes) -> Result<(), String> {
    let Certificate { arn, chain, key } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let put = world.balancing.put_certificate(&arn, chain.as_bytes(), key.as_bytes());
    put.map_err(|error| error.to_string())
}

fn faults(local: &LocalAws) -> Value {
    json!({"faults": local.faults.rules(), "eventFaults": local.home.bus.faults()})
}

fn add_fault(local: &LocalAws, body: &Bytes) -> Result<(), String> {
    let rule = if body.starts_with(b"{") {
        let object: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let is_of_events = object.get("detailType").is_some();
        let rule = if is_of_events {
            serde_json::from_value(object).map(AnyFaultRule::Event)
        } else {
            serde_json::from_value(object).map(AnyFaultRule::Request)
        };
        rule.map_err(|error| error.to_string())?
    } else {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|error: FaultRuleError| error.to_string())?
    };
    match rule {
        AnyFaultRule::Request(rule) => local.add_fault(rule),
        AnyFaultRule::Event(rule) => local.add_event_fault(&rule),
    }
    Ok(())
}
