//! What happened lately: a bounded ring with growing ids.

use std::collections::VecDeque;

use coxswain_plan::Reason;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The number of events that are kept.
pub const EVENTS_KEPT: usize = 1_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Grows with every event, over restarts too; ids may be left out.
    pub id: u64,
    /// When it was seen.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// `service/api`, or `source`.
    pub object: String,
    /// What.
    pub reason: Reason,
    /// In words, for people.
    pub message: String,
}

/// Events that a follower can no longer be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The id of the event that the follower had last: all with a greater one are lost, ...
    pub after: u64,
    /// ... up to this one, which is the first that can still be given.
    pub before: u64,
}

/// What follows an id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// What comes first, where something was lost.
    pub(crate) gap: Option<Gap>,
    /// The events, oldest first.
    pub(crate) events: Vec<Event>,
}

/// The newest events, oldest first.
#[derive(Debug)]
pub(crate) struct Ring {
    next_id: u64,
    events: VecDeque<Event>,
}

impl Ring {
    /// An empty ring whose ids start after those of any ring that was started before `now`: it counts from
    /// the milliseconds of its start, and no ring sees a thousand events a second for long.
    pub(crate) fn starting_at(now: Timestamp) -> Self {
        Self { next_id: u64::try_from(now.as_millisecond()).unwrap_or(0).max(1), events: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, at: Timestamp, object: String, reason: Reason, message: String) {
        if self.events.len() >= EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Event { id: self.next_id, at, object, reason, message });
        self.next_id += 1;
    }

    /// At most `limit` events, of those with a greater id than `after` the first ones; without `after` the
    /// newest.
    pub(crate) fn after(&self, after: Option<u64>, limit: usize) -> Vec<Event> {
        let Some(after) = after else {
            let skipped = self.events.len().saturating_sub(limit);
            return self.events.iter().skip(skipped).cloned().collect();
        };
        self.events.iter().filter(|event| event.id > after).take(limit).cloned().collect()
    }

    /// The id that the newest event has, or that one before the first would have.
    pub(crate) fn last_id(&self) -> u64 {
        self.next_id.saturating_sub(1)
    }

    /// What a follower gets next that had the event of that id last, and whether it lost something.
    ///
    /// An id that this ring never gave is one of another ring, such as that of another replica with a later
    /// start: all events of this ring are then news, and what else there was cannot be known.
    pub(crate) fn page(&self, after: u64, limit: usize) -> Page {
        let first = self.events.front().map_or(self.next_id, |event| event.id);
        let is_lost = after.saturating_add(1) < first || after > self.last_id();
        let gap = is_lost.then_some(Gap { after, before: first });
        let from = if is_lost { first.saturating_sub(1) } else { after };
        Page { gap, events: self.after(Some(from), limit) }
    }

    /// The newest events of one object, oldest first.
    pub(crate) fn of(&self, object: &str, limit: usize) -> Vec<Event> {
        let mut newest: Vec<_> =
            self.events.iter().rev().filter(|event| event.object == object).take(limit).cloned().collect();
        newest.reverse();
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: usize) -> Ring {
        let mut ring = Ring::starting_at(Timestamp::UNIX_EPOCH);
        for number in 0..count {
            let object = format!("service/{}", number % 2);
            ring.push(Timestamp::UNIX_EPOCH, object, Reason::Drifted, number.to_string());
        }
        ring
    }

    fn messages(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.message.as_str()).collect()
    }

    #[test]
    fn the_oldest_events_go_first_and_ids_never_repeat() {
        let ring = filled(EVENTS_KEPT + 5);
        let all = ring.after(None, usize::MAX);
        assert_eq!(all.len(), EVENTS_KEPT);
        assert_eq!(all.first().map(|event| event.message.as_str()), Some("5"));
        assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn a_reader_that_goes_on_after_an_id_misses_nothing() {
        let ring = filled(5);
        let first = ring.after(Some(0), 2);
        assert_eq!(messages(&first), ["0", "1"]);
        let rest = ring.after(first.last().map(|event| event.id), 10);
        assert_eq!(messages(&rest), ["2", "3", "4"]);
        assert!(ring.after(rest.last().map(|event| event.id), 10).is_empty());
    }

    #[test]
    fn without_an_id_the_newest_are_given() {
        assert_eq!(messages(&filled(5).after(None, 2)), ["3", "4"]);
        assert_eq!(messages(&filled(6).of("service/1", 2)), ["3", "5"]);
    }

    #[test]
    fn a_follower_that_is_too_far_behind_is_told_which_ids_it_lost() {
        let ring = filled(EVENTS_KEPT + 5);
        let first = ring.after(None, usize::MAX)[0].id;
        assert_eq!(ring.page(first - 1, 1).gap, None);
        let page = ring.page(first - 2, 1);
        assert_eq!(page.gap, Some(Gap { after: first - 2, before: first }));
        assert_eq!(page.events[0].id, first);
        assert_eq!(ring.page(ring.last_id(), 1), Page::default());
    }

    #[test]
    fn a_follower_of_another_ring_is_told_that_it_lost_something() {
        let ring = filled(3);
        let page = ring.page(ring.last_id() + 1, 10);
        assert_eq!((page.gap.map(|gap| gap.before), page.events.len()), (Some(1), 3));
        let empty = Ring::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(empty.page(empty.last_id(), 1).gap, None);
        assert_eq!(empty.page(7, 1).gap, Some(Gap { after: 7, before: empty.next_id }));
    }

    #[test]
    fn ids_of_a_later_start_are_greater() {
        let mut early = Ring::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        early.push(Timestamp::UNIX_EPOCH, String::new(), Reason::Drifted, String::new());
        let late = Ring::starting_at("2026-01-01T00:00:01Z".parse().unwrap());
        assert!(early.after(None, 1)[0].id < late.next_id);
    }
}
