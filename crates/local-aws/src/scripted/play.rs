//! One task, played: which container does what next, and when.

use std::time::Duration;

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep_until},
};

use super::{Order, Script};
use crate::{
    dependency::{Gate, Progress, gate, never_met},
    driver::{TaskEvent, TaskEventKind, TaskEventSender},
    task_spec::{ContainerSpec, TaskSpec},
};

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
        if stopping {
            stop_due(&mut roles, &report);
        } else {
            release(&mut roles, Instant::now(), &report);
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

/// Sets the start of every container whose dependencies are met, and ends those whose never will be.
fn release(roles: &mut [Role], now: Instant, report: &impl Fn(&str, TaskEventKind)) {
    // An end may be what another one waits for.
    loop {
        let verdicts: Vec<_> = roles.iter().map(|role| role.may_start(roles)).collect();
        let mut moved = false;
        for (role, verdict) in roles.iter_mut().zip(verdicts).filter(|(role, _)| role.phase == Phase::Waiting)
        {
            match verdict {
                Ok(false) => {}
                Ok(true) => role.phase = Phase::Starting(now + role.script.starts_after),
                Err(why) => {
                    moved = true;
                    role.phase = Phase::Ended(None);
                    report(&role.spec.name, TaskEventKind::CannotStart(why));
                }
            }
        }
        if !moved {
            return;
        }
    }
}

/// Stops the containers on which none depends that still is.
fn stop_due(roles: &mut [Role], report: &impl Fn(&str, TaskEventKind)) {
    let last: Vec<bool> = roles
        .iter()
        .map(|role| {
            roles.iter().all(|other| {
                matches!(other.phase, Phase::Ended(_))
                    || !other.spec.depends_on.iter().any(|(name, _)| *name == role.spec.name)
            })
        })
        .collect();
    for (role, _) in roles.iter_mut().zip(last).filter(|(_, is_last)| *is_last) {
        role.stop(report);
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
            // What never ran is over at once.
            for role in roles.iter_mut().filter(|role| !matches!(role.phase, Phase::Running { .. })) {
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
    fn progress(&self) -> Progress {
        match self.phase {
            Phase::Waiting | Phase::Starting(_) => Progress::Waiting,
            Phase::Running { .. } | Phase::Stopping(..) => Progress::Running { healthy: self.healthy },
            Phase::Ended(Some(exit_code)) => Progress::Exited(exit_code),
            Phase::Ended(None) => Progress::NeverStarted,
        }
    }

    /// Whether it may start; an error is why it never will. The first dependency that is not met decides.
    fn may_start(&self, roles: &[Self]) -> Result<bool, String> {
        for (name, condition) in &self.spec.depends_on {
            let on = roles.iter().find(|other| other.spec.name == *name);
            match on.map_or(Gate::Never("does not exist"), |on| gate(condition, on.progress())) {
                Gate::Open => {}
                Gate::Wait => return Ok(false),
                Gate::Never(why) => return Err(never_met(name, &self.spec.name, why)),
            }
        }
        Ok(true)
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
        if let (Phase::Running { since }, Some(policy)) = (self.phase, &self.spec.restart)
            && policy.restarts(since.elapsed(), exit_code)
        {
            self.phase = Phase::Running { since: Instant::now() };
            self.verdicts = 0;
            self.healthy = false;
            return report(&self.spec.name, TaskEventKind::Restarted { exit_code });
        }
        self.phase = Phase::Ended(Some(exit_code));
        report(&self.spec.name, TaskEventKind::Exited { exit_code: Some(exit_code), reason: None });
    }
}
