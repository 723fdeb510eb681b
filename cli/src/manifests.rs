//! Manifests on this machine's disk.

use std::path::{Path, PathBuf};

use coxswain_controller::source::read_directory;
use coxswain_manifest::{Diagnostic, Loaded, Severity, SourceFile, load};

use crate::{connection::Connection, exit::Failure, output::Terminal, output::diagnostic::excerpts};

/// The folder that was named, else that of the `cox dev` that runs, else this one.
pub(crate) fn folder(named: Option<&Path>) -> PathBuf {
    named
        .map(Path::to_path_buf)
        .or_else(|| Connection::find().map(|found| found.manifests))
        .unwrap_or_else(|| ".".into())
}

/// A folder's files, and what they say.
pub(crate) struct Manifests {
    /// As they are on disk.
    pub(crate) files: Vec<SourceFile>,
    /// Without errors.
    pub(crate) loaded: Loaded,
}

/// Reads and judges a folder.
pub(crate) fn read(folder: &Path) -> Result<Loaded, Failure> {
    files(folder).map(load)
}

/// A folder's files, at least one.
fn files(folder: &Path) -> Result<Vec<SourceFile>, Failure> {
    if folder.is_file() {
        let parent =
            folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Err(Failure::usage(format!("{} is a file; a bundle is a folder", folder.display()))
            .help(format!("name the folder: {}", parent.display())));
    }
    let files = read_directory(folder).map_err(|error| Failure::usage(error.to_string()))?;
    if files.is_empty() {
        return Err(Failure::usage(format!("{} holds no manifest", folder.display()))
            .help("manifests are files named *.yaml, *.yml or *.json"));
    }
    Ok(files)
}

/// Reads a folder whose manifests must be valid; says what is wrong where they are not.
pub(crate) fn read_valid(folder: &Path, terminal: &mut Terminal) -> Result<Loaded, Failure> {
    judged(folder, files(folder)?, terminal)
}

/// The same, with the files as they are on disk.
pub(crate) fn valid(folder: &Path, terminal: &mut Terminal) -> Result<Manifests, Failure> {
    let files = files(folder)?;
    let loaded = judged(folder, files.clone(), terminal)?;
    Ok(Manifests { files, loaded })
}

fn judged(folder: &Path, files: Vec<SourceFile>, terminal: &mut Terminal) -> Result<Loaded, Failure> {
    let loaded = load(files);
    if loaded.has_errors() {
        terminal.say(&excerpts(loaded.diagnostics(), loaded.sources(), terminal.talk_is_coloured()));
        return Err(invalid(folder, loaded.diagnostics()));
    }
    Ok(loaded)
}

/// The failure of invalid manifests, with how much is wrong.
pub(crate) fn invalid(folder: &Path, diagnostics: &[Diagnostic]) -> Failure {
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    let noun = if errors == 1 { "error" } else { "errors" };
    Failure::invalid(format!("{}: {errors} {noun}", folder.display()))
}
