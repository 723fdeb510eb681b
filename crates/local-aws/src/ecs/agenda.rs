//! What the scheduler has before it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{HookUrl, ServiceKey};
use crate::{clock::Time, task_secret::TaskSecret, task_spec::TaskSpec};

/// Something that happens at a set time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// A task's state may move on.
    Task(String),
    /// A service wants looking at.
    Service(ServiceKey),
    /// A STOPPED task is described no longer.
    ForgetTask(String),
    /// An INACTIVE service is described no longer.
    ForgetService(ServiceKey),
    /// A task definition in `DELETE_IN_PROGRESS` goes, if nothing refers to it.
    DeleteDefinition(String, u64),
}

/// Something that is to be done outside of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Start a task.
    Start(Start),
    /// Stop a task.
    Stop(String),
    /// Ask the function behind a hook.
    Ask(HookCall),
}

/// A call of the function behind a lifecycle hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookCall {
    /// The hook's run, to which the answer belongs.
    pub(crate) hook: String,
    pub(crate) url: HookUrl,
    /// What the function is told.
    pub(crate) event: Value,
}

/// A task to start; its secrets are still to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    /// The task, without the secrets' values.
    pub(crate) task: TaskSpec,
    /// What its containers name, in their order.
    pub(crate) secrets: Vec<TaskSecret>,
    /// Objects in S3 that hold more of its environment.
    pub(crate) files: Vec<String>,
}

/// Services to look at, alarms, and effects that wait for the driver.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    due: BTreeSet<ServiceKey>,
    alarms: BTreeSet<(Time, Alarm)>,
    effects: Vec<Effect>,
}

impl Agenda {
    /// Has the service looked at in the next pass.
    pub(crate) fn look_at(&mut self, service: &ServiceKey) {
        self.due.insert(service.clone());
    }

    /// Has something happen at a time; the same alarm at the same time is one.
    pub(crate) fn alarm(&mut self, at: Time, alarm: Alarm) {
        self.alarms.insert((at, alarm));
    }

    /// Has something done.
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Whether there is a service to look at.
    pub(crate) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The next service to look at.
    pub(crate) fn next_due(&mut self) -> Option<ServiceKey> {
        self.due.pop_first()
    }

    /// The next alarm whose time has come.
    pub(crate) fn next_alarm(&mut self, now: Time) -> Option<Alarm> {
        let (at, _) = self.alarms.first()?;
        if *at > now {
            return None;
        }
        self.alarms.pop_first().map(|(_, alarm)| alarm)
    }

    /// When the next alarm rings.
    pub(crate) fn wakes_at(&self) -> Option<Time> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// What is to be done, in order.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}
