//! Bundles in a bucket.
//!
//! ```text
//! s3://<bucket>/<prefix>pointer.json            {"pointer":1,"environment":"prod","sequence":8,…}
//! s3://<bucket>/<prefix>bundles/<digest>.json   the bundle, never changed
//! ```
//! Some bundles before the newest stay: they are the history of what was published.

use async_trait::async_trait;
use coxswain_manifest::{Bundle, MAX_BUNDLE_BYTES, Pointer};
use coxswain_store::{
    Expect, StoreError, Version,
    s3::{Fetched, Object, Objects, Written},
};

use super::{Keep, Kept, Look, Mark, Moved, Shelf, ShelfError};

/// The pointer's key.
const POINTER: &str = "pointer.json";

/// What the keys of bundles begin with.
const BUNDLES: &str = "bundles/";

/// So many old bundles are removed after a publication, each by a call; the next one goes on.
const REMOVED_AT_ONCE: usize = 50;

/// A larger pointer is none. Units: bytes.
const POINTER_AT_MOST: u64 = 64 * 1024;

/// Bundles in a bucket.
#[derive(Debug, Clone)]
pub struct S3Shelf {
    objects: Objects,
}

impl S3Shelf {
    /// The bundles among these objects.
    pub fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// What is under a bundle's key. Twice what a bundle may have is read, so that one that goes on behind
    /// its end is told from one that is no bundle.
    async fn fetch(&self, key: &str) -> Result<Fetched, StoreError> {
        self.objects.get(key, None, 2 * MAX_BUNDLE_BYTES as u64).await
    }
}

#[async_trait]
impl Shelf for S3Shelf {
    fn describe(&self) -> String {
        self.objects.location("")
    }

    async fn pointer(&self, known: Option<&Mark>) -> Result<Look, ShelfError> {
        let known = known.map(|Mark(etag)| Version::named(etag));
        Ok(match self.objects.get(POINTER, known.as_ref(), POINTER_AT_MOST).await? {
            Fetched::Absent => Look::Nothing,
            Fetched::Unchanged => Look::Unchanged,
            Fetched::Found(Object { bytes, version }) => {
                Look::Found { bytes, mark: Mark::new(version.as_str()), taken: 0 }
            }
            Fetched::TooLarge { bytes } => {
                // Refused by its content, as anything that is no pointer.
                Look::Found { bytes: Vec::new(), mark: Mark::new(format!("{bytes} bytes")), taken: 0 }
            }
        })
    }

    async fn bundle(&self, pointer: &Pointer) -> Result<Kept, ShelfError> {
        Ok(match self.fetch(&pointer.key).await? {
            Fetched::Absent | Fetched::Unchanged => Kept::Missing,
            Fetched::Found(object) => Kept::Whole(object.bytes),
            Fetched::TooLarge { bytes } => Kept::Broken { why: format!("it has {bytes} bytes") },
        })
    }

    /// Die before it: nothing leads there. Die after it, or never hear back: the same put is refused then,
    /// and what is there is compared.
    async fn put_bundle(&self, bundle: &Bundle) -> Result<Pointer, ShelfError> {
        let pointer = Pointer::to(bundle);
        let key = pointer.key.as_str();
        let bytes = bundle.to_bytes();
        if self.objects.put(key, bytes.clone(), &Expect::Absent).await? != Written::Refused {
            return Ok(pointer);
        }
        match self.fetch(key).await? {
            Fetched::Found(object) if object.bytes == bytes => {}
            Fetched::Found(object) => {
                drop(self.objects.put(key, bytes, &Expect::Version(object.version)).await?);
            }
            // Too large to be ours, or gone since a moment: what it was, whoever reads it will say.
            Fetched::Absent | Fetched::Unchanged | Fetched::TooLarge { .. } => {}
        }
        Ok(pointer)
    }

    /// Die before it: the old pointer stands. Die after it: the new one stands. Never hear back: the caller
    /// looks.
    async fn move_pointer(&self, pointer: &Pointer, seen: Option<&Mark>) -> Result<Moved, ShelfError> {
        let expect = seen.map_or(Expect::Absent, |Mark(etag)| Expect::Version(Version::named(etag)));
        Ok(match self.objects.put(POINTER, pointer.to_bytes(), &expect).await? {
            Written::Done(_) => Moved::Done,
            Written::Refused => Moved::Overtaken,
        })
    }

    /// A bundle that nobody points to yet is younger than the age that is kept, or its publisher is overtaken:
    /// only a pointer that has moved is tidied after.
    async fn tidy(&self, pointer: &Pointer, keep: &Keep) -> Result<(), ShelfError> {
        let listed = self.objects.list_dated(BUNDLES).await?.into_iter();
        #[expect(clippy::cast_precision_loss, reason = "seconds of a date are far below 2^52")]
        let bundles: Vec<_> =
            listed.filter_map(|dated| Some((dated.modified? as f64, dated.object))).collect();
        let outdated = keep.outdated(bundles, |object| object.key == pointer.key);
        for object in outdated.into_iter().take(REMOVED_AT_ONCE) {
            // One that is gone, or another since, is somebody else's care.
            let (Written::Done(()) | Written::Refused) =
                self.objects.delete(&object.key, &Version::named(&object.etag)).await?;
        }
        Ok(())
    }
}
