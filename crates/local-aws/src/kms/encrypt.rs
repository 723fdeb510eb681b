//! Encrypt, Decrypt, ReEncrypt, data keys and random bytes.
//!
//! A ciphertext names its key, so that Decrypt need not be told: a version's byte, the key's id, and what
//! the key sealed. AWS's form is not documented; nobody but KMS can read either.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    blob,
    manage::key_id,
    material::{self, Material},
    refusal::{dry_run, incorrect_key, internal, invalid_ciphertext, unsupported, usage, validation},
    store::{Key, Keys, usable},
};
use crate::{ecs::Members, error::ApiError};

/// Most bytes that Encrypt takes, and that a ciphertext has. Source: API_Encrypt.html.
const LONGEST: usize = 4_096;
const LONGEST_CIPHERTEXT: usize = 6_144;

/// The first byte of a ciphertext of ours.
const VERSION: u8 = 1;

/// Bytes of a key's id, written out.
const ID: usize = 36;

const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

impl Keys {
    pub(super) fn encrypt(&self, input: &Value) -> Result<Value, ApiError> {
        let key = self.cipher(key_id(input), "Encrypt")?;
        only_symmetric(input, "EncryptionAlgorithm")?;
        let plain = blob(input, "Plaintext", LONGEST)?.unwrap_or_default();
        no_dry_run(input)?;
        let sealed = seal(key, &context(input, "EncryptionContext"), &plain)?;
        Ok(json!({"CiphertextBlob": sealed, "KeyId": key.arn, "EncryptionAlgorithm": ALGORITHM}))
    }

    pub(super) fn decrypt(&self, input: &Value) -> Result<Value, ApiError> {
        only_symmetric(input, "EncryptionAlgorithm")?;
        no_enclave(input)?;
        let named = input.text("KeyId");
        let (key, plain) = self.open(input, named, "EncryptionContext", "Decrypt")?;
        no_dry_run(input)?;
        Ok(json!({
            "KeyId": key.arn,
            "Plaintext": STANDARD.encode(plain),
            "EncryptionAlgorithm": ALGORITHM,
            "KeyMaterialId": key.material_id,
        }))
    }

    pub(super) fn re_encrypt(&self, input: &Value) -> Result<Value, ApiError> {
        only_symmetric(input, "SourceEncryptionAlgorithm")?;
        only_symmetric(input, "DestinationEncryptionAlgorithm")?;
        let named = input.text("SourceKeyId");
        let (source, plain) = self.open(input, named, "SourceEncryptionContext", "ReEncryptFrom")?;
        let key = self.cipher(input.text("DestinationKeyId").unwrap_or_default(), "ReEncryptTo")?;
        no_dry_run(input)?;
        Ok(json!({
            "CiphertextBlob": seal(key, &context(input, "DestinationEncryptionContext"), &plain)?,
            "SourceKeyId": source.arn,
            "KeyId": key.arn,
            "SourceEncryptionAlgorithm": ALGORITHM,
            "DestinationEncryptionAlgorithm": ALGORITHM,
            "SourceKeyMaterialId": source.material_id,
            "DestinationKeyMaterialId": key.material_id,
        }))
    }

    /// A data key, in plain beside its ciphertext, or its ciphertext alone.
    pub(super) fn data_key(&self, input: &Value, with_plaintext: bool) -> Result<Value, ApiError> {
        let operation = if with_plaintext { "GenerateDataKey" } else { "GenerateDataKeyWithoutPlaintext" };
        no_enclave(input)?;
        let key = self.cipher(key_id(input), operation)?;
        let count = match (input.text("KeySpec"), input.whole("NumberOfBytes")) {
            (Some("AES_128"), None) => 16,
            (Some(_), None) => 32,
            (None, Some(count)) => usize::try_from(count).unwrap_or(0),
            _ => return Err(validation("Please specify either number of bytes or key spec.")),
        };
        no_dry_run(input)?;
        let plain = material::random(count).map_err(|_| internal())?;
        let sealed = seal(key, &context(input, "EncryptionContext"), &plain)?;
        let mut answer =
            json!({"CiphertextBlob": sealed, "KeyId": key.arn, "KeyMaterialId": key.material_id});
        if let Some(answer) = answer.as_object_mut().filter(|_| with_plaintext) {
            answer.insert("Plaintext".to_owned(), STANDARD.encode(plain).into());
        }
        Ok(answer)
    }

