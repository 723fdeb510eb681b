//! A queue's attributes: what may be set, and what they are where nobody set them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{error, queue::is_fifo as is_named_fifo};
use crate::{ecs::Members, error::ApiError};

/// Name, least, greatest and usual value. Source: *API* API_CreateQueue.html.
const NUMBERS: [(&str, u64, u64, u64); 6] = [
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1_024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400, 300),
];

/// Name and the values that it takes.
const WORDS: [(&str, &[&str]); 5] = [
    ("FifoQueue", &["true", "false"]),
    ("ContentBasedDeduplication", &["true", "false"]),
    ("SqsManagedSseEnabled", &["true", "false"]),
    ("DeduplicationScope", &["queue", "messageGroup"]),
    ("FifoThroughputLimit", &["perQueue", "perMessageGroupId"]),
];

/// What only a FIFO queue has.
const OF_FIFO: [&str; 4] =
    ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];

/// What is kept as it came.
const TEXTS: [&str; 4] = ["Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"];

/// The attributes that stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// Those of a new queue, with SQS's defaults.
    pub(super) fn new(name: &str, request: &Value) -> Result<Self, ApiError> {
        let usual = NUMBERS.iter().filter(|(name, ..)| !name.starts_with("Kms"));
        let usual = usual.map(|(name, .., value)| ((*name).to_owned(), value.to_string()));
        let mut attributes = Self(usual.collect());
        attributes.0.insert("SqsManagedSseEnabled".into(), "true".into());
        let is_fifo = is_named_fifo(name);
        let given = request.member("Attributes").and_then(|given| given.text("FifoQueue"));
        if is_fifo != (given == Some("true")) {
            let text = if is_fifo {
                "The queue name ends in .fifo, and the attribute FifoQueue is not true."
            } else {
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end \
                 with .fifo suffix and be 1 to 80 in length."
            };
            return Err(error::invalid(text));
        }
        if is_fifo {
            let usual = [
                ("ContentBasedDeduplication", "false"),
                ("DeduplicationScope", "queue"),
                ("FifoThroughputLimit", "perQueue"),
            ];
            attributes.0.extend(usual.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        attributes.set(is_fifo, request)?;
        if attributes.text("FifoQueue") == Some("false") {
            attributes.0.remove("FifoQueue");
        }
        Ok(attributes)
    }

    /// Sets what a request names, all of it or nothing.
    pub(super) fn set(&mut self, is_fifo: bool, request: &Value) -> Result<(), ApiError> {
        let mut changed = self.clone();
        let given = request.member("Attributes").and_then(Value::as_object);
        for (name, value) in given.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            changed.set_one(is_fifo, name, value)?;
        }
        *self = changed;
        Ok(())
    }

    fn set_one(&mut self, is_fifo: bool, name: &str, value: &str) -> Result<(), ApiError> {
        let refused = || {
            let text = format!("Invalid value for the parameter {name}.");
            ApiError::new("InvalidAttributeValue", text)
        };
        if OF_FIFO.contains(&name) && !is_fifo && value != "false" {
            return Err(unknown(name));
        }
        let number = NUMBERS.iter().find(|(known, ..)| *known == name);
        let word = WORDS.iter().find(|(known, _)| *known == name);
        let is_right = match (number, word) {
            (Some((_, least, most, _)), _) => {
                value.parse::<u64>().is_ok_and(|value| (*least..=*most).contains(&value))
            }
            (None, Some((_, values))) => values.contains(&value),
            (None, None) if TEXTS.contains(&name) => true,
            (None, None) => return Err(unknown(name)),
        };
        if !is_right || (name == "FifoQueue" && is_fifo && value != "true") {
            return Err(refused());
        }
        // An empty text takes an attribute of free text away.
        if value.is_empty() {
            self.0.remove(name);
            return Ok(());
        }
        if name == "RedrivePolicy" && redrive(value).is_none() {
            let text = format!(
                "Value {value} for parameter RedrivePolicy is invalid. Reason: Redrive policy needs \
                 deadLetterTargetArn and a maxReceiveCount from 1 to 1000."
            );
            return Err(error::invalid(text));
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// An attribute, as it stands.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An attribute that is a number: mostly seconds.
    pub(super) fn seconds(&self, name: &str) -> u64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// The dead-letter queue's ARN, and how often a message may be received before it goes there.
    pub(super) fn redrive(&self) -> Option<(String, u64)> {
        self.text("RedrivePolicy").and_then(redrive)
    }

    /// As GetQueueAttributes shows them.
    pub(super) fn show(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
    }
}

fn unknown(name: &str) -> ApiError {
    ApiError::new("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

fn redrive(policy: &str) -> Option<(String, u64)> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    // Both a number and a number in quotes are taken.
    let count = match policy.member("maxReceiveCount") {
        None => 10,
        Some(Value::String(text)) => text.parse().ok()?,
        Some(number) => number.as_u64()?,
    };
    let target = policy.text("deadLetterTargetArn")?;
    (1..=1_000).contains(&count).then(|| (target.to_owned(), count))
}
