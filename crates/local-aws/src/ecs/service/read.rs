//! DescribeServices and ListServices: a service as it is read back.

use std::ops::Bound;

use serde_json::{Value, json};

use super::{
    super::{Members, State, TaskStatus, arn, operation::paged, page, tag},
    Service, ServiceKey, ServiceStatus,
};
use crate::error::ApiError;

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
            services.push(show(state, service, with_tags));
        } else {
            let arn = state.names.service(&cluster.name, name);
            failures.push(json!({"arn": arn, "reason": "MISSING"}));
        }
    }
    Ok(json!({"services": services, "failures": failures}))
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

/// A service as DescribeServices answers it.
pub(in crate::ecs) fn show(state: &State, service: &Service, with_tags: bool) -> Value {
    let mut shown = service.spec.clone();
    for member in NOT_SHOWN {
        shown.remove(member);
    }
    let key = &service.key;
    let tasks = service.live.iter().filter_map(|id| state.tasks.get(id));
    let (mut running, mut pending) = (0, 0);
    for task in tasks {
        running += usize::from(task.status == TaskStatus::Running);
        pending += usize::from(task.is_pending());
    }
    let deployments: Vec<Value> = service
        .deployments
        .iter()
        .enumerate()
        .map(|(place, deployment)| deployment.show(state, service, place == 0))
        .collect();
    let rest = json!({
        "serviceArn": state.names.service(&key.cluster, &key.name),
        "serviceName": key.name,
        "clusterArn": state.names.cluster(&key.cluster),
        "status": service.status.name(),
        "desiredCount": service.desired_count,
        "runningCount": running,
        "pendingCount": pending,
        "createdAt": service.created_at.to_json(),
        "createdBy": state.names.caller(),
        "deployments": deployments,
        "events": service.events.show(),
    });
    if let Value::Object(rest) = rest {
        shown.extend(rest);
    }
    if let Some(current) = service.history.last() {
        shown.insert("currentServiceDeployment".into(), current.arn.clone().into());
        shown.insert("currentServiceRevisions".into(), service.current_revisions(state));
    }
    if with_tags {
        shown.insert("tags".into(), service.tags.to_json());
    }
    Value::Object(shown)
}
