//! Batches: up to ten entries, each of which succeeds or fails for itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Inner, error,
    message::NewMessage,
    operation::{digests, receipt},
    queue::{LONGEST_VISIBILITY, Receipt},
    within,
};
use crate::{clock::Time, ecs::Members, error::ApiError};

/// Most bytes of all messages of a batch. Source: *API* API_SendMessageBatch.html.
const LONGEST: usize = 1_048_576;

pub(super) fn send(inner: &mut Inner, request: &Value, now: Time) -> Result<Value, ApiError> {
    let name = inner.queue(request)?.name.clone();
    check(request)?;
    let messages: Vec<_> = request.items("Entries").iter().map(NewMessage::read).collect();
    let size: usize = messages.iter().flatten().map(NewMessage::size).sum();
    if size > LONGEST {
        let text =
            format!("Batch requests cannot be longer than {LONGEST} bytes. You have sent {size} bytes.");
        return Err(ApiError::new("BatchRequestTooLong", text));
    }
    let Inner { random, queues, .. } = inner;
    let queue = queues.get_mut(&name).ok_or_else(error::no_queue)?;
    let mut messages = messages.into_iter();
    Ok(each(request, |_| {
        let message = messages.next().unwrap_or_else(|| Err(error::missing("MessageBody")))?;
        let digests = digests(&message);
        Ok(receipt(digests, queue.send(message, random, now)?))
    }))
}

pub(super) fn delete(inner: &mut Inner, request: &Value) -> Result<Value, ApiError> {
    let queue = inner.queue(request)?;
    check(request)?;
    Ok(each(request, |entry| {
        queue.delete(&Receipt::read(entry.text("ReceiptHandle").unwrap_or_default())?);
        Ok(json!({}))
    }))
}

pub(super) fn change_visibility(inner: &mut Inner, request: &Value, now: Time) -> Result<Value, ApiError> {
    let queue = inner.queue(request)?;
    check(request)?;
    Ok(each(request, |entry| {
        let handle = entry.text("ReceiptHandle").unwrap_or_default();
        let seconds = within(entry, "VisibilityTimeout", (0, LONGEST_VISIBILITY))?;
        queue.change_visibility(handle, seconds.unwrap_or_default(), now)?;
        Ok(json!({}))
    }))
}

/// What fails the whole batch.
fn check(request: &Value) -> Result<(), ApiError> {
    let entries = request.items("Entries");
    if entries.is_empty() {
        let text = "There should be at least one entry in the request.";
        return Err(ApiError::new("EmptyBatchRequest", text));
    }
    if entries.len() > 10 {
        let text = format!("Maximum number of entries per request are 10. You have sent {}.", entries.len());
        return Err(ApiError::new("TooManyEntriesInBatchRequest", text));
    }
    let mut ids = BTreeSet::new();
    for id in entries.iter().map(|entry| entry.text("Id").unwrap_or_default()) {
        let is_right = (1..=80).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !is_right {
            let text = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be \
                        at most 80 letters long.";
            return Err(ApiError::new("InvalidBatchEntryId", text));
        }
        if !ids.insert(id) {
            return Err(ApiError::new("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
        }
    }
    Ok(())
}

fn each(request: &Value, mut act: impl FnMut(&Value) -> Result<Value, ApiError>) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in request.items("Entries") {
        let id = entry.text("Id").unwrap_or_default();
        match act(entry) {
            Ok(mut answer) => {
                if let Some(members) = answer.as_object_mut() {
                    members.insert("Id".to_owned(), id.into());
                }
                successful.push(answer);
            }
            Err(error) => failed.push(json!({
                "Id": id, "SenderFault": true, "Code": error.code, "Message": error.message,
            })),
        }
    }
    json!({"Successful": successful, "Failed": failed})
}
