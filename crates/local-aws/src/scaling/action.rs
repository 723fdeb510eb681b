//! Scheduled actions: bounds that are set at a time.

use serde_json::{Value, json};

use super::{
    Inner, Scaling, TargetKey, invalid, is_wanted, not_found, pages,
    schedule::{Schedule, Window},
};
use crate::{clock::Time, ecs::Members, error::ApiError};

/// A scheduled action.
#[derive(Debug)]
pub(super) struct ScheduledAction {
    pub(super) name: String,
    pub(super) min: Option<u64>,
    pub(super) max: Option<u64>,
    /// When it acts next.
    pub(super) next: Option<Time>,
    arn: String,
    schedule: Schedule,
    expression: String,
    zone: Option<String>,
    window: Window,
}

impl ScheduledAction {
    /// Goes on to the next time, however many were missed.
    pub(super) fn go_on(&mut self, now: Time) {
        self.next = self.schedule.after(now, self.window);
    }

    fn show(&self, key: &TargetKey) -> Value {
        let mut shown = key.show();
        let mut set = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        set("ScheduledActionName", json!(self.name));
        set("ScheduledActionARN", json!(self.arn));
        set("Schedule", json!(self.expression));
        set("CreationTime", self.window.created.to_json());
        if let Some(zone) = &self.zone {
            set("Timezone", json!(zone));
        }
        if let Some(start) = self.window.start {
            set("StartTime", start.to_json());
        }
        if let Some(end) = self.window.end {
            set("EndTime", end.to_json());
        }
        let bounds = [("MinCapacity", self.min), ("MaxCapacity", self.max)];
        let bounds = bounds.into_iter().filter_map(|(name, bound)| Some((name.to_owned(), json!(bound?))));
        set("ScalableTargetAction", Value::Object(bounds.collect()));
        shown.into()
    }
}

impl Scaling {
    /// Puts an action on a target, or changes one that is there; start and end are always set anew.
    pub(super) fn put_action(
        &self,
        inner: &mut Inner,
        request: &Value,
        now: Time,
    ) -> Result<Value, ApiError> {
        let key = TargetKey::of(request);
        let name = request.text("ScheduledActionName").unwrap_or_default();
        let id = inner.random.uuid();
        let target = inner.registered(&key)?;
        let known = target.actions.get(name);
        let text = |member: &str| request.text(member).map(str::to_owned);
        let expression = text("Schedule").or_else(|| known.map(|known| known.expression.clone()));
        let expression =
            expression.ok_or_else(|| invalid("Schedule is required for a new scheduled action"))?;
        let zone = text("Timezone").or_else(|| known.and_then(|known| known.zone.clone()));
        let schedule = Schedule::read(&expression, zone.as_deref()).map_err(invalid)?;
        let window = Window {
            created: known.map_or(now, |known| known.window.created),
            start: time(request, "StartTime"),
            end: time(request, "EndTime"),
        };
        if window.start.zip(window.end).is_some_and(|(start, end)| start >= end) {
            return Err(invalid("The end time of a scheduled action must be after its start time"));
        }
        let bounds = request.member("ScalableTargetAction");
        let bound = |name: &str, known: Option<u64>| match bounds {
            Some(bounds) => bounds.whole(name),
            None => known,
        };
        let min = bound("MinCapacity", known.and_then(|known| known.min));
        let max = bound("MaxCapacity", known.and_then(|known| known.max));
        if min.is_none() && max.is_none() {
            return Err(invalid("A scheduled action needs a minimum capacity, a maximum capacity, or both"));
        }
        if min.zip(max).is_some_and(|(min, max)| min > max) {
            return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
        }
        let arn = known.map_or_else(
            || {
                format!(
                    "arn:aws:autoscaling:{}:{}:scheduledAction:{id}:resource/{}/{}:scheduledActionName/{name}",
                    self.region, self.account, key.namespace, key.resource
                )
            },
            |known| known.arn.clone(),
        );
        let next = schedule.after(now, window);
        let action = ScheduledAction {
            name: name.to_owned(),
            min,
            max,
            next,
            arn,
            schedule,
            expression,
            zone,
            window,
        };
        target.actions.insert(name.to_owned(), action);
        Ok(json!({}))
    }
}

fn time(request: &Value, member: &str) -> Option<Time> {
    request.member(member).and_then(Time::from_json)
}

pub(super) fn delete(inner: &mut Inner, request: &Value) -> Result<Value, ApiError> {
    let key = TargetKey::of(request);
    let name = request.text("ScheduledActionName").unwrap_or_default();
    let removed = inner.targets.get_mut(&key).and_then(|target| target.actions.remove(name));
    let missing = || {
        not_found(format!("No scheduled action found for {}, scheduled action name: {name}", key.in_words()))
    };
    removed.map(|_| json!({})).ok_or_else(missing)
}

pub(super) fn describe(inner: &Inner, request: &Value) -> Result<Value, ApiError> {
    let named: Vec<&str> = request.texts("ScheduledActionNames").collect();
    let of_targets = inner.targets.iter().filter(|(key, _)| is_wanted(key, request));
    let actions =
        of_targets.flat_map(|(key, target)| target.actions.values().map(move |action| (key, action)));
    let actions = actions.filter(|(_, action)| {
        named.is_empty() || named.contains(&action.name.as_str()) || named.contains(&action.arn.as_str())
    });
    let shown =
        actions.map(|(key, action)| (format!("{} {}", key.in_words(), action.name), action.show(key)));
    pages(request, "ScheduledActions", shown)
}
