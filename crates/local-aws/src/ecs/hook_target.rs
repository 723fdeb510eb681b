//! Who answers for the Lambda functions behind lifecycle hooks.
//!
//! There is no Lambda here. What a function would answer is set beforehand by its ARN or name, given later by
//! hand, or asked for over HTTP.

use std::str::FromStr;

use http::{Uri, uri::Scheme};
use serde_json::Value;

use super::Members;

/// The pause before a function that said `IN_PROGRESS` is called again, unless it names another.
pub(super) const CALL_BACK_DELAY: u64 = 30;

/// What the function behind a lifecycle hook answers.
///
/// As text: `SUCCEEDED`, `FAILED`, `IN_PROGRESS` or `IN_PROGRESS=SECONDS`, `NOTHING`, `HOLD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookAnswer {
    /// The deployment goes on.
    Succeeded,
    /// The deployment is rolled back.
    Failed,
    /// The function is called again after so many seconds.
    InProgress(u64),
    /// An answer without a `hookStatus`, as of a function that ends early: ECS takes it as a failure.
    Nothing,
    /// No answer until somebody gives one by [`LocalAws::resolve_hook`](crate::LocalAws::resolve_hook).
    Hold,
}

/// Why a text is no answer of a hook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no answer of a hook: there are SUCCEEDED, FAILED, IN_PROGRESS[=SECONDS], NOTHING and HOLD")]
pub struct HookAnswerError(String);

impl FromStr for HookAnswer {
    type Err = HookAnswerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "SUCCEEDED" => Ok(Self::Succeeded),
            "FAILED" => Ok(Self::Failed),
            "IN_PROGRESS" => Ok(Self::InProgress(CALL_BACK_DELAY)),
            "NOTHING" => Ok(Self::Nothing),
            "HOLD" => Ok(Self::Hold),
            _ => text
                .strip_prefix("IN_PROGRESS=")
                .and_then(|seconds| seconds.parse().ok())
                .map(Self::InProgress)
                .ok_or_else(|| HookAnswerError(text.to_owned())),
        }
    }
}

/// Where a function stands in for Lambda: `http://HOST:PORT/PATH`.
///
/// It is told by POST what ECS tells a function, and answers what a function returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookUrl(Uri);

/// Why a text is no URL of a hook's function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no URL of a function: write http://HOST:PORT/PATH")]
pub struct HookUrlError(String);

impl HookUrl {
    /// The host and the port, 80 where none is named.
    pub(crate) fn address(&self) -> (&str, u16) {
        (self.0.host().unwrap_or_default(), self.0.port_u16().unwrap_or(80))
    }

    /// The `host` header.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority().map_or("", http::uri::Authority::as_str)
    }

    /// The path and the query.
    pub(crate) fn path(&self) -> &str {
        self.0.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
    }
}

impl FromStr for HookUrl {
    type Err = HookUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Option<Uri> = text.parse().ok();
        let wanted = |uri: &Uri| uri.scheme() == Some(&Scheme::HTTP) && uri.host().is_some();
        uri.filter(wanted).map(Self).ok_or_else(|| HookUrlError(text.to_owned()))
    }
}

/// Who answers for which function.
#[derive(Debug, Default)]
pub(crate) struct HookTargets(Vec<Target>);

#[derive(Debug)]
struct Target {
    /// An ARN, a function's name, or `*`.
    function: String,
    answers: Answers,
}

#[derive(Debug)]
enum Answers {
    Written { answers: Vec<HookAnswer>, given: usize },
    At(HookUrl),
}

/// What is known when a function is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Called {
    /// It answers this.
    Answered(HookAnswer),
    /// It is to be asked there.
    Asked(HookUrl),
}

impl HookTargets {
    /// Sets the answers of a function, in turn; the last one stays. Earlier ones of it are gone.
    pub(crate) fn set(&mut self, function: &str, answers: Vec<HookAnswer>) {
        self.put(function, Answers::Written { answers, given: 0 });
    }

    /// Has a function's answers asked for.
    pub(crate) fn set_url(&mut self, function: &str, url: HookUrl) {
        self.put(function, Answers::At(url));
    }

    fn put(&mut self, function: &str, answers: Answers) {
        self.0.retain(|target| target.function != function);
        self.0.push(Target { function: function.to_owned(), answers });
        // The one for every function comes last.
        self.0.sort_by_key(|target| target.function == "*");
    }

