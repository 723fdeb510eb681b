//! Files in; every object and every error of every file out.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::BundleDigest;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{self, Document};
use crate::faults;
use crate::key::{Key, Kind};
use crate::merge::merge;
use crate::reference::{self, Values};
use crate::resolved::EnvironmentSettings;
use crate::rules;
use crate::source::{Location, SourceFile, Sources, Span};
use crate::tree::{Data, Entry, Tree};
use crate::v1;

/// A bundle, read and judged.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) environment: Option<EnvironmentSettings>,
    /// The Environment's document, to tell its defaults from a Service's own fields.
    pub(crate) environment_span: Option<Span>,
    pub(crate) services: Vec<Service>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: Sources,
    digest: BundleDigest,
    unread: BTreeSet<String>,
}

/// A Service with its defaults merged.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) key: Key,
    pub(crate) tree: Tree,
    pub(crate) location: Location,
    /// All that is wrong with it, also what is told once for several objects.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether anything is wrong enough that the bundle as a whole must not be applied.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
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
        self.environment.as_ref()
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
        self.services
            .iter()
            .for_each(|service| reference::parameters(&service.tree, &mut names));
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
pub fn load(mut files: Vec<SourceFile>) -> Loaded {
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut report = Vec::new();
    let mut texts = Vec::new();
    for file in files {
        match document::decode(&file.path, file.content) {
            Ok(text) => texts.push((file.path, text)),
            Err(diagnostic) => report.push(diagnostic),
        }
    }
    let sources = Sources::new(texts);
    let mut fingerprints = Vec::new();
    let mut documents = Vec::new();
    for (id, path, text) in sources.iter() {
        let is_json = path
            .rsplit('.')
            .next()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let read = if is_json {
            crate::json::read
        } else {
            crate::yaml::read
        };
        let trees = read(id, text, &sources, &mut report);
        for tree in trees.into_iter().filter(|tree| !matches!(tree.data, Data::Null)) {
            fingerprints.push(document::fingerprint(&tree, &sources));
            documents.extend(Document::open(tree, &sources, &mut report));
        }
    }
    let unread = report
        .iter()
        .map(|diagnostic| diagnostic.location.file.clone())
        .collect();
    let (environments, services): (Vec<_>, Vec<_>) = documents
        .into_iter()
        .partition(|document| document.kind == Kind::Environment);
    let mut bundle = Bundle {
        sources: &sources,
        report,
    };
    let environment = bundle.environment(environments);
    let mut services: Vec<_> = services
        .into_iter()
        .map(|document| bundle.service(document, &environment))
        .collect();
    bundle.duplicates(&mut services);
    let mut diagnostics = bundle.report;
    diagnostics.extend(
        services
            .iter()
            .flat_map(|service| service.diagnostics.iter().cloned()),
    );
    Loaded {
        environment: environment.settings,
        environment_span: environment.tree.map(|tree| tree.span),
        services,
        diagnostics: in_order(diagnostics),
        digest: BundleDigest::of(fingerprints),
        unread,
        sources,
    }
}

/// By file and position, each fault once.
pub(crate) fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    // The Environment's own report of a fault in its defaults comes first, and is the one to stay.
    diagnostics.retain(|found| seen.insert((found.location.clone(), found.code, found.message.clone())));
    diagnostics.sort_by(|one, other| (&one.location, one.code).cmp(&(&other.location, other.code)));
    diagnostics
}

/// The Environment as far as it could be read.
#[derive(Default)]
struct Environment {
    /// What keys begin with; a stand-in where there is no Environment.
    name: String,
    tree: Option<Tree>,
    settings: Option<EnvironmentSettings>,
}

/// Stands for the Environment's name in keys while there is none.
const UNNAMED: &str = "unknown";

struct Bundle<'a> {
    sources: &'a Sources,
    report: Vec<Diagnostic>,
}

