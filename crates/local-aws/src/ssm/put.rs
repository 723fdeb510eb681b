//! PutParameter.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::{Value, json};

use super::{
    Around, SPELLING,
    name::check_name,
    policy::Policy,
    refusal::{invalid_key, tags, unsupported, validation},
    store::{Content, Kind, Parameters, Stored, Tier, VERSIONS},
};
use crate::{clock::Time, ecs::Members, error::ApiError, labels::Labels};

/// Longest value of a parameter, in characters: of the standard tier, and of the advanced one; and how
/// many parameters of the standard tier there are at most.
///
/// Source: Systems Manager user guide, managing parameter tiers.
const LONGEST_STANDARD: usize = 4_096;
const LONGEST_ADVANCED: usize = 8_192;
const MOST_STANDARD: usize = 10_000;

/// The key that encrypts where none is named. Source: API_PutParameter.html, on `KeyId`.
const OWN_KEY: &str = "alias/aws/ssm";

impl Parameters {
    /// Sets a parameter of type `String`, whatever is there.
    pub(crate) fn seed(&mut self, name: &str, value: &str, now: Time) -> Result<(), ApiError> {
        let input = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
        self.put(&input, &super::Alone, now).map(|_| ())
    }

    pub(super) fn put(&mut self, input: &Value, around: &dyn Around, now: Time) -> Result<Value, ApiError> {
        let name = input.text("Name").unwrap_or_default();
        check_name(name)?;
        let name = self.name_of(name).to_owned();
        let overwrites = input.flag("Overwrite").unwrap_or_default();
        let mut labels = Labels::default();
        labels.add(input.items("Tags"), SPELLING).map_err(tags)?;
        if overwrites && !input.items("Tags").is_empty() {
            return Err(validation(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
                 remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
                 RemoveTagsFromResource.",
            ));
        }
        let before = self.current(&name);
        if before.is_some() && !overwrites {
            let text = "The parameter already exists. To overwrite this value, set the overwrite option in the \
                        request to true.";
            return Err(ApiError::new("ParameterAlreadyExists", text));
        }
        let content = content(input, before.map(|stored| &stored.content), around, now)?;
        self.has_room(&name, content.tier)?;
        let tier = content.tier;
        let parameter = self.by_name.entry(name.clone()).or_default();
        if parameter.versions.is_empty() {
            parameter.tags = labels;
        }
        let version = parameter.versions.back().map_or(1, |last| last.version + 1);
        parameter.versions.push_back(Stored {
            name,
            version,
            modified: now,
            labels: BTreeSet::new(),
            content,
        });
        if parameter.versions.len() > VERSIONS {
            parameter.versions.pop_front();
        }
        Ok(json!({"Version": version, "Tier": tier.name()}))
    }

    /// Whether there may be one more version, or one more parameter.
    ///
    /// Source: API_PutParameter.html, on `ParameterMaxVersionLimitExceeded` and `ParameterLimitExceeded`.
    fn has_room(&self, name: &str, tier: Tier) -> Result<(), ApiError> {
        let Some(parameter) = self.by_name.get(name) else {
            let is_standard = |stored: &Stored| stored.content.tier == Tier::Standard;
            let all = self.by_name.values().filter_map(|parameter| parameter.versions.back());
            if tier == Tier::Standard && self.by_name.len() >= MOST_STANDARD {
                let standard = all.filter(|stored| is_standard(stored)).count();
                if standard >= MOST_STANDARD {
                    let text = "You have reached the maximum number of standard parameters for this AWS account and \
                                Region (10000). To add more parameters, either delete existing parameters or upgrade \
                                to the advanced-parameter tier (charges apply).";
                    return Err(ApiError::new("ParameterLimitExceeded", text));
                }
            }
            return Ok(());
        };
        let oldest = parameter.versions.front().filter(|_| parameter.versions.len() >= VERSIONS);
        if let Some(oldest) = oldest.filter(|oldest| !oldest.labels.is_empty()) {
            let text = format!(
                "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite \
                 flag. Version {}, the oldest version, can't be deleted because it has a label associated with it. \
                 Move the label to another version of the parameter, and try again.",
                oldest.version
            );
            return Err(ApiError::new("ParameterMaxVersionLimitExceeded", text));
        }
        Ok(())
    }
}

