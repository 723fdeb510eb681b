//! The names of parameters: what is allowed, and what names one in a request.

use crate::error::ApiError;

/// Most levels of a name. Source: Systems Manager user guide, parameter name requirements.
const DEEPEST: usize = 15;

/// What follows a name after a colon: a version, or a label, which is none here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selector<'a> {
    pub(super) text: &'a str,
    pub(super) version: Option<u64>,
}

/// Refuses a name that a new parameter may not have.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    let refused = |message: String| Err(ApiError::new("ValidationException", message));
    // An ARN names an existing parameter and is not judged as a new name.
    let name = if name.starts_with("arn:") { without_arn(name) } else { name };
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-/".contains(letter);
    if let Some(letter) = name.chars().find(|letter| !allowed(*letter)) {
        return refused(format!(
            "Parameter name: only a mix of letters, numbers and the symbols . - _ / is allowed, not {letter:?}."
        ));
    }
    if name.ends_with('/') || name.contains("//") {
        return refused("Parameter name: a level must not be empty.".to_owned());
    }
    if name.contains('/') && !name.starts_with('/') {
        return refused("Parameter name must be a fully qualified name: it begins with a slash.".to_owned());
    }
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return refused(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).".to_owned(),
        );
    }
    if name.trim_start_matches('/').split('/').count() > DEEPEST {
        return Err(ApiError::new(
            "HierarchyLevelLimitExceededException",
            format!("A parameter name has at most {DEEPEST} levels."),
        ));
    }
    Ok(())
}

/// Takes the selector off: `/prod/token:3`, or an ARN with one.
pub(super) fn split_selector(name: &str) -> (&str, Option<Selector<'_>>) {
    let start = if name.starts_with("arn:") { name.find(":parameter/").map_or(0, |at| at + 1) } else { 0 };
    let colon = name.get(start..).and_then(|rest| rest.find(':')).map(|at| at + start);
    match colon.and_then(|at| Some((name.get(..at)?, name.get(at + 1..)?))) {
        Some((name, text)) => (name, Some(Selector { text, version: text.parse().ok() })),
        None => (name, None),
    }
}

/// `/prod/token` of `arn:aws:ssm:eu-central-1:123456789012:parameter/prod/token`.
pub(super) fn without_arn(arn: &str) -> &str {
    arn.find(":parameter/").and_then(|at| arn.get(at + ":parameter".len()..)).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_to_the_documented_rules() {
        let deep = "/x".repeat(15);
        for name in ["token", "/prod/api/token", "/a.b-c_d/E", deep.as_str()] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["/a b", "/é", "/a//b", "/a/", "a/b", "/aws/x", "SSM-x", "/a:b"] {
            assert_eq!(check_name(name).unwrap_err().code, "ValidationException", "{name}");
        }
        let code = check_name(&"/x".repeat(16)).unwrap_err().code;
        assert_eq!(code, "HierarchyLevelLimitExceededException");
    }

    #[test]
    fn a_selector_is_what_follows_the_names_colon_and_no_colon_of_an_arn() {
        let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/prod/token";
        for (asked, name, selector) in [
            ("/prod/token", "/prod/token", None),
            ("/prod/token:3", "/prod/token", Some("3")),
            ("token:stable", "token", Some("stable")),
            (arn, arn, None),
            (&format!("{arn}:3"), arn, Some("3")),
        ] {
            let (found, text) = split_selector(asked);
            assert_eq!((found, text.map(|selector| selector.text)), (name, selector), "{asked}");
        }
        assert_eq!(without_arn(arn), "/prod/token");
    }
}
