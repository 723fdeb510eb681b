//! Two replicas on one store and one local ECS: whatever becomes of the one that leads, the other goes on.
//!
//! A scenario is played once undisturbed, and every call of the leader's to AWS and to its store is
//! counted at the seam (but for those of the lease itself, which the lease's own simulation harms). Then it
//! is played again for each call and each way in which the leader can fall out there. In the end
//! everything has to stand as in the undisturbed play, with not one revision or deployment more.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use coxswain_controller::{
    app::{Dependencies, LEASE_PATH, Running},
    authority::Leadership,
    aws::{Aws, AwsError, Operation},
    fence::FencedStore,
    intents::{INTENT_SCHEMA, Intent, IntentKind, Intents},
    kill_switch,
    status::StatusBoard,
};
use coxswain_plan::{ConditionType, Reason};
use coxswain_runtime::{Lease, LeaseTimes, LeaseView};
use coxswain_store::{Entry, Expect, Path, Store, StoreError, Version};
use serde_json::Value;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    stage::{Stage, holds, pass, service},
    step_sweep::{Both, Scenario, standing},
};

/// How the leader falls out at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It is killed before the call.
    KillBefore,
    /// It is killed after the call took effect.
    KillAfter,
    /// Its calls stand still for longer than the lease, this one included, and then go on. Its clock runs, so
    /// that looks of the lost term are dropped where they stand; what a look is told that is held up itself,
    /// the fence's own tests say, and a process that is stopped as a whole is one of the tests of processes.
    Pause,
    /// It does not reach the store for a while, and AWS it does.
    Partition,
}

const HARMS: [Harm; 4] = [Harm::KillBefore, Harm::KillAfter, Harm::Pause, Harm::Partition];

/// Longer than it takes the other to lead and to act.
const STANDSTILL: Duration = Duration::from_secs(30);

/// Where all calls of one replica pass.
#[derive(Debug, Default)]
struct Seam {
    calls: Mutex<Vec<String>>,
    target: Option<(usize, Harm)>,
    /// Everything waits until then.
    still_until: Mutex<Option<Instant>>,
    /// The store is out of reach until then.
    cut_until: Mutex<Option<Instant>>,
    died: Notify,
    is_dead: AtomicBool,
    writes: AtomicUsize,
}

impl Seam {
    /// Counts a call and says how the replica falls out there, if it does.
    fn choose(&self, name: String) -> Option<Harm> {
        if name.contains("v1/leases/") {
            return None;
        }
        let mut calls = self.calls.lock().unwrap();
        calls.push(name);
        let harm = self.target.filter(|(number, _)| *number == calls.len() - 1).map(|(_, harm)| harm);
        let until = Some(Instant::now() + STANDSTILL);
        match harm {
            Some(Harm::Pause) => *self.still_until.lock().unwrap() = until,
            Some(Harm::Partition) => *self.cut_until.lock().unwrap() = until,
            _ => {}
        }
        harm
    }

    /// A process that stands still makes no call, and a dead one makes none ever.
    async fn stand_still(&self) {
        let until = *self.still_until.lock().unwrap();
        if let Some(until) = until {
            sleep_until(until).await;
        }
        if self.is_dead.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }

    fn is_cut(&self) -> bool {
        self.cut_until.lock().unwrap().is_some_and(|until| Instant::now() < until)
    }

    async fn die<T>(&self) -> T {
        self.is_dead.store(true, Ordering::Relaxed);
        self.died.notify_one();
        pending().await
    }

    async fn pass<T, F: Future<Output = T>>(&self, name: String, send: impl Fn() -> F) -> T {
        let harm = self.choose(name);
        self.stand_still().await;
        match harm {
            Some(Harm::KillBefore) => self.die().await,
            Some(Harm::KillAfter) => {
                drop(send().await);
                self.die().await
            }
            Some(Harm::Pause | Harm::Partition) | None => send().await,
        }
    }
}

#[derive(Debug)]
struct SeenAws {
    inner: Arc<dyn Aws>,
    seam: Arc<Seam>,
    views: Views,
}

#[async_trait]
impl Aws for SeenAws {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        self.views.check();
        if !operation.only_reads() {
            self.seam.writes.fetch_add(1, Ordering::Relaxed);
        }
        self.seam.pass(format!("aws {operation}"), || self.inner.call(operation, input.clone())).await
    }
}

#[derive(Debug)]
struct SeenStore {
    inner: Arc<dyn Store>,
    seam: Arc<Seam>,
    views: Views,
}

