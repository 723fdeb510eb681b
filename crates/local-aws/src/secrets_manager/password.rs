//! GetRandomPassword.

use aws_lc_rs::rand;
use serde_json::{Value, json};

use super::refusal::parameter;
use crate::{ecs::Members, error::ApiError};

/// Source: API_GetRandomPassword.html, on `PasswordLength` and `ExcludePunctuation`.
const LENGTH: u64 = 32;
const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBERS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// A password from the system's randomness, whatever the seed is: it may come to guard something.
pub(super) fn answer(input: &Value) -> Result<Value, ApiError> {
    let length = input.whole("PasswordLength").unwrap_or(LENGTH);
    let length = usize::try_from(length).map_err(|_| parameter("PasswordLength is too great."))?;
    let excluded = input.text("ExcludeCharacters").unwrap_or_default();
    let flag = |name: &str| input.flag(name).unwrap_or_default();
    let kinds: Vec<Vec<char>> = [
        (LOWERCASE, !flag("ExcludeLowercase")),
        (UPPERCASE, !flag("ExcludeUppercase")),
        (NUMBERS, !flag("ExcludeNumbers")),
        (PUNCTUATION, !flag("ExcludePunctuation")),
        (" ", flag("IncludeSpace")),
    ]
    .into_iter()
    .filter(|(_, is_wanted)| *is_wanted)
    .map(|(letters, _)| letters.chars().filter(|letter| !excluded.contains(*letter)).collect())
    .filter(|letters: &Vec<char>| !letters.is_empty())
    .collect();
    let all: Vec<char> = kinds.iter().flatten().copied().collect();
    if all.is_empty() {
        return Err(parameter("Every character is excluded: a password has to be made of something."));
    }
    let mut password = Vec::with_capacity(length);
    if input.flag("RequireEachIncludedType").unwrap_or(true) {
        if kinds.len() > length {
            return Err(parameter(format!(
                "A password of {length} characters cannot have one of each of {} types.",
                kinds.len()
            )));
        }
        for kind in &kinds {
            password.push(one_of(kind)?);
        }
    }
    while password.len() < length {
        password.push(one_of(&all)?);
    }
    // Where the required ones stand shall not be known.
    for last in (1..password.len()).rev() {
        password.swap(last, below(last + 1)?);
    }
    Ok(json!({"RandomPassword": password.into_iter().collect::<String>()}))
}

fn one_of(letters: &[char]) -> Result<char, ApiError> {
    let index = below(letters.len())?;
    letters.get(index).copied().ok_or_else(no_randomness)
}

/// A number under `limit`, each as likely as the others.
fn below(limit: usize) -> Result<usize, ApiError> {
    let limit = u32::try_from(limit).ok().filter(|limit| *limit > 0).ok_or_else(no_randomness)?;
    // What is over the last whole multiple would make the first letters likelier.
    let whole = u32::MAX - u32::MAX % limit;
    loop {
        let mut bytes = [0; 4];
        rand::fill(&mut bytes).map_err(|_| no_randomness())?;
        let number = u32::from_ne_bytes(bytes);
        if number < whole {
            return usize::try_from(number % limit).map_err(|_| no_randomness());
        }
    }
}

fn no_randomness() -> ApiError {
    ApiError::server("The system has no randomness to give.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(input: &Value) -> String {
        answer(input).unwrap()["RandomPassword"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_password_has_its_length_one_of_each_type_and_nothing_that_is_excluded() {
        for _ in 0..200 {
            let made =
                password(&json!({"PasswordLength": 5, "ExcludeCharacters": "abc\"", "IncludeSpace": true}));
            assert_eq!(made.chars().count(), 5);
            for letters in [LOWERCASE, UPPERCASE, NUMBERS, PUNCTUATION, " "] {
                assert!(made.chars().any(|letter| letters.contains(letter)), "{made}");
            }
            assert!(!made.contains(['a', 'b', 'c', '"']), "{made}");
        }
        let numbers = json!({"ExcludeLowercase": true, "ExcludeUppercase": true, "ExcludePunctuation": true});
        let made = password(&numbers);
        assert!(made.len() == 32 && made.chars().all(|letter| letter.is_ascii_digit()), "{made}");
    }

    #[test]
    fn a_password_that_cannot_be_is_refused() {
        for input in [
            json!({"PasswordLength": 3}),
            json!({"ExcludeLowercase": true, "ExcludeUppercase": true, "ExcludePunctuation": true, "ExcludeNumbers": true}),
        ] {
            assert_eq!(answer(&input).unwrap_err().code, "InvalidParameterException");
        }
    }
}
