//! What each member means beyond its shape: defaults, order, spelling, ownership, effect. Data only.
//!
//! A [`Rule`] belongs to a member of a shape and names its source. A member without a rule follows the
//! shape's kind: `null`, `false`, `[]` and `{}` equal absent, lists keep their order, text is compared
//! as written. The entries stand in [`task_definition`] and [`service`].

mod service;
mod task_definition;

use std::{collections::HashMap, sync::LazyLock};

use coxswain_ecs_shapes::{Kind, Shape};
use serde_json::{Map, Value};

use crate::difference::Effect;

/// What ECS makes of one member of one shape.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The shape's name in the table.
    pub(crate) shape: &'static str,
    /// The member's name on the wire.
    pub(crate) member: &'static str,
    /// What ECS takes where the member is absent.
    pub(crate) absent: Absent,
    /// Whether the order of a list's items means something.
    pub(crate) order: Order,
    /// How text is brought to one spelling.
    pub(crate) spelling: Spelling,
    /// What leaving the member out of a manifest says.
    pub(crate) omission: Omission,
    /// What is sent to take back a member that was ours.
    pub(crate) reset: Reset,
    /// What a change of the member does to a living service; of a service's own members only.
    pub(crate) effect: Option<Effect>,
    /// Where ECS shows the member.
    pub(crate) read_from: ReadFrom,
    /// What people may see of the values beneath.
    pub(crate) masking: Masking,
    /// Whether an empty structure differs from none.
    pub(crate) empty_counts: bool,
    /// The page or published answer that the rule rests on.
    pub(crate) source: &'static str,
}

/// A value that a rule names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Constant {
    Bool(bool),
    Int(i64),
    Text(&'static str),
    EmptyList,
    Object(&'static [(&'static str, Constant)]),
}

/// What an absent member means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Absent {
    /// What the shape's kind says: `false`, empty, or simply nothing.
    ByKind,
    /// A fixed value.
    Is(Constant),
    /// A fixed value under a condition, else nothing.
    When(When, Constant),
    /// One value under a condition, another else.
    Either(When, Constant, Constant),
    /// The value of a sibling.
    SameAs(&'static str),
    /// On the host's or the task's own network the sibling's value, else 0.
    HostPort(&'static str),
}

/// A condition on the whole document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// FARGATE is among the required compatibilities.
    Fargate,
    /// FARGATE is not among them.
    NotFargate,
    /// The service runs one task on each instance.
    Daemon,
}

impl When {
    fn in_words(self) -> &'static str {
        match self {
            Self::Fargate => "where FARGATE is required",
            Self::NotFargate => "where FARGATE is not required",
            Self::Daemon => "where the scheduling strategy is DAEMON",
        }
    }
}

/// What a [`When`] asks about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context {
    pub(crate) fargate: bool,
    pub(crate) host_network: bool,
    pub(crate) daemon: bool,
}

impl Context {
    fn holds(self, when: When) -> bool {
        match when {
            When::Fargate => self.fargate,
            When::NotFargate => !self.fargate,
            When::Daemon => self.daemon,
        }
    }

    /// The context of a task definition's root.
    pub(crate) fn of_task_definition(root: &Map<String, Value>) -> Self {
        let required = root.get("requiresCompatibilities").and_then(Value::as_array);
        let fargate = required.is_some_and(|list| list.iter().any(|item| item.as_str() == Some("FARGATE")));
        let host_network = match root.get("networkMode").and_then(Value::as_str) {
            Some(mode) => matches!(mode, "awsvpc" | "host"),
            None => fargate,
        };
        Self { fargate, host_network, daemon: false }
    }

    /// The context of a service: what is live decides, else what is written.
    pub(crate) fn of_service(live: &Value, desired: &Value) -> Self {
        let scheduling =
            |service: &Value| service.get("schedulingStrategy").and_then(Value::as_str).map(str::to_owned);
        let strategy = scheduling(live).or_else(|| scheduling(desired));
        Self { daemon: strategy.as_deref() == Some("DAEMON"), ..Self::default() }
    }
}

/// Whether the order of a list's items means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// It does.
    Kept,
    /// A set of scalars.
    Set,
    /// A set of structures, each known by the members named.
    Keyed(&'static [&'static str]),
}

/// How text is brought to one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As written.
    Verbatim,
    /// vCPUs or CPU units, as CPU units.
    CpuUnits,
    /// GB or MiB, as MiB.
    MemoryMib,
    /// `udp`, and `tcp` for all else.
    Protocol,
    /// A placement strategy's field.
    PlacementField,
    /// A role's ARN, or its name alone: equal where the names are and one side is no ARN.
    Role,
}

/// What leaving a member out of a manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Omission {
    /// The default is wanted.
    Default,
    /// Nothing: whatever is live stays, unless it was ours.
    Unowned,
}

/// What is sent to take back a member that was ours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reset {
    /// What an absent member means.
    Default,
    /// This value.
    To(Constant),
    /// ECS has no way back: the member is let go and stays as it is.
    Impossible,
}

/// Where ECS shows a service's member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadFrom {
    /// DescribeServices' service.
    Service,
    /// The service's PRIMARY deployment.
    PrimaryDeployment,
    /// DescribeServiceRevisions alone: elsewhere what we sent last is taken to be live.
    Revision,
}

