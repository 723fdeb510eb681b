//! Service revisions: what a deployment deploys, kept for ever after.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value, json};

use super::{Members, Service, State, TaskStatus, arn, member::set, task_definition::TaskDefinition};
use crate::{clock::Time, error::ApiError};

/// The members of a service that a revision holds, and that a rollback restores.
pub(super) const MEMBERS: [&str; 12] = [
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
    "gatewayConnectors",
];

/// A service revision. Its ARN ends in the same number as the deployment's id.
#[derive(Debug)]
pub(crate) struct Revision {
    pub(super) arn: String,
    created_at: Time,
    pub(crate) spec: Map<String, Value>,
    images: Vec<Value>,
    /// What the images were when the deployment's first task was started, by container.
    digests: OnceLock<BTreeMap<String, String>>,
    groups: TargetGroups,
}

/// The target groups that serve a revision, and the rules that lead to them.
///
/// Of each load balancer with an alternate target group, a shift of traffic takes the one that the
/// revision before does not use; a rolling deployment stays where that one is.
#[derive(Debug, Clone, Default)]
pub(super) struct TargetGroups(Vec<Value>);

impl TargetGroups {
    pub(super) fn after(replaced: Option<&Revision>, service: &Service, shifts: bool) -> Self {
        let resolved =
            service.spec.items("loadBalancers").iter().enumerate().filter_map(|(place, balancer)| {
                let group = balancer.text("targetGroupArn")?;
                let advanced = balancer.member("advancedConfiguration").unwrap_or(&Value::Null);
                let used = replaced.and_then(|replaced| replaced.groups.0.get(place)?.text("targetGroupArn"));
                let alternate = advanced.text("alternateTargetGroupArn");
                // Going on from the alternate one is going back to the first.
                let takes_alternate = used.is_some() && (used == alternate) != shifts;
                let chosen = alternate.filter(|_| takes_alternate).unwrap_or(group);
                let mut resolved = json!({"targetGroupArn": chosen});
                if let Some(rule) = advanced.text("productionListenerRule") {
                    set(&mut resolved, "productionListenerRule", rule);
                }
                Some(resolved)
            });
        Self(resolved.collect())
    }
}

impl Revision {
    pub(super) fn of(
        service: &Service,
        definition: &TaskDefinition,
        (arn, groups): (String, TargetGroups),
        now: Time,
    ) -> Self {
        let spec = MEMBERS.iter().filter_map(|member| {
            let value = service.spec.get(*member)?;
            Some(((*member).to_owned(), value.clone()))
        });
        let images = definition.containers().iter().map(
            |container| json!({"containerName": container.text("name"), "image": container.text("image")}),
        );
        let digests = OnceLock::new();
        Self { arn, created_at: now, spec: spec.collect(), images: images.collect(), digests, groups }
    }

    /// Keeps the digests that its first task was started with; those of later ones change nothing.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-container-image-stability.html>
    fn keep_digests(&self, digests: BTreeMap<String, String>) {
        let _ = self.digests.set(digests);
    }

    /// The target groups that its tasks are registered in, in the order of its load balancers.
    pub(super) fn target_groups(&self) -> impl Iterator<Item = &str> {
        self.groups.0.iter().filter_map(|group| group.text("targetGroupArn"))
    }

    fn show_images(&self) -> Vec<Value> {
        let mut images = self.images.clone();
        for image in &mut images {
            let container = image.text("containerName").unwrap_or_default();
            let digest = self.digests.get().and_then(|digests| digests.get(container)).cloned();
            if let Some(digest) = digest {
                set(image, "imageDigest", digest);
            }
        }
        images
    }

    fn show(&self, state: &State, service: &Service) -> Value {
        let mut shown = self.spec.clone();
        // Empty lists of the service are absent here.
        shown.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
        if let Some((version, family)) = platform(&self.spec) {
            shown.insert("platformVersion".into(), version.into());
            shown.insert("platformFamily".into(), family.into());
        }
        let rest = json!({
            "serviceRevisionArn": self.arn,
            "serviceArn": state.names.service(&service.key.cluster, &service.key.name),
            "clusterArn": state.names.cluster(&service.key.cluster),
            "containerImages": self.show_images(),
            "guardDutyEnabled": false,
            "createdAt": self.created_at.to_json(),
        });
        if let Value::Object(rest) = rest {
            shown.extend(rest);
        }
        if !self.groups.0.is_empty() {
            shown.insert("resolvedConfiguration".into(), json!({"loadBalancers": self.groups.0}));
        }
        Value::Object(shown)
    }
}

