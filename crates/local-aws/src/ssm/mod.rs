//! The little of AWS Systems Manager that a task and a controller need: its parameters.
//!
//! Requests come here checked by the shape table. Kept in memory, with all versions; there is no
//! encryption, only its looks: a `SecureString` is masked where decryption is not asked for.
//!
//! # Limits
//!
//! No labels, policies, filters, allowed patterns, history or tags: a request that needs one of them
//! to mean what it says is refused, tags are dropped.

mod name;
mod secret;
mod store;

use serde_json::{Value, json};

pub(crate) use self::store::Parameters;
use self::{
    name::{Selector, check_name},
    store::{Kind, NewValue, Stored},
};
use crate::{clock::Time, error::ApiError, wire::not_done};

/// Most parameters that one page of `GetParametersByPath` holds.
const PAGE: usize = 10;

/// Longest value of a parameter, in characters: of the standard tier, and of the advanced one.
///
/// Source: Systems Manager user guide, managing parameter tiers.
const LONGEST_STANDARD: usize = 4_096;
const LONGEST_ADVANCED: usize = 8_192;

impl Parameters {
    /// Answers an operation whose request the table has found right.
    pub(crate) fn call(&mut self, operation: &str, input: &Value, now: Time) -> Result<Value, ApiError> {
        match operation {
            "GetParameter" => self.get_parameter(input),
            "GetParameters" => Ok(self.get_parameters(input)),
            "GetParametersByPath" => self.get_parameters_by_path(input),
            "PutParameter" => self.put_parameter(input, now),
            "DeleteParameter" => self.delete_parameter(input),
            "DeleteParameters" => Ok(self.delete_parameters(input)),
            other => Err(not_done("ssm", other)),
        }
    }

    /// Sets a parameter of type `String`, whatever is there.
    pub(crate) fn seed(&mut self, name: &str, value: &str, now: Time) -> Result<(), ApiError> {
        let input = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
        self.put_parameter(&input, now).map(|_| ())
    }

    fn get_parameter(&self, input: &Value) -> Result<Value, ApiError> {
        let name = text(input, "Name");
        let (stored, selector) = self.select(name)?;
        Ok(json!({ "Parameter": self.show(stored, selector, flag(input, "WithDecryption")) }))
    }

    fn get_parameters(&self, input: &Value) -> Value {
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in texts(input, "Names") {
            match self.select(name) {
                Ok((stored, selector)) => {
                    found.push(self.show(stored, selector, flag(input, "WithDecryption")));
                }
                Err(_) => invalid.push(name),
            }
        }
        json!({ "Parameters": found, "InvalidParameters": invalid })
    }

    fn get_parameters_by_path(&self, input: &Value) -> Result<Value, ApiError> {
        let path = text(input, "Path");
        if !path.starts_with('/') {
            return Err(validation(format!(
                "The parameter doesn't meet the parameter name requirements. The parameter name must begin \
                 with a forward slash \"/\": {path}"
            )));
        }
        if input.get("ParameterFilters").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            return Err(ApiError::new("InvalidFilterKey", "this local Systems Manager has no filters"));
        }
        let size =
            input.get("MaxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        let after = input.get("NextToken").and_then(Value::as_str);
        if after.is_some_and(|token| self.current(token).is_none() && !token.starts_with(path)) {
            return Err(ApiError::new("InvalidNextToken", "The specified token isn't valid."));
        }
        let (page, more) =
            self.under(path, flag(input, "Recursive"), after, size.unwrap_or(PAGE).clamp(1, PAGE));
        let token = page.last().filter(|_| more).map(|last| last.name.clone());
        let shown: Vec<_> =
            page.iter().map(|stored| self.show(stored, None, flag(input, "WithDecryption"))).collect();
        let mut answer = json!({ "Parameters": shown });
        if let (Some(token), Some(answer)) = (token, answer.as_object_mut()) {
            answer.insert("NextToken".to_owned(), token.into());
        }
        Ok(answer)
    }

