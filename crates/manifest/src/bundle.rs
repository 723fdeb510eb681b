//! Bundles: all documents of an environment as one value that can be sent, kept and checked.
//!
//! ```text
//! {"bundle":1,"digest":"v1:sha256:…","bytes":1234}         the header, one line
//! {"author":…,"commit":…,"documents":[…],"environment":…,  the body, one line: canonical JSON
//!  "files":[…],"message":…,"parameters":{…},"sequence":7}
//! ```
//! The digest is that of the body's bytes, and the body says everything: so the digest names the content,
//! and a bundle can be kept under it (content-addressed). The header tells its length first, so that a
//! bundle that broke off is told from one that was changed. A signature stands in the header, outside of
//! what it signs.

mod digest;
mod error;
mod format;
mod pointer;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::load::{Loaded, load, load_with_documents};
use crate::resolved::ParameterValue;
use crate::source::SourceFile;

pub use digest::{BundleDigest, ContentDigest, InvalidDigest};
pub use error::{BuildError, BundleError, BundleFault};
pub use format::{MAX_BUNDLE_BYTES, Signature};
pub use pointer::Pointer;

use error::Refusal;
use format::Body;

/// What stands: the bundle that was taken last, which a new one has to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingBundle {
    /// Its sequence.
    pub sequence: u64,
    /// Its digest.
    pub digest: ContentDigest,
}

/// Where a bundle comes from, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The commit in git.
    pub commit: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// The commit's message.
    pub message: Option<String>,
}

/// All documents of an environment, as they were when somebody published them.
///
/// # Guarantees
/// - All or nothing: [`build`](Self::build) takes no manifests with errors, [`parse`](Self::parse) no
///   bytes that differ in one bit from what was built.
/// - The files' texts travel with the documents. What [`load`](Self::load) gives is what the files
///   themselves would have given: the same objects, and diagnostics at the same file, line and column.
/// - The documents as the publisher read them travel too, as canonical JSON. A reader of another version
///   that reads a text differently refuses the bundle instead of applying something nobody has seen.
///
/// Whether a bundle is *trusted* is not decided here: the source verifies
/// [`signature`](Self::signature) over [`signed_bytes`](Self::signed_bytes).
///
/// ```
/// # use std::collections::BTreeMap;
/// use coxswain_manifest::{Bundle, Provenance, SourceFile};
/// let text = "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: dev }\nspec: { cluster: dev }\n";
/// let file = SourceFile { path: "environment.yaml".to_owned(), content: text.into() };
/// let bundle = Bundle::build(vec![file], 7, Provenance::default(), &BTreeMap::new())?;
///
/// let received = Bundle::parse(&bundle.to_bytes(), "dev", None)?;
/// assert_eq!(received, bundle);
/// assert!(Bundle::parse(&bundle.to_bytes(), "prod", None).is_err());
/// assert_eq!(received.load()?.diagnostics(), []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    body: Body,
    digest: ContentDigest,
    signature: Option<Signature>,
}

impl Bundle {
    /// Makes a bundle of manifests without errors.
    ///
    /// Of `parameters`, the values that the manifests refer to are kept, and nothing is kept of those
    /// that are unavailable: whoever reads the bundle has to look them up.
    ///
    /// # Errors
    /// [`BuildError::Invalid`] carries the diagnostics. Warnings are no errors.
    pub fn build(
        files: Vec<SourceFile>,
        sequence: u64,
        provenance: Provenance,
        parameters: &BTreeMap<String, ParameterValue>,
    ) -> Result<Self, BuildError> {
        if sequence == 0 {
            return Err(BuildError::NoSequence);
        }
        let mut paths = BTreeSet::new();
        if let Some(again) = files.iter().find(|file| !paths.insert(file.path.as_str())) {
            return Err(BuildError::SamePath { path: again.path.clone() });
        }
        let (loaded, documents) = load_with_documents(files);
        let environment = match loaded.environment() {
            Some(environment) if !loaded.has_errors() => environment.name.clone(),
            _ => return Err(BuildError::Invalid(Box::new(loaded))),
        };
        let body = Body::new(environment, sequence, provenance, &loaded, documents, parameters);
        Self::seal(body)
    }

    fn seal(body: Body) -> Result<Self, BuildError> {
        let json = body.to_json();
        if json.len() > MAX_BUNDLE_BYTES {
            return Err(BuildError::TooLarge { bytes: json.len() });
        }
        let digest = ContentDigest::of(json.as_bytes());
        Ok(Self { body, digest, signature: None })
    }

    /// The bytes to send and keep: the same for the same bundle.
    pub fn to_bytes(&self) -> Vec<u8> {
        format::to_bytes(&self.body.to_json(), &self.digest, self.signature.as_ref())
    }

