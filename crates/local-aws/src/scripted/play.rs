//! One task, played: which container does what next, and when.

use std::time::Duration;

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

use super::{Order, Script};
use crate::driver::{ContainerSpec, TaskEvent, TaskEventKind, TaskEventSender, TaskSpec};

/// A container's place in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its dependencies are not there yet.
    Waiting,
    /// It starts at that time.
    Starting(Instant),
    Running {
        since: Instant,
    },
    /// It was told to stop, and ends then with this exit code.
    Stopping(Instant, i32),
    Ended(Option<i32>),
}

struct Role {
    spec: ContainerSpec,
    script: Script,
    phase: Phase,
    verdicts: usize,
    healthy: bool,
}

/// Plays a task until all its containers have ended, or the driver is gone.
pub(super) async fn play(
    task: TaskSpec,
    scripts: Vec<Script>,
    events: TaskEventSender,
    mut orders: UnboundedReceiver<Order>,
) {
    let mut roles: Vec<Role> = task
        .containers
        .into_iter()
        .zip(scripts)
        .map(|(spec, script)| Role { spec, script, phase: Phase::Waiting, verdicts: 0, healthy: false })
        .collect();
    let report = |container: &str, kind: TaskEventKind| {
        let container = container.to_owned();
        // Nobody listens only when the whole local ECS is being dropped.
        let _ = events.send(TaskEvent { task_id: task.task_id.clone(), container, kind });
    };
    let mut stopping = false;
    loop {
        if !stopping {
            release(&mut roles, Instant::now());
        }
        let Some((at, index)) = next(&roles) else {
            if roles.iter().all(|role| matches!(role.phase, Phase::Ended(_) | Phase::Waiting)) {
                return;
            }
            match orders.recv().await {
                Some(order) => stopping |= obey(&mut roles, &order, &report),
                None => return,
            }
            continue;
        };
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(order) => stopping |= obey(&mut roles, &order, &report),
                None => return,
            },
            () = sleep_until(at) => {
                if let Some(role) = roles.get_mut(index) {
                    role.act(at, &report);
                }
            }
        }
    }
}

/// Sets the start of every container whose dependencies are met.
fn release(roles: &mut [Role], now: Instant) {
    let met: Vec<bool> = roles
        .iter()
        .map(|role| {
            role.spec.depends_on.iter().all(|(name, condition)| {
                roles.iter().find(|other| other.spec.name == *name).is_none_or(|other| other.meets(condition))
            })
        })
        .collect();
    for (role, met) in roles.iter_mut().zip(met) {
        if met && role.phase == Phase::Waiting {
            role.phase = Phase::Starting(now + role.script.starts_after);
        }
    }
}

/// The soonest thing that happens by itself, and to which container.
fn next(roles: &[Role]) -> Option<(Instant, usize)> {
    roles.iter().enumerate().filter_map(|(index, role)| Some((role.next()?, index))).min()
}

/// Carries an order out; says whether the whole task stops from now on.
fn obey(roles: &mut [Role], order: &Order, report: &impl Fn(&str, TaskEventKind)) -> bool {
    match order {
        Order::Stop => {
            for role in roles {
                role.stop(report);
            }
            return true;
        }
        Order::Exit { container, exit_code } => {
            for role in roles.iter_mut().filter(|role| role.spec.name == *container) {
                if matches!(role.phase, Phase::Running { .. }) {
                    role.end(*exit_code, report);
                }
            }
        }
        Order::Health { container, healthy } => {
            for role in roles.iter_mut().filter(|role| role.spec.name == *container) {
                role.healthy = *healthy;
                report(&role.spec.name, TaskEventKind::Health { healthy: *healthy });
            }
        }
    }
    false
}

impl Role {
    fn meets(&self, condition: &str) -> bool {
        match condition {
            "COMPLETE" => matches!(self.phase, Phase::Ended(_)),
            "SUCCESS" => self.phase == Phase::Ended(Some(0)),
            "HEALTHY" => self.healthy,
            _ => !matches!(self.phase, Phase::Waiting | Phase::Starting(_)),
        }
    }

    fn next(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting | Phase::Ended(_) => None,
            Phase::Starting(at) | Phase::Stopping(at, _) => Some(at),
            Phase::Running { since } => {
                let verdict = self.verdict().map(|(after, _)| since + after);
                let exit = self.script.exits.map(|(after, _)| since + after);
                verdict.into_iter().chain(exit).min()
            }
        }
    }

    /// The next verdict of the health check; only a container with a check has one.
    fn verdict(&self) -> Option<(Duration, bool)> {
        self.spec.health_check.as_ref().and_then(|_| self.script.health.get(self.verdicts).copied())
    }

    fn act(&mut self, at: Instant, report: &impl Fn(&str, TaskEventKind)) {
        match self.phase {
            Phase::Starting(_) => {
                if let Some(reason) = &self.script.cannot_start {
                    self.phase = Phase::Ended(None);
                    report(&self.spec.name, TaskEventKind::CannotStart(reason.clone()));
                } else {
                    self.phase = Phase::Running { since: at };
                    report(&self.spec.name, TaskEventKind::Started);
                }
            }
            Phase::Running { since } => {
                if let Some((after, healthy)) = self.verdict()
                    && since + after <= at
                {
                    self.verdicts += 1;
                    self.healthy = healthy;
                    report(&self.spec.name, TaskEventKind::Health { healthy });
                } else if let Some((_, exit_code)) = self.script.exits {
                    self.end(exit_code, report);
                }
            }
            Phase::Stopping(_, exit_code) => self.end(exit_code, report),
            Phase::Waiting | Phase::Ended(_) => {}
        }
    }

    fn stop(&mut self, report: &impl Fn(&str, TaskEventKind)) {
        match self.phase {
            Phase::Running { .. } => {
                let (after, exit_code) = self.script.stops;
                // 128 + 9: SIGKILL, as Docker reports it.
                let (after, exit_code) = if after > self.spec.stop_timeout {
                    (self.spec.stop_timeout, 137)
                } else {
                    (after, exit_code)
                };
                self.phase = Phase::Stopping(Instant::now() + after, exit_code);
            }
            Phase::Waiting | Phase::Starting(_) => {
                self.phase = Phase::Ended(None);
                report(&self.spec.name, TaskEventKind::Exited { exit_code: None, reason: None });
            }
            Phase::Stopping(..) | Phase::Ended(_) => {}
        }
    }

    fn end(&mut self, exit_code: i32, report: &impl Fn(&str, TaskEventKind)) {
        self.phase = Phase::Ended(Some(exit_code));
        report(&self.spec.name, TaskEventKind::Exited { exit_code: Some(exit_code), reason: None });
    }
}
