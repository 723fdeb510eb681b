//! JSON Schema for editors: completion, descriptions, and most errors while somebody writes.
//!
//! Generated from the shapes that the walk judges by. An editor must never refuse what [`load`](crate::load)
//! accepts, so where a schema cannot tell, it is silent:
//!
//! - A number may be written as a text and the other way round, and nothing in place of a member that may
//!   be left out.
//! - A reference stands where a text, or a list of texts, becomes the value.
//! - What the Environment's defaults may add is not asked of a Service: see [`Need`].
//! - The patterns of ECS's model are left out, as nothing else judges by them.

use std::collections::BTreeMap;

use coxswain_ecs_shapes::{Kind as ShapeKind, Member, Shape};
use serde_json::{Map, Value, json};

use crate::field::Field;
use crate::key::Kind;
use crate::merge::list_key;
use crate::v1;

#[cfg(test)]
mod tests;

/// What the schemas are written in: the newest version that every editor knows.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// Part of any text with a reference or an escaped one in it.
const REFERENCE: &str = r"\$\{";

/// A whole number written as a text, without the spellings that may be read as another number elsewhere.
const WHOLE: &str = "^-?(0|[1-9][0-9]*)$";

/// A number with a fraction, written as a text.
const REAL: &str = r"^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$";

/// The JSON Schema (draft-07) of manifests: of one kind, or of a file that may hold documents of any kind.
///
/// ```
/// use coxswain_manifest::{Kind, schema};
/// assert_eq!(schema(Some(Kind::Service))["properties"]["kind"]["const"], "Service");
/// ```
pub fn schema(kind: Option<Kind>) -> Value {
    let mut writer = Writer::default();
    let mut root = match kind {
        Some(kind) => writer.document(kind),
        None => writer.any(),
    };
    root.insert("$schema".to_owned(), json!(DRAFT));
    root.insert("definitions".to_owned(), json!(writer.definitions));
    Value::Object(root)
}

/// What has to be written of what is required in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// All of it: nothing is merged here.
    Whole,
    /// What the Environment's defaults cannot add: the members that tell items apart, and all of items that
    /// are not merged.
    OverDefaults,
    /// Nothing: these are the defaults.
    Nothing,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    need: Need,
    has_references: bool,
    /// Whether nothing (`null`) says the same as leaving it out.
    may_be_null: bool,
}

#[derive(Default)]
struct Writer {
    /// ECS's structures, by their names and how they are written.
    definitions: BTreeMap<String, Value>,
}

impl Writer {
    /// Tells the documents of a file apart by their `kind`.
    fn any(&mut self) -> Map<String, Value> {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        let mut branches = Vec::new();
        for kind in Kind::ALL {
            let document = self.document(*kind);
            self.definitions.insert(kind.as_str().to_owned(), Value::Object(document));
            // A document without content is passed over, and none of these.
            let is_kind = json!({
                "type": "object",
                "properties": { "kind": { "const": kind.as_str() } },
                "required": ["kind"],
            });
            branches.push(json!({ "if": is_kind, "then": reference_to(kind.as_str()) }));
        }
        object(json!({
            "title": "Coxswain manifests",
            "type": ["object", "null"],
            "properties": {
                "apiVersion": { "const": v1::API_VERSION },
                "kind": { "enum": names, "description": "What the document is." },
            },
            "required": ["apiVersion", "kind"],
            "allOf": branches,
        }))
    }

    fn document(&mut self, kind: Kind) -> Map<String, Value> {
        let has_references = kind != Kind::Environment;
        let place = Place { need: Need::Whole, has_references, may_be_null: false };
        let mut document = object(self.structure(v1::document(kind), place));
        document.insert("title".to_owned(), json!(format!("Coxswain {kind}")));
        pin(&mut document, "apiVersion", v1::API_VERSION);
        pin(&mut document, "kind", kind.as_str());
        document
    }

