//! Labels on versions, and tags on parameters.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    SPELLING,
    refusal::{no_such_version, not_found, tags},
    store::{Parameter, Parameters},
};
use crate::{ecs::Members, error::ApiError};

/// Most labels of a version, and most characters of a label. Source: API_LabelParameterVersion.html.
const MOST: usize = 10;
const LONGEST: usize = 100;

impl Parameters {
    /// Attaches labels to a version, or to the newest; a label leaves the version that had it.
    ///
    /// What is no label is listed in the answer and not attached.
    pub(super) fn label(&mut self, input: &Value) -> Result<Value, ApiError> {
        let name = input.text("Name").unwrap_or_default();
        let (valid, invalid): (Vec<&str>, Vec<&str>) =
            input.texts("Labels").partition(|label| is_label(label));
        let parameter = self.by_name.get_mut(name).ok_or_else(|| not_found(name))?;
        let newest = parameter.versions.back().map(|stored| stored.version).unwrap_or_default();
        let version = input.whole("ParameterVersion").unwrap_or(newest);
        let mut labels = labels_of(parameter, name, version)?.clone();
        labels.extend(valid.iter().map(|label| (*label).to_owned()));
        if labels.len() > MOST {
            let text = "A parameter version can have maximum 10 labels. Move one or more labels to another version \
                        and try again.";
            return Err(ApiError::new("ParameterVersionLabelLimitExceeded", text));
        }
        for stored in &mut parameter.versions {
            if stored.version == version {
                stored.labels.clone_from(&labels);
            } else {
                stored.labels.retain(|label| !valid.contains(&label.as_str()));
            }
        }
        Ok(json!({"InvalidLabels": invalid, "ParameterVersion": version}))
    }

    /// Takes labels off a version; those that it does not have are listed.
    pub(super) fn unlabel(&mut self, input: &Value) -> Result<Value, ApiError> {
        let name = input.text("Name").unwrap_or_default();
        let version = input.whole("ParameterVersion").unwrap_or_default();
        let parameter = self.by_name.get_mut(name).ok_or_else(|| not_found(name))?;
        let labels = labels_of(parameter, name, version)?;
        let (removed, invalid): (Vec<&str>, Vec<&str>) =
            input.texts("Labels").partition(|label| labels.remove(*label));
        Ok(json!({"RemovedLabels": removed, "InvalidLabels": invalid}))
    }

    pub(super) fn add_tags(&mut self, input: &Value) -> Result<Value, ApiError> {
        self.tagged(input)?.tags.add(input.items("Tags"), SPELLING).map_err(tags)?;
        Ok(json!({}))
    }

    pub(super) fn remove_tags(&mut self, input: &Value) -> Result<Value, ApiError> {
        self.tagged(input)?.tags.remove(input.texts("TagKeys"));
        Ok(json!({}))
    }

    pub(super) fn list_tags(&mut self, input: &Value) -> Result<Value, ApiError> {
        Ok(json!({"TagList": self.tagged(input)?.tags.show(SPELLING)}))
    }

    fn tagged(&mut self, input: &Value) -> Result<&mut Parameter, ApiError> {
        if input.text("ResourceType") != Some("Parameter") {
            return Err(ApiError::new(
                "InvalidResourceType",
                "This local Systems Manager has parameters only.",
            ));
        }
        let missing = || {
            ApiError::new(
                "InvalidResourceId",
                "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
            )
        };
        let id = input.text("ResourceId").unwrap_or_default();
        let name = self.name_of(id).to_owned();
        self.by_name.get_mut(&name).ok_or_else(missing)
    }
}

fn labels_of<'a>(
    parameter: &'a mut Parameter,
    name: &str,
    version: u64,
) -> Result<&'a mut BTreeSet<String>, ApiError> {
    let stored = parameter.versions.iter_mut().find(|stored| stored.version == version);
    stored.map(|stored| &mut stored.labels).ok_or_else(|| no_such_version(name, &version.to_string()))
}

/// Source: API_LabelParameterVersion.html.
fn is_label(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    text.len() <= LONGEST
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter))
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}
