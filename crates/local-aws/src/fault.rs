//! Failures on purpose: by operation, counted or drawn from a seed, the same in every run.

use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::Random;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// It is served.
    #[default]
    None,
    /// It is refused with `ThrottlingException`, HTTP 400, and has no effect.
    Throttle,
    /// It is refused with `ServerException`, HTTP 500, and has no effect.
    ServerError,
    /// The connection is cut before the request has an effect.
    LoseRequest,
    /// The request has its effect, then the connection is cut.
    LoseAnswer,
    /// The request has its effect twice, as when a proxy sends it again; the second answer counts.
    Twice,
    /// It is served after so many milliseconds.
    DelayMs(u64),
    /// It is served after a time between the two, in milliseconds, drawn from the seed for each request.
    DelayBetweenMs(u64, u64),
}

impl Fault {
    /// What it is for one request: a time between two is drawn.
    fn drawn(self, random: &mut Random) -> Self {
        match self {
            Self::DelayBetweenMs(least, most) => {
                let width = most.saturating_sub(least).saturating_add(1);
                Self::DelayMs(least.saturating_add(random.below(width)))
            }
            fault => fault,
        }
    }

    /// From the text after `delay=`: `250`, or `50..2000`.
    fn delay_of(text: &str) -> Option<Self> {
        let Some((least, most)) = text.split_once("..") else { return text.parse().ok().map(Self::DelayMs) };
        let (least, most) = (least.parse().ok()?, most.parse().ok()?);
        (least <= most).then_some(Self::DelayBetweenMs(least, most))
    }

    pub(crate) fn delay(self) -> Option<Duration> {
        match self {
            Self::DelayMs(millis) | Self::DelayBetweenMs(millis, _) => Some(Duration::from_millis(millis)),
            _ => None,
        }
    }
}

/// A request, as a fault is chosen for it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Botocore's name of the API, such as `ecs`.
    pub service: &'static str,
    /// AWS's name of the operation, such as `UpdateService`.
    pub operation: &'static str,
    /// The request's body.
    pub request: &'a Value,
    /// How many requests of this operation came up to now, this one included: 1 for the first.
    pub attempt: u64,
}

/// Which requests meet with a fault.
///
/// As text, `fault:operation[:when]`: `throttle:UpdateService:every=3`, `lose-answer:*:first=1`,
/// `server-error:DescribeServices:percent=20`, `delay=250:*`, `delay=50..2000:*:percent=5`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// An operation's name, or `*` for every one.
    pub operation: String,
    /// What happens.
    pub fault: Fault,
    /// To which of the operation's requests, counted from the rule's beginning.
    #[serde(default)]
    pub when: When,
}

/// Which of the matching requests a rule hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum When {
    /// Every one.
    #[default]
    Always,
    /// The first so many.
    First(u64),
    /// Each so-many-th.
    Every(u64),
    /// So many in a hundred, drawn from the seed.
    Percent(u64),
}

impl When {
    /// As a rule's text has it, such as `every=3`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (kind, count) = text.split_once('=')?;
        let count = count.parse().ok().filter(|count| *count > 0)?;
        match kind {
            "first" => Some(Self::First(count)),
            "every" => Some(Self::Every(count)),
            "percent" => Some(Self::Percent(count)),
            _ => None,
        }
    }

    /// Whether it hits the one that makes it `seen`.
    pub(crate) fn hits(self, seen: u64, random: &mut Random) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => seen <= count,
            Self::Every(count) => seen.is_multiple_of(count.max(1)),
            Self::Percent(percent) => random.below(100) < percent,
        }
    }
}

/// Why a rule's text is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no fault: write FAULT:OPERATION[:WHEN], with FAULT one of throttle, server-error, \
     lose-request, lose-answer, twice, delay=MILLISECONDS, delay=LEAST..MOST, or FAULT:DETAIL-TYPE[:WHEN], with FAULT one of \
     lose-event, double-event, reorder-event, delay-event=MILLISECONDS; WHEN is one of first=N, every=N, percent=N"
)]
pub struct FaultRuleError {
    text: String,
}