    fn cipher(&self, named: &str, operation: &str) -> Result<&Key, ApiError> {
        let key = usable(self.find(named)?)?;
        match key.material {
            Material::Symmetric(_) => Ok(key),
            Material::Elliptic(..) | Material::Rsa(..) => Err(usage(format!(
                "{} key usage is {} which is not valid for {operation}.",
                key.arn,
                key.material.spec().usage()
            ))),
        }
    }

    /// The key that sealed a request's ciphertext, and what is in it.
    fn open(
        &self,
        input: &Value,
        named: Option<&str>,
        context_member: &str,
        operation: &str,
    ) -> Result<(&Key, Vec<u8>), ApiError> {
        let sealed = blob(input, "CiphertextBlob", LONGEST_CIPHERTEXT)?.ok_or_else(invalid_ciphertext)?;
        let named = named.map(|named| self.find(named)).transpose()?;
        if named.is_some_and(|key| !matches!(key.material, Material::Symmetric(_))) {
            return Err(incorrect_key());
        }
        let (id, sealed) = match sealed.split_first() {
            Some((&VERSION, rest)) => rest.split_at_checked(ID).ok_or_else(invalid_ciphertext)?,
            _ => return Err(invalid_ciphertext()),
        };
        let id = std::str::from_utf8(id).map_err(|_| invalid_ciphertext())?;
        if named.is_some_and(|key| key.id != id) {
            return Err(incorrect_key());
        }
        let key = self.cipher(id, operation)?;
        let plain = key.material.open(&context(input, context_member), sealed);
        Ok((key, plain.map_err(|_| invalid_ciphertext())?))
    }
}

/// Random bytes that no key is asked for.
pub(super) fn random(input: &Value) -> Result<Value, ApiError> {
    no_enclave(input)?;
    if input.member("CustomKeyStoreId").is_some() {
        return Err(unsupported("has no custom key stores: CustomKeyStoreId"));
    }
    let count = input.whole("NumberOfBytes").and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or_else(|| validation("NumberOfBytes is required."))?;
    let bytes = material::random(count).map_err(|_| internal())?;
    Ok(json!({"Plaintext": STANDARD.encode(bytes)}))
}

fn seal(key: &Key, context: &[u8], plain: &[u8]) -> Result<String, ApiError> {
    let sealed = key.material.seal(context, plain).map_err(|_| internal())?;
    Ok(STANDARD.encode([&[VERSION], key.id.as_bytes(), &sealed].concat()))
}

/// The encryption context as bytes: the same pairs are the same bytes, in whatever order they came.
fn context(input: &Value, member: &str) -> Vec<u8> {
    let pairs = input.member(member).and_then(Value::as_object).into_iter().flatten();
    let sorted: BTreeMap<&String, &Value> = pairs.collect();
    json!(sorted.into_iter().collect::<Vec<_>>()).to_string().into_bytes()
}

fn only_symmetric(input: &Value, member: &str) -> Result<(), ApiError> {
    match input.text(member) {
        None | Some(ALGORITHM) => Ok(()),
        Some(other) => Err(usage(format!("Algorithm {other} is incompatible with key spec {ALGORITHM}."))),
    }
}

fn no_enclave(input: &Value) -> Result<(), ApiError> {
    match input.member("Recipient") {
        Some(_) => Err(unsupported("answers no enclave: Recipient")),
        None => Ok(()),
    }
}

fn no_dry_run(input: &Value) -> Result<(), ApiError> {
    if input.flag("DryRun").unwrap_or_default() { Err(dry_run()) } else { Ok(()) }
}
