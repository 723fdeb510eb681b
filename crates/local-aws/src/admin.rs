//! The part of the wire that AWS does not have: faults and what was asked, under `/_local/`.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    ecs::{HookAnswer, HookAnswerError, HookUrlError},
    fault::FaultRule,
    local::LocalAws,
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
/// | POST `/faults` | adds a rule: its text, or `{"operation", "fault", "when"}` |
/// | DELETE `/faults` | removes every rule |
/// | GET `/alarms` | the CloudWatch alarms that are in ALARM |
/// | POST `/alarms` | sets one: `{"name", "state"}`, `ALARM` or `OK` |
/// | GET `/zones` | the availability zones |
/// | POST `/zones` | loses one or has it back: `{"name", "state"}`, `LOST` or `OK` |
/// | GET `/hooks` | the lifecycle hooks whose functions have not answered |
/// | POST `/hooks` | what a function answers, `{"function", "answers"}`, or where it is asked, `{"function", "url"}` |
/// | POST `/hooks/ID` | answers for a function: `{"hookStatus"}`, `SUCCEEDED` or `FAILED` |
pub(crate) fn answer(local: &LocalAws, method: &Method, path: &str, body: &Bytes) -> Response<Bytes> {
    let (status, body) = match (method.as_str(), path.trim_matches('/')) {
        ("GET", "" | "health") => (StatusCode::OK, json!({"status": "serving"})),
        ("GET", "requests") => (StatusCode::OK, json!({"requests": local.requests()})),
        ("DELETE", "requests") => {
            local.clear_requests();
            (StatusCode::OK, json!({"requests": []}))
        }
        ("GET", "counts") => (StatusCode::OK, json!({"counts": local.faults.attempts()})),
        ("GET", "faults") => (StatusCode::OK, faults(local)),
        ("POST", "faults") => match rule(body) {
            Ok(rule) => {
                local.add_fault(rule);
                (StatusCode::OK, faults(local))
            }
            Err(message) => (StatusCode::BAD_REQUEST, json!({"message": message})),
        },
        ("DELETE", "faults") => {
            local.clear_faults();
            (StatusCode::OK, faults(local))
        }
        ("GET", "alarms") => (StatusCode::OK, json!({"alarms": local.alarms()})),
        ("POST", "alarms") => told(set_alarm(local, body), || json!({"alarms": local.alarms()})),
        ("GET", "zones") => (StatusCode::OK, zones(local)),
        ("POST", "zones") => told(set_zone(local, body), || zones(local)),
        ("GET", "hooks") => (StatusCode::OK, json!({"hooks": local.open_hooks()})),
        ("POST", "hooks") => told(answer_hooks(local, body), || json!({"hooks": local.open_hooks()})),
        ("POST", path) if path.starts_with("hooks/") => {
            let id = path.trim_start_matches("hooks/");
            told(resolve_hook(local, id, body), || json!({"hooks": local.open_hooks()}))
        }
        _ => {
            let there_is = "There are health, requests, counts, faults, alarms, zones and hooks";
            (StatusCode::NOT_FOUND, json!({"message": there_is}))
        }
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
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

fn set_alarm(local: &LocalAws, body: &Bytes) -> Result<(), String> {
    let NamedState { name, state } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    match state.as_str() {
        "ALARM" => local.set_alarm(&name, true),
        "OK" => local.set_alarm(&name, false),
        other => return Err(format!("`{other}` is no state of an alarm: there are ALARM and OK")),
    }
    Ok(())
}

fn zones(local: &LocalAws) -> Value {
    let shown = |(name, is_lost)| json!({"name": name, "state": if is_lost { "LOST" } else { "OK" }});
    json!({"zones": local.zones().into_iter().map(shown).collect::<Vec<_>>()})
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

fn answer_hooks(local: &LocalAws, body: &Bytes) -> Result<(), String> {
    let HookBehaviour { function, answers, url } =
        serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let answers = match (answers, url) {
        (Some(answers), None) => answers,
        (None, Some(url)) => {
            local.ask_hooks(&function, url.parse().map_err(|error: HookUrlError| error.to_string())?);
            return Ok(());
        }
        _ => return Err("write either answers or a url".to_owned()),
    };
    let answers: Result<Vec<HookAnswer>, _> = answers.iter().map(|answer| answer.parse()).collect();
    local.answer_hooks(&function, answers.map_err(|error: HookAnswerError| error.to_string())?);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resolved {
    hook_status: String,
}

fn resolve_hook(local: &LocalAws, id: &str, body: &Bytes) -> Result<(), String> {
    let Resolved { hook_status } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let succeeded = match hook_status.as_str() {
        "SUCCEEDED" => true,
        "FAILED" => false,
        other => return Err(format!("`{other}` decides nothing: there are SUCCEEDED and FAILED")),
    };
    if local.resolve_hook(id, succeeded) { Ok(()) } else { Err(format!("no hook waits under the id {id}")) }
}

fn faults(local: &LocalAws) -> Value {
    json!({"faults": local.faults.rules()})
}

fn rule(body: &Bytes) -> Result<FaultRule, String> {
    if body.starts_with(b"{") {
        return serde_json::from_slice(body).map_err(|error| error.to_string());
    }
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    text.trim().parse().map_err(|error: crate::fault::FaultRuleError| error.to_string())
}