impl FaultRuleError {
    pub(crate) fn of(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

impl FromStr for FaultRule {
    type Err = FaultRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || FaultRuleError::of(text);
        let mut parts = text.split(':');
        let fault = match parts.next().ok_or_else(refuse)? {
            "throttle" => Fault::Throttle,
            "server-error" => Fault::ServerError,
            "lose-request" => Fault::LoseRequest,
            "lose-answer" => Fault::LoseAnswer,
            "twice" => Fault::Twice,
            other => other.strip_prefix("delay=").and_then(Fault::delay_of).ok_or_else(refuse)?,
        };
        let operation = parts.next().filter(|name| !name.is_empty()).ok_or_else(refuse)?.to_owned();
        let when = parts.next().map_or(Some(When::Always), When::read).ok_or_else(refuse)?;
        if parts.next().is_some() {
            return Err(refuse());
        }
        Ok(Self { operation, fault, when })
    }
}

/// A hook that chooses the fault of every request; it comes before the rules.
pub type FaultHook = Box<dyn Fn(&Call<'_>) -> Fault + Send + Sync>;

/// The rules in force, and how often each operation was asked.
pub(crate) struct Faults {
    inner: Mutex<Inner>,
}

struct Inner {
    rules: Vec<(FaultRule, u64)>,
    attempts: BTreeMap<&'static str, u64>,
    random: Random,
    hook: Option<FaultHook>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("rules", &self.rules()).finish_non_exhaustive()
    }
}

impl Faults {
    pub(crate) fn new(random: Random) -> Self {
        let inner = Inner { rules: Vec::new(), attempts: BTreeMap::new(), random, hook: None };
        Self { inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        self.lock().rules.iter().map(|(rule, _)| rule.clone()).collect()
    }

    pub(crate) fn add(&self, rule: FaultRule) {
        self.lock().rules.push((rule, 0));
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.rules.clear();
        inner.hook = None;
    }

    pub(crate) fn set_hook(&self, hook: FaultHook) {
        self.lock().hook = Some(hook);
    }

    /// How often each operation was asked, refused requests included.
    pub(crate) fn attempts(&self) -> BTreeMap<&'static str, u64> {
        self.lock().attempts.clone()
    }

    /// Counts a request and chooses its fault: the hook's, else the first rule's that hits.
    pub(crate) fn choose(&self, service: &'static str, operation: &'static str, request: &Value) -> Fault {
        let mut inner = self.lock();
        let Inner { rules, attempts, random, hook } = &mut *inner;
        let attempt = attempts.entry(operation).or_insert(0);
        *attempt += 1;
        if let Some(hook) = hook {
            let fault = hook(&Call { service, operation, request, attempt: *attempt });
            if fault != Fault::None {
                return fault.drawn(random);
            }
        }
        let mut chosen = Fault::None;
        for (rule, seen) in rules.iter_mut().filter(|(rule, _)| matches(&rule.operation, operation)) {
            *seen += 1;
            if rule.when.hits(*seen, random) && chosen == Fault::None {
                chosen = rule.fault.drawn(random);
            }
        }
        chosen
    }
}

fn matches(pattern: &str, operation: &str) -> bool {
    pattern == "*" || pattern == operation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(rule: &str, requests: usize) -> Vec<Fault> {
        let faults = Faults::new(Random::seeded(7));
        faults.add(rule.parse().unwrap());
        (0..requests).map(|_| faults.choose("ecs", "UpdateService", &Value::Null)).collect()
    }

    #[test]
    fn a_rule_hits_the_first_each_nth_or_a_share_of_the_requests() {
        use Fault::{LoseAnswer, None, Throttle};
        assert_eq!(outcomes("throttle:*:first=2", 4), [Throttle, Throttle, None, None]);
        assert_eq!(outcomes("lose-answer:UpdateService:every=2", 4), [None, LoseAnswer, None, LoseAnswer]);
        assert_eq!(outcomes("throttle:CreateService", 1), [None]);
        let share = outcomes("throttle:*:percent=25", 1_000).iter().filter(|f| **f == Throttle).count();
        assert!((150..350).contains(&share), "{share} of 1000");
        assert_eq!(outcomes("throttle:*:percent=25", 50), outcomes("throttle:*:percent=25", 50));
    }

    #[test]
    fn a_delay_between_two_is_drawn_for_each_request_and_the_same_in_every_run() {
        let delays = |requests| {
            let fault = |fault| match fault {
                Fault::DelayMs(millis) => millis,
                other => panic!("{other:?}"),
            };
            outcomes("delay=50..59:*", requests).into_iter().map(fault).collect::<Vec<u64>>()
        };
        let drawn = delays(500);
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&50), Some(&59)), "both ends are drawn");
        assert_eq!(drawn, delays(500));
    }

    #[test]
    fn a_hook_sees_each_request_and_comes_before_the_rules() {
        let faults = Faults::new(Random::seeded(7));
        faults.add("throttle:*".parse().unwrap());
        faults.set_hook(Box::new(|call| if call.attempt == 2 { Fault::LoseAnswer } else { Fault::None }));
        let chosen: Vec<Fault> = (0..3).map(|_| faults.choose("ecs", "RunTask", &Value::Null)).collect();
        assert_eq!(chosen, [Fault::Throttle, Fault::LoseAnswer, Fault::Throttle]);
        assert_eq!(faults.attempts().get("RunTask"), Some(&3));
    }

    #[test]
    fn a_text_that_is_no_rule_is_refused_with_the_ones_that_are() {
        for text in [
            "",
            "throttle",
            "throttle:",
            "burn:*",
            "throttle:*:first",
            "throttle:*:every=0",
            "delay=x:*",
            "delay=2..1:*",
        ] {
            let error = text.parse::<FaultRule>().unwrap_err().to_string();
            assert!(error.contains("lose-answer"), "{error}");
        }
        let rule: FaultRule = "delay=250:*".parse().unwrap();
        assert_eq!(rule.fault, Fault::DelayMs(250));
    }
}
