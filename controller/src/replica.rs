//! One replica's life: it follows, leads, and follows again.
//!
//! ```text
//!              the lease is taken; ready_at passes
//!  following ───────────────────────────────────────▶ leading: a term
//!      ▲                                                 │   │ the program ends: looks end,
//!      └─────────────────────────────────────────────────┘   │ then the lease is given back
//!          the lease is lost: looks stop where they are      ▼
//! ```
//! A replica without a lease leads from its start to its end.

use std::sync::Arc;

use coxswain_manifest::Key;
use coxswain_plan::Policy;
use coxswain_runtime::{Backoffs, Clock, Depth, DrainWatch, Drained, LeaseView, Queue, Runner, Term};
use coxswain_store::Store;
use jiff::SignedDuration;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Duration, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    act::{Families, Refusals},
    app::{OpenSource, Settings},
    authority::{Authority, Leadership},
    aws::{Aws, Limited, Limits},
    context::Context,
    desired::DesiredState,
    feed,
    fence::{Fenced, FencedStore},
    intents::Intents,
    kill_switch::{KillSwitch, Position},
    observe::Observers,
    reconcile::reconcile,
    records::Records,
    report::Reporter,
    source::{Bundles, Expected},
    sweep,
};

/// Failures of one key: from 1 s to 5 min.
const BACKOFF: coxswain_runtime::Policy =
    coxswain_runtime::Policy { base: Duration::from_secs(1), max: Duration::from_mins(5) };

/// What a term works with, for those who ask from outside.
#[derive(Debug, Clone)]
pub(crate) struct Office {
    pub(crate) cx: Arc<Context>,
    pub(crate) queue: Queue<Key>,
}

impl Office {
    pub(crate) fn depth(&self) -> Depth {
        self.queue.depth()
    }
}

/// A part in a lease, and whom to tell that nothing runs under it any more.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) view: LeaseView,
    pub(crate) is_over: CancellationToken,
    /// Tells that something may still take effect, so that the lease must grow old by itself.
    pub(crate) is_abandoned: CancellationToken,
}

/// One replica.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) settings: Settings,
    pub(crate) aws: Arc<dyn Aws>,
    pub(crate) limits: Limits,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) source: OpenSource,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) intents: Arc<Intents>,
    pub(crate) kill_switch: KillSwitch,
    pub(crate) leadership: Leadership,
    pub(crate) office: watch::Sender<Option<Office>>,
    pub(crate) drain: DrainWatch,
}

/// How a term ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The lease was lost, and everything stopped where it stood.
    Lost,
    /// The program ends, and everything has ended.
    Drained,
    /// The program ends, and something was stopped before it had ended.
    Abandoned,
}

impl Replica {
    /// Leads whenever it may, until the program ends.
    pub(crate) async fn run(self, turn: Option<Turn>) {
        let Some(Turn { mut view, is_over, is_abandoned }) = turn else {
            self.lead(None).await;
            return;
        };
        loop {
            let taken = tokio::select! {
                biased;
                () = self.drain.signalled() => None,
                taken = view.acquired() => taken,
            };
            let Some(term) = taken else { break };
            let is_ready = tokio::select! {
                biased;
                () = self.drain.signalled() => break,
                () = term.lost() => false,
                // What an earlier holder has sent is over by then.
                () = sleep_until(term.ready_at()) => true,
            };
            if !is_ready {
                continue;
            }
            match self.lead(Some(term)).await {
                End::Lost => {}
                End::Drained => break,
                End::Abandoned => {
                    is_abandoned.cancel();
                    return;
                }
            }
        }
        is_over.cancel();
    }

    async fn lead(&self, term: Option<Term>) -> End {
        self.intents.forget();
        self.reporter.begin().await;
        let authority = self.leadership.begin(term, self.kill_switch.clone());
        tracing::info!(epoch = authority.epoch(), "leading");
        let mut tasks = self.start(&authority);
        let end = tokio::select! {
            biased;
            end = finished(&mut tasks) => end,
            () = authority.lost() => End::Lost,
        };
        // Whatever still runs stops at its next await; the fence stays shut for it for ever.
        tasks.shutdown().await;
        self.office.send_replace(None);
        self.leadership.end();
        tracing::info!(epoch = authority.epoch(), ?end, "leading no more");
        end
    }

