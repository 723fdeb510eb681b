//! Tags: on what is tagged, and the operations that change them by ARN.

use serde_json::{Value, json};

use super::{Members, State, arn};
use crate::error::ApiError;

/// A resource's tags, in the order in which their keys first came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tags(Vec<(String, String)>);

impl Tags {
    /// The tags of a request's `tags` member.
    pub(super) fn read(request: &Value) -> Result<Self, ApiError> {
        let mut tags = Self::default();
        tags.add(request.items("tags"))?;
        Ok(tags)
    }

    fn add(&mut self, list: &[Value]) -> Result<(), ApiError> {
        for tag in list {
            let key = tag.text("key").unwrap_or_default();
            if key.is_empty() {
                return Err(ApiError::invalid("Tag keys can not be empty."));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(ApiError::invalid("Tag keys can not start with the reserved prefix aws:."));
            }
            self.set(key, tag.text("value").unwrap_or_default());
        }
        if self.0.len() > 50 {
            return Err(ApiError::invalid("The maximum number of tags per resource is 50."));
        }
        Ok(())
    }

    pub(super) fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((key.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn extend(&mut self, other: &Self) {
        for (key, value) in &other.0 {
            self.set(key, value);
        }
    }

    pub(super) fn to_json(&self) -> Value {
        self.0.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
    }
}

/// Whether a describe operation is asked for tags: without, they look absent.
pub(super) fn asked(request: &Value) -> bool {
    request.texts("include").any(|field| field == "TAGS")
}

pub(super) fn tag_resource(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let tags = tags_of(state, request)?;
    let mut changed = tags.clone();
    changed.add(request.items("tags"))?;
    *tags = changed;
    Ok(json!({}))
}

pub(super) fn untag_resource(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    let tags = tags_of(state, request)?;
    tags.0.retain(|(key, _)| !request.texts("tagKeys").any(|gone| gone == key));
    Ok(json!({}))
}

pub(super) fn list_tags(state: &mut State, request: &Value) -> Result<Value, ApiError> {
    Ok(json!({"tags": tags_of(state, request)?.to_json()}))
}

fn tags_of<'a>(state: &'a mut State, request: &Value) -> Result<&'a mut Tags, ApiError> {
    let resource = request.text("resourceArn").unwrap_or_default();
    let unknown = || ApiError::invalid(format!("The specified resource could not be found: {resource}"));
    let kind = arn::kind(resource).ok_or_else(|| ApiError::invalid("Invalid ARN in request"))?;
    let parts = arn::parts(resource, kind).unwrap_or_default();
    match (kind, parts.as_slice()) {
        ("cluster", [name]) => Ok(&mut state.active_cluster_mut(Some(name))?.tags),
        ("capacity-provider", [name]) => {
            state.capacity_providers.get_mut(*name).map(|provider| &mut provider.tags).ok_or_else(unknown)
        }
        ("service", [cluster, name]) => {
            let service = state.services.get_mut(&super::ServiceKey::new(cluster, name));
            let service = service.filter(|service| service.is_active());
            // None of the tagging operations has a ServiceNotFoundException in its model.
            service.map(|service| &mut service.tags).ok_or_else(unknown)
        }
        ("task", [_, id]) => state.tasks.get_mut(*id).map(|task| &mut task.tags).ok_or_else(unknown),
        ("task-definition", [name]) => {
            let (family, revision) = name.split_once(':').ok_or_else(unknown)?;
            let revision = revision.parse().map_err(|_| unknown())?;
            let known = state.families.get_mut(family).and_then(|family| family.revisions.get_mut(&revision));
            known.map(|known| &mut known.tags).ok_or_else(unknown)
        }
        _ => Err(unknown()),
    }
}
