//! The settings that are in force: flag before environment variable before file before default.

use std::{collections::BTreeMap, ffi::OsString, io, path::PathBuf};

use clap::{
    CommandFactory as _, FromArgMatches as _,
    error::{ContextKind, ContextValue},
    parser::ValueSource,
};
use coxswain_manifest::{Setting, SettingsFault, SourceFile, read_settings, render};

use super::Config;

/// Settings that are about the settings, and so no settings of a file.
const NOT_IN_A_FILE: &[&str] = &["config", "print-config", "help", "version"];

/// Why the settings are refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A flag or variable is not of the right form, or only help was asked for: clap prints it.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The file cannot be read.
    #[error("cannot read the settings in {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The file says something that is no setting.
    #[error("{}", rendered(.0))]
    File(SettingsFault),
    /// A value of the file is not of the right form.
    #[error("{location}: {name} cannot be {value:?}: {problem}")]
    Value {
        /// Where it stands.
        location: String,
        /// The setting.
        name: String,
        /// As written.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It is not said where the manifests are.
    #[error(
        "it is not said where the manifests are: give a place by --source, COXSWAIN_SOURCE, or in the file"
    )]
    NoSource,
    /// A setting that is nothing without another.
    #[error("{setting} needs {needed}: give it by --{needed}, its variable, or in the file")]
    Needs {
        /// What was given.
        setting: &'static str,
        /// What was not.
        needed: &'static str,
    },
    /// A lease in a memory that no other replica sees.
    #[error(
        "--lease on needs a store that replicas share, and memory is none: name a directory or s3://BUCKET/PREFIX/"
    )]
    NothingToShare,
}

fn rendered(fault: &SettingsFault) -> String {
    fault.diagnostics.iter().map(|found| render(found, &fault.sources, false)).collect()
}

/// The settings in force, and where each comes from.
#[derive(Debug)]
pub struct Given {
    /// The settings.
    pub config: Config,
    /// Of each setting by name, its value and where that comes from.
    pub(super) origins: Vec<Shown>,
}

/// A setting as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) name: String,
    /// Nothing where it is not set.
    pub(super) value: Option<String>,
    /// `--listen`, `COXSWAIN_LISTEN`, `settings.yaml:3:9`, or `default`.
    pub(super) origin: String,
}

/// Reads the settings from the program's arguments, the environment, and the file that either names.
///
/// # Errors
/// [`ConfigError`]; of the kind [`ConfigError::Arguments`] also where help or the version was asked for.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Given, ConfigError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let settings = match path_of(&arguments)? {
        Some(path) => of_file(&path)?,
        None => BTreeMap::new(),
    };
    let mut command = Config::command();
    for setting in settings.values() {
        // A default that the file sets is still weaker than a flag and a variable. It has to live as
        // long as the command's description, which is as long as the program.
        let value: &'static str = setting.value.clone().leak();
        command =
            command.mut_arg(id(&setting.name), |argument| argument.default_value(value).required(false));
    }
    let matches = command.try_get_matches_from(arguments).map_err(|error| told(error, &settings))?;
    let config = Config::from_arg_matches(&matches)?;
    config.check()?;
    let shown = |name: String| {
        let id = id(&name);
        let value = matches.get_raw(&id).into_iter().flatten().next();
        let value = value.map(|value| value.to_string_lossy().into_owned());
        let origin = match matches.value_source(&id) {
            Some(ValueSource::CommandLine) => format!("--{name}"),
            Some(ValueSource::EnvVariable) => variable(&name),
            _ => settings.get(&name).map_or("default".to_owned(), |setting| setting.location.to_string()),
        };
        Shown { name, value, origin }
    };
    Ok(Given { config, origins: names().into_iter().map(shown).collect() })
}

/// The names that a file may set.
pub(super) fn names() -> Vec<String> {
    let command = Config::command();
    let longs = command.get_arguments().filter_map(|argument| argument.get_long());
    longs.filter(|long| !NOT_IN_A_FILE.contains(long)).map(str::to_owned).collect()
}

fn id(name: &str) -> String {
    name.replace('-', "_")
}

/// `COXSWAIN_SWEEP_INTERVAL`, as each setting's own line says too.
pub(super) fn variable(name: &str) -> String {
    format!("COXSWAIN_{}", id(name).to_uppercase())
}

/// The file that the arguments or the environment name. Everything else of them is judged later.
fn path_of(arguments: &[OsString]) -> Result<Option<PathBuf>, ConfigError> {
    let matches = Config::command().ignore_errors(true).try_get_matches_from(arguments)?;
    Ok(matches.try_get_one::<PathBuf>("config").ok().flatten().cloned())
}

fn of_file(path: &PathBuf) -> Result<BTreeMap<String, Setting>, ConfigError> {
    let content =
        std::fs::read(path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
    let file = SourceFile { path: path.display().to_string(), content };
    let known = names();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let settings = read_settings(file, &known).map_err(ConfigError::File)?;
    Ok(settings.into_iter().map(|setting| (setting.name.clone(), setting)).collect())
}

/// clap's error, or the place in the file of a value that came from there.
fn told(error: clap::Error, settings: &BTreeMap<String, Setting>) -> ConfigError {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (Some(argument), Some(value)) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue))
    else {
        return error.into();
    };
    let name = argument.trim_start_matches('-').split(' ').next().unwrap_or_default();
    match settings.get(name).filter(|setting| setting.value == value) {
        None => error.into(),
        Some(setting) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let problem = cause.unwrap_or_else(|| possible(&error));
            ConfigError::Value {
                location: setting.location.to_string(),
                name: setting.name.clone(),
                value: setting.value.clone(),
                problem,
            }
        }
    }
}

fn possible(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => format!("it is one of {}", values.join(", ")),
        _ => "it is not of the right form".to_owned(),
    }
}
