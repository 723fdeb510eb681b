//! What ECS refuses beyond shapes: rules that look at more than one field.
//!
//! Only what is certain is refused. A value that waits for a reference is left until it is known.
//! Source of the rules, where none is named: the Amazon ECS API Reference's pages of
//! `RegisterTaskDefinition` and `CreateService` and their data types.

mod container;
mod dependency;
mod environment;
mod fargate;
mod ignored;
mod known;
mod port;
mod service;
mod tag;
mod task_definition;

use crate::cursor::{Cursor, Report};
use crate::diagnostic::Diagnostic;
use crate::source::Sources;
use crate::tree::Tree;

/// Everything that ECS would refuse in a Service, defaults merged.
pub(crate) fn service(document: &Tree, sources: &Sources) -> Vec<Diagnostic> {
    let mut report = Report { sources, found: Vec::new() };
    let root = Cursor::root(document);
    name(&root, &mut report);
    if let Some(spec) = root.get("spec") {
        if let Some(definition) = spec.get("taskDefinition") {
            task_definition::check(&definition, fargate::is_wanted(&spec), &mut report);
        }
        service::check(&spec, &mut report);
        ignored::check(&spec, &mut report);
    }
    report.found
}

/// Everything that is wrong with an Environment beyond its shape.
pub(crate) fn environment(document: &Tree, sources: &Sources) -> Vec<Diagnostic> {
    let mut report = Report { sources, found: Vec::new() };
    let root = Cursor::root(document);
    name(&root, &mut report);
    if let Some(spec) = root.get("spec") {
        environment::check(&spec, &mut report);
    }
    report.found
}

fn name(root: &Cursor<'_>, report: &mut Report<'_>) {
    if let Some(name) = root.at(&["metadata", "name"]) {
        report.name(&name, "the name");
    }
}
