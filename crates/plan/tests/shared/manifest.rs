//! Manifests as the planner gets them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use coxswain_manifest::{ParameterValue, SourceFile, load};
use coxswain_plan::Desired;

/// Where the transcripts stand.
pub(crate) fn cases() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// What a Service's manifest wants, in the Environment of the cases.
pub(crate) fn desired(name: &str, manifest: &str, revision: &str) -> Desired {
    let environment = fs::read(cases().join("environment.yaml")).expect("the Environment of the cases");
    let file = |path: &str, content: Vec<u8>| SourceFile { path: path.to_owned(), content };
    let files = vec![file("environment.yaml", environment), file(name, manifest.as_bytes().to_vec())];
    let loaded = load(files);
    let shown: Vec<_> = loaded.diagnostics().iter().map(|found| format!("{found:?}")).collect();
    assert!(!loaded.has_errors(), "{name}: {shown:#?}");
    let resolved =
        loaded.resolve(&BTreeMap::<String, ParameterValue>::new()).expect("a bundle with an Environment");
    let service = resolved.objects.values().next().unwrap().as_ref().unwrap();
    Desired::new(service, revision)
}
