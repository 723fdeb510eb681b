//! Every call of a scenario, killed, lost and doubled: the same end all the same.
//!
//! A scenario is played once undisturbed, and every call that the controller makes of AWS and of its
//! store is counted at the seam. Then it is played again for each call and each way in which that call
//! can go wrong. A controller that dies is followed by a new one on the same store and the same ECS. In
//! the end everything has to stand as in the undisturbed play, with not one revision or deployment more.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use coxswain_controller::{
    app::Dependencies,
    aws::{Aws, AwsError, Operation},
    intents::{INTENT_SCHEMA, Intent, IntentKind, Intents},
    report::{Report, Reporter, SourceReport},
    status::StatusBoard,
};
use coxswain_local_aws::Script;
use coxswain_store::fault::{Fault, FaultStore};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::stage::{Reports, Stage, pass, service};

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// The controller dies before it is sent.
    DieBefore,
    /// The controller dies after it took effect.
    DieAfter,
    /// It is lost on the way, and the controller cannot know.
    LoseRequest,
    /// It takes effect, and its answer is lost.
    LoseAnswer,
    /// It arrives twice, and the second answer counts.
    ///
    /// Of RegisterTaskDefinition, which takes no client token, ECS would make two revisions, and nobody
    /// could know: there the step runs twice instead.
    Twice,
}

const HARMS: [Harm; 5] = [Harm::DieBefore, Harm::DieAfter, Harm::LoseRequest, Harm::LoseAnswer, Harm::Twice];

/// Where all calls pass, to AWS and to the store, counted together.
#[derive(Debug, Default)]
struct Seam {
    calls: Mutex<Vec<String>>,
    target: Option<(usize, Harm)>,
    died: Notify,
}

impl Seam {
    fn choose(&self, name: String) -> Option<Harm> {
        let mut calls = self.calls.lock().unwrap();
        calls.push(name);
        self.target.filter(|(number, _)| *number == calls.len() - 1).map(|(_, harm)| harm)
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    async fn die<T>(&self) -> T {
        self.died.notify_one();
        pending().await
    }
}

#[derive(Debug)]
struct SweptAws {
    inner: Arc<dyn Aws>,
    seam: Arc<Seam>,
}

#[async_trait]
impl Aws for SweptAws {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        let send = || self.inner.call(operation, input.clone());
        let lost = || Err(AwsError::unanswered(operation, true, "lost on purpose"));
        match self.seam.choose(format!("aws {operation}")) {
            None => send().await,
            Some(Harm::DieBefore) => self.seam.die().await,
            Some(Harm::DieAfter) => {
                drop(send().await);
                self.seam.die().await
            }
            Some(Harm::LoseRequest) => lost(),
            Some(Harm::Twice) if operation == Operation::RegisterTaskDefinition => {
                drop(send().await);
                lost()
            }
            Some(Harm::LoseAnswer) => {
                drop(send().await);
                lost()
            }
            Some(Harm::Twice) => {
                drop(send().await);
                send().await
            }
        }
    }
}

fn swept_store(stage: &Stage, seam: &Arc<Seam>) -> FaultStore<coxswain_store::MemoryStore> {
    let (before, after) = (seam.clone(), seam.clone());
    FaultStore::new(stage.store.clone())
        .before(move |call| match before.choose(format!("store {} {}", call.operation, call.subject)) {
            None => Fault::None,
            Some(Harm::DieBefore) => Fault::DieBefore,
            Some(Harm::DieAfter) => Fault::DieAfter,
            Some(Harm::LoseRequest) => Fault::FailBefore,
            Some(Harm::LoseAnswer) => Fault::FailAfter,
            Some(Harm::Twice) => Fault::Twice,
        })
        .after(move |_, fault| {
            if matches!(fault, Fault::DieBefore | Fault::DieAfter) {
                after.died.notify_one();
            }
        })
}

/// The status as it is kept, whose writes are swept too, and the reports for the scenario to follow.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) board: StatusBoard,
    pub(crate) reports: Arc<Reports>,
}

#[async_trait]
impl Reporter for Both {
    async fn begin(&self) {
        self.board.begin().await;
    }

    async fn object(&self, report: Report) {
        self.board.object(report.clone()).await;
        self.reports.object(report).await;
    }

    async fn source(&self, report: SourceReport) {
        self.board.source(report.clone()).await;
        self.reports.source(report).await;
    }
}

/// What a person does, and what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Create,
    NewRevision,
    Rollback,
    Drift,
    Retry,
}

