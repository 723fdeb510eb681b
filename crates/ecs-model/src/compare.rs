//! The difference of two canonical forms, three ways.

use std::collections::{BTreeMap, BTreeSet};

use coxswain_ecs_shapes::{Kind, Shape};
use serde_json::{Map, Value};

use crate::{
    canonical::{Canonical, Part},
    difference::{Effect, FieldDifference, Owner, service_effect},
    keyed,
    normal::folded_member,
    redact::{Mask, with_keys},
    rules::{Context, Omission, Order, ReadFrom, Reset, Rule, Spelling, default_value, rule},
};

/// What differs between `desired` and `live` in the members that are ours, in the order of their names.
///
/// Of a task definition every member is ours: absent means absent. Of a service those are ours that
/// `desired` names, and those that `last_sent` named and `desired` does not: their wanted value is what
/// they are reset to. Nothing else is listed: not what another tool set, nor what ECS filled in.
///
/// A member that the shape table does not know is compared only where `desired` names it.
pub fn differences(
    part: Part,
    desired: &Canonical,
    last_sent: Option<&Canonical>,
    live: &Canonical,
) -> Vec<FieldDifference> {
    let (desired, live) = (desired.as_value(), live.as_value());
    let sent = last_sent.map(Canonical::as_value);
    let mut comparison = Comparison::new(part, desired, live);
    match part {
        Part::TaskDefinition => {
            let sides = Sides { desired: Some(desired), named: Some(desired), sent: None, live: Some(live) };
            comparison.structure(Site::root(part), sides);
        }
        Part::Service => comparison.service(desired, sent, live),
    }
    comparison.found
}

/// The values of one place.
#[derive(Debug, Clone, Copy)]
struct Sides<'a> {
    desired: Option<&'a Value>,
    /// As [`Self::desired`], before defaults were folded away: that it is there says that it is owned.
    named: Option<&'a Value>,
    sent: Option<&'a Value>,
    live: Option<&'a Value>,
}

impl<'a> Sides<'a> {
    fn each(self, of: impl Fn(&'a Value) -> Option<&'a Value>) -> Self {
        Self {
            desired: self.desired.and_then(&of),
            named: self.named.and_then(&of),
            sent: self.sent.and_then(&of),
            live: self.live.and_then(&of),
        }
    }

    fn member(self, name: &str) -> Self {
        self.each(|value| value.get(name))
    }

    fn names(self) -> BTreeSet<&'a str> {
        let all = [self.desired, self.sent, self.live].into_iter().flatten();
        all.filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str).collect()
    }
}

/// A place's shape, its rule and what people may see of it.
#[derive(Clone, Copy)]
struct Site {
    shape: &'static Shape,
    rule: Option<&'static Rule>,
    mask: Mask,
    /// Of a keyed list's item, the members by which it is known.
    keys: &'static [&'static str],
}

impl Site {
    fn root(part: Part) -> Self {
        Self { shape: part.request(), rule: None, mask: Mask::None, keys: &[] }
    }

    fn member(self, name: &str) -> Option<Self> {
        let member = self.shape.member(name)?;
        let rule = rule(self.shape, name);
        Some(Self { shape: member.shape, rule, mask: self.mask.below(rule, member), keys: &[] })
    }

    fn omission(self) -> Omission {
        self.rule.map_or(Omission::Default, |rule| rule.omission)
    }
}

/// The contexts of the two sides.
#[derive(Clone, Copy)]
struct Contexts {
    desired: Context,
    live: Context,
}

struct Comparison {
    contexts: Contexts,
    effect: Effect,
    path: String,
    /// Everything below was ours and is no longer named.
    is_removed: bool,
    found: Vec<FieldDifference>,
}

impl Comparison {
    fn new(part: Part, desired: &Value, live: &Value) -> Self {
        let contexts = match part {
            Part::TaskDefinition => {
                let of = |root: &Value| root.as_object().map(Context::of_task_definition).unwrap_or_default();
                Contexts { desired: of(desired), live: of(live) }
            }
            Part::Service => {
                let context = Context::of_service(live, desired);
                Contexts { desired: context, live: context }
            }
        };
        Self {
            contexts,
            effect: Effect::NewRevision,
            path: String::new(),
            is_removed: false,
            found: Vec::new(),
        }
    }

    fn within(&mut self, segment: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(segment);
        walk(self);
        self.path.truncate(length);
    }

