//! The operations on queues, and which of SQS's are done.

use serde_json::{Map, Value, json};

use super::{
    At, Inner, Queue, Queues,
    attribute::Attributes,
    batch, digest, error,
    message::NewMessage,
    queue::{LONGEST_VISIBILITY, Receipt, Sent, is_fifo},
    within,
};
use crate::{
    clock::Time,
    ecs::{Members, page},
    error::ApiError,
    wire::not_done,
};

/// For how long the name of a deleted queue is taken, and a purge keeps the next one away. Source: *API*
/// API_DeleteQueue.html, API_PurgeQueue.html.
const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);

impl Queues {
    /// Everything but ReceiveMessage, which may have to wait.
    pub(crate) fn answer(&self, operation: &str, request: &Value, at: At<'_>) -> Result<Value, ApiError> {
        let now = at.clock.now();
        let mut inner = self.lock();
        match operation {
            "CreateQueue" => self.create(&mut inner, request, at),
            "GetQueueUrl" => {
                let name = request.text("QueueName").unwrap_or_default();
                inner.queues.get(name).ok_or_else(error::no_queue)?;
                Ok(json!({"QueueUrl": self.url(at.url, name)}))
            }
            "ListQueues" => self.list(&inner, request, at),
            "ListDeadLetterSourceQueues" => self.list_sources(&mut inner, request, at),
            "DeleteQueue" => {
                let name = inner.queue(request)?.name.clone();
                inner.queues.remove(&name);
                inner.deleted.insert(name, now);
                Ok(json!({}))
            }
            "GetQueueAttributes" => {
                let arn = self.arn(&inner.queue(request)?.name);
                Ok(show_attributes(inner.queue(request)?, &arn, request, now))
            }
            "SetQueueAttributes" => {
                let queue = inner.queue(request)?;
                queue.attributes.set(is_fifo(&queue.name), request)?;
                queue.modified_at = now;
                Ok(json!({}))
            }
            "PurgeQueue" => purge(inner.queue(request)?, now),
            "TagQueue" | "UntagQueue" | "ListQueueTags" => tags(inner.queue(request)?, operation, request),
            "SendMessage" => {
                let message = NewMessage::read(request)?;
                send(&mut inner, request, message, now)
            }
            "DeleteMessage" => {
                let queue = inner.queue(request)?;
                queue.delete(&Receipt::read(request.text("ReceiptHandle").unwrap_or_default())?);
                Ok(json!({}))
            }
            "ChangeMessageVisibility" => {
                let handle = request.text("ReceiptHandle").unwrap_or_default();
                let seconds = within(request, "VisibilityTimeout", (0, LONGEST_VISIBILITY))?;
                inner.queue(request)?.change_visibility(handle, seconds.unwrap_or_default(), now)?;
                Ok(json!({}))
            }
            "SendMessageBatch" => batch::send(&mut inner, request, now),
            "DeleteMessageBatch" => batch::delete(&mut inner, request),
            "ChangeMessageVisibilityBatch" => batch::change_visibility(&mut inner, request, now),
            other => Err(not_done("sqs", other)),
        }
    }

    /// Creates a queue; the same again is the same queue, and another under its name is refused.
    fn create(&self, inner: &mut Inner, request: &Value, at: At<'_>) -> Result<Value, ApiError> {
        let now = at.clock.now();
        let name = request.text("QueueName").unwrap_or_default();
        check_name(name)?;
        let attributes = Attributes::new(name, request)?;
        if let Some(queue) = inner.queues.get(name) {
            let named = request.member("Attributes").and_then(Value::as_object);
            let differs = named
                .into_iter()
                .flatten()
                .find(|(name, _)| attributes.text(name) != queue.attributes.text(name));
            if let Some((attribute, _)) = differs {
                let text = format!(
                    "A queue already exists with the same name and a different value for attribute {attribute}"
                );
                return Err(ApiError::new("QueueNameExists", text));
            }
            return Ok(json!({"QueueUrl": self.url(at.url, name)}));
        }
        if inner.deleted.get(name).is_some_and(|deleted| now.since(*deleted) < MINUTE) {
            let text = "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
            return Err(ApiError::new("QueueDeletedRecently", text));
        }
        let mut queue = Queue::new(name, attributes, now);
        queue.tags = request.text_map("tags");
        inner.queues.insert(name.to_owned(), queue);
        Ok(json!({"QueueUrl": self.url(at.url, name)}))
    }

    fn list(&self, inner: &Inner, request: &Value, at: At<'_>) -> Result<Value, ApiError> {
        let prefix = request.text("QueueNamePrefix").unwrap_or_default();
        let names = inner.queues.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        self.names(names, "QueueUrls", request, at)
    }

    fn list_sources(&self, inner: &mut Inner, request: &Value, at: At<'_>) -> Result<Value, ApiError> {
        let arn = self.arn(&inner.queue(request)?.name);
        let leads_here = |queue: &&Queue| queue.attributes.redrive().is_some_and(|(target, _)| target == arn);
        let names = inner.queues.values().filter(leads_here).map(|queue| queue.name.clone()).collect();
        self.names(names, "queueUrls", request, at)
    }

