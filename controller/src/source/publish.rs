//! Publishing: manifests become the next bundle of a shelf, or change nothing at all.

use std::collections::BTreeMap;

use coxswain_manifest::{
    BuildError, Bundle, BundleDigest, BundleError, BundleFault, ContentDigest, ParameterValue, Pointer,
    Provenance, SourceFile,
};

use super::shelf::{Keep, Kept, Look, Mark, Moved, Shelf, ShelfError};

/// What somebody wants to have published.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// The manifests.
    pub files: Vec<SourceFile>,
    /// Where they come from.
    pub provenance: Provenance,
    /// What their references stand for, where that was looked up already; whoever reads the bundle looks up
    /// the rest.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The environment that the place is for, where that is known.
    pub environment: Option<String>,
    /// The number that the bundle has to exceed, beside that of the pointer: what stands with the reader,
    /// where the shelf is a new one. 0 where nothing is known of that.
    pub after: u64,
    /// Which bundles stay on the shelf.
    pub keep: Keep,
}

/// What stands on a shelf for an environment.
#[derive(Debug)]
pub struct Published {
    /// Where the pointer leads; nothing where none was ever published.
    pub pointer: Option<Pointer>,
    /// The bundle, where it is there and sound.
    pub bundle: Option<Bundle>,
    mark: Option<Mark>,
    taken: u64,
}

impl Published {
    /// Whether it asks for the same as a draft, whoever published it and why: then nothing is to be published.
    pub fn holds(&self, draft: &Bundle) -> bool {
        self.bundle.as_ref().is_some_and(|stands| is_same(stands, draft))
    }
}

/// What was published.
#[derive(Debug)]
pub struct Publication {
    /// The environment.
    pub environment: String,
    /// The bundle's sequence: the revision to wait for is `<sequence>.0`.
    pub sequence: u64,
    /// The bundle's digest.
    pub digest: ContentDigest,
    /// The digest of what its documents say.
    pub documents: BundleDigest,
    /// Whether anything was published: the same manifests are not published again.
    pub is_new: bool,
    /// Why what is no longer needed could not be removed, where it could not; that is no harm.
    pub untidied: Option<ShelfError>,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The manifests do not become a bundle.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// What is published there is another environment's.
    #[error(
        "{place} holds the environment {found:?}, and these manifests are of {ours:?}; publish them elsewhere"
    )]
    OtherEnvironment {
        /// Where.
        place: String,
        /// Whose it is.
        found: String,
        /// The manifests'.
        ours: String,
    },
    /// What stands in the place of the pointer is none, and is not overwritten.
    #[error("what stands at {place} in the place of the pointer is none: {fault}; look at it, and remove it")]
    NoPointer {
        /// Where.
        place: String,
        /// What is wrong with it.
        fault: BundleFault,
    },
    /// Somebody else has published meanwhile.
    #[error("somebody else has published to {place} meanwhile; nothing of this was. Publish again")]
    Overtaken {
        /// Where.
        place: String,
    },
    /// The place does not do what is needed.
    #[error("nothing was published to {place}")]
    Shelf {
        /// Where.
        place: String,
        /// Why.
        source: ShelfError,
    },
    /// The place did not say whether it has moved the pointer.
    #[error("{place} did not say whether this was published; publish again, which tells")]
    InDoubt {
        /// Where.
        place: String,
        /// Why.
        source: ShelfError,
    },
}

/// What stands on a shelf for that environment, for those who want to compare before they publish.
///
/// # Errors
/// Where the shelf cannot be read, or is not that environment's. A bundle that is missing or broken is no
/// error: publishing mends it.
pub async fn published(shelf: &dyn Shelf, environment: &str) -> Result<Published, PublishError> {
    let place = || shelf.describe();
    let failed = |source| PublishError::Shelf { place: place(), source };
    let (bytes, mark, taken) = match shelf.pointer(None).await.map_err(failed)? {
        Look::Found { bytes, mark, taken } => (bytes, mark, taken),
        Look::Nothing | Look::Unchanged => {
            return Ok(Published { pointer: None, bundle: None, mark: None, taken: 0 });
        }
    };
    let pointer =
        Pointer::parse(&bytes, environment, None).map_err(|BundleError { fault, .. }| match fault {
            BundleFault::OtherEnvironment { found, expected } => {
                PublishError::OtherEnvironment { place: place(), found, ours: expected }
            }
            fault => PublishError::NoPointer { place: place(), fault },
        })?;
    let bundle = match shelf.bundle(&pointer).await.map_err(failed)? {
        Kept::Whole(bytes) => pointer.open(&bytes, None).ok(),
        Kept::Missing | Kept::Broken { .. } => None,
    };
    let taken = taken.max(pointer.sequence);
    Ok(Published { pointer: Some(pointer), bundle, mark: Some(mark), taken })
}

