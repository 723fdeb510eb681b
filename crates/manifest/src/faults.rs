//! What the walk over the shapes finds, said so that people can mend it.

use coxswain_ecs_shapes::{Kind as ShapeKind, Path, Problem, Reading, Segment, Shape, Violation, check};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::{Sources, Span};
use crate::suggest::{nearest, places};
use crate::tree::{Data, Tree};
use crate::v1::{self, Later, Moved};

/// Every fault of a whole document against its shape, in the order written.
pub(crate) fn find(root: &'static Shape, document: &Tree, sources: &Sources) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut context = Context { root, sources, suggestions: 0 };
    let mut misspelt = Vec::new();
    check(root, document, Reading::Authored, &mut |violation| {
        if context.suggestions < MOST_SUGGESTIONS {
            meant(&violation, &mut misspelt);
        }
        found.push(context.describe(&violation));
    });
    // A misspelt field is told once, and not as a missing one, too.
    found.retain(|fault| fault.code != Code::MissingField || !misspelt.contains(&fault.field));
    let mut path = Path::default();
    spellings(root, document, &mut path, sources, &mut found);
    found
}

/// Unknown fields of one document for which the right spelling or place is looked for.
const MOST_SUGGESTIONS: usize = 100;

struct Context<'a> {
    root: &'static Shape,
    sources: &'a Sources,
    suggestions: usize,
}

impl Context<'_> {
    fn describe(&mut self, violation: &Violation<'_, Tree>) -> Diagnostic {
        let field = violation.path.to_string();
        let node = violation.node;
        match &violation.problem {
            Problem::UnknownMember { name, shape } => self.unknown(violation, name, shape).field(field),
            Problem::MissingMember { name, .. } => {
                let owner = if field.is_empty() { "the document" } else { field.as_str() };
                Diagnostic::error(
                    Code::MissingField,
                    self.sources.location(node.span),
                    format!("\"{name}\" is missing"),
                )
                .label(format!("{owner} needs \"{name}\""))
                .field(join(&field, name))
            }
            Problem::WrongType { expected, .. } => {
                let found = match node.describe() {
                    "a number" if *expected == "a whole number" && node.text().is_some_and(is_digits) => {
                        "a number that is too large"
                    }
                    "a number" if *expected == "a whole number" => "a number with a fraction",
                    found => found,
                };
                let message = format!("expected {expected}, found {found}");
                let diagnostic = Diagnostic::error(Code::WrongType, self.value_or_key(violation), message)
                    .label(format!("expected {expected}"))
                    .field(field);
                let is_container_list =
                    matches!(node.data, Data::List(_)) && last(&violation.path) == "taskDefinition";
                let diagnostic = if is_container_list {
                    diagnostic.help("a list of containers stands under containerDefinitions")
                } else {
                    diagnostic
                };
                type_hints(expected, node).into_iter().fold(diagnostic, Diagnostic::help)
            }
            Problem::NotAllowed { value, values } => {
                let diagnostic = Diagnostic::error(
                    Code::ValueNotAllowed,
                    self.sources.location(node.span),
                    format!("\"{value}\" is not allowed for {}", last(&violation.path)),
                )
                .label(format!("expected {}", one_of(values)))
                .field(field);
                match nearest(value, values.iter().copied()) {
                    _ if value.is_empty() => diagnostic.help("leave the field out"),
                    Some(best) => diagnostic.help(format!("did you mean {best}?")),
                    None => diagnostic,
                }
            }
            Problem::OutOfRange { value, min, max } => {
                let message = format!("{} {value} is out of range", last(&violation.path));
                Diagnostic::error(Code::OutOfRange, self.sources.location(node.span), message)
                    .label(format!("must be {}", range(*min, *max)))
                    .field(field)
            }
            Problem::WrongLength { length, min, max, unit } => {
                let message = format!("{} has {length} {unit}", last(&violation.path));
                Diagnostic::error(Code::WrongLength, self.value_or_key(violation), message)
                    .label(format!("must have {} {unit}", range(*min, *max)))
                    .field(field)
            }
        }
    }

    fn unknown(&mut self, violation: &Violation<'_, Tree>, name: &str, shape: &'static Shape) -> Diagnostic {
        let location = self.sources.location(key_span(violation).unwrap_or(violation.node.span));
        let later = v1::service::LATER.iter().chain(v1::environment::LATER);
        if let Some(later) =
            later.into_iter().find(|later: &&Later| later.shape == shape.name && later.field == name)
        {
            let message = format!("\"{name}\" is documented for a later version");
            return Diagnostic::error(Code::NotBuiltYet, location, message)
                .label("this version does not do it")
                .help(later.instead);
        }
        if let Some(moved) =
            v1::service::MOVED.iter().find(|moved: &&Moved| moved.shape == shape.name && moved.field == name)
        {
            let message = format!("\"{name}\" does not belong here");
            return Diagnostic::error(Code::BelongsElsewhere, location, message)
                .label("said elsewhere in a manifest")
                .help(moved.instead);
        }
        let diagnostic = Diagnostic::error(Code::UnknownField, location, format!("unknown field \"{name}\""))
            .label(format!("{} has no field of this name", owner(&violation.path)));
        self.suggestions += 1;
        if self.suggestions > MOST_SUGGESTIONS {
            return diagnostic;
        }
        let members = shape.members().iter().map(|member| member.name);
        if v1::is_answer_only(shape, name) {
            return diagnostic.help("only ECS's answers have it, not its requests: remove it");
        }
        if is_wrapper(violation, name) {
            return diagnostic
                .help(format!("the members inside it belong one level up, into {}", owner(&violation.path)));
        }
        if let Some(best) = nearest(name, members.clone()) {
            return diagnostic.help(format!("did you mean \"{best}\"?"));
        }
        let places = places(self.root, name);
        if let Some((first, rest)) = places.split_first() {
            let more = if rest.is_empty() { String::new() } else { format!(" or {}", rest.join(" or ")) };
            return diagnostic.help(format!("it belongs at {first}{more}"));
        }
        match shape.members().len() {
            0..=12 => diagnostic.help(format!("known here: {}", members.collect::<Vec<_>>().join(", "))),
            _ => diagnostic,
        }
    }

    /// A list or object is shown by its key, a scalar by itself.
    fn value_or_key(&self, violation: &Violation<'_, Tree>) -> crate::source::Location {
        let is_scalar = !matches!(violation.node.data, Data::List(_) | Data::Object(_));
        let key = key_span(violation).filter(|_| !is_scalar);
        self.sources.location(key.unwrap_or(violation.node.span))
    }
}

