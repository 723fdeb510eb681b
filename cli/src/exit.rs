//! How `cox` ends: a closed list of exit codes, the same for every verb.

use std::{fmt, process::ExitCode};

/// The table of exit codes, as `--help` shows it.
pub(crate) const TABLE: &str = "\
Exit codes:
    0  done; no difference; rollout healthy
    1  difference found (diff; plan --fail-on-changes)
    2  wrong usage
    3  manifest invalid or refused by policy
    4  rollout failed or was rolled back
    5  timed out; still going on
    6  blocked: suspended, held, a reference without a value
    7  AWS or controller unreachable, denied, throttled
    8  refused by a guard
  130  interrupted";

/// How `cox` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; no difference; rollout healthy.
    Done,
    /// Difference found.
    Difference,
    /// Wrong usage.
    Usage,
    /// Manifest invalid or refused by policy.
    Invalid,
    /// Rollout failed or was rolled back.
    RolloutFailed,
    /// Timed out; still going on.
    TimedOut,
    /// Blocked: suspended, held, a reference without a value.
    Blocked,
    /// AWS or controller unreachable, denied, throttled.
    Unreachable,
    /// Refused by a guard.
    Refused,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// The process' exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Difference => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::RolloutFailed => 4,
            Self::TimedOut => 5,
            Self::Blocked => 6,
            Self::Unreachable => 7,
            Self::Refused => 8,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a verb did not do what was asked, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How to end.
    pub(crate) exit: Exit,
    /// What happened; further lines are details.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None }
    }

    /// The command line asks for something that cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The manifests are invalid.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, message)
    }

    /// The rollout failed.
    pub(crate) fn rollout(message: impl Into<String>) -> Self {
        Self::new(Exit::RolloutFailed, message)
    }

    /// It takes longer than was waited for.
    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self::new(Exit::TimedOut, message)
    }

    /// Something stands in the way that waiting does not move.
    pub(crate) fn blocked(message: impl Into<String>) -> Self {
        Self::new(Exit::Blocked, message)
    }

    /// AWS or the controller does not answer as needed.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, message)
    }

    /// A guard refuses.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// A person ended it.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "")
    }

    /// With what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.help = (!help.is_empty()).then_some(help);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// stdout cannot be written: the reader went away, which ends the verb and is no failure.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::new(Exit::Done, "")
        } else {
            Self::unreachable(format!("the output cannot be written: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_code_and_no_other() {
        let all = [
            Exit::Done,
            Exit::Difference,
            Exit::Usage,
            Exit::Invalid,
            Exit::RolloutFailed,
            Exit::TimedOut,
            Exit::Blocked,
            Exit::Unreachable,
            Exit::Refused,
            Exit::Interrupted,
        ];
        let codes: Vec<u8> = all.into_iter().map(Exit::code).collect();
        let listed: Vec<u8> = TABLE
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next()?.parse::<u8>().ok())
            .collect();
        assert_eq!(listed, codes);
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = Failure::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!(gone.exit, Exit::Done);
    }
}
