//! ECS's side of load balancers: tasks as targets, their health there, and the weights of shifts.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-healthcheck.html>

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Map, Value};

use super::{Members, Service, Shift, State, Task, words};
use crate::{
    clock::Time,
    elb::{Balancing, Registration, TargetKey, TargetState},
    error::ApiError,
};

/// How a task stands in its target groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Routed {
    /// It has none that this local AWS knows.
    Nowhere,
    /// One of them has to show yet.
    Waiting,
    /// Every one has found it healthy.
    Healthy,
    /// One of them has found it unhealthy, for this reason.
    Unhealthy { group: String, port: u16, reason: String },
}

impl Routed {
    /// The worst of a task's groups.
    pub(crate) fn of(task: &Task, balancing: &Balancing) -> Self {
        let mut worst = Self::Nowhere;
        for key in &task.targets {
            match balancing.health(key) {
                Some(TargetState::Unhealthy(outcome)) => {
                    let (group, port) = (key.group.clone(), key.port);
                    return Self::Unhealthy { group, port, reason: outcome.description() };
                }
                Some(TargetState::Initial) => worst = Self::Waiting,
                Some(TargetState::Healthy) if worst == Self::Nowhere => worst = Self::Healthy,
                Some(TargetState::Healthy) | None => {}
            }
        }
        worst
    }
}

impl Service {
    /// The target groups of a deployment's tasks, each with the container's port.
    pub(super) fn routes(&self, number: u64) -> Vec<(String, u16)> {
        let Some(revision) = self.revision(number) else { return Vec::new() };
        let balancers = revision.spec.items("loadBalancers").iter();
        let ports = balancers.filter(|balancer| balancer.text("targetGroupArn").is_some()).map(|balancer| {
            balancer.whole("containerPort").and_then(|port| u16::try_from(port).ok()).unwrap_or(0)
        });
        revision.target_groups().map(str::to_owned).zip(ports).collect()
    }
}

impl State {
    /// Registers a task that has just come to run.
    pub(crate) fn enlist(&mut self, id: &str, now: Time) {
        let Some(task) = self.tasks.get(id) else { return };
        let groups = task
            .targets
            .iter()
            .filter(|key| self.balancing.register(key, &task.zone, now) == Registration::New);
        let groups: Vec<String> = groups.map(|key| key.group.clone()).collect();
        let owner = task.owner.as_ref().and_then(|(key, _)| self.services.get_mut(key));
        let Some(service) = owner else { return };
        for group in groups {
            let name = service.key.name.clone();
            service.events.say(&mut self.random, now, &name, &words::registered(1, &group));
        }
    }

    /// Deregisters a task that is to stop; says until when it is drained, if it is.
    pub(crate) fn strike_off(&self, id: &str, now: Time) -> Option<Time> {
        let task = self.tasks.get(id)?;
        task.targets.iter().filter_map(|key| self.balancing.deregister(key, now)).max().filter(|at| *at > now)
    }

    /// Says of tasks that were just stopped from which target groups they were deregistered.
    pub(crate) fn say_drained(&mut self, service: &mut Service, ids: &[String], now: Time) {
        let mut groups: BTreeMap<String, usize> = BTreeMap::new();
        let mut draining: BTreeMap<u64, usize> = BTreeMap::new();
        for task in ids.iter().filter_map(|id| self.tasks.get(id)).filter(|task| task.started_at.is_some()) {
            let known = task.targets.iter().filter(|key| self.balancing.is_in_use(&key.group).is_some());
            let before = groups.values().sum::<usize>();
            for key in known {
                *groups.entry(key.group.clone()).or_default() += 1;
            }
            if groups.values().sum::<usize>() > before
                && let Some(number) = task.deployment()
            {
                *draining.entry(number).or_default() += 1;
            }
        }
        let name = service.key.name.clone();
        for (group, count) in groups {
            service.events.say(&mut self.random, now, &name, &words::deregistered(count, &group));
        }
        for (number, count) in draining {
            let name = format!("{name}, taskSet ecs-svc/{number}");
            service.events.say(&mut self.random, now, &name, &words::draining(count));
        }
    }

    /// The services whose tasks' targets have turned, to be looked at.
    pub(crate) fn look_at_turned(&mut self) {
        let turned = self.balancing.take_turned();
        let is_one = |task: &Task, key: &TargetKey| IpAddr::V4(task.address) == key.address;
        for key in turned {
            let tasks = self.tasks.values().filter(|task| task.wants_to_run && is_one(task, &key));
            for (service, _) in tasks.filter_map(|task| task.owner.as_ref()) {
                self.agenda.look_at(service);
            }
        }
    }

    /// Writes a shift's weights into the rules of its load balancers.
    pub(crate) fn route_by(&self, service: &Service, shift: &Shift) {
        let Some(target) = service.revision(shift.target) else { return };
        let balancers = target.spec.items("loadBalancers").iter();
        for (place, balancer) in balancers.filter(|it| it.text("targetGroupArn").is_some()).enumerate() {
            let Some(advanced) = balancer.member("advancedConfiguration") else { continue };
            let Some(new) = target.target_groups().nth(place) else { continue };
            // The other one stays in the rule without a share, so that its targets are checked.
            let both = [balancer.text("targetGroupArn"), advanced.text("alternateTargetGroupArn")];
            let other = both.into_iter().flatten().find(|group| *group != new);
            let (production, test) = shift.shares();
            for (member, shares) in [("productionListenerRule", production), ("testListenerRule", test)] {
                let Some(rule) = advanced.text(member) else { continue };
                // There is nobody to share a first deployment's traffic with.
                let (share, rest) = if shift.source.is_some() { shares } else { (100, 0) };
                let mut weights = vec![(new.to_owned(), share)];
                weights.extend(other.map(|other| (other.to_owned(), rest)));
                self.balancing.set_weights(rule, weights);
            }
        }
    }

    /// Refuses target groups that nobody forwards to.
    ///
    /// As long as there is no target group at all here, they are taken as another AWS's: noted, and no
    /// more.
    pub(super) fn check_groups(&self, spec: &Map<String, Value>) -> Result<(), ApiError> {
        if !self.balancing.has_groups() {
            return Ok(());
        }
        for balancer in spec.items("loadBalancers") {
            let advanced = balancer.member("advancedConfiguration");
            let alternate = advanced.and_then(|advanced| advanced.text("alternateTargetGroupArn"));
            let first = balancer.text("targetGroupArn");
            for (group, needs_listener) in
                first.map(|it| (it, true)).into_iter().chain(alternate.map(|it| (it, false)))
            {
                match self.balancing.is_in_use(group) {
                    None => {
                        let text = format!("The target group with targetGroupArn {group} does not exist.");
                        return Err(ApiError::invalid(text));
                    }
                    Some(false) if needs_listener => {
                        let text = format!(
                            "The target group with targetGroupArn {group} does not have an associated load balancer."
                        );
                        return Err(ApiError::invalid(text));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}