/// The platform's version, which LATEST is not, and its family.
pub(super) fn platform(spec: &Map<String, Value>) -> Option<(&str, &'static str)> {
    let version = spec.text("platformVersion")?;
    Some((if version == "LATEST" { "1.4.0" } else { version }, "Linux"))
}

impl State {
    /// Notes what the images of a task are, in the order of its containers.
    pub(crate) fn keep_digests(&mut self, task: &str, digests: Vec<Option<String>>) {
        let Some(task) = self.tasks.get_mut(task) else { return };
        let mut by_container = BTreeMap::new();
        for (container, digest) in task.containers.iter_mut().zip(digests) {
            by_container.extend(digest.clone().map(|digest| (container.name.clone(), digest)));
            container.image_digest = digest;
        }
        let owner = task.owner.as_ref();
        let revision = owner.and_then(|(key, number)| self.services.get(key)?.revision(*number));
        if let Some(revision) = revision {
            revision.keep_digests(by_container);
        }
    }
}

/// Running and pending tasks of each deployment that has some.
#[derive(Debug, Default)]
pub(super) struct Counts(Vec<(u64, u64, u64)>);

impl Counts {
    /// Running and pending tasks of one deployment.
    pub(super) fn of(&self, deployment: u64) -> (u64, u64) {
        let found = self.0.iter().find(|(number, ..)| *number == deployment);
        found.map_or((0, 0), |(_, running, pending)| (*running, *pending))
    }

    /// Running and pending tasks in all.
    pub(super) fn total(&self) -> (u64, u64) {
        self.0.iter().fold((0, 0), |sum, (_, running, pending)| (sum.0 + running, sum.1 + pending))
    }
}

impl Service {
    /// `currentServiceRevisions`: those that have tasks, or are to have some.
    pub(super) fn current_revisions(&self, counts: &Counts) -> Value {
        let shown = self.deployments.iter().enumerate().map(|(place, deployment)| {
            let (running, pending) = counts.of(deployment.number);
            let usual = if place == 0 { self.desired_count } else { running + pending };
            json!({
                "arn": deployment.revision.arn,
                "requestedTaskCount": self.wanted_of(deployment.number).unwrap_or(usual),
                "runningTaskCount": running,
                "pendingTaskCount": pending,
            })
        });
        shown.collect()
    }

    /// Its tasks, counted.
    pub(super) fn task_counts(&self, state: &State) -> Counts {
        let mut counts = Counts::default();
        for task in self.live.iter().filter_map(|id| state.tasks.get(id)) {
            let running = u64::from(task.status == TaskStatus::Running);
            let pending = u64::from(task.is_pending());
            let number = task.deployment().unwrap_or_default();
            match counts.0.iter_mut().find(|(known, ..)| *known == number) {
                Some((_, known_running, known_pending)) => {
                    *known_running += running;
                    *known_pending += pending;
                }
                None => counts.0.push((number, running, pending)),
            }
        }
        counts
    }

    pub(super) fn revision(&self, number: u64) -> Option<&Arc<Revision>> {
        self.revisions.get(&number)
    }
}

/// DescribeServiceRevisions: up to 20 ARNs.
pub(super) fn describe(state: &State, request: &Value) -> Result<Value, ApiError> {
    let arns: Vec<&str> = request.texts("serviceRevisionArns").collect();
    if !(1..=20).contains(&arns.len()) {
        return Err(ApiError::invalid("serviceRevisionArns must have between 1 and 20 items."));
    }
    let (mut revisions, mut failures) = (Vec::new(), Vec::new());
    for asked in arns {
        let found = match arn::parts(asked, "service-revision").as_deref() {
            Some([cluster, service, number]) => number.parse().ok().and_then(|number| {
                let service = state.services.get(&super::ServiceKey::new(cluster, service))?;
                Some((service, service.revision(number)?))
            }),
            _ => None,
        };
        match found {
            Some((service, revision)) => revisions.push(revision.show(state, service)),
            None => failures.push(json!({"arn": asked, "reason": "MISSING"})),
        }
    }
    Ok(json!({"serviceRevisions": revisions, "failures": failures}))
}
