//! The command line: verbs first, each with an example.

mod publish;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use coxswain_manifest::Kind;
use jiff::SignedDuration;

pub(crate) use self::publish::{ApplyArguments, PublishArguments};
use crate::{cmd::wait::Revision, exit::TABLE};

/// GitOps for Amazon ECS: what runs, whether it is what the manifests say, and why not.
#[derive(Debug, Parser)]
#[command(name = "cox", version, after_help = TABLE, max_term_width = 100, disable_help_subcommand = false)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,

    #[command(flatten)]
    pub(crate) globals: Globals,

    /// Colours: NO_COLOR and CLICOLOR_FORCE are honoured too.
    #[arg(long = "color", global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(crate) colour: Colour,

    #[arg(skip)]
    pub(crate) handles_interrupts: bool,
}

impl Arguments {
    /// Reads the command line; ends the program with code 2 where it is wrong.
    pub(crate) fn parse() -> Self {
        let mut arguments = <Self as Parser>::parse();
        arguments.handles_interrupts = arguments.verb.handles_interrupts();
        arguments
    }
}

/// How the controller is found.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Globals {
    /// The controller; without it, that of the `cox dev` that runs here or in a folder above.
    #[arg(long, global = true, env = "COXSWAIN_CONTROLLER", value_name = "URL")]
    pub(crate) controller: Option<String>,

    /// A file with the controller's bearer token, where it wants one.
    #[arg(long, global = true, env = "COXSWAIN_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a local ECS, the controller and the example on this machine
    #[cfg(feature = "dev")]
    Dev(DevArguments),
    /// Write a small environment to begin with
    Init(InitArguments),
    /// Check manifests, offline
    Validate(ValidateArguments),
    /// Show what differs between the manifests and what is live
    Diff(DiffArguments),
    /// Show what the controller would do
    Plan(PlanArguments),
    /// Publish manifests to where a controller takes them from
    Publish(PublishArguments),
    /// Publish manifests through the controller
    Apply(ApplyArguments),
    /// List services: what runs, and is it what the manifests say
    Get(GetArguments),
    /// Say everything about one service
    Describe(DescribeArguments),
    /// Follow a service until it stands, or say why it does not
    Wait(WaitArguments),
    /// List a service's rollouts
    History(HistoryArguments),
    /// List what happened lately, or follow it
    Events(EventsArguments),
    /// Try a held rollout once more
    Retry(RetryArguments),
    /// Say which version this is, and the controller
    Version(VersionArguments),
    /// Say what a field, a fault or a reason is
    Explain(ExplainArguments),
    /// Print the JSON Schema of manifests, for editors
    Schema(SchemaArguments),
    /// Print a shell's completion script
    Completion(CompletionArguments),
}

impl Verb {
    fn handles_interrupts(&self) -> bool {
        match self {
            #[cfg(feature = "dev")]
            Self::Dev(_) => true,
            Self::Wait(_) => true,
            Self::Apply(verb) => verb.wait,
            _ => false,
        }
    }
}

#[cfg(feature = "dev")]
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox dev manifests/example")]
pub(crate) struct DevArguments {
    /// The manifests
    #[arg(default_value = "manifests/example", value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// Parameters and images of the local ECS; without it PATH.dev.json, beside the manifests
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,

    /// Print the local ECS's endpoint of the `cox dev` that runs, and end
    #[arg(long)]
    pub(crate) print_endpoint: bool,

    /// What is logged to .coxswain/dev/cox.log
    #[arg(long, default_value = "info", value_name = "FILTER")]
    pub(crate) log: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox validate manifests/example -o github")]
pub(crate) struct ValidateArguments {
    /// The manifests; without it those of the `cox dev` that runs, else this folder
    pub(crate) path: Option<PathBuf>,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: ValidateOutput,
}

/// The form of the answer of `validate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValidateOutput {
    /// Every error with an excerpt.
    Text,
    /// For programs.
    Json,
    /// GitHub's annotations.
    Github,
}

/// How AWS is reached, for `diff` and `plan`.
#[derive(Debug, Args)]
pub(crate) struct AwsArguments {
    /// The manifests; without it those of the `cox dev` that runs, else this folder
    pub(crate) path: Option<PathBuf>,

    /// Another endpoint for every AWS API; without it that of the `cox dev` that runs, else AWS's own
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,

    /// The AWS Region; without it the manifests', else that of the usual AWS configuration
    #[arg(long)]
    pub(crate) region: Option<String>,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: PlanOutput,
}

/// The form of the answer of `diff` and `plan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanOutput {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox diff manifests/example || echo differs")]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    pub(crate) aws: AwsArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox plan manifests/example -o json")]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) aws: AwsArguments,

    /// End with code 1 where something would be done
    #[arg(long)]
    pub(crate) fail_on_changes: bool,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// Columns.
    Table,
    /// More columns.
    Wide,
    /// For programs.
    Json,
    /// One `service/NAME` a line.
    Name,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cox get\n  cox get service/api -o json\n  cox get -w")]
