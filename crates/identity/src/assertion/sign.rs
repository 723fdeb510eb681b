//! Making an assertion: the gateway's side.

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;

use super::{ALGORITHM, BodyDigest, Claims, Header, LIFE, MAX_TOKEN_BYTES, RequestHead, TYPE, numeric_date};
use crate::identity::Identity;
use crate::key::SigningKey;

/// Why no assertion could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The clock stands before 1970.
    #[error("the clock stands before 1970")]
    Clock,
    /// The token would be longer than a verifier accepts; a very long path is the likely cause.
    #[error("the assertion would be longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// The parts could not be written as JSON.
    #[error("the assertion could not be written")]
    Json(#[source] serde_json::Error),
    /// The system has no randomness to sign with.
    #[error("the assertion could not be signed")]
    Signature,
}

impl SigningKey {
    /// Makes an assertion that the gateway verified `client` for exactly this request.
    ///
    /// `audience` names the service that the request goes to, so that it is of no use at another one.
    pub fn sign(
        &self,
        client: &Identity,
        audience: &str,
        head: RequestHead<'_>,
        body: BodyDigest,
        now: SystemTime,
    ) -> Result<String, SignError> {
        let issued = numeric_date(now).ok_or(SignError::Clock)?;
        let header = Header { alg: ALGORITHM.to_owned(), kid: self.kid().to_owned(), typ: TYPE.to_owned() };
        let claims = Claims {
            aud: audience.to_owned(),
            iat: issued,
            exp: issued.saturating_add(LIFE.as_secs()),
            method: head.method.to_owned(),
            path: head.path.to_owned(),
            body_sha256: body.to_text(),
            client: client.clone(),
        };
        let signed = format!("{}.{}", encode(&header)?, encode(&claims)?);
        let signature = self.sign_bytes(signed.as_bytes()).ok_or(SignError::Signature)?;
        let token = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        if token.len() > MAX_TOKEN_BYTES {
            return Err(SignError::TooLong);
        }
        Ok(token)
    }
}

fn encode<T: Serialize>(part: &T) -> Result<String, SignError> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).map_err(SignError::Json)?))
}
