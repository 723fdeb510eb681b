//! The wiring: one replica of the controller, started and stopped as a whole.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use coxswain_manifest::Key;
use coxswain_plan::Reason;
use coxswain_runtime::{Clock, Depth, Drain, DrainWatch, Lease, LeaseReport, LeaseView, Unfinished};
use coxswain_store::Store;
use tokio::{sync::watch, task::AbortHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    authority::Leadership,
    aws::{Aws, Limits},
    intents::{Intent, Intents, SubmitError},
    kill_switch::{KillSwitch, Position},
    replica::{Office, Replica, Turn},
    report::Reporter,
    source::Source,
};

/// Where the lease of the one shard stands in the store.
pub const LEASE_PATH: &str = "v1/leases/controller.json";

/// How long giving the lease back may take, and a little.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(3);

/// How a controller runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Within which every object is looked at, whatever else happens.
    pub sweep_interval: Duration,
    /// From one look at a rollout to the next.
    pub rollout_interval: Duration,
    /// The environment that is served; without it, whichever the manifests name.
    pub environment: Option<String>,
    /// Whether manifests are taken object by object.
    pub object_by_object: bool,
    /// Looks at once. A multiple of ten, so that looks that began together fill whole calls of ten.
    pub concurrency: NonZeroUsize,
    /// How long looks that are running have to end.
    pub finish_within: Duration,
    /// Seeds the jitter of delays; two controllers should have two.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sweep_interval: Duration::from_mins(1),
            rollout_interval: Duration::from_secs(5),
            environment: None,
            object_by_object: false,
            concurrency: NonZeroUsize::MIN.saturating_add(39),
            finish_within: Duration::from_secs(20),
            seed: 0,
        }
    }
}

/// Opens the manifests anew for each term, so that the first reading of a term is a whole one.
#[derive(Clone)]
pub struct OpenSource(Arc<dyn Fn() -> Box<dyn Source> + Send + Sync>);

impl OpenSource {
    /// Opens them so.
    pub fn new(open: impl Fn() -> Box<dyn Source> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    pub(crate) fn open(&self) -> Box<dyn Source> {
        (self.0)()
    }
}

impl fmt::Debug for OpenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenSource")
    }
}

/// What a controller works with.
#[derive(Debug)]
pub struct Dependencies {
    /// AWS, without limits of its own.
    pub aws: Arc<dyn Aws>,
    /// How often AWS may be called.
    pub limits: Limits,
    /// The controller's memory.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The manifests.
    pub source: OpenSource,
    /// The writer of status.
    pub reporter: Arc<dyn Reporter>,
    /// In which term it leads, for those who were there before it.
    pub leadership: Leadership,
    /// Its part in the lease, where there are other replicas; it leads while it holds it.
    pub lease: Option<Lease>,
}

/// Begins a controller's work.
#[derive(Debug)]
pub struct Controller;

impl Controller {
    /// Starts, and returns at once.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(settings: Settings, dependencies: Dependencies) -> Running {
        let Dependencies { aws, limits, store, clock, source, reporter, leadership, lease } = dependencies;
        let drain = Drain::new();
        let watch = drain.watch();
        let kill_switch = KillSwitch::new(store.clone());
        let intents = Arc::new(Intents::new(store.clone()));
        let office = watch::Sender::new(None);
        let handle = Handle {
            office: office.clone(),
            intents: intents.clone(),
            leadership: leadership.clone(),
            kill_switch: kill_switch.clone(),
            lease: lease.as_ref().map(Lease::view),
            drain: watch.clone(),
        };
        let mut tasks = vec![watch.spawn(kill_switch.clone().run(watch.clone())).abort_handle()];
        let turn = lease.map(|lease| {
            let view = lease.view();
            let (is_over, is_abandoned) = (CancellationToken::new(), CancellationToken::new());
            let part = take_part(lease, is_over.clone(), is_abandoned.clone());
            tasks.push(watch.spawn(part).abort_handle());
            Turn { view, is_over, is_abandoned }
        });
        let replica = Replica {
            settings: settings.clone(),
            aws,
            limits,
            store,
            clock,
            source,
            reporter,
            intents,
            kill_switch,
            leadership,
            office,
            drain: watch.clone(),
        };
        tasks.push(watch.spawn(replica.run(turn)).abort_handle());
        Running { handle, drain, tasks, settings }
    }
}

