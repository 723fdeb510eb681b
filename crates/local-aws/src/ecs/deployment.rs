//! Deployments of a service: at most one PRIMARY, and those that still have tasks.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Members, Service, ServiceDeployment, State,
    event::words,
    revision::{Revision, resolve_platform},
    service_deployment::Sources,
    task_definition::TaskDefinition,
};
use crate::clock::Time;

/// How far a rollout is; there is no fourth state, also after a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

impl Rollout {
    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// Launches in a row that never ran, and when the next one may be tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Launches {
    pub(crate) failed: u32,
    pub(crate) not_before: Option<Time>,
}

/// A deployment.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    /// Its id is `ecs-svc/` and this number.
    pub(crate) number: u64,
    pub(crate) revision: Arc<Revision>,
    pub(crate) definition: Arc<TaskDefinition>,
    pub(crate) rollout: Rollout,
    pub(crate) reason: String,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
    /// What `failedTasks` shows: back to 0 after a task that became healthy.
    pub(crate) failed_tasks: u64,
    /// What the circuit breaker counts.
    pub(crate) breaker_count: u64,
    pub(crate) launches: Launches,
}

impl Deployment {
    /// The id as ECS shows it.
    pub(crate) fn id(&self) -> String {
        format!("ecs-svc/{}", self.number)
    }

    /// Moves the rollout on, with the reason that ECS gives.
    pub(crate) fn turn(&mut self, rollout: Rollout, reason: String, now: Time) {
        self.rollout = rollout;
        self.reason = reason;
        self.updated_at = now;
    }

    pub(super) fn show(&self, state: &State, service: &Service, is_primary: bool) -> Value {
        let (running, pending) = service.task_counts(state, self.number);
        let mut shown = self.revision.spec.clone();
        for member in ["loadBalancers", "serviceRegistries", "monitoring", "gatewayConnectors"] {
            shown.remove(member);
        }
        resolve_platform(&mut shown);
        let rest = json!({
            "id": self.id(),
            "status": if is_primary { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": self.definition.arn,
            "desiredCount": if is_primary { service.desired_count } else { running + pending },
            "runningCount": running,
            "pendingCount": pending,
            "failedTasks": self.failed_tasks,
            "rolloutState": self.rollout.name(),
            "rolloutStateReason": self.reason,
            "createdAt": self.created_at.to_json(),
            "updatedAt": self.updated_at.to_json(),
        });
        if let Value::Object(rest) = rest {
            shown.extend(rest);
        }
        Value::Object(shown)
    }
}

impl State {
    /// Starts a deployment of what the service's members say now; the PRIMARY so far becomes ACTIVE.
    pub(super) fn deploy(&mut self, service: &mut Service, definition: Arc<TaskDefinition>, now: Time) {
        let number = self.random.digits19();
        let (cluster, name) = (&service.key.cluster, &service.key.name);
        let revision_arn = self.names.service_revision(cluster, name, number);
        let id = self.random.alphanumeric21();
        let deployment_arn = self.names.service_deployment(cluster, name, &id);
        let revision = Arc::new(Revision::of(service, &definition, revision_arn, now));
        service.revisions.insert(number, Arc::clone(&revision));
        let sources = Sources(service.deployments.iter().map(|deployment| deployment.number).collect());
        if let Some(ongoing) = service.ongoing() {
            ongoing.superseded(now);
        }
        service.history.push(ServiceDeployment::new(
            deployment_arn,
            number,
            sources,
            service.configuration().cloned().unwrap_or(Value::Null),
            now,
        ));
        service.forget_old_history(now);
        let deployment = Deployment {
            number,
            revision,
            definition,
            rollout: Rollout::InProgress,
            reason: format!("ECS deployment ecs-svc/{number} in progress."),
            created_at: now,
            updated_at: now,
            failed_tasks: 0,
            breaker_count: 0,
            launches: Launches::default(),
        };
        service.deployments.insert(0, deployment);
        let strategy = service.configuration().and_then(|configuration| configuration.text("strategy"));
        if let Some(strategy) = strategy.filter(|strategy| *strategy != "ROLLING") {
            let text = words::rolled_instead(strategy);
            service.events.say(&mut self.random, now, &service.key.name, &text);
        }
    }
}