/// What a request makes of a parameter; what it does not name stays as it is.
fn content(
    input: &Value,
    before: Option<&Content>,
    around: &dyn Around,
    now: Time,
) -> Result<Content, ApiError> {
    let kind = kind(input, before)?;
    let value = input.text("Value").unwrap_or_default();
    let policies = match input.text("Policies") {
        Some(text) => Policy::read(text, now)?,
        None => before.map(|before| before.policies.clone()).unwrap_or_default(),
    };
    let tier = tier(input, before, value, !policies.is_empty())?;
    check_value(kind, value, tier)?;
    if tier == Tier::Standard && !policies.is_empty() {
        return Err(validation("Parameter policies are for the advanced-parameter tier only."));
    }
    let stays = |member: &str, before: Option<&String>| match input.text(member) {
        Some(text) => Some(text.to_owned()).filter(|text| !text.is_empty()),
        None => before.cloned(),
    };
    let pattern = stays("AllowedPattern", before.and_then(|before| before.pattern.as_ref()));
    if let Some(pattern) = &pattern {
        check_pattern(pattern, value)?;
    }
    let key = if kind == Kind::SecureString {
        let key = stays("KeyId", before.and_then(|before| before.key.as_ref()));
        let key = key.unwrap_or_else(|| OWN_KEY.to_owned());
        around.key(&key).map_err(invalid_key)?;
        Some(key)
    } else if input.member("KeyId").is_some() {
        return Err(validation("KeyId is required for SecureString type parameter only."));
    } else {
        None
    };
    let data_type = stays("DataType", before.map(|before| &before.data_type));
    let data_type = data_type.unwrap_or_else(|| "text".to_owned());
    match data_type.as_str() {
        "text" => {}
        "aws:ec2:image" | "aws:ssm:integration" => {
            return Err(unsupported(&format!("checks no values of data type {data_type}")));
        }
        _ => {
            let text = format!(
                "The following data type is not supported: {data_type} (Data type names are all lowercase.)"
            );
            return Err(validation(text));
        }
    }
    Ok(Content {
        kind,
        value: value.to_owned(),
        data_type,
        tier,
        description: stays("Description", before.and_then(|before| before.description.as_ref())),
        key,
        pattern,
        policies,
    })
}

fn kind(input: &Value, before: Option<&Content>) -> Result<Kind, ApiError> {
    match (input.text("Type"), before) {
        (None, Some(before)) => Ok(before.kind),
        (None, None) => Err(validation("A parameter type is required when you create a parameter.")),
        (Some(kind), _) => Kind::from_name(kind).ok_or_else(|| {
            ApiError::new("UnsupportedParameterType", format!("The parameter type {kind} isn't supported."))
        }),
    }
}

/// Source: API_PutParameter.html, on `Tier`.
fn tier(input: &Value, before: Option<&Content>, value: &str, has_policies: bool) -> Result<Tier, ApiError> {
    let was_advanced = before.is_some_and(|before| before.tier == Tier::Advanced);
    match input.text("Tier") {
        Some("Advanced") => Ok(Tier::Advanced),
        Some("Intelligent-Tiering") => {
            let needs = was_advanced || has_policies || value.chars().count() > LONGEST_STANDARD;
            Ok(if needs { Tier::Advanced } else { Tier::Standard })
        }
        Some(_) if was_advanced => Err(validation(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
             advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced \
             parameter and recreate it as a standard parameter.",
        )),
        None if was_advanced => Ok(Tier::Advanced),
        _ => Ok(Tier::Standard),
    }
}

fn check_value(kind: Kind, value: &str, tier: Tier) -> Result<(), ApiError> {
    if value.is_empty() {
        return Err(validation("The parameter value has to have at least 1 character."));
    }
    let longest = if tier == Tier::Advanced { LONGEST_ADVANCED } else { LONGEST_STANDARD };
    if value.chars().count() > longest {
        return Err(validation(format!(
            "{} tier parameters support a maximum parameter value of {longest} characters.",
            tier.name()
        )));
    }
    if kind == Kind::StringList && value.split(',').any(str::is_empty) {
        return Err(validation("A StringList has no empty items."));
    }
    if value.contains("{{") {
        return Err(validation("A parameter's value can't refer to another parameter: {{...}}."));
    }
    Ok(())
}

/// Holds a value against its pattern, which has to fit all of it.
///
/// AWS's are Java's regular expressions; these know neither looking around nor back references.
fn check_pattern(pattern: &str, value: &str) -> Result<(), ApiError> {
    let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        let text =
            format!("The allowed pattern {pattern} is not understood by this local Systems Manager: {error}");
        ApiError::new("InvalidAllowedPatternException", text)
    })?;
    if whole.is_match(value) {
        return Ok(());
    }
    // Without the value, which may be a secret.
    let text = format!("Parameter value, cannot be validated against allowedPattern: {pattern}");
    Err(ApiError::new("ParameterPatternMismatchException", text))
}
