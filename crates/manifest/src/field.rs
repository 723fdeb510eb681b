//! What a field of a manifest is, from the shapes that manifests are judged by.

use coxswain_ecs_model::{default_in_words, rule_source};
use coxswain_ecs_shapes::{Kind as ShapeKind, Member, Shape};
use serde::Serialize;

use crate::faults::range;
use crate::key::Kind;
use crate::resolved::DriftPolicy;
use crate::suggest::nearest;
use crate::v1;
use crate::v1::service::PROGRESS_DEADLINE_SECONDS;

/// One field of a manifest, as people may ask about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// From the kind on: `service.spec.rollout`; an item of a list has its list's path.
    pub path: String,
    /// What it is for, where it is a field of the kinds' own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<&'static str>,
    /// In words: `a list of objects`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether it must be written, here or in the Environment's defaults.
    pub required: bool,
    /// In words, such as `60-86400` or `1-255 characters`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<String>,
    /// The allowed values, empty where any is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<&'static str>,
    /// What Coxswain or ECS takes where it is not written, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The page or published answer that says so of ECS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
    /// ECS's page of the structure that has it, where ECS has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    #[serde(skip)]
    shape: &'static Shape,
}

/// Why a path leads to no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{owner} has no field {name:?}")]
pub struct UnknownField {
    /// The path up to where it is right; `a manifest` where its kind is wrong already.
    pub owner: String,
    /// The first name that is unknown.
    pub name: String,
    /// The path up to the name that was probably meant.
    pub nearest: Option<String>,
}

impl Field {
    /// The field at a path that begins with a kind: `service.spec.count.fixed`.
    ///
    /// Items of lists have no name of their own; `containerDefinitions[0].image` and
    /// `containerDefinitions.image` are the same field.
    ///
    /// ```
    /// use coxswain_manifest::Field;
    /// let field = Field::at("service.spec.rollout.progressDeadlineSeconds")?;
    /// assert_eq!(field.limits.as_deref(), Some("60-86400"));
    /// # Ok::<(), coxswain_manifest::UnknownField>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a name of the path is none of its owner's.
    pub fn at(path: &str) -> Result<Self, UnknownField> {
        let mut names = path.split('.').map(|name| name.split('[').next().unwrap_or(name));
        let first = names.next().unwrap_or_default();
        let kind = Kind::ALL.iter().copied().find(|kind| kind.lowercase().eq_ignore_ascii_case(first));
        let Some(kind) = kind else {
            let best = nearest(first, Kind::ALL.iter().map(|kind| kind.lowercase()));
            return Err(UnknownField {
                owner: "a manifest".to_owned(),
                name: first.to_owned(),
                nearest: best.map(str::to_owned),
            });
        };
        names.try_fold(Self::document(kind), |owner, name| owner.member(name))
    }

    /// The whole document of a kind.
    pub fn document(kind: Kind) -> Self {
        Self::new(kind.lowercase().to_owned(), kind.as_str(), "", v1::document(kind), true)
    }

    /// What it can hold: `a whole number, 60-86400, required`.
    pub fn in_words(&self) -> String {
        let mut words = vec![self.type_name.clone()];
        words.extend(self.limits.clone());
        if !self.values.is_empty() {
            words.push(format!("one of {}", self.values.join(" ")));
        }
        if self.required {
            words.push("required".to_owned());
        }
        words.join(", ")
    }

    /// The member of a structure, by its name alone.
    pub(crate) fn of_member(owner: &'static Shape, member: &Member) -> Self {
        Self::new(member.name.to_owned(), owner.name, member.name, member.shape, member.required)
    }

    /// The fields directly below, those of a list's items where this is a list; sorted by name.
    pub fn members(&self) -> Vec<Self> {
        let owner = opened(self.shape);
        owner.members().iter().map(|member| self.below(owner, member)).collect()
    }

    fn member(&self, name: &str) -> Result<Self, UnknownField> {
        let owner = opened(self.shape);
        if let Some(member) = owner.member(name) {
            return Ok(self.below(owner, member));
        }
        let best = nearest(name, owner.members().iter().map(|member| member.name));
        Err(UnknownField {
            owner: self.path.clone(),
            name: name.to_owned(),
            nearest: best.map(|best| format!("{}.{best}", self.path)),
        })
    }

    fn below(&self, owner: &'static Shape, member: &Member) -> Self {
        let path = format!("{}.{}", self.path, member.name);
        Self::new(path, owner.name, member.name, member.shape, member.required)
    }

    fn new(
        path: String,
        owner: &'static str,
        name: &'static str,
        shape: &'static Shape,
        required: bool,
    ) -> Self {
        let values = match shape.kind {
            ShapeKind::String { values, .. } => values.to_vec(),
            _ => Vec::new(),
        };
        let ecs = default_in_words(owner, name);
        let about = v1::about(owner, name);
        Self {
            path,
            about,
            type_name: named(shape, false),
            required,
            limits: limits(shape),
            values,
            source: rule_source(owner, name).filter(|_| ecs.is_some()),
            default: default(owner, name).or(ecs),
            page: (about.is_none() && !name.is_empty()).then(|| page(owner)),
            shape,
        }
    }
}

