//! What the list operations have in common: filters and pages.

use serde_json::{Value, json};

use super::refusal;
use crate::{
    clock::Time,
    ecs::{Members, page, set},
    error::ApiError,
};

/// Most items of a page, and the usual number. Source: each list operation's `MaxResults`, such as
/// <https://docs.aws.amazon.com/cloud-map/latest/api/API_ListInstances.html>
const PAGE: usize = 100;

/// Whether a filter lets a text pass.
pub(super) fn holds(filter: &Value, text: &str) -> Result<bool, ApiError> {
    let mut values = filter.texts("Values");
    match filter.text("Condition").unwrap_or("EQ") {
        "EQ" if filter.items("Values").len() != 1 => Err(refusal::invalid("EQ takes one value")),
        "EQ" | "IN" => Ok(values.any(|value| value == text)),
        "BEGINS_WITH" => Ok(values.any(|value| text.starts_with(value))),
        other => Err(refusal::invalid(format!("The condition {other} is not for this filter"))),
    }
}

/// Whether a filter lets a time pass; its values are seconds since the epoch.
pub(super) fn is_between(filter: &Value, time: Time) -> Result<bool, ApiError> {
    let seconds = |text: &str| text.parse::<f64>().ok();
    let values: Option<Vec<f64>> = filter.texts("Values").map(seconds).collect();
    match (filter.text("Condition"), values.as_deref()) {
        (Some("BETWEEN"), Some([start, end])) if start <= end => {
            let time = time.to_json().as_f64().unwrap_or_default();
            Ok((*start..=*end).contains(&time))
        }
        _ => Err(refusal::invalid("UPDATE_DATE takes BETWEEN with a start and an end")),
    }
}

/// Whether the owner that a filter asks for is this account.
pub(super) fn is_own(filter: &Value) -> Result<bool, ApiError> {
    holds(filter, "SELF")
}

/// What the last page ended with.
pub(super) fn after(request: &Value) -> Result<Option<String>, ApiError> {
    page::key(request.text("NextToken")).map_err(|_| refusal::invalid("Invalid token"))
}

/// A page of `items`, which begin after the token, under that member's name.
pub(super) fn page<T>(
    request: &Value,
    member: &str,
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    show: impl Fn(&T) -> Value,
) -> Value {
    // The table has found it between 1 and 100.
    let size = request.whole("MaxResults").and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE);
    let page = page::cut(items, size, key);
    let mut answer = json!({ member: page.items.iter().map(show).collect::<Vec<_>>() });
    if let Some(token) = page.next_token {
        set(&mut answer, "NextToken", token);
    }
    answer
}
