//! Who is calling, as the gateway verified it.

use serde::{Deserialize, Serialize};

/// The longest distinguished name that is accepted.
///
/// Units: bytes. RFC 5280 bounds each attribute (a common name has at most 64 characters), not their number;
/// this leaves room for more attributes than public CAs issue.
const MAX_NAME_BYTES: usize = 1024;

/// The longest serial number. Units: hex digits. Source: RFC 5280 section 4.1.2.2, at most 20 octets.
const MAX_SERIAL_DIGITS: usize = 40;

/// The length of a SHA-256 fingerprint in hex digits.
const FINGERPRINT_DIGITS: usize = 64;

/// The most subject alternative names that are carried.
const MAX_SAN: usize = 16;

/// The longest subject alternative name. Units: bytes. Source: RFC 1035 section 3.1 bounds a DNS name to 255.
const MAX_SAN_BYTES: usize = 256;

/// A verified client certificate, reduced to what identifies its holder.
///
/// A value of this type is well formed: every field is bounded, printable ASCII, and the two numbers are
/// lower-case hex, so that equal certificates give equal values whoever wrote them down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Identity {
    parts: Parts,
}

/// The fields of an [`Identity`] before they are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parts {
    /// The subject's distinguished name, in the text form of RFC 2253.
    pub subject: String,
    /// The issuer's distinguished name, in the text form of RFC 2253.
    pub issuer: String,
    /// The certificate's serial number, in hex.
    pub serial: String,
    /// The SHA-256 of the certificate's DER, in hex.
    pub fingerprint_sha256: String,
    /// Subject alternative names, each as `kind:value`, for example `dns:partner.example.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub san: Vec<String>,
}

/// Why fields do not make an [`Identity`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A field is empty.
    #[error("{field} is empty")]
    Empty {
        /// The field's name.
        field: &'static str,
    },
    /// A field, or the list of alternative names, is longer than its limit.
    #[error("{field} is longer than its limit of {limit}")]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// The limit, in bytes, or in names for the list.
        limit: usize,
    },
    /// A field holds something else than printable ASCII, or begins or ends with a space.
    #[error("{field} must be printable ASCII without a space at either end")]
    NotPrintable {
        /// The field's name.
        field: &'static str,
    },
    /// A field that must be hex is not, or has the wrong length.
    #[error("{field} is not a number in hex of the right length")]
    NotHex {
        /// The field's name.
        field: &'static str,
    },
}

impl Identity {
    /// Checks the parts and brings hex to lower case.
    pub fn new(mut parts: Parts) -> Result<Self, IdentityError> {
        text("subject", &parts.subject, MAX_NAME_BYTES)?;
        text("issuer", &parts.issuer, MAX_NAME_BYTES)?;
        text("serial", &parts.serial, MAX_SERIAL_DIGITS)?;
        hex("serial", &mut parts.serial)?;
        text("fingerprint", &parts.fingerprint_sha256, FINGERPRINT_DIGITS)?;
        hex("fingerprint", &mut parts.fingerprint_sha256)?;
        if parts.fingerprint_sha256.len() != FINGERPRINT_DIGITS {
            return Err(IdentityError::NotHex { field: "fingerprint" });
        }
        if parts.san.len() > MAX_SAN {
            return Err(IdentityError::TooLong { field: "san", limit: MAX_SAN });
        }
        for name in &parts.san {
            text("san", name, MAX_SAN_BYTES)?;
        }
        Ok(Self { parts })
    }

    /// The subject's distinguished name.
    pub fn subject(&self) -> &str {
        &self.parts.subject
    }

    /// The issuer's distinguished name.
    pub fn issuer(&self) -> &str {
        &self.parts.issuer
    }

    /// The serial number, in lower-case hex.
    pub fn serial(&self) -> &str {
        &self.parts.serial
    }

    /// The SHA-256 of the certificate, in lower-case hex.
    pub fn fingerprint_sha256(&self) -> &str {
        &self.parts.fingerprint_sha256
    }

