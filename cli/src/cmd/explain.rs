//! `cox explain`: what a field of a manifest is, or what the name of a fault or a reason means.

use coxswain_ecs_model::{default_in_words, rule_source};
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
    field: Described,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Described>,
}

/// A field with what is taken where it is not written, and the page that says so.
#[derive(Serialize)]
struct Described {
    #[serde(flatten)]
    field: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
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
        fields.push(Described::of(field));
    }
    Explanation::Field(Explained { field: Described::of(field.clone()), fields })
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

impl Described {
    fn of(mut field: Field) -> Self {
        let ecs = default_in_words(field.owner, field.name);
        let source = rule_source(field.owner, field.name).filter(|_| ecs.is_some());
        field.default = field.default.or(ecs);
        Self { field, source }
    }

    /// `a whole number, 60-86400, required`.
    fn words(&self) -> String {
        let mut words = vec![self.field.type_name.clone()];
        words.extend(self.field.limits.clone());
        if !self.field.values.is_empty() {
            words.push(format!("one of {}", self.field.values.join(" ")));
        }
        if self.field.required {
            words.push("required".to_owned());
        }
        words.join(", ")
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
    let Explained { field: described, fields } = explained;
    let head = [
        Some(format!("{}\n", described.field.path)),
        Some(format!("Type:    {}", described.words())),
        described.field.default.as_ref().map(|default| format!("Default: {default}")),
        described.source.map(|source| format!("Source:  {source}")),
    ];
    let mut text = lines(head.into_iter().flatten());
    if fields.is_empty() {
        return text;
    }
    let short = |field: &Described| {
        let below = field.field.path.strip_prefix(&described.field.path).unwrap_or(&field.field.path);
        below.trim_start_matches('.').to_owned()
    };
    let width = fields.iter().map(|field| short(field).len()).max().unwrap_or(0);
    text.push_str("\nFields:\n");
    text.push_str(&lines(fields.iter().map(|field| {
        let default = field.field.default.as_ref().map(|default| format!("; default {default}"));
        format!("  {:width$}  {}{}", short(field), field.words(), default.unwrap_or_default())
    })));
    text
}
