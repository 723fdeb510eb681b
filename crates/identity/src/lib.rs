//! The caller's identity between the gateway and a service behind it.
//!
//! The gateway ends the caller's TLS, so a service learns only from the gateway who is calling. There are two
//! ways to be told, and a service picks exactly one:
//!
//! - [`headers`]: plain header fields. They prove nothing by themselves; whoever reaches the service's port can
//!   write them. Use them where the port is reachable by the gateway alone.
//! - [`SigningKey::sign`] and [`Verifier`]: a short-lived signed assertion, bound to one method, path and body.
//!
//! Start with [`Identity`]; then [`Verifier::verify`], whose two steps let a service refuse a caller before it
//! reads the caller's body.

mod assertion;
pub mod headers;
mod identity;
mod key;

pub use assertion::{
    ASSERTION_HEADER, BodyDigest, CLOCK_SKEW, LIFE, MAX_TOKEN_BYTES, PendingBody, RequestHead, SignError,
    Verifier, VerifyError,
};
pub use identity::{Identity, IdentityError, Parts};
pub use key::{KeyError, PublicKeys, SigningKey};
