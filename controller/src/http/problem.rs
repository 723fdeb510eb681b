//! Errors as `application/problem+json` (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use coxswain_plan::Reason;

use super::v1;
use crate::{
    aws::{AwsError, Failure},
    phase::PhaseError,
    status::{Problem as Fault, read_only},
};

/// Why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    reason: Option<Reason>,
    faults: Vec<Fault>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), reason: None, faults: Vec::new() }
    }

    /// The request is not of the right form.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-request",
            "The request is not of the right form",
            detail,
        )
    }

    /// There is nothing of that name; the nearest one is named.
    pub(crate) fn not_found(what: &str, name: &str, known: &[String]) -> Self {
        let nearest =
            nearest(name, known).map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
        let detail = format!("there is no {what} {name:?}{nearest}");
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing of that name", detail)
    }

    /// It exists in principle and has no answer now.
    pub(crate) fn nothing_to_show(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "nothing-to-show", "There is nothing to show", detail)
    }

    /// The caller does not say who it is.
    pub(crate) fn unauthorised() -> Self {
        let detail = "send the controller's token: Authorization: Bearer TOKEN";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorised", "A token is required", detail)
    }

    /// The request comes from where it should not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The request is refused", detail)
    }

    /// The id was used for something else.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "id-reused", "The id was used for something else", detail)
    }

    /// It is part of the design and not of this version.
    pub(crate) fn not_built(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-built-yet", "This version does not do that", detail)
    }

    /// Manifests that do not become a bundle, with every fault of them.
    pub(crate) fn invalid_manifest(detail: impl Into<String>, faults: Vec<Fault>) -> Self {
        let title = "The manifests do not validate";
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-manifest", title, detail);
        Self { faults, ..problem.because(Reason::InvalidManifest) }
    }

    /// Manifests of an environment that is not served.
    pub(crate) fn other_environment(detail: impl Into<String>) -> Self {
        let title = "The manifests are of another environment";
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "other-environment", title, detail);
        problem.because(Reason::OtherEnvironment)
    }

    /// The next reading of the source would undo what is asked for.
    pub(crate) fn read_only_source(from: &str) -> Self {
        let detail = read_only(from);
        Self::new(StatusCode::CONFLICT, "read-only-source", "The source is read-only", detail)
    }

    /// Somebody else was quicker.
    pub(crate) fn overtaken(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "overtaken", "Somebody else has published meanwhile", detail)
    }

    /// What stands where the pointer should be is none.
    pub(crate) fn no_pointer(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "no-pointer", "The source's pointer is none", detail)
    }

    /// Something that is needed does not answer.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Something that is needed does not answer",
            detail,
        )
    }

    /// As many follow as can be served.
    pub(crate) fn too_many(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-streams", "Too many follow at once", detail)
    }

    /// Another replica has it.
    pub(crate) fn follows(leader: Option<&str>) -> Self {
        let who = leader.map_or("nobody leads yet".to_owned(), |leader| format!("{leader} leads: ask there"));
        let detail = format!("events are with the replica that leads, and this one follows; {who}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "follows", "Another replica has it", detail)
    }

    /// The answer took too long.
    pub(crate) fn timeout() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "It took too long",
            "try again; nothing is lost by it",
        )
    }

    fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }
}

impl From<PhaseError> for Problem {
    fn from(error: PhaseError) -> Self {
        Self::unavailable(error.message()).because(error.reason())
    }
}

impl From<AwsError> for Problem {
    fn from(error: AwsError) -> Self {
        let detail = error.to_string();
        let problem = |kind, title| Self::new(StatusCode::BAD_GATEWAY, kind, title, detail.clone());
        match error.failure {
            Failure::NotFound { .. } => Self::nothing_to_show(detail),
            Failure::Denied { .. } => problem("denied", "AWS refused a call").because(Reason::Denied),
            Failure::Throttled { .. } => problem("throttled", "AWS throttles").because(Reason::Throttled),
            Failure::Invalid { .. } | Failure::Conflict { .. } => {
                problem("refused", "AWS refused a call").because(Reason::Refused)
            }
            Failure::Unavailable { .. } | Failure::InDoubt { .. } | Failure::Withheld(_) => {
                problem("unavailable", "AWS does not answer").because(Reason::Unavailable)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = v1::Problem {
            kind: format!("https://coxswain.dev/problems/{}", self.kind),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            reason: self.reason,
            problems: self.faults,
        };
        let mut response = (self.status, Json(body)).into_response();
        let content = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, content);
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The known name that `name` was most likely meant to be.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), known.as_str()));
    let (distance, nearest) = near.min()?;
    // A third of a name may be mistyped; beyond that it is another name.
    (distance <= name.chars().count().div_ceil(3)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_where_it_is_near() {
        let known = ["api".to_owned(), "worker".to_owned()];
        for (name, expected) in [("apo", Some("api")), ("wroker", Some("worker")), ("database", None)] {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
        assert_eq!(nearest("api", &[]), None);
    }
}
