//! `cox explain`: what a field of a manifest is, or what the name of a fault or a reason means.

use coxswain_manifest::{Code, Field, Kind, nearest};
use coxswain_plan::Reason;
use serde::Serialize;

use crate::{
    arguments::{ExplainArguments, OneOutput},
    exit::{Exit, Failure},
    output::{Terminal, lines},
};

pub(crate) fn run(arguments: &ExplainArguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let explanation = match arguments.topic.as_deref() {
        None => Explanation::Topics(Topics::all()),
        Some(topic) => named(topic)
            .map(Explanation::Named)
            .or_else(|| Field::at(topic).ok().map(|field| explained(&field, arguments.recursive)))
            .ok_or_else(|| unknown(topic))?,
    };
    match arguments.output {
        OneOutput::Json => terminal.own_document("Explanation", explanation)?,
        OneOutput::Text => terminal.answer(&explanation.text())?,
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
#[serde(untagged)]
enum Explanation {
    Topics(Topics),
    Named(Named),
    Field(Explained),
}

/// Everything that can be asked about.
#[derive(Serialize)]
struct Topics {
    fields: Vec<&'static str>,
    reasons: Vec<&'static str>,
    faults: Vec<&'static str>,
}

/// A fault or a reason.
#[derive(Serialize)]
struct Named {
    name: &'static str,
    cause: &'static str,
    cure: &'static str,
}

/// A field, and those below it.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    field: Field,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
}

impl Topics {
    fn all() -> Self {
        Self {
            fields: Kind::ALL.iter().map(|kind| kind.lowercase()).collect(),
            reasons: Reason::ALL.iter().map(|reason| reason.name()).collect(),
            faults: Code::ALL.iter().map(|code| code.as_str()).collect(),
        }
    }
}

fn named(topic: &str) -> Option<Named> {
    let fault = Code::from_name(topic).map(|code| (code.as_str(), code.cause(), code.cure()));
    let reason = Reason::ALL.iter().find(|reason| reason.name() == topic);
    let reason = reason.map(|reason| (reason.name(), reason.cause(), reason.cure()));
    let (name, cause, cure) = fault.or(reason)?;
    Some(Named { name, cause, cure })
}

fn explained(field: &Field, is_recursive: bool) -> Explanation {
    let mut fields = Vec::new();
    // Last in, first out, so that a field is followed by what is below it.
    let mut open: Vec<Field> = field.members().into_iter().rev().collect();
    while let Some(field) = open.pop() {
        if is_recursive {
            open.extend(field.members().into_iter().rev());
        }
        fields.push(field);
    }
    Explanation::Field(Explained { field: field.clone(), fields })
}

/// The topic is none; the nearest that is.
fn unknown(topic: &str) -> Failure {
    let failure = |message: String| Failure::usage(message).help("cox explain lists what there is");
    if !topic.contains('.') {
        let topics = Topics::all();
        let all = topics.fields.iter().chain(&topics.reasons).chain(&topics.faults).copied();
        let failure = failure(format!("{topic:?} is no field, no fault and no reason"));
        return match nearest(topic, all) {
            Some(best) => failure.help(format!("did you mean {best}?")),
            None => failure,
        };
    }
    match Field::at(topic) {
        Err(error) => match &error.nearest {
            Some(nearest) => failure(error.to_string()).help(format!("did you mean {nearest}?")),
            None if error.owner.contains(' ') => failure(error.to_string()),
            None => failure(error.to_string()).help(format!("cox explain {} lists its fields", error.owner)),
        },
        Ok(_) => failure(format!("{topic:?} cannot be explained")),
    }
}

impl Explanation {
    fn text(&self) -> String {
        match self {
            Self::Topics(topics) => {
                let group = |title: &str, names: &[&str]| {
                    format!("{title}:\n{}", lines(names.iter().map(|name| format!("  {name}"))))
                };
                [
                    group(
                        "Fields, by their path from the kind on, such as service.spec.count",
                        &topics.fields,
                    ),
                    group("Reasons of a status", &topics.reasons),
                    group("Faults of a manifest", &topics.faults),
                ]
                .join("\n")
            }
            Self::Named(Named { name, cause, cure }) => {
                let cure = if cure.is_empty() { "Nothing needs doing." } else { cure };
                format!("{name}\n\nCause: {cause}\nCure:  {cure}\n")
            }
            Self::Field(explained) => field_text(explained),
        }
    }
}

fn field_text(explained: &Explained) -> String {
    let Explained { field, fields } = explained;
    let about = field.about.map_or(String::new(), |about| format!("{about}\n"));
    let source = field.source.filter(|source| field.page.as_deref() != Some(source));
    let head = [
        Some(format!("{}\n{about}", field.path)),
        Some(format!("Type:    {}", field.in_words())),
        field.default.as_ref().map(|default| format!("Default: {default}")),
        source.map(|source| format!("Source:  {source}")),
        field.page.as_ref().map(|page| format!("ECS:     {page}")),
    ];
    let mut text = lines(head.into_iter().flatten());
    if fields.is_empty() {
        return text;
    }
    let short = |below: &Field| {
        let path = below.path.strip_prefix(&field.path).unwrap_or(&below.path);
        path.trim_start_matches('.').to_owned()
    };
    let width = fields.iter().map(|field| short(field).len()).max().unwrap_or(0);
    text.push_str("\nFields:\n");
    text.push_str(&lines(fields.iter().map(|field| {
        let default = field.default.as_ref().map(|default| format!("; default {default}"));
        format!("  {:width$}  {}{}", short(field), field.in_words(), default.unwrap_or_default())
    })));
    text
}
