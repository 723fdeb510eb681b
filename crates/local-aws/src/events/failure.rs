//! A fault in text, of requests or of events: what the command line and `/_local/faults` take.

use std::str::FromStr;

use super::EventFaultRule;
use crate::fault::{FaultRule, FaultRuleError};

/// A fault of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyFaultRule {
    /// Of requests.
    Request(FaultRule),
    /// Of events.
    Event(EventFaultRule),
}

impl FromStr for AnyFaultRule {
    type Err = FaultRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if EventFaultRule::is_meant_by(text) {
            text.parse().map(Self::Event)
        } else {
            text.parse().map(Self::Request)
        }
    }
}
