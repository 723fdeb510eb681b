//! What is said of a secret and done to it, its values apart.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    SPELLING,
    refusal::{self, no_such_version, parameter, unsupported},
    secret::{CURRENT, Deletion, Secret},
    store::Secrets,
};
use crate::{clock::Time, ecs::Members, error::ApiError};

/// Days that a deleted secret can be restored within, where nobody says otherwise, and the bounds.
///
/// Source: API_DeleteSecret.html.
const WINDOW: u64 = 30;
const WINDOWS: std::ops::RangeInclusive<u64> = 7..=30;

impl Secrets {
    pub(super) fn describe(&self, input: &Value) -> Result<Value, ApiError> {
        let secret = self.any(input.text("SecretId").unwrap_or_default())?;
        let mut shown = show(secret);
        let stages = secret.stages();
        if !stages.is_empty() {
            shown.insert("VersionIdsToStages".to_owned(), json!(stages));
        }
        shown.extend(secret.deletion.map(|deletion| ("DeletedDate".to_owned(), deletion.gone.to_json())));
        if let Some(tags) = &secret.tags {
            shown.insert("Tags".to_owned(), tags.show(SPELLING));
        }
        Ok(Value::Object(shown))
    }

    pub(super) fn delete(&mut self, input: &Value, now: Time) -> Result<Value, ApiError> {
        let id = input.text("SecretId").unwrap_or_default();
        let window = input.whole("RecoveryWindowInDays");
        let is_forced = input.flag("ForceDeleteWithoutRecovery").unwrap_or_default();
        if is_forced && window.is_some() {
            return Err(parameter(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
            ));
        }
        let window = window.unwrap_or(WINDOW);
        if !WINDOWS.contains(&window) {
            return Err(parameter(
                "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
            ));
        }
        if is_forced {
            // By force also what waits for its deletion, and what is not there.
            let (name, arn) = match self.any(id) {
                Ok(secret) => (secret.name.clone(), secret.arn.clone()),
                Err(_) => (id.to_owned(), self.partial_arn(id)),
            };
            self.by_name.remove(&name);
            return Ok(json!({"ARN": arn, "Name": name, "DeletionDate": now.to_json()}));
        }
        let secret = self.active_mut(id)?;
        let gone = now.after(Duration::from_hours(24 * window));
        secret.deletion = Some(Deletion { at: now, gone });
        Ok(json!({"ARN": secret.arn, "Name": secret.name, "DeletionDate": gone.to_json()}))
    }

    pub(super) fn restore(&mut self, input: &Value) -> Result<Value, ApiError> {
        let secret = self.any_mut(input.text("SecretId").unwrap_or_default())?;
        secret.deletion = None;
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }

    /// Moves or removes a label. The version that loses it has to be named, so that of two who move it
    /// at once the second is refused.
    ///
    /// Source: API_UpdateSecretVersionStage.html.
    pub(super) fn update_stage(&mut self, input: &Value, now: Time) -> Result<Value, ApiError> {
        let secret = self.active_mut(input.text("SecretId").unwrap_or_default())?;
        let stage = input.text("VersionStage").unwrap_or_default();
        let (from, to) = (input.text("RemoveFromVersionId"), input.text("MoveToVersionId"));
        if from.is_none() && to.is_none() {
            return Err(parameter("You must name a version in RemoveFromVersionId or MoveToVersionId."));
        }
        for id in from.iter().chain(&to) {
            secret.version(id).ok_or_else(|| no_such_version(id))?;
        }
        let holder = secret.staged(stage).map(|version| version.id.clone());
        match (&holder, from) {
            (Some(holder), None) if Some(holder.as_str()) != to => {
                return Err(parameter(format!(
                    "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to \
                     version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
                )));
            }
            (holder, Some(from)) if holder.as_deref() != Some(from) => {
                return Err(parameter(format!(
                    "The staging label {stage} is not attached to version {from}, which RemoveFromVersionId names."
                )));
            }
            _ => {}
        }
        match to {
            Some(to) => secret.attach(stage, to),
            None if stage == CURRENT => {
                return Err(parameter(
                    "You can only move staging label AWSCURRENT to a different secret version. It can't be completely \
                     removed.",
                ));
            }
            None => {
                secret.detach(stage);
            }
        }
        secret.changed = now;
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }

    pub(super) fn tag(&mut self, input: &Value, now: Time) -> Result<Value, ApiError> {
        let secret = self.active_mut(input.text("SecretId").unwrap_or_default())?;
        let mut tags = secret.tags.clone().unwrap_or_default();
        tags.add(input.items("Tags"), SPELLING).map_err(refusal::tags)?;
        secret.tags = Some(tags);
        secret.changed = now;
        Ok(json!({}))
    }

    pub(super) fn untag(&mut self, input: &Value, now: Time) -> Result<Value, ApiError> {
        let secret = self.active_mut(input.text("SecretId").unwrap_or_default())?;
        if let Some(tags) = &mut secret.tags {
            tags.remove(input.texts("TagKeys"));
        }
        secret.changed = now;
        Ok(json!({}))
    }

    /// Keeps the policy as a text: nobody is refused by it.
    pub(super) fn put_policy(&mut self, input: &Value) -> Result<Value, ApiError> {
        unnamed(input)?;
        let policy = input.text("ResourcePolicy").unwrap_or_default();
        let secret = self.active_mut(input.text("SecretId").unwrap_or_default())?;
        if !serde_json::from_str(policy).is_ok_and(|policy: Value| policy.is_object()) {
            let text = "This resource policy contains invalid Json.";
            return Err(ApiError::new("MalformedPolicyDocumentException", text));
        }
        secret.policy = Some(policy.to_owned());
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }

    pub(super) fn get_policy(&self, input: &Value) -> Result<Value, ApiError> {
        unnamed(input)?;
        let secret = self.active(input.text("SecretId").unwrap_or_default())?;
        let mut answer = json!({"ARN": secret.arn, "Name": secret.name});
        if let (Some(policy), Some(answer)) = (&secret.policy, answer.as_object_mut()) {
            answer.insert("ResourcePolicy".to_owned(), policy.as_str().into());
        }
        Ok(answer)
    }

    pub(super) fn delete_policy(&mut self, input: &Value) -> Result<Value, ApiError> {
        unnamed(input)?;
        let secret = self.active_mut(input.text("SecretId").unwrap_or_default())?;
        secret.policy = None;
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }
}

fn unnamed(input: &Value) -> Result<(), ApiError> {
    match input.text("PolicyName") {
        Some(_) => Err(unsupported("keeps one policy to a secret, which has no name: PolicyName")),
        None => Ok(()),
    }
}

/// What a description and a list show alike.
pub(super) fn show(secret: &Secret) -> Map<String, Value> {
    let mut shown = Map::from_iter([
        ("ARN".to_owned(), secret.arn.as_str().into()),
        ("Name".to_owned(), secret.name.as_str().into()),
        ("CreatedDate".to_owned(), secret.created.to_json()),
        ("LastChangedDate".to_owned(), secret.changed.to_json()),
    ]);
    let texts = [("Description", &secret.description), ("KmsKeyId", &secret.key), ("Type", &secret.kind)];
    for (name, text) in texts {
        if let Some(text) = text {
            shown.insert(name.to_owned(), text.as_str().into());
        }
    }
    shown.extend(secret.accessed().map(|at| ("LastAccessedDate".to_owned(), at.to_json())));
    shown
}