    /// Calls the function with this ARN; `None` where nobody answers for it.
    pub(super) fn call(&mut self, arn: &str) -> Option<Called> {
        let name = arn.split(':').nth(6).unwrap_or(arn);
        let target = self
            .0
            .iter_mut()
            .find(|target| target.function == arn || target.function == name || target.function == "*")?;
        match &mut target.answers {
            Answers::At(url) => Some(Called::Asked(url.clone())),
            Answers::Written { answers, given } => {
                let answer = answers.get(*given).or(answers.last()).copied();
                *given += 1;
                answer.map(Called::Answered)
            }
        }
    }
}

/// What a function that was asked over HTTP returned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Returned {
    pub(super) answer: HookAnswer,
    /// `hookDetails`, which the function is told when it is called again.
    pub(super) details: Option<Value>,
}

impl Returned {
    /// Reads what a function returned; an error is what ECS could not read in it.
    pub(super) fn read(returned: &Value) -> Result<Self, String> {
        let answer = match returned.text("hookStatus") {
            Some("SUCCEEDED") => HookAnswer::Succeeded,
            Some("FAILED") => HookAnswer::Failed,
            Some("IN_PROGRESS") => {
                HookAnswer::InProgress(returned.whole("callBackDelay").unwrap_or(CALL_BACK_DELAY))
            }
            Some(other) => return Err(format!("HookStatus must not be {other}")),
            None => HookAnswer::Nothing,
        };
        Ok(Self { answer, details: returned.member("hookDetails").cloned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:check";

    #[test]
    fn a_function_answers_in_turn_by_arn_or_name_before_the_one_for_all() {
        let mut targets = HookTargets::default();
        assert_eq!(targets.call(ARN), None);
        let url: HookUrl = "http://127.0.0.1:1/".parse().unwrap();
        targets.set_url("*", url.clone());
        targets.set("check", vec![HookAnswer::InProgress(5), HookAnswer::Succeeded]);
        let answers: Vec<_> = (0..3).map(|_| targets.call(ARN).unwrap()).collect();
        let (first, then) = (HookAnswer::InProgress(5), HookAnswer::Succeeded);
        assert_eq!(answers, [first, then, then].map(Called::Answered));
        let other = targets.call("arn:aws:lambda:us-east-1:123456789012:function:other");
        assert_eq!(other, Some(Called::Asked(url)));
    }

    #[test]
    fn an_answer_is_read_from_its_text() {
        for (text, answer) in [
            ("SUCCEEDED", Some(HookAnswer::Succeeded)),
            ("IN_PROGRESS", Some(HookAnswer::InProgress(30))),
            ("IN_PROGRESS=60", Some(HookAnswer::InProgress(60))),
            ("HOLD", Some(HookAnswer::Hold)),
            ("IN_PROGRESS=soon", None),
            ("succeeded", None),
        ] {
            assert_eq!(text.parse().ok(), answer, "{text}");
        }
    }

    #[test]
    fn a_functions_url_is_http_and_has_a_host() {
        let url: HookUrl = "http://localhost:8080/hooks?a=b".parse().unwrap();
        let parts = (url.address(), url.authority(), url.path());
        assert_eq!(parts, (("localhost", 8080), "localhost:8080", "/hooks?a=b"));
        let bare: HookUrl = "http://localhost".parse().unwrap();
        assert_eq!((bare.address(), bare.path()), (("localhost", 80), "/"));
        for text in ["https://localhost/", "/hooks", "localhost:8080", "http:///x", ""] {
            assert!(text.parse::<HookUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_function_returns_is_read_or_named() {
        let read = |returned: Value| Returned::read(&returned).map(|returned| returned.answer);
        assert_eq!(read(json!({"hookStatus": "SUCCEEDED", "callBackDelay": 5})), Ok(HookAnswer::Succeeded));
        assert_eq!(read(json!({"hookStatus": "IN_PROGRESS"})), Ok(HookAnswer::InProgress(30)));
        let again = read(json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 5}));
        assert_eq!(again, Ok(HookAnswer::InProgress(5)));
        assert_eq!(read(json!({"errorMessage": "boom"})), Ok(HookAnswer::Nothing));
        assert_eq!(read(json!(null)), Ok(HookAnswer::Nothing));
        assert_eq!(read(json!({"hookStatus": "MAYBE"})), Err("HookStatus must not be MAYBE".to_owned()));
    }
}
