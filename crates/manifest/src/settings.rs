//! A program's own settings from a YAML or JSON file: one object of names and plain values.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::document;
use crate::source::{Location, SourceFile, Sources};
use crate::suggest::nearest;
use crate::tree::{Data, Entry, Tree};

/// A setting and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// One of the known names.
    pub name: String,
    /// As it is spelled in the file, quotes aside.
    pub value: String,
    /// The value's place.
    pub location: Location,
}

/// Why a file of settings is not taken, with the text to show it in.
#[derive(Debug)]
pub struct SettingsFault {
    /// Everything that is wrong, in the file's order.
    pub diagnostics: Vec<Diagnostic>,
    /// For [`render`](crate::render).
    pub sources: Sources,
}

/// Reads settings, all or none: a name that is not `known`, one that stands twice and a value that is
/// neither text, number nor boolean are errors. A name without a value is as good as absent.
///
/// ```
/// use coxswain_manifest::{SourceFile, read_settings};
/// let file = SourceFile { path: "a.yaml".to_owned(), content: b"lisen: 127.0.0.1:80".to_vec() };
/// let fault = read_settings(file, &["listen"]).unwrap_err();
/// assert_eq!(fault.diagnostics[0].help, ["did you mean listen?"]);
/// ```
///
/// # Errors
/// [`SettingsFault`] with every fault of the file.
pub fn read_settings(file: SourceFile, known: &[&str]) -> Result<Vec<Setting>, SettingsFault> {
    let path = file.path;
    let text = document::decode(&path, file.content)
        .map_err(|fault| SettingsFault { diagnostics: vec![*fault], sources: Sources::default() })?;
    let sources = Sources::new(vec![(path, text)]);
    let mut report = Vec::new();
    let mut settings = Vec::new();
    for (id, path, text) in sources.iter() {
        let mut trees = crate::load::read(id, path, text, &sources, &mut report).into_iter();
        if let Some(tree) = trees.next() {
            settings = of_object(&tree, known, &sources, &mut report);
        }
        if let Some(second) = trees.next() {
            let at = sources.location(second.span);
            report.push(Diagnostic::error(
                Code::WrongType,
                at,
                "settings are one document, and this is a second",
            ));
        }
    }
    if report.is_empty() {
        return Ok(settings);
    }
    Err(SettingsFault { diagnostics: crate::load::in_order(report), sources })
}

fn of_object(tree: &Tree, known: &[&str], sources: &Sources, report: &mut Vec<Diagnostic>) -> Vec<Setting> {
    if !matches!(tree.data, Data::Object(_)) {
        let message = format!("settings are an object, and this is {}", tree.describe());
        report.push(Diagnostic::error(Code::WrongType, sources.location(tree.span), message));
        return Vec::new();
    }
    let mut settings = Vec::new();
    for entry in tree.entries() {
        if !known.contains(&entry.key.as_str()) {
            report.push(unknown(entry, known, sources));
            continue;
        }
        let location = sources.location(entry.value.span);
        match (entry.value.text(), &entry.value.data) {
            (Some(value), _) => {
                settings.push(Setting { name: entry.key.clone(), value: value.to_owned(), location });
            }
            (None, Data::Null) => {}
            (None, _) => {
                let message =
                    format!("{} is a plain value, and this is {}", entry.key, entry.value.describe());
                report.push(Diagnostic::error(Code::WrongType, location, message).field(&entry.key));
            }
        }
    }
    settings
}

fn unknown(entry: &Entry, known: &[&str], sources: &Sources) -> Diagnostic {
    let message = format!("there is no setting \"{}\"", entry.key);
    let diagnostic = Diagnostic::error(Code::UnknownField, sources.location(entry.key_span), message);
    match nearest(&entry.key, known.iter().copied()) {
        Some(best) => diagnostic.help(format!("did you mean {best}?")),
        None => diagnostic.help(format!("there are {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["listen", "sweep-interval", "example"];

    fn read(text: &str) -> Result<Vec<Setting>, SettingsFault> {
        read_settings(SourceFile { path: "settings.yaml".to_owned(), content: text.into() }, KNOWN)
    }

    #[test]
    fn values_keep_the_spelling_of_the_file_and_know_their_place() {
        let settings = read("listen: \"[::1]:80\"\nexample: true\nsweep-interval: 60s\n").unwrap();
        let shown: Vec<_> =
            settings.iter().map(|one| format!("{}={} {}", one.name, one.value, one.location)).collect();
        assert_eq!(
            shown,
            [
                "listen=[::1]:80 settings.yaml:1:9",
                "example=true settings.yaml:2:10",
                "sweep-interval=60s settings.yaml:3:17",
            ]
        );
        assert!(read("").unwrap().is_empty() && read("listen:\n").unwrap().is_empty());
    }

    #[test]
    fn every_fault_of_a_file_is_told_at_once_and_none_of_it_is_taken() {
        let fault = read("sweep_interval: 1s\nlisten: [a]\nnonsense: 1\nlisten: b\n").unwrap_err();
        let told: Vec<_> = fault.diagnostics.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(fault.diagnostics.len(), 4, "{told:?}");
        assert_eq!(fault.diagnostics[0].help, ["did you mean sweep-interval?"]);
        assert!(told.contains(&"listen is a plain value, and this is a list"), "{told:?}");
        for text in ["- a", "just text", "---\nlisten: a\n---\nlisten: b\n", "listen: [", "\0"] {
            assert!(read(text).is_err(), "{text:?} was taken");
        }
    }
}
