//! Failures of events on purpose: lost, doubled, overtaken, late; by kind, counted or drawn from a seed.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    fault::{FaultRuleError, When},
    id::Random,
};

/// What becomes of one event on its way to one queue.
///
/// All of them happen in AWS: EventBridge delivers at least once and in no order, and ECS and CloudTrail
/// send to it as best they can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventFault {
    /// It arrives.
    #[default]
    None,
    /// It does not arrive.
    Lose,
    /// It arrives twice.
    Double,
    /// It arrives right behind the next event to the same queue; a minute late where none comes.
    Reorder,
    /// It arrives so many milliseconds late.
    DelayMs(u64),
}

/// Which events meet with a fault.
///
/// As text, `fault:detail-type[:when]`: `lose-event:*:percent=20`,
/// `double-event:ECS Task State Change`, `reorder-event:*:every=2`, `delay-event=5000:*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventFaultRule {
    /// The event's `detail-type`, or `*` for every one.
    pub detail_type: String,
    /// What happens.
    pub fault: EventFault,
    /// To which of the matching events, counted from the rule's beginning.
    #[serde(default)]
    pub when: When,
}

impl EventFaultRule {
    /// Whether a text means to be one, right or wrong.
    pub fn is_meant_by(text: &str) -> bool {
        text.split([':', '=']).next().is_some_and(|fault| fault.ends_with("-event"))
    }
}

impl FromStr for EventFaultRule {
    type Err = FaultRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || FaultRuleError::of(text);
        let mut parts = text.splitn(3, ':');
        let fault = match parts.next().ok_or_else(refuse)? {
            "lose-event" => EventFault::Lose,
            "double-event" => EventFault::Double,
            "reorder-event" => EventFault::Reorder,
            other => {
                let millis = other.strip_prefix("delay-event=").and_then(|millis| millis.parse().ok());
                EventFault::DelayMs(millis.ok_or_else(refuse)?)
            }
        };
        let detail_type = parts.next().filter(|name| !name.is_empty()).ok_or_else(refuse)?.to_owned();
        let when = parts.next().map_or(Some(When::Always), When::read).ok_or_else(refuse)?;
        Ok(Self { detail_type, fault, when })
    }
}

/// The rules in force.
#[derive(Debug)]
pub(super) struct EventFaults {
    rules: Vec<(EventFaultRule, u64)>,
    random: Random,
}

impl EventFaults {
    pub(super) fn new(random: Random) -> Self {
        Self { rules: Vec::new(), random }
    }

    pub(super) fn add(&mut self, rule: EventFaultRule) {
        self.rules.push((rule, 0));
    }

    pub(super) fn rules(&self) -> Vec<EventFaultRule> {
        self.rules.iter().map(|(rule, _)| rule.clone()).collect()
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The first rule's that hits.
    pub(super) fn choose(&mut self, detail_type: &str) -> EventFault {
        let mut chosen = EventFault::None;
        let matching =
            self.rules.iter_mut().filter(|(rule, _)| ["*", detail_type].contains(&rule.detail_type.as_str()));
        for (rule, seen) in matching {
            *seen += 1;
            if rule.when.hits(*seen, &mut self.random) && chosen == EventFault::None {
                chosen = rule.fault;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_a_fault_a_kind_of_event_and_when() {
        let rule: EventFaultRule = "lose-event:ECS Task State Change:every=2".parse().unwrap();
        let expected = EventFaultRule {
            detail_type: "ECS Task State Change".into(),
            fault: EventFault::Lose,
            when: When::Every(2),
        };
        assert_eq!(rule, expected);
        let rule: EventFaultRule = "delay-event=250:*".parse().unwrap();
        assert_eq!((rule.fault, rule.when), (EventFault::DelayMs(250), When::Always));
        for text in ["lose-event", "lose-event:", "burn-event:*", "delay-event=x:*", "lose-event:*:every=0"] {
            assert!(EventFaultRule::is_meant_by(text), "{text}");
            let error = text.parse::<EventFaultRule>().unwrap_err().to_string();
            assert!(error.contains("reorder-event"), "{error}");
        }
        assert!(!EventFaultRule::is_meant_by("lose-answer:UpdateService"));
    }

    #[test]
    fn what_is_drawn_repeats_with_its_seed() {
        let draw = || {
            let mut faults = EventFaults::new(Random::seeded(7));
            faults.add("lose-event:*:percent=30".parse().unwrap());
            (0..100).map(|_| faults.choose("x")).collect::<Vec<_>>()
        };
        let lost = draw().iter().filter(|fault| **fault == EventFault::Lose).count();
        assert!((15..45).contains(&lost), "{lost} of 100");
        assert_eq!(draw(), draw());
    }
}
