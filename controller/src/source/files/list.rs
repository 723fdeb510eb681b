//! The list that a publisher leaves beside plain manifests: which files belong together.

use std::collections::{BTreeMap, BTreeSet};

use coxswain_manifest::{ContentDigest, SourceFile};
use serde::{Deserialize, Serialize};

/// The list's key, behind the prefix.
pub const LIST: &str = ".coxswain/files.json";

/// The format that this version writes and knows.
const FORMAT: u64 = 1;

/// Which files belong together, written before any of them.
///
/// From then on only the whole set is taken: what is half written is not what the list says, whoever stopped
/// where. So it says too what it replaces, so that whoever goes on where an attempt broke off knows what is a
/// publisher's and what is somebody else's.
///
/// ```text
/// {"list":1,"environment":"prod","number":3,"files":{"api.yaml":"v1:sha256:…"},"replaces":{"old.yaml":["v1:sha256:…"]}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileList {
    list: u64,
    pub(super) environment: String,
    /// Grows with each list, so that none has the bytes, and with them the ETag, of an earlier one.
    pub(super) number: u64,
    /// What is to stand there.
    pub(super) files: BTreeMap<String, ContentDigest>,
    /// What stood there and is to go, or to make room; and what an attempt that was not finished may still put
    /// there.
    replaces: Replaced,
}

/// Contents by path.
pub(super) type Replaced = BTreeMap<String, BTreeSet<ContentDigest>>;

impl FileList {
    /// A list of these files.
    pub(super) fn new(
        environment: String,
        number: u64,
        files: BTreeMap<String, ContentDigest>,
        replaces: Replaced,
    ) -> Self {
        Self { list: FORMAT, environment, number, files, replaces }
    }

    /// The bytes to keep.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Texts and numbers only: there is nothing that JSON could not say.
        format!("{}\n", serde_json::to_string(self).unwrap_or_default()).into_bytes()
    }

    /// Reads a list, or says why it is none.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let list: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match list.list {
            FORMAT => Ok(list),
            other => Err(format!("it has format {other}, and this version knows {FORMAT}")),
        }
    }

    /// Whether a publisher has put it there, or was allowed to replace it.
    pub(super) fn knows(&self, path: &str, digest: &ContentDigest) -> bool {
        self.files.get(path) == Some(digest)
            || self.replaces.get(path).is_some_and(|contents| contents.contains(digest))
    }

    /// Adds all that the list knows to what the next one replaces.
    pub(super) fn hand_on(&self, replaces: &mut Replaced) {
        let one = self.files.iter();
        let more =
            self.replaces.iter().flat_map(|(path, contents)| contents.iter().map(move |one| (path, one)));
        for (path, digest) in one.chain(more) {
            replaces.entry(path.clone()).or_default().insert(digest.clone());
        }
    }

    /// The first file, by its path, that is not as the list says; nothing where the set is whole.
    pub(super) fn difference(&self, found: &[SourceFile]) -> Option<String> {
        let found: BTreeMap<&str, ContentDigest> =
            found.iter().map(|file| (file.path.as_str(), ContentDigest::of(&file.content))).collect();
        let paths: BTreeSet<&str> =
            self.files.keys().map(String::as_str).chain(found.keys().copied()).collect();
        paths.into_iter().find_map(|path| match (self.files.get(path), found.get(path)) {
            (Some(listed), Some(found)) if listed == found => None,
            (Some(_), Some(_)) => Some(format!("{path} has another content")),
            (Some(_), None) => Some(format!("{path} is not there")),
            (None, _) => Some(format!("{path} is not on it")),
        })
    }
}
