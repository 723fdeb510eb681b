//! The keys of the assertion: one private key at the gateway, a file of public keys at each service.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

/// The length of a P-256 coordinate. Units: bytes. Source: RFC 7518 section 6.2.1.2.
const COORDINATE_BYTES: usize = 32;

/// The longest key id that is accepted. Units: bytes.
const MAX_KID_BYTES: usize = 64;

/// Marks an uncompressed point. Source: SEC 1 section 2.3.3.
const UNCOMPRESSED: u8 = 0x04;

/// Why a key or a file of keys is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file is not a JSON object with a `keys` list.
    #[error("not a JSON Web Key Set: expected an object with a list of keys")]
    Json(#[source] serde_json::Error),
    /// The file holds no key, so that every caller would be refused.
    #[error("the key set is empty")]
    NoKeys,
    /// A key id is empty, too long, or not of the characters `A-Z a-z 0-9 . _ -`.
    #[error("a key id must be 1 to {MAX_KID_BYTES} characters of A-Z a-z 0-9 . _ -")]
    Kid,
    /// Two keys have the same id.
    #[error("key {kid} occurs more than once")]
    DuplicateKid {
        /// The id.
        kid: String,
    },
    /// A key holds its private part, which has no business at a verifier.
    #[error("key {kid} holds its private part (member d); remove it from this file and replace the key")]
    Private {
        /// The id.
        kid: String,
    },
    /// A key is not of the one kind that is used: EC, P-256, for ES256 signatures.
    #[error("key {kid} is not an EC key on P-256 for ES256 signatures")]
    Kind {
        /// The id.
        kid: String,
    },
    /// A key's coordinates are not a point on the curve.
    #[error("key {kid} is not a point on the curve P-256")]
    Point {
        /// The id.
        kid: String,
    },
    /// The private key is not PKCS #8 with a P-256 key.
    #[error("the private key is not PKCS #8 with a P-256 key")]
    Pkcs8,
    /// The system could not make a key.
    #[error("no key could be generated")]
    Generate,
}

/// The public keys that a service trusts, by key id.
///
/// Two keys at once are how a key is replaced: add the new one everywhere, let the gateway sign with it, then
/// remove the old one.
pub struct PublicKeys {
    by_kid: BTreeMap<String, ParsedPublicKey>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

/// A member of the set; members that are not named here are ignored, as RFC 7517 section 4 asks.
#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    d: Option<Value>,
}

impl PublicKeys {
    /// Reads a JSON Web Key Set (RFC 7517) of P-256 keys.
    ///
    /// Errors: any key that cannot be used refuses the whole set, because a set that is half read fails later,
    /// at the first request signed with the other half.
    pub fn from_json(bytes: &[u8]) -> Result<Self, KeyError> {
        let set: KeySet = serde_json::from_slice(bytes).map_err(KeyError::Json)?;
        let mut by_kid = BTreeMap::new();
        for jwk in set.keys {
            check_kid(&jwk.kid)?;
            let key = jwk.parse()?;
            if by_kid.insert(jwk.kid.clone(), key).is_some() {
                return Err(KeyError::DuplicateKid { kid: jwk.kid });
            }
        }
        if by_kid.is_empty() {
            return Err(KeyError::NoKeys);
        }
        Ok(Self { by_kid })
    }

    /// The ids of the keys, sorted.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.by_kid.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&ParsedPublicKey> {
        self.by_kid.get(kid)
    }
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_kid.keys()).finish()
    }
}

impl Jwk {
    fn parse(&self) -> Result<ParsedPublicKey, KeyError> {
        let kid = || self.kid.clone();
        if self.d.is_some() {
            return Err(KeyError::Private { kid: kid() });
        }
        let kind_fits = self.kty == "EC"
            && self.crv.as_deref() == Some("P-256")
            && self.alg.as_deref().is_none_or(|alg| alg == "ES256")
            && self.usage.as_deref().is_none_or(|usage| usage == "sig");
        if !kind_fits {
            return Err(KeyError::Kind { kid: kid() });
        }
        let point = self.point().ok_or_else(|| KeyError::Point { kid: kid() })?;
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| KeyError::Point { kid: kid() })
    }

    fn point(&self) -> Option<Vec<u8>> {
        let mut point = vec![UNCOMPRESSED];
        for coordinate in [&self.x, &self.y] {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(coordinate.as_ref()?).ok()?;
            if bytes.len() != COORDINATE_BYTES {
                return None;
            }
            point.extend(bytes);
        }
        Some(point)
    }
}