    fn at_member(&mut self, name: &str, walk: impl FnOnce(&mut Self)) {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.within(&format!("{dot}{name}"), walk);
    }

    /// The service's own members: each with its effect.
    fn service(&mut self, desired: &Value, sent: Option<&Value>, live: &Value) {
        let root = Site::root(Part::Service);
        let sides = Sides { desired: Some(desired), named: Some(desired), sent, live: Some(live) };
        let goes_back = goes_back_to_launch_type(desired, live);
        let no_strategy = Value::Array(Vec::new());
        let mut names = sides.names();
        if goes_back {
            names.insert(STRATEGY);
        }
        for name in names {
            let mut member = sides.member(name);
            match name {
                LAUNCH_TYPE if goes_back => continue,
                STRATEGY if goes_back => member.named = Some(&no_strategy),
                _ => {}
            }
            let is_unread = rule(root.shape, name).is_some_and(|rule| rule.read_from == ReadFrom::Revision);
            if is_unread && member.live.is_none() {
                member.live = member.sent;
            }
            self.effect = service_effect(name);
            self.at_member(name, |walk| walk.named(root, name, member));
        }
    }

    /// A member of a structure that UpdateService merges: ours where the manifest or its omission says so.
    fn named(&mut self, parent: Site, name: &str, sides: Sides<'_>) {
        let Some(site) = parent.member(name) else {
            // What the table does not know is compared as it is, and never reset.
            if sides.named.is_some() && sides.named != sides.live {
                self.push(Site { mask: Mask::Values, ..parent }, sides.named, sides.live, Owner::Manifest);
            }
            return;
        };
        let was_named = sides.sent.is_some();
        if sides.named.is_none() && !was_named && site.omission() == Omission::Unowned {
            return;
        }
        let outer = self.is_removed;
        self.is_removed |= sides.named.is_none() && was_named;
        if is_merged(site.shape) {
            for name in sides.names() {
                self.at_member(name, |walk| walk.named(site, name, sides.member(name)));
            }
        } else if !(self.is_removed && matches!(site.rule.map(|rule| rule.reset), Some(Reset::Impossible))) {
            let fold = |value: Option<&Value>| {
                value.and_then(|value| folded_member(parent.shape, name, value, self.contexts.live))
            };
            let (desired, sent, live) = (fold(sides.named), fold(sides.sent), fold(sides.live));
            let folded = Sides {
                desired: desired.as_ref(),
                sent: sent.as_ref(),
                live: live.as_ref(),
                named: sides.named,
            };
            self.value(site, folded, Sides { desired: None, named: None, sent: None, live: None });
        }
        self.is_removed = outer;
    }

    /// A structure that is ours as a whole: absent means the default.
    fn structure(&mut self, site: Site, sides: Sides<'_>) {
        for name in sides.names() {
            let member = sides.member(name);
            match site.member(name) {
                Some(below) => self.at_member(name, |walk| walk.value(below, member, sides)),
                None if member.desired.is_some() && member.desired != member.live => {
                    let unknown = Site { mask: Mask::Values, ..site };
                    self.at_member(name, |walk| {
                        walk.push(unknown, member.desired, member.live, Owner::Manifest);
                    });
                }
                None => {}
            }
        }
    }

    /// Two values with defaults folded away; `around` is the structure that they are members of.
    fn value(&mut self, site: Site, sides: Sides<'_>, around: Sides<'_>) {
        match (sides.desired, sides.live, &site.shape.kind) {
            (Some(desired), Some(live), _) if desired == live => {}
            (None, None, _) => {}
            (Some(Value::Object(_)), Some(Value::Object(_)), Kind::Structure(_)) => {
                self.structure(site, sides);
            }
            (None, Some(Value::Object(live)), Kind::Structure(_)) if !has_known(site.shape, live) => {}
            (Some(Value::Array(desired)), Some(Value::Array(live)), Kind::List { item, .. }) => {
                self.list(
                    site,
                    Site { shape: item, rule: None, mask: site.mask, keys: &[] },
                    sides,
                    (desired, live),
                );
            }
            (Some(Value::String(desired)), Some(Value::String(live)), _)
                if spelling(site).same(desired, live) => {}
            _ => self.differ(site, sides, around),
        }
    }

