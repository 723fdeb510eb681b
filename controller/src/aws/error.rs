//! What an AWS failure means for the caller: the only place that knows AWS's codes.

use std::time::Duration;

use serde_json::Value;

use super::Operation;
use crate::authority::Withheld;

/// A call that did not succeed, with AWS's own words and the request's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {failure}{}", request_text(request_id.as_ref()))]
pub struct AwsError {
    /// Which call.
    pub operation: Operation,
    /// What it means.
    pub failure: Failure,
    /// AWS's `x-amzn-RequestId`, where an answer came.
    pub request_id: Option<String>,
}

/// What a failed call means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// What the call names is not there.
    #[error("{message}")]
    NotFound {
        /// AWS's words.
        message: String,
    },
    /// Too many calls; the same call may be repeated after a while.
    #[error("throttled: {message}")]
    Throttled {
        /// How long AWS asked to wait, where it did.
        after: Option<Duration>,
        /// AWS's words.
        message: String,
    },
    /// The resource is in a state that does not allow the call now, or another call is under way.
    #[error("{message}")]
    Conflict {
        /// AWS's words.
        message: String,
    },
    /// Permission is lacking.
    #[error("{message}")]
    Denied {
        /// The IAM action to grant.
        action: String,
        /// On what, where AWS says it.
        resource: Option<String>,
        /// AWS's words.
        message: String,
    },
    /// AWS refuses the request as it is; it will refuse it again.
    #[error("{message}")]
    Invalid {
        /// AWS's name of the error.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// No answer, or one that says that AWS is unwell; nothing was changed.
    #[error("no answer that can be used: {message}")]
    Unavailable {
        /// What went wrong.
        message: String,
    },
    /// The call was sent and may have taken effect; no answer says so.
    #[error("sent, and the outcome is not known: {message}")]
    InDoubt {
        /// What went wrong.
        message: String,
    },
    /// It was not sent: at that moment this replica was not to write.
    #[error("not sent: {0}")]
    Withheld(Withheld),
}

fn request_text(request_id: Option<&String>) -> String {
    request_id.map(|id| format!(" (request {id})")).unwrap_or_default()
}

impl AwsError {
    /// A call that was never sent, or had no answer: in doubt only where it was sent and writes.
    pub fn unanswered(operation: Operation, was_sent: bool, message: impl Into<String>) -> Self {
        let message = message.into();
        let failure = if was_sent && !operation.only_reads() {
            Failure::InDoubt { message }
        } else {
            Failure::Unavailable { message }
        };
        Self { operation, failure, request_id: None }
    }

    /// Reads an error answer.
    pub(crate) fn from_answer(
        operation: Operation,
        status: u16,
        body: &[u8],
        code_header: Option<&str>,
        retry_after: Option<Duration>,
        request_id: Option<String>,
    ) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let code = short_code(text("__type").or(code_header).or_else(|| text("code")).unwrap_or_default());
        let message = text("message").or_else(|| text("Message")).unwrap_or_default();
        let message = match (message, code.as_str()) {
            ("", "") => format!("HTTP status {status}"),
            ("", code) => code.to_owned(),
            (message, _) => message.to_owned(),
        };
        Self { operation, failure: classify(operation, status, code, message, retry_after), request_id }
    }

    /// Whether what the call names is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self.failure, Failure::NotFound { .. })
    }
}

/// `com.amazonaws.ecs#ClientException` and `ClientException:http://...` are `ClientException`.
fn short_code(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or_default();
    code.split(':').next().unwrap_or_default().to_owned()
}

/// Sources: "Common errors" and the error lists of each operation in the ECS, Systems Manager, ECR and
/// CloudWatch Logs API references; the texts of `ClientException` and `InvalidParameterException` that
/// stand for something else are from published reports (terraform-provider-aws `service.go`,
/// cloudposse/terraform-aws-ecs-alb-service-task#258).
fn classify(
    operation: Operation,
    status: u16,
    code: String,
    message: String,
    after: Option<Duration>,
) -> Failure {
    match code.as_str() {
        "ThrottlingException" | "Throttling" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            Failure::Throttled { after, message }
        }
        "ServiceNotFoundException"
        | "ClusterNotFoundException"
        | "ResourceNotFoundException"
        | "TaskSetNotFoundException"
        | "ServiceDeploymentNotFoundException"
        | "ParameterNotFound"
        | "RepositoryNotFoundException"
        | "ImageNotFoundException" => Failure::NotFound { message },
        "ServiceNotActiveException"
        | "UpdateInProgressException"
        | "ConflictException"
        | "ParameterAlreadyExists"
        | "ResourceInUseException" => Failure::Conflict { message },
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "ExpiredTokenException"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OptInRequired" => Failure::Denied {
            action: denied_action(&message).unwrap_or_else(|| operation.iam_action()),
            resource: denied_resource(&message),
            message,
        },
        _ if status >= 500 => AwsError::unanswered(operation, true, message).failure,
        _ if is_registration_race(&message) => Failure::Throttled { after, message },
        _ if message.contains("still Draining") => Failure::Conflict { message },
        "ClientException" if message.contains("Unable to describe task definition") => {
            Failure::NotFound { message }
        }
        _ => Failure::Invalid { code, message },
    }
}

