//! The local AWS as one value: state, clock, driver and faults, and the loop that moves time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc::UnboundedReceiver};

use crate::{
    clock::Clock,
    cloud_map::CloudMap,
    config::Config,
    driver::{LogLine, TaskDriver, TaskEvent},
    ecs::{HookAnswer, HookUrl, Notices, State},
    error::ApiError,
    events::Bus,
    fault::{Call, Fault, FaultRule, Faults},
    id::Random,
    journal::Journal,
    kms::Keys,
    metadata::Surroundings,
    neighbour::{Neighbour, neighbours},
    recorder::{Recorded, Recorder},
    scaling::Scaling,
    secrets_manager::Secrets,
    sqs::{At, Queues, is_fifo},
    ssm::{Around, Parameters},
    throttle::Throttle,
};

/// A local AWS: ECS, as far as this crate does it, in one account and region.
///
/// Requests come in through [`handle`](Self::handle), over HTTP by [`server`](Self::server) or in
/// process by [`InProcess`](crate::InProcess); [`run`](Self::run) has to run beside them, since it
/// moves deployments and tasks on.
#[derive(Debug)]
pub struct LocalAws {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) driver: Arc<dyn TaskDriver>,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
    pub(crate) neighbours: Vec<Box<dyn Neighbour>>,
    pub(crate) cloud_map: CloudMap,
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) queues: Queues,
    pub(crate) bus: Bus,
    pub(crate) scaling: Scaling,
    parameters: Mutex<Parameters>,
    secrets: Mutex<Secrets>,
    keys: Mutex<Keys>,
    around: Mutex<Surroundings>,
    state: Mutex<State>,
    events: Mutex<Option<UnboundedReceiver<TaskEvent>>>,
    changed: Notify,
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
        let cloud_map = CloudMap::new(&config);
        let bus = Bus::new(&config.account, &config.region, random.clone());
        let notices = Notices::new(bus.ear());
        Self {
            faults: Faults::new(random.clone()),
            recorder: Recorder::new(config.requests_kept),
            neighbours: neighbours(&config, &cloud_map),
            cloud_map: cloud_map.clone(),
            journal: config.journal.clone(),
            throttle: config.throttles.then(Throttle::default),
            bus,
            scaling: Scaling::new(&config.account, &config.region, random.clone()),
            queues: Queues::new(&config.account, &config.region, random.clone()),
            parameters: Mutex::new(Parameters::new(&config.account, &config.region)),
            secrets: Mutex::new(Secrets::new(&config.account, &config.region, random.clone())),
            keys: Mutex::new(Keys::new(&config.account, &config.region, random.clone())),
            around: Mutex::new(Surroundings { url: None, region: config.region.clone() }),
            // Apart from the state's: ids of resources do not hang on how often one looks.
            request_ids: Mutex::new(random.clone()),
            state: Mutex::new(State::new(config, random, cloud_map, notices)),
            events: Mutex::new(Some(events)),
            changed: Notify::new(),
            clock,
            driver,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_request_id(&self) -> String {
        self.request_ids.lock().unwrap_or_else(PoisonError::into_inner).uuid()
    }

    pub(crate) fn parameters(&self) -> MutexGuard<'_, Parameters> {
        self.parameters.lock().unwrap_or_else(PoisonError::into_inner)
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

    pub(crate) fn surroundings(&self) -> Surroundings {
        self.around.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says under which URL the [`server`](Self::server) is reached. Tasks that start from now on find
    /// their metadata and credentials there; without it they have none.
    pub fn served_at(&self, url: &str) {
        let url = Some(url.trim_end_matches('/').to_owned());
        self.around.lock().unwrap_or_else(PoisonError::into_inner).url = url;
    }

    /// Tells the loop that a request changed something.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Resolves when a request has changed something since the last time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
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
        self.bus.clear_faults();
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

    /// Sets the state of a CloudWatch alarm: deployments that watch it fail when it goes to ALARM.
    pub fn set_alarm(&self, name: &str, is_in_alarm: bool) {
        self.state().set_alarm(name, is_in_alarm);
        self.wake();
    }

    /// The alarms that are in ALARM.
    pub fn alarms(&self) -> Vec<String> {
        self.state().alarms.in_alarm()
    }

    /// Loses an availability zone with every task in it, or has it back; says whether there is such a
    /// zone.
    pub fn set_zone(&self, zone: &str, is_lost: bool) -> bool {
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

    /// The last lines that a task's container wrote, oldest first.
    pub fn task_logs(&self, task_id: &str, container: &str, limit: usize) -> Vec<LogLine> {
        self.driver.logs(task_id, container, limit)
    }
}

impl Around for LocalAws {
    fn key(&self, key: &str) -> Result<(), String> {
        self.keys().usable(key, self.clock.now())
    }

    fn secret(&self, id: &str, version: Option<&str>, stage: Option<&str>) -> Result<Value, ApiError> {
        let now = self.clock.now();
        self.secrets().value_of(id, version, stage, &|key| self.keys().usable(key, now), now)
    }
}
