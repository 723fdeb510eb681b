//! `cox init`: a small environment to begin with, which `cox validate` accepts and `cox dev` runs.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use coxswain_controller::source::read_directory;
use coxswain_manifest::schema;

use crate::{
    arguments::InitArguments,
    exit::{Exit, Failure},
    output::{BOLD, Terminal, lines, styled},
};

/// Stands for the folder's name in the files.
const FOLDER: &str = "FOLDER";

const ENVIRONMENT: &str = include_str!("init/environment.yaml");
const SERVICE: &str = include_str!("init/hello.yaml");
const SEED: &str = include_str!("init/dev.json");

/// A file to be written.
struct File {
    path: PathBuf,
    /// What it is for.
    about: &'static str,
    content: String,
}

pub(crate) fn run(arguments: &InitArguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let folder = &arguments.folder;
    let files = files(folder)?;
    // All of them or none: a folder that is half somebody else's would not be valid.
    if let Some(taken) = files.iter().find(|file| file.path.symlink_metadata().is_ok()) {
        return Err(refused(&taken.path));
    }
    if folder.exists() {
        let found = read_directory(folder).map_err(|error| Failure::usage(error.to_string()))?;
        if !found.is_empty() {
            let message = format!("{} holds manifests already; nothing was written", folder.display());
            return Err(Failure::refused(message).help("name a new folder: cox init NAME"));
        }
    }
    for file in &files {
        write(file).map_err(|error| match error.kind() {
            // Somebody was faster.
            io::ErrorKind::AlreadyExists => refused(&file.path),
            _ => Failure::usage(format!("cannot write {}: {error}", file.path.display())),
        })?;
    }
    let shown = |file: &File| file.path.display().to_string();
    let width = files.iter().map(|file| shown(file).len()).max().unwrap_or(0);
    terminal.answer(&lines(files.iter().map(|file| format!("{:width$}  {}", shown(file), file.about))))?;
    terminal.say(&next(folder));
    Ok(Exit::Done)
}

fn files(folder: &Path) -> Result<Vec<File>, Failure> {
    let name = folder.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Failure::usage(format!("{} has no name of its own", folder.display()))
            .help("name the folder of the manifests: cox init manifests")
    })?;
    let inside = |file: &str, about, content: &str| File {
        path: folder.join(file),
        about,
        content: content.replace(FOLDER, name),
    };
    // Beside the folder: inside they would be read as manifests.
    let beside = |file: &str, about, content: String| File {
        path: folder.with_file_name(format!("{name}.{file}")),
        about,
        content,
    };
    Ok(vec![
        inside("environment.yaml", "where it goes, and what its services share", ENVIRONMENT),
        inside("hello.yaml", "a service", SERVICE),
        beside("dev.json", "what `cox dev` needs: parameters, and programs for images", SEED.to_owned()),
        beside(
            "schema.json",
            "completion and checks in editors; `cox schema` writes it anew",
            format!("{:#}\n", schema(None)),
        ),
    ])
}

fn write(file: &File) -> io::Result<()> {
    if let Some(folder) = file.path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut new = fs::OpenOptions::new().write(true).create_new(true).open(&file.path)?;
    new.write_all(file.content.as_bytes())
}

fn refused(path: &Path) -> Failure {
    Failure::refused(format!("{} is there already, and is not overwritten", path.display()))
        .help("name a new folder: cox init NAME")
}

fn next(folder: &Path) -> String {
    let folder = folder.display();
    let line = |command: &str, about: &str| format!("  {}{about}", styled(BOLD, &format!("{command:<34}")));
    let edit = format!("edit {folder}/environment.yaml");
    let steps = [
        line(&format!("cox validate {folder}"), "check it"),
        line(&format!("cox dev {folder}"), "run it on this machine; no AWS account"),
        line(&edit, "region, account, cluster and parameters of your own"),
        line(&format!("cox diff {folder}"), "what it would change there"),
    ];
    format!("\nnext:\n{}", steps.join("\n"))
}
