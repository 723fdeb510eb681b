//! The local AWS as one value: its worlds, and what they share.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    alb::Sockets,
    clock::Clock,
    config::Config,
    driver::{LogLine, TaskDriver, TaskEvent},
    ecs::{Addresses, HookAnswer, HookUrl},
    elb::{CertificateError, CheckOutcome},
    error::ApiError,
    events::EventFaultRule,
    fault::{Call, Fault, FaultRule, Faults},
    id::Random,
    journal::Journal,
    recorder::{Recorded, Recorder},
    world::{Common, World},
};

/// How many worlds there are at most: each region of AWS in a good many accounts.
const MOST_WORLDS: usize = 1_000;

/// A local AWS: ECS, as far as this crate does it, and the services beside it.
///
/// Requests come in through [`handle`](Self::handle), over HTTP by [`server`](Self::server) or in
/// process by [`InProcess`](crate::InProcess); [`run`](Self::run) has to run beside them, since it
/// moves deployments and tasks on.
///
/// A request goes to the [`World`] of its caller's account and its region, which is made when it is first
/// asked for. Those methods here that speak of one account and region mean the home of the [`Config`].
#[derive(Debug)]
pub struct LocalAws {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) driver: Arc<dyn TaskDriver>,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
    pub(crate) sockets: Sockets,
    pub(crate) journal: Option<Arc<Journal>>,
    /// Where a request goes that names neither account nor region.
    pub(crate) home: Arc<World>,
    /// The others, by account and region.
    others: RwLock<BTreeMap<(String, String), Arc<World>>>,
    pub(crate) config: Config,
    random: Random,
    addresses: Addresses,
    pub(crate) common: Common,
    events: Mutex<Option<UnboundedReceiver<TaskEvent>>>,
    request_ids: Mutex<Random>,
}

impl LocalAws {
    /// A local AWS in which nothing exists yet.
    ///
    /// `events` is the other end of the sender that `driver` was made with.
    pub fn new(
        config: Config,
        clock: Arc<dyn Clock>,
        driver: Arc<dyn TaskDriver>,
        events: UnboundedReceiver<TaskEvent>,
    ) -> Self {
        let random = config.seed.map_or_else(Random::unseeded, Random::seeded);
        let mut home_random = random.clone();
        let addresses = Addresses::new(&mut home_random);
        let common = Common::default();
        let shared = (Arc::clone(&clock), Arc::clone(&driver));
        let home = World::new(config.clone(), home_random, addresses.clone(), shared, common.clone());
        Self {
            faults: Faults::new(random.clone()),
            sockets: Sockets::default(),
            recorder: Recorder::new(config.requests_kept),
            journal: config.journal.clone(),
            home: Arc::new(home),
            others: RwLock::default(),
            // Apart from the state's: ids of resources do not hang on how often one looks.
            request_ids: Mutex::new(random.clone()),
            random,
            addresses,
            common,
            config,
            events: Mutex::new(Some(events)),
            clock,
            driver,
        }
    }

    /// The world of an account and a region; made here where nobody asked for it before.
    ///
    /// # Errors
    /// Where there are as many as there can be.
    pub fn world(&self, account: &str, region: &str) -> Result<Arc<World>, ApiError> {
        if (account, region) == (self.config.account.as_str(), self.config.region.as_str()) {
            return Ok(Arc::clone(&self.home));
        }
        let place = (account.to_owned(), region.to_owned());
        if let Some(world) = self.others.read().unwrap_or_else(PoisonError::into_inner).get(&place) {
            return Ok(Arc::clone(world));
        }
        let lost = self.lost_zones(region);
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        if others.len() >= MOST_WORLDS && !others.contains_key(&place) {
            let text = format!("This local AWS has {MOST_WORLDS} accounts and regions, and no room for more");
            return Err(ApiError::new("LimitExceededException", text));
        }
        let world = others.entry(place).or_insert_with(|| Arc::new(self.make_world(account, region, &lost)));
        Ok(Arc::clone(world))
    }

    fn make_world(&self, account: &str, region: &str, lost: &[String]) -> World {
        let config = Config { account: account.to_owned(), region: region.to_owned(), ..self.config.clone() };
        // Ids of its own, and the same ones from run to run whichever world is asked for first.
        let random = self.random.fork(&Sha256::digest(format!("{account}/{region}")));
        let shared = (Arc::clone(&self.clock), Arc::clone(&self.driver));
        let world = World::new(config, random, self.addresses.clone(), shared, self.common.clone());
        for zone in lost {
            world.set_zone(zone, true);
        }
        for rule in self.home.bus.faults() {
            world.bus.add_fault(rule);
        }
        world
    }

    /// A region's zones that are lost: for every account alike.
    fn lost_zones(&self, region: &str) -> Vec<String> {
        let worlds = self.worlds();
        let zones = worlds.iter().find(|world| world.region == region).map(|world| world.zones());
        zones.into_iter().flatten().filter(|(_, is_lost)| *is_lost).map(|(zone, _)| zone).collect()
    }

    /// Every world that there is, the home first.
    pub fn worlds(&self) -> Vec<Arc<World>> {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(&self.home).chain(others.values()).cloned().collect()
    }

    pub(crate) fn next_request_id(&self) -> String {
        self.request_ids.lock().unwrap_or_else(PoisonError::into_inner).uuid()
    }

    /// Sets a parameter of type `String`, whatever is there: for seeds and flags.
    ///
    /// # Errors
    /// Where Systems Manager would refuse the name or the value.
    pub fn put_parameter(&self, name: &str, value: &str) -> Result<(), ApiError> {
        self.home.put_parameter(name, value)
    }

