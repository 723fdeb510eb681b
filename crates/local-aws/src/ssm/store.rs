//! The parameters themselves, with their versions.

use std::collections::{BTreeMap, VecDeque};

use super::name::{Selector, split_selector, without_arn};
use crate::clock::Time;

/// Versions of a parameter that are kept. Source: Systems Manager user guide, parameter versions.
const VERSIONS: usize = 100;

/// The parameters of one account and region.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    arn_prefix: String,
    parameters: BTreeMap<String, VecDeque<Stored>>,
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

/// One version of a parameter.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) value: String,
    pub(super) data_type: String,
    pub(super) version: u64,
    pub(super) modified: Time,
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

/// What a new version holds.
pub(super) struct NewValue {
    pub(super) kind: Kind,
    pub(super) value: String,
    pub(super) data_type: String,
}

impl Parameters {
    /// No parameters yet.
    pub(crate) fn new(account: &str, region: &str) -> Self {
        let arn_prefix = format!("arn:aws:ssm:{region}:{account}:parameter");
        Self { arn_prefix, parameters: BTreeMap::new() }
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
        if !self.parameters.contains_key(path) && self.parameters.contains_key(bare) { bare } else { path }
    }

    pub(super) fn split<'a>(&self, asked: &'a str) -> (&'a str, Option<Selector<'a>>) {
        let (name, selector) = split_selector(asked);
        (self.name_of(name), selector)
    }

    pub(super) fn current(&self, name: &str) -> Option<&Stored> {
        self.parameters.get(name).and_then(VecDeque::back)
    }

    pub(super) fn version(&self, name: &str, version: u64) -> Option<&Stored> {
        self.parameters.get(name)?.iter().find(|stored| stored.version == version)
    }

    /// Adds a version and returns its number.
    pub(super) fn put(&mut self, name: String, new: NewValue, now: Time) -> u64 {
        let versions = self.parameters.entry(name.clone()).or_default();
        let version = versions.back().map_or(1, |last| last.version + 1);
        versions.push_back(Stored {
            name,
            kind: new.kind,
            value: new.value,
            data_type: new.data_type,
            version,
            modified: now,
        });
        if versions.len() > VERSIONS {
            versions.pop_front();
        }
        version
    }

    pub(super) fn delete(&mut self, asked: &str) -> bool {
        let name = self.name_of(asked).to_owned();
        self.parameters.remove(&name).is_some()
    }

    /// A page of the parameters under a path, in the order of their names, and whether there are more.
    pub(super) fn under(
        &self,
        path: &str,
        recursive: bool,
        after: Option<&str>,
        size: usize,
    ) -> (Vec<&Stored>, bool) {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let mut found = self
            .parameters
            .range(folder.clone()..)
            .take_while(|(name, _)| name.starts_with(&folder))
            .filter(|(name, _)| {
                let below = name.get(folder.len()..).unwrap_or_default();
                (recursive || !below.contains('/')) && after.is_none_or(|after| name.as_str() > after)
            })
            .filter_map(|(_, versions)| versions.back());
        let page: Vec<_> = found.by_ref().take(size).collect();
        let more = found.next().is_some();
        (page, more)
    }
}
