//! The identity as plain header fields.
//!
//! The names are those that nginx configurations commonly forward, so that a service can move from such a proxy
//! to the gateway without a change. Who may be believed is not decided here: anybody who reaches the service can
//! write these fields.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::identity::{Identity, IdentityError, Parts};

/// The outcome of the gateway's verification; only [`VERIFIED`] carries an identity.
pub const VERIFY: HeaderName = HeaderName::from_static("x-client-verify");
/// The subject's distinguished name.
pub const SUBJECT: HeaderName = HeaderName::from_static("x-client-subject-dn");
/// The issuer's distinguished name.
pub const ISSUER: HeaderName = HeaderName::from_static("x-client-i-dn");
/// The serial number in hex.
pub const SERIAL: HeaderName = HeaderName::from_static("x-client-serial");
/// The SHA-256 of the certificate in hex.
pub const FINGERPRINT: HeaderName = HeaderName::from_static("x-client-fingerprint-sha256");

/// Every field of this module, for a proxy that must remove what a caller sent.
pub const ALL: [HeaderName; 5] = [VERIFY, SUBJECT, ISSUER, SERIAL, FINGERPRINT];

/// The value of [`VERIFY`] that says the certificate was verified.
pub const VERIFIED: &str = "SUCCESS";

/// Why header fields give no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// A field is missing.
    #[error("header {0} is missing")]
    Missing(HeaderName),
    /// A field occurs more than once; taking either could take a forged one.
    #[error("header {0} occurs more than once")]
    Duplicate(HeaderName),
    /// A field's value is not printable ASCII.
    #[error("header {0} is not printable ASCII")]
    NotPrintable(HeaderName),
    /// The verification did not succeed.
    #[error("header {VERIFY} is not {VERIFIED}")]
    NotVerified,
    /// The values do not make an identity.
    #[error("the identity in the headers is malformed")]
    Malformed(#[source] IdentityError),
}

/// Reads an identity: each field exactly once, and the verification a success.
pub fn read(headers: &HeaderMap) -> Result<Identity, HeaderError> {
    if single(headers, &VERIFY)? != VERIFIED {
        return Err(HeaderError::NotVerified);
    }
    Identity::new(Parts {
        subject: single(headers, &SUBJECT)?.to_owned(),
        issuer: single(headers, &ISSUER)?.to_owned(),
        serial: single(headers, &SERIAL)?.to_owned(),
        fingerprint_sha256: single(headers, &FINGERPRINT)?.to_owned(),
        san: Vec::new(),
    })
    .map_err(HeaderError::Malformed)
}

/// Writes an identity in place of whatever these fields held.
///
/// Alternative names have no field of their own and are left out; the signed assertion carries them.
pub fn write(identity: &Identity, headers: &mut HeaderMap) -> Result<(), HeaderError> {
    let values =
        [VERIFIED, identity.subject(), identity.issuer(), identity.serial(), identity.fingerprint_sha256()];
    for (name, text) in ALL.into_iter().zip(values) {
        let value = HeaderValue::from_str(text).map_err(|_| HeaderError::NotPrintable(name.clone()))?;
        headers.insert(name, value);
    }
    Ok(())
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, HeaderError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().ok_or_else(|| HeaderError::Missing(name.clone()))?;
    if values.next().is_some() {
        return Err(HeaderError::Duplicate(name.clone()));
    }
    first.to_str().map_err(|_| HeaderError::NotPrintable(name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::parts;

    fn written() -> HeaderMap {
        let mut headers = HeaderMap::new();
        write(&Identity::new(parts()).unwrap(), &mut headers).unwrap();
        headers
    }

    #[test]
    fn what_is_written_is_read_back_without_the_alternative_names() {
        let expected = Identity::new(Parts { san: Vec::new(), ..parts() }).unwrap();
        assert_eq!(read(&written()), Ok(expected));
    }

    #[test]
    fn writing_replaces_what_a_caller_had_sent() {
        let mut headers = HeaderMap::new();
        headers.append(SUBJECT, HeaderValue::from_static("CN=forged"));
        headers.append(SUBJECT, HeaderValue::from_static("CN=forged again"));
        write(&Identity::new(parts()).unwrap(), &mut headers).unwrap();
        assert_eq!(read(&headers).unwrap().subject(), parts().subject);
    }

    #[test]
    fn a_missing_or_doubled_field_is_refused_whichever_it_is() {
        for name in ALL {
            let mut missing = written();
            missing.remove(&name);
            assert_eq!(read(&missing), Err(HeaderError::Missing(name.clone())));

            let mut doubled = written();
            let same = doubled.get(&name).unwrap().clone();
            doubled.append(name.clone(), same);
            assert_eq!(read(&doubled), Err(HeaderError::Duplicate(name)));
        }
    }

    #[test]
    fn anything_but_a_successful_verification_is_refused() {
        for value in ["NONE", "FAILED:certificate has expired", "success", "SUCCESS,SUCCESS", ""] {
            let mut headers = written();
            headers.insert(VERIFY, HeaderValue::from_static(value));
            assert_eq!(read(&headers), Err(HeaderError::NotVerified), "{value:?}");
        }
    }

    #[test]
    fn an_empty_or_malformed_value_is_refused() {
        let mut empty = written();
        empty.insert(SUBJECT, HeaderValue::from_static(""));
        assert_eq!(read(&empty), Err(HeaderError::Malformed(IdentityError::Empty { field: "subject" })));

        let mut bytes = written();
        bytes.insert(ISSUER, HeaderValue::from_bytes(b"CN=\xff").unwrap());
        assert_eq!(read(&bytes), Err(HeaderError::NotPrintable(ISSUER)));
    }
}
