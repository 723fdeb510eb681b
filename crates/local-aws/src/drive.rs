//! The loop that moves time: due alarms, what the driver reports, and what it is to do.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Time,
    driver::{TaskEvent, TaskEventKind},
    ecs::{Effect, HookCall, Start, StopCode},
    function,
    local::LocalAws,
    scheduler,
    task_secret::{Purpose, TaskSecret},
    task_spec::TaskSpec,
    world::World,
};

/// Beyond its stop timeout, how long a task may take to end at shutdown.
const PATIENCE: Duration = Duration::from_secs(5);

impl LocalAws {
    /// Moves deployments and tasks on until `shutdown`, then stops every task and returns.
    ///
    /// Sleeps on tokio's time, so that a paused clock is followed. To be called once.
    pub async fn run(&self, shutdown: CancellationToken) {
        let Some(mut events) = self.take_events() else {
            tracing::error!("the local ECS runs already");
            return;
        };
        let mut asked = FuturesUnordered::new();
        loop {
            let mut wakes_at = None;
            for world in self.worlds() {
                let (at, calls) = world.step();
                wakes_at = wakes_at.into_iter().chain(at).min();
                asked.extend(calls.into_iter().map(|call| ask(Arc::clone(&world), call)));
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(()) = asked.next() => {}
                event = events.recv() => match event {
                    Some(event) => self.take_in(event, &mut events),
                    None => break,
                },
                () = self.changed() => {}
                () = self.sleep_until(wakes_at) => {}
            }
        }
        self.stop_everything(&mut events).await;
    }

    /// Takes in one event and all that wait behind it, each in the world that has its task.
    fn take_in(&self, first: TaskEvent, events: &mut UnboundedReceiver<TaskEvent>) {
        let mut waiting = vec![first];
        waiting.extend(std::iter::from_fn(|| events.try_recv().ok()));
        for world in self.worlds() {
            if waiting.is_empty() {
                return;
            }
            waiting = world.take_in(waiting);
        }
    }

    async fn sleep_until(&self, at: Option<Time>) {
        match at {
            Some(at) => sleep(at.since(self.clock.now())).await,
            None => std::future::pending().await,
        }
    }

    /// Stops every task and waits for their ends, no longer than their stop timeouts allow.
    async fn stop_everything(&self, events: &mut UnboundedReceiver<TaskEvent>) {
        let worlds = self.worlds();
        let longest = worlds.iter().map(|world| world.stop_everything()).max().unwrap_or_default();
        let deadline = Instant::now() + longest + PATIENCE;
        while worlds.iter().any(|world| !world.state().tasks_at_the_driver().0.is_empty()) {
            match timeout_at(deadline, events.recv()).await {
                Ok(Some(event)) => self.take_in(event, events),
                Ok(None) => return,
                Err(_) => {
                    tracing::warn!("some tasks did not end in time");
                    return;
                }
            }
        }
    }
}

/// Asks a function and tells the world what it returned.
async fn ask(world: Arc<World>, call: HookCall) {
    let (hook, returned) = function::ask(call).await;
    world.state().hook_returned(&hook, returned, world.clock.now());
}

impl World {
    /// Does what is due; says when something is due next, and which functions are to be asked.
    fn step(&self) -> (Option<Time>, Vec<HookCall>) {
        let mut calls = Vec::new();
        loop {
            let now = self.clock.now();
            let (effects, wakes_at) = {
                let mut state = self.state();
                state.look_at_turned();
                (scheduler::advance(&mut state, now), state.agenda.wakes_at())
            };
            let scales_at = self.scale();
            self.deliver();
            // A count that was just set wants another look at its service.
            let is_at_rest = !self.state().agenda.is_due();
            if effects.is_empty() && is_at_rest {
                let wakes_at = wakes_at.into_iter().chain(scales_at).chain(self.delivers_at()).min();
                return (wakes_at, calls);
            }
            for effect in effects {
                match effect {
                    Effect::Stop(task_id) => self.driver.stop(&task_id),
                    Effect::Start(start) => self.start(start),
                    Effect::Ask(call) => calls.push(call),
                }
            }
        }
    }

    /// Takes in the events of tasks that are here; gives the others back.
    fn take_in(&self, events: Vec<TaskEvent>) -> Vec<TaskEvent> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut others = Vec::new();
        for event in events {
            if state.tasks.contains_key(&event.task_id) {
                scheduler::task_event(&mut state, event, now);
            } else {
                others.push(event);
            }
        }
        others
    }

    /// Starts a task with all that it needs; without it, it fails to start.
    fn start(&self, start: Start) {
        let Start { mut task, secrets, files } = start;
        let prepared = self.prepare(&mut task, secrets, files.first());
        let Err(reason) = prepared else { return self.driver.start(task) };
        let now = self.clock.now();
        let mut state = self.state();
        for spec in task.containers {
            let task_id = task.task_id.clone();
            let kind = TaskEventKind::CannotStart(reason.clone());
            let event = TaskEvent { task_id, container: spec.name, kind };
            scheduler::task_event(&mut state, event, now);
        }
    }

    /// Puts secrets and ECS's own variables into the containers' environment; an error is the task's
    /// stopped reason.
    fn prepare(
        &self,
        task: &mut TaskSpec,
        secrets: Vec<TaskSecret>,
        file: Option<&String>,
    ) -> Result<(), String> {
        if let Some(file) = file {
            return Err(format!(
                "ResourceInitializationError: failed to download env files: this local AWS has no S3, which \
                 {file} is in"
            ));
        }
        for secret in secrets {
            let value = self.task_secret(&secret)?;
            let spec = task.containers.iter_mut().find(|spec| spec.name == secret.container);
            if let (Purpose::Variable(variable), Some(spec)) = (secret.purpose, spec) {
                spec.environment.insert(variable, value);
            }
        }
        // The driver reads programs for their digest: not while everybody else waits.
        let digests = task.containers.iter().map(|spec| self.driver.image(&spec.image));
        let digests = digests.map(|image| image.map(|image| image.digest)).collect();
        let around = self.surroundings();
        let mut state = self.state();
        state.keep_digests(&task.task_id, digests);
        state
            .equip(task, &around)
            .map_err(|error| format!("ResourceInitializationError: no randomness for its paths: {error}"))
    }

    /// Has every task stop; says how long that may take.
    fn stop_everything(&self) -> Duration {
        let now = self.clock.now();
        let (effects, longest) = {
            let mut state = self.state();
            let (ids, longest) = state.tasks_at_the_driver();
            for id in &ids {
                let reason = "The local ECS is shutting down.";
                scheduler::stop_now(&mut state, id, StopCode::UserInitiated, reason, now);
            }
            (state.agenda.take_effects(), longest)
        };
        for effect in effects {
            // What was about to start or to be asked stays away.
            if let Effect::Stop(task_id) = effect {
                self.driver.stop(&task_id);
            }
        }
        longest
    }
}
