//! Secrets' values: what is put in, and what is read.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    KeyCheck, SPELLING, list,
    refusal::{self, no_such_stage, no_such_version, parameter, request, unsupported},
    secret::{CURRENT, Content, Secret, Version},
    store::Secrets,
};
use crate::{clock::Time, ecs::Members, error::ApiError, labels::Labels};

/// Most bytes of a value. Source: API_CreateSecret.html, on `SecretString`.
const MOST_BYTES: usize = 65_536;

/// Seconds of a day: as fine as `LastAccessedDate` is. Source: API_DescribeSecret.html.
const DAY_MILLIS: u64 = 86_400_000;

impl Secrets {
    /// Safe to repeat: a token that made a secret with this value finds it as it is.
    pub(super) fn create(&mut self, input: &Value, key: KeyCheck<'_>, now: Time) -> Result<Value, ApiError> {
        let name = input.text("Name").unwrap_or_default();
        check_name(name)?;
        for member in ["AddReplicaRegions", "CrossAccountPrimaryARN"] {
            if input.member(member).is_some() {
                return Err(unsupported(&format!("has no replicas: {member}")));
            }
        }
        let token = token(input)?;
        let content = content(input)?;
        let mut tags = Labels::default();
        tags.add(input.items("Tags"), SPELLING).map_err(refusal::tags)?;
        if let Some(existing) = self.by_name.get(name) {
            if existing.deletion.is_some() {
                let text = "You can't create this secret because a secret with this name is already scheduled for \
                            deletion.";
                return Err(request(text));
            }
            return match (existing.version(token), &content) {
                (Some(version), Some(content)) if version.content == *content => {
                    Ok(made(existing, Some(token)))
                }
                _ => Err(already_exists(name)),
            };
        }
        let mut secret = Secret {
            name: name.to_owned(),
            arn: self.new_arn(name),
            kind: text_of(input, "Type"),
            description: text_of(input, "Description"),
            key: text_of(input, "KmsKeyId"),
            tags: (!input.items("Tags").is_empty()).then_some(tags),
            policy: None,
            versions: Vec::new(),
            created: now,
            changed: now,
            deletion: None,
        };
        let id = content.is_some().then_some(token);
        if let Some(content) = content {
            encrypts(&secret, key)?;
            secret.add(token, content, &BTreeSet::new(), now);
        }
        let answer = made(&secret, id);
        self.by_name.insert(name.to_owned(), secret);
        Ok(answer)
    }

    /// Safe to repeat: a token that made a version with this value changes nothing.
    pub(super) fn put_value(
        &mut self,
        input: &Value,
        key: KeyCheck<'_>,
        now: Time,
    ) -> Result<Value, ApiError> {
        let secret = self.active_mut(input.text("SecretId").unwrap_or_default())?;
        let token = token(input)?;
        let content = content(input)?
            .ok_or_else(|| request("You must provide either SecretString or SecretBinary."))?;
        let stages: BTreeSet<String> = input.texts("VersionStages").map(str::to_owned).collect();
        add_version(secret, token, content, &stages, key, now)?;
        let mut answer = made(secret, Some(token));
        if let (Some(version), Some(answer)) = (secret.version(token), answer.as_object_mut()) {
            show_stages(version, answer);
        }
        Ok(answer)
    }

    pub(super) fn update(&mut self, input: &Value, key: KeyCheck<'_>, now: Time) -> Result<Value, ApiError> {
        let secret = self.active_mut(input.text("SecretId").unwrap_or_default())?;
        let token = token(input)?;
        let content = content(input)?;
        // All of it or nothing: the new version may be refused.
        let mut changed = secret.clone();
        for (member, field) in [
            ("Description", &mut changed.description),
            ("KmsKeyId", &mut changed.key),
            ("Type", &mut changed.kind),
        ] {
            if input.member(member).is_some() {
                *field = text_of(input, member);
            }
        }
        let id = content.is_some().then_some(token);
        if let Some(content) = content {
            add_version(&mut changed, token, content, &BTreeSet::new(), key, now)?;
        }
        changed.changed = now;
        *secret = changed;
        Ok(made(secret, id))
    }

    pub(super) fn get_value(
        &mut self,
        input: &Value,
        key: KeyCheck<'_>,
        now: Time,
    ) -> Result<Value, ApiError> {
        let id = input.text("SecretId").unwrap_or_default();
        self.read(id, input.text("VersionId"), input.text("VersionStage"), key, now)
    }

    /// The same for a task or a reference of Systems Manager, which come from within.
    pub(crate) fn value_of(
        &mut self,
        id: &str,
        version: Option<&str>,
        stage: Option<&str>,
        key: KeyCheck<'_>,
        now: Time,
    ) -> Result<Value, ApiError> {
        self.expire(now);
        self.read(id, version, stage, key, now)
    }