/// What people may see of the values beneath a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Masking {
    /// What the shape table says.
    ByTable,
    /// No value.
    Values,
    /// Only the values of map keys that start so.
    ValuesExcept(&'static str),
}

impl Rule {
    const fn of(shape: &'static str, member: &'static str, source: &'static str) -> Self {
        Self {
            shape,
            member,
            absent: Absent::ByKind,
            order: Order::Kept,
            spelling: Spelling::Verbatim,
            omission: Omission::Default,
            reset: Reset::Default,
            effect: None,
            read_from: ReadFrom::Service,
            masking: Masking::ByTable,
            empty_counts: false,
            source,
        }
    }

    const fn absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    const fn is(self, constant: Constant) -> Self {
        self.absent(Absent::Is(constant))
    }

    const fn text(self, text: &'static str) -> Self {
        self.is(Constant::Text(text))
    }

    const fn int(self, number: i64) -> Self {
        self.is(Constant::Int(number))
    }

    const fn set(mut self) -> Self {
        self.order = Order::Set;
        self
    }

    const fn keyed(mut self, by: &'static [&'static str]) -> Self {
        self.order = Order::Keyed(by);
        self
    }

    const fn spelling(mut self, spelling: Spelling) -> Self {
        self.spelling = spelling;
        self
    }

    const fn unowned(mut self) -> Self {
        self.omission = Omission::Unowned;
        self
    }

    const fn reset(mut self, reset: Reset) -> Self {
        self.reset = reset;
        self
    }

    const fn effect(mut self, effect: Effect) -> Self {
        self.effect = Some(effect);
        self
    }

    const fn read_from(mut self, read_from: ReadFrom) -> Self {
        self.read_from = read_from;
        self
    }

    const fn masking(mut self, masking: Masking) -> Self {
        self.masking = masking;
        self
    }

    const fn empty_counts(mut self) -> Self {
        self.empty_counts = true;
        self
    }
}

impl Constant {
    /// As JSON.
    pub(crate) fn value(self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::from(value),
            Self::Text(value) => Value::from(value),
            Self::EmptyList => Value::Array(Vec::new()),
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.value()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}

static BY_NAME: LazyLock<HashMap<(&'static str, &'static str), &'static Rule>> =
    LazyLock::new(|| all().map(|rule| ((rule.shape, rule.member), rule)).collect());

/// Every rule.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    task_definition::RULES.iter().chain(service::RULES)
}

/// The rule of a member, where it has one.
pub(crate) fn rule(shape: &Shape, member: &str) -> Option<&'static Rule> {
    rule_named(shape.name, member)
}

/// As [`rule`], by the shape's name.
pub(crate) fn rule_named<'a>(shape: &'a str, member: &'a str) -> Option<&'static Rule> {
    // The map's keys are 'static; a shorter-lived pair may still be asked for.
    let by_name: &HashMap<(&'a str, &'a str), &'static Rule> = &BY_NAME;
    by_name.get(&(shape, member)).copied()
}

/// The page or published answer on which the rule of a shape's member rests, where it has one.
pub fn rule_source(shape: &str, member: &str) -> Option<&'static str> {
    rule_named(shape, member).map(|rule| rule.source)
}

/// What ECS takes where a shape's member is absent, in words, where the member's rule says so.
pub fn default_in_words(shape: &str, member: &str) -> Option<String> {
    match rule_named(shape, member)?.absent {
        Absent::ByKind => None,
        Absent::Is(constant) => Some(constant.value().to_string()),
        Absent::When(when, constant) => Some(format!("{} {}", constant.value(), when.in_words())),
        Absent::Either(when, then, otherwise) => {
            Some(format!("{} {}, else {}", then.value(), when.in_words(), otherwise.value()))
        }
        Absent::SameAs(sibling) => Some(format!("that of {sibling}")),
        Absent::HostPort(sibling) => {
            Some(format!("that of {sibling} in the network modes awsvpc and host, else 0"))
        }
    }
}

/// What ECS takes for an absent member, where that is a value.
///
/// `siblings` are the members beside it, already in one spelling.
pub(crate) fn default_value(
    rule: Option<&Rule>,
    shape: &Shape,
    siblings: &Map<String, Value>,
    context: Context,
) -> Option<Value> {
    let by_kind = || match shape.kind {
        Kind::Boolean => Some(Value::Bool(false)),
        Kind::List { .. } => Some(Value::Array(Vec::new())),
        _ => None,
    };
    match rule.map_or(Absent::ByKind, |rule| rule.absent) {
        Absent::ByKind => by_kind(),
        Absent::Is(constant) => Some(constant.value()),
        Absent::When(when, constant) => context.holds(when).then(|| constant.value()),
        Absent::Either(when, then, otherwise) => {
            Some(if context.holds(when) { then.value() } else { otherwise.value() })
        }
        Absent::SameAs(sibling) => siblings.get(sibling).cloned(),
        Absent::HostPort(sibling) if context.host_network => siblings.get(sibling).cloned(),
        Absent::HostPort(_) => Some(Value::from(0)),
    }
}

#[cfg(test)]
mod tests;
