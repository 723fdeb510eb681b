//! The digest of a bundle.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
        Self(format!("v1:sha256:{}", hex::encode(hash.finalize())))
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
}