impl SeenStore {
    async fn pass<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        operation: coxswain_store::Operation,
        subject: &str,
        send: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        self.views.check();
        let writes = matches!(operation, coxswain_store::Operation::Put | coxswain_store::Operation::Delete);
        let cut = || StoreError::Unavailable {
            operation,
            subject: subject.to_owned(),
            in_doubt: writes,
            source: "cut off on purpose".into(),
        };
        let send = || async { if self.seam.is_cut() { Err(cut()) } else { send().await } };
        self.seam.pass(format!("store {operation} {subject}"), send).await
    }
}

#[async_trait]
impl Store for SeenStore {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        self.pass(coxswain_store::Operation::Get, path.as_str(), || self.inner.get(path)).await
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        let put = || self.inner.put(path, bytes.clone(), expect.clone());
        self.pass(coxswain_store::Operation::Put, path.as_str(), put).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        self.pass(coxswain_store::Operation::List, prefix, || self.inner.list(prefix)).await
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        let delete = || self.inner.delete(path, expect.clone());
        self.pass(coxswain_store::Operation::Delete, path.as_str(), delete).await
    }
}

/// What every replica knows of the lease.
#[derive(Debug, Clone, Default)]
struct Views(Arc<Mutex<Vec<LeaseView>>>);

impl Views {
    fn check(&self) {
        let held = self.0.lock().unwrap().iter().filter(|view| view.is_held()).count();
        assert!(held <= 1, "two replicas hold the lease at once");
    }
}

/// A replica on the stage.
struct Replica {
    running: Running,
    leadership: Leadership,
}

fn join(stage: &Stage, name: &str, seam: &Arc<Seam>, views: &Views) -> Replica {
    let (seam, views) = (seam.clone(), views.clone());
    let aws = Arc::new(SeenAws { inner: stage.aws.clone(), seam: seam.clone(), views: views.clone() });
    let inner = Arc::new(stage.store.clone());
    let store: Arc<dyn Store> = Arc::new(SeenStore { inner, seam, views: views.clone() });
    let leadership = Leadership::default();
    let kept = Arc::new(FencedStore::of_leader(store.clone(), leadership.clone()));
    let board = StatusBoard::new(kept, Arc::default(), stage.clock.now());
    let reporter = Arc::new(Both { board, reports: stage.reports.clone() });
    let path = Path::new(LEASE_PATH).unwrap();
    let lease = Lease::new(store.clone(), path, name, LeaseTimes::DEFAULT).unwrap();
    views.0.lock().unwrap().push(lease.view());
    let part = Dependencies {
        aws,
        store,
        reporter,
        leadership: leadership.clone(),
        lease: Some(lease),
        ..stage.part()
    };
    Replica { running: stage.start_as(part), leadership }
}

/// Waits until the replica leads.
async fn leads(replica: &Replica) -> u64 {
    let mut changes = replica.leadership.changes();
    let found = tokio::time::timeout(Duration::from_mins(5), changes.wait_for(Option::is_some)).await;
    found.expect("it leads").unwrap().as_ref().map_or(0, coxswain_controller::authority::Authority::epoch)
}

/// What a play ends with.
struct Play {
    standing: Value,
    /// The first leader's calls up to the end.
    calls: Vec<String>,
    /// Sends that were withheld from the first leader.
    withheld: u64,
    /// The writes to AWS of the one that took over.
    others_writes: usize,
}

async fn play(scenario: Scenario, target: Option<(usize, Harm)>) -> Play {
    let stage = Stage::new().await;
    scenario.set(&stage).await;
    stage.reports.forget();
    let views = Views::default();
    let (first, second) = (Arc::new(Seam { target, ..Seam::default() }), Arc::new(Seam::default()));
    let one = join(&stage, "one", &first, &views);
    // It has looked at the lease before the other does, and so takes it first.
    sleep(Duration::from_millis(300)).await;
    let two = join(&stage, "two", &second, &views);
    let leadership = one.leadership.clone();
    let watched = async {
        first.died.notified().await;
        drop(one.running);
        // Nothing is left to look at.
        loop {
            sleep(Duration::from_millis(100)).await;
            views.check();
        }
    };
    let scene = async {
        scenario.end(&stage).await;
        let calls = first.calls.lock().unwrap().clone();
        // What was put off comes now, or never.
        pass(Duration::from_mins(3)).await;
        Play {
            standing: standing(&stage).await,
            calls,
            withheld: leadership.withheld(),
            others_writes: second.writes.load(Ordering::Relaxed),
        }
    };
    let ended = tokio::select! {
        ended = scene => ended,
        () = watched => unreachable!("it watches for ever"),
    };
    drop(two);
    ended
}

