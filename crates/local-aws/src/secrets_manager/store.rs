//! Where the secrets of one account and region lie, and how a request names one.

use std::collections::BTreeMap;

use super::{
    refusal::{marked_for_deletion, not_found},
    secret::Secret,
};
use crate::{clock::Time, error::ApiError, id::Random};

/// The letters that end a secret's ARN, behind a hyphen.
const SUFFIX: usize = 6;

/// The secrets of one account and region.
#[derive(Debug)]
pub(crate) struct Secrets {
    arn_prefix: String,
    pub(super) by_name: BTreeMap<String, Secret>,
    random: Random,
}

impl Secrets {
    /// No secrets yet.
    pub(crate) fn new(account: &str, region: &str, random: Random) -> Self {
        let arn_prefix = format!("arn:aws:secretsmanager:{region}:{account}:secret:");
        Self { arn_prefix, by_name: BTreeMap::new(), random }
    }

    /// The ARN of a new secret: a name that is used again has another one.
    pub(super) fn new_arn(&mut self, name: &str) -> String {
        let suffix: String = self.random.alphanumeric21().chars().take(SUFFIX).collect();
        format!("{}{name}-{suffix}", self.arn_prefix)
    }

    /// The ARN without its ending: all that is known of a secret that does not exist.
    pub(super) fn partial_arn(&self, name: &str) -> String {
        format!("{}{name}", self.arn_prefix)
    }

    /// Lets go of what is past its recovery window.
    pub(super) fn expire(&mut self, now: Time) {
        self.by_name.retain(|_, secret| secret.deletion.is_none_or(|deletion| deletion.gone > now));
    }

    /// The name of the secret that a request means: by name, by ARN, or by an ARN without its ending.
    ///
    /// An ARN that ends like a whole one is taken for one, so that a name which ends in a hyphen and six
    /// letters is not found by its partial ARN. Source: API_GetSecretValue.html, on `SecretId`.
    fn name_of(&self, id: &str) -> Option<&str> {
        let Some(named) = id.strip_prefix(&self.arn_prefix) else {
            return self.by_name.get_key_value(id).map(|(name, _)| name.as_str());
        };
        let is_whole = named.rsplit_once('-').is_some_and(|(_, ending)| {
            ending.len() == SUFFIX && ending.chars().all(|letter| letter.is_ascii_alphanumeric())
        });
        if is_whole {
            let mut all = self.by_name.values();
            return all.find(|secret| secret.arn == id).map(|secret| secret.name.as_str());
        }
        self.by_name.get_key_value(named).map(|(name, _)| name.as_str())
    }

    /// The secret that a request means, also while it waits for its deletion.
    pub(super) fn any(&self, id: &str) -> Result<&Secret, ApiError> {
        self.name_of(id).and_then(|name| self.by_name.get(name)).ok_or_else(not_found)
    }

    /// The same, to be changed.
    pub(super) fn any_mut(&mut self, id: &str) -> Result<&mut Secret, ApiError> {
        let name = self.name_of(id).map(str::to_owned);
        name.and_then(|name| self.by_name.get_mut(&name)).ok_or_else(not_found)
    }

    /// The secret that a request means, unless it waits for its deletion.
    pub(super) fn active(&self, id: &str) -> Result<&Secret, ApiError> {
        let secret = self.any(id)?;
        if secret.deletion.is_some() { Err(marked_for_deletion()) } else { Ok(secret) }
    }

    /// The same, to be changed.
    pub(super) fn active_mut(&mut self, id: &str) -> Result<&mut Secret, ApiError> {
        let secret = self.any_mut(id)?;
        if secret.deletion.is_some() { Err(marked_for_deletion()) } else { Ok(secret) }
    }
}
