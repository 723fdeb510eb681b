//! DescribeServices and ListServices: a service as it is read back.

use std::ops::Bound;

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Value, json};

use super::{
    super::{Members, State, arn, operation::paged, page, tag},
    Service, ServiceKey, ServiceStatus,
};
use crate::{answer::Answer, error::ApiError};

/// Members that are no part of the Service shape: they are read from the PRIMARY deployment or from
/// the service revision.
const NOT_SHOWN: [&str; 5] = [
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
    "gatewayConnectors",
];

pub(in crate::ecs) fn describe(state: &State, request: &Value) -> Result<Value, ApiError> {
    let described = Described::find(state, request)?;
    // What is written here are texts, numbers and trees, none of which can fail.
    Ok(serde_json::to_value(described).unwrap_or_default())
}

/// DescribeServices without a tree of its answer, which is most of what it costs.
pub(in crate::ecs) fn describe_as_text(state: &State, request: &Value) -> Result<Answer, ApiError> {
    let described = Described::find(state, request)?;
    Ok(Answer::Text(serde_json::to_vec(&described).unwrap_or_default()))
}

/// DescribeServices' answer, as it is written out.
#[derive(Serialize)]
struct Described<'a> {
    services: Vec<Shown<'a>>,
    failures: Vec<Value>,
}

impl<'a> Described<'a> {
    fn find(state: &'a State, request: &Value) -> Result<Self, ApiError> {
        let names = request.items("services");
        if names.is_empty() {
            return Err(ApiError::invalid("Services cannot be empty."));
        }
        if names.len() > 10 {
            return Err(ApiError::invalid("Services cannot have more than 10 elements."));
        }
        let cluster = state.active_cluster(request.text("cluster"))?;
        let with_tags = tag::asked(request);
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for reference in request.texts("services") {
            let name = arn::last_part(reference, "service");
            if let Some(service) = state.services.get(&ServiceKey::new(&cluster.name, name)) {
                services.push(Shown { state, service, with_tags });
            } else {
                let arn = state.names.service(&cluster.name, name);
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            }
        }
        Ok(Self { services, failures })
    }
}

pub(in crate::ecs) fn list(state: &State, request: &Value) -> Result<Value, ApiError> {
    let cluster = state.active_cluster(request.text("cluster"))?;
    let size = page::size(request.whole("maxResults"), 10, 100)?;
    let after = page::key(request.text("nextToken"))?;
    let start = match &after {
        Some(name) => Bound::Excluded(ServiceKey::new(&cluster.name, name)),
        None => Bound::Included(ServiceKey::new(&cluster.name, "")),
    };
    let wanted = |service: &Service| {
        ["launchType", "schedulingStrategy"]
            .iter()
            .all(|member| request.text(member).is_none_or(|value| service.spec.text(member) == Some(value)))
    };
    let services = state
        .services
        .range((start, Bound::Unbounded))
        .map(|(_, service)| service)
        .take_while(|service| service.key.cluster == cluster.name)
        .filter(|service| service.status == ServiceStatus::Active && wanted(service));
    let page = page::cut(services, size, |service| service.key.name.clone());
    let arns = page.items.iter().map(|service| state.names.service(&service.key.cluster, &service.key.name));
    let arns: Vec<String> = arns.collect();
    Ok(paged(json!({"serviceArns": arns}), page.next_token))
}

/// A service as CreateService and its like answer it.
pub(in crate::ecs) fn show(state: &State, service: &Service, with_tags: bool) -> Value {
    serde_json::to_value(Shown { state, service, with_tags }).unwrap_or_default()
}

/// A service as DescribeServices answers it.
struct Shown<'a> {
    state: &'a State,
    service: &'a Service,
    with_tags: bool,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { state, service, with_tags } = self;
        let key = &service.key;
        let counts = service.task_counts(state);
        let (running, pending) = counts.total();
        let deployments: Vec<_> = service
            .deployments
            .iter()
            .enumerate()
            .map(|(place, deployment)| deployment.shown(service, &counts, place == 0))
            .collect();
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &service.spec {
            if !NOT_SHOWN.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.serialize_entry("serviceArn", &state.names.service(&key.cluster, &key.name))?;
        map.serialize_entry("serviceName", &key.name)?;
        map.serialize_entry("clusterArn", &state.names.cluster(&key.cluster))?;
        map.serialize_entry("status", service.status.name())?;
        map.serialize_entry("desiredCount", &service.desired_count)?;
        map.serialize_entry("runningCount", &running)?;
        map.serialize_entry("pendingCount", &pending)?;
        map.serialize_entry("createdAt", &service.created_at.to_json())?;
        map.serialize_entry("createdBy", &state.names.caller())?;
        map.serialize_entry("deployments", &deployments)?;
        map.serialize_entry("events", &service.events)?;
        if let Some(current) = service.history.last() {
            map.serialize_entry("currentServiceDeployment", &current.arn)?;
            map.serialize_entry("currentServiceRevisions", &service.current_revisions(&counts))?;
        }
        if *with_tags {
            map.serialize_entry("tags", &service.tags.to_json())?;
        }
        map.end()
    }
}
