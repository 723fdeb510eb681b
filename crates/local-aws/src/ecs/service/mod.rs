//! Services: what a service is, and what names one.

mod configuration;
mod create;
mod delete;
mod fill;
mod read;
mod rules;
mod update;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value};

pub(super) use self::{
    create::create,
    delete::delete,
    read::{describe, describe_as_text, list},
    rules::{check_name, check_spec},
    update::update,
};
use super::{
    Deployment, Members, Rollout, ServiceDeployment, State,
    arn::{cluster_name, last_part},
    event::Events,
    revision::Revision,
    tag::Tags,
};
use crate::{clock::Time, error::ApiError, scaling::Standing};

/// A service's cluster and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServiceKey {
    pub(crate) cluster: String,
    pub(crate) name: String,
}

impl ServiceKey {
    pub(crate) fn new(cluster: &str, name: &str) -> Self {
        Self { cluster: cluster.to_owned(), name: name.to_owned() }
    }
}

/// A service's place in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceStatus {
    /// It runs tasks.
    Active,
    /// It was deleted and its tasks are being stopped.
    Draining,
    /// It is gone, and described for a while yet.
    Inactive,
}

impl ServiceStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// Where a service is in evening out its zones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Balance {
    /// Nothing is being moved.
    #[default]
    Even,
    /// One task more than desired is on its way, in the emptiest zone.
    Starting,
    /// One task of the fullest zone is on its way out.
    Stopping,
}

/// A service, its deployments and its history.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) key: ServiceKey,
    pub(crate) status: ServiceStatus,
    pub(crate) desired_count: u64,
    /// The members that stand, with ECS's defaults, under their names in the API.
    pub(super) spec: Map<String, Value>,
    pub(super) tags: Tags,
    pub(super) created_at: Time,
    /// CreateService's request without its token: who sends the same again gets the same service.
    asked: Value,
    /// PRIMARY first, then the ACTIVE ones, newest first.
    pub(crate) deployments: Vec<Deployment>,
    /// What a rollback returns to.
    pub(crate) last_completed: Option<Deployment>,
    /// Oldest first.
    pub(crate) history: Vec<ServiceDeployment>,
    pub(super) revisions: BTreeMap<u64, Arc<Revision>>,
    /// Tasks that are described.
    pub(super) tasks: BTreeSet<String>,
    /// Those of them that are not STOPPED.
    pub(crate) live: BTreeSet<String>,
    pub(crate) events: Events,
    pub(crate) balance: Balance,
    /// When it last said that it is steady; `None` while it is not.
    pub(crate) steady_said: Option<Time>,
}

impl Service {
    /// Whether it can be updated.
    pub(crate) fn is_active(&self) -> bool {
        self.status == ServiceStatus::Active
    }

    /// A whole number in `deploymentConfiguration`.
    pub(crate) fn percent(&self, name: &str, default: u64) -> u64 {
        self.configuration().and_then(|configuration| configuration.whole(name)).unwrap_or(default)
    }

    /// The `deploymentConfiguration`.
    pub(super) fn configuration(&self) -> Option<&Value> {
        self.spec.member("deploymentConfiguration")
    }

    /// The `deploymentCircuitBreaker`.
    pub(crate) fn circuit_breaker(&self) -> Option<&Value> {
        self.configuration()?.member("deploymentCircuitBreaker")
    }

    /// Whether ECS directs traffic to its tasks, and can shift it.
    pub(super) fn is_routed(&self) -> bool {
        let connect = self.spec.member("serviceConnectConfiguration");
        !self.spec.items("loadBalancers").is_empty()
            || connect.is_some_and(|connect| connect.flag("enabled") == Some(true))
    }

    /// Whether its tasks are moved between zones.
    pub(crate) fn is_rebalanced(&self) -> bool {
        self.spec.text("availabilityZoneRebalancing") == Some("ENABLED")
    }

    /// Seconds in which a new task's failed health checks do not count.
    pub(crate) fn grace_seconds(&self) -> u64 {
        self.spec.whole("healthCheckGracePeriodSeconds").unwrap_or(0)
    }

    /// Takes tasks in that were started for it.
    pub(crate) fn adopt(&mut self, tasks: &[String]) {
        self.tasks.extend(tasks.iter().cloned());
        self.live.extend(tasks.iter().cloned());
    }

    /// The service deployment that is not finished, if there is one.
    pub(crate) fn ongoing(&mut self) -> Option<&mut ServiceDeployment> {
        self.history.last_mut().filter(|deployment| !deployment.status.is_final())
    }

    /// The deployment with that number, if it is listed.
    pub(crate) fn deployment_mut(&mut self, number: u64) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|deployment| deployment.number == number)
    }
}

impl State {
    /// How the ACTIVE service of a cluster and name stands, as Application Auto Scaling looks at it.
    pub(crate) fn standing(&self, cluster: &str, name: &str) -> Option<Standing> {
        let service =
            self.services.get(&ServiceKey::new(cluster, name)).filter(|service| service.is_active())?;
        Some(Standing {
            desired: service.desired_count,
            running: service.task_counts(self).total().0,
            is_deploying: service
                .deployments
                .iter()
                .any(|deployment| deployment.rollout == Rollout::InProgress),
        })
    }

    /// The key of the service that a request names, in the cluster that it names.
    fn service_key(&self, request: &Value, service: &str) -> Result<ServiceKey, ApiError> {
        let cluster = self.active_cluster(request.text("cluster"))?;
        Ok(ServiceKey::new(&cluster.name, last_part(service, "service")))
    }

    /// The ACTIVE service that a request is about.
    pub(super) fn active_service(&mut self, request: &Value) -> Result<&mut Service, ApiError> {
        let key = self.service_key(request, request.text("service").unwrap_or_default())?;
        let service = self.services.get_mut(&key);
        let service =
            service.ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))?;
        if service.is_active() {
            Ok(service)
        } else {
            Err(ApiError::new("ServiceNotActiveException", "Service was not ACTIVE."))
        }
    }

    /// The service that a request is about, whatever its status.
    pub(super) fn known_service(&self, request: &Value, service: &str) -> Result<&Service, ApiError> {
        let cluster = cluster_name(request.text("cluster"));
        let key = match super::arn::parts(service, "service").as_deref() {
            Some([cluster, name]) => ServiceKey::new(cluster, name),
            _ => ServiceKey::new(cluster, last_part(service, "service")),
        };
        let found = self.services.get(&key);
        found.ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))
    }
}
