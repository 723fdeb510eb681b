//! The reading side of CloudWatch Logs, over what the driver has kept.
//!
//! A stream exists for each container whose task definition sends its output to `awslogs`, under the
//! name that ECS gives it: `PREFIX/CONTAINER/TASK`. A group exists while a stream is in it.
//!
//! # Limits
//!
//! Only what the driver keeps can be read. A filter is a list of terms that all have to occur; JSON
//! and other patterns are refused.

mod filter;
mod position;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::{filter::Terms, position::Position};
use crate::{driver::LogLine, ecs::LogStream, error::ApiError};

/// Most events of a page, and streams of one. Source: the model's limits.
const PAGE_OF_EVENTS: usize = 10_000;
const PAGE_OF_STREAMS: usize = 50;

/// The streams of one group by name.
pub(crate) type Streams = BTreeMap<String, LogStream>;

/// Reads the lines that are kept of a stream, oldest first.
type Read<'a> = &'a dyn Fn(&LogStream) -> Vec<LogLine>;

/// Answers an operation whose request the table has found right.
///
/// `streams` are those of the request's [group](group_name), `None` where there is no such group.
pub(crate) fn call(
    operation: &str,
    input: &Value,
    streams: Option<&Streams>,
    read: Read<'_>,
) -> Result<Value, ApiError> {
    let streams = streams.ok_or_else(|| not_found("log group"))?;
    let read: Read<'_> = &|stream| {
        let mut lines = read(stream);
        // An event has a character at least (the model's EventMessage), so that an empty line makes none.
        lines.retain(|line| !line.message.is_empty());
        lines
    };
    match operation {
        "GetLogEvents" => get_log_events(input, streams, read),
        "FilterLogEvents" => filter_log_events(input, streams, read),
        "DescribeLogStreams" => describe_log_streams(input, streams, read),
        other => Err(invalid(format!("this local CloudWatch Logs does not do {other}"))),
    }
}

fn get_log_events(input: &Value, streams: &Streams, read: Read<'_>) -> Result<Value, ApiError> {
    let name = text(input, "logStreamName").unwrap_or_default();
    let stream = streams.get(name).ok_or_else(|| not_found("log stream"))?;
    let lines: Vec<LogLine> = read(stream).into_iter().filter(within(input)).collect();
    let limit = number(input, "limit").unwrap_or(PAGE_OF_EVENTS).min(PAGE_OF_EVENTS);
    let from_head = input.get("startFromHead").and_then(Value::as_bool).unwrap_or_default();
    let token = text(input, "nextToken");
    let range = match token {
        Some(token) => {
            let wrong = || invalid("The specified nextToken is invalid.".to_owned());
            let (backward, position) = Position::from_token(token).ok_or_else(wrong)?;
            if backward {
                let end = position.after(&lines);
                end.saturating_sub(limit)..end
            } else {
                let start = position.after(&lines);
                start..start.saturating_add(limit).min(lines.len())
            }
        }
        None if from_head => 0..limit.min(lines.len()),
        None => lines.len().saturating_sub(limit)..lines.len(),
    };
    // At either end the token that was given comes back: the reader's sign to stop.
    let forward = Position::of_last(&lines, range.end).forward_token();
    let backward = Position::of_next(&lines, range.start).backward_token();
    let events: Vec<Value> = lines
        .get(range)
        .unwrap_or_default()
        .iter()
        .map(|line| {
            json!({ "timestamp": line.timestamp_ms, "message": line.message, "ingestionTime": line.timestamp_ms })
        })
        .collect();
    Ok(json!({ "events": events, "nextForwardToken": forward, "nextBackwardToken": backward }))
}

