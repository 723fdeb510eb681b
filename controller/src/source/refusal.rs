//! Why a reading was not taken.

use coxswain_manifest::{BundleDigest, BundleError, ContentDigest, Diagnostic, Severity};
use coxswain_plan::Reason;
use coxswain_store::StoreError;

use super::{ReadError, error::fault_reason};

/// Why a reading was not taken.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What the documents say, where they could be read.
    pub(super) seen: Option<BundleDigest>,
    /// The bundle that was refused, where it was one.
    pub(super) bundle: Option<ContentDigest>,
    /// Whether the same reading is to be tried again.
    pub(super) is_unfinished: bool,
}

impl Refusal {
    pub(super) fn plain(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            diagnostics: Vec::new(),
            seen: None,
            bundle: None,
            is_unfinished: false,
        }
    }

    pub(super) fn of_store(error: &StoreError) -> Self {
        let text = format!("the store does not keep the manifests: {}", crate::status::chain(error));
        Self { is_unfinished: true, ..Self::plain(Reason::Unavailable, text) }
    }

    /// Manifests with errors.
    pub(super) fn invalid(diagnostics: &[Diagnostic]) -> Self {
        let diagnostics = diagnostics.to_vec();
        let text = count_text(&diagnostics);
        Self { diagnostics, ..Self::plain(Reason::InvalidManifest, text) }
    }
}

impl From<&ReadError> for Refusal {
    fn from(error: &ReadError) -> Self {
        Self { bundle: error.digest().cloned(), ..Self::plain(error.reason(), error.to_string()) }
    }
}

impl From<BundleError> for Refusal {
    fn from(error: BundleError) -> Self {
        let text = ReadError::Refused(error.clone()).to_string();
        Self { bundle: Some(error.digest), ..Self::plain(fault_reason(&error.fault), text) }
    }
}

/// The first error, and how many more there are.
pub(super) fn count_text(diagnostics: &[Diagnostic]) -> String {
    let errors: Vec<_> = diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    match errors.as_slice() {
        [] => "the manifests cannot be used".to_owned(),
        [only] => format!("{}: {}", only.location, only.message),
        [first, rest @ ..] => {
            format!("{}: {}, and {} more errors", first.location, first.message, rest.len())
        }
    }
}
