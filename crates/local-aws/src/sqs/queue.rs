//! One queue: who sees which message when.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::{
    attribute::Attributes,
    error,
    message::{Message, NewMessage},
};
use crate::{clock::Time, error::ApiError, id::Random};

/// Longest time for which a message may be hidden, in seconds. Source: *API*
/// API_ChangeMessageVisibility.html.
pub(super) const LONGEST_VISIBILITY: u64 = 43_200;

/// For how long a FIFO queue knows a deduplication id. Source: *SQS developer guide*
/// FIFO-queues-exactly-once-processing.html.
const DEDUPLICATION: Duration = Duration::from_mins(5);

/// Whether a queue of that name, or ARN, is a FIFO queue.
pub(crate) fn is_fifo(name: &str) -> bool {
    name.strip_suffix(".fifo").is_some()
}

/// What a receiver deletes a message by: which message, and which of its receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    place: u64,
    received: u64,
    id: String,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(format!("{} {} {}", self.place, self.received, self.id)))
    }
}

impl Receipt {
    pub(super) fn read(handle: &str) -> Result<Self, ApiError> {
        let text = hex::decode(handle).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let parsed = text.as_deref().and_then(|text| {
            let mut parts = text.splitn(3, ' ');
            let place = parts.next()?.parse().ok()?;
            let received = parts.next()?.parse().ok()?;
            Some(Self { place, received, id: parts.next()?.to_owned() })
        });
        let refused = || ApiError::new("ReceiptHandleIsInvalid", "The input receipt handle is invalid.");
        parsed.ok_or_else(refused)
    }
}

/// What a sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) sequence: Option<String>,
}

/// How many messages of which kind a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) attributes: Attributes,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_at: Time,
    pub(super) modified_at: Time,
    pub(super) purged_at: Option<Time>,
    /// In the order in which they came.
    messages: BTreeMap<u64, Message>,
    next_place: u64,
    /// By scope and deduplication id: when, and what its sender was told.
    known: BTreeMap<(String, String), (Time, Sent)>,
}

impl Queue {
    pub(super) fn new(name: &str, attributes: Attributes, now: Time) -> Self {
        Self {
            name: name.to_owned(),
            attributes,
            tags: BTreeMap::new(),
            created_at: now,
            modified_at: now,
            purged_at: None,
            messages: BTreeMap::new(),
            next_place: 0,
            known: BTreeMap::new(),
        }
    }

    fn is_fifo(&self) -> bool {
        is_fifo(&self.name)
    }

