//! `8.0`: a bundle's sequence, and the number of its inputs.

use std::{fmt, str::FromStr};

/// What stands with the controller, in numbers that only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision {
    /// The bundle's.
    pub(crate) sequence: u64,
    /// 0 for the inputs that the bundle was taken with.
    pub(crate) input: u64,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sequence, self.input)
    }
}

impl FromStr for Revision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sequence, input) = text.split_once('.').unwrap_or((text, "0"));
        let number =
            |text: &str| text.parse().map_err(|_| format!("{text:?} is no revision; write 8.0 or 8"));
        Ok(Self { sequence: number(sequence)?, input: number(input)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_grows_by_its_sequence_first() {
        let revision = |text: &str| text.parse::<Revision>().unwrap();
        assert!(revision("10.0") > revision("9.12") && revision("9.12") > revision("9"));
        assert_eq!(revision("8").to_string(), "8.0");
        for text in ["", "8.", "8.0.1", "v8", "-1"] {
            assert!(text.parse::<Revision>().is_err(), "{text}");
        }
    }
}
