//! Service deployments: the record of what became of each deployment, and its rollback.
//!
//! ```text
//! PENDING → IN_PROGRESS → SUCCESSFUL
//!                │  └──── failure without rollback, or a newer deployment → STOPPED
//!                ├─ breaker, alarm, hook ────────────────→ ROLLBACK_IN_PROGRESS → ROLLBACK_SUCCESSFUL
//!                ├─ StopServiceDeployment → ROLLBACK_REQUESTED ───────↑      └──→ ROLLBACK_FAILED
//!                └─ StopServiceDeployment(ABORT) → STOP_REQUESTED → STOPPED
//! ```

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::{
    AlarmRecord, Hook, Members, Service, ServiceKey, Shift, Stage, State, arn, member::set, operation::paged,
    page,
};
use crate::{clock::Time, error::ApiError};

/// How long they are kept. Source: the API's description of `ListServiceDeployments`.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// Why a rollback could not be: the service has never completed a deployment.
pub(crate) const NO_CANDIDATE: &str = "No rollback candidate was found to run the rollback.";

/// A service deployment's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceDeploymentStatus {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl ServiceDeploymentStatus {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::StopRequested => "STOP_REQUESTED",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    /// Whether nothing more happens to it.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }
}

/// The revisions that a deployment replaces.
#[derive(Debug)]
pub(super) struct Sources(pub(super) Vec<u64>);

/// What the circuit breaker did in a service deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BreakerRecord {
    pub(crate) enabled: bool,
    pub(crate) triggered: bool,
    pub(crate) failures: u64,
    pub(crate) threshold: u64,
}

/// A service deployment.
#[derive(Debug)]
pub(crate) struct ServiceDeployment {
    pub(super) arn: String,
    /// The revision that it deploys.
    target: u64,
    sources: Sources,
    pub(crate) status: ServiceDeploymentStatus,
    reason: Option<String>,
    created_at: Time,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    stopped_at: Option<Time>,
    updated_at: Time,
    rollback: Option<(Time, String, u64)>,
    pub(crate) configuration: Value,
    pub(crate) breaker: Option<BreakerRecord>,
    pub(crate) alarms: Option<AlarmRecord>,
    /// How far it is in shifting traffic; `None` for a rolling deployment.
    pub(crate) shift: Option<Shift>,
    /// When a rolling deployment was full and alone, and its bake began.
    pub(crate) full_since: Option<Time>,
}

impl ServiceDeployment {
    pub(super) fn new(arn: String, target: u64, sources: Sources, configuration: Value, now: Time) -> Self {
        Self {
            arn,
            target,
            sources,
            status: ServiceDeploymentStatus::Pending,
            reason: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: now,
            rollback: None,
            configuration,
            breaker: None,
            alarms: None,
            shift: None,
            full_since: None,
        }
    }

    /// Its status changes, and it is not over.
    pub(crate) fn turn(&mut self, status: ServiceDeploymentStatus, now: Time) {
        self.status = status;
        self.updated_at = now;
    }

    /// The scheduler takes it up; says whether it had not before.
    pub(crate) fn begin(&mut self, now: Time) -> bool {
        let is_new = self.status == ServiceDeploymentStatus::Pending;
        if is_new {
            self.turn(ServiceDeploymentStatus::InProgress, now);
            self.started_at = Some(now);
        }
        is_new
    }

    /// It is over, as `status` says.
    pub(crate) fn finish(&mut self, status: ServiceDeploymentStatus, reason: Option<&str>, now: Time) {
        self.status = status;
        self.finished_at = Some(now);
        self.updated_at = now;
        if status == ServiceDeploymentStatus::Stopped {
            self.stopped_at = Some(now);
        }
        if let Some(reason) = reason {
            self.reason = Some(reason.to_owned());
        }
    }

    /// It returns to another revision.
    pub(crate) fn roll_back(&mut self, reason: &str, revision: u64, now: Time) {
        self.turn(ServiceDeploymentStatus::RollbackInProgress, now);
        self.reason = Some(reason.to_owned());
        self.rollback = Some((now, reason.to_owned(), revision));
        if let Some(shift) = &mut self.shift {
            shift.turn_back(revision, now);
        }
    }

    pub(super) fn superseded(&mut self, now: Time) {
        let reason = "Service deployment stopped because a newer service deployment was started.";
        self.finish(ServiceDeploymentStatus::Stopped, Some(reason), now);
    }

    fn brief(&self, state: &State, service: &Service) -> Value {
        let mut shown = json!({
            "serviceDeploymentArn": self.arn,
            "serviceArn": state.names.service(&service.key.cluster, &service.key.name),
            "clusterArn": state.names.cluster(&service.key.cluster),
            "targetServiceRevisionArn": state.revision_arn(&service.key, self.target),
            "status": self.status.name(),
            "createdAt": self.created_at.to_json(),
        });
        let times = [("startedAt", self.started_at), ("finishedAt", self.finished_at)];
        for (member, at) in times {
            if let Some(at) = at {
                set(&mut shown, member, at.to_json());
            }
        }
        if let Some(reason) = &self.reason {
            set(&mut shown, "statusReason", reason.as_str());
        }
        shown
    }