/// Takes part in the lease until nothing runs under it any more, and gives it back then; where something
/// may still take effect it is left to grow old.
async fn take_part(lease: Lease, is_over: CancellationToken, is_abandoned: CancellationToken) {
    tokio::select! {
        () = lease.run(is_over.cancelled()) => {}
        () = is_abandoned.cancelled() => {}
    }
}

/// What the status endpoint needs of a running controller.
#[derive(Debug, Clone)]
pub struct Handle {
    office: watch::Sender<Option<Office>>,
    intents: Arc<Intents>,
    leadership: Leadership,
    kill_switch: KillSwitch,
    lease: Option<LeaseView>,
    drain: DrainWatch,
}

impl Handle {
    /// Tells when the program is ending.
    pub fn drain(&self) -> &DrainWatch {
        &self.drain
    }

    /// The term that this replica is in, if it leads.
    pub fn leadership(&self) -> &Leadership {
        &self.leadership
    }

    /// What is known of the kill switch.
    pub fn kill_switch(&self) -> &KillSwitch {
        &self.kill_switch
    }

    /// What is known of the lease, where there is one.
    pub fn lease(&self) -> Option<LeaseReport> {
        self.lease.as_ref().map(LeaseView::report)
    }

    /// The term that this replica leads in, 0 where it is alone; nothing where it follows.
    pub fn epoch(&self) -> Option<u64> {
        match (&self.lease, self.leadership.current()) {
            (_, Some(authority)) => Some(authority.epoch()),
            (None, None) => Some(0),
            (Some(_), None) => None,
        }
    }

    /// Whether this replica looks after the objects now.
    pub fn is_leading(&self) -> bool {
        self.office.borrow().is_some()
    }

    /// Whether nothing is to be sent, as far as is known.
    pub fn is_stopped(&self) -> bool {
        self.kill_switch.position() == Position::Set
    }

    /// Takes an intent into the store, from where the leader takes it; `false` where the same one was taken
    /// before.
    pub async fn submit(&self, intent: Intent) -> Result<bool, SubmitError> {
        self.intents.submit(intent).await
    }

    /// Looks at an object at once, where this replica leads.
    pub fn look_now(&self, key: Key) {
        if let Some(office) = &*self.office.borrow() {
            office.queue.add(key);
        }
    }

    /// How many keys wait and run; none where another replica leads.
    pub fn depth(&self) -> Depth {
        let none = Depth { due: 0, delayed: 0, in_work: 0 };
        self.office.borrow().as_ref().map_or(none, Office::depth)
    }

    /// What stands for an object now: the revision of its manifest, or why it cannot be used; nothing where
    /// another replica leads.
    pub fn stands(&self, key: &Key) -> Option<Result<String, Reason>> {
        let office = self.office.borrow();
        let stands = office.as_ref()?.cx.desired.revision(key);
        Some(stands.map(|revision| revision.to_string()).map_err(|error| error.reason()))
    }
}

/// A controller at work. Dropping it stops it where it stands, as a kill would.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    drain: Drain,
    tasks: Vec<AbortHandle>,
    settings: Settings,
}

impl Running {
    /// For the status endpoint.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Begins no new look and no new step, waits for what is running, and gives the lease back.
    ///
    /// # Errors
    /// [`Unfinished`] where something is still running at the deadline; it is stopped then.
    pub async fn stop(self) -> Result<(), Unfinished> {
        // More than the looks have, so that they are the ones to give up.
        self.drain.finish(self.settings.finish_within + GIVE_BACK_WITHIN).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
