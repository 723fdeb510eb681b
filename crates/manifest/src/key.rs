//! What names an object, everywhere and for ever: `environment/kind/name`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kinds that a manifest can hold in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Where a bundle goes and what its objects share; exactly one in a bundle.
    Environment,
    /// An ECS service with its task definition.
    Service,
}

/// Kinds that are part of the design and refused by name until they are built.
pub(crate) const KINDS_FOR_LATER: &[&str] =
    &["Job", "Gateway", "CertificateAuthority", "Certificate", "ClientCertificate"];

impl Kind {
    /// Every kind, in the order in which they are listed to people.
    pub const ALL: &'static [Self] = &[Self::Environment, Self::Service];

    /// The manifest's spelling: `Service`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "Environment",
            Self::Service => "Service",
        }
    }

    /// The spelling inside a [`Key`]: `service`.
    pub fn lowercase(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Service => "service",
        }
    }

    /// The kind of that exact manifest spelling.
    pub(crate) fn from_manifest(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An object's name in the store, in statuses and on the command line: `dev/service/api`.
///
/// ```
/// use coxswain_manifest::{Key, Kind};
/// let key: Key = "dev/service/api".parse()?;
/// assert_eq!((key.kind, key.name.as_str()), (Kind::Service, "api"));
/// assert_eq!(key.to_string(), "dev/service/api");
/// # Ok::<(), coxswain_manifest::InvalidKey>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// The name of the Environment that the object belongs to.
    pub environment: String,
    /// Its kind.
    pub kind: Kind,
    /// `metadata.name`.
    pub name: String,
}

impl Key {
    /// The key of a service.
    pub fn service(environment: impl Into<String>, name: impl Into<String>) -> Self {
        Self { environment: environment.into(), kind: Kind::Service, name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.environment, self.kind.lowercase(), self.name)
    }
}

/// A text that is no [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not of the form environment/kind/name, such as dev/service/api")]
pub struct InvalidKey(pub String);

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidKey(text.to_owned());
        let mut parts = text.split('/');
        let (Some(environment), Some(kind), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid());
        };
        if environment.is_empty() || name.is_empty() {
            return Err(invalid());
        }
        let kind = Kind::ALL.iter().copied().find(|known| known.lowercase() == kind).ok_or_else(invalid)?;
        Ok(Self { environment: environment.to_owned(), kind, name: name.to_owned() })
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_json() {
        let key = Key::service("dev", "api");
        assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, "\"dev/service/api\"");
        assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key);
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        for text in
            ["", "api", "dev/api", "dev/gateway/api", "dev/service/", "/service/api", "dev/service/a/b"]
        {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