    fn show(&self, state: &State, service: &Service) -> Value {
        let mut shown = self.brief(state, service);
        if let Some(members) = shown.as_object_mut() {
            members.remove("targetServiceRevisionArn");
        }
        let counts = service.task_counts(state);
        let summary = |number: u64, requested: Option<u64>| {
            let (running, pending) = counts.of(number);
            let wanted = self.shift.as_ref().filter(|_| !self.status.is_final());
            let wanted = wanted.map(|shift| shift.wanted(number, service.desired_count)).or(requested);
            let mut summary = json!({
                "arn": state.revision_arn(&service.key, number),
                "requestedTaskCount": wanted.unwrap_or(running + pending),
                "runningTaskCount": running,
                "pendingTaskCount": pending,
            });
            if let Some(shift) = &self.shift {
                shift.show_weights(number, &mut summary);
            }
            summary
        };
        set(&mut shown, "targetServiceRevision", summary(self.target, Some(service.desired_count)));
        let sources: Vec<Value> = self.sources.0.iter().map(|number| summary(*number, None)).collect();
        set(&mut shown, "sourceServiceRevisions", sources);
        set(&mut shown, "deploymentConfiguration", self.configuration.clone());
        set(&mut shown, "updatedAt", self.updated_at.to_json());
        if let Some(at) = self.stopped_at {
            set(&mut shown, "stoppedAt", at.to_json());
        }
        if let Some(shift) = &self.shift {
            let shown_as = if state.switches.shows_pre_production_stage {
                shift.stage
            } else {
                known_stage(shift.stage)
            };
            set(&mut shown, "lifecycleStage", shown_as.name());
            let hooks: Vec<Value> = shift.hooks.iter().map(Hook::show).collect();
            if !hooks.is_empty() {
                set(&mut shown, "lifecycleHookDetails", hooks);
            }
        }
        if let Some(alarms) = &self.alarms {
            set(&mut shown, "alarms", alarms.show(self.status.is_final()));
        }
        if let Some((at, reason, number)) = &self.rollback {
            let arn = state.revision_arn(&service.key, *number);
            set(
                &mut shown,
                "rollback",
                json!({"reason": reason, "startedAt": at.to_json(), "serviceRevisionArn": arn}),
            );
        }
        if let Some(breaker) = &self.breaker {
            let status = match (breaker.enabled, breaker.triggered) {
                (false, _) => "DISABLED",
                (true, true) => "TRIGGERED",
                (true, false) if self.status.is_final() => "MONITORING_COMPLETE",
                (true, false) => "MONITORING",
            };
            set(
                &mut shown,
                "deploymentCircuitBreaker",
                json!({"status": status, "failureCount": breaker.failures, "threshold": breaker.threshold}),
            );
        }
        shown
    }
}

impl Service {
    /// Drops service deployments, and revisions that no other refers to, after 90 days.
    pub(super) fn forget_old_history(&mut self, now: Time) {
        let old = |deployment: &ServiceDeployment| {
            deployment.finished_at.is_some_and(|finished| now.since(finished) > KEPT)
        };
        self.history.retain(|deployment| !old(deployment));
        let kept: BTreeSet<u64> = self
            .history
            .iter()
            .flat_map(|deployment| deployment.sources.0.iter().copied().chain([deployment.target]))
            .chain(self.deployments.iter().chain(&self.last_completed).map(|deployment| deployment.number))
            .collect();
        self.revisions.retain(|number, _| kept.contains(number));
    }
}

/// The stage that the model's enum knows: it lacks one that its description has.
fn known_stage(stage: Stage) -> Stage {
    match stage {
        Stage::PreProductionTrafficShift => Stage::ProductionTrafficShift,
        other => other,
    }
}

/// The service and its service deployment of that ARN.
pub(super) fn find<'a>(state: &'a State, asked: &str) -> Option<(&'a Service, &'a ServiceDeployment)> {
    let parts = arn::parts(asked, "service-deployment")?;
    let [cluster, name, _] = parts.as_slice() else { return None };
    let service = state.services.get(&ServiceKey::new(cluster, name))?;
    Some((service, service.history.iter().find(|deployment| deployment.arn == asked)?))
}

pub(super) fn list(state: &State, request: &Value) -> Result<Value, ApiError> {
    let service = state.known_service(request, request.text("service").unwrap_or_default())?;
    let size = page::size(request.whole("maxResults"), 20, 100)?;
    let after = page::key(request.text("nextToken"))?;
    let created = request.member("createdAt");
    let bound = |name: &str| created.and_then(|created| created.member(name)).and_then(Value::as_f64);
    let (earliest, latest) = (bound("after"), bound("before"));
    let statuses: Vec<&str> = request.texts("status").collect();
    let wanted = |deployment: &&ServiceDeployment| {
        let at = deployment.created_at.to_json().as_f64().unwrap_or_default();
        (statuses.is_empty() || statuses.contains(&deployment.status.name()))
            && earliest.is_none_or(|earliest| at >= earliest)
            && latest.is_none_or(|latest| at <= latest)
    };
    let newest_first = service.history.iter().rev();
    let rest = match &after {
        Some(last) => {
            newest_first.skip_while(|deployment| deployment.arn != *last).skip(1).filter(wanted).collect()
        }
        None => newest_first.filter(wanted).collect::<Vec<_>>(),
    };
    let page = page::cut(rest.into_iter(), size, |deployment| deployment.arn.clone());
    let briefs: Vec<Value> = page.items.iter().map(|deployment| deployment.brief(state, service)).collect();
    Ok(paged(json!({"serviceDeployments": briefs}), page.next_token))
}

pub(super) fn describe(state: &State, request: &Value) -> Result<Value, ApiError> {
    let arns: Vec<&str> = request.texts("serviceDeploymentArns").collect();
    if !(1..=20).contains(&arns.len()) {
        return Err(ApiError::invalid("serviceDeploymentArns must have between 1 and 20 items."));
    }
    let (mut deployments, mut failures) = (Vec::new(), Vec::new());
    for asked in arns {
        match find(state, asked) {
            Some((service, deployment)) => deployments.push(deployment.show(state, service)),
            None => failures.push(json!({"arn": asked, "reason": "MISSING"})),
        }
    }
    Ok(json!({"serviceDeployments": deployments, "failures": failures}))
}
