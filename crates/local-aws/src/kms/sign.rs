//! Sign, Verify, GetPublicKey.

use aws_lc_rs::digest::Digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    blob,
    manage::key_id,
    material::{Material, Signed},
    refusal::{dry_run, internal, usage, validation},
    store::{Key, Keys, usable},
};
use crate::{ecs::Members, error::ApiError};

/// Most bytes of a message that is sent whole. Source: API_Sign.html.
const LONGEST: usize = 4_096;

impl Keys {
    pub(super) fn sign(&self, input: &Value) -> Result<Value, ApiError> {
        let (key, algorithm, digest) = self.signer(input, "Sign")?;
        let signature = key.material.sign(algorithm, &digest).map_err(|_| internal())?;
        let signature = STANDARD.encode(signature);
        Ok(json!({"KeyId": key.arn, "Signature": signature, "SigningAlgorithm": algorithm}))
    }

    /// Says that a signature is right, or refuses: KMS never answers `SignatureValid: false`.
    pub(super) fn verify(&self, input: &Value) -> Result<Value, ApiError> {
        let (key, algorithm, digest) = self.signer(input, "Verify")?;
        let signature = blob(input, "Signature", 6_144)?.unwrap_or_default();
        if !key.material.verifies(algorithm, &digest, &signature) {
            return Err(ApiError::new("KMSInvalidSignatureException", ""));
        }
        Ok(json!({"KeyId": key.arn, "SignatureValid": true, "SigningAlgorithm": algorithm}))
    }

    pub(super) fn public_key(&self, input: &Value) -> Result<Value, ApiError> {
        let key = usable(self.find(key_id(input))?)?;
        if matches!(key.material, Material::Symmetric(_)) {
            let text = format!("{} is a symmetric key, which has no public key.", key.arn);
            return Err(ApiError::new("UnsupportedOperationException", text));
        }
        let der = key.material.public_key().map_err(|_| internal())?;
        let spec = key.material.spec();
        Ok(Value::Object(Map::from_iter([
            ("KeyId".to_owned(), json!(key.arn)),
            ("PublicKey".to_owned(), json!(STANDARD.encode(der))),
            ("CustomerMasterKeySpec".to_owned(), json!(spec.name())),
            ("KeySpec".to_owned(), json!(spec.name())),
            ("KeyUsage".to_owned(), json!(spec.usage())),
            ("SigningAlgorithms".to_owned(), json!(spec.signing_algorithms())),
        ])))
    }

    /// The key, the algorithm and the digest that a request means.
    fn signer<'a>(&self, input: &'a Value, operation: &str) -> Result<(&Key, &'a str, Digest), ApiError> {
        let key = usable(self.find(key_id(input))?)?;
        let spec = key.material.spec();
        if spec.usage() != "SIGN_VERIFY" {
            let text =
                format!("{} key usage is {} which is not valid for {operation}.", key.arn, spec.usage());
            return Err(usage(text));
        }
        let algorithm = input.text("SigningAlgorithm").unwrap_or_default();
        let known = key.material.digest_of(algorithm).ok_or_else(|| {
            usage(format!("Algorithm {algorithm} is incompatible with key spec {}.", spec.name()))
        })?;
        let message = blob(input, "Message", LONGEST)?.unwrap_or_default();
        let signed = match input.text("MessageType") {
            None | Some("RAW") => Signed::Message(&message),
            Some("DIGEST") => Signed::Digest(&message),
            Some(other) => return Err(validation(format!("MessageType {other} is not for {algorithm}."))),
        };
        let digest = signed
            .digest(known)
            .ok_or_else(|| validation(format!("Digest is invalid length for algorithm {algorithm}.")))?;
        if input.flag("DryRun").unwrap_or_default() {
            return Err(dry_run());
        }
        Ok((key, algorithm, digest))
    }
}
