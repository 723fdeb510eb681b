//! What was taken last, as it is kept: so that a controller that is restarted stands on it.
//!
//! ```text
//! {"schema":2,"sequence":8,…}     one line: number, digests, what the references stand for
//! {"bundle":1,…                   the bundle as it was published, where it was one
//! ```

use std::collections::BTreeMap;

use coxswain_manifest::{Bundle, ContentDigest, Loaded, SourceFile, StandingBundle, load};
use coxswain_store::{Expect, Path, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::resolve::StoredValue;

/// Where it is kept.
const PATH: &str = "v1/source/last-good.json";

/// The layout that this version writes.
const SCHEMA: u32 = 2;

/// Layout 1 had files only, and no number of inputs.
const SCHEMAS: std::ops::RangeInclusive<u32> = 1..=SCHEMA;

/// The manifests that were taken last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LastGood {
    pub(super) head: Head,
    /// The bundle's bytes, where they came as one; empty otherwise.
    pub(super) bundle: Vec<u8>,
}

/// What is said of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Head {
    schema: u32,
    /// A bundle's own; for files, grows with each set that differs from the one before.
    pub(super) sequence: u64,
    /// Grows with each change of what the references stand for, from 0 with each sequence.
    #[serde(default)]
    pub(super) input: u64,
    /// What the documents say.
    pub(super) digest: String,
    /// The bundle's own digest, where they came as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bundle: Option<ContentDigest>,
    /// What the references stand for.
    pub(super) parameters: BTreeMap<String, StoredValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<KeptFile>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptFile {
    path: String,
    content: String,
}

/// What the manifests were, before a number was given to them.
#[derive(Debug)]
pub(super) enum Content {
    /// A set of files.
    Files(Vec<SourceFile>),
    /// A bundle.
    Bundle(Box<Bundle>),
}

impl LastGood {
    pub(super) fn new(
        content: Content,
        digest: String,
        (sequence, input): (u64, u64),
        parameters: BTreeMap<String, StoredValue>,
    ) -> Self {
        let head =
            Head { schema: SCHEMA, sequence, input, digest, bundle: None, parameters, files: Vec::new() };
        match content {
            Content::Files(files) => Self {
                head: Head { files: files.into_iter().map(keep).collect(), ..head },
                bundle: Vec::new(),
            },
            Content::Bundle(bundle) => {
                let head = Head { bundle: Some(bundle.digest().clone()), ..head };
                Self { head, bundle: bundle.to_bytes() }
            }
        }
    }

    /// The bundle that a new one has to follow; none where files stand, which number themselves.
    pub(super) fn standing_bundle(&self) -> Option<StandingBundle> {
        let digest = self.head.bundle.clone()?;
        Some(StandingBundle { sequence: self.head.sequence, digest })
    }

    /// Reads and judges what is kept.
    ///
    /// # Errors
    /// In words, where it is not what was kept.
    pub(super) fn load(&self) -> Result<(Loaded, Option<Bundle>), String> {
        let Some(digest) = &self.head.bundle else {
            let file = |kept: &KeptFile| SourceFile {
                path: kept.path.clone(),
                content: kept.content.clone().into(),
            };
            return Ok((load(self.head.files.iter().map(file).collect()), None));
        };
        let bundle = Bundle::reread(&self.bundle).map_err(|error| error.to_string())?;
        if bundle.digest() != digest {
            return Err(format!("the bundle that is kept is {}, not {digest}", bundle.digest()));
        }
        let loaded = bundle.load().map_err(|error| error.to_string())?;
        Ok((loaded, Some(bundle)))
    }

    /// What is kept in that store, and under which condition it may be replaced.
    pub(super) async fn read(store: &dyn Store) -> Result<(Option<Self>, Expect), StoreError> {
        let entry = store.get(&path()?).await?;
        let kept = entry.as_ref().map(|entry| Self::parse(&entry.bytes)).transpose()?;
        Ok((kept, Expect::from(entry.as_ref())))
    }

