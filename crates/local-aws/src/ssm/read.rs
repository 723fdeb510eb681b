//! Reading values: GetParameter, GetParameters, GetParametersByPath, GetParameterHistory.

use serde_json::{Map, Value, json};

use super::{
    Around,
    filter::Filters,
    name::Selector,
    reference,
    refusal::{invalid_key, invalid_token, no_such_version, not_found, validation},
    store::{Kind, Parameter, Parameters, Stored},
};
use crate::{
    ecs::{Members, page},
    error::ApiError,
};

/// Most parameters on a page of a path, and most versions on one of a history.
const PAGE: usize = 10;
const HISTORY_PAGE: usize = 50;

/// Stands where AWS shows the ciphertext; no more can be read from it than from that.
const MASK: &str = "encrypted";

impl Parameters {
    pub(super) fn get(&self, input: &Value, around: &dyn Around) -> Result<Value, ApiError> {
        let shown = self.get_one(input.text("Name").unwrap_or_default(), decrypts(input), around)?;
        Ok(json!({"Parameter": shown}))
    }

    pub(super) fn get_many(&self, input: &Value, around: &dyn Around) -> Result<Value, ApiError> {
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in input.texts("Names") {
            match self.get_one(name, decrypts(input), around) {
                Ok(shown) => found.push(shown),
                Err(error) if error.code == "InvalidKeyId" => return Err(error),
                Err(_) => invalid.push(name),
            }
        }
        Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
    }

    /// What a name, an ARN, or either with `:VERSION` or `:LABEL` asks for.
    fn get_one(&self, asked: &str, is_decrypted: bool, around: &dyn Around) -> Result<Value, ApiError> {
        if let Some(secret) = reference::secret(asked) {
            return reference::read(asked, secret, is_decrypted, around);
        }
        let (name, selector) = self.split(asked);
        let current = self.current(name).ok_or_else(|| not_found(asked))?;
        let stored = match selector {
            None => current,
            Some(selector) => {
                self.version(name, selector).ok_or_else(|| no_such_version(name, selector.text))?
            }
        };
        self.show(stored, selector, is_decrypted, around)
    }

    pub(super) fn get_by_path(&self, input: &Value, around: &dyn Around) -> Result<Value, ApiError> {
        let path = input.text("Path").unwrap_or_default();
        if !path.starts_with('/') {
            return Err(validation(format!(
                "The parameter doesn't meet the parameter name requirements. The parameter name must begin \
                 with a forward slash \"/\": {path}"
            )));
        }
        let filters = Filters::of_path(input.items("ParameterFilters"))?;
        let after = token(input)?;
        let found = self
            .under(path, input.flag("Recursive").unwrap_or_default())
            .filter_map(|parameter| filters.version_of(parameter))
            .filter(|stored| after.as_ref().is_none_or(|after| stored.name > *after));
        let page = page::cut(found, size(input, PAGE), |stored| stored.name.clone());
        let shown: Result<Vec<Value>, ApiError> =
            page.items.into_iter().map(|stored| self.show(stored, None, decrypts(input), around)).collect();
        Ok(paged(shown?, page.next_token))
    }

    /// Every version that is kept, oldest first.
    pub(super) fn history(&self, input: &Value, around: &dyn Around) -> Result<Value, ApiError> {
        let asked = input.text("Name").unwrap_or_default();
        let parameter = self.by_name.get(self.name_of(asked)).ok_or_else(|| not_found(asked))?;
        let after = token(input)?.map(|key| key.parse::<u64>().map_err(|_| invalid_token())).transpose()?;
        let found =
            parameter.versions.iter().filter(|stored| after.is_none_or(|after| stored.version > after));
        let page = page::cut(found, size(input, HISTORY_PAGE), |stored| stored.version.to_string());
        let shown: Result<Vec<Value>, ApiError> = page
            .items
            .into_iter()
            .map(|stored| {
                let mut shown = self.about(stored);
                shown.insert("Value".to_owned(), value(stored, decrypts(input), around)?.into());
                shown.insert("Labels".to_owned(), json!(stored.labels));
                Ok(Value::Object(shown))
            })
            .collect();
        Ok(paged(shown?, page.next_token))
    }

