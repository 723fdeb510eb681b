//! Pages of a list, and the token that leads to the next one.

use crate::error::ApiError;

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

/// Cuts a page out of `items`, which are sorted and begin after the token's key.
///
/// `key` is what a token remembers of an item; the next page begins behind it.
pub(crate) fn cut<T>(items: impl Iterator<Item = T>, size: usize, key: impl Fn(&T) -> String) -> Page<T> {
    let mut items: Vec<T> = items.take(size + 1).collect();
    let more = items.len() > size;
    items.truncate(size);
    let next_token = items.last().filter(|_| more).map(|last| hex::encode(key(last)));
    Page { items, next_token }
}

/// The key that a token remembers.
pub(crate) fn key(token: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(token) = token else { return Ok(None) };
    let key = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.map(Some).ok_or_else(|| ApiError::invalid("Invalid token"))
}

/// The page size that a request asks for.
pub(crate) fn size(asked: Option<u64>, usual: usize, most: usize) -> Result<usize, ApiError> {
    match asked {
        None => Ok(usual),
        Some(count) => usize::try_from(count)
            .ok()
            .filter(|count| (1..=most).contains(count))
            .ok_or_else(|| ApiError::invalid(format!("maxResults must be between 1 and {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_without_a_gap_and_the_last_has_no_token() {
        let names = ["a", "b", "c", "d", "e"];
        let mut seen: Vec<&&str> = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let after = key(token.as_deref()).unwrap();
            let rest = names.iter().filter(|name| after.as_deref().is_none_or(|after| **name > after));
            let page = cut(rest, 2, |name| (**name).to_owned());
            seen.extend(page.items);
            match page.next_token {
                Some(next) => token = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, names.iter().collect::<Vec<_>>());
        assert!(key(Some("no token")).is_err());
        assert!(size(Some(101), 10, 100).is_err());
        assert_eq!(size(None, 10, 100).unwrap(), 10);
    }
}
