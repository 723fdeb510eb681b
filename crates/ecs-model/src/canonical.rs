//! The one form that manifests and answers are brought to.

use coxswain_ecs_shapes::{Path, Segment, Shape, ecs};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    difference::{Effect, service_effect},
    normal::{Defaults, normal},
    rules::{self, Context, ReadFrom},
};

/// A task definition or service in the one form that both sides are brought to.
///
/// Serializes as the JSON it holds; members are in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Canonical(Value);

impl Canonical {
    /// The form as JSON.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// What stands at `path`.
    pub fn get(&self, path: &Path) -> Option<&Value> {
        path.0.iter().try_fold(&self.0, |value, segment| match segment {
            Segment::Member(name) => value.get(name),
            Segment::Index(index) => value.get(index),
        })
    }

    /// The members that either names, at every depth of objects; where both do, those of `self`.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(union(&self.0, &other.0))
    }

    /// A service in which the members that trigger a deployment are those of `last`: what ECS was sent
    /// while the rollout of `self` is held back.
    #[must_use]
    pub fn with_rollout_members_of(&self, last: &Self) -> Self {
        let in_place = |name: &String| service_effect(name) == Effect::InPlace;
        let members = |form: &Self| form.0.as_object().cloned().unwrap_or_default();
        let ours = members(self).into_iter().filter(|(name, _)| in_place(name));
        let held = members(last).into_iter().filter(|(name, _)| !in_place(name));
        Self(ours.chain(held).collect())
    }
}

fn union(over: &Value, under: &Value) -> Value {
    match (over, under) {
        (Value::Object(over), Value::Object(under)) => {
            let mut all = under.clone();
            for (name, value) in over {
                let merged = under.get(name).map_or_else(|| value.clone(), |below| union(value, below));
                all.insert(name.clone(), merged);
            }
            Value::Object(all)
        }
        _ => over.clone(),
    }
}

/// Which of the two parts of an ECS service a form describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What a revision of the task definition's family holds.
    TaskDefinition,
    /// What the service itself holds.
    Service,
}

impl Part {
    /// The request that states the whole part.
    pub(crate) fn request(self) -> &'static Shape {
        match self {
            Self::TaskDefinition => operation_input("RegisterTaskDefinition"),
            Self::Service => operation_input("CreateService"),
        }
    }

    /// The structure in which ECS describes the part.
    pub(crate) fn answer(self) -> &'static Shape {
        let (operation, member) = match self {
            Self::TaskDefinition => ("DescribeTaskDefinition", "taskDefinition"),
            Self::Service => ("CreateService", "service"),
        };
        let output = ecs().operation(operation).and_then(|operation| operation.output.member(member));
        output.map_or(&NOTHING, |member| member.shape)
    }
}

/// Stands in for a shape that the table lacks; a test holds that it lacks none that is asked for.
static NOTHING: Shape = Shape { name: "Nothing", kind: coxswain_ecs_shapes::Kind::Structure(&[]) };

pub(crate) fn operation_input(name: &str) -> &'static Shape {
    ecs().operation(name).map_or(&NOTHING, |operation| operation.input)
}

/// Identity and what is compared apart.
const NOT_OF_THE_DEFINITION: &[&str] = &["family", "tags"];

/// Identity, what is compared apart, and what belongs to one call only.
const NOT_OF_THE_SERVICE: &[&str] = &[
    "clientToken",
    "cluster",
    "desiredCount",
    "forceNewDeployment",
    "role",
    "serviceName",
    "tags",
    "taskDefinition",
];

/// The canonical form of RegisterTaskDefinition's JSON, or of the `taskDefinition` of an answer.
///
/// Defaults are folded away, so that equal forms are what ECS would run the same. Family and tags are
/// left out, and so is what only ECS writes.
///
/// ```
/// use coxswain_ecs_model::canonical_task_definition;
/// use serde_json::json;
/// let written = json!({"family": "api", "containerDefinitions": [{"name": "api", "image": "api:1"}]});
/// let read = json!({"family": "api", "revision": 3, "volumes": [], "containerDefinitions": [
///     {"name": "api", "image": "api:1", "cpu": 0, "essential": true, "environment": []}]});
/// assert_eq!(canonical_task_definition(&written), canonical_task_definition(&read));
/// ```
pub fn canonical_task_definition(input: &Value) -> Canonical {
    let part = Part::TaskDefinition;
    let kept = kept(part, input, NOT_OF_THE_DEFINITION);
    let context = Context::of_task_definition(&kept);
    Canonical(formed(part, kept, context, Defaults::Folded))
}

/// The canonical form of CreateService's JSON, or of a described service.
///
/// Holds what is written and nothing else, in one spelling and order: that a member is there says that
/// it is owned. Leaves out identity (cluster, name), what is compared apart (task definition, count,
/// tags), and what only ECS writes. What ECS shows on the PRIMARY deployment alone is read from there.
pub fn canonical_service(input: &Value) -> Canonical {
    let part = Part::Service;
    let mut kept = kept(part, input, NOT_OF_THE_SERVICE);
    if let Some(primary) = primary_deployment(input) {
        let shown = rules::all().filter(|rule| rule.read_from == ReadFrom::PrimaryDeployment);
        for member in shown.map(|rule| rule.member) {
            if let Some(value) = primary.get(member) {
                kept.insert(member.to_owned(), value.clone());
            }
        }
    }
    Canonical(formed(part, kept, Context::default(), Defaults::Kept))
}

fn formed(part: Part, members: Map<String, Value>, context: Context, defaults: Defaults) -> Value {
    normal(part.request(), None, &Value::Object(members), context, defaults)
        .unwrap_or_else(|| Map::new().into())
}

/// The members of `input` that are neither excluded nor ECS's own.
fn kept(part: Part, input: &Value, excluded: &[&str]) -> Map<String, Value> {
    let (request, answer) = (part.request(), part.answer());
    let is_ours = |name: &str| {
        let written_by_ecs = request.member(name).is_none() && answer.member(name).is_some();
        !written_by_ecs && !excluded.contains(&name)
    };
    let members = input.as_object().into_iter().flatten();
    members.filter(|(name, _)| is_ours(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn primary_deployment(service: &Value) -> Option<&Value> {
    let deployments = service.get("deployments")?.as_array()?;
    deployments.iter().find(|deployment| deployment.get("status").and_then(Value::as_str) == Some("PRIMARY"))
}

/// The members, by path, that the shape table does not know; they are carried and compared as they are.
pub fn unknown_members(part: Part, form: &Canonical) -> Vec<String> {
    use coxswain_ecs_shapes::{Problem, Reading, check};
    let mut unknown = Vec::new();
    check(part.request(), form.as_value(), Reading::Authored, &mut |violation| {
        if matches!(violation.problem, Problem::UnknownMember { .. }) {
            unknown.push(violation.path.to_string());
        }
    });
    unknown
}
