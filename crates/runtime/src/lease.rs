//! Leases: which of several replicas may act on a shard, by nothing but a store with conditional writes.

mod machine;
mod record;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod times;

use std::sync::Arc;

use coxswain_store::{Path, Store, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use machine::{Ask, Machine, Written};
use record::Record;

pub use times::{InvalidTimes, LeaseTimes};

/// One replica's part in a lease: it follows, takes over, renews and gives back.
///
/// ```text
///                     the same record for take_after,
///                     or a released one: put(epoch + 1)
///   ┌───────────┐ ─────────────────────────────────────▶ ┌────────┐ ──┐ renewed: the deadline
///   │ following │                                        │  held  │   │ moves on
///   └───────────┘ ◀───────────────────────────────────── └────────┘ ◀─┘
///     │       ▲       deadline passed, or a conflict,        │
///     └───────┘       or another record                      │ drained: put(nobody)
///      look: another record,                                 ▼
///      the wait begins anew                               released
/// ```
/// A put without an answer is *in doubt*: the record is read, and counts as taken or renewed from the
/// moment of the first attempt if it is there, and is sent again as it was if it is not.
///
/// # Guarantees
/// - At most one replica holds the lease at any instant. A holder counts from *before* it sent a renewal
///   that was confirmed, a follower from *after* it first saw the record; the holder's time is shorter.
///   Wall clocks take no part, and no two clocks are compared.
/// - The epoch grows whenever the lease changes hands.
/// - A holder that cannot reach the store, was stopped for a while, or meets another's record does not
///   hold the lease any more, and knows it without anybody telling.
/// - A record that is gone is waited out as one that stands, and a record of a newer version is left alone.
///
/// # Assumptions
/// - `holder` is unique to this life of the process, such as the task's ARN and a random number.
/// - Clocks measure durations to within a tenth. A machine that is suspended as a whole may stop its
///   clock: nobody suspends a Fargate task.
/// - A process can be stopped between the check and the send. Such a late write has to be harmless, which
///   is what the planner sees to; a new holder waits until [`Term::ready_at`], which covers every call
///   that was sent in time.
///
/// # Cancel safety
/// Dropping [`run`](Self::run) is a death: the others wait the lease out.
///
/// ```
/// # use std::sync::Arc;
/// use coxswain_runtime::{Drain, Lease, LeaseTimes};
/// use coxswain_store::{MemoryStore, Path};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let path = Path::new("leases/123456789012-eu-west-1")?;
/// let lease = Lease::new(Arc::new(MemoryStore::new()), path, "task-1/5f2c", LeaseTimes::default())?;
/// let (mut view, drain) = (lease.view(), Drain::new());
/// let watch = drain.watch();
/// drain.watch().spawn(async move { lease.run(watch.signalled()).await });
///
/// let term = view.acquired().await.ok_or("drained before")?;
/// tokio::time::sleep_until(term.ready_at()).await;
/// // Observe first; then, right before each send:
/// assert!(term.may_act());
///
/// drain.finish(std::time::Duration::from_secs(5)).await?;
/// assert!(!term.is_held());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Lease {
    store: Arc<dyn Store>,
    path: Path,
    times: LeaseTimes,
    machine: Machine,
    published: watch::Sender<Published>,
    /// Epochs up to this one were given by a lease whose record is lost.
    floor: watch::Sender<u64>,
}

/// What one replica knows of a lease, for everybody in it who asks. Clones see the same.
#[derive(Debug, Clone)]
pub struct LeaseView {
    published: watch::Receiver<Published>,
    floor: watch::Sender<u64>,
}

/// A time during which this replica holds the lease, from taking it to losing it.
#[derive(Debug, Clone)]
pub struct Term {
    epoch: u64,
    ready_at: Instant,
    published: watch::Receiver<Published>,
    floor: watch::Sender<u64>,
}

