//! Who is calling, by the one way that is configured.

use std::time::SystemTime;

use coxswain_identity::headers::{self, HeaderError};
use coxswain_identity::{
    ASSERTION_HEADER, BodyDigest, Identity, PendingBody, RequestHead, Verifier, VerifyError,
};
use http::request::Parts;

/// The way in which callers are known. There is no falling back from one to another.
#[derive(Debug)]
pub(crate) enum CallerCheck {
    /// A signed assertion; `X-Client-*` headers are ignored.
    Assertion(Verifier),
    /// Plain headers, believed because only this machine can send them.
    PlainHeaders,
    /// Nobody is asked.
    Anyone,
}

/// A caller whose request's head has been checked, and whose body has not.
#[derive(Debug)]
pub(crate) enum PendingCaller {
    Asserted(PendingBody),
    Known(Option<Identity>),
}

/// Why a caller is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallerError {
    #[error("header {ASSERTION_HEADER} must occur exactly once")]
    NotOneAssertion,
    #[error(transparent)]
    Assertion(#[from] VerifyError),
    #[error(transparent)]
    Headers(#[from] HeaderError),
}

impl CallerCheck {
    /// Checks what can be checked before the body is read.
    pub(crate) fn head(&self, request: &Parts, now: SystemTime) -> Result<PendingCaller, CallerError> {
        match self {
            Self::Assertion(verifier) => {
                let mut tokens = request.headers.get_all(ASSERTION_HEADER).iter();
                let (Some(token), None) = (tokens.next(), tokens.next()) else {
                    return Err(CallerError::NotOneAssertion);
                };
                let token = token.to_str().map_err(|_| CallerError::NotOneAssertion)?;
                let path = request.uri.path_and_query().map_or("/", |target| target.as_str());
                let head = RequestHead { method: request.method.as_str(), path };
                Ok(PendingCaller::Asserted(verifier.verify(token, head, now)?))
            }
            Self::PlainHeaders => Ok(PendingCaller::Known(Some(headers::read(&request.headers)?))),
            Self::Anyone => Ok(PendingCaller::Known(None)),
        }
    }
}

impl PendingCaller {
    /// Checks the body, and gives the caller; `None` where nobody is asked.
    pub(crate) fn with_body(self, body: &[u8]) -> Result<Option<Identity>, CallerError> {
        match self {
            Self::Asserted(pending) => Ok(Some(pending.with_body(BodyDigest::of(body))?)),
            Self::Known(caller) => Ok(caller),
        }
    }
}
