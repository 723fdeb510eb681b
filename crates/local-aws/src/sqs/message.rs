//! Messages: what may be sent, and what a receiver is shown.

use std::collections::BTreeSet;

use aws_smithy_types::base64;
use serde_json::{Map, Value, json};

use super::{Receipt, digest, error, within};
use crate::{clock::Time, ecs::Members, error::ApiError};

/// Most attributes of one message. Source: *SQS developer guide* sqs-message-metadata.html.
const MOST_ATTRIBUTES: usize = 10;

/// A message that is to be sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NewMessage {
    pub(crate) body: String,
    /// By name, as `MessageAttributeValue`.
    pub(crate) attributes: Map<String, Value>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
    /// `AWSTraceHeader`, the one system attribute that a sender sets.
    pub(crate) trace: Option<String>,
    pub(crate) delay_seconds: Option<u64>,
}

impl NewMessage {
    /// The message of a SendMessage or of an entry of SendMessageBatch.
    pub(super) fn read(request: &Value) -> Result<Self, ApiError> {
        let system = request.member("MessageSystemAttributes");
        let trace = system.and_then(|system| system.member("AWSTraceHeader"));
        let text = |name: &str| request.text(name).map(str::to_owned);
        let attributes = request.member("MessageAttributes").and_then(Value::as_object);
        let message = Self {
            body: text("MessageBody").unwrap_or_default(),
            attributes: attributes.cloned().unwrap_or_default(),
            group: text("MessageGroupId"),
            deduplication: text("MessageDeduplicationId"),
            trace: trace.and_then(|trace| trace.text("StringValue")).map(str::to_owned),
            delay_seconds: within(request, "DelaySeconds", (0, 900))?,
        };
        message.check()?;
        Ok(message)
    }

    fn check(&self) -> Result<(), ApiError> {
        if self.body.is_empty() {
            return Err(error::missing("MessageBody"));
        }
        if !self.body.chars().all(is_allowed) {
            let text = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | \
                        #xE000 to #xFFFD | #x10000 to #x10FFFF";
            return Err(ApiError::new("InvalidMessageContents", text));
        }
        let ids = [("MessageGroupId", &self.group), ("MessageDeduplicationId", &self.deduplication)];
        for (name, id) in ids {
            let Some(id) = id else { continue };
            let is_right = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_right {
                let reason = format!(
                    "{name} can only include alphanumeric and punctuation characters. 1 to 128 in length"
                );
                return Err(error::value(id, name, &reason));
            }
        }
        if self.attributes.len() > MOST_ATTRIBUTES {
            let count = self.attributes.len();
            return Err(error::invalid(format!(
                "Number of message attributes [{count}] exceeds the allowed maximum [{MOST_ATTRIBUTES}]."
            )));
        }
        self.attributes.iter().try_for_each(|(name, attribute)| check_attribute(name, attribute))
    }

    /// What counts against the limits of a message and of a batch, in bytes.
    pub(super) fn size(&self) -> usize {
        let of_attribute = |(name, attribute): (&String, &Value)| {
            let length = |member: &str| attribute.text(member).map_or(0, str::len);
            let binary = attribute.text("BinaryValue").and_then(|value| base64::decode(value).ok());
            name.len() + length("DataType") + length("StringValue") + binary.map_or(0, |value| value.len())
        };
        self.body.len() + self.attributes.iter().map(of_attribute).sum::<usize>()
    }
}

