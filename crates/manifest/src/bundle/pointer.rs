//! The pointer: the one small object that says which bundle an environment should have.

use serde::{Deserialize, Serialize};

use super::error::Refusal;
use super::{Bundle, BundleError, BundleFault, ContentDigest, StandingBundle};

/// The longest pointer, in bytes: an S3 key of 1,024 bytes and the rest.
const MAX_BYTES: usize = 4 * 1024;

/// Which bundle an environment should have, and where it is kept.
///
/// A publisher writes the bundle under a key of its own first and the pointer last, so that a pointer never
/// leads to a bundle that is still being written. A reader asks for the pointer, and for the bundle only
/// where it has moved.
///
/// ```text
/// {"pointer":1,"environment":"dev","sequence":7,"digest":"v1:sha256:…","key":"bundles/….json"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// The environment.
    pub environment: String,
    /// The bundle's sequence.
    pub sequence: u64,
    /// The bundle's digest.
    pub digest: ContentDigest,
    /// Where the bundle is, relative to the pointer's own place.
    pub key: String,
}

/// The order of the members is part of the format.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    pointer: u64,
    environment: String,
    sequence: u64,
    digest: ContentDigest,
    key: String,
}

impl Pointer {
    /// The pointer to a bundle, which is kept under a key that its digest makes.
    pub fn to(bundle: &Bundle) -> Self {
        Self {
            environment: bundle.environment().to_owned(),
            sequence: bundle.sequence(),
            digest: bundle.digest().clone(),
            key: format!("bundles/{}.json", bundle.digest().hexadecimal()),
        }
    }

    /// The bytes to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        let wire = Wire {
            pointer: 1,
            environment: self.environment.clone(),
            sequence: self.sequence,
            digest: self.digest.clone(),
            key: self.key.clone(),
        };
        // Texts and numbers only: there is nothing that JSON could not say.
        format!("{}\n", serde_json::to_string(&wire).unwrap_or_default()).into_bytes()
    }

    /// Reads a pointer, or refuses it as a bundle would be.
    ///
    /// A pointer is a hint and proves nothing: what it leads to is judged by
    /// [`open`](Self::open).
    pub fn parse(
        bytes: &[u8],
        expected_environment: &str,
        standing: Option<&StandingBundle>,
    ) -> Result<Self, BundleError> {
        let refusal = Refusal { bytes, standing };
        let wire = bytes.get(..MAX_BYTES).map_or(Some(bytes), |_| None);
        let wire = wire.and_then(|bytes| serde_json::from_slice::<Wire>(bytes).ok());
        let Some(wire) = wire.filter(|wire| wire.pointer == 1) else {
            let why = "this is no pointer to a bundle".to_owned();
            return Err(refusal.because(None, BundleFault::Malformed { why }));
        };
        let refuse = |fault| refusal.because(Some(wire.digest.clone()), fault);
        let Wire { environment, sequence, digest, key, .. } = &wire;
        if environment != expected_environment {
            let (found, expected) = (environment.clone(), expected_environment.to_owned());
            return Err(refuse(BundleFault::OtherEnvironment { found, expected }));
        }
        if standing.is_some_and(|standing| *sequence < standing.sequence) {
            return Err(refuse(BundleFault::Replayed { sequence: *sequence }));
        }
        let pointer = Self {
            environment: environment.clone(),
            sequence: *sequence,
            digest: digest.clone(),
            key: key.clone(),
        };
        if pointer.to_bytes() != bytes || !is_key(key) {
            let why = "the pointer is not as one is written".to_owned();
            return Err(refuse(BundleFault::Malformed { why }));
        }
        Ok(pointer)
    }

    /// Reads the bundle that was found where the pointer leads, or refuses it whole.
    ///
    /// # Errors
    /// As [`Bundle::parse`], and [`BundleFault::NotThePointers`] for a sound bundle that is another one.
    pub fn open(&self, bytes: &[u8], standing: Option<&StandingBundle>) -> Result<Bundle, BundleError> {
        let bundle = Bundle::parse(bytes, &self.environment, standing)?;
        if *bundle.digest() == self.digest && bundle.sequence() == self.sequence {
            return Ok(bundle);
        }
        let fault = BundleFault::NotThePointers { named: self.digest.clone(), sequence: self.sequence };
        Err(BundleError::new(bundle.digest().clone(), standing, fault))
    }
}

/// Whether a key stays below the pointer's own place.
fn is_key(key: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '=' | '-');
    key.len() <= 900
        && key.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.chars().all(is_plain))
}
