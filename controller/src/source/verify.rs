//! Whether a bundle is its publisher's: the one place where that is asked.
//!
//! A bundle is sound, and of this environment, before it comes here; what is asked here is who made it.
//! The answer is a standing condition of the source, `SourceVerified`.

use coxswain_manifest::{Bundle, BundleError, Signature};
use coxswain_plan::Reason;

/// What is asked of a bundle's signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignaturePolicy {
    /// Nothing: whoever can write to the source decides what runs, and the status says so.
    #[default]
    AcceptUnsigned,
}

/// What is known of a bundle's publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Whether a pinned key made its signature.
    pub is_verified: bool,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub message: String,
}

impl SignaturePolicy {
    /// Asks who made a bundle.
    ///
    /// # Errors
    /// Where the policy refuses it; nothing of it is then taken.
    pub fn verify(self, bundle: &Bundle) -> Result<Verification, BundleError> {
        match self {
            Self::AcceptUnsigned => Ok(Verification::unverified(bundle.signature())),
        }
    }
}

impl Verification {
    /// Nothing was verified.
    pub(super) fn unverified(signature: Option<&Signature>) -> Self {
        let what = match signature {
            Some(Signature { key_id, .. }) => {
                format!("the signature by the key {key_id:?} is not verified by this version")
            }
            None => "the manifests are not signed".to_owned(),
        };
        let message = format!("{what}: whoever can write to the source decides what runs");
        Self { is_verified: false, reason: Reason::SourceUnverified, message }
    }
}