/// The gateway's private key and its id.
pub struct SigningKey {
    kid: String,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    /// Reads a P-256 key in PKCS #8 DER.
    pub fn from_pkcs8(kid: &str, der: &[u8]) -> Result<Self, KeyError> {
        check_kid(kid)?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(|_| KeyError::Pkcs8)?;
        Ok(Self { kid: kid.to_owned(), pair })
    }

    /// Makes a new key; [`SigningKey::to_pkcs8`] is how to keep it.
    pub fn generate(kid: &str) -> Result<Self, KeyError> {
        check_kid(kid)?;
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError::Generate)?;
        Ok(Self { kid: kid.to_owned(), pair })
    }

    /// The private key in PKCS #8 DER. It is a secret: write it to a file of mode 0600 at most.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        Ok(self.pair.to_pkcs8v1().map_err(|_| KeyError::Pkcs8)?.as_ref().to_vec())
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public part as a JSON Web Key, a member of the `keys` list that [`PublicKeys::from_json`] reads.
    pub fn public_jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) =
            point.get(1..).unwrap_or_default().split_at_checked(COORDINATE_BYTES).unwrap_or_default();
        json!({
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.kid,
            "x": BASE64_URL_SAFE_NO_PAD.encode(x),
            "y": BASE64_URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// An ES256 signature: `r` and `s`, 32 bytes each. `None` if the system has no randomness.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature = self.pair.sign(&SystemRandom::new(), message).ok()?;
        Some(signature.as_ref().to_vec())
    }
}

/// Hides the private key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A key id travels in tokens and log lines, so its characters are bounded.
pub(crate) fn check_kid(kid: &str) -> Result<(), KeyError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if kid.is_empty() || kid.len() > MAX_KID_BYTES || !kid.bytes().all(allowed) {
        return Err(KeyError::Kid);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwk() -> Value {
        SigningKey::generate("k1").unwrap().public_jwk()
    }

    fn read(keys: &Value) -> Result<PublicKeys, KeyError> {
        PublicKeys::from_json(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn with(member: &str, value: Value) -> Value {
        let mut jwk = jwk();
        jwk[member] = value;
        jwk
    }

    #[test]
    fn a_set_of_two_keys_is_read_and_unknown_members_are_ignored() {
        let other = SigningKey::generate("k2").unwrap().public_jwk();
        let keys = read(&json!([with("x5t", json!("ignored")), other])).unwrap();
        assert_eq!(keys.kids().collect::<Vec<_>>(), ["k1", "k2"]);
    }

    #[test]
    fn a_private_key_survives_the_way_through_pkcs8() {
        let key = SigningKey::generate("k1").unwrap();
        let again = SigningKey::from_pkcs8("k1", &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert!(matches!(SigningKey::from_pkcs8("k1", b"not a key"), Err(KeyError::Pkcs8)));
    }

    #[test]
    fn debug_output_shows_the_id_and_nothing_of_the_key() {
        let key = SigningKey::generate("k1").unwrap();
        assert_eq!(format!("{key:?}"), r#"SigningKey { kid: "k1", .. }"#);
    }

    #[test]
    fn each_unusable_set_is_refused_for_its_own_reason() {
        let flipped = {
            let jwk = jwk();
            let (x, y) = (jwk["x"].clone(), jwk["y"].clone());
            let mut swapped = jwk;
            swapped["x"] = y;
            swapped["y"] = x;
            swapped
        };
        let cases = [
            ("no keys", json!([]), "the key set is empty"),
            ("same id twice", json!([jwk(), jwk()]), "key k1 occurs more than once"),
            ("empty id", json!([with("kid", json!(""))]), "a key id must be"),
            ("id with a space", json!([with("kid", json!("a b"))]), "a key id must be"),
            ("private key", json!([with("d", json!("AAAA"))]), "key k1 holds its private part"),
            ("RSA", json!([with("kty", json!("RSA"))]), "key k1 is not an EC key"),
            ("another curve", json!([with("crv", json!("P-384"))]), "key k1 is not an EC key"),
            ("another algorithm", json!([with("alg", json!("ES384"))]), "key k1 is not an EC key"),
            ("for encryption", json!([with("use", json!("enc"))]), "key k1 is not an EC key"),
            ("short coordinate", json!([with("x", json!("AAAA"))]), "key k1 is not a point"),
            ("padded base64", json!([with("x", json!("AAA="))]), "key k1 is not a point"),
            ("not on the curve", json!([flipped]), "key k1 is not a point"),
            ("a string", json!("k1"), "not a JSON Web Key Set"),
        ];
        for (case, keys, expected) in cases {
            let error = read(&keys).expect_err(case);
            assert!(error.to_string().starts_with(expected), "{case}: {error}");
        }
    }
}
