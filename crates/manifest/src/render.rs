//! A diagnostic as people read it: excerpt, caret, what was expected, how to mend it.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::key::Key;
use crate::source::{Location, Sources};

/// Wide enough that no excerpt is cut: a terminal wraps better than we would.
const WIDTH: usize = 400;

/// The diagnostic as text, with ANSI colours if asked for. Ends with a line break.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let code = diagnostic.code.as_str();
    let mut files: Vec<&str> = vec![diagnostic.location.file.as_str()];
    for (location, _) in &diagnostic.secondary {
        if !files.contains(&location.file.as_str()) {
            files.push(&location.file);
        }
    }
    let docs = format!("cox explain {code}");
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(code));
    for file in files {
        group = match sources.text(file) {
            Some(text) if diagnostic.location.line > 0 => group.element(excerpt(diagnostic, file, text)),
            _ => group.element(Origin::path(file)),
        };
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group = group.element(Level::NOTE.with_name("docs").message(docs.as_str()));
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.term_width(WIDTH).render(&[group]);
    with_field(&text, diagnostic) + "\n"
}

fn excerpt<'a>(diagnostic: &'a Diagnostic, file: &'a str, text: &'a str) -> Snippet<'a, Annotation<'a>> {
    let mut snippet = Snippet::source(text).path(file);
    if diagnostic.location.file == file {
        let annotation = AnnotationKind::Primary.span(bytes(text, &diagnostic.location));
        snippet = snippet.annotation(if diagnostic.label.is_empty() {
            annotation
        } else {
            annotation.label(diagnostic.label.as_str())
        });
    }
    for (location, why) in diagnostic.secondary.iter().filter(|(location, _)| location.file == file) {
        snippet = snippet.annotation(AnnotationKind::Context.span(bytes(text, location)).label(why.as_str()));
    }
    snippet
}

/// The bytes that a location covers.
fn bytes(text: &str, location: &Location) -> Range<usize> {
    let line_index = (location.line as usize).saturating_sub(1);
    let line_start: usize = text.split_inclusive('\n').take(line_index).map(str::len).sum();
    let line = text.get(line_start..).unwrap_or("");
    let line = line.split(['\n', '\r']).next().unwrap_or("");
    let at = |characters: u32| {
        let byte = line.char_indices().nth(characters as usize).map_or(line.len(), |(byte, _)| byte);
        line_start + byte
    };
    let start = location.column.saturating_sub(1);
    at(start)..at(start.saturating_add(location.length)).max(at(start))
}

/// The object and field behind the place, which the excerpt's own renderer does not know.
fn with_field(text: &str, diagnostic: &Diagnostic) -> String {
    let object = diagnostic.object.as_ref().map(|Key { kind, name, .. }| format!("{kind} \"{name}\""));
    let suffix = match (object, diagnostic.field.as_str()) {
        (None, "") => return text.to_owned(),
        (Some(object), "") => format!("  ({object})"),
        (None, field) => format!("  ({field})"),
        (Some(object), field) => format!("  ({object} -> {field})"),
    };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some(line) = lines.iter_mut().find(|line| line.contains("-->")) {
        line.push_str(&suffix);
    }
    lines.join("\n")
}
