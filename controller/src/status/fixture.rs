//! Reports as a controller makes them, for tests.

use std::sync::Arc;

use coxswain_ecs_model::{Effect, FieldDifference, Owner, canonical_service};
use coxswain_manifest::Key;
use coxswain_plan::{
    Cause, Condition, ConditionType, Deployment, Event, Hold, Identity, Live, LiveService,
    LiveTaskDefinition, Observed, Plan, PlannedStep, Reason, Record, RolloutEnd, Sent, Step,
};
use jiff::Timestamp;
use serde_json::json;

use crate::report::Report;

pub(crate) const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/dev/0123456789abcdef0123456789abcdef";
pub(crate) const REVISION_2: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:2";

pub(crate) fn key() -> Key {
    Key::service("dev", "api")
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn digest(digit: char) -> String {
    format!("v1:sha256:{}", digit.to_string().repeat(64))
}

fn condition(kind: ConditionType, status: bool, reason: Reason, message: &str) -> Condition {
    Condition { kind, status, reason, message: message.to_owned() }
}

/// A look at a service that is as the manifest says.
pub(crate) fn in_sync(second: i64) -> Report {
    let now = at(second);
    let plan = Plan {
        key: key(),
        revision: "1.0".to_owned(),
        steps: Vec::new(),
        differences: Vec::new(),
        conditions: vec![
            condition(ConditionType::Synced, true, Reason::InSync, "every field of the manifest is live"),
            condition(ConditionType::Ready, true, Reason::TasksRunning, "2 of 2 tasks running"),
            condition(
                ConditionType::Progressing,
                false,
                Reason::RolloutCompleted,
                "deployment ecs-svc/1: done",
            ),
            condition(ConditionType::Held, false, Reason::InSync, "nothing is held"),
            condition(ConditionType::Suspended, false, Reason::InSync, "not suspended"),
        ],
        events: Vec::new(),
        record: Record::new(key()),
        sends: Sent {
            task_definition: digest('a').parse().unwrap(),
            rollout: digest('b').parse().unwrap(),
            service: canonical_service(&json!({})),
            desired_count: Some(2),
            tags: std::collections::BTreeMap::new(),
        },
        look_again_at: None,
    };
    let mut report = Report::begin(&key(), now);
    report.observed = Some(Arc::new(Observed {
        seen_at: now,
        service: Live::Active(Box::new(live(now))),
        service_deployments: None,
        cause: None,
    }));
    report.plan = Some(Arc::new(plan));
    report
}

fn live(now: Timestamp) -> LiveService {
    LiveService {
        identity: Identity {
            arn: "arn:aws:ecs:eu-west-1:123456789012:service/dev/api".to_owned(),
            created_at: now,
        },
        desired_count: 2,
        running_count: 2,
        pending_count: 0,
        service: canonical_service(&json!({})),
        tags: std::collections::BTreeMap::new(),
        task_definition: LiveTaskDefinition {
            arn: REVISION_2.to_owned(),
            definition: None,
            digest_tag: None,
        },
        deployments: vec![Deployment {
            id: "ecs-svc/1".to_owned(),
            status: "PRIMARY".to_owned(),
            task_definition_arn: REVISION_2.to_owned(),
            rollout_state: Some("COMPLETED".to_owned()),
            rollout_state_reason: None,
            desired_count: 2,
            running_count: 2,
            pending_count: 0,
            failed_tasks: 0,
            created_at: now,
        }],
    }
}

/// A look that finds drift of the count and corrects it.
pub(crate) fn drifted(second: i64) -> Report {
    let mut report = in_sync(second);
    let difference = |path: &str, desired, live, effect| FieldDifference {
        path: path.to_owned(),
        desired: Some(desired),
        live: Some(live),
        owner: Owner::Manifest,
        effect,
        sensitive: false,
    };
    let differences = vec![
        difference("desiredCount", json!(2), json!(5), Effect::InPlace),
        difference(
            "containerDefinitions[api].environment[TOKEN]",
            json!("hunter2"),
            json!("letmein"),
            Effect::NewRevision,
        ),
    ];
    let plan = Arc::make_mut(report.plan.as_mut().unwrap());
    plan.conditions[0] =
        condition(ConditionType::Synced, false, Reason::Drifted, "desiredCount and 1 more differ");
    plan.steps = vec![PlannedStep {
        step: Step::UpdateService {
            cluster: "dev".to_owned(),
            service: "api".to_owned(),
            members: serde_json::Map::new(),
            task_definition: None,
            rollout: None,
        },
        reason: Reason::Drifted,
        because: "somebody else changed desiredCount".to_owned(),
        differences: differences.clone(),
    }];
    plan.differences = differences;
    report.done = vec!["UpdateService"];
    report
}

/// A look that learns of a rollout's failure.
pub(crate) fn failed(second: i64) -> Report {
    let mut report = in_sync(second);
    let cause = Cause {
        task_arn: TASK.to_owned(),
        stop_code: Some("EssentialContainerExited".to_owned()),
        stopped_reason: Some("Essential container in task exited".to_owned()),
        container: Some("api".to_owned()),
        exit_code: Some(2),
        container_reason: None,
    };
    let plan = Arc::make_mut(report.plan.as_mut().unwrap());
    plan.record.hold = Some(Hold {
        rollout: digest('b').parse().unwrap(),
        reason: Reason::CircuitBreakerRolledBack,
        message: "the circuit breaker rolled ecs-svc/2 back".to_owned(),
        deployment_id: Some("ecs-svc/2".to_owned()),
        cause: Some(cause.clone()),
        since: at(second),
    });
    plan.conditions[3] = condition(
        ConditionType::Held,
        true,
        Reason::CircuitBreakerRolledBack,
        "the circuit breaker rolled ecs-svc/2 back",
    );
    plan.events = vec![Event {
        at: at(second),
        reason: Reason::CircuitBreakerRolledBack,
        message: "the circuit breaker rolled ecs-svc/2 back".to_owned(),
        rollout: Some(RolloutEnd {
            rollout: digest('b'),
            task_definition_arn: REVISION_2.to_owned(),
            deployment_id: Some("ecs-svc/2".to_owned()),
            started_at: at(second - 60),
            succeeded: false,
            revision: "2.0".to_owned(),
            cause: Some(cause),
        }),
    }];
    report
}

/// A reading of the manifests that names one service.
pub(crate) fn source(second: i64) -> crate::report::SourceReport {
    crate::report::SourceReport {
        at: at(second),
        from: "manifests/example".to_owned(),
        is_ready: true,
        reason: Reason::SourceRead,
        message: "the manifests are valid".to_owned(),
        diagnostics: Vec::new(),
        seen: None,
        refused: None,
        accepted: Some(crate::report::Accepted {
            revision: "1.0".to_owned(),
            digest: coxswain_manifest::load(Vec::new()).bundle_digest().clone(),
            sequence: 1,
            changed: Vec::new(),
            origin: None,
            verification: None,
        }),
        objects: vec![key()],
    }
}
