//! Amazon SQS: standard and FIFO queues, on the local clock.
//!
//! Start with [`Queues`]. Time needs no loop here: what is visible, delayed, expired or to be moved to a
//! dead-letter queue is found when somebody looks, and a long poll sleeps until there is something to
//! look at.
//!
//! # Limits
//!
//! Standard queues deliver in order and once, which SQS does not promise; whoever wants it worse asks
//! for faults. No policies, no encryption, no moving back from a dead-letter queue, no limit on messages
//! in flight, and `ReceiveRequestAttemptId` is not looked at.

mod attribute;
mod batch;
mod digest;
mod error;
mod message;
mod neighbour;
mod operation;
mod queue;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::Notify;

pub(crate) use self::{message::NewMessage, neighbour::SimpleQueues, queue::is_fifo};
use self::{
    message::Selection,
    queue::{Queue, Receipt},
};
use crate::{
    clock::{Clock, Time},
    ecs::Members,
    error::ApiError,
    id::Random,
};

/// Longest that a receive may wait. Source: *API* API_ReceiveMessage.html.
const LONGEST_WAIT: u64 = 20;

/// The queues of one account and region.
#[derive(Debug)]
pub(crate) struct Queues {
    account: String,
    region: String,
    inner: Mutex<Inner>,
    /// Somebody who waits for messages should look again.
    changed: Notify,
}

/// What the lock holds.
#[derive(Debug)]
struct Inner {
    random: Random,
    queues: BTreeMap<String, Queue>,
    /// When queues of these names were deleted.
    deleted: BTreeMap<String, Time>,
}

/// Where a request comes in: what a queue's URL begins with, and what time it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) url: Option<&'a str>,
    pub(crate) clock: &'a dyn Clock,
}

impl Queues {
    pub(crate) fn new(account: &str, region: &str, random: Random) -> Self {
        let inner = Inner { random, queues: BTreeMap::new(), deleted: BTreeMap::new() };
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            inner: Mutex::new(inner),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers an operation whose request the table has found right.
    pub(crate) async fn call(&self, name: &str, request: &Value, at: At<'_>) -> Result<Value, ApiError> {
        if name == "ReceiveMessage" {
            return self.receive(request, at.clock).await;
        }
        let answer = self.answer(name, request, at);
        // A message that came or became visible, a queue that went: whoever waits looks for himself.
        self.changed.notify_waiters();
        answer
    }

    /// Puts a message that AWS itself sends into the queue of that ARN; says whether there is one that
    /// takes it.
    pub(crate) fn deliver(&self, arn: &str, message: NewMessage, now: Time) -> bool {
        let mut inner = self.lock();
        let Inner { random, queues, .. } = &mut *inner;
        let queue = arn.strip_prefix(&self.arn("")).and_then(|name| queues.get_mut(name));
        let is_taken = queue.is_some_and(|queue| queue.send(message, random, now).is_ok());
        drop(inner);
        self.changed.notify_waiters();
        is_taken
    }

    /// The ARN of the queue of that name, whether or not there is one.
    pub(crate) fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account)
    }

    fn url(&self, base: Option<&str>, name: &str) -> String {
        match base {
            Some(base) => format!("{base}/{}/{name}", self.account),
            None => format!("https://sqs.{}.amazonaws.com/{}/{name}", self.region, self.account),
        }
    }

    async fn receive(&self, request: &Value, clock: &dyn Clock) -> Result<Value, ApiError> {
        let most = within(request, "MaxNumberOfMessages", (1, 10))?.unwrap_or(1);
        let most = usize::try_from(most).unwrap_or(1);
        let selection = Selection::of(request);
        let timeout = within(request, "VisibilityTimeout", (0, queue::LONGEST_VISIBILITY))?;
        let deadline = clock.now().after(self.wait(request)?);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on nothing is missed, also what comes between the look and the sleep.
            changed.as_mut().enable();
            let now = clock.now();
            let (messages, ready_at) = self.take(request, (most, timeout, &selection), now)?;
            if !messages.is_empty() {
                return Ok(json!({"Messages": messages}));
            }
            if now >= deadline {
                return Ok(json!({}));
            }
            let wakes_at = ready_at.map_or(deadline, |ready_at| ready_at.min(deadline));
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(wakes_at.since(now)) => {}
            }
        }
    }

    fn wait(&self, request: &Value) -> Result<Duration, ApiError> {
        let mut inner = self.lock();
        let usual = inner.queue(request)?.attributes.seconds("ReceiveMessageWaitTimeSeconds");
        let asked = within(request, "WaitTimeSeconds", (0, LONGEST_WAIT))?;
        Ok(Duration::from_secs(asked.unwrap_or(usual)))
    }

    /// What can be received now, and when there may be more.
    fn take(
        &self,
        request: &Value,
        (most, timeout, selection): (usize, Option<u64>, &Selection),
        now: Time,
    ) -> Result<(Vec<Value>, Option<Time>), ApiError> {
        let mut inner = self.lock();
        let name = inner.queue(request)?.name.clone();
        inner.bury(&name, &self.arn(&name), now);
        let Inner { queues, .. } = &mut *inner;
        let Some(queue) = queues.get_mut(&name) else { return Err(error::no_queue()) };
        let received = queue.receive(most, timeout.map(Duration::from_secs), now);
        let sender = self.account.as_str();
        let shown = received.iter().map(|(message, receipt)| message.show(receipt, sender, selection));
        Ok((shown.collect(), queue.ready_at(now)))
    }
}

impl Inner {
    /// The queue that a request's URL names.
    fn queue(&mut self, request: &Value) -> Result<&mut Queue, ApiError> {
        let url = request.text("QueueUrl").unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or_default();
        self.queues.get_mut(name).ok_or_else(error::no_queue)
    }

    /// Moves what was received too often to the dead-letter queue, if there is one.
    fn bury(&mut self, name: &str, arn: &str, now: Time) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        queue.forget_old(now);
        let Some((target, most)) = queue.attributes.redrive() else { return };
        let target = target.rsplit(':').next().unwrap_or_default().to_owned();
        // Without a queue to move them to, SQS keeps them where they are.
        if target == name || !self.queues.contains_key(&target) {
            return;
        }
        let dead = self.queues.get_mut(name).map(|queue| queue.take_dead(most, now)).unwrap_or_default();
        if let Some(target) = self.queues.get_mut(&target) {
            for message in dead {
                target.bury(message, arn, now);
            }
        }
    }
}

/// A number that a request may name, in its range.
fn within(request: &Value, name: &str, (least, most): (u64, u64)) -> Result<Option<u64>, ApiError> {
    let Some(number) = request.member(name) else { return Ok(None) };
    let in_range = number.as_u64().filter(|number| (least..=most).contains(number));
    let refused = || error::value(number, name, &format!("Must be >= {least} and <= {most}, if provided"));
    in_range.map(Some).ok_or_else(refused)
}

#[cfg(test)]
mod tests;
