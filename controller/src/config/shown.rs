//! Settings as people read them: those in force, and the reference of all of them.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::{
    Config,
    file::{Given, names},
};

/// Settings whose values are not shown.
const SECRET: &[&str] = &["assume-role-external-id"];

/// Every setting in force with where it comes from, in the form of a file of settings. What is not set, and
/// what is secret, stands in a comment.
pub fn shown(given: &Given) -> String {
    let mut text = String::new();
    for setting in &given.origins {
        let name = &setting.name;
        // Writing into a string cannot fail.
        let _ = match &setting.value {
            None => writeln!(text, "# {name}: (not set)"),
            Some(_) if SECRET.contains(&name.as_str()) => {
                writeln!(text, "# {name}: ***  # {}", setting.origin)
            }
            Some(value) => writeln!(text, "{name}: {}  # {}", scalar(value), setting.origin),
        };
    }
    text
}

/// A value as YAML reads it back.
fn scalar(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-' | '=' | ':');
    let is_safe = value.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/'))
        && value.chars().all(is_plain)
        && !value.ends_with(':');
    if is_safe { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

/// The reference of all settings, as Markdown. `docs/reference/controller.md` is held against it.
pub fn reference() -> String {
    let mut text = "# Settings of the controller\n\n\
        Each is a flag, an environment variable, or a line of the YAML or JSON file that `--config FILE` (or\n\
        `COXSWAIN_CONFIG`) names, there without the dashes: `sweep-interval: 60s`. Of several the first of these\n\
        counts. `coxswain-controller --print-config` shows what is in force and where it comes from.\n\n\
        | flag | variable | default | what it is |\n|---|---|---|---|\n"
        .to_owned();
    let command = Config::command();
    let names = names();
    for argument in command.get_arguments() {
        let Some(name) = argument.get_long().filter(|long| names.iter().any(|name| name == long)) else {
            continue;
        };
        let takes_value = argument.get_action().takes_values();
        let values: Vec<_> =
            argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let placeholder = match argument.get_value_names() {
            Some([placeholder, ..]) if takes_value && values.is_empty() => format!(" {placeholder}"),
            _ if takes_value => format!(" {}", values.join("|")),
            _ => String::new(),
        };
        let default: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let default = match (argument.is_required_set(), default.first()) {
            (true, _) => "required".to_owned(),
            (false, Some(default)) if takes_value => format!("`{default}`"),
            (false, _) => String::new(),
        };
        let variable = argument.get_env().unwrap_or_default().to_string_lossy().into_owned();
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let flag = format!("--{name}{placeholder}").replace('|', "\\|");
        let _ = writeln!(text, "| `{flag}` | `{variable}` | {default} | {help} |");
    }
    text
}