    /// All about the newest version of each parameter but its value.
    pub(super) fn describe(&self, input: &Value) -> Result<Value, ApiError> {
        let filters = Filters::of_description(input)?;
        let after = token(input)?;
        let found = self
            .by_name
            .values()
            .filter(|parameter| filters.pass(parameter))
            .filter_map(|parameter: &Parameter| parameter.versions.back())
            .filter(|stored| after.as_ref().is_none_or(|after| stored.name > *after));
        let page = page::cut(found, size(input, HISTORY_PAGE), |stored| stored.name.clone());
        let shown = page.items.into_iter().map(|stored| {
            let mut shown = self.about(stored);
            shown.insert("ARN".to_owned(), self.arn(&stored.name).into());
            Value::Object(shown)
        });
        Ok(paged(shown.collect(), page.next_token))
    }

    /// What a description and a history show alike.
    fn about(&self, stored: &Stored) -> Map<String, Value> {
        let content = &stored.content;
        let mut shown = Map::from_iter([
            ("Name".to_owned(), json!(stored.name)),
            ("Type".to_owned(), json!(content.kind.name())),
            ("LastModifiedDate".to_owned(), stored.modified.to_json()),
            ("LastModifiedUser".to_owned(), json!(self.user)),
            ("Version".to_owned(), json!(stored.version)),
            ("Tier".to_owned(), json!(content.tier.name())),
            ("DataType".to_owned(), json!(content.data_type)),
            ("Policies".to_owned(), content.policies.iter().map(super::policy::Policy::show).collect()),
        ]);
        let texts = [
            ("Description", &content.description),
            ("KeyId", &content.key),
            ("AllowedPattern", &content.pattern),
        ];
        for (name, text) in texts {
            shown.extend(text.iter().map(|text| (name.to_owned(), text.as_str().into())));
        }
        shown
    }

    fn show(
        &self,
        stored: &Stored,
        selector: Option<Selector<'_>>,
        is_decrypted: bool,
        around: &dyn Around,
    ) -> Result<Value, ApiError> {
        let mut shown = Map::from_iter([
            ("Name".to_owned(), json!(stored.name)),
            ("Type".to_owned(), json!(stored.content.kind.name())),
            ("Value".to_owned(), json!(value(stored, is_decrypted, around)?)),
            ("Version".to_owned(), json!(stored.version)),
            ("LastModifiedDate".to_owned(), stored.modified.to_json()),
            ("ARN".to_owned(), json!(self.arn(&stored.name))),
            ("DataType".to_owned(), json!(stored.content.data_type)),
        ]);
        shown.extend(selector.map(|selector| ("Selector".to_owned(), format!(":{}", selector.text).into())));
        Ok(Value::Object(shown))
    }
}

/// A version's value, as far as it may be shown and its key can be used.
fn value<'a>(stored: &'a Stored, is_decrypted: bool, around: &dyn Around) -> Result<&'a str, ApiError> {
    if stored.content.kind != Kind::SecureString {
        return Ok(&stored.content.value);
    }
    if !is_decrypted {
        return Ok(MASK);
    }
    if let Some(key) = &stored.content.key {
        around.key(key).map_err(invalid_key)?;
    }
    Ok(&stored.content.value)
}

fn decrypts(input: &Value) -> bool {
    input.flag("WithDecryption").unwrap_or_default()
}

fn token(input: &Value) -> Result<Option<String>, ApiError> {
    page::key(input.text("NextToken")).map_err(|_| invalid_token())
}

fn size(input: &Value, most: usize) -> usize {
    let asked = input.whole("MaxResults").and_then(|size| usize::try_from(size).ok());
    asked.unwrap_or(most).clamp(1, most)
}

fn paged(shown: Vec<Value>, next_token: Option<String>) -> Value {
    let mut answer = Map::from_iter([("Parameters".to_owned(), shown.into())]);
    answer.extend(next_token.map(|token| ("NextToken".to_owned(), token.into())));
    Value::Object(answer)
}
