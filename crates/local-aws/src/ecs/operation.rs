//! Which operation is served by what.

use serde_json::Value;

use super::{State, cluster, member::set, revision, service, service_deployment, tag, task, task_definition};
use crate::{
    clock::Time,
    error::ApiError,
    wire::{Checked, not_done},
};

/// Serves one operation, whose request the table has found right.
pub(crate) fn call(state: &mut State, checked: &Checked, now: Time) -> Result<Value, ApiError> {
    let request = &checked.request;
    match checked.operation.name {
        "CreateCluster" => cluster::create(state, request),
        "DescribeClusters" => Ok(cluster::describe(state, request)),
        "ListClusters" => cluster::list(state, request),
        "DeleteCluster" => cluster::delete(state, request),
        "RegisterTaskDefinition" => task_definition::register(state, request, now),
        "DescribeTaskDefinition" => task_definition::describe(state, request),
        "ListTaskDefinitions" => task_definition::list(state, request),
        "ListTaskDefinitionFamilies" => task_definition::list_families(state, request),
        "DeregisterTaskDefinition" => task_definition::deregister(state, request, now),
        "DeleteTaskDefinitions" => task_definition::delete(state, request, now),
        "CreateService" => service::create(state, request, now),
        "UpdateService" => service::update(state, request, now),
        "DeleteService" => service::delete(state, request),
        "DescribeServices" => service::describe(state, request),
        "ListServices" => service::list(state, request),
        "ListServiceDeployments" => service_deployment::list(state, request),
        "DescribeServiceDeployments" => service_deployment::describe(state, request),
        "StopServiceDeployment" => service_deployment::stop(state, request, now),
        "DescribeServiceRevisions" => revision::describe(state, request),
        "RunTask" => task::run(state, request, now),
        "StopTask" => task::stop(state, request, now),
        "DescribeTasks" => task::describe(state, request),
        "ListTasks" => task::list(state, request),
        "TagResource" => tag::tag_resource(state, request),
        "UntagResource" => tag::untag_resource(state, request),
        "ListTagsForResource" => tag::list_tags(state, request),
        other => Err(not_done("ecs", other)),
    }
}

/// Adds the token of the next page, if there is one.
pub(super) fn paged(mut answer: Value, next_token: Option<String>) -> Value {
    if let Some(token) = next_token {
        set(&mut answer, "nextToken", token);
    }
    answer
}
