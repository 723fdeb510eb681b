//! The form in which an event is kept: a small JSON object around the body, byte for byte.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use coxswain_identity::Identity;
use http::HeaderMap;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::{EventId, Source};

/// The version of the form. A reader refuses one that it does not know.
const SCHEMA_VERSION: u32 = 1;

/// An event as kept.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    schema_version: u32,
    id: String,
    source: String,
    received_at: jiff::Timestamp,
    method: String,
    /// Path and query as sent.
    target: String,
    /// Who sent it; null where nobody was asked.
    identity: Option<Identity>,
    /// The headers that belong to the event, in the order sent: its type, attributes and signature.
    headers: Vec<(String, String)>,
    body_sha256: String,
    /// The body in base64.
    body: String,
}

/// A header that belongs to the event cannot be kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("header {0} is not printable ASCII")]
pub(crate) struct HeaderNotKept(String);

/// A request's head, reduced to what is kept of it.
#[derive(Debug)]
pub(crate) struct KeptHead {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
}

impl KeptHead {
    pub(crate) fn of(request: &Parts) -> Result<Self, HeaderNotKept> {
        Ok(Self {
            method: request.method.to_string(),
            target: request.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            headers: kept_headers(&request.headers)?,
        })
    }
}

impl Envelope {
    pub(crate) fn new(
        source: &Source,
        id: &EventId,
        head: KeptHead,
        identity: Option<Identity>,
        body: &[u8],
        now: jiff::Timestamp,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            id: id.as_str().to_owned(),
            source: source.as_str().to_owned(),
            received_at: now,
            method: head.method,
            target: head.target,
            identity,
            headers: head.headers,
            body_sha256: hex::encode(Sha256::digest(body)),
            body: BASE64_STANDARD.encode(body),
        }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads a kept event. Members that a later version added are passed over.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let envelope: Self = serde_json::from_slice(bytes)?;
        if envelope.schema_version != SCHEMA_VERSION {
            return Err(serde::de::Error::custom("unknown schemaVersion"));
        }
        Ok(envelope)
    }

    /// Whether both are one event: the same id with the same body. Time, caller and headers may differ, because
    /// a sender that tries again signs and stamps anew.
    pub(crate) fn is_same_event(&self, other: &Self) -> bool {
        self.id == other.id && self.body_sha256 == other.body_sha256
    }
}

/// The content type, and everything of Standard Webhooks and `CloudEvents`. Nothing else: an `Authorization`
/// or a cookie has no business in a store.
fn kept_headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, HeaderNotKept> {
    headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            name == "content-type" || name.starts_with("webhook-") || name.starts_with("ce-")
        })
        .map(|(name, value)| {
            let text = value.to_str().map_err(|_| HeaderNotKept(name.to_string()))?;
            Ok((name.to_string(), text.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    fn head(fields: &[(&str, &[u8])]) -> Parts {
        let mut request = Request::post("/webhooks/shop?x=%20a").body(()).unwrap();
        for (name, value) in fields {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        request.into_parts().0
    }

    fn envelope(parts: &Parts, body: &[u8]) -> Envelope {
        let id = EventId::find(&parts.headers).unwrap();
        let source = Source::parse("shop").unwrap();
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        Envelope::new(&source, &id, KeptHead::of(parts).unwrap(), None, body, now)
    }

    #[test]
    fn an_event_is_kept_in_this_form() {
        let parts = head(&[
            ("ce-id", b"a"),
            ("ce-type", b"order.paid"),
            ("content-type", b"text/plain"),
            ("authorization", b"Bearer secret"),
            ("cookie", b"secret"),
        ]);
        let kept = envelope(&parts, b"hi\xff");
        let text = String::from_utf8(kept.to_bytes().unwrap()).unwrap();
        let expected = concat!(
            r#"{"schemaVersion":1,"id":"a","source":"shop","receivedAt":"2026-11-25T12:00:00Z","method":"POST","#,
            r#""target":"/webhooks/shop?x=%20a","identity":null,"#,
            r#""headers":[["ce-id","a"],["ce-type","order.paid"],["content-type","text/plain"]],"#,
            // printf 'hi\xff' | sha256sum
            r#""bodySha256":"a761bc4c67a1ca68e4d497a5a26a8a5f40d63b524642e7a2a82505b1f686181e","#,
            r#""body":"aGn/"}"#,
        );
        assert_eq!(text, expected);
        assert_eq!(Envelope::from_bytes(text.as_bytes()).unwrap(), kept);
    }

    #[test]
    fn a_repetition_is_the_same_event_though_it_is_stamped_anew_and_another_body_is_not() {
        let first = envelope(&head(&[("webhook-id", b"a"), ("webhook-timestamp", b"1")]), b"{}");
        let again = envelope(&head(&[("webhook-id", b"a"), ("webhook-timestamp", b"2")]), b"{}");
        let other = envelope(&head(&[("webhook-id", b"a"), ("webhook-timestamp", b"1")]), b"{ }");
        assert!(first.is_same_event(&again));
        assert!(!first.is_same_event(&other));
    }

    #[test]
    fn a_header_that_cannot_be_kept_as_it_is_refuses_the_event() {
        let parts = head(&[("ce-id", b"a"), ("ce-subject", b"caf\xe9")]);
        assert_eq!(KeptHead::of(&parts).unwrap_err().to_string(), "header ce-subject is not printable ASCII");
    }

    #[test]
    fn a_kept_event_of_an_unknown_version_is_not_read() {
        let bytes = envelope(&head(&[("ce-id", b"a")]), b"").to_bytes().unwrap();
        let newer = String::from_utf8(bytes).unwrap().replace(r#""schemaVersion":1"#, r#""schemaVersion":2"#);
        assert!(Envelope::from_bytes(newer.as_bytes()).is_err());
    }
}
