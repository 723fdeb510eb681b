//! AWS's cron expressions: six fields, with `L`, `W`, `#` and `?`.
//!
//! A parser of our own, since AWS's rules are no other crate's: days of the week count from Sunday as 1,
//! one of the two day fields has to be `?`, and there are years and no seconds. Source:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use jiff::civil::{Date, DateTime, Time};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The years that a field may name.
const YEARS: (i16, i16) = (1970, 2199);

/// A cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Vec<i16>,
    hours: Vec<i16>,
    months: Vec<i16>,
    years: Vec<i16>,
    days: Days,
}

/// Which days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<OfMonth>),
    OfWeek(Vec<OfWeek>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OfMonth {
    Day(i16),
    /// `L`
    Last,
    /// `15W`: the weekday of the same month that is nearest to that day.
    NearestWeekday(i16),
    /// `LW`: the last weekday.
    LastWeekday,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OfWeek {
    /// From Sunday as 1.
    Day(i16),
    /// `3#2`: the second Tuesday.
    Nth(i16, i16),
    /// `6L`: the last Friday.
    LastOf(i16),
}

impl Cron {
    /// Reads the six fields; `None` where they are not ones that AWS takes.
    pub(super) fn read(fields: &str) -> Option<Self> {
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [minutes, hours, of_month, months, of_week, years] = fields.as_slice() else { return None };
        let days = match (*of_month, *of_week) {
            ("?", "?") => return None,
            (of_month, "?") => Days::OfMonth(days_of_month(of_month)?),
            ("?", of_week) => Days::OfWeek(days_of_week(of_week)?),
            _ => return None,
        };
        Some(Self {
            minutes: list(minutes, (0, 59), &[])?,
            hours: list(hours, (0, 23), &[])?,
            months: list(months, (1, 12), &MONTHS)?,
            years: list(years, YEARS, &[])?,
            days,
        })
    }

    /// The moments from this one on, in a calendar without time zones.
    pub(super) fn from(&self, start: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let months = self.years.iter().filter(move |year| **year >= start.year()).flat_map(move |year| {
            let later = move |month: &&i16| (*year, **month) >= (start.year(), i16::from(start.month()));
            self.months.iter().filter(later).map(move |month| (*year, *month))
        });
        let dates = months.flat_map(|(year, month)| self.dates(year, month));
        let moments = dates.flat_map(move |date| {
            let times =
                self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
            times.filter_map(move |(hour, minute)| {
                let time = Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()?;
                Some(date.to_datetime(time))
            })
        });
        moments.filter(move |moment| *moment >= start)
    }

    fn dates(&self, year: i16, month: i16) -> Vec<Date> {
        let first = i8::try_from(month).ok().and_then(|month| Date::new(year, month, 1).ok());
        let Some(first) = first else { return Vec::new() };
        let last = i16::from(first.days_in_month());
        let mut dates: Vec<Date> = (1..=last)
            .filter(|day| self.days.has(first, *day))
            .filter_map(|day| Date::new(year, first.month(), i8::try_from(day).ok()?).ok())
            .collect();
        dates.dedup();
        dates
    }
}

impl Days {
    fn has(&self, first: Date, day: i16) -> bool {
        let last = i16::from(first.days_in_month());
        match self {
            Self::OfMonth(days) => days.iter().any(|wanted| match wanted {
                OfMonth::Day(wanted) => *wanted == day,
                OfMonth::Last => day == last,
                OfMonth::NearestWeekday(wanted) => *wanted <= last && nearest_weekday(first, *wanted) == day,
                OfMonth::LastWeekday => nearest_weekday(first, last) == day,
            }),
            Self::OfWeek(days) => {
                let of_week = of_week(first, day);
                days.iter().any(|wanted| match wanted {
                    OfWeek::Day(wanted) => *wanted == of_week,
                    OfWeek::Nth(wanted, nth) => *wanted == of_week && (day - 1) / 7 + 1 == *nth,
                    OfWeek::LastOf(wanted) => *wanted == of_week && day + 7 > last,
                })
            }
        }
    }
}

/// A day's place in the week, from Sunday as 1.
fn of_week(first: Date, day: i16) -> i16 {
    let of_first = i16::from(first.weekday().to_sunday_zero_offset());
    (of_first + day - 1).rem_euclid(7) + 1
}

/// From Saturday to Friday and from Sunday to Monday, but never into another month.
fn nearest_weekday(first: Date, day: i16) -> i16 {
    let last = i16::from(first.days_in_month());
    match of_week(first, day) {
        1 if day == last => day - 2,
        1 => day + 1,
        7 if day == 1 => day + 2,
        7 => day - 1,
        _ => day,
    }
}

fn days_of_month(field: &str) -> Option<Vec<OfMonth>> {
    let mut days = Vec::new();
    for part in field.split(',') {
        match part {
            "L" => days.push(OfMonth::Last),
            "LW" => days.push(OfMonth::LastWeekday),
            part => match part.strip_suffix('W') {
                Some(day) => days.push(OfMonth::NearestWeekday(number(day, (1, 31), &[])?)),
                None => days.extend(list(part, (1, 31), &[])?.into_iter().map(OfMonth::Day)),
            },
        }
    }
    Some(days)
}

fn days_of_week(field: &str) -> Option<Vec<OfWeek>> {
    let day = |text: &str| number(text, (1, 7), &DAYS);
    let mut days = Vec::new();
    for part in field.split(',') {
        if part == "L" {
            // The week's last day.
            days.push(OfWeek::Day(7));
        } else if let Some((of_week, nth)) = part.split_once('#') {
            days.push(OfWeek::Nth(day(of_week)?, number(nth, (1, 5), &[])?));
        } else if let Some(of_week) = part.strip_suffix('L') {
            days.push(OfWeek::LastOf(day(of_week)?));
        } else {
            days.extend(list(part, (1, 7), &DAYS)?.into_iter().map(OfWeek::Day));
        }
    }
    Some(days)
}

/// The values that a field lists, sorted: `*`, numbers or names, `a-b`, each perhaps with `/step`.
fn list(field: &str, range: (i16, i16), names: &[&str]) -> Option<Vec<i16>> {
    let mut values = Vec::new();
    for part in field.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(number(step, (1, range.1.max(1)), &[])?)),
            None => (part, None),
        };
        let (first, last) = match span.split_once('-') {
            _ if span == "*" => range,
            Some((first, last)) => (number(first, range, names)?, number(last, range, names)?),
            None => {
                let first = number(span, range, names)?;
                // `5/15` goes on to the field's end, `5` does not.
                (first, if step.is_some() { range.1 } else { first })
            }
        };
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        if first <= last {
            values.extend((first..=last).step_by(step));
        } else {
            // `FRI-MON` goes over the end, as `22-2` does.
            values.extend((first..=range.1).chain(range.0..=last).step_by(step));
        }
    }
    values.sort_unstable();
    values.dedup();
    Some(values)
}

