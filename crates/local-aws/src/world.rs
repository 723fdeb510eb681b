//! One account in one region: an ECS and the services beside it, apart from every other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    cloud_map::CloudMap,
    config::Config,
    driver::TaskDriver,
    ecs::{Addresses, HookAnswer, HookUrl, Notices, State},
    elb::Balancing,
    error::ApiError,
    events::Bus,
    id::Random,
    kms::Keys,
    metadata::Surroundings,
    neighbour::{Neighbour, neighbours},
    scaling::Scaling,
    secrets_manager::Secrets,
    sqs::{At, Queues, is_fifo},
    ssm::{Around, Parameters},
    throttle::Throttle,
};

/// One account in one region of a [`LocalAws`](crate::LocalAws).
///
/// Worlds share the clock, the driver, the range of addresses, faults and the record of requests, and
/// nothing else: what exists in one is not found in another.
#[derive(Debug)]
pub struct World {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) driver: Arc<dyn TaskDriver>,
    pub(crate) neighbours: Vec<Box<dyn Neighbour>>,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) cloud_map: CloudMap,
    pub(crate) balancing: Arc<Balancing>,
    pub(crate) queues: Queues,
    pub(crate) bus: Bus,
    pub(crate) scaling: Scaling,
    parameters: Mutex<Parameters>,
    secrets: Mutex<Secrets>,
    keys: Mutex<Keys>,
    state: Mutex<State>,
    common: Common,
}

/// What all worlds of a local AWS have in common, beside clock and driver.
#[derive(Debug, Clone, Default)]
pub(crate) struct Common {
    /// Where all of them are served over HTTP.
    pub(crate) url: Arc<Mutex<Option<String>>>,
    /// Tells the loop that a request changed something.
    pub(crate) changed: Arc<Notify>,
    /// Tells the local ALB that a load balancer changed something.
    pub(crate) balancers_changed: Arc<Notify>,
    /// Whether the local ALB serves.
    pub(crate) is_balanced: Arc<AtomicBool>,
}

impl World {
    /// A world in which nothing exists, in the account and the region of `config`.
    pub(crate) fn new(
        config: Config,
        random: Random,
        addresses: Addresses,
        (clock, driver): (Arc<dyn Clock>, Arc<dyn TaskDriver>),
        common: Common,
    ) -> Self {
        let cloud_map = CloudMap::new(&config);
        let bus = Bus::new(&config.account, &config.region, random.clone());
        let notices = Notices::new(bus.ear());
        let balancing = Balancing::new(&config, random.clone(), &common);
        Self {
            account: config.account.clone(),
            region: config.region.clone(),
            neighbours: neighbours(&config, &cloud_map, &balancing),
            cloud_map: cloud_map.clone(),
            bus,
            scaling: Scaling::new(&config.account, &config.region, random.clone()),
            queues: Queues::new(&config.account, &config.region, random.clone()),
            throttle: config.throttles.then(Throttle::default),
            parameters: Mutex::new(Parameters::new(&config.account, &config.region)),
            secrets: Mutex::new(Secrets::new(&config.account, &config.region, random.clone())),
            keys: Mutex::new(Keys::new(&config.account, &config.region, random.clone())),
            state: Mutex::new(State::new(
                config,
                random,
                addresses,
                (cloud_map, Arc::clone(&balancing)),
                notices,
            )),
            balancing,
            common,
            clock,
            driver,
        }
    }

    /// The account's twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region's name.
    pub fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn parameters(&self) -> MutexGuard<'_, Parameters> {
        self.parameters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        let url = self.common.url.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Surroundings { url, account: self.account.clone(), region: self.region.clone() }
    }

    /// Tells the loop that a request changed something.
    pub(crate) fn wake(&self) {
        self.common.changed.notify_one();
    }

    /// Secrets Manager's state; its lock may be taken while that of the parameters is held, and not the
    /// other way round.
    pub(crate) fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// KMS's state; its lock may be taken while that of the parameters or of the secrets is held, and not
    /// the other way round.
    pub(crate) fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a parameter of type `String`, whatever is there: for seeds and flags.
    ///
    /// # Errors
    /// Where Systems Manager would refuse the name or the value.
    pub fn put_parameter(&self, name: &str, value: &str) -> Result<(), ApiError> {
        self.parameters().seed(name, value, self.clock.now())
    }

    /// Makes a queue of that name, or keeps the one that is there; a name in `.fifo` makes a FIFO queue.
    ///
    /// # Errors
    /// Where SQS would refuse the name.
    pub fn create_queue(&self, name: &str) -> Result<(), ApiError> {
        let request = if is_fifo(name) {
            let attributes = json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
            json!({"QueueName": name, "Attributes": attributes})
        } else {
            json!({"QueueName": name})
        };
        let at = At { url: None, clock: self.clock.as_ref() };
        self.queues.answer("CreateQueue", &request, at).map(|_| ())
    }

    /// Sets the state of a CloudWatch alarm: deployments that watch it fail when it goes to ALARM.
    pub fn set_alarm(&self, name: &str, is_in_alarm: bool) {
        self.state().set_alarm(name, is_in_alarm);
        self.wake();
    }

    /// The alarms that are in ALARM.
    pub fn alarms(&self) -> Vec<String> {
        self.state().alarms.in_alarm()
    }

    /// Loses an availability zone with every task of this world in it, or has it back; says whether there is
    /// such a zone.
    pub(crate) fn set_zone(&self, zone: &str, is_lost: bool) -> bool {
        let found = self.state().set_zone(zone, is_lost, self.clock.now());
        self.wake();
        found
    }

    /// The region's zones, each with whether it is lost.
    pub fn zones(&self) -> Vec<(String, bool)> {
        self.state().zones()
    }

    /// Sets what the function behind lifecycle hooks answers: in turn, and the last answer for ever.
    ///
    /// `function` is an ARN, a function's name, or `*` for every function. Where nobody answers for a
    /// function, its hooks fail.
    pub fn answer_hooks(&self, function: &str, answers: Vec<HookAnswer>) {
        self.state().hook_targets.set(function, answers);
    }

    /// Has the function behind lifecycle hooks asked at `url`, by POST of what ECS tells a function; what it
    /// answers is what the function returns. `function` is as in [`answer_hooks`](Self::answer_hooks).
    ///
    /// Asked in real time, whatever the clock.
    pub fn ask_hooks(&self, function: &str, url: HookUrl) {
        self.state().hook_targets.set_url(function, url);
    }

    /// The hooks whose functions have not answered: `hookId`, `function`, and the `event` that ECS tells it.
    pub fn open_hooks(&self) -> Vec<Value> {
        self.state().open_hooks()
    }

    /// Answers for the function behind an open hook; says whether there was one of that id.
    pub fn resolve_hook(&self, id: &str, succeeded: bool) -> bool {
        let found = self.state().resolve_hook(id, succeeded);
        self.wake();
        found
    }
}

impl Around for World {
    fn key(&self, key: &str) -> Result<(), String> {
        self.keys().usable(key, self.clock.now())
    }

    fn secret(&self, id: &str, version: Option<&str>, stage: Option<&str>) -> Result<Value, ApiError> {
        let now = self.clock.now();
        self.secrets().value_of(id, version, stage, &|key| self.keys().usable(key, now), now)
    }
}
