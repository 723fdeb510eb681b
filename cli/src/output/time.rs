//! Times: how long ago for people, when for programs.

use std::time::Duration;

use jiff::Timestamp;

use super::Terminal;

impl Terminal {
    /// A moment of the past: `12s` on a terminal, RFC 3339 elsewhere.
    pub(crate) fn ago(&self, at: Timestamp) -> String {
        if self.is_interactive {
            span(super::now().duration_since(at).as_secs().try_into().unwrap_or(0))
        } else {
            seconds(at)
        }
    }
}

/// RFC 3339, in whole seconds.
pub(crate) fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// How long something took, in seconds and larger units.
pub(crate) fn took(from: Timestamp, to: Timestamp) -> String {
    span(to.duration_since(from).as_secs().try_into().unwrap_or(0))
}

/// A duration as it is written on a command line.
pub(crate) fn written(duration: Duration) -> String {
    span(duration.as_secs())
}

/// The two largest units: `3d4h`, `2m5s`, `7s`.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => pair(minutes, "m", seconds % 60, "s"),
        (0, _, _) => pair(hours, "h", minutes % 60, "m"),
        _ => pair(days, "d", hours % 24, "h"),
    }
}

fn pair(large: u64, unit: &str, small: u64, smaller_unit: &str) -> String {
    if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{smaller_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_two_largest_units() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (125, "2m5s"),
            (3_600, "1h"),
            (7_380, "2h3m"),
            (273_600, "3d4h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(span(seconds), expected);
        }
    }

    #[test]
    fn a_time_that_lies_ahead_is_no_time_ago() {
        let (early, late) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(9).unwrap());
        assert_eq!(took(late, early), "0s");
        assert_eq!(took(early, late), "9s");
    }
}
