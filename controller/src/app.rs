//! The wiring: manifests in, keys into the queue, looks out of it, until the end.

use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc, time::Duration};

use coxswain_manifest::Key;
use coxswain_plan::Policy;
use coxswain_runtime::{Backoffs, Clock, Drain, Queue, Runner, Unfinished};
use coxswain_store::Store;
use jiff::SignedDuration;
use tokio::task::AbortHandle;

use crate::{
    act::Families,
    aws::Aws,
    context::Context,
    desired::DesiredState,
    feed,
    intents::Intents,
    observe::Observers,
    reconcile::reconcile,
    records::Records,
    report::Reporter,
    source::{Bundles, Expected, Source},
    sweep,
};

/// Failures of one key: from 1 s to 5 min.
const BACKOFF: coxswain_runtime::Policy =
    coxswain_runtime::Policy { base: Duration::from_secs(1), max: Duration::from_mins(5) };

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

/// What a controller works with.
#[derive(Debug)]
pub struct Dependencies {
    /// AWS; [`Limited`](crate::aws::Limited) in production.
    pub aws: Arc<dyn Aws>,
    /// The controller's memory.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The manifests.
    pub source: Box<dyn Source>,
    /// The writer of status.
    pub reporter: Arc<dyn Reporter>,
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
        let Dependencies { aws, store, clock, source, reporter } = dependencies;
        let drain = Drain::new();
        let queue = Queue::new();
        let policy = Policy {
            rollout_interval: SignedDuration::try_from(settings.rollout_interval)
                .unwrap_or(SignedDuration::MAX),
            ..Policy::default()
        };
        let cx = Arc::new(Context {
            observers: Observers::new(&aws, &clock),
            desired: DesiredState::default(),
            records: Records::new(store.clone()),
            intents: Intents::new(store.clone()),
            families: Families::default(),
            drain: drain.watch(),
            policy,
            clock: clock.clone(),
            aws: aws.clone(),
            reporter,
        });
        let expected = Expected {
            from: source.describe(),
            is_local: source.is_local(),
            environment: settings.environment.clone(),
            is_object_by_object: settings.object_by_object,
            ..Expected::default()
        };
        let bundles = Bundles::new(store, aws, clock.clone(), expected);
        let rng = fastrand::Rng::with_seed(settings.seed);
        let backoffs = Backoffs::new(BACKOFF, rng);
        let runner = Runner::new(queue.clone(), settings.concurrency, backoffs, clock);
        let looks = {
            let cx = cx.clone();
            runner.run(drain.watch(), settings.finish_within, move |key: Key| {
                let cx = cx.clone();
                async move { reconcile(&key, &cx).await }
            })
        };
        let watch = drain.watch();
        let tasks = vec![
            watch.spawn(async move { drop(looks.await) }).abort_handle(),
            watch.spawn(feed::run(source, bundles, cx.clone(), queue.clone())).abort_handle(),
            watch.spawn(sweep::run(cx.clone(), queue.clone(), settings.sweep_interval)).abort_handle(),
        ];
        Running { handle: Handle { cx, queue }, drain, tasks, settings }
    }
}

/// What the status endpoint needs of a running controller.
#[derive(Debug, Clone)]
pub struct Handle {
    cx: Arc<Context>,
    queue: Queue<Key>,
}

impl Handle {
    /// What every look has at hand.
    pub fn context(&self) -> &Arc<Context> {
        &self.cx
    }

    /// Looks at an object at once.
    pub fn look_now(&self, key: Key) {
        self.queue.add(key);
    }

    /// How many keys wait and run.
    pub fn depth(&self) -> coxswain_runtime::Depth {
        self.queue.depth()
    }

    /// Every key that the manifests ask for.
    pub fn keys(&self) -> BTreeSet<Key> {
        self.cx.desired.keys().into_iter().collect()
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

    /// Begins no new look and no new step, and waits for what is running.
    ///
    /// # Errors
    /// [`Unfinished`] where something is still running at the deadline; it is stopped then.
    pub async fn stop(self) -> Result<(), Unfinished> {
        // A second more than the looks have, so that they are the ones to give up.
        self.drain.finish(self.settings.finish_within + Duration::from_secs(1)).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
