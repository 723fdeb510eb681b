//! Checking an assertion: the service's side.

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

use super::{
    ALGORITHM, BodyDigest, CLOCK_SKEW, Claims, Header, LIFE, MAX_TOKEN_BYTES, RequestHead, TYPE, numeric_date,
};
use crate::identity::Identity;
use crate::key::PublicKeys;

/// Why an assertion is refused. The texts name the rule and never repeat what the token holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is longer than the limit.
    #[error("the assertion is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// The token is not three parts joined by dots.
    #[error("the assertion is not a compact JWS of three parts")]
    NotCompact,
    /// A part is not base64url without padding, in its one canonical spelling.
    #[error("the assertion's {part} is not base64url without padding")]
    Base64 {
        /// Which part.
        part: &'static str,
    },
    /// A part is not the JSON object expected: a member is missing, doubled, unknown or of the wrong type.
    #[error("the assertion's {part} is not the JSON object expected")]
    Json {
        /// Which part.
        part: &'static str,
        /// What the reader says.
        #[source]
        source: serde_json::Error,
    },
    /// The algorithm is another one than ES256.
    #[error("the assertion's algorithm is not {ALGORITHM}")]
    Algorithm,
    /// The token is a JWT of some other use.
    #[error("the assertion's type is not {TYPE}")]
    Type,
    /// No trusted key has the token's key id.
    #[error("the assertion is signed with a key that is not trusted here")]
    UnknownKey,
    /// The signature is not one of the key over these bytes.
    #[error("the assertion's signature does not verify")]
    Signature,
    /// The token was made for another service.
    #[error("the assertion is for another audience")]
    Audience,
    /// The token claims to live longer than any that the gateway makes, or to end before it begins.
    #[error("the assertion's life is not between 1 and {} seconds", LIFE.as_secs())]
    Life,
    /// The token was made later than now, by more than the clocks may differ.
    #[error("the assertion is not valid yet; the clocks may differ by {} seconds", CLOCK_SKEW.as_secs())]
    NotYetValid,
    /// The token's life is over.
    #[error("the assertion has expired")]
    Expired,
    /// The token was made for another method.
    #[error("the assertion is for another method")]
    Method,
    /// The token was made for another path or query.
    #[error("the assertion is for another path")]
    Path,
    /// The token was made for another body.
    #[error("the assertion is for another body")]
    Body,
}

/// Checks assertions for one audience by a set of trusted keys.
#[derive(Debug)]
pub struct Verifier {
    keys: PublicKeys,
    audience: String,
}

/// An assertion of which only the body is still to be checked; it gives no identity before that.
#[derive(Debug)]
#[must_use = "the body has not been checked yet"]
pub struct PendingBody {
    client: Identity,
    body_sha256: String,
}

impl Verifier {
    /// Trusts `keys`, for assertions made for `audience`.
    pub fn new(keys: PublicKeys, audience: impl Into<String>) -> Self {
        Self { keys, audience: audience.into() }
    }

    /// Checks everything but the body, so that a stranger is refused before a body is read.
    ///
    /// The order matters: nothing of the claims is looked at before the signature is known to be good.
    pub fn verify(
        &self,
        token: &str,
        head: RequestHead<'_>,
        now: SystemTime,
    ) -> Result<PendingBody, VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(VerifyError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::NotCompact)?;
        let (header, claims) = signed.split_once('.').ok_or(VerifyError::NotCompact)?;
        if claims.contains('.') {
            return Err(VerifyError::NotCompact);
        }
        self.check_signature(header, signed, signature)?;
        let claims: Claims = object("claims", claims)?;
        self.check_claims(&claims, head, now)?;
        Ok(PendingBody { client: claims.client, body_sha256: claims.body_sha256 })
    }

    fn check_signature(&self, header: &str, signed: &str, signature: &str) -> Result<(), VerifyError> {
        let header: Header = object("header", header)?;
        // The algorithm is fixed by the key, never chosen by the token (RFC 8725 section 3.1).
        if header.alg != ALGORITHM {
            return Err(VerifyError::Algorithm);
        }
        if header.typ != TYPE {
            return Err(VerifyError::Type);
        }
        let key = self.keys.get(&header.kid).ok_or(VerifyError::UnknownKey)?;
        let signature = decode("signature", signature)?;
        key.verify_sig(signed.as_bytes(), &signature).map_err(|_| VerifyError::Signature)
    }

    fn check_claims(
        &self,
        claims: &Claims,
        head: RequestHead<'_>,
        now: SystemTime,
    ) -> Result<(), VerifyError> {
        if claims.aud != self.audience {
            return Err(VerifyError::Audience);
        }
        let life = claims.exp.checked_sub(claims.iat).ok_or(VerifyError::Life)?;
        if life == 0 || life > LIFE.as_secs() {
            return Err(VerifyError::Life);
        }
        let now = numeric_date(now).ok_or(VerifyError::NotYetValid)?;
        let skew = CLOCK_SKEW.as_secs();
        if claims.iat > now.saturating_add(skew) {
            return Err(VerifyError::NotYetValid);
        }
        if now >= claims.exp.saturating_add(skew) {
            return Err(VerifyError::Expired);
        }
        if claims.method != head.method {
            return Err(VerifyError::Method);
        }
        if claims.path != head.path {
            return Err(VerifyError::Path);
        }
        Ok(())
    }
}

impl PendingBody {
    /// Checks the body's digest and gives the identity.
    pub fn with_body(self, body: BodyDigest) -> Result<Identity, VerifyError> {
        if self.body_sha256 != body.to_text() {
            return Err(VerifyError::Body);
        }
        Ok(self.client)
    }
}

fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, VerifyError> {
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| VerifyError::Base64 { part })
}

fn object<T: DeserializeOwned>(part: &'static str, text: &str) -> Result<T, VerifyError> {
    let bytes = decode(part, text)?;
    // A derived reader would also take a list of the members' values, a second spelling of the same thing.
    let parsed = if bytes.first() == Some(&b'{') {
        serde_json::from_slice(&bytes)
    } else {
        Err(serde::de::Error::custom("not an object"))
    };
    parsed.map_err(|source| VerifyError::Json { part, source })
}
