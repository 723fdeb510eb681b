//! The one walk over a tree and its shape: every problem in one run, and the wire form.
//!
//! The walk is generic over [`Node`], so that a manifest's tree with positions and plain JSON from
//! the wire are judged by the same code.

use serde_json::{Map, Number, Value};

use crate::shape::{Kind, Shape};

/// A tree that can be walked.
pub trait Node: Sized {
    /// This node, opened.
    fn view(&self) -> View<'_, Self>;

    /// The number that a scalar is by itself, where its [`view`](Self::view) is text because elsewhere its
    /// shape decides: for documents, which have no shape.
    fn number(&self) -> Option<Number> {
        None
    }
}

/// An opened [`Node`].
#[derive(Debug)]
pub enum View<'a, N> {
    /// Nothing: treated as an absent member.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A number, whole or not.
    Number(&'a Number),
    /// Text.
    String(&'a str),
    /// Items in order.
    List(&'a [N]),
    /// Members in the order written.
    Object(Vec<(&'a str, &'a N)>),
    /// A value that is not known yet (an unresolved reference): it will be a text or a list of texts.
    Unknown,
}

impl Node for Value {
    fn view(&self) -> View<'_, Self> {
        match self {
            Self::Null => View::Null,
            Self::Bool(value) => View::Boolean(*value),
            Self::Number(number) => View::Number(number),
            Self::String(text) => View::String(text),
            Self::Array(items) => View::List(items),
            Self::Object(members) => {
                View::Object(members.iter().map(|(name, value)| (name.as_str(), value)).collect())
            }
        }
    }
}

/// How strictly scalars are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// What a service accepts: exact JSON types.
    Wire,
    /// What people write: a number or boolean where the wire has a string, and a string that holds a
    /// number or boolean where the wire has one.
    Authored,
}

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A member or a map's key.
    Member(String),
    /// A list's item, from 0.
    Index(usize),
}

/// Where in a tree something is, from the root: `containerDefinitions[0].image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Segment>);

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Member(name) if position == 0 => write!(f, "{name}")?,
                Segment::Member(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Something in a tree that its shape does not allow.
#[derive(Debug)]
pub struct Violation<'a, N> {
    /// The node at fault; for a missing member, the object that lacks it.
    pub node: &'a N,
    /// The object or list that holds [`Self::node`], if it is not the root.
    pub parent: Option<&'a N>,
    /// Where, from the root.
    pub path: Path,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The structure has no member of that name.
    UnknownMember {
        /// The name as written.
        name: String,
        /// The structure.
        shape: &'static Shape,
    },
    /// A required member is absent or null.
    MissingMember {
        /// The member's name.
        name: &'static str,
        /// The structure.
        shape: &'static Shape,
    },
    /// Another type than the shape's.
    WrongType {
        /// In words: `a whole number`.
        expected: &'static str,
        /// In words: `a list`.
        found: &'static str,
    },
    /// A string that is none of the allowed values.
    NotAllowed {
        /// The value as written.
        value: String,
        /// The allowed values.
        values: &'static [&'static str],
    },
    /// A number outside its range.
    OutOfRange {
        /// The value as written.
        value: String,
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// A string of too few or too many characters, or a list of too few or too many items.
    WrongLength {
        /// The length found.
        length: u64,
        /// Least length.
        min: Option<u64>,
        /// Greatest length.
        max: Option<u64>,
        /// `characters` or `items`.
        unit: &'static str,
    },
}

// Two shapes are the same shape when they are the same static.
impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// Checks `node` against `shape` and reports every violation, in the order written.
///
/// Patterns are not checked here: the model's few patterns need a regular expression engine, which
/// the table's users choose.
///
/// ```
/// use coxswain_ecs_shapes::{Reading, check, ecs};
/// let input = ecs().operation("RegisterTaskDefinition").unwrap().input;
/// let mut problems = Vec::new();
/// check(input, &serde_json::json!({"famly": "api"}), Reading::Authored, &mut |v| problems.push(v.path.to_string()));
/// assert!(problems.contains(&"famly".to_owned()));
/// ```
pub fn check<'a, N: Node>(
    shape: &'static Shape,
    node: &'a N,
    reading: Reading,
    report: &mut dyn FnMut(Violation<'a, N>),
) {
    Walk { reading, path: Path::default(), report }.node(shape, node, None);
}

