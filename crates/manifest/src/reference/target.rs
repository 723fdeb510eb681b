//! What stands inside `${...}`, and why something there names nothing.

use std::borrow::Cow;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::image::{ImageName, InvalidImageName};
use crate::source::Location;

/// What each form is called in messages.
const FORMS: &[&str] =
    &["param:/path", "image:name:tag", "env.name", "env.region", "env.account", "env.cluster", "env.tags.X"];

/// What a reference stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    Parameter(String),
    Image(ImageName),
    Name,
    Region,
    Account,
    Cluster,
    Tag(String),
}

impl Target {
    /// Under which name its value is looked up outside of the manifests, if it is.
    pub(super) fn name(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Parameter(path) => Some(path.into()),
            Self::Image(name) => Some(name.to_string().into()),
            _ => None,
        }
    }
}

/// Why the inside of `${...}` names nothing.
pub(super) enum Refusal {
    Path,
    Image(InvalidImageName),
    Form,
}

/// What the text between the braces stands for.
pub(super) fn target(inside: &str) -> Result<Target, Refusal> {
    if let Some(path) = inside.strip_prefix("param:") {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        let is_path = path.starts_with('/') && !path.ends_with('/') && !path.contains("//");
        return if is_path && path.chars().all(is_allowed) {
            Ok(Target::Parameter(path.to_owned()))
        } else {
            Err(Refusal::Path)
        };
    }
    if inside.starts_with("image:") {
        return inside.parse().map(Target::Image).map_err(Refusal::Image);
    }
    match inside {
        "env.name" => Ok(Target::Name),
        "env.region" => Ok(Target::Region),
        "env.account" => Ok(Target::Account),
        "env.cluster" => Ok(Target::Cluster),
        _ => match inside.strip_prefix("env.tags.") {
            Some(tag) if !tag.is_empty() => Ok(Target::Tag(tag.to_owned())),
            _ => Err(Refusal::Form),
        },
    }
}

impl Refusal {
    /// What to say of it: `written` is the whole reference, `inside` what stands between its braces.
    pub(super) fn into_diagnostic(self, written: &str, inside: &str, at: Location) -> Diagnostic {
        match self {
            Self::Path => {
                let message = format!("{written} names no parameter");
                Diagnostic::error(Code::UnknownReference, at, message)
                    .label("expected a path of A-Z, a-z, 0-9, _ . - and /")
                    .help("write the parameter's full path: ${param:/dev/infra/private-subnets}")
            }
            Self::Image(why) => {
                let diagnostic =
                    Diagnostic::error(Code::UnknownReference, at, format!("{written} names no image"))
                        .label(why.to_string());
                diagnostic.help(match why {
                    InvalidImageName::Digest => "an image with a digest is written without a reference",
                    InvalidImageName::Registry => {
                        "write the repository's name alone: it is looked up in the account's own registry; \
                         an image of another registry is written without a reference"
                    }
                    _ => "write the repository's name and a tag: ${image:team/api:1.4}",
                })
            }
            Self::Form => unknown(written, inside, at),
        }
    }
}

fn unknown(written: &str, inside: &str, at: Location) -> Diagnostic {
    // What a shell would put in for an unset variable may be a password: `${X:-hunter2}`.
    let name = inside.split(':').next().unwrap_or("");
    let written = if name == inside { written.to_owned() } else { format!("${{{name}:...}}") };
    let diagnostic = Diagnostic::error(Code::UnknownReference, at, format!("unknown reference {written}"))
        .label("this form is not known");
    let best = FORMS
        .iter()
        .map(|form| (strsim::jaro_winkler(inside, form), form))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match best {
        Some((_, form)) => diagnostic.help(format!("did you mean ${{{form}}}?")),
        None => diagnostic,
    }
    .help("known are ${param:/path}, ${image:name:tag}, ${env.name}, .region, .account, .cluster and .tags.X")
    .help(format!("for the literal text, write ${written}"))
}
