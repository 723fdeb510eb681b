//! The part of the wire that AWS does not have: faults and what was asked, under `/_local/`.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{fault::FaultRule, local::LocalAws};

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
        _ => (StatusCode::NOT_FOUND, json!({"message": "There are health, requests, counts and faults"})),
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
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
