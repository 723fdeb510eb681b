//! Services as DescribeServices shows them, ten to a call.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use coxswain_ecs_model::canonical_service;
use coxswain_plan::{Deployment, Identity, Live, LiveService};
use coxswain_runtime::{Batcher, Clock, Window};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::task_definition::TaskDefinitions;
use crate::{
    aws::{Aws, AwsError, Operation},
    phase::PhaseError,
};

/// A service by cluster and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name {
    cluster: String,
    service: String,
}

/// One service of an answer, or that there is none, and when ECS was asked.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) service: Option<Arc<Value>>,
}

/// Reads services, those asked for at about the same time in one call.
#[derive(Debug)]
pub(super) struct Services {
    batcher: Batcher<Name, Seen, AwsError>,
}

impl Services {
    pub(super) fn new(aws: Arc<dyn Aws>, clock: Arc<dyn Clock>) -> Self {
        let fetch = move |names: Vec<Name>| fetch(names, aws.clone(), clock.clone());
        Self { batcher: Batcher::new(Window::default(), fetch) }
    }

    pub(super) async fn get(&self, cluster: &str, service: &str) -> Result<Seen, PhaseError> {
        let name = Name { cluster: cluster.to_owned(), service: service.to_owned() };
        Ok(self.batcher.get(name).await?)
    }
}

async fn fetch(
    names: Vec<Name>,
    aws: Arc<dyn Aws>,
    clock: Arc<dyn Clock>,
) -> Result<HashMap<Name, Result<Seen, AwsError>>, AwsError> {
    let mut by_cluster: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names {
        by_cluster.entry(name.cluster).or_default().push(name.service);
    }
    let mut seen = HashMap::new();
    for (cluster, services) in by_cluster {
        // The moment before asking: what happened after it may or may not be in the answer.
        let at = clock.now();
        let input = json!({"cluster": cluster, "services": services, "include": ["TAGS"]});
        let answer = aws.call(Operation::DescribeServices, input).await;
        for service in services {
            let found = answer.as_ref().map_err(Clone::clone).and_then(|answer| pick(answer, &service, at));
            seen.insert(Name { cluster: cluster.clone(), service }, found);
        }
    }
    Ok(seen)
}