/// Publishes manifests: the bundle first and the pointer last.
///
/// # Guarantees
/// - Manifests with errors are not published.
/// - What already stands is not published again: the answer is then that of the first time, so that the
///   whole is safe to repeat.
/// - Of several publishers that have seen the same pointer one moves it; the others are told.
///
/// # Cancel safety
/// Dropped at any point it leaves the old bundle published, or the new one, and at worst pieces to which
/// nothing leads.
pub async fn publish(shelf: &dyn Shelf, offer: Offer) -> Result<Publication, PublishError> {
    let place = || shelf.describe();
    let failed = |source| PublishError::Shelf { place: place(), source };
    let Offer { files, provenance, parameters, environment, after, keep } = offer;
    let draft = Bundle::build(files, 1, provenance, &parameters)?;
    if let Some(found) = environment.filter(|served| served != draft.environment()) {
        let ours = draft.environment().to_owned();
        return Err(PublishError::OtherEnvironment { place: place(), found, ours });
    }
    let before = published(shelf, draft.environment()).await?;
    if let Some(stands) = before.bundle.as_ref().filter(|stands| is_same(stands, &draft)) {
        return Ok(publication(stands, false));
    }
    let bundle = draft.with_sequence(before.taken.max(after).saturating_add(1))?;
    let pointer = shelf.put_bundle(&bundle).await.map_err(failed)?;
    match shelf.move_pointer(&pointer, before.mark.as_ref()).await {
        Ok(Moved::Done) => {}
        Ok(Moved::Overtaken) => settle(shelf, &pointer, None).await?,
        Err(error) if error.is_in_doubt() => settle(shelf, &pointer, Some(error)).await?,
        Err(error) => return Err(failed(error)),
    }
    let untidied = shelf.tidy(&pointer, &keep).await.err();
    Ok(Publication { untidied, ..publication(&bundle, true) })
}

/// Looks whether the pointer has become ours all the same: an answer was lost, or a first attempt of ours
/// arrived after all.
async fn settle(shelf: &dyn Shelf, ours: &Pointer, doubt: Option<ShelfError>) -> Result<(), PublishError> {
    let place = shelf.describe();
    let stands = match shelf.pointer(None).await {
        Ok(Look::Found { bytes, .. }) => Pointer::parse(&bytes, &ours.environment, None).ok(),
        Ok(Look::Nothing | Look::Unchanged) => None,
        Err(source) => return Err(PublishError::InDoubt { place, source: doubt.unwrap_or(source) }),
    };
    match (stands, doubt) {
        (Some(stands), _) if stands == *ours => Ok(()),
        (Some(stands), _) if stands.sequence >= ours.sequence => Err(PublishError::Overtaken { place }),
        // Not yet, and perhaps still on its way.
        (_, Some(source)) => Err(PublishError::InDoubt { place, source }),
        (_, None) => Err(PublishError::Overtaken { place }),
    }
}

/// Whether both ask for the same, whoever published them and why.
fn is_same(stands: &Bundle, draft: &Bundle) -> bool {
    stands.documents_digest() == draft.documents_digest() && stands.parameters() == draft.parameters()
}

fn publication(bundle: &Bundle, is_new: bool) -> Publication {
    Publication {
        environment: bundle.environment().to_owned(),
        sequence: bundle.sequence(),
        digest: bundle.digest().clone(),
        documents: bundle.documents_digest(),
        is_new,
        untidied: None,
    }
}

#[cfg(test)]
mod tests;
