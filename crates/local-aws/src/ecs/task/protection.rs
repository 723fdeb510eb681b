//! Protection of a service's task from being scaled in or replaced by a deployment.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html>

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{Alarm, Members, State, arn, member::set},
    Task,
    operation::task_in,
};
use crate::{clock::Time, error::ApiError};

/// How long a protection holds where the request does not say. Units: minutes.
const USUAL: u64 = 120;

/// The longest protection. Units: minutes.
const LONGEST: u64 = 2_880;

impl Task {
    /// Whether neither scaling in nor a deployment may stop it.
    pub(crate) fn is_protected(&self, now: Time) -> bool {
        self.protected_until.is_some_and(|until| until > now)
    }

    /// When its protection ends, or ended.
    pub(crate) fn protected_until(&self) -> Option<Time> {
        self.protected_until
    }

    fn show_protection(&self, state: &State, now: Time) -> Value {
        let is_protected = self.is_protected(now);
        let mut shown = json!({
            "taskArn": state.names.task(&self.cluster, &self.id),
            "protectionEnabled": is_protected,
        });
        if let Some(until) = self.protected_until.filter(|_| is_protected) {
            set(&mut shown, "expirationDate", until.to_json());
        }
        shown
    }
}

pub(in crate::ecs) fn update(state: &mut State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let minutes = request.member("expiresInMinutes").map_or(Some(USUAL), Value::as_u64);
    let minutes = minutes
        .filter(|minutes| (1..=LONGEST).contains(minutes))
        .ok_or_else(|| ApiError::invalid(format!("expiresInMinutes must be between 1 and {LONGEST}.")))?;
    let (found, failures) = find(state, request, 10)?;
    let until = (request.flag("protectionEnabled") == Some(true))
        .then(|| now.after(Duration::from_secs(minutes.saturating_mul(60))));
    for id in &found {
        let Some(task) = state.tasks.get_mut(id) else { continue };
        task.protected_until = until;
        if let Some((key, _)) = task.owner.clone() {
            state.agenda.look_at(&key);
            if let Some(until) = until {
                state.agenda.alarm(until, Alarm::Service(key));
            }
        }
    }
    Ok(answer(state, &found, &failures, now))
}

pub(in crate::ecs) fn get(state: &State, request: &Value, now: Time) -> Result<Value, ApiError> {
    let (found, failures) = find(state, request, 100)?;
    Ok(answer(state, &found, &failures, now))
}

fn answer(state: &State, found: &[String], failures: &[Value], now: Time) -> Value {
    let tasks = found.iter().filter_map(|id| state.tasks.get(id));
    let shown: Vec<Value> = tasks.map(|task| task.show_protection(state, now)).collect();
    json!({"protectedTasks": shown, "failures": failures})
}

/// The ids of the tasks that a request names and that can be protected, and a failure for each other.
fn find(state: &State, request: &Value, most: usize) -> Result<(Vec<String>, Vec<Value>), ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?;
    let references: Vec<&str> = request.texts("tasks").collect();
    if !(1..=most).contains(&references.len()) {
        return Err(ApiError::invalid(format!("Tasks cannot be empty or have more than {most} elements.")));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in references {
        let arn = state.names.task(&cluster.name, arn::last_part(reference, "task"));
        match task_in(state, request, reference) {
            Some(task) if task.owner.is_some() && task.wants_to_run => found.push(task.id.clone()),
            Some(_) => failures.push(json!({"arn": arn, "reason": "TASK_NOT_VALID",
                "detail": "Only a running task of a service can be protected."})),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok((found, failures))
}