    fn put_parameter(&mut self, input: &Value, now: Time) -> Result<Value, ApiError> {
        let name = text(input, "Name");
        check_name(name)?;
        let name = self.name_of(name).to_owned();
        let value = text(input, "Value");
        let advanced = text(input, "Tier") == "Advanced"
            || (text(input, "Tier") == "Intelligent-Tiering" && value.chars().count() > LONGEST_STANDARD);
        check_value(value, advanced)?;
        for member in ["AllowedPattern", "Policies"] {
            if !text(input, member).is_empty() {
                return Err(validation(format!("this local Systems Manager does not do {member}")));
            }
        }
        let kind = match (text(input, "Type"), self.current(&name)) {
            ("", Some(existing)) => existing.kind,
            ("", None) => {
                return Err(validation(
                    "A parameter type is required when you create a parameter.".to_owned(),
                ));
            }
            (kind, _) => Kind::from_name(kind).ok_or_else(|| {
                ApiError::new(
                    "UnsupportedParameterType",
                    format!("The parameter type {kind} isn't supported."),
                )
            })?,
        };
        if kind == Kind::StringList && value.split(',').any(str::is_empty) {
            return Err(validation("A StringList has no empty items.".to_owned()));
        }
        if self.current(&name).is_some() && !flag(input, "Overwrite") {
            return Err(ApiError::new(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the \
                 request to true.",
            ));
        }
        let data_type = Some(text(input, "DataType")).filter(|text| !text.is_empty()).unwrap_or("text");
        let new = NewValue { kind, value: value.to_owned(), data_type: data_type.to_owned() };
        let version = self.put(name, new, now);
        Ok(json!({ "Version": version, "Tier": if advanced { "Advanced" } else { "Standard" } }))
    }

    fn delete_parameter(&mut self, input: &Value) -> Result<Value, ApiError> {
        let name = text(input, "Name");
        if self.delete(name) { Ok(json!({})) } else { Err(not_found(name)) }
    }

    fn delete_parameters(&mut self, input: &Value) -> Value {
        let (deleted, invalid): (Vec<&str>, Vec<&str>) =
            texts(input, "Names").into_iter().partition(|name| self.delete(name));
        json!({ "DeletedParameters": deleted, "InvalidParameters": invalid })
    }

    /// The value that a name, an ARN, or either with `:VERSION` asks for.
    fn select<'a>(&self, asked: &'a str) -> Result<(&Stored, Option<&'a str>), ApiError> {
        let (name, selector) = self.split(asked);
        match selector {
            None => self.current(name).map(|stored| (stored, None)).ok_or_else(|| not_found(asked)),
            Some(Selector { text, version }) => {
                self.current(name).ok_or_else(|| not_found(asked))?;
                let stored = version.and_then(|version| self.version(name, version)).ok_or_else(|| {
                    ApiError::new(
                        "ParameterVersionNotFound",
                        format!("Systems Manager could not find version {text} of {name}. Verify the version and try again."),
                    )
                })?;
                Ok((stored, Some(text)))
            }
        }
    }

    fn show(&self, stored: &Stored, selector: Option<&str>, decrypted: bool) -> Value {
        let value = if stored.kind == Kind::SecureString && !decrypted { MASK } else { &stored.value };
        let mut shown = json!({
            "Name": stored.name,
            "Type": stored.kind.name(),
            "Value": value,
            "Version": stored.version,
            "LastModifiedDate": stored.modified.to_json(),
            "ARN": self.arn(&stored.name),
            "DataType": stored.data_type,
        });
        if let (Some(selector), Some(shown)) = (selector, shown.as_object_mut()) {
            shown.insert("Selector".to_owned(), format!(":{selector}").into());
        }
        shown
    }
}

/// Stands where AWS shows the ciphertext; no more can be read from it than from that.
const MASK: &str = "encrypted";

fn check_value(value: &str, advanced: bool) -> Result<(), ApiError> {
    if value.is_empty() {
        return Err(validation("The parameter value has to have at least 1 character.".to_owned()));
    }
    let longest = if advanced { LONGEST_ADVANCED } else { LONGEST_STANDARD };
    if value.chars().count() > longest {
        let tier = if advanced { "Advanced" } else { "Standard" };
        return Err(validation(format!(
            "{tier} tier parameters support a maximum parameter value of {longest} characters."
        )));
    }
    Ok(())
}

fn not_found(name: &str) -> ApiError {
    ApiError::new("ParameterNotFound", format!("Parameter {name} was not found."))
}

fn validation(message: String) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn text<'a>(input: &'a Value, member: &str) -> &'a str {
    input.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn texts<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    input.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn flag(input: &Value, member: &str) -> bool {
    input.get(member).and_then(Value::as_bool).unwrap_or_default()
}

#[cfg(test)]
mod tests;
