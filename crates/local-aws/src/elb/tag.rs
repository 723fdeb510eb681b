//! Tags, on everything that ELB has.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Balancing, State, error};
use crate::{ecs::Members, error::ApiError};

/// Most tags of a resource. Source: the API reference's `TooManyTags`.
const MOST: usize = 50;

/// A resource's tags, in the order in which their keys first came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<(String, String)>);

impl Tags {
    /// The tags of a request's `Tags` member.
    pub(super) fn read(request: &Value) -> Result<Self, ApiError> {
        let mut tags = Self::default();
        tags.add(request.items("Tags"))?;
        Ok(tags)
    }

    fn add(&mut self, list: &[Value]) -> Result<(), ApiError> {
        let mut seen = BTreeSet::new();
        for tag in list {
            let (key, value) = (tag.text("Key").unwrap_or_default(), tag.text("Value").unwrap_or_default());
            if !seen.insert(key) {
                return Err(ApiError::new(
                    "DuplicateTagKeys",
                    format!("The tag key '{key}' was given twice"),
                ));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(error::invalid("Tag keys cannot begin with the reserved prefix aws:"));
            }
            match self.0.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => value.clone_into(known),
                None => self.0.push((key.to_owned(), value.to_owned())),
            }
        }
        if self.0.len() > MOST {
            return Err(ApiError::new("TooManyTags", format!("A resource can have at most {MOST} tags")));
        }
        Ok(())
    }

    fn show(&self) -> Value {
        self.0.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    }
}

impl Balancing {
    pub(super) fn add_tags(&self, request: &Value) -> Result<Value, ApiError> {
        change(&mut self.state(), request, |tags| tags.add(request.items("Tags")))
    }

    pub(super) fn remove_tags(&self, request: &Value) -> Result<Value, ApiError> {
        change(&mut self.state(), request, |tags| {
            tags.0.retain(|(key, _)| !request.texts("TagKeys").any(|gone| gone == key));
            Ok(())
        })
    }

    pub(super) fn describe_tags(&self, request: &Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let mut described = Vec::new();
        for arn in request.texts("ResourceArns") {
            let tags = state.tags(arn)?;
            described.push(json!({"ResourceArn": arn, "Tags": tags.show()}));
        }
        Ok(json!({"TagDescriptions": described}))
    }
}

/// Changes the tags of every named resource, or of none.
fn change(
    state: &mut State,
    request: &Value,
    change: impl Fn(&mut Tags) -> Result<(), ApiError>,
) -> Result<Value, ApiError> {
    let mut changed = Vec::new();
    for arn in request.texts("ResourceArns") {
        let mut tags = state.tags(arn)?.clone();
        change(&mut tags)?;
        changed.push((arn, tags));
    }
    for (arn, tags) in changed {
        *state.tags(arn)? = tags;
    }
    Ok(json!({}))
}

impl State {
    fn tags(&mut self, arn: &str) -> Result<&mut Tags, ApiError> {
        let kind = arn.split(':').nth(5).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        match kind {
            "loadbalancer" => {
                self.balancers.get_mut(arn).map(|it| &mut it.tags).ok_or_else(|| error::no_balancer(arn))
            }
            "targetgroup" => {
                self.groups.get_mut(arn).map(|it| &mut it.tags).ok_or_else(|| error::no_group(arn))
            }
            "listener" => {
                self.listeners.get_mut(arn).map(|it| &mut it.tags).ok_or_else(|| error::no_listener(arn))
            }
            "listener-rule" => {
                self.rules.get_mut(arn).map(|it| &mut it.tags).ok_or_else(|| error::no_rule(arn))
            }
            "truststore" => {
                self.stores.get_mut(arn).map(|it| &mut it.tags).ok_or_else(|| error::no_store(arn))
            }
            _ => Err(error::invalid(format!(
                "'{arn}' is not a valid load balancer, target group, listener, rule or trust store ARN"
            ))),
        }
    }
}
