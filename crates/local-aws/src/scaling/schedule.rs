//! Schedules: `at(...)`, `rate(...)` and `cron(...)`, in a time zone.

use std::time::Duration;

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use super::cron::Cron;
use crate::clock::Time;

/// When a scheduled action acts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    kind: Kind,
    zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    At(DateTime),
    Rate(Duration),
    Cron(Cron),
}

/// Between which moments it may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// When the action was put.
    pub(super) created: Time,
    pub(super) start: Option<Time>,
    pub(super) end: Option<Time>,
}

impl Schedule {
    /// Reads an expression; the error says what is wrong with it.
    pub(super) fn read(expression: &str, zone: Option<&str>) -> Result<Self, String> {
        let zone = match zone {
            // Needs no time zone database.
            None | Some("UTC" | "Etc/UTC") => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| format!("Invalid timezone: {name}"))?,
        };
        let wrong = || format!("Invalid schedule expression: {expression}");
        let (name, rest) = expression.split_once('(').ok_or_else(wrong)?;
        let inner = rest.strip_suffix(')').ok_or_else(wrong)?;
        let kind = match name {
            "at" => inner.parse().map(Kind::At).map_err(|_| wrong())?,
            "rate" => Kind::Rate(rate(inner).ok_or_else(wrong)?),
            "cron" => Kind::Cron(Cron::read(inner).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        };
        Ok(Self { kind, zone })
    }

    /// The first moment after this one at which it acts.
    ///
    /// A moment that a time zone skips is skipped; of one that it has twice, the first counts.
    pub(super) fn after(&self, moment: Time, window: Window) -> Option<Time> {
        let next = match &self.kind {
            Kind::At(at) => self.moment(*at).filter(|at| *at > moment),
            Kind::Rate(interval) => {
                // From the start on, or an interval after it was put.
                let first = window.start.unwrap_or_else(|| window.created.after(*interval));
                let millis = interval.as_millis().max(1);
                let passed = moment.since(first).as_millis() / millis + 1;
                let next = || {
                    let steps = u64::try_from(passed * millis).unwrap_or(u64::MAX);
                    first.after(Duration::from_millis(steps))
                };
                Some(if first > moment { first } else { next() })
            }
            Kind::Cron(cron) => {
                // With a start, it acts then as well.
                if let Some(start) = window.start.filter(|start| *start > moment) {
                    Some(start)
                } else {
                    let local = self.zone.to_datetime(timestamp(moment));
                    let mut moments = cron.from(local).filter_map(|local| self.moment(local));
                    moments.find(|next| *next > moment)
                }
            }
        };
        next.filter(|next| window.end.is_none_or(|end| *next <= end))
    }

    /// When the zone's clocks show that.
    fn moment(&self, local: DateTime) -> Option<Time> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return None;
        }
        let millis = ambiguous.earlier().ok()?.as_millisecond();
        u64::try_from(millis).ok().map(Time::from_millis)
    }
}

fn timestamp(moment: Time) -> Timestamp {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// A positive number and a unit, in the singular for 1 and in the plural else.
fn rate(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_once(' ')?;
    let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
    let minutes = match (unit.trim(), count) {
        ("minute", 1) | ("minutes", 1..) => 1,
        ("hour", 1) | ("hours", 1..) => 60,
        ("day", 1) | ("days", 1..) => 24 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(minutes * 60)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        let millis = text.parse::<Timestamp>().unwrap().as_millisecond();
        Time::from_millis(u64::try_from(millis).unwrap())
    }

    fn open() -> Window {
        Window { created: at("2026-11-01T00:00:00Z"), start: None, end: None }
    }

    fn next(expression: &str, zone: Option<&str>, after: &str, window: Window) -> Option<String> {
        let schedule = Schedule::read(expression, zone).unwrap();
        schedule.after(at(after), window).map(Time::to_text)
    }

    #[test]
    fn an_at_happens_once_in_its_zone() {
        let expression = "at(2026-12-01T08:00:00)";
        let before = "2026-11-25T00:00:00Z";
        assert_eq!(next(expression, None, before, open()).unwrap(), "2026-12-01T08:00:00Z");
        assert_eq!(next(expression, Some("Europe/Berlin"), before, open()).unwrap(), "2026-12-01T07:00:00Z");
        assert_eq!(next(expression, None, "2026-12-01T08:00:00Z", open()), None);
    }

    #[test]
    fn a_rate_counts_from_its_start_or_from_when_it_was_put() {
        let expression = "rate(90 minutes)";
        assert_eq!(next(expression, None, "2026-11-01T00:00:00Z", open()).unwrap(), "2026-11-01T01:30:00Z");
        assert_eq!(next(expression, None, "2026-11-01T01:30:00Z", open()).unwrap(), "2026-11-01T03:00:00Z");
        let window = Window {
            start: Some(at("2026-11-02T00:00:00Z")),
            end: Some(at("2026-11-02T02:00:00Z")),
            ..open()
        };
        assert_eq!(next(expression, None, "2026-11-01T12:00:00Z", window).unwrap(), "2026-11-02T00:00:00Z");
        assert_eq!(next(expression, None, "2026-11-02T00:00:00Z", window).unwrap(), "2026-11-02T01:30:00Z");
        assert_eq!(next(expression, None, "2026-11-02T01:30:00Z", window), None, "the next is after the end");
    }

    #[test]
    fn a_cron_follows_its_zones_clocks_over_daylight_saving() {
        let zone = Some("America/New_York");
        let cron = |expression: &str, after: &str| next(expression, zone, after, open()).unwrap();
        // Clocks go back on 1 November 2026 and forward on 14 March 2027.
        assert_eq!(cron("cron(0 8 * * ? *)", "2026-10-31T00:00:00Z"), "2026-10-31T12:00:00Z");
        assert_eq!(cron("cron(0 8 * * ? *)", "2026-11-01T05:00:00Z"), "2026-11-01T13:00:00Z");
        assert_eq!(
            cron("cron(30 1 * * ? *)", "2026-11-01T00:00:00Z"),
            "2026-11-01T05:30:00Z",
            "the first of two"
        );
        assert_eq!(cron("cron(30 1 * * ? *)", "2026-11-01T05:30:00Z"), "2026-11-02T06:30:00Z");
        assert_eq!(
            cron("cron(30 2 * * ? *)", "2027-03-14T00:00:00Z"),
            "2027-03-15T06:30:00Z",
            "it is skipped"
        );
    }

    #[test]
    fn a_cron_with_a_start_acts_then_as_well() {
        let window = Window { start: Some(at("2026-11-10T03:00:00Z")), ..open() };
        let expression = "cron(0 8 * * ? *)";
        assert_eq!(next(expression, None, "2026-11-05T00:00:00Z", window).unwrap(), "2026-11-10T03:00:00Z");
        assert_eq!(next(expression, None, "2026-11-10T03:00:00Z", window).unwrap(), "2026-11-10T08:00:00Z");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for expression in [
            "",
            "at",
            "at(tomorrow)",
            "rate(0 minutes)",
            "rate(1 minutes)",
            "rate(2 minute)",
            "rate(5 weeks)",
            "cron(0 8 * * *)",
            "every(5 minutes)",
            "at(2026-12-01T08:00:00",
        ] {
            // One minute in the plural is taken, as the API's page has both.
            let is_taken = expression == "rate(1 minutes)";
            assert_eq!(Schedule::read(expression, None).is_ok(), is_taken, "{expression}");
        }
        assert!(Schedule::read("rate(1 day)", Some("Mars/Olympus")).is_err());
    }
}