    /// Reads a bundle that somebody has sent, or refuses it whole.
    ///
    /// `standing` is what was taken last, if anything. The same bundle again is accepted, so that a
    /// source may read it as often as it likes.
    ///
    /// # Errors
    /// Torn, changed, for another environment, older than what stands, or of a format that is not known:
    /// each is a [`BundleFault`] of its own.
    pub fn parse(
        bytes: &[u8],
        expected_environment: &str,
        standing: Option<&StandingBundle>,
    ) -> Result<Self, BundleError> {
        let refusal = Refusal { bytes, standing };
        let bundle = Self::read(&refusal)?;
        if bundle.body.environment != expected_environment {
            let (found, expected) = (bundle.body.environment, expected_environment.to_owned());
            let fault = BundleFault::OtherEnvironment { found, expected };
            return Err(refusal.because(Some(bundle.digest), fault));
        }
        standing.map_or(Ok(()), |standing| bundle.follows(standing))?;
        Ok(bundle)
    }

    /// Reads a bundle that was taken before and kept since, of whatever environment.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), where it was not kept as it was.
    pub fn reread(bytes: &[u8]) -> Result<Self, BundleError> {
        Self::read(&Refusal { bytes, standing: None })
    }

    fn read(refusal: &Refusal<'_>) -> Result<Self, BundleError> {
        let (header, json) = format::split(refusal)?;
        let refuse = |fault| refusal.because(Some(header.digest.clone()), fault);
        let found = ContentDigest::of(json);
        if found != header.digest {
            return Err(refuse(BundleFault::Tampered { found }));
        }
        let body = Body::parse(json).map_err(refuse)?;
        Ok(Self { body, digest: header.digest, signature: header.signature })
    }

    /// Whether it may take the place of what stands: it is later, or the very same.
    ///
    /// # Errors
    /// [`BundleFault::Replayed`] and [`BundleFault::SequenceTaken`].
    pub fn follows(&self, standing: &StandingBundle) -> Result<(), BundleError> {
        let sequence = self.body.sequence;
        let fault = match sequence.cmp(&standing.sequence) {
            Ordering::Less => BundleFault::Replayed { sequence },
            Ordering::Equal if self.digest != standing.digest => BundleFault::SequenceTaken { sequence },
            Ordering::Equal | Ordering::Greater => return Ok(()),
        };
        Err(BundleError::new(self.digest.clone(), Some(standing), fault))
    }

    /// Reads and judges the bundle's files, as [`load`](crate::load) does with files of a directory.
    ///
    /// # Errors
    /// [`BundleFault::ReadDifferently`] if this version reads another thing in the texts than the
    /// publisher's did. What is merely wrong by the rules of this version is among the diagnostics.
    pub fn load(&self) -> Result<Loaded, BundleError> {
        let loaded = load(self.body.source_files());
        let names = loaded.environment().map(|environment| environment.name.as_str());
        let is_same = *loaded.bundle_digest() == self.body.documents_digest()
            && names.is_none_or(|name| name == self.body.environment);
        if is_same {
            return Ok(loaded);
        }
        Err(BundleError::new(self.digest.clone(), None, BundleFault::ReadDifferently))
    }

    /// Which environment it is for.
    pub fn environment(&self) -> &str {
        &self.body.environment
    }

    /// Its number: grows with each bundle of the environment, from 1.
    pub fn sequence(&self) -> u64 {
        self.body.sequence
    }

    /// The digest of everything that it says.
    pub fn digest(&self) -> &ContentDigest {
        &self.digest
    }

    /// The digest of what its documents say, without comments, provenance and sequence.
    pub fn documents_digest(&self) -> BundleDigest {
        self.body.documents_digest()
    }

    /// The same documents under another number, which is another bundle: its signature stays behind.
    ///
    /// # Errors
    /// As [`build`](Self::build), for a number that none has.
    pub fn with_sequence(self, sequence: u64) -> Result<Self, BuildError> {
        if sequence == 0 {
            return Err(BuildError::NoSequence);
        }
        let mut body = self.body;
        body.sequence = sequence;
        Self::seal(body)
    }

    /// Where it comes from.
    pub fn provenance(&self) -> Provenance {
        self.body.provenance()
    }

    /// The values that its references had when it was published.
    pub fn parameters(&self) -> BTreeMap<String, ParameterValue> {
        self.body.parameter_values()
    }

    /// This bundle, to be remembered as the one that stands.
    pub fn standing(&self) -> StandingBundle {
        StandingBundle { sequence: self.body.sequence, digest: self.digest.clone() }
    }

    /// What a signature is over: environment, sequence and digest, and what kind of thing is signed.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let Self { body: Body { environment, sequence, .. }, digest, .. } = self;
        // No environment's name has a line feed in it that JSON would not show as two characters.
        let environment = serde_json::Value::from(environment.as_str());
        format!("coxswain-bundle 1\n{environment}\n{sequence}\n{digest}\n").into_bytes()
    }

    /// The signature that came with it. Nobody has verified it yet.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// The same bundle with a signature. One of more than some 15 kB would not be read back.
    #[must_use]
    pub fn with_signature(self, signature: Signature) -> Self {
        Self { signature: Some(signature), ..self }
    }
}