    /// The subject alternative names; empty when the identity came by plain headers, which do not carry them.
    pub fn san(&self) -> &[String] {
        &self.parts.san
    }
}

impl TryFrom<Parts> for Identity {
    type Error = IdentityError;

    fn try_from(parts: Parts) -> Result<Self, IdentityError> {
        Self::new(parts)
    }
}

impl From<Identity> for Parts {
    fn from(identity: Identity) -> Self {
        identity.parts
    }
}

fn text(field: &'static str, value: &str, limit: usize) -> Result<(), IdentityError> {
    if value.is_empty() {
        return Err(IdentityError::Empty { field });
    }
    if value.len() > limit {
        return Err(IdentityError::TooLong { field, limit });
    }
    // Spaces at the ends do not survive a header field (RFC 9110 section 5.5), so the two ways would differ.
    let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !printable || value.starts_with(' ') || value.ends_with(' ') {
        return Err(IdentityError::NotPrintable { field });
    }
    Ok(())
}

fn hex(field: &'static str, value: &mut str) -> Result<(), IdentityError> {
    if !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(IdentityError::NotHex { field });
    }
    value.make_ascii_lowercase();
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A well-formed identity's parts, for the tests of this crate.
    pub(crate) fn parts() -> Parts {
        Parts {
            subject: "CN=partner,O=Example".to_owned(),
            issuer: "CN=Example Client CA".to_owned(),
            serial: "0A1B2C".to_owned(),
            fingerprint_sha256: "ab".repeat(32),
            san: vec!["dns:partner.example.com".to_owned()],
        }
    }

    #[test]
    fn hex_is_brought_to_lower_case_so_that_equal_certificates_are_equal() {
        let upper = Parts { fingerprint_sha256: "AB".repeat(32), ..parts() };
        let identity = Identity::new(upper).unwrap();
        assert_eq!(identity, Identity::new(parts()).unwrap());
        assert_eq!(identity.serial(), "0a1b2c");
    }

    #[test]
    fn each_malformed_part_is_refused_by_its_name() {
        type Spoil = fn(&mut Parts);
        let cases: [(&str, Spoil, IdentityError); 10] = [
            ("no subject", |p| p.subject.clear(), IdentityError::Empty { field: "subject" }),
            ("no issuer", |p| p.issuer.clear(), IdentityError::Empty { field: "issuer" }),
            (
                "long subject",
                |p| p.subject = "x".repeat(1025),
                IdentityError::TooLong { field: "subject", limit: 1024 },
            ),
            ("line break", |p| p.subject.push('\n'), IdentityError::NotPrintable { field: "subject" }),
            ("not ASCII", |p| p.issuer.push('é'), IdentityError::NotPrintable { field: "issuer" }),
            ("space at the end", |p| p.issuer.push(' '), IdentityError::NotPrintable { field: "issuer" }),
            ("serial not hex", |p| p.serial.push('g'), IdentityError::NotHex { field: "serial" }),
            (
                "short fingerprint",
                |p| p.fingerprint_sha256 = "ab".to_owned(),
                IdentityError::NotHex { field: "fingerprint" },
            ),
            (
                "too many names",
                |p| p.san = vec!["dns:a".to_owned(); 17],
                IdentityError::TooLong { field: "san", limit: 16 },
            ),
            ("empty name", |p| p.san.push(String::new()), IdentityError::Empty { field: "san" }),
        ];
        for (case, spoil, expected) in cases {
            let mut spoiled = parts();
            spoil(&mut spoiled);
            assert_eq!(Identity::new(spoiled), Err(expected), "{case}");
        }
    }

    #[test]
    fn reading_json_checks_as_strictly_as_the_constructor() {
        let good = serde_json::to_string(&Identity::new(parts()).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&good).unwrap(), Identity::new(parts()).unwrap());
        let bad = good.replace("0a1b2c", "zz");
        assert!(serde_json::from_str::<Identity>(&bad).is_err());
        let unknown = good.replacen('{', r#"{"admin":true,"#, 1);
        assert!(serde_json::from_str::<Identity>(&unknown).is_err());
    }
}
