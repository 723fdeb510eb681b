//! The parameters themselves, with their versions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    name::{Selector, split_selector, without_arn},
    policy::Policy,
};
use crate::{clock::Time, labels::Labels};

/// Versions of a parameter that are kept. Source: Systems Manager user guide, parameter versions.
pub(super) const VERSIONS: usize = 100;

/// The parameters of one account and region.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    arn_prefix: String,
    /// Who changes parameters: nobody here is asked for a name.
    pub(super) user: String,
    pub(super) by_name: BTreeMap<String, Parameter>,
}

/// A parameter's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    StringList,
    SecureString,
}

impl Kind {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::String, Self::StringList, Self::SecureString].into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        }
    }
}

/// What a parameter may be and may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Standard,
    Advanced,
}

impl Tier {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Advanced => "Advanced",
        }
    }
}

/// A parameter with its versions, oldest first; never without one.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameter {
    pub(super) versions: VecDeque<Stored>,
    pub(super) tags: Labels,
}

/// One version of a parameter.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) version: u64,
    pub(super) modified: Time,
    pub(super) labels: BTreeSet<String>,
    pub(super) content: Content,
}

/// What a version holds.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) kind: Kind,
    pub(super) value: String,
    pub(super) data_type: String,
    pub(super) tier: Tier,
    pub(super) description: Option<String>,
    /// The key of KMS, of a `SecureString`.
    pub(super) key: Option<String>,
    pub(super) pattern: Option<String>,
    pub(super) policies: Vec<Policy>,
}

impl std::fmt::Debug for Stored {
    /// Without the value, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Parameters {
    /// No parameters yet.
    pub(crate) fn new(account: &str, region: &str) -> Self {
        let arn_prefix = format!("arn:aws:ssm:{region}:{account}:parameter");
        Self { arn_prefix, user: format!("arn:aws:iam::{account}:root"), by_name: BTreeMap::new() }
    }

    pub(super) fn arn(&self, name: &str) -> String {
        let slash = if name.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{name}", self.arn_prefix)
    }

    /// The name that a request means, which may be an ARN. An ARN of another account or region
    /// stays one, and so is never found.
    pub(super) fn name_of<'a>(&self, asked: &'a str) -> &'a str {
        if !asked.strip_prefix(self.arn_prefix.as_str()).is_some_and(|rest| rest.starts_with('/')) {
            return asked;
        }
        // `token` and `/token` have the same ARN.
        let path = without_arn(asked);
        let bare = path.trim_start_matches('/');
        if !self.by_name.contains_key(path) && self.by_name.contains_key(bare) { bare } else { path }
    }

    pub(super) fn split<'a>(&self, asked: &'a str) -> (&'a str, Option<Selector<'a>>) {
        let (name, selector) = split_selector(asked);
        (self.name_of(name), selector)
    }

    pub(super) fn current(&self, name: &str) -> Option<&Stored> {
        self.by_name.get(name)?.versions.back()
    }

    /// The version that a number or a label names.
    pub(super) fn version(&self, name: &str, selector: Selector<'_>) -> Option<&Stored> {
        self.by_name.get(name)?.versions.iter().find(|stored| match selector.version {
            Some(version) => stored.version == version,
            None => stored.labels.contains(selector.text),
        })
    }

    pub(super) fn delete(&mut self, asked: &str) -> bool {
        let name = self.name_of(asked).to_owned();
        self.by_name.remove(&name).is_some()
    }

    /// Lets go of what has expired. Source: Systems Manager user guide, parameter policies.
    pub(super) fn expire(&mut self, now: Time) {
        self.by_name.retain(|_, parameter| {
            let policies = parameter.versions.back().map(|stored| stored.content.policies.as_slice());
            !policies.unwrap_or_default().iter().any(|policy| policy.expires <= now)
        });
    }

    /// The parameters under a path, or one level under it, in the order of their names.
    pub(super) fn under(&self, path: &str, is_recursive: bool) -> impl Iterator<Item = &Parameter> {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let length = folder.len();
        self.by_name
            .range(folder.clone()..)
            .take_while(move |(name, _)| name.starts_with(&folder))
            .filter(move |(name, _)| is_recursive || !name.get(length..).unwrap_or_default().contains('/'))
            .map(|(_, parameter)| parameter)
    }
}
