//! What is due: bounds by schedule, counts that left their bounds, and what alarms ask for.
//!
//! Pure but for the lock: the counts come in through a [`Look`], and go out as [`Order`]s.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Inner, Look, Order, Scaling, Standing, TargetKey, activity,
    policy::{Alarm, Cooldown, Kind, Policy},
    step,
    target::Target,
    tracking::{self, Level},
};
use crate::clock::Time;

/// How long a metric has to be over its target, and under it, before the alarm of target tracking rings.
///
/// Three and fifteen datapoints of a minute, as published alarms of services have it.
const HIGH_AFTER: Duration = Duration::from_mins(3);
const LOW_AFTER: Duration = Duration::from_mins(15);

/// How often an alarm that goes on is acted upon again.
const AGAIN: Duration = Duration::from_mins(1);

/// What a policy asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    policy: String,
    alarm: String,
    count: u64,
}

type Metrics = BTreeMap<(String, String), f64>;

impl Alarm {
    /// When it began to ring.
    fn rings_at(&self, place: usize, kind: &Kind) -> Option<Time> {
        let after = match (kind, place) {
            (Kind::Step(_), _) => Duration::ZERO,
            (Kind::Tracking(_), 0) => HIGH_AFTER,
            (Kind::Tracking(_), _) => LOW_AFTER,
        };
        self.since.map(|since| since.after(after))
    }

    /// When it is acted upon next.
    fn due_at(&self, place: usize, kind: &Kind) -> Option<Time> {
        let rings_at = self.rings_at(place, kind)?;
        Some(match self.acted_at.filter(|acted| *acted >= rings_at) {
            Some(acted) => acted.after(AGAIN),
            None => rings_at,
        })
    }
}

impl Policy {
    fn alarms(&self) -> impl Iterator<Item = (usize, &Alarm)> {
        self.alarms.iter().enumerate()
    }

    fn is_low(&self, now: Time) -> bool {
        let low = self.alarms.get(1).and_then(|alarm| alarm.rings_at(1, &self.kind));
        low.is_some_and(|at| at <= now)
    }

    /// The count that scaling out starts from: during a cooldown, the one before it.
    fn base(&self, current: u64, now: Time) -> u64 {
        self.after_out.filter(|cooldown| now < cooldown.until).map_or(current, |cooldown| cooldown.from)
    }
}

impl Target {
    /// Holds the metrics that stand against every tracking policy.
    pub(super) fn watch(&mut self, resource: &str, metrics: &Metrics, now: Time) {
        for policy in self.policies.values_mut() {
            let Kind::Tracking(configuration) = &policy.kind else { continue };
            let name = tracking::metric(configuration, &policy.name).to_owned();
            let value = metrics.get(&(resource.to_owned(), name));
            // Without data there is neither high nor low.
            let level = value.map(|value| tracking::level(configuration, *value));
            for (alarm, wanted) in policy.alarms.iter_mut().zip([Level::High, Level::Low]) {
                if level == Some(wanted) {
                    alarm.since.get_or_insert(now);
                } else {
                    (alarm.since, alarm.acted_at) = (None, None);
                }
            }
        }
    }

    /// When something is due here.
    fn wakes_at(&self) -> Option<Time> {
        let actions = self.actions.values().filter_map(|action| action.next);
        let policies = self.policies.values();
        let alarms = policies.flat_map(|policy| {
            policy.alarms().filter_map(|(place, alarm)| alarm.due_at(place, &policy.kind))
        });
        let unchecked = self.is_unchecked.then_some(Time::from_millis(0));
        actions.chain(alarms).chain(unchecked).min()
    }

    /// What the alarms ask for now, if they ask for another count than there is.
    fn ask(&mut self, resource: &str, (standing, metrics): (Standing, &Metrics), now: Time) -> Option<Wish> {
        let is_due = self.policies.values().any(|policy| {
            policy
                .alarms()
                .any(|(place, alarm)| alarm.due_at(place, &policy.kind).is_some_and(|at| at <= now))
        });
        if !is_due {
            return None;
        }
        let (outs, ins) = self.wishes(resource, standing, metrics, now);
        for policy in self.policies.values_mut() {
            let kind = policy.kind.clone();
            for (place, alarm) in policy.alarms.iter_mut().enumerate() {
                if alarm.rings_at(place, &kind).is_some_and(|at| at <= now) {
                    alarm.acted_at = Some(now);
                }
            }
        }
        // Of several policies the one that leaves the most capacity wins, out and in.
        let largest = |wishes: Vec<Wish>| wishes.into_iter().max_by_key(|wish| wish.count);
        if let Some(wish) = largest(outs) {
            for policy in self.policies.values_mut() {
                policy.after_in = None;
            }
            let policy = self.policies.get_mut(&wish.policy)?;
            let from = policy.base(standing.desired, now);
            let until = now.after(Duration::from_secs(policy.kind.cooldown(true)));
            policy.after_out = Some(Cooldown { until, from });
            return Some(wish);
        }
        let wish = largest(ins)?;
        let policy = self.policies.get_mut(&wish.policy)?;
        let until = now.after(Duration::from_secs(policy.kind.cooldown(false)));
        policy.after_in = Some(Cooldown { until, from: standing.desired });
        Some(wish)
    }

