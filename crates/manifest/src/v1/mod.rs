//! The kinds of `coxswain.dev/v1`: their own fields as shapes, beside ECS's.
//!
//! A kind's whole document is one shape, with the table's request shapes spliced in, so that one walk
//! judges all of it.

mod about;
pub(crate) mod environment;
pub(crate) mod service;

use coxswain_ecs_shapes::{Kind as ShapeKind, Member, Shape, ecs};

use crate::key::Kind;

pub(crate) use about::about;

/// What every manifest's `apiVersion` says.
pub(crate) const API_VERSION: &str = "coxswain.dev/v1";

/// The shape of a whole document of that kind.
pub(crate) fn document(kind: Kind) -> &'static Shape {
    match kind {
        Kind::Environment => &environment::DOCUMENT,
        Kind::Service => &service::DOCUMENT,
    }
}

/// A field of the design that this version refuses by name.
#[derive(Debug)]
pub(crate) struct Later {
    /// The shape that will have it.
    pub(crate) shape: &'static str,
    /// Its name.
    pub(crate) field: &'static str,
    /// What to do until then.
    pub(crate) instead: &'static str,
}

/// A member of ECS's request whose value is said elsewhere in a manifest.
#[derive(Debug)]
pub(crate) struct Moved {
    /// ECS's request.
    pub(crate) shape: &'static str,
    /// The member.
    pub(crate) field: &'static str,
    /// Where it belongs.
    pub(crate) instead: &'static str,
}

pub(crate) const fn text(name: &'static str) -> Shape {
    Shape { name, kind: ShapeKind::String { values: &[], pattern: None, min: Some(1), max: None } }
}

pub(crate) static STRING: Shape = text("String");
/// A name as the rules judge it; the pattern is for editors.
pub(crate) static NAME: Shape = Shape {
    name: "Name",
    kind: ShapeKind::String { values: &[], pattern: Some("^[A-Za-z0-9_-]+$"), min: Some(1), max: Some(255) },
};
pub(crate) static BOOLEAN: Shape = Shape { name: "Boolean", kind: ShapeKind::Boolean };
pub(crate) static METADATA: Shape =
    Shape { name: "Metadata", kind: ShapeKind::Structure(&[required("name", &NAME)]) };

pub(crate) const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: true, sensitive: false }
}

pub(crate) const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: false, sensitive: false }
}

/// Whether a request's shape lacks a member that the answer about the same thing has.
pub(crate) fn is_answer_only(request: &Shape, name: &str) -> bool {
    let answer = match request.name {
        "RegisterTaskDefinitionRequest" => answered("DescribeTaskDefinition", "taskDefinition"),
        "CreateServiceRequest" => answered("DescribeServices", "services"),
        _ => None,
    };
    request.member(name).is_none() && answer.is_some_and(|answer| answer.member(name).is_some())
}

/// The shape that an operation answers with, in or as that member.
fn answered(operation: &str, member: &str) -> Option<&'static Shape> {
    let shape = ecs().operation(operation)?.output.member(member)?.shape;
    Some(shape.element().unwrap_or(shape))
}

/// An ECS request's shape without the members that a manifest says elsewhere, and with those optional
/// that it fills in.
///
/// The members live as long as the program: this runs once per request.
fn request(operation: &str, moved: &[Moved], filled_in: &[&str]) -> Shape {
    let Some(input) = ecs().operation(operation).map(|operation| operation.input) else {
        return Shape { name: "Missing", kind: ShapeKind::Structure(&[]) };
    };
    let members: Vec<Member> = input
        .members()
        .iter()
        .filter(|member| !moved.iter().any(|moved| moved.shape == input.name && moved.field == member.name))
        .map(|member| Member {
            name: member.name,
            shape: member.shape,
            required: member.required && !filled_in.contains(&member.name),
            sensitive: member.sensitive,
        })
        .collect();
    Shape { name: input.name, kind: ShapeKind::Structure(members.leak()) }
}

/// A structure that lives as long as the program; for what runs once.
pub(crate) fn leak(name: &'static str, members: Vec<Member>) -> &'static Shape {
    Box::leak(Box::new(Shape { name, kind: ShapeKind::Structure(members.leak()) }))
}