    /// Starts all that a term consists of, on caches that know nothing of an earlier one.
    fn start(&self, authority: &Authority) -> JoinSet<End> {
        let store: Arc<dyn Store> = Arc::new(FencedStore::of_term(self.store.clone(), authority.clone()));
        let fenced = Fenced::new(self.aws.clone(), authority.clone());
        let aws: Arc<dyn Aws> = Arc::new(Limited::sharing(self.limits.clone(), fenced));
        let rollout_interval = SignedDuration::try_from(self.settings.rollout_interval);
        let cx = Arc::new(Context {
            observers: Observers::new(&aws, &self.clock),
            desired: DesiredState::default(),
            records: Records::new(store.clone(), authority.clone()),
            intents: self.intents.clone(),
            refusals: Refusals::default(),
            families: Families::default(),
            policy: Policy {
                rollout_interval: rollout_interval.unwrap_or(SignedDuration::MAX),
                ..Policy::default()
            },
            drain: self.drain.clone(),
            clock: self.clock.clone(),
            aws: aws.clone(),
            reporter: self.reporter.clone(),
            authority: authority.clone(),
        });
        let queue = Queue::new();
        self.office.send_replace(Some(Office { cx: cx.clone(), queue: queue.clone() }));

        let source = self.source.open();
        let expected = Expected {
            from: source.describe(),
            is_local: source.is_local(),
            environment: self.settings.environment.clone(),
            is_object_by_object: self.settings.object_by_object,
            ..Expected::default()
        };
        let bundles = Bundles::new(store, aws, self.clock.clone(), expected);
        let mut tasks = JoinSet::new();
        tasks.spawn(done(feed::run(source, bundles, cx.clone(), queue.clone())));
        tasks.spawn(done(sweep::run(cx.clone(), queue.clone(), self.settings.sweep_interval)));
        if authority.epoch() > 0 {
            tasks.spawn(done(sweep::wishes(cx.clone(), queue.clone())));
        }
        tasks.spawn(done(obey(self.kill_switch.changes(), cx.clone(), queue.clone())));
        tasks.spawn(self.looks(cx, queue));
        tasks
    }

    fn looks(&self, cx: Arc<Context>, queue: Queue<Key>) -> impl Future<Output = End> + use<> {
        let backoffs = Backoffs::new(BACKOFF, fastrand::Rng::with_seed(self.settings.seed));
        let runner = Runner::new(queue, self.settings.concurrency, backoffs, self.clock.clone());
        let looks = runner.run(self.drain.clone(), self.settings.finish_within, move |key: Key| {
            let cx = cx.clone();
            async move { reconcile(&key, &cx).await }
        });
        async move {
            let Drained { abandoned } = looks.await;
            if abandoned.is_empty() { End::Drained } else { End::Abandoned }
        }
    }
}

async fn done(task: impl Future<Output = ()>) -> End {
    task.await;
    End::Drained
}

/// Waits until all of it has ended, or one has panicked.
async fn finished(tasks: &mut JoinSet<End>) -> End {
    let mut end = End::Drained;
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(End::Abandoned) => end = End::Abandoned,
            Ok(_) => {}
            Err(_) => {
                tracing::error!(reason = "Panicked", "a part of the controller panicked; it leads no more");
                return End::Abandoned;
            }
        }
    }
    end
}

/// Looks at every object again where the kill switch was set or removed, so that each says so.
async fn obey(mut switch: watch::Receiver<Position>, cx: Arc<Context>, queue: Queue<Key>) {
    let mut was_stopped = cx.authority.is_stopped();
    loop {
        tokio::select! {
            () = cx.drain.signalled() => return,
            changed = switch.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
        let is_stopped = cx.authority.is_stopped();
        if is_stopped != was_stopped {
            cx.desired.keys().into_iter().for_each(|key| queue.add(key));
        }
        was_stopped = is_stopped;
    }
}
