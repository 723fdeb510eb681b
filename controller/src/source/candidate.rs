//! A reading that could be taken: judged by itself, before it is compared with what stands.

use std::collections::BTreeMap;

use coxswain_manifest::{Bundle, ContentDigest, Loaded, ParameterValue, Provenance, SourceFile, load};
use coxswain_plan::Reason;

use super::{
    Reading, SignaturePolicy, Verification,
    last_good::{Content, LastGood},
    refusal::Refusal,
};
use crate::resolve::StoredValue;

/// What is served, and how manifests are taken.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Where they come from, for people.
    pub from: String,
    /// Whether only those who have this machine can write there.
    pub is_local: bool,
    /// The environment that is served; without it, whichever the manifests name.
    pub environment: Option<String>,
    /// Whether manifests are taken object by object.
    pub is_object_by_object: bool,
    /// What is asked of a bundle's signature.
    pub signatures: SignaturePolicy,
}

/// Where the manifests that stand come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The bundle's digest.
    pub digest: ContentDigest,
    /// Commit, author and message.
    pub provenance: Provenance,
}

/// Manifests that can be used.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) loaded: Loaded,
    pub(super) content: Content,
    /// What is known of who made them; nothing where that is not asked.
    pub(super) verification: Option<Verification>,
}

impl Candidate {
    /// Judges a reading.
    pub(super) fn judge(reading: Reading, expected: &Expected) -> Result<Self, Refusal> {
        match reading {
            Reading::Files(files) => Self::of_files(files, expected),
            Reading::Bundle(bundle) => {
                let digest = bundle.digest().clone();
                let named = |refusal| Refusal { bundle: Some(digest), ..refusal };
                Self::of_bundle(bundle, expected).map_err(named)
            }
        }
    }

    fn of_files(files: Vec<SourceFile>, expected: &Expected) -> Result<Self, Refusal> {
        if files.is_empty() {
            let text = format!("there are no manifests in {}", expected.from);
            return Err(Refusal::plain(Reason::SourceUnreadable, text));
        }
        let loaded = load(files.clone());
        check(&loaded, expected)?;
        let verification = (!expected.is_local).then(|| Verification::unverified(None));
        Ok(Self { loaded, content: Content::Files(files), verification })
    }

    fn of_bundle(bundle: Box<Bundle>, expected: &Expected) -> Result<Self, Refusal> {
        let verification = expected.signatures.verify(&bundle)?;
        let loaded = bundle.load()?;
        check(&loaded, expected)?;
        Ok(Self { loaded, content: Content::Bundle(bundle), verification: Some(verification) })
    }

    /// What was kept, as a candidate: it was taken once and stands whatever is thought of it now.
    pub(super) fn restored(kept: &LastGood, expected: &Expected) -> Result<Self, String> {
        let (loaded, bundle) = kept.load()?;
        let verification = match &bundle {
            Some(bundle) => {
                expected.signatures.verify(bundle).map_err(|error| error.to_string()).map(Some)?
            }
            None => (!expected.is_local).then(|| Verification::unverified(None)),
        };
        let content = bundle.map_or(Content::Files(Vec::new()), |bundle| Content::Bundle(Box::new(bundle)));
        Ok(Self { loaded, content, verification })
    }

    /// Whether it asks for the same as what is kept.
    pub(super) fn is(&self, kept: &LastGood) -> bool {
        match &self.content {
            Content::Bundle(bundle) => kept.head.bundle.as_ref() == Some(bundle.digest()),
            Content::Files(_) => {
                kept.head.bundle.is_none() && kept.head.digest == self.loaded.bundle_digest().as_str()
            }
        }
    }

    /// The number that it has beside what is kept: a bundle's own, or else one more than that.
    pub(super) fn sequence(&self, kept: Option<&LastGood>) -> u64 {
        match (&self.content, kept) {
            (Content::Bundle(bundle), _) => bundle.sequence(),
            (Content::Files(_), Some(kept)) if self.is(kept) => kept.head.sequence,
            (Content::Files(_), kept) => kept.map_or(0, |kept| kept.head.sequence).saturating_add(1),
        }
    }

    /// What its references were found to stand for when it was published.
    pub(super) fn parameters(&self) -> BTreeMap<String, StoredValue> {
        let Content::Bundle(bundle) = &self.content else { return BTreeMap::new() };
        let stored = |(name, value)| match value {
            ParameterValue::String(text) => Some((name, StoredValue::String(text))),
            ParameterValue::StringList(items) => Some((name, StoredValue::StringList(items))),
            ParameterValue::Unavailable(_) => None,
        };
        bundle.parameters().into_iter().filter_map(stored).collect()
    }
}

impl Content {
    /// Where it comes from, where it says so.
    pub(super) fn origin(&self) -> Option<Origin> {
        match self {
            Self::Bundle(bundle) => {
                Some(Origin { digest: bundle.digest().clone(), provenance: bundle.provenance() })
            }
            Self::Files(_) => None,
        }
    }
}

/// Whether manifests can be used at all, and here.
fn check(loaded: &Loaded, expected: &Expected) -> Result<(), Refusal> {
    let seen = Some(loaded.bundle_digest().clone());
    let environment = loaded.environment().map(|environment| environment.name.as_str());
    let is_usable = !loaded.has_errors() || expected.is_object_by_object && environment.is_some();
    if !is_usable {
        return Err(Refusal { seen, ..Refusal::invalid(loaded.diagnostics()) });
    }
    match (environment, &expected.environment) {
        (Some(found), Some(served)) if found != served => {
            let text = format!("the manifests are of the environment {found:?}, and {served:?} is served");
            Err(Refusal { seen, ..Refusal::plain(Reason::OtherEnvironment, text) })
        }
        _ => Ok(()),
    }
}