    /// [`World::create_queue`] at home.
    ///
    /// # Errors
    /// Where SQS would refuse the name.
    pub fn create_queue(&self, name: &str) -> Result<(), ApiError> {
        self.home.create_queue(name)
    }

    /// [`World::send_events_to`] at home.
    ///
    /// # Errors
    /// Where SQS would refuse the name, or EventBridge the rule.
    pub fn send_events_to(&self, queue: &str) -> Result<(), ApiError> {
        self.home.send_events_to(queue)
    }

    /// Adds a fault of events, in every world; the first rule that hits an event wins.
    pub fn add_event_fault(&self, rule: &EventFaultRule) {
        for world in self.worlds() {
            world.bus.add_fault(rule.clone());
        }
    }

    /// [`World::set_metric`] at home.
    pub fn set_metric(&self, resource_id: &str, metric: &str, value: Option<f64>) {
        self.home.set_metric(resource_id, metric, value);
    }

    /// [`World::metrics`] at home.
    pub fn metrics(&self) -> Vec<(String, String, f64)> {
        self.home.metrics()
    }

    /// [`World::set_scaling_alarm`] at home.
    pub fn set_scaling_alarm(&self, name: &str, policy: &str, breach: Option<f64>) -> bool {
        self.home.set_scaling_alarm(name, policy, breach)
    }

    /// Says under which URL the [`server`](Self::server) is reached. Tasks that start from now on find
    /// their metadata and credentials there; without it they have none.
    pub fn served_at(&self, url: &str) {
        let url = Some(url.trim_end_matches('/').to_owned());
        *self.common.url.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    /// Resolves when a request has changed something since the last time.
    pub(crate) async fn changed(&self) {
        self.common.changed.notified().await;
    }

    /// The driver's reports; `None` from the second time on.
    pub(crate) fn take_events(&self) -> Option<UnboundedReceiver<TaskEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Adds a fault; the first rule that hits a request wins.
    pub fn add_fault(&self, rule: FaultRule) {
        self.faults.add(rule);
    }

    /// Removes every fault, of requests and of events, and the hook.
    pub fn clear_faults(&self) {
        self.faults.clear();
        for world in self.worlds() {
            world.bus.clear_faults();
        }
    }

    /// Asks `hook` for the fault of every request from now on, before the rules.
    ///
    /// The hook runs while the request waits and must not call back into this value.
    pub fn on_request(&self, hook: impl Fn(&Call<'_>) -> Fault + Send + Sync + 'static) {
        self.faults.set_hook(Box::new(hook));
    }

    /// The requests that came in, oldest first, as far as they are kept.
    pub fn requests(&self) -> Vec<Recorded> {
        self.recorder.entries()
    }

    /// Forgets the requests that came in.
    pub fn clear_requests(&self) {
        self.recorder.clear();
    }

    /// [`World::set_alarm`] at home.
    pub fn set_alarm(&self, name: &str, is_in_alarm: bool) {
        self.home.set_alarm(name, is_in_alarm);
    }

    /// [`World::alarms`] at home.
    pub fn alarms(&self) -> Vec<String> {
        self.home.alarms()
    }

    /// Loses an availability zone with every task in it, whichever account they are of, or has it back; says
    /// whether there is such a zone.
    pub fn set_zone(&self, zone: &str, is_lost: bool) -> bool {
        // Every one, not only the first that has it.
        let found = self.worlds().iter().filter(|world| world.set_zone(zone, is_lost)).count();
        found > 0
    }

    /// [`World::zones`] at home.
    pub fn zones(&self) -> Vec<(String, bool)> {
        self.home.zones()
    }

    /// [`World::answer_hooks`] at home.
    pub fn answer_hooks(&self, function: &str, answers: Vec<HookAnswer>) {
        self.home.answer_hooks(function, answers);
    }

    /// [`World::ask_hooks`] at home.
    pub fn ask_hooks(&self, function: &str, url: HookUrl) {
        self.home.ask_hooks(function, url);
    }

    /// [`World::open_hooks`] at home.
    pub fn open_hooks(&self) -> Vec<Value> {
        self.home.open_hooks()
    }

    /// [`World::resolve_hook`] at home.
    pub fn resolve_hook(&self, id: &str, succeeded: bool) -> bool {
        self.home.resolve_hook(id, succeeded)
    }

    /// Has a server certificate at home, as ACM would, in the place of one of that ARN.
    ///
    /// # Errors
    /// What is wrong with chain or key, both in PEM form.
    pub fn put_certificate(&self, arn: &str, chain: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        self.home.balancing.put_certificate(arn, chain, key)
    }

    /// Has a folder be a bucket of S3, from which trust stores at home are read.
    pub fn put_bucket(&self, bucket: &str, folder: impl Into<PathBuf>) {
        self.home.balancing.put_folder(bucket, folder.into());
    }

    /// Has an object in a bucket of S3, for trust stores at home, before one in a folder.
    pub fn put_object(&self, bucket: &str, key: &str, content: &[u8]) {
        self.home.balancing.put_object(bucket, key, content);
    }

    /// Says how the targets of an address are, for scripts: while [`balance`](Self::balance) does not run,
    /// nobody else does.
    pub fn set_target_health(&self, address: IpAddr, is_healthy: bool) {
        let outcome = if is_healthy { CheckOutcome::Good } else { CheckOutcome::Failed };
        for world in self.worlds() {
            world.balancing.set_health(address, outcome);
        }
    }

    /// The last lines that a task's container wrote, oldest first.
    pub fn task_logs(&self, task_id: &str, container: &str, limit: usize) -> Vec<LogLine> {
        self.driver.logs(task_id, container, limit)
    }
}
