//! Amazon EventBridge, as far as it takes what AWS says of itself into queues of SQS.
//!
//! Start with [`Bus`]: [`Bus::publish`] holds an event against the rules, and [`Bus::due`] says which
//! copies have arrived where. Between the two lie the delay and whatever [`EventFault`] asks for.
//!
//! # Limits
//!
//! One bus, `default`; targets are queues of this account and region, with `Input` and `InputPath`;
//! no schedules, archives, pipes or input transformers. A queue's policy is not looked at, and a target
//! that is gone loses its events.

mod failure;
mod fault;
mod neighbour;
mod operation;
mod pattern;
mod rule;
mod trail;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

pub use self::{
    failure::AnyFaultRule,
    fault::{EventFault, EventFaultRule},
};
use self::{fault::EventFaults, rule::Rule};
pub(crate) use self::{
    neighbour::EventBridge,
    trail::{Answered, Caller},
};
use crate::{clock::Time, id::Random, sqs::NewMessage};

/// How long an event that is to be overtaken waits for one that overtakes it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Something that AWS says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) source: String,
    pub(crate) detail_type: String,
    pub(crate) resources: Vec<String>,
    pub(crate) detail: Value,
    /// When it happened.
    pub(crate) at: Time,
    /// Whether it tells of a call that only read, which few rules hear of.
    pub(crate) of_reading: bool,
}

/// A copy of an event on its way to a queue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    /// The queue's ARN.
    pub(crate) queue: String,
    pub(crate) message: NewMessage,
    /// Whether the next one to the same queue is to overtake it.
    waits_for_next: bool,
}

/// The event bus of one account and region.
#[derive(Debug)]
pub(crate) struct Bus {
    account: String,
    region: String,
    /// Whether there is any rule: nobody makes up events that nobody hears.
    is_heard: Arc<AtomicBool>,
    inner: Mutex<Inner>,
}

/// What the lock holds.
#[derive(Debug)]
struct Inner {
    random: Random,
    rules: BTreeMap<String, Rule>,
    faults: EventFaults,
    /// In the order of arrival.
    waiting: BTreeMap<(Time, u64), Delivery>,
    next: u64,
}

impl Bus {
    pub(crate) fn new(account: &str, region: &str, random: Random) -> Self {
        let inner = Inner {
            faults: EventFaults::new(random.clone()),
            random,
            rules: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next: 0,
        };
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            is_heard: Arc::default(),
            inner: Mutex::new(inner),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether there is a rule that could hear an event.
    pub(crate) fn ear(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_heard)
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }

    /// Puts copies of an event on their way: one to each target of each rule that it matches.
    pub(crate) fn publish(&self, event: &Event, delay: Duration, now: Time) {
        let mut inner = self.lock();
        let shown = self.show(event, &inner.random.uuid());
        let Inner { rules, faults, waiting, next, .. } = &mut *inner;
        for rule in rules.values().filter(|rule| rule.hears(event, &shown)) {
            for (queue, message) in rule.messages(&shown) {
                let fault = faults.choose(&event.detail_type);
                send(
                    waiting,
                    next,
                    Delivery { queue, message, waits_for_next: false },
                    (fault, now.after(delay)),
                );
            }
        }
    }

    /// Takes the copies that have arrived, in their order.
    pub(crate) fn due(&self, now: Time) -> Vec<Delivery> {
        let mut inner = self.lock();
        let later = inner.waiting.split_off(&(now.after(Duration::from_millis(1)), 0));
        std::mem::replace(&mut inner.waiting, later).into_values().collect()
    }

    /// When the next copy arrives.
    pub(crate) fn wakes_at(&self) -> Option<Time> {
        self.lock().waiting.keys().next().map(|(at, _)| *at)
    }

    /// Adds a fault; the first rule that hits an event wins.
    pub(crate) fn add_fault(&self, rule: EventFaultRule) {
        self.lock().faults.add(rule);
    }

    pub(crate) fn faults(&self) -> Vec<EventFaultRule> {
        self.lock().faults.rules()
    }

    pub(crate) fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// In the form of every event of EventBridge. Source:
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
    fn show(&self, event: &Event, id: &str) -> Value {
        json!({
            "version": "0",
            "id": id,
            "detail-type": event.detail_type,
            "source": event.source,
            "account": self.account,
            "time": Time::from_millis(event.at.as_millis() / 1_000 * 1_000).to_text(),
            "region": self.region,
            "resources": event.resources,
            "detail": event.detail,
        })
    }
}

/// Puts a copy on its way, or none, or two, or one that is late.
fn send(
    waiting: &mut BTreeMap<(Time, u64), Delivery>,
    next: &mut u64,
    delivery: Delivery,
    (fault, at): (EventFault, Time),
) {
    let mut put = |at: Time, delivery: Delivery| {
        waiting.insert((at, *next), delivery);
        *next += 1;
    };
    let queue = delivery.queue.clone();
    match fault {
        EventFault::None => put(at, delivery),
        EventFault::Lose => return,
        EventFault::Double => {
            put(at, delivery.clone());
            put(at, delivery);
        }
        EventFault::DelayMs(millis) => put(at.after(Duration::from_millis(millis)), delivery),
        EventFault::Reorder => {
            return put(at.after(PATIENCE), Delivery { waits_for_next: true, ..delivery });
        }
    }
    // Whoever waited for this one comes right behind it.
    let overtaken = waiting.extract_if(.., |_, waiting| waiting.waits_for_next && waiting.queue == queue);
    let overtaken: Vec<Delivery> = overtaken.map(|(_, delivery)| delivery).collect();
    for delivery in overtaken {
        waiting.insert((at, *next), Delivery { waits_for_next: false, ..delivery });
        *next += 1;
    }
}

#[cfg(test)]
mod tests;
