//! Pages by `Marker` and `PageSize`.

use serde_json::{Map, Value};

use super::error::invalid;
use crate::{
    ecs::{Members, page},
    error::ApiError,
};

/// Most items of a page, and how many without being asked. Source: the API's `PageSize`.
const MOST: usize = 400;

/// Answers with the page of `items` that the request asks for; they are sorted by `key`.
pub(super) fn answer<T>(
    request: &Value,
    member: &str,
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    mut show: impl FnMut(&T) -> Value,
) -> Result<Value, ApiError> {
    let size = request.whole("PageSize").and_then(|size| usize::try_from(size).ok()).unwrap_or(MOST);
    let marker = request.text("Marker").filter(|marker| !marker.is_empty());
    let after = page::key(marker).map_err(|_| invalid("The marker is not valid"))?;
    let rest = items.filter(|item| after.as_ref().is_none_or(|after| key(item) > *after));
    let page = page::cut(rest, size.clamp(1, MOST), &key);
    let shown: Vec<Value> = page.items.iter().map(&mut show).collect();
    let mut answer = Map::from_iter([(member.to_owned(), Value::from(shown))]);
    answer.extend(page.next_token.map(|token| ("NextMarker".to_owned(), token.into())));
    Ok(Value::Object(answer))
}