    /// What GetSecretValue answers for a version, named by id, by label, by both or by neither.
    fn read(
        &mut self,
        id: &str,
        version: Option<&str>,
        stage: Option<&str>,
        key: KeyCheck<'_>,
        now: Time,
    ) -> Result<Value, ApiError> {
        let secret = self.active_mut(id)?;
        let found = match (version, stage) {
            (Some(version), stage) => {
                let found = secret.version(version).ok_or_else(|| no_such_version(version))?;
                if stage.is_some_and(|stage| !found.stages.contains(stage)) {
                    let text =
                        "You provided a VersionStage that is not associated to the provided VersionId.";
                    return Err(request(text));
                }
                found
            }
            (None, stage) => {
                let stage = stage.unwrap_or(CURRENT);
                secret.staged(stage).ok_or_else(|| no_such_stage(stage))?
            }
        };
        if let Some(wanted) = &found.key {
            key(wanted).map_err(|_| {
                let text =
                    "Secrets Manager can't decrypt the protected secret text using the provided KMS key.";
                ApiError::new("DecryptionFailure", text)
            })?;
        }
        let mut answer = Map::from_iter([
            ("ARN".to_owned(), secret.arn.as_str().into()),
            ("Name".to_owned(), secret.name.as_str().into()),
            ("VersionId".to_owned(), found.id.as_str().into()),
            ("CreatedDate".to_owned(), found.created.to_json()),
        ]);
        found.content.show(&mut answer);
        show_stages(found, &mut answer);
        let found = found.id.clone();
        if let Some(version) = secret.versions.iter_mut().find(|version| version.id == found) {
            version.accessed = Some(Time::from_millis(now.as_millis() / DAY_MILLIS * DAY_MILLIS));
        }
        Ok(Value::Object(answer))
    }

    /// Values in use of many secrets; what cannot be read is listed beside them.
    pub(super) fn batch_get(
        &mut self,
        input: &Value,
        key: KeyCheck<'_>,
        now: Time,
    ) -> Result<Value, ApiError> {
        let asked: Vec<String> = input.texts("SecretIdList").map(str::to_owned).collect();
        let filters = input.items("Filters");
        if asked.is_empty() == filters.is_empty() {
            return Err(parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both."));
        }
        if !asked.is_empty() && input.member("MaxResults").or(input.member("NextToken")).is_some() {
            return Err(parameter("MaxResults and NextToken can only be used with Filters."));
        }
        let mut next_token = None;
        let names = if asked.is_empty() {
            let size = input.whole("MaxResults").and_then(|size| usize::try_from(size).ok()).unwrap_or(20);
            let page = list::page_of(self, input, size, false)?;
            next_token = page.next_token;
            page.items.into_iter().map(|secret| secret.name.clone()).collect()
        } else {
            asked
        };
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for name in names {
            match self.read(&name, None, None, key, now) {
                Ok(value) => values.push(value),
                Err(error) => {
                    errors.push(json!({"SecretId": name, "ErrorCode": error.code, "Message": error.message}));
                }
            }
        }
        let mut answer = json!({"SecretValues": values, "Errors": errors});
        if let (Some(token), Some(answer)) = (next_token, answer.as_object_mut()) {
            answer.insert("NextToken".to_owned(), token.into());
        }
        Ok(answer)
    }
}

/// Adds a version, unless the token has made it already; another value under the same token is refused.
fn add_version(
    secret: &mut Secret,
    token: &str,
    content: Content,
    stages: &BTreeSet<String>,
    key: KeyCheck<'_>,
    now: Time,
) -> Result<(), ApiError> {
    match secret.version(token) {
        Some(version) if version.content == content => Ok(()),
        Some(_) => {
            let text = format!(
                "You can't use ClientRequestToken {token} because that value is already in use for a version of \
                 secret {}.",
                secret.arn
            );
            Err(ApiError::new("ResourceExistsException", text))
        }
        None => {
            encrypts(secret, key)?;
            secret.add(token, content, stages, now);
            Ok(())
        }
    }
}

fn encrypts(secret: &Secret, key: KeyCheck<'_>) -> Result<(), ApiError> {
    let Some(wanted) = &secret.key else { return Ok(()) };
    key(wanted).map_err(|why| {
        let text = format!(
            "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS \
             key is available, enabled, and not in an invalid state. ({why})"
        );
        ApiError::new("EncryptionFailure", text)
    })
}

/// The value of a request, if it has one.
fn content(input: &Value) -> Result<Option<Content>, ApiError> {
    let (content, bytes) = match (input.text("SecretString"), input.text("SecretBinary")) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let text =
                "You can't specify both a binary secret value and a string secret value in the same secret.";
            return Err(parameter(text));
        }
        (Some(text), None) => (Content::Text(text.to_owned()), text.len()),
        (None, Some(base64)) => {
            let bytes = STANDARD.decode(base64).map_err(|error| {
                ApiError::new("SerializationException", format!("SecretBinary is no base64: {error}"))
            })?;
            (Content::Binary(base64.to_owned()), bytes.len())
        }
    };
    if !(1..=MOST_BYTES).contains(&bytes) {
        return Err(parameter(format!("A secret's value has 1 to {MOST_BYTES} bytes, not {bytes}.")));
    }
    Ok(Some(content))
}

/// Every SDK fills it in. Source: an answer of AWS that LocalStack's tests recorded.
fn token(input: &Value) -> Result<&str, ApiError> {
    input.text("ClientRequestToken").ok_or_else(|| {
        request("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
    })
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-/_+=.@!".contains(letter)) {
        return Ok(());
    }
    let text = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
    Err(ApiError::new("ValidationException", text))
}

fn already_exists(name: &str) -> ApiError {
    let text = format!("The operation failed because the secret {name} already exists.");
    ApiError::new("ResourceExistsException", text)
}

/// What is said of a secret that was made or changed, with its version where it got one.
fn made(secret: &Secret, version: Option<&str>) -> Value {
    let mut answer = json!({"ARN": secret.arn, "Name": secret.name});
    if let (Some(version), Some(answer)) = (version, answer.as_object_mut()) {
        answer.insert("VersionId".to_owned(), version.into());
    }
    answer
}

pub(super) fn show_stages(version: &Version, answer: &mut Map<String, Value>) {
    if !version.stages.is_empty() {
        answer.insert("VersionStages".to_owned(), json!(version.stages));
    }
}

/// A text that is not empty.
fn text_of(input: &Value, member: &str) -> Option<String> {
    input.text(member).filter(|text| !text.is_empty()).map(str::to_owned)
}
