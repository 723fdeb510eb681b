//! Filters of DescribeParameters and GetParametersByPath.
//!
//! Source: API_ParameterStringFilter.html, API_GetParametersByPath.html; the words are those that moto's
//! authors saw at AWS.

use serde_json::Value;

use super::{
    refusal::validation,
    store::{Kind, Parameter, Stored},
};
use crate::{ecs::Members, error::ApiError};

/// The filters of a request, all of which have to hold.
#[derive(Debug, Default)]
pub(super) struct Filters<'a>(Vec<Filter<'a>>);

/// One filter, of whose values one has to hold.
#[derive(Debug)]
struct Filter<'a> {
    key: &'a str,
    option: How,
    values: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Equals,
    BeginsWith,
    Contains,
    Recursive,
    OneLevel,
}

const OF_PATH: [&str; 3] = ["Type", "KeyId", "Label"];

impl<'a> Filters<'a> {
    /// Those of GetParametersByPath.
    pub(super) fn of_path(filters: &'a [Value]) -> Result<Self, ApiError> {
        let filters = read(filters)?;
        if let Some(other) = filters.iter().find(|filter| !OF_PATH.contains(&filter.key)) {
            return Err(invalid_key(format!(
                "The following filter key is not valid: {}. Valid filter keys include: [Type, KeyId, Label].",
                other.key
            )));
        }
        Ok(Self(filters))
    }

    /// Those of DescribeParameters, in their newer form or in the older one, which begins with its values.
    pub(super) fn of_description(input: &'a Value) -> Result<Self, ApiError> {
        let (newer, older) = (input.items("ParameterFilters"), input.items("Filters"));
        if !newer.is_empty() && !older.is_empty() {
            return Err(validation("You can use either Filters or ParameterFilters in a single request."));
        }
        let mut filters = read(newer)?;
        if filters.iter().any(|filter| filter.key == "Label") {
            return Err(invalid_key(
                "The following filter key is not valid: Label. Valid filter keys include: [Path, Name, Type, KeyId, \
                 Tier]."
                    .to_owned(),
            ));
        }
        for filter in older {
            let key = filter.text("Key").unwrap_or_default();
            let option = if key == "Name" { How::BeginsWith } else { How::Equals };
            filters.push(Filter { key, option, values: filter.texts("Values").collect() });
        }
        Ok(Self(filters))
    }

    /// Whether a parameter's newest version passes.
    pub(super) fn pass(&self, parameter: &Parameter) -> bool {
        let newest = parameter.versions.back();
        newest.is_some_and(|newest| self.0.iter().all(|filter| filter.passes(parameter, newest)))
    }

    /// The version of a parameter that passes: the one with a label that is asked for, else the newest.
    pub(super) fn version_of<'p>(&self, parameter: &'p Parameter) -> Option<&'p Stored> {
        let labels = self.0.iter().find(|filter| filter.key == "Label");
        let version = match labels {
            Some(filter) => parameter
                .versions
                .iter()
                .rev()
                .find(|stored| filter.values.iter().any(|label| stored.labels.contains(*label))),
            None => parameter.versions.back(),
        };
        version.filter(|stored| self.0.iter().all(|filter| filter.passes(parameter, stored)))
    }
}

impl Filter<'_> {
    fn passes(&self, parameter: &Parameter, stored: &Stored) -> bool {
        let content = &stored.content;
        match self.key {
            "Name" => {
                // With and without its slash it is one name.
                let bare = |name: &str| name.trim_start_matches('/').to_owned();
                self.holds(&stored.name)
                    || (self.option == How::Equals
                        && self.values.iter().any(|value| bare(value) == bare(&stored.name)))
            }
            "Type" => self.holds(content.kind.name()),
            "KeyId" => {
                content.kind == Kind::SecureString
                    && content.key.as_deref().is_some_and(|key| self.holds(key))
            }
            "Tier" => self.holds(content.tier.name()),
            "DataType" => self.holds(&content.data_type),
            "Label" => stored.labels.iter().any(|label| self.holds(label)),
            "Path" => self.values.iter().any(|path| {
                let folder = format!("{}/", path.trim_end_matches('/'));
                stored
                    .name
                    .strip_prefix(&folder)
                    .is_some_and(|below| self.option == How::Recursive || !below.contains('/'))
            }),
            tag => {
                let wanted = tag.strip_prefix("tag:").unwrap_or_default();
                let mut tags = parameter.tags.iter().filter(|(key, _)| *key == wanted);
                tags.any(|(_, value)| self.values.is_empty() || self.holds(value))
            }
        }
    }

    fn holds(&self, text: &str) -> bool {
        self.values.iter().any(|value| match self.option {
            How::BeginsWith => text.starts_with(value),
            How::Contains => text.contains(value),
            How::Equals | How::Recursive | How::OneLevel => text == *value,
        })
    }
}

fn read(filters: &[Value]) -> Result<Vec<Filter<'_>>, ApiError> {
    let mut read: Vec<Filter<'_>> = Vec::new();
    for filter in filters {
        let key = filter.text("Key").unwrap_or_default();
        let is_tag = key.strip_prefix("tag:").is_some_and(|tag| !tag.is_empty());
        if !is_tag && !["Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType"].contains(&key) {
            return Err(invalid_key(format!("The following filter key is not valid: {key}.")));
        }
        if read.iter().any(|other| other.key == key) {
            return Err(invalid_key(format!(
                "The following filter is duplicated in the request: {key}. A request can contain only one occurrence \
                 of a specific filter."
            )));
        }
        let values: Vec<&str> = filter.texts("Values").collect();
        if values.is_empty() && !is_tag {
            let text = format!("The following filter values are missing : null for filter key {key}.");
            return Err(ApiError::new("InvalidFilterValue", text));
        }
        read.push(Filter { key, option: option(key, filter.text("Option"))?, values });
    }
    Ok(read)
}

fn option(key: &str, option: Option<&str>) -> Result<How, ApiError> {
    let valid = match key {
        "Path" => "[Recursive, OneLevel]",
        "Name" => "[BeginsWith, Equals, Contains]",
        "Label" => "[Equals]",
        _ => "[BeginsWith, Equals]",
    };
    Ok(match (key, option) {
        ("Path", None | Some("OneLevel")) => How::OneLevel,
        ("Path", Some("Recursive")) => How::Recursive,
        (_, None | Some("Equals")) if key != "Path" => How::Equals,
        (_, Some("BeginsWith")) if key != "Path" && key != "Label" => How::BeginsWith,
        ("Name", Some("Contains")) => How::Contains,
        (_, other) => {
            let other = other.unwrap_or_default();
            let text =
                format!("The following filter option is not valid: {other}. Valid options include: {valid}.");
            return Err(ApiError::new("InvalidFilterOption", text));
        }
    })
}

fn invalid_key(text: String) -> ApiError {
    ApiError::new("InvalidFilterKey", text)
}