    /// Who wants more, and who wants less.
    fn wishes(
        &self,
        resource: &str,
        standing: Standing,
        metrics: &Metrics,
        now: Time,
    ) -> (Vec<Wish>, Vec<Wish>) {
        let current = standing.desired;
        let (mut outs, mut ins) = (Vec::new(), Vec::new());
        // Target tracking scales in only where all of it is ready to.
        let trackers = self.policies.values().filter(|policy| matches!(policy.kind, Kind::Tracking(_)));
        let all_low = trackers.filter(|policy| policy.kind.scales_in()).all(|policy| policy.is_low(now));
        for policy in self.policies.values() {
            for (place, alarm) in policy.alarms() {
                if alarm.rings_at(place, &policy.kind).is_none_or(|at| at > now) {
                    continue;
                }
                // Out of its bounds, a count is first thought to be at the nearer one.
                let out_base = policy.base(current, now).max(self.min);
                let in_base = current.min(self.max);
                let (out_count, in_count) = match &policy.kind {
                    Kind::Tracking(configuration) => {
                        let name = tracking::metric(configuration, &policy.name).to_owned();
                        let Some(value) = metrics.get(&(resource.to_owned(), name)) else { continue };
                        let is_high = place == 0;
                        (
                            is_high.then(|| tracking::count(configuration, out_base, *value)),
                            (!is_high && all_low).then(|| tracking::count(configuration, in_base, *value)),
                        )
                    }
                    Kind::Step(configuration) => (
                        step::count(configuration, out_base, alarm.breach),
                        step::count(configuration, in_base, alarm.breach),
                    ),
                };
                let wish = |count: u64| Wish {
                    policy: policy.name.clone(),
                    alarm: alarm.name.clone(),
                    count: self.bound(count),
                };
                let rests = policy.after_in.is_some_and(|cooldown| now < cooldown.until);
                let may_scale_in =
                    !(rests || standing.is_deploying || self.suspended.scaling_in || current < self.min);
                outs.extend(
                    out_count.map(wish).filter(|wish| wish.count > current && !self.suspended.scaling_out),
                );
                ins.extend(in_count.map(wish).filter(|wish| wish.count < current && may_scale_in));
            }
        }
        (outs, ins)
    }

    /// Why the count is to be changed so that it is between the bounds.
    fn stray(&mut self, standing: Standing) -> Option<(u64, String)> {
        if !std::mem::take(&mut self.is_unchecked) {
            return None;
        }
        let count = self.bound(standing.desired);
        let which = if count > standing.desired { "minimum" } else { "maximum" };
        (count != standing.desired).then(|| (count, format!("{which} capacity was set to {count}")))
    }

    /// Sets the bounds of the scheduled actions whose time has come; says which and why.
    fn follow_schedule(&mut self, now: Time) -> Vec<(String, (u64, u64))> {
        let mut followed = Vec::new();
        let is_suspended = self.suspended.scheduled;
        let mut due: Vec<_> =
            self.actions.values_mut().filter(|action| action.next.is_some_and(|at| at <= now)).collect();
        due.sort_by_key(|action| action.next);
        for action in due {
            action.go_on(now);
            if is_suspended {
                continue;
            }
            let min = action.min.unwrap_or(self.min);
            let max = action.max.unwrap_or(self.max);
            // One bound that was set alone pushes the other one.
            (self.min, self.max) =
                if action.max.is_some() { (min.min(max), max) } else { (min, max.max(min)) };
            self.is_unchecked = true;
            let cause = format!("scheduled action name {} was triggered", action.name);
            followed.push((cause, (self.min, self.max)));
        }
        followed
    }
}

