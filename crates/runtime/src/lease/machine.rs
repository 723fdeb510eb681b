//! The decisions of one replica about one lease: answers and instants in, the next call out.

use coxswain_store::{Entry, Expect, Version};
use tokio::time::Instant;

use super::record::Record;
use super::{Grant, LeaseTimes};

/// What the replica does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Nothing before this instant.
    Wait(Instant),
    /// Read the record.
    Look,
    /// Write a record where this stands.
    Put(Record, Expect),
}

/// How a put ended.
#[derive(Debug)]
pub(super) enum Written {
    /// It took effect.
    Done(Version),
    /// Something else stands there; its answer may also be to a copy of a put that took effect.
    Conflict,
    /// It certainly had no effect.
    Refused,
    /// Nobody knows.
    InDoubt,
}

#[derive(Debug)]
pub(super) struct Machine {
    holder: String,
    times: LeaseTimes,
    state: State,
    /// A put whose outcome is not known.
    doubt: Option<Doubt>,
    /// After a failed call, the store is left alone until then.
    retry_at: Option<Instant>,
    /// The highest epoch that was ever seen.
    epoch: u64,
}

#[derive(Debug)]
enum State {
    Following { seen: Option<Seen>, next_look: Instant },
    Held(Held),
}

/// A version of the record, and since when it is known to stand there, by this replica's clock.
#[derive(Debug)]
struct Seen {
    version: Option<Version>,
    whose: Whose,
    since: Instant,
}

/// Whose lease a record says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Somebody's, perhaps still; so is one whose record is gone.
    Somebodys,
    /// Nobody's: it was given back, after all that was sent under it.
    Nobodys,
    /// This replica's own, in a term that is outgrown.
    Ours,
}

#[derive(Debug)]
struct Held {
    grant: Grant,
    beat: u64,
    version: Version,
    renew_at: Instant,
}

#[derive(Debug)]
struct Doubt {
    record: Record,
    /// When it was sent first: from then on it may have stood in the store.
    first_sent: Instant,
    /// Whether the record has to be read before the put is repeated.
    must_look: bool,
}

impl Machine {
    pub(super) fn new(holder: String, times: LeaseTimes, now: Instant) -> Self {
        let state = State::Following { seen: None, next_look: now };
        Self { holder, times, state, doubt: None, retry_at: None, epoch: 0 }
    }

    /// What is held, which ends by itself at its deadline.
    pub(super) fn grant(&self) -> Option<&Grant> {
        match &self.state {
            State::Held(held) => Some(&held.grant),
            State::Following { .. } => None,
        }
    }

    /// Epochs up to this one are taken. A lease that is held in one of them is held no longer, and may be
    /// taken anew at once: nobody else was waited for when it was taken.
    pub(super) fn outgrow(&mut self, epoch: u64, now: Instant) {
        self.epoch = self.epoch.max(epoch);
        let State::Held(held) = &self.state else { return };
        if held.grant.epoch >= epoch {
            return;
        }
        let seen = Seen { version: Some(held.version.clone()), whose: Whose::Ours, since: now };
        self.doubt = None;
        self.follow(Some(seen), now);
    }

    /// The next thing to do. What was asked for is answered before this is called again.
    pub(super) fn next(&mut self, now: Instant) -> Ask {
        if self.grant().is_some_and(|grant| now >= grant.deadline) {
            self.follow(None, now);
        }
        let blocked_until = self.retry_at.filter(|at| now < *at);
        match &self.state {
            State::Held(held) => {
                if let Some(at) = blocked_until {
                    Ask::Wait(at.min(held.grant.deadline))
                } else if self.doubt.as_ref().is_some_and(|doubt| doubt.must_look) {
                    Ask::Look
                } else if now >= held.renew_at {
                    let record =
                        Record::new(held.grant.epoch, Some(self.holder.clone()), held.beat.saturating_add(1));
                    Ask::Put(record, Expect::Version(held.version.clone()))
                } else {
                    Ask::Wait(held.renew_at.min(held.grant.deadline))
                }
            }
            State::Following { seen, next_look } => {
                if let Some(at) = blocked_until {
                    return Ask::Wait(at);
                }
                let Some(seen) =
                    seen.as_ref().filter(|_| self.doubt.as_ref().is_none_or(|doubt| !doubt.must_look))
                else {
                    return Ask::Look;
                };
                let take_at = match seen.whose {
                    Whose::Somebodys => seen.since + self.times.take_after,
                    Whose::Nobodys | Whose::Ours => seen.since,
                };
                if now >= take_at {
                    let record = Record::new(self.epoch.saturating_add(1), Some(self.holder.clone()), 0);
                    let expect = seen.version.clone().map_or(Expect::Absent, Expect::Version);
                    Ask::Put(record, expect)
                } else if now >= *next_look {
                    Ask::Look
                } else {
                    Ask::Wait(take_at.min(*next_look))
                }
            }
        }
    }

