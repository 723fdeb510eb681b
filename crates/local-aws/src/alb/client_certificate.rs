//! What a target is told of a client's certificate.
//!
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html#mtls-http-headers>

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use x509_cert::{
    Certificate,
    der::{
        Decode,
        pem::{LineEnding, encode_string},
    },
    time::Time,
};

use crate::elb::{Attributes, Mutual};

/// What is written as it is, beside letters and digits: AWS names `+`, `=` and `/`, and shows the dashes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'+')
    .remove(b'=')
    .remove(b'/');

/// The headers' names without being renamed, each with the attribute that renames it.
const NAMES: [(&str, &str); 6] = [
    ("x-amzn-mtls-clientcert", "routing.http.request.x_amzn_mtls_clientcert.header_name"),
    (
        "x-amzn-mtls-clientcert-serial-number",
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
    ),
    ("x-amzn-mtls-clientcert-issuer", "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name"),
    ("x-amzn-mtls-clientcert-subject", "routing.http.request.x_amzn_mtls_clientcert_subject.header_name"),
    ("x-amzn-mtls-clientcert-validity", "routing.http.request.x_amzn_mtls_clientcert_validity.header_name"),
    ("x-amzn-mtls-clientcert-leaf", "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name"),
];

/// The header's name at this listener.
fn name(usual: &'static str, attributes: &Attributes) -> HeaderName {
    let renamed =
        NAMES.iter().find(|(known, _)| *known == usual).map(|(_, key)| attributes.listener_text(key));
    renamed
        .filter(|renamed| !renamed.is_empty())
        .and_then(|renamed| HeaderName::try_from(renamed).ok())
        .unwrap_or(HeaderName::from_static(usual))
}

/// Every name that a listener may set, renamed or not.
pub(super) fn names(attributes: &Attributes) -> impl Iterator<Item = HeaderName> {
    NAMES.iter().flat_map(|(usual, _)| [HeaderName::from_static(usual), name(usual, attributes)])
}

/// Headers of a certificate, made once for each connection.
pub(super) fn headers(mutual: &Mutual, chain: &[CertificateDer<'_>], attributes: &Attributes) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |usual: &'static str, value: Option<String>| {
        let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
        headers.extend(value.map(|value| (name(usual, attributes), value)));
    };
    match mutual {
        Mutual::Off => {}
        Mutual::Passthrough if chain.is_empty() => {}
        Mutual::Passthrough => set("x-amzn-mtls-clientcert", chain.iter().map(encoded).collect()),
        Mutual::Verify { .. } => {
            let Some(leaf) = chain.first() else { return headers };
            set("x-amzn-mtls-clientcert-leaf", encoded(leaf));
            let Ok(read) = Certificate::from_der(leaf.as_ref()) else { return headers };
            let read: Certificate = read;
            let leaf = read.tbs_certificate();
            let serial = hex::encode_upper(leaf.serial_number().as_bytes());
            set("x-amzn-mtls-clientcert-serial-number", Some(serial));
            set("x-amzn-mtls-clientcert-issuer", Some(leaf.issuer().to_string()));
            set("x-amzn-mtls-clientcert-subject", Some(leaf.subject().to_string()));
            let validity = leaf.validity();
            let moments = moment(&validity.not_before).zip(moment(&validity.not_after));
            let validity = moments.map(|(before, after)| format!("NotBefore={before};NotAfter={after}"));
            set("x-amzn-mtls-clientcert-validity", validity);
        }
    }
    headers
}

/// As PEM, escaped for a URL.
fn encoded(certificate: &CertificateDer<'_>) -> Option<String> {
    let pem = encode_string("CERTIFICATE", LineEnding::LF, certificate.as_ref()).ok()?;
    Some(utf8_percent_encode(&pem, ESCAPED).to_string())
}

/// As ISO 8601 has it, to the second.
fn moment(time: &Time) -> Option<String> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    Some(Timestamp::from_second(seconds).ok()?.to_string())
}