/// "Too many concurrent attempts to create a new revision of the specified family."
fn is_registration_race(message: &str) -> bool {
    message.contains("Too many concurrent attempts")
}

/// The action in "User: ... is not authorized to perform: iam:PassRole on resource: ...".
fn denied_action(message: &str) -> Option<String> {
    word_after(message, "perform: ").filter(|word| word.contains(':'))
}

fn denied_resource(message: &str) -> Option<String> {
    word_after(message, "on resource: ")
}

fn word_after(message: &str, before: &str) -> Option<String> {
    let (_, rest) = message.split_once(before)?;
    let word = rest.split_whitespace().next()?.trim_end_matches([',', '.']);
    (!word.is_empty()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(operation: Operation, status: u16, body: &str) -> Failure {
        AwsError::from_answer(operation, status, body.as_bytes(), None, None, None).failure
    }

    #[test]
    fn every_code_is_told_by_what_to_do_about_it() {
        let cases = [
            (400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#, "Throttled"),
            (
                400,
                r#"{"__type":"com.amazonaws.ecs#ServiceNotFoundException","message":"Service not found."}"#,
                "NotFound",
            ),
            (
                400,
                r#"{"__type":"ServiceNotActiveException","message":"Service was not ACTIVE."}"#,
                "Conflict",
            ),
            (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#, "Denied"),
            (400, r#"{"__type":"InvalidParameterException","message":"Tags can not be empty."}"#, "Invalid"),
            (
                400,
                r#"{"__type":"ClientException","message":"Too many concurrent attempts to create a new revision of the specified family."}"#,
                "Throttled",
            ),
            (
                400,
                r#"{"__type":"InvalidParameterException","message":"Unable to Start a service that is still Draining."}"#,
                "Conflict",
            ),
            (
                400,
                r#"{"__type":"ClientException","message":"Unable to describe task definition."}"#,
                "NotFound",
            ),
            (400, "not json", "Invalid"),
        ];
        for (status, body, expected) in cases {
            let failure = format!("{:?}", error(Operation::UpdateService, status, body));
            assert!(failure.starts_with(expected), "{body}: {failure}");
        }
    }

    #[test]
    fn a_server_error_leaves_a_doubt_only_about_a_call_that_writes() {
        let body = r#"{"__type":"ServerException","message":"oops"}"#;
        assert!(matches!(error(Operation::UpdateService, 500, body), Failure::InDoubt { .. }));
        assert!(matches!(error(Operation::DescribeServices, 500, body), Failure::Unavailable { .. }));
    }

    #[test]
    fn a_call_that_was_never_sent_is_not_in_doubt() {
        let unsent = AwsError::unanswered(Operation::UpdateService, false, "connection refused");
        assert!(matches!(unsent.failure, Failure::Unavailable { .. }));
        let sent = AwsError::unanswered(Operation::UpdateService, true, "timeout");
        assert!(matches!(sent.failure, Failure::InDoubt { .. }));
    }

    #[test]
    fn a_denial_names_the_action_and_the_resource_to_grant() {
        let body = r#"{"__type":"AccessDeniedException","message":"User: arn:aws:sts::123456789012:assumed-role/c/s is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/api because no identity-based policy allows it"}"#;
        let Failure::Denied { action, resource, .. } = error(Operation::RegisterTaskDefinition, 400, body)
        else {
            panic!("not a denial");
        };
        assert_eq!(action, "iam:PassRole");
        assert_eq!(resource.as_deref(), Some("arn:aws:iam::123456789012:role/api"));
    }

    #[test]
    fn the_text_has_the_operation_the_words_and_the_request() {
        let error = AwsError::from_answer(
            Operation::UpdateService,
            400,
            br#"{"__type":"InvalidParameterException","message":"Bad subnet."}"#,
            None,
            None,
            Some("7f3c".to_owned()),
        );
        assert_eq!(error.to_string(), "UpdateService: Bad subnet. (request 7f3c)");
        let unwell = AwsError::from_answer(Operation::DescribeServices, 503, b"", None, None, None);
        assert_eq!(unwell.to_string(), "DescribeServices: no answer that can be used: HTTP status 503");
    }
}