impl Scenario {
    /// What stands before the controller under test begins.
    pub(crate) async fn set(self, stage: &Stage) {
        stage.script("api:broken", Script::exits(Duration::from_millis(500), 3));
        stage.write("api.yaml", &service("api", "api:1.0", ""));
        if self == Self::Create {
            return;
        }
        let running = stage.start();
        stage.settled("api", "1.0").await;
        running.stop().await.unwrap();
        match self {
            Self::Create => {}
            Self::NewRevision => stage.write("api.yaml", &service("api", "api:1.1", "")),
            Self::Rollback => stage.write("api.yaml", &service("api", "api:broken", "")),
            Self::Retry => {
                stage.write("api.yaml", &service("api", "api:broken", ""));
                let running = stage.start();
                stage.held("api").await;
                pass(Duration::from_mins(1)).await;
                running.stop().await.unwrap();
                stage.script("api:broken", Script::serves());
                let intent = Intent {
                    schema: INTENT_SCHEMA,
                    id: "again".to_owned(),
                    kind: IntentKind::Retry,
                    key: Stage::key("api"),
                    reason: String::new(),
                    at: stage.clock.now(),
                    consumed_at: None,
                };
                assert!(Intents::new(Arc::new(stage.store.clone())).submit(intent).await.unwrap());
            }
            Self::Drift => {
                let foreign = json!({
                    "family": "other", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
                    "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "app", "image": "other:1"}],
                });
                stage.ecs("RegisterTaskDefinition", foreign).await;
                let moved = json!({
                    "cluster": "dev", "service": "api", "taskDefinition": "other:1", "desiredCount": 3,
                });
                stage.ecs("UpdateService", moved).await;
                let arn = stage.live("api").await["serviceArn"].clone();
                stage.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]})).await;
                pass(Duration::from_mins(1)).await;
            }
        }
    }

    pub(crate) async fn end(self, stage: &Stage) {
        match self {
            Self::Create | Self::Drift => drop(stage.settled("api", "1.0").await),
            Self::NewRevision | Self::Retry => drop(stage.settled("api", "2.0").await),
            Self::Rollback => drop(stage.held("api").await),
        }
    }
}

/// All that has to be the same, whatever went wrong on the way.
pub(crate) async fn standing(stage: &Stage) -> Value {
    let live = stage.live("api").await;
    let mut tags: Vec<String> = live["tags"].as_array().unwrap().iter().map(ToString::to_string).collect();
    tags.sort();
    let revision = |arn: &Value| arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let deployments = live["deployments"].as_array().unwrap();
    let record = stage.record("api").await.unwrap();
    let board = StatusBoard::new(Arc::new(stage.store.clone()), Arc::default(), stage.clock.now());
    let history = board.history(&Stage::key("api")).await;
    json!({
        "history": history.iter().map(|entry| (&entry.revision, entry.reason)).collect::<Vec<_>>(),
        "revisions": stage.revisions("api").await,
        "rollouts": stage.rollouts("api").await,
        "service": {
            "taskDefinition": revision(&live["taskDefinition"]),
            "desiredCount": live["desiredCount"],
            "runningCount": live["runningCount"],
            "configuration": live["deploymentConfiguration"],
            "tags": tags,
            "deployments": deployments.iter().map(|one| one["rolloutState"].clone()).collect::<Vec<_>>(),
        },
        "record": {
            "last_sent": record.last_sent,
            "sending": record.sending,
            "in_flight": record.in_flight,
            "good": record.last_good.map(|good| good.task_definition_arn),
            "revisions": record.revisions,
            "held": record.hold.map(|hold| (hold.rollout, hold.reason, hold.cause.map(|cause| cause.exit_code))),
        },
    })
}

/// Plays a scenario to its end, and returns what stands then and the calls up to the end.
async fn play(scenario: Scenario, target: Option<(usize, Harm)>) -> (Value, Vec<String>) {
    let stage = Stage::new().await;
    scenario.set(&stage).await;
    stage.reports.forget();
    let seam = Arc::new(Seam { target, ..Seam::default() });
    let supervised = async {
        loop {
            let aws = Arc::new(SweptAws { inner: stage.aws.clone(), seam: seam.clone() });
            let store = Arc::new(swept_store(&stage, &seam));
            let board = StatusBoard::new(store.clone(), Arc::default(), stage.clock.now());
            let reporter = Both { board, reports: stage.reports.clone() };
            let reporter = Arc::new(reporter);
            let running = stage.start_as(Dependencies { aws, store, reporter, ..stage.part() });
            seam.died.notified().await;
            drop(running);
        }
    };
    let scene = async {
        scenario.end(&stage).await;
        let calls = seam.calls();
        // What was put off comes now, or never.
        pass(Duration::from_mins(3)).await;
        (standing(&stage).await, calls)
    };
    tokio::select! {
        ended = scene => ended,
        () = supervised => unreachable!("the supervisor never ends by itself"),
    }
}

async fn sweep(scenario: Scenario) {
    let (wanted, calls) = play(scenario, None).await;
    assert!(!calls.is_empty(), "no call was counted");
    let mut plays = 0;
    for (number, call) in calls.iter().enumerate() {
        for harm in HARMS {
            let (found, _) = play(scenario, Some((number, harm))).await;
            plays += 1;
            assert_eq!(found, wanted, "{scenario:?}: {harm:?} at call {number}, {call}; of {calls:#?}");
        }
    }
    println!("{scenario:?}: {} calls, {plays} plays", calls.len());
    assert_eq!(plays, calls.len() * HARMS.len());
}

#[tokio::test(start_paused = true)]
async fn creating_a_service_ends_the_same_whatever_goes_wrong_with_any_call() {
    sweep(Scenario::Create).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_revision_ends_the_same_whatever_goes_wrong_with_any_call() {
    sweep(Scenario::NewRevision).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_ends_the_same_whatever_goes_wrong_with_any_call() {
    sweep(Scenario::Rollback).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_made_exactly_once_whatever_goes_wrong_with_any_call() {
    sweep(Scenario::Retry).await;
}

#[tokio::test(start_paused = true)]
async fn correcting_drift_ends_the_same_whatever_goes_wrong_with_any_call() {
    sweep(Scenario::Drift).await;
}
