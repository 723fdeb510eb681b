//! Bad plans by name: each is a good plan of a transcript, spoilt in one way, and is told by that one rule.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a case that cannot be read fails the test, which is what it should do"
)]

mod shared {
    pub(crate) mod case;
    pub(crate) mod manifest;
}

use std::collections::BTreeSet;

use coxswain_ecs_model::{Effect, FieldDifference, Owner};
use coxswain_manifest::DriftPolicy;
use coxswain_plan::{
    Condition, ConditionType, Desired, Event, Hold, Plan, PlannedStep, Reason, Rollout, RolloutEnd, Rule,
    Step,
};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use shared::{
    case::{Case, now},
    manifest::cases,
};

/// A bad plan: its name, the transcript that it starts from, the rule that tells it, and what is spoilt.
type Bad = (&'static str, &'static str, Rule, fn(&mut Case, &mut Plan));

const BAD: &[&[Bad]] = &[WRITES, ORDERS, REQUESTS, UPDATES, TAGS, DIFFERENCES, SECRETS, MEMORIES, STATUSES];

#[test]
fn each_bad_plan_is_told_by_its_rule_and_no_other() {
    let mut wrong = Vec::new();
    for (name, from, rule, spoil) in BAD.iter().copied().flatten() {
        let mut case = Case::read(&cases().join(from));
        let mut plan = case.plan();
        assert!(case.check(&plan).is_empty(), "{name}: {from} is no good plan");
        spoil(&mut case, &mut plan);
        let told = case.check(&plan);
        let rules: BTreeSet<_> = told.iter().map(|breach| breach.rule).collect();
        if rules != BTreeSet::from([*rule]) {
            let told: Vec<_> = told.iter().map(ToString::to_string).collect();
            wrong.push(format!("{name}: expected {rule:?}, told: {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_bad_plan_that_it_tells() {
    let told: BTreeSet<_> = BAD.iter().copied().flatten().map(|(_, _, rule, _)| *rule).collect();
    let untold: Vec<_> = Rule::ALL.iter().filter(|rule| !told.contains(rule)).collect();
    assert!(untold.is_empty(), "no bad plan shows {untold:?}");
}

#[test]
fn a_breach_does_not_spread_the_secret_that_it_tells_of() {
    let case = Case::read(&cases().join("secrets-are-masked"));
    let mut plan = case.plan();
    plan.steps[1].because = format!("because of {PASSWORD}");
    let told: Vec<_> = case.check(&plan).iter().map(ToString::to_string).collect();
    assert!(!told.is_empty());
    assert!(!told.join("\n").contains(PASSWORD), "{told:#?}");
}

const WRITES: &[Bad] = &[
    ("writes while suspended", "new-image", Rule::WriteWhileSuspended, |case, plan| {
        case.desired.suspended = true;
        condition(plan, ConditionType::Suspended).status = true;
    }),
    ("writes under the kill switch", "new-image", Rule::WriteWhileSuspended, |case, plan| {
        case.policy.stopped = true;
        condition(plan, ConditionType::Suspended).status = true;
    }),
    ("writes to a foreign service", "drift-of-the-count", Rule::WriteToForeignService, |case, plan| {
        case.record.identity = None;
        plan.record.identity = None;
        let coxswain_plan::Live::Active(live) = &mut case.observed.service else { panic!("no service") };
        live.tags.clear();
        block(plan, Reason::NotOwned);
    }),
    ("creates while the old one drains", "draining-waits", Rule::WriteWhileDraining, |case, plan| {
        plan.steps = vec![register_step(&case.desired), create_step(&case.desired)];
    }),
    ("sends again while the outcome is unknown", "new-image", Rule::WriteWhileInDoubt, |case, plan| {
        let lost = Rollout {
            rollout: case.record.last_sent.as_ref().unwrap().rollout.clone(),
            sent_at: now() - SignedDuration::from_secs(2),
            ..rollout(case)
        };
        fly(case, plan, lost);
        block(plan, Reason::OutcomeUnknown);
    }),
    ("writes although it says blocked", "new-image", Rule::WriteWhileBlocked, |_, plan| {
        block(plan, Reason::Denied);
    }),
    ("rolls out what is held", "new-image", Rule::RolloutWhileHeld, |case, plan| {
        plan.record.hold = Some(Hold {
            rollout: case.desired.rollout.clone(),
            reason: Reason::RolloutFailed,
            message: "it failed".to_owned(),
            deployment_id: None,
            cause: None,
            since: now(),
        });
        let held = condition(plan, ConditionType::Held);
        (held.status, held.reason) = (true, Reason::RolloutFailed);
    }),
    ("rolls out twice", "new-image", Rule::RolloutTwice, |case, plan| {
        let known = Rollout { deployment_id: Some("ecs-svc/1002".to_owned()), ..rollout(case) };
        fly(case, plan, known);
    }),
    ("corrects on a stale answer", "drift-of-the-count", Rule::CorrectionOnStaleAnswer, |case, _| {
        case.record.sent_at = Some(now() - SignedDuration::from_secs(1));
    }),
    ("corrects against the policy", "drift-of-the-count", Rule::CorrectionAgainstPolicy, |case, _| {
        case.desired.drift = DriftPolicy::Report;
    }),
    ("corrects beyond the budget", "drift-of-the-count", Rule::CorrectionBeyondBudget, |case, _| {
        case.policy.corrections_per_hour = 0;
    }),
    ("calls drift an edit", "drift-of-the-count", Rule::CorrectionUncounted, |_, plan| {
        plan.steps[0].reason = Reason::CountChanged;
    }),
];

const ORDERS: &[Bad] = &[
    ("updates twice", "new-image", Rule::StepTwice, |_, plan| {
        let again = plan.steps[1].clone();
        plan.steps.push(again);
    }),
    ("creates and updates", "new-image", Rule::CreateAndUpdate, |case, plan| {
        plan.steps.push(create_step(&case.desired));
    }),
    ("creates over a living service", "new-image", Rule::CreateOverService, |case, plan| {
        plan.steps[1] = create_step(&case.desired);
    }),
    ("updates what is not there", "create", Rule::ChangeWithoutService, |case, plan| {
        let difference = difference("containerDefinitions[api].image", Effect::NewRevision);
        plan.differences = vec![difference.clone()];
        plan.steps[1].differences = vec![difference];
        plan.steps[1].step = Step::UpdateService {
            cluster: case.desired.cluster.clone(),
            service: case.desired.service_name.clone(),
            members: Map::new(),
            task_definition: Some(case.desired.digest.clone()),
            rollout: Some(case.desired.rollout.clone()),
        };
    }),
    ("registers for nothing", "drift-of-the-count", Rule::RegisteredForNothing, |case, plan| {
        plan.steps.insert(0, PlannedStep { reason: Reason::Drifted, ..register_step(&case.desired) });
    }),
    ("rolls out without registering", "new-image", Rule::NotRegistered, |_, plan| {
        plan.steps.remove(0);
    }),
    ("registers too late", "new-image", Rule::RegisteredTooLate, |_, plan| plan.steps.swap(0, 1)),
    ("registers one digest and rolls out another", "new-image", Rule::DigestMismatch, |case, plan| {
        let sent = case.record.last_sent.as_ref().unwrap().task_definition.clone();
        if let Step::UpdateService { task_definition, .. } = &mut plan.steps[1].step {
            *task_definition = Some(sent);
        }
    }),
    ("starts a rollout under another digest", "new-image", Rule::DigestMismatch, |case, plan| {
        let sent = case.record.last_sent.as_ref().unwrap().rollout.clone();
        if let Step::UpdateService { rollout, .. } = &mut plan.steps[1].step {
            *rollout = Some(sent);
        }
    }),
    ("acts because all is in sync", "new-image", Rule::StepWithoutReason, |_, plan| {
        plan.steps[1].reason = Reason::InSync;
    }),
    ("does not say why", "new-image", Rule::StepWithoutWords, |_, plan| plan.steps[0].because.clear()),
    ("does not show what it settles", "our-tag-was-taken-off", Rule::StepWithoutDifference, |_, plan| {
        plan.steps[0].differences.clear();
    }),
];

const REQUESTS: &[Bad] = &[
    ("registers something else", "new-image", Rule::RegisterNotAsWanted, |_, plan| {
        request(plan, 0)["cpu"] = json!("512");
    }),
    ("registers without the digest's tag", "new-image", Rule::RevisionNotTagged, |_, plan| {
        request(plan, 0)["tags"].as_array_mut().unwrap().retain(|tag| tag["key"] != "coxswain.dev/digest");
    }),
    ("uses a revision that nobody remembers", "new-image", Rule::RevisionNotOurs, |_, plan| {
        if let Step::RegisterTaskDefinition { known, .. } = &mut plan.steps[0].step {
            *known = Some("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:99".to_owned());
        }
    }),
    ("creates without the owner's tag", "create", Rule::CreateNotTagged, |_, plan| {
        request(plan, 1)["tags"] = json!([]);
    }),
    ("creates something else", "create", Rule::CreateNotAsWanted, |_, plan| {
        request(plan, 1)["launchType"] = json!("EC2");
    }),
    ("creates with a definition of its own", "create", Rule::CreateNotAsWanted, |_, plan| {
        request(plan, 1)["taskDefinition"] = json!("api");
    }),
    ("creates with another count", "create", Rule::WrongCount, |_, plan| {
        request(plan, 1)["desiredCount"] = json!(7);
    }),
    ("creates elsewhere", "create", Rule::WrongTarget, |case, _| case.desired.cluster.push('2')),
    ("registers in another family", "new-image", Rule::WrongTarget, |_, plan| {
        if let Step::RegisterTaskDefinition { family, .. } = &mut plan.steps[0].step {
            family.push('2');
        }
    }),
];

const UPDATES: &[Bad] = &[
    ("updates another service", "new-image", Rule::WrongTarget, |_, plan| {
        if let Step::UpdateService { service, .. } = &mut plan.steps[1].step {
            service.push('2');
        }
    }),
    ("names the launch type", "new-image", Rule::ImmutableMember, |_, plan| {
        members(plan).insert("launchType".to_owned(), json!("FARGATE"));
    }),
    ("names the scheduling strategy", "new-image", Rule::ImmutableMember, |_, plan| {
        members(plan).insert("schedulingStrategy".to_owned(), json!("REPLICA"));
    }),
    ("names the task definition among the members", "new-image", Rule::ImmutableMember, |_, plan| {
        members(plan).insert("taskDefinition".to_owned(), json!("api:42"));
    }),
    ("sets another count", "drift-of-the-count", Rule::WrongCount, |_, plan| {
        members(plan).insert("desiredCount".to_owned(), json!(9));
    }),
    ("scales with a task definition", "drift-of-the-count", Rule::TaskDefinitionUnneeded, |case, plan| {
        plan.steps.insert(0, PlannedStep { reason: Reason::Drifted, ..register_step(&case.desired) });
        if let Step::UpdateService { task_definition, rollout, .. } = &mut plan.steps[1].step {
            *task_definition = Some(case.desired.digest.clone());
            *rollout = Some(case.desired.rollout.clone());
        }
    }),
    (
        "changes capacity providers without force",
        "capacity-providers-need-a-forced-deployment",
        Rule::NotForced,
        |_, plan| {
            members(plan).remove("forceNewDeployment");
        },
    ),
    ("forces for nothing", "new-image", Rule::ForcedForNothing, |_, plan| {
        members(plan).insert("forceNewDeployment".to_owned(), json!(true));
    }),
    (
        "sends a breaker without its rollback",
        "deployment-configuration-goes-whole",
        Rule::ConfigurationNotWhole,
        |_, plan| {
            configuration(plan)["deploymentCircuitBreaker"] = json!({"enable": true});
        },
    ),
    (
        "sends one member of the deployment configuration",
        "deployment-configuration-goes-whole",
        Rule::ConfigurationNotWhole,
        |_, plan| *configuration(plan) = json!({"maximumPercent": 150}),
    ),
    ("sends what does not differ", "in-place-change", Rule::MemberUnexplained, |_, plan| {
        members(plan).insert("healthCheckGracePeriodSeconds".to_owned(), json!(0));
    }),
    ("scales and names more", "drift-of-the-count", Rule::MemberUnexplained, |_, plan| {
        members(plan).insert("enableExecuteCommand".to_owned(), json!(false));
    }),
    (
        "shows a difference that it does not settle",
        "new-image-and-count-in-one-update",
        Rule::DifferenceUnsettled,
        |_, plan| {
            members(plan).remove("desiredCount");
        },
    ),
    ("starts a rollout in secret", "new-image", Rule::RolloutMismarked, |_, plan| {
        if let Step::UpdateService { rollout, .. } = &mut plan.steps[1].step {
            *rollout = None;
        }
    }),
    ("claims a rollout", "in-place-change", Rule::RolloutMismarked, |case, plan| {
        if let Step::UpdateService { rollout, .. } = &mut plan.steps[0].step {
            *rollout = Some(case.desired.rollout.clone());
        }
    }),
];

const TAGS: &[Bad] = &[
    ("sets no tag", "our-tag-was-taken-off", Rule::EmptyChange, |_, plan| {
        if let Step::TagResource { tags, .. } = &mut plan.steps[0].step {
            tags.clear();
        }
    }),
    ("takes somebody's tag off", "a-tag-that-we-had-set-is-removed", Rule::ForeignTag, |_, plan| {
        untagged(plan).push("cost-center".to_owned());
    }),
    ("takes its owner's tag off", "a-tag-that-we-had-set-is-removed", Rule::ForeignTag, |_, plan| {
        untagged(plan).push("coxswain.dev/environment".to_owned());
    }),
    ("touches a tag of AWS's", "a-tag-that-we-had-set-is-removed", Rule::ReservedTag, |_, plan| {
        untagged(plan).push("aws:cloudformation:stack-name".to_owned());
    }),
    ("sets a tag to something else", "our-tag-was-taken-off", Rule::WrongTag, |_, plan| {
        if let Step::TagResource { tags, .. } = &mut plan.steps[0].step {
            tags.insert("coxswain.dev/environment".to_owned(), "prod".to_owned());
        }
    }),
    ("tags another service", "our-tag-was-taken-off", Rule::WrongTarget, |_, plan| {
        if let Step::TagResource { arn, .. } = &mut plan.steps[0].step {
            arn.push('2');
        }
    }),
];

const DIFFERENCES: &[Bad] = &[
    ("calls a foreign field drift", "nothing-to-do", Rule::DifferenceNotOwned, |_, plan| {
        plan.differences.push(difference("enableExecuteCommand", Effect::InPlace));
        condition(plan, ConditionType::Synced).status = false;
    }),
    ("calls a foreign tag drift", "tags-of-others-stay", Rule::DifferenceNotOwned, |_, plan| {
        plan.differences.push(difference("tags[cost-center]", Effect::InPlace));
        condition(plan, ConditionType::Synced).status = false;
    }),
    ("hides what differs", "suspended-writes-nothing", Rule::DifferenceMissing, |_, plan| {
        plan.differences.clear();
        condition(plan, ConditionType::Synced).status = true;
    }),
    ("invents a difference", "nothing-to-do", Rule::DifferenceInvented, |_, plan| {
        plan.differences.push(difference("containerDefinitions[api].image", Effect::NewRevision));
        condition(plan, ConditionType::Synced).status = false;
    }),
    ("settles a difference that the plan does not show", "new-image", Rule::DifferenceInvented, |_, plan| {
        let more = difference("containerDefinitions[api].user", Effect::NewRevision);
        plan.steps[1].differences.push(more);
    }),
    (
        "shows what is to be ignored",
        "ignored-differences-are-no-drift",
        Rule::DifferenceIgnored,
        |_, plan| {
            plan.differences.push(difference("healthCheckGracePeriodSeconds", Effect::InPlace));
            condition(plan, ConditionType::Synced).status = false;
        },
    ),
];

const PASSWORD: &str = "correct-horse-battery";

const SECRETS: &[Bad] = &[
    ("gives a secret as the reason", "secrets-are-masked", Rule::SecretShown, |_, plan| {
        plan.steps[0].because = format!("DATABASE_PASSWORD is now {PASSWORD}");
    }),
    ("tells a secret in a condition", "secrets-are-masked", Rule::SecretShown, |_, plan| {
        condition(plan, ConditionType::Synced).message = format!("{PASSWORD} differs");
    }),
    ("tells a log driver's token in an event", "secrets-are-masked", Rule::SecretShown, |_, plan| {
        let message = "the token staple-of-another was refused".to_owned();
        plan.events.push(Event { at: now(), reason: Reason::RolloutFailed, message, rollout: None });
    }),
    ("shows a variable's short value", "secrets-are-masked", Rule::SecretShown, |_, plan| {
        let shown = FieldDifference {
            desired: Some(json!({"name": "MODE", "value": "B"})),
            ..difference("containerDefinitions[api].environment[MODE]", Effect::NewRevision)
        };
        plan.differences.push(shown);
    }),
];

const MEMORIES: &[Bad] = &[
    ("changes the epoch", "nothing-to-do", Rule::WrongObject, |_, plan| plan.record.epoch += 1),
    ("is of another manifest", "nothing-to-do", Rule::WrongObject, |_, plan| plan.revision.push('1')),
    ("forgets which service it is", "nothing-to-do", Rule::IdentityLost, |_, plan| {
        plan.record.identity = None;
    }),
    ("forgets a hold", "held-stays-held", Rule::HoldForgotten, |_, plan| {
        plan.record.hold = None;
        condition(plan, ConditionType::Held).status = false;
    }),
    (
        "does not hold what failed",
        "breaker-rolls-back-and-the-digest-is-held",
        Rule::FailureNotHeld,
        |_, plan| {
            plan.record.hold = None;
            condition(plan, ConditionType::Held).status = false;
        },
    ),
    ("forgets a rollout in flight", "rollout-in-progress", Rule::InFlightDropped, |_, plan| {
        plan.record.in_flight = None;
    }),
    ("takes a deployment for the one in flight", "rollout-in-progress", Rule::InFlightDropped, |_, plan| {
        plan.record.in_flight.as_mut().unwrap().deployment_id = Some("ecs-svc/1001".to_owned());
    }),
    (
        "takes a rollback for a success",
        "breaker-rolls-back-and-the-digest-is-held",
        Rule::SuccessInvented,
        |_, plan| plan.events[0].rollout.as_mut().unwrap().succeeded = true,
    ),
    ("tells of a success too soon", "rollout-in-progress", Rule::SuccessInvented, |case, plan| {
        let rollout = case.record.in_flight.as_ref().unwrap();
        plan.events.push(Event {
            at: now(),
            reason: Reason::RolloutCompleted,
            message: "completed".to_owned(),
            rollout: Some(RolloutEnd {
                rollout: rollout.rollout.to_string(),
                task_definition_arn: rollout.task_definition_arn.clone(),
                deployment_id: rollout.deployment_id.clone(),
                started_at: rollout.sent_at,
                succeeded: true,
                revision: rollout.revision.clone(),
                cause: None,
            }),
        });
    }),
    ("remembers as good what never was", "nothing-to-do", Rule::GoodInvented, |_, plan| {
        plan.record.last_good.as_mut().unwrap().task_definition_arn.push('9');
    }),
    ("forgets its corrections", "corrections-that-do-not-stay-stop", Rule::MemoryLost, |_, plan| {
        plan.record.corrections.clear();
    }),
    ("forgets a revision", "nothing-to-do", Rule::MemoryLost, |_, plan| plan.record.revisions.clear()),
    ("remembers another count than it sends", "new-image", Rule::SendsWrong, |_, plan| {
        plan.sends.desired_count = None;
    }),
];

const STATUSES: &[Bad] = &[
    ("leaves a condition out", "nothing-to-do", Rule::ConditionsIncomplete, |_, plan| {
        plan.conditions.retain(|condition| condition.kind != ConditionType::Ready);
    }),
    ("says a condition twice", "nothing-to-do", Rule::ConditionsIncomplete, |_, plan| {
        let again = plan.conditions[0].clone();
        plan.conditions.push(again);
    }),
    ("does not say that it is held", "held-stays-held", Rule::HeldDisagrees, |_, plan| {
        condition(plan, ConditionType::Held).status = false;
    }),
    ("says synced where fields differ", "held-stays-held", Rule::SyncedDisagrees, |_, plan| {
        condition(plan, ConditionType::Synced).status = true;
    }),
    (
        "says that a foreign service is synced",
        "foreign-service-is-not-touched",
        Rule::SyncedDisagrees,
        |_, plan| {
            condition(plan, ConditionType::Synced).status = true;
        },
    ),
    ("does not say that it is suspended", "suspended-writes-nothing", Rule::SuspendedDisagrees, |_, plan| {
        condition(plan, ConditionType::Suspended).status = false;
    }),
    ("does not say what stands in the way", "draining-waits", Rule::BlockedDisagrees, |_, plan| {
        condition(plan, ConditionType::Blocked).status = false;
    }),
    ("says that nothing works", "create", Rule::HealthWithoutService, |_, plan| {
        condition(plan, ConditionType::Ready).status = true;
    }),
    ("does not look again", "rollout-in-progress", Rule::LookMissing, |_, plan| plan.look_again_at = None),
    ("looks again in the past", "rollout-in-progress", Rule::LookMissing, |_, plan| {
        plan.look_again_at = Some(now());
    }),
];

fn condition(plan: &mut Plan, kind: ConditionType) -> &mut Condition {
    plan.conditions.iter_mut().find(|condition| condition.kind == kind).unwrap()
}

fn block(plan: &mut Plan, reason: Reason) {
    let blocked = condition(plan, ConditionType::Blocked);
    (blocked.status, blocked.reason) = (true, reason);
}

/// A rollout of what the case wants, sent a minute ago, its id unknown.
fn rollout(case: &Case) -> Rollout {
    Rollout {
        rollout: case.desired.rollout.clone(),
        task_definition_arn: "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:42".to_owned(),
        deployment_id: None,
        before: vec!["ecs-svc/1001".to_owned()],
        sent_at: now() - SignedDuration::from_secs(60),
        revision: "2.0".to_owned(),
        reason: Reason::DefinitionChanged,
    }
}

fn fly(case: &mut Case, plan: &mut Plan, rollout: Rollout) {
    case.record.in_flight = Some(rollout.clone());
    plan.record.in_flight = Some(rollout);
    plan.look_again_at = Some(now() + SignedDuration::from_secs(5));
}

fn difference(path: &str, effect: Effect) -> FieldDifference {
    FieldDifference {
        path: path.to_owned(),
        desired: Some(json!(1)),
        live: Some(json!(2)),
        owner: Owner::Manifest,
        effect,
        sensitive: false,
    }
}

fn planned(step: Step) -> PlannedStep {
    let because = "it is wanted".to_owned();
    PlannedStep { step, reason: Reason::NotCreated, because, differences: Vec::new() }
}

fn register_step(desired: &Desired) -> PlannedStep {
    planned(Step::RegisterTaskDefinition {
        family: desired.family.clone(),
        digest: desired.digest.clone(),
        known: None,
        request: desired.register.clone(),
    })
}

fn create_step(desired: &Desired) -> PlannedStep {
    let mut request = desired.create.clone();
    request["desiredCount"] = json!(desired.desired_count());
    planned(Step::CreateService {
        request,
        task_definition: desired.digest.clone(),
        rollout: desired.rollout.clone(),
    })
}

fn request(plan: &mut Plan, index: usize) -> &mut Value {
    match &mut plan.steps[index].step {
        Step::RegisterTaskDefinition { request, .. } | Step::CreateService { request, .. } => request,
        other => panic!("{} has no request of its own", other.operation()),
    }
}

fn members(plan: &mut Plan) -> &mut Map<String, Value> {
    let steps = plan.steps.iter_mut();
    let mut members = steps.filter_map(|planned| match &mut planned.step {
        Step::UpdateService { members, .. } => Some(members),
        _ => None,
    });
    members.next().expect("an UpdateService")
}

fn configuration(plan: &mut Plan) -> &mut Value {
    members(plan).get_mut("deploymentConfiguration").expect("a deployment configuration")
}

fn untagged(plan: &mut Plan) -> &mut Vec<String> {
    match &mut plan.steps[0].step {
        Step::UntagResource { keys, .. } => keys,
        other => panic!("{} takes no tags off", other.operation()),
    }
}
