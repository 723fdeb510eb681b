//! Lists: secrets by filters and in order, versions of one.

use serde_json::{Map, Value, json};

use super::{
    SPELLING,
    secret::{Secret, Version},
    store::Secrets,
    value::show_stages,
};
use crate::{
    clock::Time,
    ecs::{
        Members,
        page::{self, Page},
    },
    error::ApiError,
    labels::Labels,
};

/// A list's page where nobody says otherwise.
const PAGE: usize = 100;

/// What `KmsKeyIds` has for the account's own key. Source: as recorded by LocalStack's tests.
const OWN_KEY: &str = "DefaultEncryptionKey";

impl Secrets {
    pub(super) fn list(&self, input: &Value) -> Result<Value, ApiError> {
        let with_deleted = input.flag("IncludePlannedDeletion").unwrap_or_default();
        let page = page_of(self, input, size(input), with_deleted)?;
        let shown: Vec<Value> = page.items.iter().map(|secret| entry(secret)).collect();
        Ok(paged(Map::from_iter([("SecretList".to_owned(), shown.into())]), page.next_token))
    }

    pub(super) fn list_versions(&self, input: &Value) -> Result<Value, ApiError> {
        let secret = self.any(input.text("SecretId").unwrap_or_default())?;
        let with_deprecated = input.flag("IncludeDeprecated").unwrap_or_default();
        let after = token(input)?;
        let place = |version: &Version| format!("{:020}{}", version.created.as_millis(), version.id);
        let mut versions: Vec<&Version> = secret.versions.iter().collect();
        versions.sort_by_cached_key(|version| place(version));
        let versions = versions
            .into_iter()
            .filter(|version| with_deprecated || !version.stages.is_empty())
            .filter(|version| after.as_ref().is_none_or(|after| place(version) > *after));
        let page = page::cut(versions, size(input), |version| place(version));
        let shown: Vec<Value> = page.items.iter().map(|version| show_version(version)).collect();
        let answer = Map::from_iter([
            ("ARN".to_owned(), secret.arn.as_str().into()),
            ("Name".to_owned(), secret.name.as_str().into()),
            ("Versions".to_owned(), shown.into()),
        ]);
        Ok(paged(answer, page.next_token))
    }
}

fn paged(mut answer: Map<String, Value>, next_token: Option<String>) -> Value {
    answer.extend(next_token.map(|token| ("NextToken".to_owned(), token.into())));
    Value::Object(answer)
}

fn show_version(version: &Version) -> Value {
    let mut shown = Map::from_iter([
        ("VersionId".to_owned(), version.id.as_str().into()),
        ("CreatedDate".to_owned(), version.created.to_json()),
        ("KmsKeyIds".to_owned(), json!([version.key.as_deref().unwrap_or(OWN_KEY)])),
    ]);
    shown.extend(version.accessed.map(|at| ("LastAccessedDate".to_owned(), at.to_json())));
    show_stages(version, &mut shown);
    Value::Object(shown)
}

fn size(input: &Value) -> usize {
    input.whole("MaxResults").and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE)
}

fn token(input: &Value) -> Result<Option<String>, ApiError> {
    page::key(input.text("NextToken"))
        .map_err(|_| ApiError::new("InvalidNextTokenException", "The NextToken value is invalid."))
}

/// A page of the secrets that pass the filters, in the order that is asked for.
pub(super) fn page_of<'a>(
    secrets: &'a Secrets,
    input: &Value,
    size: usize,
    with_deleted: bool,
) -> Result<Page<&'a Secret>, ApiError> {
    let order = input.text("SortBy").unwrap_or("created-date");
    let is_descending = input.text("SortOrder") == Some("desc");
    let dated = |time: Time, secret: &Secret| format!("{:020}{}", time.as_millis(), secret.name);
    let place = |secret: &&Secret| match order {
        "name" => secret.name.clone(),
        "last-accessed-date" => dated(secret.accessed().unwrap_or(Time::from_millis(0)), secret),
        "last-changed-date" => dated(secret.changed, secret),
        _ => dated(secret.created, secret),
    };
    let after = token(input)?;
    let is_behind = |secret: &&Secret| {
        after.as_ref().is_none_or(|after| {
            let place = place(secret);
            if is_descending { place < *after } else { place > *after }
        })
    };
    let filters = input.items("Filters");
    let mut found: Vec<&Secret> = secrets
        .by_name
        .values()
        .filter(|secret| with_deleted || secret.deletion.is_none())
        .filter(|secret| filters.iter().all(|filter| passes(secret, filter)))
        .filter(is_behind)
        .collect();
    found.sort_by_cached_key(place);
    if is_descending {
        found.reverse();
    }
    Ok(page::cut(found.into_iter(), size, place))
}

/// Whether one of the filter's values holds; a `!` before a value turns it round.
///
/// Source: API_Filter.html of Secrets Manager.
fn passes(secret: &Secret, filter: &Value) -> bool {
    let key = filter.text("Key").unwrap_or("all");
    filter.texts("Values").any(|value| match value.strip_prefix('!') {
        Some(value) => !matches(secret, key, value),
        None => matches(secret, key, value),
    })
}

fn matches(secret: &Secret, key: &str, value: &str) -> bool {
    let tags = || secret.tags.iter().flat_map(Labels::iter);
    let starts = |text: &str| text.to_lowercase().starts_with(&value.to_lowercase());
    match key {
        "name" => secret.name.starts_with(value),
        "description" => secret.description.as_deref().is_some_and(starts),
        "tag-key" => tags().any(|(key, _)| key.starts_with(value)),
        "tag-value" => tags().any(|(_, tag)| tag.starts_with(value)),
        "all" => value.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).any(
            |word| {
                let word = word.to_lowercase();
                let has = |text: &str| text.to_lowercase().contains(&word);
                has(&secret.name)
                    || secret.description.as_deref().is_some_and(has)
                    || tags().any(|(key, value)| has(key) || has(value))
            },
        ),
        // No secret here has a primary region or belongs to a service.
        _ => false,
    }
}

/// A secret as the list shows it.
fn entry(secret: &Secret) -> Value {
    let mut shown = super::lifecycle::show(secret);
    let stages = secret.stages();
    if !stages.is_empty() {
        shown.insert("SecretVersionsToStages".to_owned(), json!(stages));
    }
    shown.extend(secret.deletion.map(|deletion| ("DeletedDate".to_owned(), deletion.at.to_json())));
    if let Some(tags) = &secret.tags {
        shown.insert("Tags".to_owned(), tags.show(SPELLING));
    }
    Value::Object(shown)
}