/// One service of an answer. Only a failure that says MISSING means that there is none.
fn pick(answer: &Value, name: &str, at: Timestamp) -> Result<Seen, AwsError> {
    let list = |member: &str| answer.get(member).and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value, member: &str| {
        value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if let Some(service) = list("services").find(|service| text(service, "serviceName") == name) {
        return Ok(Seen { at, service: Some(Arc::new(service.clone())) });
    }
    let failure = list("failures").find(|failure| {
        let arn = text(failure, "arn");
        arn == name || arn.rsplit('/').next() == Some(name)
    });
    match failure.map(|failure| text(failure, "reason")) {
        Some(reason) if reason == "MISSING" => Ok(Seen { at, service: None }),
        Some(reason) => {
            let message = format!("the service {name} cannot be described: {reason}");
            Err(AwsError::unanswered(Operation::DescribeServices, true, message))
        }
        None => {
            let message = format!("the answer does not mention the service {name}");
            Err(AwsError::unanswered(Operation::DescribeServices, true, message))
        }
    }
}

/// What the planner reads of a service; members that it does not know are left out here and kept in the
/// canonical form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceView {
    service_arn: String,
    status: String,
    #[serde(default)]
    desired_count: u32,
    #[serde(default)]
    running_count: u32,
    #[serde(default)]
    pending_count: u32,
    #[serde(default)]
    task_definition: String,
    #[serde(deserialize_with = "epoch_seconds")]
    created_at: Timestamp,
    #[serde(default)]
    tags: Vec<TagView>,
    #[serde(default)]
    deployments: Vec<DeploymentView>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TagView {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentView {
    id: String,
    status: String,
    #[serde(default)]
    task_definition: String,
    #[serde(default)]
    rollout_state: Option<String>,
    #[serde(default)]
    rollout_state_reason: Option<String>,
    #[serde(default)]
    desired_count: u32,
    #[serde(default)]
    running_count: u32,
    #[serde(default)]
    pending_count: u32,
    #[serde(default)]
    failed_tasks: u32,
    #[serde(deserialize_with = "epoch_seconds")]
    created_at: Timestamp,
}

/// The wire's timestamps: seconds since the epoch, with a fraction. Rounded to the millisecond, so that
/// the same moment is always the same value.
pub(crate) fn epoch_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    #[expect(clippy::cast_possible_truncation, reason = "a float too large saturates, and is refused below")]
    let milliseconds = (seconds * 1000.0).round() as i64;
    Timestamp::from_millisecond(milliseconds).map_err(serde::de::Error::custom)
}

/// The service in the planner's terms, with the revision that it names.
pub(super) async fn live(seen: &Seen, definitions: &TaskDefinitions) -> Result<Live, PhaseError> {
    let Some(service) = &seen.service else { return Ok(Live::Missing) };
    let view = ServiceView::deserialize(service.as_ref()).map_err(|error| {
        let text = format!("the service cannot be read: {error}");
        AwsError::unanswered(Operation::DescribeServices, true, text)
    })?;
    match view.status.as_str() {
        "INACTIVE" => return Ok(Live::Missing),
        "DRAINING" => return Ok(Live::Draining),
        _ => {}
    }
    let task_definition = definitions.get(&view.task_definition).await?;
    let mut deployments: Vec<Deployment> = view.deployments.into_iter().map(deployment).collect();
    deployments.sort_by_key(|deployment| deployment.status != "PRIMARY");
    Ok(Live::Active(Box::new(LiveService {
        identity: Identity { arn: view.service_arn, created_at: view.created_at },
        desired_count: view.desired_count,
        running_count: view.running_count,
        pending_count: view.pending_count,
        service: canonical_service(service),
        tags: view.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        task_definition,
        deployments,
    })))
}

fn deployment(view: DeploymentView) -> Deployment {
    Deployment {
        id: view.id,
        status: view.status,
        task_definition_arn: view.task_definition,
        rollout_state: view.rollout_state,
        rollout_state_reason: view.rollout_state_reason,
        desired_count: view.desired_count,
        running_count: view.running_count,
        pending_count: view.pending_count,
        failed_tasks: view.failed_tasks,
        created_at: view.created_at,
    }
}

/// ARN, creation time and PRIMARY deployment of a service in an answer of CreateService or UpdateService.
pub(crate) fn answered(service: &Value) -> Option<(Identity, Option<String>)> {
    let view = ServiceView::deserialize(service).ok()?;
    let primary = view.deployments.into_iter().find(|deployment| deployment.status == "PRIMARY");
    let identity = Identity { arn: view.service_arn, created_at: view.created_at };
    Some((identity, primary.map(|deployment| deployment.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn only_missing_means_that_there_is_no_service() {
        let missing = json!({"services": [], "failures": [
            {"arn": "arn:aws:ecs:eu-west-1:123456789012:service/dev/api", "reason": "MISSING"}
        ]});
        assert!(pick(&missing, "api", at()).unwrap().service.is_none());
        let other = json!({"services": [], "failures": [{"arn": "api", "reason": "THROTTLED"}]});
        assert!(pick(&other, "api", at()).is_err());
        assert!(pick(&json!({"services": [], "failures": []}), "api", at()).is_err());
    }

    #[test]
    fn a_time_is_the_same_value_however_its_fraction_is_written() {
        #[derive(Deserialize)]
        struct At(#[serde(deserialize_with = "epoch_seconds")] Timestamp);
        let read = |text: &str| serde_json::from_str::<At>(text).unwrap().0;
        assert_eq!(read("1735689600.123"), read("1.735689600123E9"));
        assert_eq!(read("1735689600").to_string(), "2025-01-01T00:00:00Z");
        assert!(serde_json::from_str::<At>("1e300").is_err());
    }
}
