//! A secret, its versions, and the labels that say which version is which.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::{clock::Time, labels::Labels};

/// The version that is in use.
pub(super) const CURRENT: &str = "AWSCURRENT";
/// The version that was in use before.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// The version that a rotation is about to bring in use.
pub(super) const PENDING: &str = "AWSPENDING";

/// Versions beyond this number go, where no label holds them and they are older than [`FRESH`].
///
/// Source: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>
const VERSIONS: usize = 100;
const FRESH: Duration = Duration::from_hours(24);

/// What is kept secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// `SecretString`.
    Text(String),
    /// `SecretBinary`, in base64 as on the wire.
    Binary(String),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Content {
    /// Adds it to an answer, under the name that its kind has.
    pub(super) fn show(&self, answer: &mut Map<String, Value>) {
        let (name, value) = match self {
            Self::Text(text) => ("SecretString", text),
            Self::Binary(base64) => ("SecretBinary", base64),
        };
        answer.insert(name.to_owned(), value.as_str().into());
    }
}

/// One version of a secret.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) content: Content,
    /// Sorted, as AWS shows them. Empty for a deprecated version.
    pub(super) stages: BTreeSet<String>,
    /// The key that it was encrypted with, where it is not the account's own.
    pub(super) key: Option<String>,
    pub(super) created: Time,
    pub(super) accessed: Option<Time>,
}

/// When a secret was deleted, and when it is gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deletion {
    pub(super) at: Time,
    pub(super) gone: Time,
}

/// A secret.
#[derive(Debug, Clone)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) kind: Option<String>,
    pub(super) description: Option<String>,
    pub(super) key: Option<String>,
    /// `None` where it never had any: AWS leaves the member out then.
    pub(super) tags: Option<Labels>,
    pub(super) policy: Option<String>,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
    pub(super) created: Time,
    pub(super) changed: Time,
    pub(super) deletion: Option<Deletion>,
}

impl Secret {
    pub(super) fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    pub(super) fn staged(&self, stage: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.stages.contains(stage))
    }

    /// When one of its versions was last read.
    pub(super) fn accessed(&self) -> Option<Time> {
        self.versions.iter().filter_map(|version| version.accessed).max()
    }

    /// Adds a version with these labels, each of which leaves the version that had it.
    ///
    /// The first version is in use whatever its labels are. Source: API_PutSecretValue.html.
    pub(super) fn add(&mut self, id: &str, content: Content, stages: &BTreeSet<String>, now: Time) {
        let is_first = self.versions.is_empty();
        let key = self.key.clone();
        self.versions.push(Version {
            id: id.to_owned(),
            content,
            stages: BTreeSet::new(),
            key,
            created: now,
            accessed: None,
        });
        for stage in stages {
            self.attach(stage, id);
        }
        if is_first || stages.is_empty() {
            self.attach(CURRENT, id);
        }
        self.changed = now;
        self.forget_deprecated(now);
    }

    /// Moves a label to a version.
    ///
    /// Where the version in use changes, the one before becomes the previous one, and is no longer
    /// pending. Source: API_UpdateSecretVersionStage.html; read-backs that LocalStack's tests recorded
    /// from AWS (`test_update_secret_version_stages_*`).
    pub(super) fn attach(&mut self, stage: &str, id: &str) {
        let before = self.detach(stage).filter(|before| before != id);
        if let (CURRENT, Some(before)) = (stage, before) {
            self.detach(PREVIOUS);
            if let Some(version) = self.versions.iter_mut().find(|version| version.id == before) {
                version.stages.remove(PENDING);
                version.stages.insert(PREVIOUS.to_owned());
            }
        }
        if let Some(version) = self.versions.iter_mut().find(|version| version.id == id) {
            version.stages.insert(stage.to_owned());
            if stage == CURRENT {
                version.stages.remove(PREVIOUS);
            }
        }
    }

    /// Takes a label off; says which version had it.
    pub(super) fn detach(&mut self, stage: &str) -> Option<String> {
        let version = self.versions.iter_mut().find(|version| version.stages.contains(stage))?;
        version.stages.remove(stage);
        Some(version.id.clone())
    }

    fn forget_deprecated(&mut self, now: Time) {
        let mut surplus = self.versions.len().saturating_sub(VERSIONS);
        self.versions.retain(|version| {
            let goes = surplus > 0 && version.stages.is_empty() && now.since(version.created) > FRESH;
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// The labels of each version that has any.
    pub(super) fn stages(&self) -> BTreeMap<&str, &BTreeSet<String>> {
        let labelled = self.versions.iter().filter(|version| !version.stages.is_empty());
        labelled.map(|version| (version.id.as_str(), &version.stages)).collect()
    }
}