    /// Takes a message in.
    ///
    /// A FIFO queue answers to a duplicate as it did to the first, and takes it in once.
    pub(super) fn send(
        &mut self,
        mut message: NewMessage,
        random: &mut Random,
        now: Time,
    ) -> Result<Sent, ApiError> {
        let most = self.attributes.seconds("MaximumMessageSize");
        if u64::try_from(message.size()).unwrap_or(u64::MAX) > most {
            let text = format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
            );
            return Err(error::invalid(text));
        }
        if self.is_fifo() {
            self.prepare_fifo(&mut message)?;
        } else if let Some(id) = &message.deduplication {
            let reason = "The request includes a parameter that is not valid for this queue type";
            return Err(error::value(id, "MessageDeduplicationId", reason));
        }
        let scope = match self.attributes.text("DeduplicationScope") {
            Some("messageGroup") => message.group.clone().unwrap_or_default(),
            _ => String::new(),
        };
        let known = message.deduplication.clone().map(|id| (scope, id));
        self.known.retain(|_, (at, _)| now.since(*at) < DEDUPLICATION);
        if let Some((_, sent)) = known.as_ref().and_then(|known| self.known.get(known)) {
            return Ok(sent.clone());
        }
        let place = self.next_place;
        let delay = message.delay_seconds.unwrap_or_else(|| self.attributes.seconds("DelaySeconds"));
        // Twenty digits that rise, as SQS's do.
        let sequence =
            self.is_fifo().then(|| format!("{:020}", 18_000_000_000_000_000_000_u64 + place * 256));
        let sent = Sent { id: random.uuid(), sequence: sequence.clone() };
        let message = Message {
            id: sent.id.clone(),
            sent: message,
            sent_at: now,
            sequence,
            kept_since: now,
            visible_at: now.after(Duration::from_secs(delay)),
            received: 0,
            first_received_at: None,
            source: None,
        };
        self.messages.insert(place, message);
        self.next_place += 1;
        if let Some(known) = known {
            self.known.insert(known, (now, sent.clone()));
        }
        Ok(sent)
    }

    fn prepare_fifo(&self, message: &mut NewMessage) -> Result<(), ApiError> {
        if message.group.is_none() {
            return Err(error::missing("MessageGroupId"));
        }
        if let Some(seconds) = message.delay_seconds.filter(|seconds| *seconds > 0) {
            let reason = "The request include parameter that is not valid for this queue type";
            return Err(error::value(seconds, "DelaySeconds", reason));
        }
        message.delay_seconds = None;
        if message.deduplication.is_none() {
            if self.attributes.text("ContentBasedDeduplication") != Some("true") {
                let text = "The queue should either have ContentBasedDeduplication enabled or \
                            MessageDeduplicationId provided explicitly";
                return Err(error::invalid(text));
            }
            message.deduplication = Some(hex::encode(Sha256::digest(&message.body)));
        }
        Ok(())
    }

    /// Takes in what another queue gives up.
    pub(super) fn bury(&mut self, mut message: Message, source: &str, now: Time) {
        message.visible_at = now;
        message.source = Some(source.to_owned());
        if self.is_fifo() {
            // Only a FIFO queue starts the age anew.
            message.kept_since = now;
        }
        self.messages.insert(self.next_place, message);
        self.next_place += 1;
    }

    /// Takes away what was received so often already, and is visible again.
    pub(super) fn take_dead(&mut self, most: u64, now: Time) -> Vec<Message> {
        let is_dead = |message: &Message| message.received >= most && message.visible_at <= now;
        self.messages.extract_if(.., |_, message| is_dead(message)).map(|(_, message)| message).collect()
    }

    /// Forgets what is older than the queue keeps messages.
    pub(super) fn forget_old(&mut self, now: Time) {
        let kept = Duration::from_secs(self.attributes.seconds("MessageRetentionPeriod"));
        self.messages.retain(|_, message| now.since(message.kept_since) < kept);
    }

    /// Hands out up to `most` messages, each with its receipt, and hides them.
    pub(super) fn receive(
        &mut self,
        most: usize,
        timeout: Option<Duration>,
        now: Time,
    ) -> Vec<(Message, Receipt)> {
        let hidden =
            timeout.unwrap_or_else(|| Duration::from_secs(self.attributes.seconds("VisibilityTimeout")));
        let is_fifo = self.is_fifo();
        let mut received = Vec::new();
        let mut held = BTreeSet::new();
        for (place, message) in &mut self.messages {
            if received.len() == most {
                break;
            }
            let group = message.sent.group.as_ref().filter(|_| is_fifo);
            if group.is_some_and(|group| held.contains(group)) {
                continue;
            }
            if message.visible_at > now {
                // Nothing of its group goes before it.
                held.extend(group.cloned());
                continue;
            }
            message.received += 1;
            message.first_received_at.get_or_insert(now);
            message.visible_at = now.after(hidden);
            let receipt = Receipt { place: *place, received: message.received, id: message.id.clone() };
            received.push((message.clone(), receipt));
        }
        received
    }

    /// When the next hidden message becomes visible.
    pub(super) fn ready_at(&self, now: Time) -> Option<Time> {
        self.messages.values().map(|message| message.visible_at).filter(|at| *at > now).min()
    }

    /// Deletes a message by its newest receipt; an older one deletes nothing, and that is no error.
    pub(super) fn delete(&mut self, receipt: &Receipt) {
        if self.of(receipt).is_some() {
            self.messages.remove(&receipt.place);
        }
    }

    /// Sets anew how long a message that somebody has is hidden.
    pub(super) fn change_visibility(
        &mut self,
        handle: &str,
        seconds: u64,
        now: Time,
    ) -> Result<(), ApiError> {
        let receipt = Receipt::read(handle)?;
        let Some(message) = self.of(&receipt) else {
            let reason = "Message does not exist or is not available for visibility timeout change";
            return Err(error::value(handle, "ReceiptHandle", reason));
        };
        if message.visible_at <= now {
            let text = "The specified message isn't in flight.";
            return Err(ApiError::new("MessageNotInflight", text));
        }
        message.visible_at = now.after(Duration::from_secs(seconds));
        Ok(())
    }

    fn of(&mut self, receipt: &Receipt) -> Option<&mut Message> {
        let message = self.messages.get_mut(&receipt.place)?;
        (message.id == receipt.id && message.received == receipt.received).then_some(message)
    }

    pub(super) fn purge(&mut self) {
        self.messages.clear();
    }

    pub(super) fn counts(&self, now: Time) -> Counts {
        let mut counts = Counts::default();
        for message in self.messages.values() {
            match (message.visible_at <= now, message.received) {
                (true, _) => counts.visible += 1,
                (false, 0) => counts.delayed += 1,
                (false, _) => counts.in_flight += 1,
            }
        }
        counts
    }
}