fn is_allowed(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn check_attribute(name: &str, attribute: &Value) -> Result<(), ApiError> {
    let lower = name.to_ascii_lowercase();
    let is_name = (1..=256).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && !(name.starts_with('.') || name.ends_with('.') || name.contains(".."))
        && !(lower.starts_with("aws.") || lower.starts_with("amazon."));
    if !is_name {
        return Err(error::invalid(format!("Message attribute name '{name}' is invalid.")));
    }
    let kind = attribute.text("DataType").unwrap_or_default();
    let is_valued = match kind.split('.').next() {
        Some("String") => attribute.text("StringValue").is_some_and(|value| !value.is_empty()),
        Some("Number") => attribute.text("StringValue").is_some_and(|value| value.parse::<f64>().is_ok()),
        Some("Binary") => attribute
            .text("BinaryValue")
            .is_some_and(|value| base64::decode(value).is_ok_and(|value| !value.is_empty())),
        _ => {
            return Err(error::invalid(format!(
                "The type of message attribute '{name}' is invalid. You must use only the following supported \
                 type prefixes: Binary, Number, String."
            )));
        }
    };
    if is_valued {
        return Ok(());
    }
    Err(error::invalid(format!(
        "The message attribute '{name}' with type '{kind}' must use a value of that type that is not empty."
    )))
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) sent: NewMessage,
    pub(super) sent_at: Time,
    /// What a FIFO queue counts with.
    pub(super) sequence: Option<String>,
    /// Since when its age counts, by which it is forgotten.
    pub(super) kept_since: Time,
    pub(super) visible_at: Time,
    pub(super) received: u64,
    pub(super) first_received_at: Option<Time>,
    /// The queue that it was received from too often.
    pub(super) source: Option<String>,
}

impl Message {
    /// As a receiver sees it.
    pub(super) fn show(&self, receipt: &Receipt, sender: &str, selection: &Selection) -> Value {
        let mut shown = Map::from_iter([
            ("MessageId".to_owned(), json!(self.id)),
            ("ReceiptHandle".to_owned(), json!(receipt.to_string())),
            ("MD5OfBody".to_owned(), json!(digest::of_body(&self.sent.body))),
            ("Body".to_owned(), json!(self.sent.body)),
        ]);
        let system: Map<String, Value> = self
            .system_attributes(sender)
            .into_iter()
            .filter(|(name, _)| selection.takes_system(name))
            .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))))
            .collect();
        if !system.is_empty() {
            shown.insert("Attributes".to_owned(), system.into());
        }
        let chosen = self.sent.attributes.iter().filter(|(name, _)| selection.takes(name));
        let chosen: Map<String, Value> = chosen.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(digest) = digest::of_attributes(&chosen) {
            shown.insert("MD5OfMessageAttributes".to_owned(), digest.into());
            shown.insert("MessageAttributes".to_owned(), chosen.into());
        }
        Value::Object(shown)
    }

    fn system_attributes(&self, sender: &str) -> [(&'static str, Option<String>); 9] {
        let millis = |time: Time| time.as_millis().to_string();
        let of_fifo = self.sequence.is_some();
        [
            ("SenderId", Some(sender.to_owned())),
            ("SentTimestamp", Some(millis(self.sent_at))),
            ("ApproximateReceiveCount", Some(self.received.to_string())),
            ("ApproximateFirstReceiveTimestamp", self.first_received_at.map(millis)),
            ("SequenceNumber", self.sequence.clone()),
            ("MessageDeduplicationId", self.sent.deduplication.clone().filter(|_| of_fifo)),
            ("MessageGroupId", self.sent.group.clone()),
            ("AWSTraceHeader", self.sent.trace.clone()),
            ("DeadLetterQueueSourceArn", self.source.clone()),
        ]
    }
}

/// Which attributes a receiver wants to see.
#[derive(Debug, Default)]
pub(super) struct Selection {
    system: BTreeSet<String>,
    custom: Vec<String>,
}

impl Selection {
    pub(super) fn of(request: &Value) -> Self {
        let texts = |name: &str| request.texts(name).map(str::to_owned).collect::<Vec<_>>();
        Self {
            system: texts("MessageSystemAttributeNames").into_iter().collect(),
            custom: texts("MessageAttributeNames"),
        }
    }

    fn takes_system(&self, name: &str) -> bool {
        self.system.contains(name) || self.system.contains("All")
    }

    /// A name, `All`, or the beginning of names before `.*`.
    fn takes(&self, name: &str) -> bool {
        self.custom.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => prefix.is_empty() || name.starts_with(prefix),
            None => wanted == "All" || wanted == name,
        })
    }
}
