//! What ECS tells EventBridge of its tasks, services and deployments.
//!
//! Source: *dev guide* ecs_task_events.html, ecs_service_events.html, ecs_service_deployment_events.html.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use super::{Rollout, ServiceKey, State, member::set};
use crate::{clock::Time, events::Event};

/// The members of a task that are seconds to who asks, and text in an event.
const TIMES: [&str; 8] = [
    "connectivityAt",
    "createdAt",
    "executionStoppedAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppedAt",
    "stoppingAt",
];

/// Events that wait to be taken to EventBridge.
#[derive(Debug)]
pub(crate) struct Notices {
    /// Whether anybody listens there: nothing is made up that nobody hears.
    is_heard: Arc<AtomicBool>,
    waiting: Vec<Event>,
}

impl Notices {
    pub(crate) fn new(is_heard: Arc<AtomicBool>) -> Self {
        Self { is_heard, waiting: Vec::new() }
    }

    /// What there is to tell, oldest first.
    pub(crate) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.waiting)
    }

    fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }

    fn tell(&mut self, detail_type: &str, resource: String, detail: Value, at: Time) {
        let (source, detail_type) = ("aws.ecs".to_owned(), detail_type.to_owned());
        let resources = vec![resource];
        self.waiting.push(Event { source, detail_type, resources, detail, at, of_reading: false });
    }
}

/// What a service says of itself that is no deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceNotice {
    /// `SERVICE_STEADY_STATE`.
    Steady,
    /// `SERVICE_TASK_START_IMPAIRED`.
    StartImpaired,
    /// `SERVICE_TASK_PLACEMENT_FAILURE`.
    PlacementFailure,
}

impl State {
    /// Tells of a task as it is now.
    pub(crate) fn tell_task(&mut self, id: &str, now: Time) {
        if !self.notices.is_heard() {
            return;
        }
        let Some(task) = self.tasks.get(id) else { return };
        let (arn, mut shown) = (task.arn(self), task.show(self, false));
        if let Some(members) = shown.as_object_mut() {
            members.remove("tags");
            for name in TIMES {
                if let Some(at) = members.get_mut(name) {
                    *at = text_of(at);
                }
            }
            for attachment in
                members.get_mut("attachments").and_then(Value::as_array_mut).into_iter().flatten()
            {
                // The one name that events have for it.
                set(attachment, "type", "eni");
            }
            members.insert("updatedAt".to_owned(), now.to_text().into());
        }
        self.notices.tell("ECS Task State Change", arn, shown, now);
    }

    /// Tells what a service says of itself.
    pub(crate) fn tell_service(&mut self, key: &ServiceKey, notice: ServiceNotice, now: Time) {
        if !self.notices.is_heard() {
            return;
        }
        let (kind, name, reason) = match notice {
            ServiceNotice::Steady => ("INFO", "SERVICE_STEADY_STATE", None),
            ServiceNotice::StartImpaired => ("WARN", "SERVICE_TASK_START_IMPAIRED", None),
            ServiceNotice::PlacementFailure => {
                ("ERROR", "SERVICE_TASK_PLACEMENT_FAILURE", Some("RESOURCE:FARGATE"))
            }
        };
        let mut detail = json!({
            "eventType": kind,
            "eventName": name,
            "clusterArn": self.names.cluster(&key.cluster),
            "createdAt": now.to_text(),
        });
        if let Some(reason) = reason {
            set(&mut detail, "reason", reason);
        }
        let arn = self.names.service(&key.cluster, &key.name);
        self.notices.tell("ECS Service Action", arn, detail, now);
    }

    /// Tells of a deployment of that id, whose rollout has come to this.
    pub(crate) fn tell_deployment(
        &mut self,
        key: &ServiceKey,
        (id, rollout, reason): (&str, Rollout, &str),
        now: Time,
    ) {
        if !self.notices.is_heard() {
            return;
        }
        let (kind, name) = match rollout {
            Rollout::InProgress => ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
            Rollout::Completed => ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
            Rollout::Failed => ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
        };
        let detail = json!({
            "eventType": kind,
            "eventName": name,
            "deploymentId": id,
            "updatedAt": now.to_text(),
            "reason": reason,
        });
        let arn = self.names.service(&key.cluster, &key.name);
        self.notices.tell("ECS Deployment State Change", arn, detail, now);
    }
}

/// Seconds since the epoch as text.
fn text_of(seconds: &Value) -> Value {
    Time::from_json(seconds).map_or(Value::Null, |time| time.to_text().into())
}