    fn value(&mut self, shape: &'static Shape, place: Place) -> Value {
        match shape.kind {
            ShapeKind::Structure(_) if is_own(shape) => self.structure(shape, place),
            ShapeKind::Structure(_) => self.defined(shape, place),
            ShapeKind::List { item, min, max } => {
                let is_merged = place.need != Need::Whole && list_key(item).is_some();
                let need = match place.need {
                    Need::OverDefaults if !is_merged => Need::Whole,
                    need => need,
                };
                let items = self.value(item, Place { need, may_be_null: false, ..place });
                // Items may come from the defaults.
                let min = min.filter(|_| !(is_merged && place.need == Need::OverDefaults));
                let mut list = json!({ "items": items, "minItems": min, "maxItems": max });
                if place.has_references && shape.is_of_texts() {
                    set(&mut list, "pattern", json!(REFERENCE));
                    typed(list, &["array", "string"], place)
                } else {
                    typed(list, &["array"], place)
                }
            }
            ShapeKind::Map { key, value } => {
                let values = self.value(value, Place { may_be_null: true, ..place });
                let mut names = Value::Object(Map::new());
                if let ShapeKind::String { min, max, .. } = key.kind {
                    names = pruned(json!({ "minLength": min, "maxLength": max }));
                }
                typed(json!({ "additionalProperties": values, "propertyNames": names }), &["object"], place)
            }
            _ => scalar(shape, place),
        }
    }

    /// A structure of ECS's: written once, and referred to.
    fn defined(&mut self, shape: &'static Shape, place: Place) -> Value {
        let need = match place.need {
            Need::Whole => "",
            Need::OverDefaults => "-over-defaults",
            Need::Nothing => "-as-default",
        };
        let null = if place.may_be_null { "-or-nothing" } else { "" };
        let name = format!("{}{need}{null}", shape.name.trim_end_matches("Request"));
        if !self.definitions.contains_key(&name) {
            let mut structure = self.structure(shape, place);
            set(&mut structure, "title", json!(shape.name));
            self.definitions.insert(name.clone(), structure);
        }
        reference_to(&name)
    }

    fn structure(&mut self, shape: &'static Shape, place: Place) -> Value {
        let mut members = Map::new();
        let mut required = Vec::new();
        for member in shape.members() {
            let inner = place.of_member(shape, member);
            let is_needed = match inner.need {
                Need::Whole => member.required,
                Need::OverDefaults => list_key(shape) == Some(member.name) && is_needed_key(shape, member),
                Need::Nothing => false,
            };
            if is_needed {
                required.push(member.name);
            }
            let mut value = self.value(member.shape, Place { may_be_null: !is_needed, ..inner });
            set(&mut value, "description", json!(description(&Field::of_member(shape, member))));
            members.insert(member.name.to_owned(), value);
        }
        let mut structure = json!({ "properties": members, "additionalProperties": false });
        if !required.is_empty() {
            set(&mut structure, "required", json!(required));
        }
        if shape.name == "Count" {
            // `{}` would say nothing.
            set(&mut structure, "minProperties", json!(1));
        }
        typed(structure, &["object"], place)
    }
}

impl Place {
    /// Where the members of a structure that stands here stand themselves.
    fn of_member(self, shape: &Shape, member: &Member) -> Self {
        match (shape.name, member.name) {
            ("Defaults", _) => Self { need: Need::Nothing, has_references: true, ..self },
            ("ServiceSpec", "taskDefinition" | "service") => Self { need: Need::OverDefaults, ..self },
            _ => self,
        }
    }
}

/// Whether an item of a merged list is refused without its key. A container's name is asked for by a rule.
fn is_needed_key(shape: &Shape, member: &Member) -> bool {
    member.required || shape.name == "ContainerDefinition"
}

/// Whether the structure is one of the kinds' own; they are small, and written where they stand.
fn is_own(shape: &Shape) -> bool {
    shape.members().iter().any(|member| v1::about(shape.name, member.name).is_some())
}

