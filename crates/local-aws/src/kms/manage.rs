//! Keys as things that are made, described, switched off and deleted.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    SPELLING,
    material::Material,
    refusal::{self, internal, state, unsupported, validation},
    spec::Spec,
    store::{Key, KeyState, Keys, pending},
};
use crate::{
    clock::Time,
    ecs::{Members, page},
    error::ApiError,
    labels::Labels,
};

/// Days that a key waits for its deletion, where nobody says otherwise, and the bounds.
///
/// Source: API_ScheduleKeyDeletion.html.
const WINDOW: u64 = 30;
const WINDOWS: std::ops::RangeInclusive<u64> = 7..=30;

/// Items on a page where nobody says otherwise. Source: API_ListKeys.html, API_ListResourceTags.html.
const PAGE: usize = 100;
const TAGS_PAGE: usize = 50;

/// The one policy that a key has. Source: API_GetKeyPolicy.html.
const POLICY: &str = "default";

/// What a request to make a key asks for.
#[derive(Debug)]
pub(super) struct NewKey {
    spec: Spec,
    description: String,
    policy: Option<String>,
    tags: Labels,
}

/// Reads CreateKey's request.
pub(super) fn new_key(input: &Value) -> Result<NewKey, ApiError> {
    if input.flag("MultiRegion").unwrap_or_default() {
        return Err(unsupported("has one region: MultiRegion"));
    }
    if input.text("Origin").is_some_and(|origin| origin != "AWS_KMS")
        || input.member("CustomKeyStoreId").or(input.member("XksKeyId")).is_some()
    {
        return Err(unsupported("makes its keys itself: Origin is AWS_KMS only"));
    }
    let named = input.text("KeySpec").or(input.text("CustomerMasterKeySpec")).unwrap_or("SYMMETRIC_DEFAULT");
    let spec = Spec::named(named).ok_or_else(|| unsupported(&format!("makes no keys of spec {named}")))?;
    match input.text("KeyUsage") {
        None if named != "SYMMETRIC_DEFAULT" => {
            let text =
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";
            return Err(validation(text));
        }
        Some(usage) if usage != spec.usage() => {
            if matches!(spec, Spec::Rsa(_)) && usage == "ENCRYPT_DECRYPT" {
                return Err(unsupported("encrypts with symmetric keys only"));
            }
            return Err(validation(format!("KeyUsage {usage} is not compatible with KeySpec {named}")));
        }
        _ => {}
    }
    let mut tags = Labels::default();
    tags.add(input.items("Tags"), SPELLING).map_err(refusal::tags)?;
    let policy = input.text("Policy").map(|policy| checked(policy).map(str::to_owned)).transpose()?;
    Ok(NewKey { spec, description: input.text("Description").unwrap_or_default().to_owned(), policy, tags })
}

impl NewKey {
    /// Makes the key, outside of any lock: RSA's take a moment.
    pub(super) fn generate(&self) -> Result<Material, ApiError> {
        Material::generate(self.spec).map_err(|_| internal())
    }
}

impl Keys {
    pub(super) fn create(&mut self, new: NewKey, material: Material, now: Time) -> Value {
        let id = self.random.uuid();
        let policy = new.policy.unwrap_or_else(|| default_policy(&self.account));
        let key = Key {
            arn: self.arn_of(&format!("key/{id}")),
            id: id.clone(),
            description: new.description,
            material,
            material_id: self.random.hex32() + &self.random.hex32(),
            state: KeyState::Enabled,
            policy,
            tags: new.tags,
            created: now,
        };
        let answer = json!({"KeyMetadata": self.metadata(&key)});
        self.by_id.insert(id, key);
        answer
    }

    pub(super) fn describe(&self, input: &Value) -> Result<Value, ApiError> {
        let key = self.find(key_id(input))?;
        Ok(json!({"KeyMetadata": self.metadata(key)}))
    }

    pub(super) fn list(&self, input: &Value) -> Result<Value, ApiError> {
        let after = marker(input)?;
        let keys = self.by_id.values().filter(|key| after.as_ref().is_none_or(|after| key.id > *after));
        let page = page::cut(keys, size(input, PAGE), |key| key.id.clone());
        let shown = page.items.iter().map(|key| json!({"KeyId": key.id, "KeyArn": key.arn}));
        Ok(paged("Keys", shown.collect(), page.next_token))
    }

    pub(super) fn set_enabled(&mut self, input: &Value, is_enabled: bool) -> Result<Value, ApiError> {
        let key = self.find_mut(key_id(input))?;
        if matches!(key.state, KeyState::PendingDeletion(_)) {
            return Err(pending(key));
        }
        key.state = if is_enabled { KeyState::Enabled } else { KeyState::Disabled };
        Ok(json!({}))
    }

    pub(super) fn update_description(&mut self, input: &Value) -> Result<Value, ApiError> {
        let key = self.changeable(input)?;
        input.text("Description").unwrap_or_default().clone_into(&mut key.description);
        Ok(json!({}))
    }