/// The paths of the fields that an unknown one was probably meant to be, or hides.
fn meant(violation: &Violation<'_, Tree>, paths: &mut Vec<String>) {
    let Problem::UnknownMember { name, shape } = &violation.problem else { return };
    let mut owner = violation.path.clone();
    owner.0.pop();
    let owner = owner.to_string();
    if is_wrapper(violation, name) {
        let required = shape.members().iter().filter(|member| member.required);
        paths.extend(required.map(|member| join(&owner, member.name)));
    }
    let best = nearest(name, shape.members().iter().map(|member| member.name));
    paths.extend(best.map(|best| join(&owner, best)));
}

/// Whether an object repeats its owner's name: an answer that was pasted whole.
fn is_wrapper(violation: &Violation<'_, Tree>, name: &str) -> bool {
    let owner = violation.path.0.iter().rev().nth(1);
    matches!(owner, Some(Segment::Member(owner)) if owner == name)
        && matches!(violation.node.data, Data::Object(_))
}

fn key_span(violation: &Violation<'_, Tree>) -> Option<Span> {
    let entries = violation.parent?.entries();
    entries
        .iter()
        .find(|entry| std::ptr::eq(&raw const entry.value, violation.node))
        .map(|entry| entry.key_span)
}

/// The last name of a path.
fn last(path: &Path) -> String {
    let name = path.0.iter().rev().find_map(|segment| match segment {
        Segment::Member(name) => Some(name.as_str()),
        Segment::Index(_) => None,
    });
    name.unwrap_or("the document").to_owned()
}

/// The path of what holds the last segment.
fn owner(path: &Path) -> String {
    let mut owner = path.clone();
    owner.0.pop();
    if owner.0.is_empty() { "the document".to_owned() } else { owner.to_string() }
}

pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// `one of EC2, FARGATE`; long lists are cut.
fn one_of(values: &[&str]) -> String {
    let shown: Vec<_> = values.iter().take(12).copied().collect();
    match (values.len(), shown.as_slice()) {
        (1, [only]) => (*only).to_owned(),
        (count, _) if count > 12 => format!("one of {} and {} more", shown.join(", "), count - 12),
        _ => format!("one of {}", shown.join(", ")),
    }
}