fn filter_log_events(input: &Value, streams: &Streams, read: Read<'_>) -> Result<Value, ApiError> {
    let terms = Terms::parse(text(input, "filterPattern").unwrap_or_default()).map_err(|term| {
        invalid(format!("this local CloudWatch Logs filters by terms only, not by {term}"))
    })?;
    let names: Option<Vec<&str>> = input
        .get("logStreamNames")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect());
    let prefix = text(input, "logStreamNamePrefix").unwrap_or_default();
    let wanted = |(name, _): &(&String, &LogStream)| match &names {
        Some(names) => names.contains(&name.as_str()),
        None => name.starts_with(prefix),
    };
    let mut found: Vec<(i64, Value)> = Vec::new();
    for (number, (name, stream)) in streams.iter().filter(wanted).enumerate() {
        for (line_number, line) in read(stream).into_iter().enumerate() {
            if within(input)(&line) && terms.match_text(&line.message) {
                let event = json!({
                    "eventId": format!("{:020}{number:016}{line_number:020}", line.timestamp_ms),
                    "logStreamName": name,
                    "timestamp": line.timestamp_ms,
                    "ingestionTime": line.timestamp_ms,
                    "message": line.message,
                });
                found.push((line.timestamp_ms, event));
            }
        }
    }
    found.sort_by_key(|(timestamp, _)| *timestamp);
    let limit = number(input, "limit").unwrap_or(PAGE_OF_EVENTS).min(PAGE_OF_EVENTS);
    page(input, "events", found.into_iter().map(|(_, event)| event).collect(), limit)
}

fn describe_log_streams(input: &Value, streams: &Streams, read: Read<'_>) -> Result<Value, ApiError> {
    let prefix = text(input, "logStreamNamePrefix").unwrap_or_default();
    let mut found: Vec<(i64, Value)> = streams
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, stream)| {
            let lines = read(stream);
            let mut shown = json!({ "logStreamName": name, "creationTime": stream.created_at.as_millis() });
            let last = lines.last().map_or(0, |line| line.timestamp_ms);
            if let (Some(first), Some(shown)) = (lines.first(), shown.as_object_mut()) {
                shown.insert("firstEventTimestamp".to_owned(), first.timestamp_ms.into());
                shown.insert("lastEventTimestamp".to_owned(), last.into());
                shown.insert("lastIngestionTime".to_owned(), last.into());
            }
            (last, shown)
        })
        .collect();
    if text(input, "orderBy") == Some("LastEventTime") {
        found.sort_by_key(|(last, _)| *last);
    }
    let mut shown: Vec<Value> = found.into_iter().map(|(_, shown)| shown).collect();
    if input.get("descending").and_then(Value::as_bool).unwrap_or_default() {
        shown.reverse();
    }
    page(input, "logStreams", shown, number(input, "limit").unwrap_or(PAGE_OF_STREAMS).min(PAGE_OF_STREAMS))
}

/// One page of a list; its token is the number of items that came before.
fn page(input: &Value, member: &str, items: Vec<Value>, limit: usize) -> Result<Value, ApiError> {
    let start = match text(input, "nextToken") {
        Some(token) => {
            token.parse().map_err(|_| invalid("The specified nextToken is invalid.".to_owned()))?
        }
        None => 0_usize,
    };
    let total = items.len();
    let shown: Vec<Value> = items.into_iter().skip(start).take(limit.max(1)).collect();
    let end = start.saturating_add(shown.len());
    let mut answer = json!({ member: shown });
    if let Some(answer) = answer.as_object_mut().filter(|_| end < total) {
        answer.insert("nextToken".to_owned(), end.to_string().into());
    }
    Ok(answer)
}

fn within(input: &Value) -> impl Fn(&LogLine) -> bool + '_ {
    let time = |member: &str| input.get(member).and_then(Value::as_i64);
    let (start, end) = (time("startTime"), time("endTime"));
    move |line| {
        start.is_none_or(|start| line.timestamp_ms >= start) && end.is_none_or(|end| line.timestamp_ms < end)
    }
}

/// The group's name, from itself or from an ARN.
pub(crate) fn group_name(input: &Value) -> Result<&str, ApiError> {
    let named = text(input, "logGroupName").or_else(|| text(input, "logGroupIdentifier"));
    let named =
        named.ok_or_else(|| invalid("Either logGroupName or logGroupIdentifier is needed.".to_owned()))?;
    let name = named.split_once(":log-group:").map_or(named, |(_, name)| name);
    Ok(name.trim_end_matches(":*"))
}

fn text<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

fn number(input: &Value, member: &str) -> Option<usize> {
    input.get(member).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
}

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

fn not_found(what: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", format!("The specified {what} does not exist."))
}

#[cfg(test)]
mod tests;