/// What has to be the same. Where a rollout failed and was rolled back while nobody led, the hold says so all
/// the same, but not what the tasks died of: they are looked at only as long as it goes on.
fn lasting(scenario: Scenario, mut standing: Value) -> Value {
    if scenario == Scenario::Rollback {
        let record = standing["record"].as_object_mut().unwrap();
        record.remove("last_sent");
        record["held"].as_array_mut().unwrap().truncate(2);
    }
    standing
}

async fn sweep(scenario: Scenario) {
    let wanted = play(scenario, None).await;
    assert!(!wanted.calls.is_empty(), "no call was counted");
    assert_eq!((wanted.withheld, wanted.others_writes), (0, 0), "an undisturbed leader needs nobody");
    let (mut plays, mut withheld, mut taken_over) = (0, 0, 0);
    for (number, call) in wanted.calls.iter().enumerate() {
        // A process that stood still between the fence and the send sends late: see the test below.
        let is_write = ["Register", "Create", "Update", "Tag", "Untag"]
            .iter()
            .any(|verb| call.starts_with(&format!("aws {verb}")));
        for harm in HARMS.into_iter().filter(|harm| !(is_write && *harm == Harm::Pause)) {
            let found = play(scenario, Some((number, harm))).await;
            plays += 1;
            withheld += found.withheld;
            taken_over += usize::from(found.others_writes > 0);
            let [found, wanted] =
                [found.standing, wanted.standing.clone()].map(|standing| lasting(scenario, standing));
            assert_eq!(found, wanted, "{scenario:?}: {harm:?} at call {number}, {call}");
        }
    }
    println!(
        "{scenario:?}: {} calls, {plays} plays; the other wrote in {taken_over}, {withheld} sends withheld",
        wanted.calls.len()
    );
    assert!(withheld > 0, "a leader without its store has to send nothing");
    assert!(taken_over > 0, "the other never had to write");
}

