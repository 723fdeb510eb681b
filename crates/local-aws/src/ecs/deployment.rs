//! Deployments of a service: at most one PRIMARY, and those that still have tasks.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

use super::{
    AlarmRecord, Service, ServiceDeployment, Shift, State,
    revision::{Counts, Revision, TargetGroups, platform},
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
    /// `serviceConnectResources`.
    pub(crate) connected: Vec<Value>,
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

    /// The deployment as DescribeServices answers it.
    pub(super) fn shown<'a>(
        &'a self,
        service: &'a Service,
        counts: &'a Counts,
        is_primary: bool,
    ) -> impl Serialize + use<'a> {
        Shown { deployment: self, service, counts, is_primary }
    }
}

struct Shown<'a> {
    deployment: &'a Deployment,
    service: &'a Service,
    counts: &'a Counts,
    is_primary: bool,
}

/// Members of a revision that no deployment shows, or shows as its own.
const NOT_OF_THE_REVISION: [&str; 6] = [
    "loadBalancers",
    "serviceRegistries",
    "monitoring",
    "gatewayConnectors",
    "platformVersion",
    "taskDefinition",
];

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { deployment, service, counts, is_primary } = self;
        let (running, pending) = counts.of(deployment.number);
        let usual = if *is_primary { service.desired_count } else { running + pending };
        let desired = service.wanted_of(deployment.number).unwrap_or(usual);
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &deployment.revision.spec {
            if !NOT_OF_THE_REVISION.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some((version, family)) = platform(&deployment.revision.spec) {
            map.serialize_entry("platformVersion", version)?;
            map.serialize_entry("platformFamily", family)?;
        }
        map.serialize_entry("id", &deployment.id())?;
        map.serialize_entry("status", if *is_primary { "PRIMARY" } else { "ACTIVE" })?;
        map.serialize_entry("taskDefinition", &deployment.definition.arn)?;
        map.serialize_entry("desiredCount", &desired)?;
        map.serialize_entry("runningCount", &running)?;
        map.serialize_entry("pendingCount", &pending)?;
        map.serialize_entry("failedTasks", &deployment.failed_tasks)?;
        map.serialize_entry("rolloutState", deployment.rollout.name())?;
        map.serialize_entry("rolloutStateReason", &deployment.reason)?;
        map.serialize_entry("createdAt", &deployment.created_at.to_json())?;
        map.serialize_entry("updatedAt", &deployment.updated_at.to_json())?;
        if !deployment.connected.is_empty() {
            map.serialize_entry("serviceConnectResources", &deployment.connected)?;
        }
        map.end()
    }
}

impl Service {
    /// How many tasks a shift of traffic asks of a deployment; `None` while there is none.
    pub(crate) fn wanted_of(&self, number: u64) -> Option<u64> {
        let ongoing = self.history.last().filter(|deployment| !deployment.status.is_final())?;
        ongoing.shift.as_ref().map(|shift| shift.wanted(number, self.desired_count))
    }

    /// The deployment whose tasks serve production.
    fn in_production(&self) -> Option<u64> {
        let shift = self.history.last().and_then(|deployment| deployment.shift.as_ref());
        let completed = self.last_completed.as_ref().map(|deployment| deployment.number);
        let listed = |number: &u64| self.deployments.iter().any(|deployment| deployment.number == *number);
        let started = self.deployments.iter().find(|deployment| deployment.rollout != Rollout::Failed);
        let known = shift.and_then(Shift::in_production).filter(listed).or(completed.filter(listed));
        known.or(started.map(|deployment| deployment.number))
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
        let configuration = service.configuration().cloned().unwrap_or(Value::Null);
        let source = service.in_production();
        let numbers = (source, number);
        let bakes = self.switches.first_deployment_bakes;
        let shift = Shift::begin(&configuration, numbers, service.is_routed(), bakes, now);
        let replaced = source.and_then(|source| service.revision(source)).map(Arc::as_ref);
        let groups = TargetGroups::after(replaced, service, shift.is_some());
        let revision = Arc::new(Revision::of(service, &definition, (revision_arn, groups), now));
        service.revisions.insert(number, Arc::clone(&revision));
        let sources = Sources(service.deployments.iter().map(|deployment| deployment.number).collect());
        if let Some(ongoing) = service.ongoing() {
            ongoing.superseded(now);
        }
        let alarms = AlarmRecord::of(&configuration, &self.alarms);
        let mut started = ServiceDeployment::new(deployment_arn, number, sources, configuration, now);
        (started.shift, started.alarms) = (shift, alarms);
        service.history.push(started);
        service.forget_old_history(now);
        let connected = self.connect(&service.spec, &service.key.cluster, now);
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
            connected,
        };
        let (id, rollout) = (deployment.id(), deployment.rollout);
        self.tell_deployment(&service.key, (&id, rollout, &deployment.reason), now);
        service.deployments.insert(0, deployment);
    }
}