struct Walk<'a, 'r, N> {
    reading: Reading,
    path: Path,
    report: &'r mut dyn FnMut(Violation<'a, N>),
}

impl<'a, N: Node> Walk<'a, '_, N> {
    fn violation(&mut self, node: &'a N, parent: Option<&'a N>, problem: Problem) {
        (self.report)(Violation { node, parent, path: self.path.clone(), problem });
    }

    fn within(&mut self, segment: Segment, shape: &'static Shape, node: &'a N, parent: &'a N) {
        self.path.0.push(segment);
        self.node(shape, node, Some(parent));
        self.path.0.pop();
    }

    fn node(&mut self, shape: &'static Shape, node: &'a N, parent: Option<&'a N>) {
        match (&shape.kind, node.view()) {
            (_, View::Null)
            | (Kind::Document, _)
            | (Kind::Boolean, View::Boolean(_))
            | (Kind::Blob, View::String(_))
            | (Kind::Timestamp, View::Number(_)) => {}
            (_, View::Unknown) if shape.is_of_texts() => {}
            (Kind::Structure(_), View::Object(members)) => self.structure(shape, node, &members),
            (Kind::Map { key, value }, View::Object(members)) => {
                for (name, member) in members {
                    self.path.0.push(Segment::Member(name.to_owned()));
                    self.string(key, member, Some(node), name);
                    self.path.0.pop();
                    self.within(Segment::Member(name.to_owned()), value, member, node);
                }
            }
            (Kind::List { item, min, max }, View::List(items)) => {
                self.length(node, parent, items.len() as u64, *min, *max, "items");
                for (index, element) in items.iter().enumerate() {
                    self.within(Segment::Index(index), item, element, node);
                }
            }
            (Kind::String { .. }, View::String(text)) => self.string(shape, node, parent, text),
            (Kind::Integer { min, max }, View::Number(number)) => match number.as_i64() {
                Some(whole) => self.range(node, parent, real(whole), *min, *max),
                None => self.wrong_type(shape, node, parent),
            },
            (Kind::Double { min, max }, View::Number(number)) => {
                let value = number.as_f64().unwrap_or(f64::NAN);
                self.double_range(node, parent, value, *min, *max);
            }
            _ => self.authored(shape, node, parent),
        }
    }

    fn authored(&mut self, shape: &'static Shape, node: &'a N, parent: Option<&'a N>) {
        match coerce(shape, &node.view()).filter(|_| self.reading == Reading::Authored) {
            Some(Value::String(text)) => self.string(shape, node, parent, &text),
            Some(Value::Number(number)) => match shape.kind {
                Kind::Integer { min, max } => {
                    self.range(node, parent, number.as_f64().unwrap_or(f64::NAN), min, max);
                }
                Kind::Double { min, max } => {
                    self.double_range(node, parent, number.as_f64().unwrap_or(f64::NAN), min, max);
                }
                _ => {}
            },
            Some(_) => {}
            None => self.wrong_type(shape, node, parent),
        }
    }

    fn structure(&mut self, shape: &'static Shape, node: &'a N, members: &[(&'a str, &'a N)]) {
        for (name, value) in members {
            if let Some(member) = shape.member(name) {
                self.within(Segment::Member((*name).to_owned()), member.shape, value, node);
            } else {
                self.path.0.push(Segment::Member((*name).to_owned()));
                let problem = Problem::UnknownMember { name: (*name).to_owned(), shape };
                self.violation(value, Some(node), problem);
                self.path.0.pop();
            }
        }
        for member in shape.members().iter().filter(|member| member.required) {
            let present = members
                .iter()
                .any(|(name, value)| *name == member.name && !matches!(value.view(), View::Null));
            if !present {
                self.violation(node, None, Problem::MissingMember { name: member.name, shape });
            }
        }
    }

    fn string(&mut self, shape: &'static Shape, node: &'a N, parent: Option<&'a N>, text: &str) {
        let Kind::String { values, min, max, .. } = shape.kind else {
            return;
        };
        if !values.is_empty() && !values.contains(&text) {
            self.violation(node, parent, Problem::NotAllowed { value: text.to_owned(), values });
        }
        self.length(node, parent, text.chars().count() as u64, min, max, "characters");
    }

    fn length(
        &mut self,
        node: &'a N,
        parent: Option<&'a N>,
        length: u64,
        min: Option<u64>,
        max: Option<u64>,
        unit: &'static str,
    ) {
        if min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max) {
            self.violation(node, parent, Problem::WrongLength { length, min, max, unit });
        }
    }

    fn range(&mut self, node: &'a N, parent: Option<&'a N>, value: f64, min: Option<i64>, max: Option<i64>) {
        self.double_range(node, parent, value, min.map(real), max.map(real));
    }

    fn double_range(
        &mut self,
        node: &'a N,
        parent: Option<&'a N>,
        value: f64,
        min: Option<f64>,
        max: Option<f64>,
    ) {
        if min.is_some_and(|min| value < min) || max.is_some_and(|max| value > max) {
            self.violation(node, parent, Problem::OutOfRange { value: value.to_string(), min, max });
        }
    }

    fn wrong_type(&mut self, shape: &'static Shape, node: &'a N, parent: Option<&'a N>) {
        let problem = Problem::WrongType { expected: expected(shape), found: found(&node.view()) };
        self.violation(node, parent, problem);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a limit beyond 53 bits is none that a request comes near")]
fn real(whole: i64) -> f64 {
    whole as f64
}

/// What a scalar that people write becomes on the wire, where its type is not the wire's already.
fn coerce<N>(shape: &Shape, view: &View<'_, N>) -> Option<Value> {
    match (&shape.kind, view) {
        (Kind::String { .. }, View::Number(number)) => Some(Value::String(number.to_string())),
        (Kind::String { .. }, View::Boolean(value)) => Some(Value::String(value.to_string())),
        (Kind::Boolean, View::String(text)) => text.parse().ok().map(Value::Bool),
        (Kind::Integer { .. }, View::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        (Kind::Integer { .. }, View::Number(number)) => {
            let value = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9.0e15)?;
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits, checked above")]
            let whole = value as i64;
            Some(Value::from(whole))
        }
        (Kind::Double { .. }, View::String(text)) => {
            text.trim().parse().ok().and_then(Number::from_f64).map(Value::Number)
        }
        _ => None,
    }
}

/// The wire's JSON of an authored tree: scalars coerced, null members dropped.
///
/// What the shape does not know or does not fit is carried as it is: [`check`] is where it is refused.
/// A document keeps its nulls.
pub fn lower<N: Node>(shape: &Shape, node: &N) -> Value {
    if let Some(number) = node.number().filter(|_| matches!(shape.kind, Kind::Document)) {
        return Value::Number(number);
    }
    let view = node.view();
    if let Some(value) = coerce(shape, &view) {
        return value;
    }
    match view {
        View::Null | View::Unknown => Value::Null,
        View::Boolean(value) => Value::Bool(value),
        View::Number(number) => Value::Number(number.clone()),
        View::String(text) => Value::String(text.to_owned()),
        View::List(items) => {
            let item = shape.element().unwrap_or(&OPAQUE);
            Value::Array(items.iter().map(|element| lower(item, element)).collect())
        }
        View::Object(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                let known = shape.member(name).map(|member| member.shape);
                let lowered = lower(known.or_else(|| shape.element()).unwrap_or(&OPAQUE), value);
                if !lowered.is_null() || matches!(shape.kind, Kind::Document) {
                    object.insert(name.to_owned(), lowered);
                }
            }
            Value::Object(object)
        }
    }
}

/// Stands for what the table does not know: nothing below it is coerced.
static OPAQUE: Shape = Shape { name: "Opaque", kind: Kind::Blob };

fn expected(shape: &Shape) -> &'static str {
    match shape.kind {
        Kind::Structure(_) | Kind::Map { .. } => "an object",
        Kind::List { .. } => "a list",
        Kind::String { .. } | Kind::Blob => "a string",
        Kind::Boolean => "true or false",
        Kind::Integer { .. } => "a whole number",
        Kind::Double { .. } | Kind::Timestamp => "a number",
        Kind::Document => "any JSON",
    }
}

fn found<N>(view: &View<'_, N>) -> &'static str {
    match view {
        View::Null => "null",
        View::Unknown => "a reference",
        View::Boolean(_) => "a boolean",
        View::Number(_) => "a number",
        View::String(_) => "a string",
        View::List(_) => "a list",
        View::Object(_) => "an object",
    }
}