/// Where ECS describes a structure.
fn page(owner: &str) -> String {
    let name = owner.strip_suffix("Request").unwrap_or(owner);
    format!("https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_{name}.html")
}

/// The structure inside lists.
fn opened(mut shape: &'static Shape) -> &'static Shape {
    while let ShapeKind::List { item, .. } = shape.kind {
        shape = item;
    }
    shape
}

fn named(shape: &Shape, is_plural: bool) -> String {
    let (one, many) = match shape.kind {
        ShapeKind::List { item, .. } => {
            let items = named(item, true);
            return if is_plural { format!("lists of {items}") } else { format!("a list of {items}") };
        }
        ShapeKind::Map { value, .. } => {
            let values = named(value, true);
            return if is_plural { format!("maps to {values}") } else { format!("a map to {values}") };
        }
        ShapeKind::Structure(_) => ("an object", "objects"),
        ShapeKind::String { .. } | ShapeKind::Blob => ("a string", "strings"),
        ShapeKind::Document => ("any value", "any values"),
        ShapeKind::Boolean => ("true or false", "true or false"),
        ShapeKind::Integer { .. } => ("a whole number", "whole numbers"),
        ShapeKind::Double { .. } | ShapeKind::Timestamp => ("a number", "numbers"),
    };
    (if is_plural { many } else { one }).to_owned()
}

/// What is taken for a field of the kinds' own.
fn default(owner: &str, name: &str) -> Option<String> {
    match (owner, name) {
        ("Rollout", "progressDeadlineSeconds") => Some(PROGRESS_DEADLINE_SECONDS.to_string()),
        ("Policy", "drift") => Some(
            match DriftPolicy::default() {
                DriftPolicy::Correct => "correct",
                DriftPolicy::Report => "report",
            }
            .to_owned(),
        ),
        ("ServiceSpec", "drift") => Some("the Environment's spec.policy.drift".to_owned()),
        _ => None,
    }
}

fn limits(shape: &Shape) -> Option<String> {
    let counted = |min: Option<u64>, max: Option<u64>, unit: &str| {
        (min.is_some() || max.is_some()).then(|| format!("{} {unit}", range(min, max)))
    };
    match shape.kind {
        ShapeKind::String { min, max, .. } => counted(min, max, "characters"),
        ShapeKind::List { min, max, .. } => counted(min, max, "items"),
        ShapeKind::Integer { min, max } => (min.is_some() || max.is_some()).then(|| range(min, max)),
        ShapeKind::Double { min, max } => (min.is_some() || max.is_some()).then(|| range(min, max)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_through_lists_with_and_without_their_indices() {
        let plain = Field::at("service.spec.taskDefinition.containerDefinitions.healthCheck.command");
        let plain = plain.unwrap();
        let indexed = Field::at("Service.spec.taskDefinition.containerDefinitions[0].healthCheck.command");
        assert_eq!(indexed.unwrap(), plain);
        assert_eq!((plain.type_name.as_str(), plain.required), ("a list of strings", true));
        assert!(plain.page.unwrap().ends_with("/API_HealthCheck.html"));
    }

    #[test]
    fn limits_and_values_are_those_of_the_shape() {
        let drift = Field::at("environment.spec.policy.drift").unwrap();
        assert_eq!((&drift.values, &drift.limits), (&vec!["correct", "report"], &None));
        assert_eq!(drift.default.as_deref(), Some("correct"));
        let account = Field::at("environment.spec.account").unwrap();
        assert_eq!(account.limits.as_deref(), Some("exactly 12 characters"));
    }

    #[test]
    fn every_listed_member_is_found_by_its_own_path_and_says_what_it_is_for() {
        let mut open: Vec<Field> = Kind::ALL.iter().map(|kind| Field::document(*kind)).collect();
        let mut seen = 0;
        while let Some(field) = open.pop() {
            assert_eq!(Field::at(&field.path).as_ref(), Ok(&field));
            let is_ecs = [".taskDefinition.", ".service."].iter().any(|part| field.path.contains(part));
            let is_document = !field.path.contains('.');
            assert_eq!(field.about.is_some(), !is_ecs && !is_document, "{}", field.path);
            assert_eq!(field.page.is_some(), is_ecs, "{}", field.path);
            seen += 1;
            open.extend(field.members());
        }
        assert!(seen > 300, "only {seen} fields");
    }

    #[test]
    fn a_misspelt_name_is_told_with_the_nearest_path() {
        let nearest = |path: &str| Field::at(path).unwrap_err().nearest;
        assert_eq!(nearest("service.spec.rolout").as_deref(), Some("service.spec.rollout"));
        assert_eq!(nearest("servic.spec").as_deref(), Some("service"));
        assert_eq!(nearest("service.spec.zebra"), None);
    }
}