    pub(super) fn schedule_deletion(&mut self, input: &Value, now: Time) -> Result<Value, ApiError> {
        let window = input.whole("PendingWindowInDays").unwrap_or(WINDOW);
        if !WINDOWS.contains(&window) {
            let text = format!("PendingWindowInDays must be between 7 and 30 (inclusive), not {window}.");
            return Err(validation(text));
        }
        let key = self.changeable(input)?;
        let gone = now.after(Duration::from_hours(24 * window));
        key.state = KeyState::PendingDeletion(gone);
        Ok(json!({
            "KeyId": key.arn,
            "DeletionDate": gone.to_json(),
            "KeyState": key.state.name(),
            "PendingWindowInDays": window,
        }))
    }

    /// The key is disabled then, until somebody enables it.
    pub(super) fn cancel_deletion(&mut self, input: &Value) -> Result<Value, ApiError> {
        let key = self.find_mut(key_id(input))?;
        if !matches!(key.state, KeyState::PendingDeletion(_)) {
            return Err(state(format!("{} is not pending deletion.", key.arn)));
        }
        key.state = KeyState::Disabled;
        Ok(json!({"KeyId": key.arn}))
    }

    pub(super) fn tag(&mut self, input: &Value) -> Result<Value, ApiError> {
        let key = self.changeable(input)?;
        key.tags.add(input.items("Tags"), SPELLING).map_err(refusal::tags)?;
        Ok(json!({}))
    }

    pub(super) fn untag(&mut self, input: &Value) -> Result<Value, ApiError> {
        let key = self.changeable(input)?;
        key.tags.remove(input.texts("TagKeys"));
        Ok(json!({}))
    }

    pub(super) fn list_tags(&mut self, input: &Value) -> Result<Value, ApiError> {
        let after = marker(input)?;
        let key = self.find_mut(key_id(input))?;
        let mut names: Vec<String> = key.tags.iter().map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names.retain(|name| after.as_ref().is_none_or(|after| name > after));
        let page = page::cut(names.into_iter(), size(input, TAGS_PAGE), Clone::clone);
        let values: std::collections::BTreeMap<&str, &str> = key.tags.iter().collect();
        let shown = page.items.iter().map(
            |name| json!({"TagKey": name, "TagValue": values.get(name.as_str()).copied().unwrap_or_default()}),
        );
        Ok(paged("Tags", shown.collect(), page.next_token))
    }

    /// Keeps the policy as a text: nobody is refused by it.
    pub(super) fn put_policy(&mut self, input: &Value) -> Result<Value, ApiError> {
        policy_name(input)?;
        let policy = checked(input.text("Policy").unwrap_or_default())?.to_owned();
        self.changeable(input)?.policy = policy;
        Ok(json!({}))
    }

    pub(super) fn get_policy(&mut self, input: &Value) -> Result<Value, ApiError> {
        policy_name(input)?;
        let key = self.find_mut(key_id(input))?;
        Ok(json!({"Policy": key.policy, "PolicyName": POLICY}))
    }

    pub(super) fn list_policies(&mut self, input: &Value) -> Result<Value, ApiError> {
        self.find_mut(key_id(input))?;
        Ok(paged("PolicyNames", vec![POLICY.into()], None))
    }

    /// No key here is renewed by itself.
    pub(super) fn rotation_status(&mut self, input: &Value) -> Result<Value, ApiError> {
        let key = self.find_mut(key_id(input))?;
        Ok(json!({"KeyId": key.arn, "KeyRotationEnabled": false}))
    }

    /// A key that does not wait for its deletion.
    fn changeable(&mut self, input: &Value) -> Result<&mut Key, ApiError> {
        let key = self.find_mut(key_id(input))?;
        if matches!(key.state, KeyState::PendingDeletion(_)) { Err(pending(key)) } else { Ok(key) }
    }
}

pub(super) fn key_id(input: &Value) -> &str {
    input.text("KeyId").unwrap_or_default()
}

pub(super) fn marker(input: &Value) -> Result<Option<String>, ApiError> {
    page::key(input.text("Marker"))
        .map_err(|_| ApiError::new("InvalidMarkerException", "The marker is not one of this list's."))
}

pub(super) fn size(input: &Value, usual: usize) -> usize {
    input.whole("Limit").and_then(|size| usize::try_from(size).ok()).unwrap_or(usual)
}

pub(super) fn paged(name: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut answer =
        Map::from_iter([(name.to_owned(), items.into()), ("Truncated".to_owned(), next.is_some().into())]);
    answer.extend(next.map(|marker| ("NextMarker".to_owned(), marker.into())));
    Value::Object(answer)
}

fn policy_name(input: &Value) -> Result<(), ApiError> {
    match input.text("PolicyName") {
        None | Some(POLICY) => Ok(()),
        Some(other) => Err(refusal::not_found(format!("No such policy exists: {other}"))),
    }
}

fn checked(policy: &str) -> Result<&str, ApiError> {
    if serde_json::from_str(policy).is_ok_and(|policy: Value| policy.is_object()) {
        return Ok(policy);
    }
    Err(ApiError::new("MalformedPolicyDocumentException", "The policy is no JSON object."))
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
fn default_policy(account: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}