    fn names(
        &self,
        names: Vec<String>,
        member: &str,
        request: &Value,
        at: At<'_>,
    ) -> Result<Value, ApiError> {
        let refused = |error: ApiError| ApiError { code: "InvalidParameterValue".into(), ..error };
        // Without a page size there are no pages: at most a thousand names come.
        let asked = request.whole("MaxResults");
        let size = page::size(asked, 1_000, 1_000).map_err(refused)?;
        let after = page::key(request.text("NextToken")).map_err(refused)?.unwrap_or_default();
        let page = page::cut(names.into_iter().filter(|name| *name > after), size, Clone::clone);
        let urls: Vec<String> = page.items.iter().map(|name| self.url(at.url, name)).collect();
        let mut answer = Map::new();
        // ListQueues leaves the member out where there is nothing.
        if !urls.is_empty() || member == "queueUrls" {
            answer.insert(member.to_owned(), urls.into());
        }
        let token = page.next_token.filter(|_| asked.is_some());
        answer.extend(token.map(|token| ("NextToken".to_owned(), token.into())));
        Ok(answer.into())
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let letters = name.strip_suffix(".fifo").unwrap_or(name);
    let is_right = (1..=80).contains(&name.len())
        && !letters.is_empty()
        && letters.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let text = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    if is_right { Ok(()) } else { Err(error::invalid(text)) }
}

fn tags(queue: &mut Queue, operation: &str, request: &Value) -> Result<Value, ApiError> {
    match operation {
        "TagQueue" => {
            let mut tags = queue.tags.clone();
            tags.extend(request.text_map("Tags"));
            if tags.len() > 50 {
                return Err(error::invalid("Too many tags added for queue: at most 50."));
            }
            queue.tags = tags;
            Ok(json!({}))
        }
        "UntagQueue" => {
            queue.tags.retain(|name, _| !request.texts("TagKeys").any(|gone| gone == name));
            Ok(json!({}))
        }
        _ if queue.tags.is_empty() => Ok(json!({})),
        _ => Ok(json!({"Tags": queue.tags})),
    }
}

fn purge(queue: &mut Queue, now: Time) -> Result<Value, ApiError> {
    if queue.purged_at.is_some_and(|purged| now.since(purged) < MINUTE) {
        let text = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name);
        return Err(ApiError::new("PurgeQueueInProgress", text));
    }
    queue.purged_at = Some(now);
    queue.purge();
    Ok(json!({}))
}

fn show_attributes(queue: &mut Queue, arn: &str, request: &Value, now: Time) -> Value {
    queue.forget_old(now);
    let counts = queue.counts(now);
    let seconds = |time: Time| (time.as_millis() / 1_000).to_string();
    let mut all = queue.attributes.show();
    let computed = [
        ("QueueArn", arn.to_owned()),
        ("CreatedTimestamp", seconds(queue.created_at)),
        ("LastModifiedTimestamp", seconds(queue.modified_at)),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
    ];
    all.extend(computed.map(|(name, value)| (name.to_owned(), Value::from(value))));
    let wanted = |name: &str| request.texts("AttributeNames").any(|wanted| wanted == name || wanted == "All");
    all.retain(|name, _| wanted(name));
    if all.is_empty() { json!({}) } else { json!({"Attributes": all}) }
}

fn send(inner: &mut Inner, request: &Value, message: NewMessage, now: Time) -> Result<Value, ApiError> {
    let name = inner.queue(request)?.name.clone();
    let Inner { random, queues, .. } = inner;
    let queue = queues.get_mut(&name).ok_or_else(error::no_queue)?;
    let digests = digests(&message);
    let sent = queue.send(message, random, now)?;
    Ok(receipt(digests, sent))
}

/// What a sender holds its message against.
pub(super) fn digests(message: &NewMessage) -> Map<String, Value> {
    let mut answer = Map::from_iter([("MD5OfMessageBody".to_owned(), digest::of_body(&message.body).into())]);
    let of_attributes = digest::of_attributes(&message.attributes);
    answer.extend(of_attributes.map(|digest| ("MD5OfMessageAttributes".to_owned(), digest.into())));
    let trace = message.trace.as_ref().map(|trace| {
        let system = json!({"AWSTraceHeader": {"DataType": "String", "StringValue": trace}});
        system.as_object().and_then(digest::of_attributes)
    });
    let trace = trace.flatten();
    answer.extend(trace.map(|digest| ("MD5OfMessageSystemAttributes".to_owned(), digest.into())));
    answer
}

pub(super) fn receipt(mut answer: Map<String, Value>, sent: Sent) -> Value {
    answer.insert("MessageId".to_owned(), sent.id.into());
    answer.extend(sent.sequence.map(|sequence| ("SequenceNumber".to_owned(), sequence.into())));
    answer.into()
}