fn number(text: &str, (least, most): (i16, i16), names: &[&str]) -> Option<i16> {
    let place = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let value = match place {
        Some(place) => i16::try_from(place).ok()? + least,
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
    };
    (least..=most).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;

    use super::*;

    fn moments(fields: &str, start: &str, count: usize) -> Vec<String> {
        let start: DateTime = start.parse().unwrap();
        Cron::read(fields).unwrap().from(start).take(count).map(|moment| moment.to_string()).collect()
    }

    /// Each of the examples that AWS's page gives, and the wildcards one by one.
    #[test]
    fn every_wildcard_means_what_aws_says() {
        let start = "2026-11-25T10:07:00";
        for (fields, expected) in [
            ("0 10 * * ? *", ["2026-11-26T10:00:00", "2026-11-27T10:00:00"]),
            ("15 12 * * ? *", ["2026-11-25T12:15:00", "2026-11-26T12:15:00"]),
            ("0 18 ? * MON-FRI *", ["2026-11-25T18:00:00", "2026-11-26T18:00:00"]),
            ("0 8 1 * ? *", ["2026-12-01T08:00:00", "2027-01-01T08:00:00"]),
            ("0/15 * * * ? *", ["2026-11-25T10:15:00", "2026-11-25T10:30:00"]),
            ("0/10 * ? * MON-FRI *", ["2026-11-25T10:10:00", "2026-11-25T10:20:00"]),
            ("0/5 8-17 ? * MON-FRI *", ["2026-11-25T10:10:00", "2026-11-25T10:15:00"]),
            ("0 9 ? * 2#1 *", ["2026-12-07T09:00:00", "2027-01-04T09:00:00"]),
            ("0 0 L * ? *", ["2026-11-30T00:00:00", "2026-12-31T00:00:00"]),
            ("0 0 1W * ? *", ["2026-12-01T00:00:00", "2027-01-01T00:00:00"]),
            ("0 0 5W DEC ? *", ["2026-12-04T00:00:00", "2027-12-06T00:00:00"]),
            ("0 0 31W 1 ? *", ["2027-01-29T00:00:00", "2028-01-31T00:00:00"]),
            ("0 0 LW 1 ? *", ["2027-01-29T00:00:00", "2028-01-31T00:00:00"]),
            ("0 0 ? * 6L *", ["2026-11-27T00:00:00", "2026-12-25T00:00:00"]),
            ("0 0 ? * L *", ["2026-11-28T00:00:00", "2026-12-05T00:00:00"]),
            ("0 0 ? * SUN,3 *", ["2026-11-29T00:00:00", "2026-12-01T00:00:00"]),
            ("0 22-2/2 * * ? *", ["2026-11-25T22:00:00", "2026-11-26T00:00:00"]),
            ("0 0 29 FEB ? *", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
            ("30 6 ? * MON 2028/2", ["2028-01-03T06:30:00", "2028-01-10T06:30:00"]),
        ] {
            assert_eq!(moments(fields, start, 2), expected, "{fields}");
        }
        assert_eq!(moments("0 0 31 2 ? *", start, 1), Vec::<String>::new());
        assert_eq!(moments("0 0 1 1 ? 2026", start, 1), Vec::<String>::new());
        assert_eq!(moments("7 10 25 11 ? 2026", start, 9), ["2026-11-25T10:07:00"]);
    }

    #[test]
    fn what_aws_does_not_take_is_refused() {
        for fields in [
            "",
            "0 10 * * *",
            "0 10 * * * *",
            "0 10 ? * ? *",
            "60 10 * * ? *",
            "0 24 * * ? *",
            "0 0 0 * ? *",
            "0 0 ? * 8 *",
            "0 0 ? * 2#6 *",
            "0 0 * 13 ? *",
            "0 0 * * ? 1969",
            "a 0 * * ? *",
            "0/0 0 * * ? *",
            "0 0 32W * ? *",
            "-1 0 * * ? *",
            "0 0 0 10 * ? *",
        ] {
            assert_eq!(Cron::read(fields), None, "{fields}");
        }
    }

    #[test]
    fn days_of_the_week_agree_with_the_calendar() {
        let first = Date::constant(2026, 11, 1);
        assert_eq!(first.weekday(), Weekday::Sunday);
        assert_eq!((of_week(first, 1), of_week(first, 7), of_week(first, 25)), (1, 7, 4));
    }
}
