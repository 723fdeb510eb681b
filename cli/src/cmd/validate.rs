//! `cox validate`: every error of every file, offline.

use coxswain_manifest::Severity;
use serde::Serialize;

use crate::{
    arguments::{ValidateArguments, ValidateOutput},
    exit::{Exit, Failure},
    manifests,
    output::{
        Terminal,
        diagnostic::{annotations, excerpts},
    },
};

#[derive(Serialize)]
struct Validation<'a> {
    valid: bool,
    objects: Vec<String>,
    diagnostics: &'a [coxswain_manifest::Diagnostic],
}

pub(crate) fn run(arguments: &ValidateArguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let folder = manifests::folder(arguments.path.as_deref());
    let loaded = manifests::read(&folder)?;
    let found = loaded.diagnostics();
    match arguments.output {
        ValidateOutput::Text => {
            terminal.answer(&excerpts(found, loaded.sources(), terminal.is_coloured()))?;
        }
        ValidateOutput::Github => terminal.answer(&annotations(found, &folder))?,
        ValidateOutput::Json => {
            let objects = loaded.keys().map(ToString::to_string).collect();
            let body = Validation { valid: !loaded.has_errors(), objects, diagnostics: found };
            terminal.own_document("Validation", body)?;
        }
    }
    if loaded.has_errors() {
        return Err(manifests::invalid(&folder, found));
    }
    let warnings = found.iter().filter(|found| found.severity == Severity::Warning).count();
    let more = if warnings == 0 { String::new() } else { format!(", {warnings} warnings") };
    let services = loaded.keys().count();
    let noun = if services == 1 { "service" } else { "services" };
    terminal.say(&format!("{}: {services} {noun}, valid{more}", folder.display()));
    Ok(Exit::Done)
}