impl Bundle<'_> {
    fn environment(&mut self, documents: Vec<Document>) -> Environment {
        let is_only = documents.len() == 1;
        let mut documents = documents.into_iter();
        let Some(mut document) = documents.next() else {
            self.missing_environment();
            return Environment {
                name: UNNAMED.to_owned(),
                ..Environment::default()
            };
        };
        let first = self.name_location(&document.tree);
        for other in documents {
            let message = "a bundle has one Environment, and this is another";
            let at = self.name_location(&other.tree);
            let diagnostic = Diagnostic::error(Code::SeveralEnvironments, at, message)
                .label("another Environment")
                .also(first.clone(), "the first");
            self.report.push(
                diagnostic.help("keep one; another environment is another bundle, in a directory of its own"),
            );
        }
        let name = document.name.clone().unwrap_or_else(|| UNNAMED.to_owned());
        let key = Key {
            environment: name.clone(),
            kind: Kind::Environment,
            name: name.clone(),
        };
        let mut found = Vec::new();
        reference::find(&mut document.tree, self.sources, &mut found);
        self.refuse_references(&document.tree, &mut found);
        let is_in_defaults = |found: &Diagnostic| found.field.starts_with("spec.defaults.");
        let faults = faults::find(v1::document(Kind::Environment), &document.tree, self.sources);
        // Defaults need not be complete: what is missing is looked for where they are merged.
        found.extend(
            faults
                .into_iter()
                .filter(|fault| !is_in_defaults(fault) || fault.code != Code::MissingField),
        );
        found.extend(rules::environment(&document.tree, self.sources));
        let is_sound = is_only
            && found
                .iter()
                .all(|found| is_in_defaults(found) || found.code == Code::UnknownReference);
        self.report
            .extend(found.into_iter().map(|found| found.object(Some(&key))));
        let settings = v1::environment::settings(&document.tree).filter(|_| is_sound);
        Environment {
            name,
            tree: Some(document.tree),
            settings,
        }
    }

    fn missing_environment(&mut self) {
        let file = self
            .sources
            .iter()
            .map(|(_, path, _)| path.to_owned())
            .next()
            .unwrap_or_default();
        let files = self.sources.iter().count();
        let message = match files {
            0 => "the bundle is empty: it has no Environment".to_owned(),
            1 => "the bundle has no Environment: none in this file".to_owned(),
            _ => format!(
                "the bundle has no Environment: none in this file and {} more",
                files - 1
            ),
        };
        let diagnostic = Diagnostic::error(Code::MissingEnvironment, Location::of_file(&file), message);
        self.report.push(diagnostic.help("add a document: { apiVersion: coxswain.dev/v1, kind: Environment, metadata: { name: dev }, spec: { cluster: dev } }"));
    }

    fn name_location(&self, tree: &Tree) -> Location {
        let name = tree.get("metadata").and_then(|metadata| metadata.get("name"));
        self.sources.location(name.unwrap_or(tree).span)
    }

    /// Outside its defaults, an Environment says what it says without references.
    fn refuse_references(&self, tree: &Tree, found: &mut Vec<Diagnostic>) {
        let outside = tree.entries().iter().flat_map(|entry| match entry.key.as_str() {
            "spec" => entry.value.entries(),
            _ => std::slice::from_ref(entry),
        });
        for entry in outside.filter(|entry| entry.key != "defaults") {
            if let Some((written, span)) = reference::first(&entry.value) {
                let message = format!("{written} cannot stand in an Environment outside spec.defaults");
                let at = self.sources.location(span);
                let diagnostic = Diagnostic::error(Code::ReferenceNotAllowed, at, message);
                found.push(
                    diagnostic
                        .label("expected the value itself")
                        .field(entry.key.clone()),
                );
            }
        }
    }

    fn service(&mut self, mut document: Document, environment: &Environment) -> Service {
        let location = self.name_location(&document.tree);
        let name = document.name.clone().unwrap_or_else(|| UNNAMED.to_owned());
        let key = Key {
            environment: environment.name.clone(),
            kind: Kind::Service,
            name,
        };
        let mut found = Vec::new();
        reference::find(&mut document.tree, self.sources, &mut found);
        let mut tree = document.tree;
        if let Some(defaults) = environment
            .tree
            .as_ref()
            .and_then(|tree| tree.get("spec")?.get("defaults"))
        {
            tree = with_defaults(tree, defaults);
        }
        let values = Values {
            environment: environment.settings.as_ref(),
            parameters: None,
        };
        reference::substitute(&mut tree, &values, self.sources, &mut found);
        self.refuse_early(&tree, &mut found);
        found.extend(judge(&tree, self.sources));
        let diagnostics = found.into_iter().map(|found| found.object(Some(&key))).collect();
        Service {
            key,
            tree,
            location,
            diagnostics,
        }
    }

    /// What has to be known before parameters are looked up: all but the ECS parts, and in those the
    /// names that make an object what it is.
    fn refuse_early(&self, tree: &Tree, found: &mut Vec<Diagnostic>) {
        let mut early: Vec<(&str, &Tree)> = Vec::new();
        early.extend(tree.get("metadata").map(|metadata| ("metadata", metadata)));
        let spec = tree.get("spec");
        for entry in spec.map(Tree::entries).unwrap_or_default() {
            match entry.key.as_str() {
                "taskDefinition" => early.extend(entry.value.get("family").map(|value| ("family", value))),
                "service" => early.extend(entry.value.get("serviceName").map(|value| ("serviceName", value))),
                key => early.push((key, &entry.value)),
            }
        }
        for (field, value) in early {
            if let Some((written, span)) = reference::first_parameter(value) {
                let message = format!("{written} cannot stand in {field}");
                let at = self.sources.location(span);
                let diagnostic = Diagnostic::error(Code::ReferenceNotAllowed, at, message).field(field);
                found.push(
                    diagnostic
                        .label("has to be known before parameters are looked up")
                        .help("write the value itself"),
                );
            }
        }
    }

    /// One name, one object; one ECS service and one family for each.
    fn duplicates(&self, services: &mut [Service]) {
        let name: fn(&Service) -> Option<&Tree> = |service| service.tree.get("metadata")?.get("name");
        let own: fn(&Service, &str, &str) -> bool = |service, part, field| {
            service
                .tree
                .get("spec")
                .and_then(|spec| spec.get(part)?.get(field))
                .is_some()
        };
        let service_name: fn(&Service) -> Option<&Tree> = |service| {
            let named = service
                .tree
                .get("spec")
                .and_then(|spec| spec.get("service")?.get("serviceName"));
            named.or_else(|| service.tree.get("metadata")?.get("name"))
        };
        let family: fn(&Service) -> Option<&Tree> = |service| {
            let named = service
                .tree
                .get("spec")
                .and_then(|spec| spec.get("taskDefinition")?.get("family"));
            named.or_else(|| service.tree.get("metadata")?.get("name"))
        };
        self.unique(
            services,
            name,
            |text| format!("two Services have the name \"{text}\""),
            |_| true,
        );
        // Two of one name are told as that, not again by what follows from it.
        self.unique(
            services,
            service_name,
            |text| format!("two Services are the ECS service \"{text}\""),
            |service| own(service, "service", "serviceName"),
        );
        self.unique(
            services,
            family,
            |text| format!("two Services use the task definition family \"{text}\""),
            |service| own(service, "taskDefinition", "family"),
        );
    }

    fn unique(
        &self,
        services: &mut [Service],
        pick: fn(&Service) -> Option<&Tree>,
        message: impl Fn(&str) -> String,
        is_meant: impl Fn(&Service) -> bool,
    ) {
        let mut first: BTreeMap<String, (usize, Location)> = BTreeMap::new();
        let mut found: Vec<(usize, usize, Diagnostic)> = Vec::new();
        for (index, service) in services.iter().enumerate() {
            let Some(node) = pick(service) else { continue };
            let Some(text) = node.text() else { continue };
            let at = self.sources.location(node.span);
            match first.get(text) {
                Some((earlier, place)) => {
                    let names_itself = is_meant(service) || services.get(*earlier).is_some_and(&is_meant);
                    if names_itself {
                        let diagnostic = Diagnostic::error(Code::DuplicateName, at, message(text))
                            .label("again here")
                            .also(place.clone(), "first here")
                            .help("rename one of them");
                        found.push((*earlier, index, diagnostic.object(Some(&service.key))));
                    }
                }
                None => {
                    first.insert(text.to_owned(), (index, at));
                }
            }
        }
        // Neither of the two can be told to be the one that is meant: both are at fault.
        for (earlier, later, diagnostic) in found {
            for index in [earlier, later] {
                if let Some(service) = services.get_mut(index) {
                    service.diagnostics.push(diagnostic.clone());
                }
            }
        }
    }
}

/// Every fault of a Service, defaults merged.
pub(crate) fn judge(tree: &Tree, sources: &Sources) -> Vec<Diagnostic> {
    let mut found = faults::find(v1::document(Kind::Service), tree, sources);
    found.extend(rules::service(tree, sources));
    found
}

/// A Service over the Environment's `spec.defaults`.
fn with_defaults(mut document: Tree, defaults: &Tree) -> Tree {
    let shapes = [
        ("taskDefinition", &*v1::service::TASK_DEFINITION),
        ("service", &*v1::service::SERVICE),
    ];
    let Data::Object(entries) = &mut document.data else {
        return document;
    };
    let Some(spec) = entries.iter_mut().find(|entry| entry.key == "spec") else {
        return document;
    };
    let Data::Object(fields) = &mut spec.value.data else {
        return document;
    };
    for (field, shape) in shapes {
        let Some(default) = defaults.entry(field) else {
            continue;
        };
        match fields.iter_mut().find(|own| own.key == field) {
            Some(own) => own.value = merge(shape, &default.value, &own.value),
            None => fields.push(Entry::clone(default)),
        }
    }
    document
}
