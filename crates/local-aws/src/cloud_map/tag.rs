//! Tags of namespaces and services.

use serde_json::{Value, json};

use super::{catalog::Catalog, refusal};
use crate::{ecs::Members, error::ApiError};

/// Most tags of a resource. Source: <https://docs.aws.amazon.com/cloud-map/latest/dg/cloud-map-tagging.html>
const MOST: usize = 50;

/// A resource's tags, in the order in which their keys first came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<(String, String)>);

impl Tags {
    /// The tags of a request; `resource` is told where they are too many.
    pub(super) fn read(list: &[Value], resource: &str) -> Result<Self, ApiError> {
        let mut tags = Self::default();
        tags.add(list, resource)?;
        Ok(tags)
    }

    fn add(&mut self, list: &[Value], resource: &str) -> Result<(), ApiError> {
        for tag in list {
            let (key, value) = (tag.text("Key").unwrap_or_default(), tag.text("Value").unwrap_or_default());
            if key.is_empty() || key.to_ascii_lowercase().starts_with("aws:") {
                return Err(refusal::invalid(format!("'{key}' is no key of a tag")));
            }
            match self.0.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => value.clone_into(known),
                None => self.0.push((key.to_owned(), value.to_owned())),
            }
        }
        if self.0.len() > MOST { Err(refusal::too_many_tags(resource)) } else { Ok(()) }
    }
}

impl Catalog {
    fn tags_of(&mut self, request: &Value) -> Result<&mut Tags, ApiError> {
        let arn = request.text("ResourceARN").unwrap_or_default();
        let (kind, id) = arn.rsplit(':').next().and_then(|resource| resource.split_once('/')).unzip();
        let id = id.unwrap_or_default();
        let tags = match kind {
            Some("namespace") => self.namespaces.get_mut(id).map(|namespace| &mut namespace.tags),
            Some("service") => self.services.get_mut(id).map(|service| &mut service.tags),
            _ => None,
        };
        tags.ok_or_else(|| refusal::no_resource(arn))
    }
}

pub(super) fn add(catalog: &mut Catalog, request: &Value) -> Result<Value, ApiError> {
    let arn = request.text("ResourceARN").unwrap_or_default();
    let tags = catalog.tags_of(request)?;
    let mut changed = tags.clone();
    changed.add(request.items("Tags"), arn)?;
    *tags = changed;
    Ok(json!({}))
}

pub(super) fn remove(catalog: &mut Catalog, request: &Value) -> Result<Value, ApiError> {
    let tags = catalog.tags_of(request)?;
    tags.0.retain(|(key, _)| !request.texts("TagKeys").any(|gone| gone == key));
    Ok(json!({}))
}

pub(super) fn list(catalog: &mut Catalog, request: &Value) -> Result<Value, ApiError> {
    let tags = catalog.tags_of(request)?;
    let shown: Vec<Value> = tags.0.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"Tags": shown}))
}