pub(crate) struct GetArguments {
    /// `services`, or one service: NAME or service/NAME
    #[arg(default_value = "services", value_name = "WHAT")]
    pub(crate) what: String,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: ListOutput,

    /// Leave the line of headers out
    #[arg(long)]
    pub(crate) no_headers: bool,

    /// Go on showing it as it changes, until interrupted
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// The form of an answer that is one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OneOutput {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox describe service/api")]
pub(crate) struct DescribeArguments {
    /// The service: NAME or service/NAME
    #[arg(value_name = "SERVICE")]
    pub(crate) service: ServiceName,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: OneOutput,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cox wait service/api --timeout 5m\n  cox wait service/api --revision 8.0"
)]
pub(crate) struct WaitArguments {
    /// The service: NAME or service/NAME
    #[arg(value_name = "SERVICE")]
    pub(crate) service: ServiceName,

    /// How long to wait, such as 90s or 10m
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "TIME")]
    pub(crate) timeout: Duration,

    /// The manifests that the controller reads, where they are on this machine: it must have taken them as
    /// they are now
    #[arg(long, value_name = "PATH")]
    pub(crate) manifests: Option<PathBuf>,

    /// The revision that the controller must have taken, as `cox publish -o json` says it
    #[arg(long, conflicts_with = "manifests", value_name = "REVISION")]
    pub(crate) revision: Option<Revision>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox history service/api")]
pub(crate) struct HistoryArguments {
    /// The service: NAME or service/NAME
    #[arg(value_name = "SERVICE")]
    pub(crate) service: ServiceName,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: TableOutput,

    /// Leave the line of headers out
    #[arg(long)]
    pub(crate) no_headers: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cox events --object service/api\n  cox events -f -o json")]
pub(crate) struct EventsArguments {
    /// Go on with those that happen, until interrupted; json is then one document a line
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Only those of one service: NAME or service/NAME
    #[arg(long, value_name = "SERVICE")]
    pub(crate) object: Option<ServiceName>,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: EventsOutput,
}

/// The form of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventsOutput {
    /// Columns.
    Table,
    /// For programs.
    Json,
}

/// The form of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableOutput {
    /// Columns.
    Table,
    /// More columns.
    Wide,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox retry service/api --reason 'the image was rebuilt'")]
pub(crate) struct RetryArguments {
    /// The service: NAME or service/NAME
    #[arg(value_name = "SERVICE")]
    pub(crate) service: ServiceName,

    /// Why, for the history
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox version")]
pub(crate) struct VersionArguments {
    /// Do not ask the controller
    #[arg(long, action = ArgAction::SetTrue)]
    pub(crate) client: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cox explain service.spec.rollout\n  cox explain CircuitBreakerRolledBack\n  \
                  cox explain environment.spec --recursive"
)]
pub(crate) struct ExplainArguments {
    /// A field of a manifest from its kind on, or a fault's or reason's name; without it, what there is
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: Option<String>,

    /// Of a field: every field below it, too
    #[arg(long)]
    pub(crate) recursive: bool,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: OneOutput,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox init manifests")]
pub(crate) struct InitArguments {
    /// The folder of the manifests; what belongs to it and is no manifest is written beside it
    #[arg(default_value = "manifests", value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox schema > coxswain.schema.json")]
pub(crate) struct SchemaArguments {
    /// Of one kind; without it, of files that hold documents of any kind
    #[arg(value_parser = kind, value_name = "KIND")]
    pub(crate) kind: Option<Kind>,
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.iter().map(|kind| kind.lowercase());
    Kind::ALL
        .iter()
        .copied()
        .find(|kind| kind.lowercase().eq_ignore_ascii_case(text))
        .ok_or_else(|| format!("{text:?} is no kind; write {}", known().collect::<Vec<_>>().join(" or ")))
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  source <(cox completion bash)")]
pub(crate) struct CompletionArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// The name of a service, as `api` or `service/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceName(pub(crate) String);

impl std::str::FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("service/").unwrap_or(text);
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("{text:?} is not a service; write NAME or service/NAME"));
        }
        Ok(Self(name.to_owned()))
    }
}

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "service/{}", self.0)
    }
}

/// A time such as `90s` or `10m`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed =
        text.parse::<SignedDuration>().map_err(|_| format!("{text:?} is no time; write 90s or 10m"))?;
    Duration::try_from(parsed).map_err(|_| "it cannot be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_service_is_named_with_or_without_its_kind() {
        for (text, expected) in
            [("api", Some("api")), ("service/api", Some("api")), ("job/api", None), ("", None)]
        {
            assert_eq!(text.parse::<ServiceName>().ok().map(|name| name.0).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_timeout_has_a_unit() {
        assert_eq!(duration("10m").unwrap(), Duration::from_mins(10));
        assert_eq!(duration("0s").unwrap(), Duration::ZERO);
        assert!(duration("10").is_err());
        assert!(duration("-1s").is_err());
    }
}
