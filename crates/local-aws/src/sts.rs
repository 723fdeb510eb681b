//! The little of the Security Token Service that clients ask before anything else: who they are, and keys
//! of a role that they take on.
//!
//! Every role exists, and everybody may take it on. The answers are the query protocol's XML.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html> and
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};

use crate::{
    caller::Identity,
    clock::Time,
    error::ApiError,
    session::{Keys, Session},
};

/// The version of the API, which every request of it names.
const VERSION: &str = "2011-06-15";

/// How long a session lasts where nothing is said, and the bounds of what can be said. Units: seconds.
const USUAL_LIFE: u64 = 3_600;
const SHORTEST_LIFE: u64 = 900;
const LONGEST_LIFE: u64 = 43_200;

/// A request to this service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    parameters: BTreeMap<String, String>,
}

impl Asked {
    /// The form of a request; `None` where it is not one to this service.
    pub(crate) fn read(request: &Request<Bytes>) -> Option<Self> {
        let form = match *request.method() {
            Method::POST => request.body().as_ref(),
            _ => request.uri().query()?.as_bytes(),
        };
        // Every request of any API is looked at: most are told apart before they are read.
        if request.headers().contains_key("x-amz-target") || !form.contains(&b'=') {
            return None;
        }
        let parameters: BTreeMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        let is_one = parameters.contains_key("Action")
            && parameters.get("Version").is_some_and(|version| version == VERSION);
        is_one.then_some(Self { parameters })
    }

    fn text(&self, name: &str) -> &str {
        self.parameters.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Answers, with status, body and the id of the request in both.
    pub(crate) fn answer(&self, caller: &Identity, now: Time, request_id: &str) -> Response<Bytes> {
        let action = self.text("Action");
        let result = match action {
            "GetCallerIdentity" => Ok(identity(caller)),
            "AssumeRole" => self.assume_role(now),
            other => {
                let text = format!("Could not find operation {other} for version {VERSION}");
                Err(ApiError::new("InvalidAction", text))
            }
        };
        let metadata = format!("<RequestId>{request_id}</RequestId>");
        let (status, body) = match result {
            Ok(result) => (
                StatusCode::OK,
                format!(
                    "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/{VERSION}/\">\
                     <{action}Result>{result}</{action}Result>\
                     <ResponseMetadata>{metadata}</ResponseMetadata></{action}Response>"
                ),
            ),
            Err(ApiError { code, message, status, .. }) => (
                status,
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/{VERSION}/\"><Error><Type>Sender</Type>\
                     <Code>{code}</Code><Message>{}</Message></Error>{metadata}</ErrorResponse>",
                    escaped(&message)
                ),
            ),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }

    /// Keys of a role. Nothing is kept: the session token says whose it is. So a second answer to the same
    /// request is as good as the first.
    fn assume_role(&self, now: Time) -> Result<String, ApiError> {
        let (role, name) = (self.text("RoleArn"), self.text("RoleSessionName"));
        for (member, value, least) in [("roleArn", role, 20), ("roleSessionName", name, 2)] {
            if value.chars().count() < least {
                return Err(invalid(&format!(
                    "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
                     Member must have length greater than or equal to {least}"
                )));
            }
        }
        let session = Session::of_role(role, name).ok_or_else(|| invalid(&format!("{role} is invalid")))?;
        let seconds = match self.text("DurationSeconds") {
            "" => USUAL_LIFE,
            text => text
                .parse()
                .ok()
                .filter(|life| (SHORTEST_LIFE..=LONGEST_LIFE).contains(life))
                .ok_or_else(|| {
                    invalid(&format!(
                        "1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy \
                     constraint: Member must have value between {SHORTEST_LIFE} and {LONGEST_LIFE}"
                    ))
                })?,
        };
        let keys = Keys::of(&session).map_err(|error| ApiError::server(error.to_string()))?;
        let Keys { access_key, secret_key, token } = keys;
        let expiration = now.after(Duration::from_secs(seconds)).to_text();
        Ok(format!(
            "<Credentials><AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{secret_key}</SecretAccessKey>\
             <SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
             <AssumedRoleUser><AssumedRoleId>{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>",
            session.user_id(),
            session.arn()
        ))
    }
}

fn identity(caller: &Identity) -> String {
    let account = &caller.account;
    let user = caller.session.as_ref().map_or_else(|| account.clone(), Session::user_id);
    format!("<Arn>{}</Arn><UserId>{user}</UserId><Account>{account}</Account>", caller.arn())
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("ValidationError", message)
}

/// What people wrote, as XML's text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &str, session: Option<Session>) -> (u16, String) {
        let caller = Identity {
            account: "444455556666".into(),
            region: "us-east-1".into(),
            session,
            service: Some("sts".into()),
        };
        let request = Request::post("/").body(Bytes::from(body.to_owned())).unwrap();
        let answer =
            Asked::read(&request).unwrap().answer(&caller, Time::from_millis(1_795_000_000_000), "id");
        (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
    }

    #[test]
    fn who_asks_is_told_who_it_is() {
        let (status, body) = ask("Action=GetCallerIdentity&Version=2011-06-15", None);
        assert_eq!(status, 200);
        assert!(
            body.contains("<Arn>arn:aws:iam::444455556666:root</Arn><UserId>444455556666</UserId>"),
            "{body}"
        );
        let session = Session::of_role("arn:aws:iam::444455556666:role/deploy", "one");
        let (_, body) = ask("Action=GetCallerIdentity&Version=2011-06-15", session);
        assert!(body.contains("<Arn>arn:aws:sts::444455556666:assumed-role/deploy/one</Arn>"), "{body}");
    }

    #[test]
    fn a_roles_keys_last_as_long_as_asked_and_nonsense_is_refused() {
        let role =
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2Fdeploy";
        let (status, body) = ask(&format!("{role}&RoleSessionName=one&DurationSeconds=900"), None);
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("<Expiration>2026-11-18T11:21:40Z</Expiration>"), "{body}");
        assert!(body.contains("<Arn>arn:aws:sts::444455556666:assumed-role/deploy/one</Arn>"), "{body}");
        for (rest, code) in [
            ("&RoleSessionName=x", "ValidationError"),
            ("&RoleSessionName=one&DurationSeconds=1", "ValidationError"),
            ("&RoleSessionName=a%2Fb%3C", "ValidationError"),
        ] {
            let (status, body) = ask(&format!("{role}{rest}"), None);
            assert!(status == 400 && body.contains(&format!("<Code>{code}</Code>")), "{body}");
        }
        let (status, body) = ask("Action=GetFederationToken&Version=2011-06-15", None);
        assert!(status == 400 && body.contains("<Code>InvalidAction</Code>"), "{body}");
    }

    #[test]
    fn requests_of_other_apis_are_not_taken() {
        for body in ["{}", "", "Action=DescribeLoadBalancers&Version=2015-12-01", "Version=2011-06-15"] {
            let request = Request::post("/").body(Bytes::from(body)).unwrap();
            assert_eq!(Asked::read(&request), None, "{body}");
        }
    }
}
