//! What UpdateService may say.
//!
//! Source of the lists: the members of UpdateService that "trigger a new service deployment", by
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>.

use coxswain_ecs_model::{Effect, FieldDifference, RolloutDigest, TaskDefinitionDigest};
use serde_json::{Map, Value};

use super::{Case, Found, Rule, member_of};
use crate::{
    reason::Reason,
    step::{PlannedStep, Step},
};

/// Part of CreateService, of the call's envelope, or named by the step itself.
const NEVER: &[&str] = &[
    "clientToken",
    "cluster",
    "launchType",
    "role",
    "schedulingStrategy",
    "service",
    "serviceName",
    "tags",
    "taskDefinition",
];

/// These leave the running tasks alone.
const IN_PLACE: &[&str] = &[
    "availabilityZoneRebalancing",
    "deploymentConfiguration",
    "deploymentController",
    "desiredCount",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "gatewayConnectors",
    "healthCheckGracePeriodSeconds",
    "monitoring",
    "placementConstraints",
    "placementStrategy",
    "propagateTags",
];

struct Update<'a> {
    planned: &'a PlannedStep,
    members: &'a Map<String, Value>,
    task_definition: Option<&'a TaskDefinitionDigest>,
    rollout: Option<&'a RolloutDigest>,
}

pub(super) fn judge(case: &Case, found: &mut Found) {
    for planned in &case.plan.steps {
        if let Step::UpdateService { cluster, service, members, task_definition, rollout } = &planned.step {
            let is_target = *cluster == case.desired.cluster && *service == case.desired.service_name;
            found.demand(is_target, Rule::WrongTarget, || {
                format!("UpdateService goes to {service} in {cluster}")
            });
            let update = Update {
                planned,
                members,
                task_definition: task_definition.as_ref(),
                rollout: rollout.as_ref(),
            };
            update.members(found);
            update.count(case, found);
            update.deployment(found);
            update.configuration(case, found);
            update.explained(found);
        }
    }
}

impl Update<'_> {
    fn differs(&self, is_it: impl Fn(&FieldDifference) -> bool) -> bool {
        self.planned.differences.iter().any(is_it)
    }

    fn members(&self, found: &mut Found) {
        for name in self.members.keys().filter(|name| NEVER.contains(&name.as_str())) {
            found.breach(Rule::ImmutableMember, format!("UpdateService names {name}"));
        }
        let is_empty = self.members.is_empty() && self.task_definition.is_none();
        found.demand(!is_empty, Rule::EmptyChange, || "UpdateService names nothing".to_owned());
    }

    fn count(&self, case: &Case, found: &mut Found) {
        let Some(count) = self.members.get("desiredCount") else { return };
        let wanted = case.desired.desired_count();
        let is_wanted = wanted.is_some() && count.as_u64() == wanted.map(u64::from);
        found.demand(is_wanted, Rule::WrongCount, || {
            let owned = wanted.map_or("not the manifest's".to_owned(), |count| format!("wanted as {count}"));
            format!("UpdateService sets the count to {count}, which is {owned}")
        });
    }

    fn deployment(&self, found: &mut Found) {
        let has_new_definition = self.differs(|difference| difference.effect == Effect::NewRevision);
        if self.task_definition.is_some() {
            let is_needed = has_new_definition || self.planned.reason == Reason::Retried;
            found.demand(is_needed, Rule::TaskDefinitionUnneeded, || {
                "UpdateService names a task definition although the definition does not differ".to_owned()
            });
        } else {
            found.demand(!has_new_definition, Rule::DifferenceUnsettled, || {
                "the definition differs and UpdateService does not name one".to_owned()
            });
        }
        let is_forced = self.members.get("forceNewDeployment") == Some(&Value::Bool(true));
        let changes_providers = self.members.contains_key("capacityProviderStrategy");
        found.demand(is_forced || !changes_providers, Rule::NotForced, || {
            "capacityProviderStrategy without forceNewDeployment".to_owned()
        });
        let may_force = changes_providers || self.planned.reason == Reason::Retried;
        found.demand(!is_forced || may_force, Rule::ForcedForNothing, || {
            "forceNewDeployment without a change that asks for it".to_owned()
        });

        let is_trigger = |name: &str| !IN_PLACE.contains(&name) && !NEVER.contains(&name);
        let triggers = self.members.keys().find(|name| is_trigger(name));
        let starts = self.task_definition.is_some() || triggers.is_some();
        found.demand(starts == self.rollout.is_some(), Rule::RolloutMismarked, || {
            let by = triggers.map_or("the task definition", String::as_str);
            if starts {
                format!("{by} starts a deployment, and the step does not say so")
            } else {
                "the step says that it starts a deployment, and nothing in it does".to_owned()
            }
        });
    }

    /// `{enable: false}` alone would turn a live rollback off, silently.
    fn configuration(&self, case: &Case, found: &mut Found) {
        let name = "deploymentConfiguration";
        let Some(sent) = self.members.get(name) else { return };
        let member = |value: &Value, name: &str| value.get(name).cloned();
        let live = case.observed.service.active().and_then(|live| live.service.as_value().get(name));
        let has_other_strategy = live.and_then(|live| member(live, "strategy")) != member(sent, "strategy");
        for (name, _) in live.and_then(Value::as_object).into_iter().flatten() {
            let goes_with_strategy = ["linearConfiguration", "canaryConfiguration"].contains(&name.as_str());
            let may_go = goes_with_strategy && has_other_strategy;
            found.demand(sent.get(name).is_some() || may_go, Rule::ConfigurationNotWhole, || {
                format!("deploymentConfiguration.{name} is live and is not sent with it")
            });
        }
        let required: &[(&str, &[&str])] = &[
            ("deploymentCircuitBreaker", &["enable", "rollback"]),
            ("alarms", &["alarmNames", "enable", "rollback"]),
        ];
        for (structure, members) in required {
            let Some(structure_sent) = sent.get(*structure) else { continue };
            for member in members.iter().filter(|member| structure_sent.get(**member).is_none()) {
                found.breach(
                    Rule::ConfigurationNotWhole,
                    format!("deploymentConfiguration.{structure} is sent without {member}"),
                );
            }
        }
    }

    /// Some services refuse a member even where it is sent unchanged; each that differs is sent.
    fn explained(&self, found: &mut Found) {
        let is_judged_elsewhere = |name: &str| name == "forceNewDeployment" || NEVER.contains(&name);
        for name in self.members.keys().filter(|name| !is_judged_elsewhere(name)) {
            let is_explained = self.differs(|difference| member_of(&difference.path) == name);
            found.demand(is_explained, Rule::MemberUnexplained, || {
                format!("UpdateService names {name}, which does not differ")
            });
        }
        let of_service = |difference: &&FieldDifference| {
            difference.effect != Effect::NewRevision && member_of(&difference.path) != "tags"
        };
        for difference in self.planned.differences.iter().filter(of_service) {
            let is_settled = self.members.contains_key(member_of(&difference.path));
            found.demand(is_settled, Rule::DifferenceUnsettled, || {
                format!("{} is said to be settled and is not sent", difference.path)
            });
        }
    }
}
