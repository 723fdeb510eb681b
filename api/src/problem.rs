//! An answer that says no, as RFC 9457 has it.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

/// An error answer: `application/problem+json` with `title`, `status`, `detail` and our stable `code`.
///
/// The `type` is left out, which means `about:blank`: the status says what kind of problem it is, and `code`
/// tells programs which one (RFC 9457 section 4.2.1).
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    /// A header field that belongs to the problem.
    field: Option<(HeaderName, &'static str)>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), field: None }
    }

    /// A caller who is not known; RFC 9110 section 15.5.2 asks for a challenge.
    pub(crate) fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "CallerUnknown", detail)
            .with(WWW_AUTHENTICATE, "ClientCertificate realm=\"coxswain\"")
    }

    /// Something of ours that is likely to work again soon.
    pub(crate) fn unavailable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with(RETRY_AFTER, "1")
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.field = Some((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({
            "title": title,
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        (self.status, kind, self.field.map(|field| [field]), body.to_string()).into_response()
    }
}
