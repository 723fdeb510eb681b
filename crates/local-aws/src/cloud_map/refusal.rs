//! The errors of Cloud Map, each with the members of its shape.
//!
//! Their HTTP status is 400 in what was seen of AWS, also where the model names another one. Source: the
//! answer in <https://github.com/kubernetes-sigs/external-dns/issues/5180>

use crate::error::ApiError;

fn refuse(code: &'static str, text: impl Into<String>) -> ApiError {
    let text = text.into();
    // Its model writes this member with a capital.
    ApiError::new(code, text.clone()).with("Message", text)
}

/// `InvalidInput`.
pub(super) fn invalid(text: impl Into<String>) -> ApiError {
    refuse("InvalidInput", text)
}

/// Source: <https://github.com/kubernetes-sigs/external-dns/issues/5180>
pub(super) fn no_namespace() -> ApiError {
    refuse("NamespaceNotFound", "Namespace not found")
}

pub(super) fn no_service() -> ApiError {
    refuse("ServiceNotFound", "Service not found")
}

pub(super) fn no_instance(id: &str) -> ApiError {
    refuse("InstanceNotFound", format!("Instance not found: {id}"))
}

pub(super) fn no_operation() -> ApiError {
    refuse("OperationNotFound", "Operation not found")
}

pub(super) fn no_custom_health() -> ApiError {
    refuse("CustomHealthNotFound", "The service has no custom health check")
}

pub(super) fn no_resource(arn: &str) -> ApiError {
    refuse("ResourceNotFoundException", format!("Resource not found: {arn}"))
}

/// Something on the way has the same target; its operation is told.
pub(super) fn duplicate(operation: &str) -> ApiError {
    let text = "Another operation of this kind is in progress";
    refuse("DuplicateRequest", text).with("DuplicateOperationId", operation)
}

pub(super) fn namespace_exists(id: &str, creator_request: &str) -> ApiError {
    refuse("NamespaceAlreadyExists", "Namespace already exists")
        .with("NamespaceId", id)
        .with("CreatorRequestId", creator_request)
}

pub(super) fn service_exists(id: &str, arn: &str, creator_request: &str) -> ApiError {
    refuse("ServiceAlreadyExists", "Service already exists.")
        .with("ServiceId", id)
        .with("ServiceArn", arn)
        .with("CreatorRequestId", creator_request)
}

/// Source of the text: <https://github.com/hashicorp/terraform-provider-aws/issues/4853>
pub(super) fn service_in_use() -> ApiError {
    let text = "Service contains registered instances; delete the instances before deleting the service";
    refuse("ResourceInUse", text)
}

pub(super) fn namespace_in_use() -> ApiError {
    let text = "Namespace has associated services; delete the services before deleting the namespace";
    refuse("ResourceInUse", text)
}

/// A quota of <https://docs.aws.amazon.com/cloud-map/latest/dg/cloud-map-limits.html>
pub(super) fn limit(what: &str, most: usize) -> ApiError {
    refuse("ResourceLimitExceeded", format!("{what} exceed the limit of {most}"))
}

pub(super) fn too_many_attributes(most: usize) -> ApiError {
    let text = format!("A service has at most {most} attributes");
    refuse("ServiceAttributesLimitExceededException", text)
}

pub(super) fn too_many_tags(arn: &str) -> ApiError {
    let text = "The maximum number of tags per resource is 50.";
    refuse("TooManyTagsException", text).with("ResourceName", arn)
}
