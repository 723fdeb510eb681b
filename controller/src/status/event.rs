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
    fn ids_of_a_later_start_are_greater() {
        let mut early = Ring::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        early.push(Timestamp::UNIX_EPOCH, String::new(), Reason::Drifted, String::new());
        let late = Ring::starting_at("2026-01-01T00:00:01Z".parse().unwrap());
        assert!(early.after(None, 1)[0].id < late.next_id);
    }
}
