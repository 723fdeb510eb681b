//! One object at a time: defaults merged, references found, everything that is wrong reported.

use coxswain_ecs_shapes::Shape;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::faults;
use crate::key::{Key, Kind};
use crate::merge::merge;
use crate::reference::{self, Values};
use crate::resolved::EnvironmentSettings;
use crate::rules;
use crate::source::{Location, Sources};
use crate::tree::{Data, Entry, Tree};
use crate::v1;

/// Stands for a name in keys while there is none.
const UNNAMED: &str = "unknown";

/// The Environment as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// What keys begin with.
    name: String,
    pub(crate) tree: Option<Tree>,
    /// Nothing unless it is the only one and without errors outside its defaults.
    pub(crate) settings: Option<EnvironmentSettings>,
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

impl Environment {
    /// The node at a path of its document.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Tree> {
        path.iter().try_fold(self.tree.as_ref()?, |tree, key| tree.get(key))
    }
}

/// Judges the bundle's one Environment; none, or more than one, is an error.
pub(crate) fn environment(
    documents: Vec<Document>,
    sources: &Sources,
    report: &mut Vec<Diagnostic>,
) -> Environment {
    let is_only = documents.len() == 1;
    let mut documents = documents.into_iter();
    let Some(mut document) = documents.next() else {
        report.push(missing_environment(sources));
        return Environment { name: UNNAMED.to_owned(), ..Environment::default() };
    };
    let first = name_location(&document.tree, sources);
    for other in documents {
        let message = "a bundle has one Environment, and this is another";
        let at = name_location(&other.tree, sources);
        let diagnostic = Diagnostic::error(Code::SeveralEnvironments, at, message)
            .label("another Environment")
            .also(first.clone(), "the first")
            .help("keep one; another environment is another bundle, in a directory of its own");
        report.push(diagnostic);
    }
    let name = document.name.clone().unwrap_or_else(|| UNNAMED.to_owned());
    let key = Key { environment: name.clone(), kind: Kind::Environment, name: name.clone() };
    let mut found = document.faults;
    reference::find(&mut document.tree, sources, &mut found);
    refuse_references(&document.tree, sources, &mut found);
    // Of what is nothing in the tree, no Service would know.
    let is_whole = found.is_empty();
    // Defaults need not be complete: what is missing is looked for where they are merged.
    let faults = faults::find(v1::document(Kind::Environment), &document.tree, sources);
    found.extend(
        faults.into_iter().filter(|fault| !is_in_defaults(fault) || fault.code != Code::MissingField),
    );
    found.extend(rules::environment(&document.tree, sources));
    let is_sound = is_only && is_whole && found.iter().all(is_in_defaults);
    let settings = v1::environment::settings(&document.tree).filter(|_| is_sound);
    // Before anything is merged, so that items are told apart by what their keys become.
    let values = Values { environment: settings.as_ref(), parameters: None };
    reference::substitute(&mut document.tree, &values, sources, &mut found);
    report.extend(found.into_iter().map(|found| found.object(Some(&key))));
    Environment { name, tree: Some(document.tree), settings }
}

fn is_in_defaults(fault: &Diagnostic) -> bool {
    fault.field.starts_with("spec.defaults.")
}

fn missing_environment(sources: &Sources) -> Diagnostic {
    /// Files that are named; a bundle may have a thousand.
    const MOST: usize = 5;
    let files: Vec<&str> = sources.iter().map(|(_, path, _)| path).collect();
    let (message, looked) = match files.as_slice() {
        [] => ("the bundle has no file that could be read, and no Environment", String::new()),
        [_] => ("the bundle has no Environment: this file holds none", String::new()),
        [named @ .., last] if files.len() <= MOST => {
            let looked = format!("looked for it in {} and {last}", named.join(", "));
            ("the bundle has no Environment", looked)
        }
        _ => {
            let named = files.iter().copied().take(MOST).collect::<Vec<_>>().join(", ");
            let looked = format!("looked for it in {named} and {} more", files.len() - MOST);
            ("the bundle has no Environment", looked)
        }
    };
    let location = Location::of_file(files.first().copied().unwrap_or_default());
    let diagnostic = Diagnostic::error(Code::MissingEnvironment, location, message).help(
        "add a document: { apiVersion: coxswain.dev/v1, kind: Environment, metadata: { name: dev }, \
         spec: { cluster: dev } }",
    );
    if looked.is_empty() { diagnostic } else { diagnostic.help(looked) }
}