/// What is said of a lease in a status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaseReport {
    /// Who held it when the record was read last.
    pub holder: Option<String>,
    /// Under which epoch.
    pub epoch: u64,
    /// Why the last call of the store failed, if it did.
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Published {
    grant: Option<Grant>,
    report: LeaseReport,
}

/// The right to act, as long as its deadline has not passed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    epoch: u64,
    ready_at: Instant,
    deadline: Instant,
}

impl Lease {
    /// A part in the lease whose record stands at `path`, as a follower that has not looked yet.
    ///
    /// # Errors
    /// Times under which two replicas could hold the lease, or none could keep it.
    pub fn new(
        store: Arc<dyn Store>,
        path: Path,
        holder: impl Into<String>,
        times: LeaseTimes,
    ) -> Result<Self, InvalidTimes> {
        times.check()?;
        let machine = Machine::new(holder.into(), times, Instant::now());
        let (published, floor) = (watch::Sender::new(Published::default()), watch::Sender::new(0));
        Ok(Self { store, path, times, machine, published, floor })
    }

    /// A view on this part.
    pub fn view(&self) -> LeaseView {
        LeaseView { published: self.published.subscribe(), floor: self.floor.clone() }
    }

    /// Takes part until `drained` is done, and then gives the lease back if it is held.
    ///
    /// `drained` has to end when nothing that was sent under the lease can take effect any more: from then on
    /// the lease is not held, and the next holder waits neither for it to grow old nor for calls to end.
    pub async fn run(mut self, drained: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = drained => {}
            () = self.take_part() => {}
        }
        let release = self.machine.release(Instant::now());
        self.publish();
        let Some((record, expect)) = release else { return };
        let put = self.store.put(&self.path, record.to_bytes(), expect);
        let is_released = matches!(timeout(self.times.store_timeout, put).await, Ok(Ok(_)));
        tracing::info!(lease = %self.path, epoch = record.epoch, is_released, "given back at the end");
    }

    async fn take_part(&mut self) {
        let mut outgrown = self.floor.subscribe();
        loop {
            self.machine.outgrow(*outgrown.borrow_and_update(), Instant::now());
            let ask = self.machine.next(Instant::now());
            self.publish();
            match ask {
                Ask::Wait(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    _ = outgrown.changed() => {}
                },
                Ask::Look => self.look().await,
                Ask::Put(record, expect) => {
                    let sent = Instant::now();
                    let put = self.store.put(&self.path, record.to_bytes(), expect);
                    let written = match timeout(self.times.store_timeout, put).await {
                        Ok(Ok(version)) => Written::Done(version),
                        Ok(Err(StoreError::Conflict { .. })) => Written::Conflict,
                        Ok(Err(error)) => self.failed(&error),
                        Err(_) => {
                            self.trouble(Some("the store did not answer in time".to_owned()));
                            Written::InDoubt
                        }
                    };
                    if matches!(written, Written::Done(_)) {
                        self.saw(&record);
                    }
                    self.machine.wrote(record, written, sent, Instant::now());
                }
            }
        }
    }

    async fn look(&mut self) {
        let read = timeout(self.times.store_timeout, self.store.get(&self.path)).await;
        let found = match read {
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(entry))) => match Record::parse(&entry.bytes) {
                Ok(record) => Ok(Some((entry, record))),
                Err(unreadable) => Err(unreadable.to_string()),
            },
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the store did not answer in time".to_owned()),
        };
        let now = Instant::now();
        match found {
            Ok(found) => {
                if let Some((_, record)) = &found {
                    self.saw(record);
                }
                self.machine.looked(found.as_ref(), now);
            }
            Err(why) => {
                self.trouble(Some(why));
                self.machine.look_failed(now);
            }
        }
    }

    fn failed(&self, error: &StoreError) -> Written {
        self.trouble(Some(error.to_string()));
        match error {
            StoreError::Unavailable { in_doubt: true, .. } => Written::InDoubt,
            _ => Written::Refused,
        }
    }

    fn saw(&self, record: &Record) {
        let report = LeaseReport { holder: record.holder.clone(), epoch: record.epoch, trouble: None };
        self.published.send_if_modified(|published| {
            let is_new = published.report != report;
            published.report = report;
            is_new
        });
    }

    fn trouble(&self, trouble: Option<String>) {
        self.published.send_if_modified(|published| {
            let is_new = published.report.trouble != trouble;
            published.report.trouble = trouble;
            is_new
        });
    }

    /// Tells the views what is held, and the log where that has changed.
    fn publish(&self) {
        let grant = self.machine.grant();
        let (lease, now) = (&self.path, Instant::now());
        self.published.send_if_modified(|published| {
            let before = published.grant.as_ref().map(|grant| grant.epoch);
            match (before, grant.map(|grant| grant.epoch)) {
                (before, Some(epoch)) if before != Some(epoch) => {
                    let ready_in = grant.map(|grant| grant.ready_at.saturating_duration_since(now));
                    tracing::info!(%lease, epoch, ?ready_in, "taken");
                }
                (Some(epoch), None) => tracing::warn!(%lease, epoch, "not held any more"),
                _ => {}
            }
            let is_new = published.grant.as_ref() != grant;
            published.grant = grant.cloned();
            is_new
        });
    }
}

