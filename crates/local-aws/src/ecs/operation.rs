//! Which operation is served by what.

use serde_json::Value;

use super::{
    State, account_setting, capacity_provider, cluster, connect, deployment_action, instance, member::set,
    permute::permute, revision, service, service_deployment, tag, task, task_definition,
};
use crate::{
    answer::Answer,
    clock::Time,
    error::ApiError,
    wire::{Checked, not_done},
};

/// Serves the request of an operation.
type Handler = fn(&mut State, &Value, Time) -> Result<Value, ApiError>;

/// What serves an operation; `None` for one that is not done here.
fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "CreateCluster" => cluster::create,
        "DescribeClusters" => |state, request, _| Ok(cluster::describe(state, request)),
        "ListClusters" => |state, request, _| cluster::list(state, request),
        "DeleteCluster" => |state, request, _| cluster::delete(state, request),
        "UpdateCluster" | "UpdateClusterSettings" => cluster::update,
        "PutClusterCapacityProviders" => |state, request, _| capacity_provider::put_cluster(state, request),
        "CreateCapacityProvider" => |state, request, _| capacity_provider::create(state, request),
        "DescribeCapacityProviders" => |state, request, _| capacity_provider::describe(state, request),
        "UpdateCapacityProvider" => |state, request, _| capacity_provider::update(state, request),
        "DeleteCapacityProvider" => |state, request, _| capacity_provider::delete(state, request),
        "ListContainerInstances" => |state, request, _| instance::list(state, request),
        "DescribeContainerInstances" => |state, request, _| instance::describe(state, request),
        "RegisterTaskDefinition" => task_definition::register,
        "DescribeTaskDefinition" => |state, request, _| task_definition::describe(state, request),
        "ListTaskDefinitions" => |state, request, _| task_definition::list(state, request),
        "ListTaskDefinitionFamilies" => |state, request, _| task_definition::list_families(state, request),
        "DeregisterTaskDefinition" => task_definition::deregister,
        "DeleteTaskDefinitions" => task_definition::delete,
        "CreateService" => service::create,
        "UpdateService" => service::update,
        "DeleteService" => |state, request, _| service::delete(state, request),
        "DescribeServices" => |state, request, _| service::describe(state, request),
        "ListServices" => |state, request, _| service::list(state, request),
        "ListServicesByNamespace" => |state, request, now| connect::list(state, request, now),
        "ListServiceDeployments" => |state, request, _| service_deployment::list(state, request),
        "DescribeServiceDeployments" => |state, request, _| service_deployment::describe(state, request),
        "StopServiceDeployment" => deployment_action::stop,
        "ContinueServiceDeployment" => |state, request, _| deployment_action::go_on(state, request),
        "DescribeServiceRevisions" => |state, request, _| revision::describe(state, request),
        "RunTask" => task::run,
        "StartTask" => |state, request, _| task::start(state, request),
        "StopTask" => task::stop,
        "DescribeTasks" => |state, request, _| task::describe(state, request),
        "ListTasks" => |state, request, _| task::list(state, request),
        "GetTaskProtection" => |state, request, now| task::get_protection(state, request, now),
        "UpdateTaskProtection" => task::update_protection,
        "PutAccountSetting" | "PutAccountSettingDefault" => {
            |state, request, _| account_setting::put(state, request)
        }
        "DeleteAccountSetting" => |state, request, _| account_setting::delete(state, request),
        "ListAccountSettings" => |state, request, _| account_setting::list(state, request),
        "TagResource" => |state, request, _| tag::tag_resource(state, request),
        "UntagResource" => |state, request, _| tag::untag_resource(state, request),
        "ListTagsForResource" => |state, request, _| tag::list_tags(state, request),
        _ => return None,
    })
}

/// Whether an operation is done here.
pub(crate) fn is_done(operation: &str) -> bool {
    handler(operation).is_some()
}

/// Why an operation is not done, where there is more to say than that.
pub(crate) fn why_not(operation: &str) -> Option<&'static str> {
    match operation {
        "ExecuteCommand" => Some("a task's output is in its log, and its processes are this machine's own"),
        "DiscoverPollEndpoint"
        | "RegisterContainerInstance"
        | "SubmitAttachmentStateChanges"
        | "SubmitContainerStateChange"
        | "SubmitTaskStateChange" => {
            Some("it is for the agent of a container instance, and there is no instance here")
        }
        _ => None,
    }
}

/// Serves one operation, whose request the table has found right.
pub(crate) fn call(state: &mut State, checked: &Checked, now: Time) -> Result<Answer, ApiError> {
    let name = checked.operation.name;
    if name == "DescribeServices" && !state.switches.permutes_lists {
        return service::describe_as_text(state, &checked.request);
    }
    let serve = handler(name).ok_or_else(|| not_done("ecs", name))?;
    let mut answer = serve(state, &checked.request, now)?;
    if state.switches.permutes_lists && name.starts_with("Describe") {
        permute(&mut answer);
    }
    Ok(answer.into())
}

/// Adds the token of the next page, if there is one.
pub(super) fn paged(mut answer: Value, next_token: Option<String>) -> Value {
    if let Some(token) = next_token {
        set(&mut answer, "nextToken", token);
    }
    answer
}
