//! References become values, once per bundle: what the manifests ask in the form that is compared.

mod image;
mod param;
mod references;

use std::collections::BTreeMap;

use coxswain_manifest::{Code, Diagnostic, Key, Loaded};
use coxswain_plan::{Desired, Reason};

use references::Looked;
pub use references::{References, StoredValue};

use crate::desired::{Asked, Wanted};

/// Every object of a bundle, resolved as far as the values go.
///
/// # Errors
/// Where the bundle as a whole says nothing: there is no Environment to put it in.
pub fn resolve(
    loaded: &Loaded,
    references: &References,
    revision: &str,
) -> Result<BTreeMap<Key, Wanted>, Vec<Diagnostic>> {
    let values = references.values();
    // One after the other: all of them in full, for the moment, would weigh more than all that is kept.
    let objects = loaded.resolve_each(&values)?;
    let wanted = |object: Result<_, Vec<Diagnostic>>| match object {
        Ok(service) => Wanted::Usable(Asked::new(Desired::new(&service, revision))),
        Err(diagnostics) => Wanted::Blocked { reason: reason(&diagnostics), diagnostics },
    };
    Ok(objects.map(|(key, object)| (key, wanted(object))).collect())
}

/// What only waits for a value is told from what is wrong.
fn reason(diagnostics: &[Diagnostic]) -> Reason {
    if diagnostics.iter().all(|diagnostic| diagnostic.code == Code::UnresolvedReference) {
        Reason::ReferenceUnresolved
    } else {
        Reason::InvalidManifest
    }
}