fn scalar(shape: &Shape, place: Place) -> Value {
    match shape.kind {
        ShapeKind::String { values, .. } if !values.is_empty() => {
            // What may stand here beside is told apart, so that editors offer none but these.
            let own = json!({ "enum": values });
            let nothing = place.may_be_null.then(|| json!({ "type": "null" }));
            let reference = place.has_references.then(|| json!({ "type": "string", "pattern": REFERENCE }));
            let all: Vec<_> = [Some(own.clone()), reference, nothing].into_iter().flatten().collect();
            if all.len() == 1 { own } else { json!({ "anyOf": all }) }
        }
        ShapeKind::String { pattern, min, max, .. } => {
            text(pattern.filter(|pattern| is_whole(pattern)), min, max, place)
        }
        ShapeKind::Document => json!({}),
        ShapeKind::Blob => typed(json!({}), &["string"], place),
        ShapeKind::Boolean => as_text_too(json!({}), "boolean", "^(true|false)$", place),
        ShapeKind::Integer { min, max } => {
            as_text_too(json!({ "minimum": min, "maximum": max }), "integer", WHOLE, place)
        }
        ShapeKind::Double { min, max } => {
            as_text_too(json!({ "minimum": min, "maximum": max }), "number", REAL, place)
        }
        _ => typed(json!({}), &["number"], place),
    }
}

/// Whether a pattern is one of the kinds' own, which the rules judge by, too.
fn is_whole(pattern: &str) -> bool {
    pattern.starts_with('^')
}

/// A text, for which a number or a boolean may be written.
fn text(pattern: Option<&str>, min: Option<u64>, max: Option<u64>, place: Place) -> Value {
    let types = ["string", "number", "boolean"];
    let is_limited = max.is_some() || pattern.is_some();
    if !(place.has_references && is_limited) {
        return typed(json!({ "minLength": min, "maxLength": max, "pattern": pattern }), &types, place);
    }
    // The limits are those of the value, and not of what refers to it.
    let own = pruned(json!({ "minLength": min, "maxLength": max, "pattern": pattern }));
    let mut limited = json!({ "anyOf": [own, { "pattern": REFERENCE }] });
    if pattern.is_none() {
        // One pattern says the same, and editors tell its fault better than that of a choice.
        let (min, max) = (min.unwrap_or(0), max.map(|max| max.to_string()).unwrap_or_default());
        limited = json!({ "pattern": format!("^[\\s\\S]{{{min},{max}}}$|{REFERENCE}") });
    }
    typed(limited, &types, place)
}

/// A value that may be written as a text of that pattern.
fn as_text_too(mut limits: Value, own_type: &str, pattern: &str, place: Place) -> Value {
    let pattern = if place.has_references { format!("{pattern}|{REFERENCE}") } else { pattern.to_owned() };
    set(&mut limits, "pattern", json!(pattern));
    typed(limits, &[own_type, "string"], place)
}

/// The schema with its types, `null` among them where that may stand here.
fn typed(mut schema: Value, types: &[&str], place: Place) -> Value {
    let mut types = types.to_vec();
    if place.may_be_null {
        types.push("null");
    }
    let types = if let [only] = types.as_slice() { json!(only) } else { json!(types) };
    set(&mut schema, "type", types);
    pruned(schema)
}

/// What an editor shows of a member: what `cox explain` says of it.
fn description(field: &Field) -> String {
    let words = field.in_words();
    let mut first = words.chars();
    let words: String = first.next().into_iter().flat_map(char::to_uppercase).chain(first).collect();
    let default = field.default.as_ref().map(|default| format!("Default: {default}."));
    let about = field.about.map(str::to_owned);
    let parts = [about, Some(format!("{words}.")), default, field.page.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn reference_to(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// Leaves a member one value only.
fn pin(document: &mut Map<String, Value>, name: &str, value: &str) {
    let members = document.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(member) = members.and_then(|members| members.get_mut(name)).and_then(Value::as_object_mut) {
        member.retain(|key, _| key == "description");
        member.insert("const".to_owned(), json!(value));
    }
}

fn set(schema: &mut Value, key: &str, value: Value) {
    if let Some(members) = schema.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

/// Without what is null: limits that there are none of.
fn pruned(schema: Value) -> Value {
    let mut members = object(schema);
    members.retain(|_, value| !value.is_null());
    Value::Object(members)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
