//! Files in; every object and every error of every file out.

use std::collections::BTreeSet;

use crate::bundle::BundleDigest;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{self, Document};
use crate::image::ImageName;
use crate::judge::{self, Environment, Service};
use crate::key::{Key, Kind};
use crate::reference;
use crate::resolved::EnvironmentSettings;
use crate::source::{FileId, SourceFile, Sources};
use crate::tree::{Data, Tree};

/// A bundle, read and judged.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) environment: Environment,
    pub(crate) services: Vec<Service>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: Sources,
    digest: BundleDigest,
    unread: BTreeSet<String>,
}

impl Loaded {
    /// Whether anything is wrong enough that the bundle as a whole must not be applied.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many errors there are.
    pub(crate) fn error_count(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// Everything that is wrong, sorted by file and position, each fault once.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The files' texts, for [`render`](crate::render).
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Where the bundle goes; nothing unless there is exactly one Environment, without errors of its
    /// own (errors in its defaults are the Services').
    pub fn environment(&self) -> Option<&EnvironmentSettings> {
        self.environment.settings.as_ref()
    }

    /// The objects that were found, with or without errors.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.services.iter().map(|service| &service.key)
    }

    /// The files of which something could not be read: an object that is not among
    /// [`keys`](Self::keys) may still stand in one of them.
    pub fn unread_files(&self) -> &BTreeSet<String> {
        &self.unread
    }

    /// Every parameter that the bundle refers to.
    pub fn parameter_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for service in &self.services {
            reference::parameters(&service.tree, &mut names);
        }
        names
    }

    /// Every image that the bundle refers to by its tag.
    pub fn image_names(&self) -> BTreeSet<ImageName> {
        let mut names = BTreeSet::new();
        for service in &self.services {
            reference::images(&service.tree, &mut names);
        }
        names
    }

    /// What the bundle is, as one value.
    pub fn bundle_digest(&self) -> &BundleDigest {
        &self.digest
    }
}

/// Reads and judges a bundle: all errors of all files in one run.
///
/// ```
/// use coxswain_manifest::{SourceFile, load};
/// let file = SourceFile { path: "api.yaml".to_owned(), content: b"kind: Sevrice".to_vec() };
/// let loaded = load(vec![file]);
/// assert!(loaded.diagnostics().iter().any(|found| found.help.contains(&"did you mean Service?".to_owned())));
/// ```
pub fn load(files: Vec<SourceFile>) -> Loaded {
    load_with_documents(files).0
}

/// The same, and each document's file, line and canonical JSON as it was read, before any default.
pub(crate) fn load_with_documents(mut files: Vec<SourceFile>) -> (Loaded, Vec<(String, u32, String)>) {
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut report = Vec::new();
    let mut texts = Vec::new();
    for file in files {
        match document::decode(&file.path, file.content) {
            Ok(text) => texts.push((file.path, text)),
            Err(diagnostic) => report.push(*diagnostic),
        }
    }
    let sources = Sources::new(texts);
    let mut fingerprints = Vec::new();
    let (mut environments, mut services) = (Vec::new(), Vec::new());
    let mut unread: BTreeSet<_> = report.iter().map(|found| found.location.file.clone()).collect();
    for (id, path, text) in sources.iter() {
        let mut found = Vec::new();
        for tree in read(id, path, text, &sources, &mut found) {
            fingerprints.push(document::fingerprint(&tree, &sources));
            let Some(mut document) = Document::open(tree, &sources, &mut found) else { continue };
            document.claim(&mut found, &sources);
            match document.kind {
                Kind::Environment => environments.push(document),
                Kind::Service => services.push(document),
            }
        }
        if !found.is_empty() {
            unread.insert(path.to_owned());
        }
        report.append(&mut found);
    }
    let environment = judge::environment(environments, &sources, &mut report);
    let mut judged = Vec::new();
    for document in services {
        let is_named = document.name.is_some();
        let service = judge::service(document, &environment, &sources);
        if is_named {
            judged.push(service);
        } else {
            unread.insert(service.location.file);
            report.extend(service.diagnostics.into_iter().map(|found| found.object(None)));
        }
    }
    crate::duplicate::find(&mut judged, &sources);
    report.extend(judged.iter().flat_map(|service| service.diagnostics.iter().cloned()));
    let loaded = Loaded {
        environment,
        services: judged,
        diagnostics: in_order(report),
        digest: BundleDigest::of(fingerprints.clone()),
        unread,
        sources,
    };
    (loaded, fingerprints)
}

/// The documents of a file, empty ones left out.
pub(crate) fn read(
    file: FileId,
    path: &str,
    text: &str,
    sources: &Sources,
    report: &mut Vec<Diagnostic>,
) -> Vec<Tree> {
    let extension = path.rsplit('.').next().unwrap_or("");
    let mut trees = if extension.eq_ignore_ascii_case("json") {
        crate::json::read(file, text, sources, report)
    } else {
        crate::yaml::read(file, text, sources, report)
    };
    trees.retain(|tree| tree.data != Data::Null);
    trees
}

/// By file and position, each fault once.
pub(crate) fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    // The Environment's own report of a fault in its defaults comes first, and is the one to stay.
    diagnostics.retain(|found| seen.insert((found.location.clone(), found.code, found.message.clone())));
    diagnostics.sort_by(|one, other| (&one.location, one.code).cmp(&(&other.location, other.code)));
    diagnostics
}
