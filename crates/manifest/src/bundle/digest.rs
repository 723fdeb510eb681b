//! Digests: of what the documents ask for, and of everything that a bundle says.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The form of digests that this version makes and knows.
const FORM: &str = "v1:sha256:";

/// What a bundle's documents are, as one value: `v1:sha256:<64 hex digits>`.
///
/// It changes with any document's content, file or line, and not with comments, spacing within a
/// line or the order in which files are handed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BundleDigest(String);

impl BundleDigest {
    /// Over each document's file, line and canonical JSON, sorted.
    pub(crate) fn of(mut documents: Vec<(String, u32, String)>) -> Self {
        documents.sort();
        let mut hash = Sha256::new();
        for (file, line, json) in documents {
            hash.update(serde_json::json!([file, line]).to_string());
            hash.update("\n");
            hash.update(json);
            hash.update("\n");
        }
        Self(format!("{FORM}{}", hex::encode(hash.finalize())))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BundleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a published bundle says, in every bit: `v1:sha256:<64 hex digits>`.
///
/// Beside the documents it covers environment, sequence, commit, author, message, the parameters' values
/// and the files' texts, comments included. Two publications of the same documents have the same
/// [`BundleDigest`] and different ones of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentDigest(String);

/// A text that is no [`ContentDigest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest has the form {FORM}<64 hexadecimal digits>")]
pub struct InvalidDigest;

impl ContentDigest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("{FORM}{}", hex::encode(Sha256::digest(bytes))))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone, which can stand in a file's name or an object's key.
    pub fn hexadecimal(&self) -> &str {
        self.0.strip_prefix(FORM).unwrap_or_default()
    }
}

impl TryFrom<String> for ContentDigest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        let digits = text.strip_prefix(FORM).ok_or(InvalidDigest)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() == 64 && digits.bytes().all(is_digit) { Ok(Self(text)) } else { Err(InvalidDigest) }
    }
}

impl From<ContentDigest> for String {
    fn from(digest: ContentDigest) -> Self {
        digest.0
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_sorted_documents() {
        let document = |file: &str, line| (file.to_owned(), line, "{}".to_owned());
        let digest = BundleDigest::of(vec![document("b", 1), document("a", 9), document("a", 2)]);
        assert_eq!(digest, BundleDigest::of(vec![document("a", 2), document("b", 1), document("a", 9)]));
        // printf '["a",2]\n{}\n["a",9]\n{}\n["b",1]\n{}\n' | sha256sum
        assert_eq!(
            digest.as_str(),
            "v1:sha256:234397880c3fb40a3680cf3896c7d509f72c671d2908edb2be316bf27bc869cb"
        );
    }

    #[test]
    fn a_content_digest_is_read_in_its_one_form_only() {
        let digest = ContentDigest::of(b"");
        assert_eq!(ContentDigest::try_from(digest.to_string()), Ok(digest.clone()));
        // sha256sum < /dev/null
        assert_eq!(digest.hexadecimal(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let upper = format!("{FORM}{}", digest.hexadecimal().to_uppercase());
        for text in ["", FORM, digest.hexadecimal(), upper.as_str(), &format!("{digest}0")] {
            assert_eq!(ContentDigest::try_from(text.to_owned()), Err(InvalidDigest), "{text}");
        }
    }
}