pub(crate) fn range<N: PartialEq + std::fmt::Display>(min: Option<N>, max: Option<N>) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("exactly {min}"),
        (Some(min), Some(max)) => format!("{min}-{max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any".to_owned(),
    }
}

fn type_hints(expected: &str, node: &Tree) -> Vec<String> {
    let text = node.text().unwrap_or("");
    match (expected, text) {
        _ if node.is_unknown() => {
            vec!["a reference stands for a text or a list of texts: write the members out".to_owned()]
        }
        ("true or false", "yes" | "on" | "y" | "Yes" | "On" | "True" | "TRUE" | "YES" | "ON") => {
            vec![format!("write true: in YAML 1.2 {text} is a word like any other")]
        }
        ("true or false", "no" | "off" | "n" | "No" | "Off" | "False" | "FALSE" | "NO" | "OFF") => {
            vec![format!("write false: in YAML 1.2 {text} is a word like any other")]
        }
        ("a whole number", _) => match whole(text) {
            Some(number) => vec![format!("write {number}")],
            None => Vec::new(),
        },
        ("a list", _) if !text.is_empty() => vec!["write it in brackets: [ ... ]".to_owned()],
        ("an object", _) if text.contains(':') => vec!["a space is needed after the colon".to_owned()],
        _ => Vec::new(),
    }
}

fn is_digits(text: &str) -> bool {
    text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
}

/// The whole number that a text of another spelling probably means.
fn whole(text: &str) -> Option<String> {
    let plain = text.replace('_', "");
    let digits = |prefix: &str, radix| {
        plain.strip_prefix(prefix).and_then(|rest| i64::from_str_radix(rest, radix).ok())
    };
    let number = digits("0x", 16)
        .or_else(|| digits("0o", 8))
        .or_else(|| digits("0b", 2))
        .or_else(|| plain.trim_start_matches('0').parse().ok())
        .or_else(|| {
            plain
                .parse::<f64>()
                .ok()
                .filter(|value| value.fract() == 0.0)
                .map(|value| value.to_string().parse().unwrap_or(0))
        });
    number.map(|number| number.to_string())
}

/// What the walk reads kindly and people rarely mean: numbers with leading zeros (octal for older
/// readers of YAML), and list items that are nothing.
fn spellings(
    shape: &'static Shape,
    node: &Tree,
    path: &mut Path,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    match (&node.data, &shape.kind) {
        (Data::Text(text) | Data::Number(text), ShapeKind::Integer { .. }) if node.reference.is_none() => {
            let digits = text.trim_start_matches(['+', '-']);
            let is_odd =
                digits.len() > 1 && digits.starts_with('0') || text.starts_with('+') || text.trim() != text;
            if is_odd && text.trim().parse::<i64>().is_ok() {
                let message = format!("{text:?} may be read as another number elsewhere");
                let help = format!("write {}", text.trim().parse::<i64>().unwrap_or_default());
                found.push(
                    Diagnostic::error(Code::WrongType, sources.location(node.span), message)
                        .label("expected a plain decimal number")
                        .field(path.to_string())
                        .help(help),
                );
            }
        }
        (Data::List(items), ShapeKind::List { item, .. }) => {
            for (index, element) in items.iter().enumerate() {
                path.0.push(Segment::Index(index));
                if matches!(element.data, Data::Null) {
                    let location = sources.location(element.span);
                    let diagnostic =
                        Diagnostic::error(Code::WrongType, location, "an item of this list is nothing");
                    found.push(
                        diagnostic.label("expected a value").field(path.to_string()).help("remove the item"),
                    );
                }
                spellings(item, element, path, sources, found);
                path.0.pop();
            }
        }
        (Data::Object(entries), ShapeKind::Structure(_) | ShapeKind::Map { .. }) => {
            for entry in entries {
                let member = shape.member(&entry.key).map(|member| member.shape).or_else(|| shape.element());
                if let Some(member) = member {
                    path.0.push(Segment::Member(entry.key.clone()));
                    spellings(member, &entry.value, path, sources, found);
                    path.0.pop();
                }
            }
        }
        _ => {}
    }
}
