//! A controller of a few lines between the planner and a tiny ECS, and everything that can befall it.

use std::sync::LazyLock;

use coxswain_ecs_model::canonical_task_definition;
use coxswain_manifest::DriftPolicy;
use coxswain_plan::{ConditionType, Desired, Observed, Plan, Policy, Reason, Record, check, plan};
use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::{Map, Value, json};

use super::{ecs::Ecs, manifest::desired};

/// Manifests to edit between: the image's tag, more of the service, more of the spec.
pub(crate) const VARIANTS: &[(&str, &str, &str)] = &[
    ("1.1", "{}", "{}"),
    ("1.2", "{}", "{}"),
    ("crash", "{}", "{}"),
    ("1.1", "{}", r#"{"count": {"fixed": 3}}"#),
    ("1.1", r#"{"platformVersion": "1.4.0"}"#, "{}"),
    (
        "1.2",
        r#"{"enableExecuteCommand": true, "tags": [{"key": "team", "value": "web"}]}"#,
        r#"{"count": {"unmanaged": true}}"#,
    ),
    ("1.2", "{}", r#"{"drift": "report"}"#),
    ("crash", r#"{"healthCheckGracePeriodSeconds": 9}"#, r#"{"count": {"fixed": 3}, "drift": "report"}"#),
    (
        "crash",
        r#"{"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": false}}}"#,
        "{}",
    ),
    ("1.3", "{}", r#"{"suspend": true}"#),
];

static DESIRED: LazyLock<Vec<Desired>> = LazyLock::new(|| {
    let variants = VARIANTS.iter().enumerate();
    variants.map(|(index, (image, service, spec))| variant(index, image, service, spec)).collect()
});

fn variant(index: usize, image: &str, service: &str, spec: &str) -> Desired {
    let members = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
    let mut manifest = json!({
        "apiVersion": "coxswain.dev/v1",
        "kind": "Service",
        "metadata": {"name": "api"},
        "spec": {
            "taskDefinition": {
                "requiresCompatibilities": ["FARGATE"],
                "networkMode": "awsvpc",
                "cpu": "256",
                "memory": "512",
                "containerDefinitions": [{
                    "name": "api",
                    "image": format!("example.com/api:{image}"),
                    "environment": [
                        {"name": "KEY", "value": format!("secret-of-{image}")},
                        {"name": "OTHER", "value": "another-secret"},
                    ],
                }],
            },
            "service": {
                "launchType": "FARGATE",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"]}},
            },
            "count": {"fixed": 2},
        },
    });
    manifest["spec"]["service"].as_object_mut().unwrap().extend(members(service));
    manifest["spec"].as_object_mut().unwrap().extend(members(spec));
    desired("variant.json", &manifest.to_string(), &format!("{index}.0"))
}

/// What befalls.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// One look and what follows from it; the process dies at that of its moments, or the answer that it
    /// gets there is lost, which is the same to it.
    Look { dies_at: Option<u8>, is_stale: bool },
    /// The manifest becomes another.
    Edit(usize),
    /// ECS gets on.
    Tick,
    /// Somebody else scales.
    SetCount(u32),
    /// Somebody else rolls out a definition of theirs.
    ForeignDefinition { crashes: bool },
    /// Somebody else moves the service to its first revision.
    GoBack,
    /// Somebody else tags the service.
    Tag,
    /// Somebody else takes all tags off.
    TakeTags,
    /// Somebody else deletes the service.
    Delete,
    /// A person says retry.
    Retry,
}

pub(crate) struct World {
    ecs: Ecs,
    /// ECS as it was before the last change, and when that was: a stale answer shows it.
    past: Option<(Timestamp, Ecs)>,
    record: Record,
    wanted: usize,
    is_retry_asked: bool,
    now: Timestamp,
    /// Deployments that we started, and as many as there may be.
    started: usize,
    allowed: usize,
}

type Checked<T> = Result<T, TestCaseError>;

impl World {
    pub(crate) fn new(first: usize) -> Self {
        Self {
            ecs: Ecs::default(),
            past: None,
            record: Record::new(DESIRED[first].key.clone()),
            wanted: first,
            is_retry_asked: false,
            now: "2026-11-25T12:00:00Z".parse().unwrap(),
            started: 0,
            allowed: 1,
        }
    }

    pub(crate) fn act(&mut self, act: Act) -> Checked<()> {
        self.now += SignedDuration::from_secs(3);
        match act {
            Act::Look { dies_at, is_stale } => drop(self.look(dies_at, is_stale)?),
            Act::Edit(index) => {
                self.wanted = index;
                self.allowed += 1;
            }
            Act::Tick => self.ecs.tick(self.now),
            Act::Retry => {
                self.is_retry_asked = true;
                self.allowed += 1;
            }
            foreign => {
                self.past = Some((self.now, self.ecs.clone()));
                // Correcting it takes a deployment at the most.
                self.allowed += 1;
                self.foreign(&foreign);
            }
        }
        Ok(())
    }

    fn foreign(&mut self, act: &Act) {
        let nothing = Map::new();
        match act {
            Act::SetCount(count) => {
                let members = json!({"desiredCount": count});
                drop(self.ecs.update(members.as_object().unwrap(), None, self.now));
            }
            Act::ForeignDefinition { crashes } => {
                let Some(mut theirs) = self.ecs.live_definition().map(|live| live["taskDefinition"].clone())
                else {
                    return;
                };
                let tag = if *crashes { "crash" } else { "9.9" };
                theirs["containerDefinitions"][0]["image"] = json!(format!("example.com/theirs:{tag}"));
                let arn = self.ecs.register(&theirs);
                drop(self.ecs.update(&nothing, Some(&arn), self.now));
            }
            Act::GoBack => {
                if let Some(first) = self.record.revisions.first() {
                    drop(self.ecs.update(&nothing, Some(&first.arn), self.now));
                }
            }
            Act::Tag => {
                if let Some(tags) = self.ecs.tags_mut() {
                    tags.insert("cost-center".to_owned(), "42".to_owned());
                }
            }
            Act::TakeTags => {
                if let Some(tags) = self.ecs.tags_mut() {
                    tags.clear();
                }
            }
            _ => self.ecs.delete(),
        }
    }

    /// One look: observe, plan, act, remember.
    pub(crate) fn look(&mut self, dies_at: Option<u8>, is_stale: bool) -> Checked<Plan> {
        let policy = Policy { retry: self.is_retry_asked, ..Policy::default() };
        let made = self.plan(is_stale, &policy)?;
        let observed = self.observe(is_stale, &policy, false);
        let mut moments_left = dies_at;
        let mut dies = || match moments_left.as_mut() {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        if dies() {
            return Ok(made);
        }
        self.record = made.record.clone();
        for (index, planned) in made.steps.iter().enumerate() {
            self.record = self.record.before(&made, planned, &observed, self.now);
            if dies() {
                return Ok(made);
            }
            let revision = self.record.revision(&DESIRED[self.wanted].digest).map(|found| found.arn.clone());
            let before = (self.now, self.ecs.clone());
            let Ok(answer) = self.ecs.call(&planned.step, revision.as_deref(), self.now) else {
                return Ok(made);
            };
            self.started += self.ecs.started - before.1.started;
            self.past = Some(before);
            if dies() {
                return Ok(made);
            }
            let is_last = index + 1 == made.steps.len();
            self.record = self.record.after(&made, &planned.step, &answer, is_last);
            if dies() {
                return Ok(made);
            }
        }
        // An intent is done once all that follows from it is, and known to be.
        let waits = made.conditions.iter().any(|condition| condition.reason == Reason::OutcomeUnknown);
        self.is_retry_asked &= waits;
        Ok(made)
    }

    fn observe(&self, is_stale: bool, policy: &Policy, is_turned: bool) -> Observed {
        let is_recent = |at: Timestamp| self.now.duration_since(at) < policy.settle;
        match &self.past {
            Some((at, past)) if is_stale && is_recent(*at) => past.observe(self.now, is_turned),
            _ => self.ecs.observe(self.now, is_turned),
        }
    }

    /// The plan, judged, and found the same for lists in another order.
    fn plan(&self, is_stale: bool, policy: &Policy) -> Checked<Plan> {
        let wanted = &DESIRED[self.wanted];
        let observed = self.observe(is_stale, policy, false);
        let made = plan(wanted, &self.record, &observed, policy, self.now);
        let told: Vec<_> = check(&made, wanted, &self.record, &observed, policy, self.now)
            .iter()
            .map(ToString::to_string)
            .collect();
        prop_assert!(told.is_empty(), "{told:#?}\n{made}");
        let turned = self.observe(is_stale, policy, true);
        let again = plan(wanted, &self.record, &turned, policy, self.now);
        prop_assert_eq!(&made, &again, "the order of lists changed the plan");
        Ok(made)
    }

    /// Looks until nothing moves any more, and nothing that was sent can be late.
    pub(crate) fn rest(&mut self) -> Checked<Plan> {
        let mut quiet = 0;
        for _ in 0..60 {
            self.now += SignedDuration::from_secs(3);
            self.ecs.tick(self.now);
            let last = self.look(None, false)?;
            quiet = if last.steps.is_empty() && last.look_again_at.is_none() { quiet + 1 } else { 0 };
            if quiet == 5 {
                return Ok(last);
            }
        }
        Err(TestCaseError::fail(format!("it never rests: {}", self.look(None, false)?)))
    }

    pub(crate) fn is_settled(&self, last: &Plan) -> Checked<()> {
        let says = |kind| last.conditions.iter().find(|condition| condition.kind == kind).unwrap();
        let wanted = &DESIRED[self.wanted];
        let blocked = says(ConditionType::Blocked).reason;
        // A service that lost its tags before we knew it for ours is nobody's to touch.
        if blocked == Reason::NotOwned {
            return Ok(());
        }
        prop_assert!(last.record.in_flight.is_none(), "a rollout is forgotten: {last}");
        let is_excused = wanted.suspended
            || last.record.hold.is_some()
            || blocked == Reason::NotConverging
            || (wanted.drift == DriftPolicy::Report
                && says(ConditionType::Synced).reason == Reason::DriftReported);
        if is_excused {
            return Ok(());
        }
        prop_assert!(last.differences.is_empty(), "{last}");
        let observed = self.ecs.observe(self.now, false);
        let Some(live) = observed.service.active() else {
            return Err(TestCaseError::fail(format!("there is no service: {last}")));
        };
        let definition = self.ecs.live_definition().unwrap();
        prop_assert_eq!(&canonical_task_definition(&definition["taskDefinition"]), &wanted.task_definition);
        prop_assert!(wanted.desired_count().is_none_or(|count| count == live.desired_count));
        for (key, value) in &wanted.tags {
            prop_assert_eq!(live.tags.get(key), Some(value));
        }
        for (name, value) in wanted.service.as_value().as_object().unwrap() {
            if name != "deploymentConfiguration" {
                prop_assert_eq!(live.service.as_value().get(name), Some(value), "{}", name);
            }
        }
        // Nobody else sets these: what is left of them was ours once, and should have been taken back.
        let members = live.service.as_value();
        let is_default = |name: &str, default: Value| {
            let is_wanted = wanted.service.as_value().get(name).is_some();
            is_wanted || members.get(name).is_none_or(|value| *value == default)
        };
        prop_assert!(is_default("enableExecuteCommand", json!(false)), "{members}");
        prop_assert!(is_default("healthCheckGracePeriodSeconds", json!(0)), "{members}");
        prop_assert!(is_default("platformVersion", json!("LATEST")), "{members}");
        let is_left_over = live.tags.contains_key("team") && !wanted.tags.contains_key("team");
        prop_assert!(!is_left_over, "the tag team is left over");
        Ok(())
    }

    /// Deployments that we started.
    pub(crate) fn started(&self) -> usize {
        self.started
    }

    pub(crate) fn count(&self) -> u32 {
        self.ecs.observe(self.now, false).service.active().unwrap().desired_count
    }

    pub(crate) fn started_no_more_than_allowed(&self) -> Checked<()> {
        prop_assert!(self.started <= self.allowed, "{} of {} deployments", self.started, self.allowed);
        Ok(())
    }
}
