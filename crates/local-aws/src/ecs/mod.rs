//! ECS: what it knows, and the operations on it.
//!
//! Operations answer at once and leave the rest to the scheduler, through the [`Agenda`]: which
//! services want looking at, and what happens when.

mod account_setting;
mod address;
mod agenda;
mod alarm;
mod arn;
mod capacity_provider;
mod cluster;
mod connect;
mod deployment;
mod deployment_action;
mod discovery;
mod event;
mod hook;
mod hook_target;
mod instance;
mod log_stream;
mod member;
mod notice;
mod operation;
pub(crate) mod page;
mod permute;
mod revision;
mod routing;
mod service;
mod service_deployment;
mod shift;
mod tag;
mod task;
mod task_definition;
mod zone;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub(crate) use address::Addresses;
pub(crate) use agenda::{Alarm, Effect, HookCall, Start};
pub(crate) use alarm::{AlarmRecord, Alarms};
pub(crate) use deployment::{Deployment, Launches, Rollout};
pub(crate) use event::words;
pub(crate) use hook::{Hook, HookState};
pub(crate) use hook_target::HookTargets;
pub use hook_target::{HookAnswer, HookAnswerError, HookUrl, HookUrlError};
pub(crate) use log_stream::LogStream;
pub(crate) use member::{Members, set};
pub(crate) use notice::{Notices, ServiceNotice};
pub(crate) use operation::{call, is_done, why_not};
pub(crate) use routing::Routed;
pub(crate) use service::{Balance, Service, ServiceKey, ServiceStatus};
pub(crate) use service_deployment::{
    BreakerRecord, NO_CANDIDATE, ServiceDeployment, ServiceDeploymentStatus,
};
pub(crate) use shift::{Direction, Shift, Stage};
pub(crate) use task::{
    Container, ContainerStatus, Health, LaunchRequest, Place, StopCode, Task, TaskStatus, Unplaced, Verdict,
};
pub(crate) use zone::{Load, Zones};

use self::{
    account_setting::AccountSettings, agenda::Agenda, arn::Names, capacity_provider::CapacityProviders,
    cluster::Cluster, log_stream::LogStreams, task::RunTaskCalls, task_definition::Family,
};
use crate::{
    clock::Time,
    cloud_map::CloudMap,
    config::{Config, Timing},
    elb::Balancing,
    id::Random,
    switches::Switches,
};

/// Everything that this ECS knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) random: Random,
    pub(crate) timing: Timing,
    pub(crate) switches: Switches,
    pub(crate) hook_targets: HookTargets,
    pub(crate) alarms: Alarms,
    pub(crate) zones: Zones,
    pub(crate) agenda: Agenda,
    pub(crate) notices: Notices,
    /// The load balancers, with a lock of their own.
    pub(crate) balancing: Arc<Balancing>,
    pub(crate) services: BTreeMap<ServiceKey, Service>,
    pub(crate) tasks: BTreeMap<String, Task>,
    pub(crate) log_streams: LogStreams,
    pub(crate) addresses: Addresses,
    pub(crate) cloud_map: CloudMap,
    names: Names,
    clusters: BTreeMap<String, Cluster>,
    capacity_providers: CapacityProviders,
    families: BTreeMap<String, Family>,
    run_task_calls: RunTaskCalls,
    account_settings: AccountSettings,
    /// Who asks under which id of the metadata endpoint.
    pub(crate) places: BTreeMap<String, Place>,
}

impl State {
    /// An ECS in which nothing exists.
    pub(crate) fn new(
        config: Config,
        random: Random,
        addresses: Addresses,
        (cloud_map, balancing): (CloudMap, Arc<Balancing>),
        notices: Notices,
    ) -> Self {
        Self {
            random,
            agenda: Agenda::default(),
            notices,
            balancing,
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            log_streams: LogStreams::default(),
            addresses,
            cloud_map,
            names: Names::new(&config.account, &config.region),
            timing: config.timing,
            switches: config.switches,
            hook_targets: HookTargets::default(),
            alarms: Alarms::default(),
            zones: Zones::new(&config.region, config.zones),
            clusters: BTreeMap::new(),
            capacity_providers: CapacityProviders::new(),
            families: BTreeMap::new(),
            run_task_calls: RunTaskCalls::default(),
            account_settings: AccountSettings::default(),
            places: BTreeMap::new(),
        }
    }

    /// Tasks that the driver has and that have not ended, and the longest of their stop timeouts.
    pub(crate) fn tasks_at_the_driver(&self) -> (Vec<String>, Duration) {
        let at_driver = |task: &&Task| (TaskStatus::Pending..=TaskStatus::Stopping).contains(&task.status);
        let tasks = self.tasks.values().filter(at_driver);
        let longest = tasks.clone().map(|task| task.stop_timeout_seconds).max().unwrap_or_default();
        (tasks.map(|task| task.id.clone()).collect(), Duration::from_secs(longest))
    }

    /// Stops describing a STOPPED task.
    pub(crate) fn forget_task(&mut self, id: &str) {
        let Some(task) = self.tasks.remove(id) else { return };
        self.close_paths(&task);
        if let Some(cluster) = self.clusters.get_mut(&task.cluster) {
            cluster.tasks.remove(id);
        }
        if let Some(service) = task.owner.and_then(|(key, _)| self.services.get_mut(&key)) {
            service.tasks.remove(id);
        }
    }

    /// Stops describing an INACTIVE service; one that was created again under its name stays.
    pub(crate) fn forget_service(&mut self, key: &ServiceKey) {
        if self.services.get(key).is_some_and(|service| service.status == ServiceStatus::Inactive) {
            self.services.remove(key);
        }
    }

    /// Takes a task definition in `DELETE_IN_PROGRESS` away, or looks again later.
    pub(crate) fn delete_definition(&mut self, family: String, revision: u64, now: Time) {
        if self.definition_is_still_referred_to(&family, revision) {
            let alarm = Alarm::DeleteDefinition(family, revision);
            self.agenda.alarm(now.after(task_definition::DELETION_LOOKS), alarm);
        }
    }
}
