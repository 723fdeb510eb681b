//! Sessions of roles, and the credentials that are given out for them.

use std::io;

use sha2::{Digest as _, Sha256};

use crate::metadata::secret;

/// Before the parts of a session token that this local AWS gave out.
const TOKEN: &str = "coxswain-local";

/// A role that somebody took on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) account: String,
    /// Without the path before it.
    pub(crate) role: String,
    pub(crate) name: String,
}

impl Session {
    /// A session of the role with that ARN; `None` where it is no role's ARN.
    pub(crate) fn of_role(arn: &str, name: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let ("arn", _, "iam", "") = (parts.next()?, parts.next()?, parts.next()?, parts.next()?) else {
            return None;
        };
        let (account, resource) = (parts.next()?, parts.next()?);
        let role = resource.strip_prefix("role/")?.rsplit('/').next()?;
        let fits = is_account(account) && is_word(role) && is_word(name);
        fits.then(|| Self { account: account.to_owned(), role: role.to_owned(), name: name.to_owned() })
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role, self.name)
    }

    /// The id of the role and the session's name; in AWS the role's id is drawn when it is made.
    pub(crate) fn user_id(&self) -> String {
        let digest = Sha256::digest(format!("{}/{}", self.account, self.role));
        let id: String = hex::encode_upper(digest).chars().take(17).collect();
        format!("AROA{id}:{}", self.name)
    }

    /// A session token that says whose it is, so that it is known wherever it is shown, also after a
    /// restart.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub(crate) fn token(&self) -> io::Result<String> {
        let Self { account, role, name } = self;
        Ok(format!("{TOKEN}/{account}/{role}/{name}/{}{}", secret::hex32()?, secret::hex32()?))
    }

    /// The session of a token that was given out here.
    pub(crate) fn of_token(token: &str) -> Option<Self> {
        let parts: Vec<&str> = token.split('/').collect();
        let [TOKEN, account, role, name, _] = parts.as_slice() else { return None };
        let fits = is_account(account) && is_word(role) && is_word(name);
        fits.then(|| Self {
            account: (*account).to_owned(),
            role: (*role).to_owned(),
            name: (*name).to_owned(),
        })
    }
}

/// Twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The characters of roles' and sessions' names. Source:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed)
}

/// Keys of the right form, and good for nothing but this local AWS.
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) token: String,
}

impl std::fmt::Debug for Keys {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// New ones of a session.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub(crate) fn of(session: &Session) -> io::Result<Self> {
        let letters: String = secret::hex32()?.to_ascii_uppercase().chars().take(16).collect();
        let secret_key: String = (secret::hex32()? + &secret::hex32()?).chars().take(40).collect();
        Ok(Self { access_key: format!("ASIA{letters}"), secret_key, token: session.token()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_roles_arn_has_no_session() {
        for (arn, name) in [
            ("role", "s"),
            ("arn:aws:iam::1:role/a", "s"),
            ("arn:aws:iam::444455556666:user/a", "s"),
            ("arn:aws:iam::444455556666:role/a", "with/slash"),
            ("arn:aws:iam::444455556666:role/", "s"),
        ] {
            assert_eq!(Session::of_role(arn, name), None, "{arn} {name}");
        }
    }
}
