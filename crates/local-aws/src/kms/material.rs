//! What a key is made of, and what is done with it. It never leaves here but for the public part.
//!
//! Keys, nonces and signatures come from the system's randomness: a seed repeats key ids, not keys.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    digest::{self, Digest},
    encoding::AsDer,
    rand::{self, SystemRandom},
    rsa,
    signature::{EcdsaKeyPair, KeyPair, UnparsedPublicKey},
};

use super::spec::{Curve, Rsa, Spec, rsa_algorithm};

/// The cryptographic library failed, or what it was given does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library failed")]
pub(super) struct Failed;

impl From<aws_lc_rs::error::Unspecified> for Failed {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

/// What is signed: a message, or the digest of one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signed<'a> {
    Message(&'a [u8]),
    Digest(&'a [u8]),
}

impl Signed<'_> {
    /// `None` where a digest is not as long as the algorithm's.
    pub(super) fn digest(self, algorithm: &'static digest::Algorithm) -> Option<Digest> {
        match self {
            Self::Message(message) => Some(digest::digest(algorithm, message)),
            Self::Digest(digest) => Digest::import_less_safe(digest, algorithm).ok(),
        }
    }
}

/// A key's material.
pub(super) enum Material {
    Symmetric(RandomizedNonceKey),
    Elliptic(&'static Curve, EcdsaKeyPair),
    Rsa(&'static Rsa, rsa::KeyPair),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().name())
    }
}

/// Bytes of a nonce of AES-GCM.
const NONCE: usize = 12;

impl Material {
    /// A new key. RSA's take a moment.
    pub(super) fn generate(spec: Spec) -> Result<Self, Failed> {
        Ok(match spec {
            Spec::Symmetric => {
                let mut bytes = [0; 32];
                rand::fill(&mut bytes)?;
                Self::Symmetric(RandomizedNonceKey::new(&AES_256_GCM, &bytes)?)
            }
            Spec::Elliptic(curve) => Self::Elliptic(curve, EcdsaKeyPair::generate(curve.signing)?),
            Spec::Rsa(size) => Self::Rsa(size, rsa::KeyPair::generate(size.size)?),
        })
    }

    pub(super) fn spec(&self) -> Spec {
        match self {
            Self::Symmetric(_) => Spec::Symmetric,
            Self::Elliptic(curve, _) => Spec::Elliptic(curve),
            Self::Rsa(size, _) => Spec::Rsa(size),
        }
    }

    /// The digest that an algorithm takes; `None` where this key does not sign by it.
    pub(super) fn digest_of(&self, algorithm: &str) -> Option<&'static digest::Algorithm> {
        match self {
            Self::Symmetric(_) => None,
            Self::Elliptic(curve, _) => curve.algorithm.contains(&algorithm).then_some(curve.digest),
            Self::Rsa(..) => rsa_algorithm(algorithm).map(|algorithm| algorithm.digest),
        }
    }

    /// A signature: of ECDSA in ASN.1, as X9.62 has it; of RSA the bare number.
    pub(super) fn sign(&self, algorithm: &str, digest: &Digest) -> Result<Vec<u8>, Failed> {
        match self {
            Self::Symmetric(_) => Err(Failed),
            Self::Elliptic(_, pair) => Ok(pair.sign_digest(digest)?.as_ref().to_vec()),
            Self::Rsa(_, pair) => {
                let algorithm = rsa_algorithm(algorithm).ok_or(Failed)?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(algorithm.signing, digest, &mut signature)?;
                Ok(signature)
            }
        }
    }

    /// Whether a signature is this key's.
    pub(super) fn verifies(&self, algorithm: &str, digest: &Digest, signature: &[u8]) -> bool {
        match self {
            Self::Symmetric(_) => false,
            Self::Elliptic(curve, pair) => UnparsedPublicKey::new(curve.verifying, pair.public_key())
                .verify_digest(digest, signature)
                .is_ok(),
            Self::Rsa(_, pair) => rsa_algorithm(algorithm).is_some_and(|algorithm| {
                UnparsedPublicKey::new(algorithm.verifying, pair.public_key())
                    .verify_digest(digest, signature)
                    .is_ok()
            }),
        }
    }

    /// The public key as a `SubjectPublicKeyInfo` of RFC 5280, in DER; a symmetric key has none.
    pub(super) fn public_key(&self) -> Result<Vec<u8>, Failed> {
        match self {
            Self::Symmetric(_) => Err(Failed),
            Self::Elliptic(_, pair) => Ok(pair.public_key().as_der()?.as_ref().to_vec()),
            Self::Rsa(_, pair) => Ok(pair.public_key().as_der()?.as_ref().to_vec()),
        }
    }

    /// Nonce, ciphertext and tag.
    pub(super) fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, Failed> {
        let Self::Symmetric(key) = self else { return Err(Failed) };
        let mut sealed = plain.to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(context), &mut sealed)?;
        let nonce: &[u8; NONCE] = nonce.as_ref();
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What [`Self::seal`] sealed, under the same context.
    pub(super) fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Failed> {
        let Self::Symmetric(key) = self else { return Err(Failed) };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Failed)?;
        let mut opened = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        Ok(key.open_in_place(nonce, Aad::from(context), &mut opened)?.to_vec())
    }
}

/// Random bytes of the system.
pub(super) fn random(count: usize) -> Result<Vec<u8>, Failed> {
    let mut bytes = vec![0; count];
    rand::SecureRandom::fill(&SystemRandom::new(), &mut bytes)?;
    Ok(bytes)
}