    /// Keeps it in that store.
    pub(super) async fn write(&self, store: &dyn Store, expect: Expect) -> Result<(), StoreError> {
        let mut bytes = serde_json::to_vec(&self.head).map_err(|error| unreadable(error.into()))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.bundle);
        store.put(&path()?, bytes, expect).await.map(drop)
    }

    fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        let head: Head = serde_json::from_slice(line).map_err(|error| unreadable(error.into()))?;
        if !SCHEMAS.contains(&head.schema) {
            return Err(unreadable(
                format!("it has schema {}, this version knows {SCHEMA}", head.schema).into(),
            ));
        }
        Ok(Self { head: Head { schema: SCHEMA, ..head }, bundle: rest.get(1..).unwrap_or_default().to_vec() })
    }
}

fn path() -> Result<Path, StoreError> {
    Path::new(PATH).map_err(|error| unreadable(error.into()))
}

fn unreadable(source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Unavailable {
        operation: coxswain_store::Operation::Get,
        subject: PATH.to_owned(),
        in_doubt: false,
        source,
    }
}

/// Only text can have been taken.
fn keep(file: SourceFile) -> KeptFile {
    KeptFile { path: file.path, content: String::from_utf8_lossy(&file.content).into_owned() }
}

#[cfg(test)]
mod tests {
    use coxswain_manifest::Provenance;
    use coxswain_store::MemoryStore;

    use super::*;

    const TEXT: &str =
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: dev }\nspec: { cluster: dev }\n";

    fn files() -> Vec<SourceFile> {
        vec![SourceFile { path: "e.yaml".to_owned(), content: TEXT.into() }]
    }

    async fn kept_and_read(kept: &LastGood) -> LastGood {
        let store = MemoryStore::new();
        kept.write(&store, Expect::Absent).await.unwrap();
        LastGood::read(&store).await.unwrap().0.unwrap()
    }

    #[tokio::test]
    async fn a_bundle_comes_back_byte_for_byte_and_files_as_they_were() {
        let bundle = Bundle::build(files(), 7, Provenance::default(), &BTreeMap::new()).unwrap();
        let digest = bundle.documents_digest().to_string();
        let content = Content::Bundle(Box::new(bundle.clone()));
        let kept = LastGood::new(content, digest.clone(), (7, 0), BTreeMap::new());
        let read = kept_and_read(&kept).await;
        assert_eq!(read, kept);
        let (loaded, again) = read.load().unwrap();
        assert_eq!((again, loaded.bundle_digest().to_string()), (Some(bundle), digest.clone()));

        let kept = LastGood::new(Content::Files(files()), digest.clone(), (3, 1), BTreeMap::new());
        let read = kept_and_read(&kept).await;
        assert_eq!(read, kept);
        assert_eq!(read.standing_bundle(), None);
        assert_eq!(read.load().unwrap().0.bundle_digest().to_string(), digest);
    }

    #[tokio::test]
    async fn what_the_first_layout_kept_is_still_read_and_a_later_layout_is_not_guessed_at() {
        let store = MemoryStore::new();
        let old = r#"{"schema":1,"sequence":4,"digest":"v1:sha256:00","parameters":{},"files":[{"path":"e.yaml","content":"a: 1"}]}"#;
        store.put(&path().unwrap(), old.into(), Expect::Absent).await.unwrap();
        let (read, expect) = LastGood::read(&store).await.unwrap();
        assert_eq!((read.unwrap().head.sequence), 4);
        store.put(&path().unwrap(), old.replace(":1,", ":3,").into(), expect).await.unwrap();
        let refused = LastGood::read(&store).await.unwrap_err();
        assert!(std::error::Error::source(&refused).unwrap().to_string().contains("schema 3"));
    }

    #[tokio::test]
    async fn a_bundle_that_is_not_the_one_that_was_kept_is_not_stood_on() {
        let build =
            |sequence| Bundle::build(files(), sequence, Provenance::default(), &BTreeMap::new()).unwrap();
        let content = Content::Bundle(Box::new(build(7)));
        let kept = LastGood::new(content, String::new(), (7, 0), BTreeMap::new());
        let other = LastGood { bundle: build(8).to_bytes(), ..kept.clone() };
        assert!(other.load().unwrap_err().contains("not v1:sha256:"));
        let torn = LastGood { bundle: kept.bundle[..40].to_vec(), ..kept };
        assert!(torn.load().is_err());
    }
}