impl Scaling {
    /// When something is due; the past where it is already.
    pub(crate) fn wakes_at(&self) -> Option<Time> {
        let inner = self.lock();
        inner.targets.values().filter_map(Target::wakes_at).min()
    }

    /// The counts that are to be set now.
    pub(crate) fn due(&self, look: Look<'_>, now: Time) -> Vec<Order> {
        let mut inner = self.lock();
        activity::close_fulfilled(&mut inner, look, now);
        let is_due = |target: &Target| target.wakes_at().is_some_and(|at| at <= now);
        let due = inner.targets.iter().filter(|(_, target)| is_due(target));
        let keys: Vec<TargetKey> = due.map(|(key, _)| key.clone()).collect();
        keys.into_iter().filter_map(|key| inner.due(&key, look, now)).collect()
    }

    /// Notes what became of an order.
    pub(crate) fn done(&self, order: Order, outcome: Result<(), String>, now: Time) {
        self.lock().note_count(&order.key, order.cause, (order.count, outcome), now);
    }

    /// Says what a metric of a resource is from now on; `None` where there are no data any more.
    pub(crate) fn set_metric(&self, resource: &str, metric: &str, value: Option<f64>, now: Time) {
        let mut inner = self.lock();
        let Inner { targets, metrics, .. } = &mut *inner;
        let name = (resource.to_owned(), metric.to_owned());
        match value {
            Some(value) => metrics.insert(name, value),
            None => metrics.remove(&name),
        };
        for (key, target) in targets.iter_mut().filter(|(key, _)| key.resource == resource) {
            target.watch(&key.resource, metrics, now);
        }
    }

    /// What was told of metrics and stands: resource, metric and value.
    pub(crate) fn metrics(&self) -> Vec<(String, String, f64)> {
        let inner = self.lock();
        let shown =
            inner.metrics.iter().map(|((resource, name), value)| (resource.clone(), name.clone(), *value));
        shown.collect()
    }

    /// Has an alarm ask a step scaling policy, by name or ARN, with its metric so far beyond the threshold,
    /// or ask no more; says whether there is such a policy.
    pub(crate) fn set_alarm(&self, name: &str, policy: &str, breach: Option<f64>, now: Time) -> bool {
        let mut inner = self.lock();
        let policies = inner.targets.values_mut().flat_map(|target| target.policies.values_mut());
        let mut found = false;
        for known in policies.filter(|known| matches!(known.kind, Kind::Step(_))) {
            if known.name != policy && known.arn != policy {
                continue;
            }
            found = true;
            if known.alarms.iter().all(|alarm| alarm.name != name) {
                known.alarms.push(Alarm { name: name.to_owned(), ..Alarm::default() });
            }
            for alarm in known.alarms.iter_mut().filter(|alarm| alarm.name == name) {
                alarm.since = breach.map(|_| alarm.since.unwrap_or(now));
                // Another breach may ask for a larger step at once.
                if breach.is_none_or(|breach| breach.total_cmp(&alarm.breach).is_ne()) {
                    alarm.acted_at = None;
                }
                alarm.breach = breach.unwrap_or_default();
            }
        }
        found
    }
}

impl Inner {
    fn due(&mut self, key: &TargetKey, look: Look<'_>, now: Time) -> Option<Order> {
        let target = self.targets.get_mut(key)?;
        for (cause, bounds) in target.follow_schedule(now) {
            self.note_bounds(key, cause, bounds, now);
        }
        let Self { targets, metrics, .. } = self;
        let target = targets.get_mut(key)?;
        let Some((cluster, service)) = key.service() else {
            target.is_unchecked = false;
            target.rest(now);
            return None;
        };
        let Some(standing) = look(cluster, service) else {
            // A service that is gone has no count; the next registration looks again.
            target.is_unchecked = false;
            target.rest(now);
            return None;
        };
        let (count, cause) = target.stray(standing).or_else(|| {
            let wish = target.ask(&key.resource, (standing, metrics), now)?;
            let Wish { policy, alarm, count } = wish;
            Some((count, format!("monitor alarm {alarm} in state ALARM triggered policy {policy}")))
        })?;
        let (cluster, service) = (cluster.to_owned(), service.to_owned());
        Some(Order { key: key.clone(), cluster, service, count, cause })
    }
}

impl Target {
    /// Has the alarms that ring wait for their next time.
    fn rest(&mut self, now: Time) {
        for policy in self.policies.values_mut() {
            for alarm in policy.alarms.iter_mut().filter(|alarm| alarm.since.is_some()) {
                alarm.acted_at = Some(now);
            }
        }
    }
}
