//! What names an event: the source that it came from and the id that its sender gave it.

use std::fmt;

use coxswain_store::{Path, PathError};
use http::HeaderMap;
use sha2::{Digest, Sha256};

/// The longest source name. Units: bytes.
const MAX_SOURCE_BYTES: usize = 64;

/// The longest event id. Units: bytes. Senders use UUIDs, ULIDs or short prefixed tokens.
const MAX_ID_BYTES: usize = 256;

/// The headers that may carry the id, the first one present being the one that counts.
///
/// Source: Standard Webhooks 1.0 (`webhook-id`); `CloudEvents` 1.0, HTTP binding, section 3.1.3 (`ce-id`)
const ID_HEADERS: [&str; 2] = ["webhook-id", "ce-id"];

/// Where events come from: the last segment of the webhook's path, a name such as `shop` or `pay.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source(String);

/// An event's id, unique within its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventId(String);

/// Why a request names no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error(
        "a source is 1 to {MAX_SOURCE_BYTES} characters of a-z 0-9 . _ -, the first of them a letter or a digit"
    )]
    Source,
    #[error(
        "the event has no id: send it in the header webhook-id (Standard Webhooks) or ce-id (CloudEvents)"
    )]
    NoId,
    #[error("header {0} occurs more than once")]
    Duplicate(&'static str),
    #[error("header {0} must be 1 to {MAX_ID_BYTES} printable ASCII characters")]
    Id(&'static str),
}

impl Source {
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let begins_well = text.bytes().next().is_some_and(plain);
        let allowed = |byte: u8| plain(byte) || matches!(byte, b'.' | b'_' | b'-');
        if !begins_well || text.len() > MAX_SOURCE_BYTES || !text.bytes().all(allowed) {
            return Err(NameError::Source);
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl EventId {
    /// Finds the id. A header that is present and malformed is refused, never passed over for the next one.
    pub(crate) fn find(headers: &HeaderMap) -> Result<Self, NameError> {
        for name in ID_HEADERS {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else { continue };
            if values.next().is_some() {
                return Err(NameError::Duplicate(name));
            }
            let text = value.to_str().map_err(|_| NameError::Id(name))?;
            let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            if text.is_empty() || text.len() > MAX_ID_BYTES || !printable {
                return Err(NameError::Id(name));
            }
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::NoId)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id's SHA-256 in hex: a name of one length and alphabet whatever a sender puts into an id.
    pub(crate) fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

/// Where the event is kept; a contract with whoever reads the store.
pub(crate) fn path(source: &Source, id: &EventId) -> Result<Path, PathError> {
    Path::new(format!("events/{source}/{}", id.digest()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_id_is_found_in_the_first_header_that_is_present() {
        type Fields = &'static [(&'static str, &'static str)];
        let cases: [(Fields, Result<&str, NameError>); 8] = [
            (&[("webhook-id", "msg_1")], Ok("msg_1")),
            (&[("ce-id", "A 1")], Ok("A 1")),
            (&[("ce-id", "b"), ("webhook-id", "a")], Ok("a")),
            (&[], Err(NameError::NoId)),
            (&[("x-id", "a")], Err(NameError::NoId)),
            (&[("webhook-id", "a"), ("webhook-id", "a")], Err(NameError::Duplicate("webhook-id"))),
            (&[("webhook-id", ""), ("ce-id", "b")], Err(NameError::Id("webhook-id"))),
            (&[("ce-id", "a\tb")], Err(NameError::Id("ce-id"))),
        ];
        for (fields, expected) in cases {
            let found = EventId::find(&headers(fields));
            assert_eq!(found.as_ref().map(EventId::as_str), expected.as_ref().copied(), "{fields:?}");
        }
    }

    #[test]
    fn an_id_has_a_longest_length() {
        let with_id = |length: usize| {
            let mut headers = HeaderMap::new();
            headers.insert("ce-id", HeaderValue::from_str(&"x".repeat(length)).unwrap());
            EventId::find(&headers)
        };
        assert!(with_id(MAX_ID_BYTES).is_ok());
        assert_eq!(with_id(MAX_ID_BYTES + 1), Err(NameError::Id("ce-id")));
    }

    #[test]
    fn a_source_can_neither_leave_its_folder_nor_be_two_names_for_one() {
        for good in ["shop", "pay.example", "a", "4-you_2", &"x".repeat(64)] {
            assert!(Source::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", ".shop", "-x", "Shop", "a/b", "a b", "é", "a%2fb", &"x".repeat(65)] {
            assert_eq!(Source::parse(bad), Err(NameError::Source), "{bad}");
        }
    }

    #[test]
    fn the_path_is_the_one_that_sha256sum_would_give() {
        // printf msg_1 | sha256sum
        let id = EventId("msg_1".to_owned());
        let expected = "events/shop/116b88f173007be5e05df2a87105f0950bef284d0ceca39951e9bae80706ac45";
        assert_eq!(path(&Source("shop".to_owned()), &id).unwrap().as_str(), expected);
    }
}