    /// A look could not be answered, or what it found is not to be touched.
    pub(super) fn look_failed(&mut self, now: Instant) {
        self.retry_at = Some(now + self.times.retry_every);
    }

    /// A look was answered by `now`: what it found stood there at some instant before.
    pub(super) fn looked(&mut self, found: Option<&(Entry, Record)>, now: Instant) {
        self.retry_at = None;
        self.epoch = self.epoch.max(found.map_or(0, |(_, record)| record.epoch));
        if let (Some(doubt), Some((entry, record))) = (&self.doubt, found)
            && doubt.record == *record
        {
            let first_sent = doubt.first_sent;
            if now < first_sent + self.times.hold_for {
                self.hold(record, entry.version.clone(), first_sent);
                return;
            }
            self.doubt = None;
        }
        let version = found.map(|(entry, _)| &entry.version);
        let is_unchanged = match &self.state {
            State::Held(held) => version == Some(&held.version),
            State::Following { seen, .. } => {
                seen.as_ref().is_some_and(|seen| seen.version.as_ref() == version)
            }
        };
        if is_unchanged {
            // Whatever is in doubt has not arrived; the same again does no harm if it still does.
            if let Some(doubt) = &mut self.doubt {
                doubt.must_look = false;
            }
            if let State::Following { next_look, .. } = &mut self.state {
                *next_look = now + self.times.look_every;
            }
            return;
        }
        self.doubt = None;
        let is_given_back = found.is_some_and(|(_, record)| record.holder.is_none());
        let whose = if is_given_back { Whose::Nobodys } else { Whose::Somebodys };
        self.follow(Some(Seen { version: version.cloned(), whose, since: now }), now);
    }

    /// A put that was sent at `sent` was answered, or given up, at `now`.
    pub(super) fn wrote(&mut self, record: Record, written: Written, sent: Instant, now: Instant) {
        let first_sent = self.doubt.as_ref().filter(|doubt| doubt.record == record);
        let first_sent = first_sent.map_or(sent, |doubt| doubt.first_sent);
        match written {
            Written::Done(version) => {
                self.retry_at = None;
                self.hold(&record, version, sent);
            }
            Written::Conflict => {
                self.doubt = Some(Doubt { record, first_sent, must_look: true });
                self.follow(None, now);
            }
            Written::InDoubt => {
                self.doubt = Some(Doubt { record, first_sent, must_look: true });
                self.retry_at = Some(now + self.times.retry_every);
            }
            Written::Refused => self.retry_at = Some(now + self.times.retry_every),
        }
    }

    /// Gives the lease up, and says what to write so that others need not wait.
    pub(super) fn release(&mut self, now: Instant) -> Option<(Record, Expect)> {
        let State::Held(held) = &self.state else { return None };
        let is_held = now < held.grant.deadline;
        let record = Record::new(held.grant.epoch, None, held.beat.saturating_add(1));
        let expect = Expect::Version(held.version.clone());
        self.follow(None, now);
        is_held.then_some((record, expect))
    }

    fn follow(&mut self, seen: Option<Seen>, now: Instant) {
        let next_look = if seen.is_some() { now + self.times.look_every } else { now };
        self.state = State::Following { seen, next_look };
    }

    /// The record with this holder's name stands in the store, and was sent at `sent`.
    fn hold(&mut self, record: &Record, version: Version, sent: Instant) {
        self.doubt = None;
        self.epoch = self.epoch.max(record.epoch);
        let ready_at = match &self.state {
            State::Held(held) if held.grant.epoch == record.epoch => held.grant.ready_at,
            State::Following { seen: Some(Seen { whose: Whose::Nobodys, .. }), .. } => sent,
            // The one before was sure of the lease until then at the latest, however long it took to take it.
            State::Following { seen: Some(Seen { whose: Whose::Somebodys, since, .. }), .. } => {
                *since + self.times.take_after + self.times.call_timeout
            }
            _ => sent + self.times.call_timeout,
        };
        let grant = Grant { epoch: record.epoch, ready_at, deadline: sent + self.times.hold_for };
        let renew_at = sent + self.times.renew_every;
        self.state = State::Held(Held { grant, beat: record.beat, version, renew_at });
    }
}