#[tokio::test(start_paused = true)]
async fn a_service_is_created_once_wherever_its_leader_falls_out() {
    sweep(Scenario::Create).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_revision_is_rolled_out_once_wherever_its_leader_falls_out() {
    sweep(Scenario::NewRevision).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_held_once_wherever_its_leader_falls_out() {
    sweep(Scenario::Rollback).await;
}

/// The one thing that nobody can keep out, for want of a conditional write in ECS: a process that was asked
/// in time, stood still, and sends then. It has to end in the same service, at the price of a revision or
/// a deployment more.
#[tokio::test(start_paused = true)]
async fn what_a_late_leader_has_sent_after_all_converges() {
    for scenario in [Scenario::Create, Scenario::NewRevision, Scenario::Rollback] {
        let wanted = play(scenario, None).await;
        let writes = ["aws RegisterTaskDefinition", "aws CreateService", "aws UpdateService"];
        let mut plays = 0;
        for (number, _) in wanted.calls.iter().enumerate().filter(|(_, call)| writes.contains(&call.as_str()))
        {
            let found = play(scenario, Some((number, Harm::Pause))).await;
            plays += 1;
            let pick = |standing: &Value, path: &str| standing.pointer(path).cloned();
            for path in [
                "/service/runningCount",
                "/service/desiredCount",
                "/service/tags",
                "/record/in_flight",
                "/record/held",
            ] {
                assert_eq!(pick(&found.standing, path), pick(&wanted.standing, path), "{scenario:?} {path}");
            }
            let count = |standing: &Value| standing["revisions"].as_u64().unwrap();
            assert!(count(&found.standing) <= count(&wanted.standing) + 1, "{scenario:?}");
        }
        assert!(plays > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_other_leads_within_fifteen_seconds_of_a_kill_and_at_once_after_a_good_end() {
    let stage = Stage::new().await;
    let (seam, views) = (Arc::new(Seam::default()), Views::default());
    let one = join(&stage, "one", &seam, &views);
    assert_eq!(leads(&one).await, 1);
    let two = join(&stage, "two", &seam, &views);
    pass(Duration::from_secs(20)).await;
    assert!(!two.running.handle().is_leading());
    let killed_at = Instant::now();
    drop(one);
    assert_eq!(leads(&two).await, 2);
    assert!(killed_at.elapsed() <= Duration::from_secs(15), "{:?}", killed_at.elapsed());

    let three = join(&stage, "three", &seam, &views);
    pass(Duration::from_secs(20)).await;
    let ended_at = Instant::now();
    two.running.stop().await.unwrap();
    assert_eq!(leads(&three).await, 3);
    assert!(ended_at.elapsed() <= Duration::from_secs(2), "{:?}", ended_at.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_of_a_follower_is_done_by_the_leader_within_seconds() {
    let stage = Stage::new().await;
    stage.script("api:broken", coxswain_local_aws::Script::exits(Duration::from_millis(500), 3));
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let (seam, views) = (Arc::new(Seam::default()), Views::default());
    let one = join(&stage, "one", &seam, &views);
    let two = join(&stage, "two", &seam, &views);
    stage.settled("api", "1.0").await;
    stage.write("api.yaml", &service("api", "api:broken", ""));
    stage.held("api").await;
    pass(Duration::from_mins(1)).await;
    stage.script("api:broken", coxswain_local_aws::Script::serves());
    let follower = if one.running.handle().is_leading() { &two } else { &one };
    assert!(!follower.running.handle().is_leading());
    let intent = Intent {
        schema: INTENT_SCHEMA,
        id: "again".to_owned(),
        kind: IntentKind::Retry,
        key: Stage::key("api"),
        reason: String::new(),
        at: stage.clock.now(),
        consumed_at: None,
    };
    let asked_at = Instant::now();
    assert!(follower.running.handle().submit(intent.clone()).await.unwrap());
    let retried = |reports: &crate::stage::Reports| {
        reports.of("api").filter(|report| report.done.contains(&"UpdateService"))
    };
    stage.reports.until("the retry is carried out", retried).await;
    assert!(asked_at.elapsed() < Duration::from_secs(10), "{:?}", asked_at.elapsed());
    stage.settled("api", "2.0").await;
    let known = Intents::new(Arc::new(stage.store.clone())).submit(intent).await.unwrap();
    assert!(!known, "it was consumed, and is known by its id");
}

#[tokio::test(start_paused = true)]
async fn the_kill_switch_stops_every_write_and_its_removal_lets_them_go_on() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let running = stage.start();
    stage.settled("api", "1.0").await;
    let path = Path::new(kill_switch::PATH).unwrap();
    let version = stage.store.put(&path, b"stop".to_vec(), Expect::Absent).await.unwrap();
    let stopped = |reports: &crate::stage::Reports| {
        reports.of("api").filter(|report| holds(report, ConditionType::Suspended))
    };
    let report = stage.reports.until("api is suspended", stopped).await;
    let plan = report.plan.unwrap();
    let said = plan.conditions.iter().find(|found| found.kind == ConditionType::Suspended).unwrap();
    assert_eq!(said.reason, Reason::KillSwitch);
    let before = stage.writes().len();
    stage.write("api.yaml", &service("api", "api:1.1", ""));
    let planned = |reports: &crate::stage::Reports| {
        let plan = reports.of("api")?.plan.filter(|plan| plan.revision == "2.0")?;
        (!plan.differences.is_empty()).then_some(())
    };
    stage.reports.until("the edit is seen and compared", planned).await;
    pass(Duration::from_mins(5)).await;
    assert_eq!(stage.writes().len(), before, "nothing is sent");
    assert_eq!(stage.record("api").await.unwrap().in_flight, None);

    stage.store.delete(&path, version).await.unwrap();
    let report = stage.settled("api", "2.0").await;
    assert!(!holds(&report, ConditionType::Suspended));
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_kill_switch_that_cannot_be_read_is_as_good_as_set() {
    let stage = Stage::new().await;
    stage.write("api.yaml", &service("api", "api:1.0", ""));
    let is_switch = |call: &coxswain_store::fault::Call| call.subject == kill_switch::PATH;
    let is_hidden = Arc::new(AtomicBool::new(true));
    let hidden = is_hidden.clone();
    let store = coxswain_store::fault::FaultStore::new(stage.store.clone()).before(move |call| {
        if is_switch(call) && hidden.load(Ordering::Relaxed) {
            coxswain_store::fault::Fault::FailBefore
        } else {
            coxswain_store::fault::Fault::None
        }
    });
    let before = stage.writes().len();
    let _running = stage.start_as(Dependencies { store: Arc::new(store), ..stage.part() });
    pass(Duration::from_mins(10)).await;
    assert_eq!(stage.writes().len(), before);
    let error = stage.reports.of("api").unwrap().error.unwrap();
    assert_eq!(error.reason(), Reason::Unavailable);
    assert!(error.message().contains("the kill switch cannot be read"), "{}", error.message());
    is_hidden.store(false, Ordering::Relaxed);
    stage.settled("api", "1.0").await;
}
