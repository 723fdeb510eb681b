//! The identity as a signed assertion: a compact JWS (RFC 7515), ES256, made afresh for every request.
//!
//! ```text
//! header   {"alg":"ES256","kid":"gw-1","typ":"coxswain-identity+jwt"}
//! claims   {"aud":"api","iat":1790000000,"exp":1790000030,"method":"POST","path":"/webhooks/shop",
//!           "bodySha256":"<base64url>","client":{"subject":"CN=partner",...}}
//! ```
//!
//! *Guarantees*: a token that verifies was made by the holder of a trusted key, for this audience, method, path
//! with query, and body, less than [`LIFE`] and [`CLOCK_SKEW`] ago.
//!
//! *Caveats*: within its life a token can be sent again with the very same request. A service behind it must be
//! idempotent or remember what it has seen. An ECDSA signature is not unique for its message, so a token must
//! not serve as an id.
//!
//! Nothing here is compared in constant time, because a verifier holds no secret: the key is public, and method,
//! path, audience and digest are known to whoever sends the request.

mod sign;
#[cfg(test)]
mod tests;
mod verify;

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
pub use sign::SignError;
pub use verify::{PendingBody, Verifier, VerifyError};

/// The header field that carries the token.
pub const ASSERTION_HEADER: &str = "x-client-assertion";

/// How long an assertion lives. It is made for one request, so this covers only the way to the service and the
/// reading of a slow body's head.
pub const LIFE: Duration = Duration::from_secs(30);

/// How far the gateway's and the service's clocks may be apart.
///
/// Tasks on AWS follow the Amazon Time Sync Service to within a millisecond; five seconds leave room for machines
/// that do not. Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/set-time.html>
pub const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// The longest token, so that its field fits the 8 KB header buffers of common proxies.
///
/// Source: <https://nginx.org/en/docs/http/ngx_http_core_module.html#large_client_header_buffers>
pub const MAX_TOKEN_BYTES: usize = 7 * 1024;

const ALGORITHM: &str = "ES256";

/// Keeps these tokens apart from any other JWT made with the same key. Source: RFC 8725 section 3.11.
const TYPE: &str = "coxswain-identity+jwt";

/// What a request's first line says; an assertion is bound to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// The method, in its own case.
    pub method: &'a str,
    /// The path and query exactly as sent to the service, neither decoded nor normalised.
    pub path: &'a str,
}

/// The SHA-256 of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyDigest([u8; digest::SHA256_OUTPUT_LEN]);

impl BodyDigest {
    /// The digest of a body, byte for byte as sent; of no bytes where there is no body.
    pub fn of(body: &[u8]) -> Self {
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, body).as_ref());
        Self(bytes)
    }

    fn to_text(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Claims {
    aud: String,
    iat: u64,
    exp: u64,
    method: String,
    path: String,
    body_sha256: String,
    client: Identity,
}

/// Seconds since 1970, whole, as JWT counts them (RFC 7519 section 2). `None` before 1970.
fn numeric_date(time: SystemTime) -> Option<u64> {
    Some(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}
