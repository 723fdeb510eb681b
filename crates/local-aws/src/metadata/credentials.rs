//! Credentials of a task's role: of the right form, and good for nothing but this local AWS.

use std::{io, time::Duration};

use serde_json::{Value, json};

use crate::{
    clock::Time,
    session::{Keys, Session},
};

/// How long credentials are valid. ECS's are valid for six hours, too.
const LIFE: Duration = Duration::from_hours(6);

/// Left of their life, from which on new ones are given out: SDKs ask again 15 minutes before the end.
const RENEWED_WITH: Duration = Duration::from_hours(1);

/// What a task gets for its role.
#[derive(Debug)]
pub(crate) struct Credentials {
    role: String,
    session: Session,
    current: Option<(Time, Keys)>,
}

impl Credentials {
    /// Credentials of a role by its ARN or name, made when they are asked for; the session is the task's.
    pub(super) fn of_role(role: &str, account: &str, task_id: &str) -> Self {
        let session = Session::of_role(role, task_id).unwrap_or_else(|| Session {
            account: account.to_owned(),
            role: role.rsplit('/').next().unwrap_or(role).to_owned(),
            name: task_id.to_owned(),
        });
        Self { role: role.to_owned(), session, current: None }
    }

    /// The credentials in the SDKs' form; new ones where those there are will end soon.
    pub(super) fn show(&mut self, now: Time) -> io::Result<Value> {
        let last = LIFE.saturating_sub(RENEWED_WITH);
        let current = match self.current.take().filter(|(at, _)| now.since(*at) < last) {
            Some(current) => current,
            None => (now, Keys::of(&self.session)?),
        };
        let (at, keys) = self.current.insert(current);
        Ok(json!({
            "RoleArn": self.role,
            "AccessKeyId": keys.access_key,
            "SecretAccessKey": keys.secret_key,
            "Token": keys.token,
            "Expiration": at.after(LIFE).to_text(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_an_hour_before_they_end() {
        let mut credentials =
            Credentials::of_role("arn:aws:iam::123456789012:role/task", "123456789012", "abc");
        let mut at = |hours: u64| {
            let now = Time::from_millis(1_795_000_000_000).after(Duration::from_hours(hours));
            credentials.show(now).unwrap()
        };
        let first = at(0);
        assert_eq!(first["Expiration"], "2026-11-18T17:06:40Z", "{first}");
        assert_eq!(first["AccessKeyId"].as_str().unwrap().len(), 20);
        assert_eq!(first["SecretAccessKey"].as_str().unwrap().len(), 40);
        assert_eq!(at(4), first);
        let second = at(5);
        assert_ne!(second["AccessKeyId"], first["AccessKeyId"]);
        assert_ne!(second["Token"], first["Token"]);
        assert_eq!(second["RoleArn"], first["RoleArn"]);
        assert_eq!(second["Expiration"], "2026-11-18T22:06:40Z");
    }

    #[test]
    fn keys_are_not_in_the_debug_text() {
        let mut credentials = Credentials::of_role("role", "123456789012", "abc");
        let shown = credentials.show(Time::from_millis(0)).unwrap();
        let text = format!("{credentials:?}");
        assert!(!text.contains(shown["SecretAccessKey"].as_str().unwrap()), "{text}");
    }
}