    fn list(&mut self, site: Site, item: Site, sides: Sides<'_>, (desired, live): (&[Value], &[Value])) {
        let Order::Keyed(by) = site.rule.map_or(Order::Kept, |rule| rule.order) else {
            if !self.same_items(item, desired, live) {
                self.differ(site, sides, sides);
            }
            return;
        };
        let item = Site { keys: by, ..item };
        let (wanted, named) = (labelled(by, sides.desired), labelled(by, sides.named));
        let (sent, is) = (labelled(by, sides.sent), labelled(by, sides.live));
        let labels: BTreeSet<&String> = wanted.keys().chain(is.keys()).collect();
        for label in labels {
            let sides = Sides {
                desired: wanted.get(label).copied(),
                named: named.get(label).copied(),
                sent: sent.get(label).copied(),
                live: is.get(label).copied(),
            };
            self.within(&format!("[{label}]"), |walk| walk.value(item, sides, sides));
        }
    }

    /// Whether two ordered lists are the same in what is ours.
    fn same_items(&self, item: Site, desired: &[Value], live: &[Value]) -> bool {
        let mut apart = Self { path: String::new(), found: Vec::new(), ..*self };
        for (desired, live) in desired.iter().zip(live) {
            let sides = Sides { desired: Some(desired), named: Some(desired), sent: None, live: Some(live) };
            apart.value(item, sides, sides);
        }
        desired.len() == live.len() && apart.found.is_empty()
    }

    /// Lists the difference, with what an absent side means.
    fn differ(&mut self, site: Site, sides: Sides<'_>, around: Sides<'_>) {
        let is_removed = self.is_removed || sides.named.is_none() && sides.sent.is_some();
        let owner = if is_removed { Owner::Removed } else { Owner::Manifest };
        let default = |around: Option<&Value>, context: Context| {
            let siblings = around.and_then(Value::as_object).cloned().unwrap_or_default();
            default_value(site.rule, site.shape, &siblings, context)
        };
        let reset = site.rule.filter(|_| is_removed).and_then(|rule| match rule.reset {
            Reset::To(constant) => Some(constant.value()),
            Reset::Default | Reset::Impossible => None,
        });
        let desired = sides.desired.cloned().or(reset);
        let desired = desired.or_else(|| default(around.desired, self.contexts.desired));
        let live = sides.live.cloned().or_else(|| default(around.live, self.contexts.live));
        self.push(site, desired.as_ref(), live.as_ref(), owner);
    }

    fn push(&mut self, site: Site, desired: Option<&Value>, live: Option<&Value>, owner: Owner) {
        let mask = |value: Option<&Value>| {
            value.map(|value| with_keys(site.keys, value, site.mask.of(site.shape, site.rule, value)))
        };
        let (shown_desired, shown_live) = (mask(desired), mask(live));
        self.found.push(FieldDifference {
            path: self.path.clone(),
            sensitive: shown_desired.as_ref() != desired || shown_live.as_ref() != live,
            desired: shown_desired,
            live: shown_live,
            owner,
            effect: self.effect,
        });
    }
}

const LAUNCH_TYPE: &str = "launchType";
const STRATEGY: &str = "capacityProviderStrategy";

/// Whether the manifest asks for a launch type and live is a strategy, of which a service has one: an
/// empty strategy is the way back.
///
/// The other way needs no help: a launch type goes when a strategy comes.
fn goes_back_to_launch_type(desired: &Value, live: &Value) -> bool {
    let has_strategy = |service: &Value| {
        service.get(STRATEGY).and_then(Value::as_array).is_some_and(|strategy| !strategy.is_empty())
    };
    desired.get(LAUNCH_TYPE).is_some() && !has_strategy(desired) && has_strategy(live)
}

/// Whether UpdateService merges the structure's members instead of replacing it: whether any of them may
/// be left to others.
pub(crate) fn is_merged(shape: &Shape) -> bool {
    let unowned = |name| rule(shape, name).is_some_and(|rule| rule.omission == Omission::Unowned);
    shape.members().iter().any(|member| unowned(member.name))
}

fn has_known(shape: &Shape, members: &Map<String, Value>) -> bool {
    members.keys().any(|name| shape.member(name).is_some())
}

fn labelled<'a>(by: &[&str], items: Option<&'a Value>) -> BTreeMap<String, &'a Value> {
    items.and_then(Value::as_array).map(|items| keyed::by_label(by, items)).unwrap_or_default()
}

fn spelling(site: Site) -> Spelling {
    site.rule.map_or(Spelling::Verbatim, |rule| rule.spelling)
}
