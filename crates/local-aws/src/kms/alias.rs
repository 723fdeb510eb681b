//! Aliases: names for keys, which can be moved from one key to another.

use serde_json::{Value, json};

use super::{
    manage::{marker, paged, size},
    refusal::{not_found, validation},
    store::{Alias, KeyState, Keys, pending},
};
use crate::{
    clock::Time,
    ecs::{Members, page},
    error::ApiError,
};

/// Aliases on a page where nobody says otherwise. Source: API_ListAliases.html.
const PAGE: usize = 50;

impl Keys {
    pub(super) fn create_alias(&mut self, input: &Value, now: Time) -> Result<Value, ApiError> {
        let name = alias_name(input)?.to_owned();
        let target = self.target(input)?;
        if self.aliases.contains_key(&name) {
            let text = format!("An alias with the name {} already exists", self.arn_of(&name));
            return Err(ApiError::new("AlreadyExistsException", text));
        }
        self.aliases.insert(name, Alias { target, created: now, updated: now });
        Ok(json!({}))
    }

    /// The new key has to be of the old one's kind. Source: API_UpdateAlias.html.
    pub(super) fn update_alias(&mut self, input: &Value, now: Time) -> Result<Value, ApiError> {
        let name = alias_name(input)?.to_owned();
        let missing = not_found(format!("Alias {} is not found.", self.arn_of(&name)));
        let before = self.aliases.get(&name).map(|alias| alias.target.clone()).ok_or(missing)?;
        let target = self.target(input)?;
        let usage = |id: &str| self.by_id.get(id).map(|key| key.material.spec().usage());
        let is_symmetric = |id: &str| usage(id) == Some("ENCRYPT_DECRYPT");
        if usage(&before) != usage(&target) || is_symmetric(&before) != is_symmetric(&target) {
            return Err(validation(format!(
                "Alias {name} can only be moved to a key of the same type and use."
            )));
        }
        if let Some(alias) = self.aliases.get_mut(&name) {
            alias.target = target;
            alias.updated = now;
        }
        Ok(json!({}))
    }

    pub(super) fn delete_alias(&mut self, input: &Value) -> Result<Value, ApiError> {
        let name = alias_name(input)?;
        match self.aliases.remove(name) {
            Some(_) => Ok(json!({})),
            None => Err(not_found(format!("Alias {} is not found.", self.arn_of(name)))),
        }
    }

    pub(super) fn list_aliases(&mut self, input: &Value) -> Result<Value, ApiError> {
        let of = match input.text("KeyId") {
            Some(named) => Some(self.find_mut(named)?.id.clone()),
            None => None,
        };
        let after = marker(input)?;
        let aliases = self
            .aliases
            .iter()
            .filter(|(_, alias)| of.as_ref().is_none_or(|of| alias.target == *of))
            .filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
        let page = page::cut(aliases, size(input, PAGE), |(name, _)| (*name).clone());
        let shown = page.items.iter().map(|(name, alias)| {
            json!({
                "AliasName": name,
                "AliasArn": self.arn_of(name),
                "TargetKeyId": alias.target,
                "CreationDate": alias.created.to_json(),
                "LastUpdatedDate": alias.updated.to_json(),
            })
        });
        Ok(paged("Aliases", shown.collect(), page.next_token))
    }

    fn target(&mut self, input: &Value) -> Result<String, ApiError> {
        let key = self.find_mut(input.text("TargetKeyId").unwrap_or_default())?;
        if matches!(key.state, KeyState::PendingDeletion(_)) { Err(pending(key)) } else { Ok(key.id.clone()) }
    }
}

/// An alias's name, `alias/` included. Source: API_CreateAlias.html.
fn alias_name(input: &Value) -> Result<&str, ApiError> {
    let name = input.text("AliasName").unwrap_or_default();
    let Some(own) = name.strip_prefix("alias/") else {
        let text = "Alias must start with the prefix \"alias/\". Please see \
                    https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
        return Err(validation(text));
    };
    if own.starts_with("aws/") {
        return Err(ApiError::new(
            "NotAuthorizedException",
            "Aliases that begin with alias/aws/ are AWS's own.",
        ));
    }
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "/_-".contains(letter);
    if own.is_empty() || !own.chars().all(is_allowed) {
        let text = format!("{name} contains invalid characters for an alias");
        return Err(ApiError::new("InvalidAliasNameException", text));
    }
    Ok(name)
}
