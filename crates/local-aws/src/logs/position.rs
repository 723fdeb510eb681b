//! A place between two lines that stays right while older lines are dropped and new ones come.

use crate::driver::LogLine;

/// Right after the `count`-th line of one moment; with 0, right before its first line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    timestamp_ms: i64,
    count: usize,
}

impl Position {
    /// Right after the line before `end`, that is after the last line that was read.
    pub(super) fn of_last(lines: &[LogLine], end: usize) -> Self {
        let read = lines.get(..end).unwrap_or(lines);
        read.last().map_or_else(Self::default, |last| Self {
            timestamp_ms: last.timestamp_ms,
            count: read.iter().rev().take_while(|line| line.timestamp_ms == last.timestamp_ms).count(),
        })
    }

    /// Right before the line at `start`.
    pub(super) fn of_next(lines: &[LogLine], start: usize) -> Self {
        let Some(next) = lines.get(start) else {
            return Self::of_last(lines, start);
        };
        let before = lines.get(..start).unwrap_or_default();
        Self {
            timestamp_ms: next.timestamp_ms,
            count: before.iter().rev().take_while(|line| line.timestamp_ms == next.timestamp_ms).count(),
        }
    }

    /// The index of the first line behind this position: as many lines are ahead of it.
    pub(super) fn after(self, lines: &[LogLine]) -> usize {
        let earlier = lines.partition_point(|line| line.timestamp_ms < self.timestamp_ms);
        let same =
            lines.iter().skip(earlier).take_while(|line| line.timestamp_ms == self.timestamp_ms).count();
        earlier + same.min(self.count)
    }

    pub(super) fn forward_token(self) -> String {
        format!("f/{}-{}/s", self.timestamp_ms, self.count)
    }

    pub(super) fn backward_token(self) -> String {
        format!("b/{}-{}/s", self.timestamp_ms, self.count)
    }

    /// Reads a token: whether it goes backward, and from where.
    pub(super) fn from_token(token: &str) -> Option<(bool, Self)> {
        let (direction, rest) = token.split_once('/')?;
        let backward = match direction {
            "b" => true,
            "f" => false,
            _ => return None,
        };
        let (timestamp, count) = rest.strip_suffix("/s")?.split_once('-')?;
        Some((backward, Self { timestamp_ms: timestamp.parse().ok()?, count: count.parse().ok()? }))
    }
}
