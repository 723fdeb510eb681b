//! The functions behind lifecycle hooks, asked over HTTP where that is wanted.
//!
//! A call is as one of ECS's: a POST of what ECS tells a function, whose body is what the function returns.
//! It is made once. Where no answer comes, that is the hook's failure, as it is where a function fails.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use crate::{ecs::HookCall, error::chain, exchange::exchange};

/// As long as a function of Lambda may run. Source:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LONGEST_RUN: Duration = Duration::from_mins(15);

/// As much as a function of Lambda may return. Source: the same.
const LONGEST_ANSWER: usize = 6 * 1024 * 1024;

/// Asks a function; returns its hook's id, and what it returned or why it could not be asked.
pub(crate) async fn ask(call: HookCall) -> (String, Result<Value, String>) {
    let returned = match timeout(LONGEST_RUN, post(&call)).await {
        Ok(returned) => returned,
        Err(_) => Err(format!("no answer of {} in 15 minutes", call.url.authority())),
    };
    (call.hook, returned)
}

async fn post(call: &HookCall) -> Result<Value, String> {
    let stream = TcpStream::connect(call.url.address())
        .await
        .map_err(|error| format!("{} not being reached: {error}", call.url.authority()))?;
    let request = Request::post(call.url.path())
        .header(header::HOST, call.url.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(call.event.to_string())))
        .map_err(|error| error.to_string())?;
    let answer = exchange(stream, request, LONGEST_ANSWER).await.map_err(|error| chain(&error))?;
    if !answer.status().is_success() {
        return Err(format!("its answer with HTTP status {}", answer.status().as_u16()));
    }
    // What is no JSON has no hookStatus either.
    Ok(serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
}