fn name_location(tree: &Tree, sources: &Sources) -> Location {
    let name = tree.get("metadata").and_then(|metadata| metadata.get("name"));
    sources.location(name.unwrap_or(tree).span)
}

/// Outside its defaults, an Environment says what it says without references.
fn refuse_references(tree: &Tree, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let spec = tree.get("spec").map(Tree::entries).unwrap_or_default();
    let above = tree.entries().iter().filter(|entry| entry.key != "spec").map(|entry| (entry, ""));
    let within = spec.iter().filter(|entry| entry.key != "defaults").map(|entry| (entry, "spec"));
    for (entry, owner) in above.chain(within) {
        if let Some((written, span)) = reference::first(&entry.value) {
            let message = format!("{written} cannot stand in an Environment outside spec.defaults");
            let diagnostic = Diagnostic::error(Code::ReferenceNotAllowed, sources.location(span), message)
                .label("expected the value itself")
                .field(faults::join(owner, &entry.key));
            found.push(diagnostic);
        }
    }
}

/// Judges a Service over its Environment's defaults.
pub(crate) fn service(mut document: Document, environment: &Environment, sources: &Sources) -> Service {
    let location = name_location(&document.tree, sources);
    let name = document.name.unwrap_or_else(|| UNNAMED.to_owned());
    let key = Key { environment: environment.name.clone(), kind: Kind::Service, name };
    let mut found = document.faults;
    reference::find(&mut document.tree, sources, &mut found);
    let values = Values { environment: environment.settings.as_ref(), parameters: None };
    reference::substitute(&mut document.tree, &values, sources, &mut found);
    let mut tree = document.tree;
    if let Some(defaults) = environment.at(&["spec", "defaults"]) {
        tree = with_defaults(tree, defaults);
        // What the defaults leave without a value is the Service's fault, too.
        reference::substitute(&mut tree, &values, sources, &mut found);
    }
    refuse_looked_up(&tree, sources, &mut found);
    found.extend(faults_of(&tree, sources));
    let diagnostics = found.into_iter().map(|found| found.object(Some(&key))).collect();
    Service { key, tree, location, diagnostics }
}

/// What has to be known before anything is looked up: all but the ECS parts, and in those the names
/// that make an object what it is.
fn refuse_looked_up(tree: &Tree, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let metadata = tree.get("metadata").map(|metadata| ("metadata".to_owned(), metadata));
    let spec = tree.get("spec").map(Tree::entries).unwrap_or_default();
    let within = spec.iter().filter_map(|entry| {
        let path = format!("spec.{}", entry.key);
        match entry.key.as_str() {
            "taskDefinition" => Some((format!("{path}.family"), entry.value.get("family")?)),
            "service" => Some((format!("{path}.serviceName"), entry.value.get("serviceName")?)),
            _ => Some((path, &entry.value)),
        }
    });
    for (field, value) in metadata.into_iter().chain(within) {
        if let Some((written, span)) = reference::first_looked_up(value) {
            let message = format!("{written} cannot stand in {field}");
            let diagnostic = Diagnostic::error(Code::ReferenceNotAllowed, sources.location(span), message)
                .label("has to be known before anything is looked up")
                .field(field)
                .help("write the value itself");
            found.push(diagnostic);
        }
    }
}

/// Every fault of a Service, defaults merged.
pub(crate) fn faults_of(tree: &Tree, sources: &Sources) -> Vec<Diagnostic> {
    let mut found = faults::find(v1::document(Kind::Service), tree, sources);
    found.extend(rules::service(tree, sources));
    found
}

/// A Service over the Environment's `spec.defaults`.
fn with_defaults(mut document: Tree, defaults: &Tree) -> Tree {
    let shapes: [(&str, &Shape); 2] =
        [("taskDefinition", &v1::service::TASK_DEFINITION), ("service", &v1::service::SERVICE)];
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
