//! Credentials of a task's role: of the right form, and good for nothing but this local AWS.

use std::{io, time::Duration};

use serde_json::{Value, json};

use super::secret;
use crate::clock::Time;

/// How long credentials are valid. ECS's are valid for six hours, too.
const LIFE: Duration = Duration::from_hours(6);

/// Left of their life, from which on new ones are given out: SDKs ask again 15 minutes before the end.
const RENEWED_WITH: Duration = Duration::from_hours(1);

/// What a task gets for its role.
#[derive(Debug)]
pub(crate) struct Credentials {
    role: String,
    current: Option<Issued>,
}

struct Issued {
    at: Time,
    access_key: String,
    secret_key: String,
    token: String,
}

impl std::fmt::Debug for Issued {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Credentials that are made when they are asked for.
    pub(super) fn of_role(role: &str) -> Self {
        Self { role: role.to_owned(), current: None }
    }

    /// The credentials in the SDKs' form; new ones where those there are will end soon.
    pub(super) fn show(&mut self, now: Time) -> io::Result<Value> {
        let last = LIFE.saturating_sub(RENEWED_WITH);
        let current = match self.current.take().filter(|issued| now.since(issued.at) < last) {
            Some(issued) => issued,
            None => Issued::new(now)?,
        };
        let current = self.current.insert(current);
        Ok(json!({
            "RoleArn": self.role,
            "AccessKeyId": current.access_key,
            "SecretAccessKey": current.secret_key,
            "Token": current.token,
            "Expiration": current.at.after(LIFE).to_text(),
        }))
    }
}

impl Issued {
    fn new(at: Time) -> io::Result<Self> {
        let letters: String = secret::hex32()?.to_ascii_uppercase().chars().take(16).collect();
        let secret_key: String = (secret::hex32()? + &secret::hex32()?).chars().take(40).collect();
        Ok(Self {
            at,
            access_key: format!("ASIA{letters}"),
            secret_key,
            token: format!("coxswain-local/{}{}", secret::hex32()?, secret::hex32()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_an_hour_before_they_end() {
        let mut credentials = Credentials::of_role("arn:aws:iam::123456789012:role/task");
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
        let mut credentials = Credentials::of_role("role");
        let shown = credentials.show(Time::from_millis(0)).unwrap();
        let text = format!("{credentials:?}");
        assert!(!text.contains(shown["SecretAccessKey"].as_str().unwrap()), "{text}");
    }
}