impl Published {
    /// What is held now; a grant ends by itself.
    fn held(&self, now: Instant) -> Option<&Grant> {
        self.grant.as_ref().filter(|grant| now < grant.deadline)
    }
}

impl LeaseView {
    /// The term that this replica is in, if it holds the lease.
    pub fn term(&self) -> Option<Term> {
        let published = self.published.borrow();
        let Grant { epoch, ready_at, .. } = published.held(Instant::now())?.clone();
        Some(Term { epoch, ready_at, published: self.published.clone(), floor: self.floor.clone() })
    }

    /// Whether this replica holds the lease now.
    pub fn is_held(&self) -> bool {
        self.published.borrow().held(Instant::now()).is_some()
    }

    /// Waits until this replica holds the lease. Nothing if its part in it has ended. Cancel safe.
    pub async fn acquired(&mut self) -> Option<Term> {
        loop {
            self.published.mark_unchanged();
            if let Some(term) = self.term() {
                return Some(term);
            }
            self.published.changed().await.ok()?;
        }
    }

    /// What to say of it in a status.
    pub fn report(&self) -> LeaseReport {
        self.published.borrow().report.clone()
    }
}

impl Term {
    /// The number of this term: higher than that of every earlier one of any replica.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When the last calls of an earlier holder are over: nothing is to be sent before. At once where it has
    /// given the lease back.
    pub fn ready_at(&self) -> Instant {
        self.ready_at
    }

    /// Whether the lease is certainly still held, in this very term.
    pub fn is_held(&self) -> bool {
        self.published.borrow().held(Instant::now()).is_some_and(|grant| grant.epoch == self.epoch)
    }

    /// Whether something may be sent now: held, and past [`ready_at`](Self::ready_at). To be asked right
    /// before each send.
    pub fn may_act(&self) -> bool {
        Instant::now() >= self.ready_at && self.is_held()
    }

    /// Says that something was met which was written in a later term than this: the lease's record was lost
    /// at some time, and its epochs began anew. This term ends, and the next one counts on from there.
    pub fn outgrow(&self, epoch: u64) {
        self.floor.send_if_modified(|floor| {
            let is_higher = epoch > *floor;
            *floor = epoch.max(*floor);
            is_higher
        });
    }

    /// Waits until the term is over. Cancel safe.
    pub async fn lost(&self) {
        let mut published = self.published.clone();
        loop {
            published.mark_unchanged();
            let held = published.borrow().held(Instant::now()).cloned();
            let Some(grant) = held.filter(|grant| grant.epoch == self.epoch) else { return };
            tokio::select! {
                biased;
                changed = published.changed() => {
                    if changed.is_err() {
                        sleep_until(grant.deadline).await;
                    }
                }
                () = sleep_until(grant.deadline) => {}
            }
        }
    }
}
