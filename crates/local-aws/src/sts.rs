//! The little of the Security Token Service that clients ask before anything else: who they are, and keys
//! of a role that they take on.
//!
//! Every role exists, and everybody may take it on.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html> and
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::time::Duration;

use async_trait::async_trait;
use coxswain_ecs_shapes::{Api, sts};
use serde_json::{Value, json};

use crate::{
    caller::Identity,
    clock::Time,
    ecs::Members,
    error::ApiError,
    neighbour::Neighbour,
    session::{Keys, Session},
    wire::not_done,
    world::World,
};

/// How long a session lasts where nothing is said. Units: seconds.
const USUAL_LIFE: u64 = 3_600;

/// The service, which keeps nothing: a session token says whose it is.
#[derive(Debug)]
pub(crate) struct SecurityTokens;

#[async_trait]
impl Neighbour for SecurityTokens {
    fn api(&self) -> &'static Api {
        sts()
    }

    fn refusal(&self) -> &'static str {
        REFUSAL
    }

    async fn call(
        &self,
        operation: &str,
        request: &Value,
        who: &Identity,
        world: &World,
    ) -> Result<Value, ApiError> {
        match operation {
            "GetCallerIdentity" => Ok(identity(who)),
            "AssumeRole" => assume_role(request, world.clock.now()),
            other => Err(not_done("sts", other)),
        }
    }
}

const REFUSAL: &str = "ValidationError";

fn identity(caller: &Identity) -> Value {
    let account = &caller.account;
    let user = caller.session.as_ref().map_or_else(|| account.clone(), Session::user_id);
    json!({"Arn": caller.arn(), "UserId": user, "Account": account})
}

/// Keys of a role. Nothing is kept, so that a second answer to the same request is as good as the first.
fn assume_role(request: &Value, now: Time) -> Result<Value, ApiError> {
    let role = request.text("RoleArn").unwrap_or_default();
    let name = request.text("RoleSessionName").unwrap_or_default();
    let session =
        Session::of_role(role, name).ok_or_else(|| ApiError::new(REFUSAL, format!("{role} is invalid")))?;
    let life = request.whole("DurationSeconds").unwrap_or(USUAL_LIFE);
    let Keys { access_key, secret_key, token } =
        Keys::of(&session).map_err(|error| ApiError::server(error.to_string()))?;
    Ok(json!({
        "Credentials": {
            "AccessKeyId": access_key,
            "SecretAccessKey": secret_key,
            "SessionToken": token,
            "Expiration": now.after(Duration::from_secs(life)).to_json(),
        },
        "AssumedRoleUser": {"AssumedRoleId": session.user_id(), "Arn": session.arn()},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::444455556666:role/deploy";

    #[test]
    fn who_asks_is_told_who_it_is() {
        let mut caller = Identity {
            account: "444455556666".into(),
            region: "us-east-1".into(),
            session: None,
            service: Some("sts".into()),
        };
        let told = json!({
            "Arn": "arn:aws:iam::444455556666:root", "UserId": "444455556666", "Account": "444455556666",
        });
        assert_eq!(identity(&caller), told);
        caller.session = Session::of_role(ROLE, "one");
        assert_eq!(identity(&caller)["Arn"], "arn:aws:sts::444455556666:assumed-role/deploy/one");
    }

    #[test]
    fn a_roles_keys_last_as_long_as_asked_and_a_name_that_can_be_none_is_refused() {
        let now = Time::from_millis(1_795_000_000_000);
        let ask = |name: &str| {
            assume_role(&json!({"RoleArn": ROLE, "RoleSessionName": name, "DurationSeconds": 900}), now)
        };
        let answer = ask("one").unwrap();
        assert_eq!(answer["Credentials"]["Expiration"], 1_795_000_900.0);
        assert_eq!(answer["AssumedRoleUser"]["Arn"], "arn:aws:sts::444455556666:assumed-role/deploy/one");
        assert_eq!(ask("a/b<").unwrap_err().code, "ValidationError");
    }
}
