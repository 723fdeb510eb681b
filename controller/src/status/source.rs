//! What is said of the manifests themselves.

use coxswain_manifest::{Diagnostic, Severity};
use coxswain_plan::{ConditionType, Reason};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Condition, ConditionStatus};
use crate::{
    report::{Accepted, SourceReport},
    source::{Origin, Verification},
};

/// The number of problems that are listed; all are counted.
const PROBLEMS_LISTED: usize = 100;

/// What is said of the manifests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Where they are read from, for people.
    pub from: String,
    /// Whether bundles can be published there, as the replica knows that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_bundles: Option<bool>,
    /// The environment that they are of, where something stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// `SourceReady`; absent before the first reading.
    pub conditions: Vec<Condition>,
    /// Digest of what was read last, also where it could not be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_digest: Option<String>,
    /// Digest of what stands: the last that could be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// `<bundle sequence>.<input number>` of what stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The bundle that stands, where the manifests came as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleStatus>,
    /// Digest of the bundle that was refused last, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_bundle: Option<String>,
    /// The objects that stand.
    pub objects: Vec<String>,
    /// What is wrong, the first hundred.
    pub problems: Vec<Problem>,
    /// How many things are wrong.
    pub problem_count: usize,
    /// When they were read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub seen_at: Option<Timestamp>,
}

/// Why nothing can be published to what is read from there.
pub(crate) fn read_only(from: &str) -> String {
    format!(
        "the manifests are read from {from}, which nothing is published to: change them there, or give the \
         controller a source of bundles"
    )
}

/// A bundle, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BundleStatus {
    /// Its number.
    pub sequence: u64,
    /// Its own digest, under which it is kept.
    pub digest: String,
    /// The commit in git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Who made the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The commit's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl BundleStatus {
    fn of(accepted: &Accepted) -> Option<Self> {
        let Origin { digest, provenance } = accepted.origin.clone()?;
        Some(Self {
            sequence: accepted.sequence,
            digest: digest.to_string(),
            commit: provenance.commit,
            author: provenance.author,
            message: provenance.message,
        })
    }

    /// The commit and its author in a few words, where they are known.
    pub(crate) fn origin(&self) -> Option<String> {
        let commit = self.commit.as_deref().map(|commit| format!("commit {commit:.12}"));
        let author = self.author.as_deref().map(|author| format!("by {author}"));
        let title = self.message.as_deref().and_then(|message| message.lines().next());
        let title = title.map(|title| format!("{title:?}"));
        let words: Vec<String> = [commit, author, title].into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}

/// Something that is wrong with the manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The fault's name.
    pub code: String,
    /// Whether it only warns.
    pub is_warning: bool,
    /// The object that it is in, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// `api.yaml:14:16`.
    pub location: String,
    /// The field's path; empty where none is meant.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl SourceStatus {
    /// Before the first reading.
    pub(crate) fn unread() -> Self {
        Self {
            from: String::new(),
            takes_bundles: None,
            environment: None,
            conditions: Vec::new(),
            seen_digest: None,
            digest: None,
            revision: None,
            bundle: None,
            refused_bundle: None,
            objects: Vec::new(),
            problems: Vec::new(),
            problem_count: 0,
            seen_at: None,
        }
    }

    /// After one more reading.
    pub(crate) fn after(&self, report: &SourceReport) -> Self {
        let found = super::condition::Found {
            kind: ConditionType::SourceReady,
            status: report.is_ready.into(),
            reason: report.reason,
            message: report.message.clone(),
        };
        let accepted = report.accepted.as_ref();
        let verified = accepted.and_then(|accepted| accepted.verification.clone());
        let verified = verified.map(|Verification { is_verified, reason, message }| {
            let status = is_verified.into();
            super::condition::Found { kind: ConditionType::SourceVerified, status, reason, message }
        });
        let revision = accepted.map(|accepted| accepted.revision.clone());
        let found = std::iter::once(found).chain(verified).collect();
        Self {
            from: report.from.clone(),
            takes_bundles: None,
            environment: report.objects.first().map(|key| key.environment.clone()),
            conditions: super::condition::merged(&self.conditions, found, revision.as_ref(), report.at),
            seen_digest: report.seen.as_ref().map(ToString::to_string),
            digest: accepted.map(|accepted| accepted.digest.to_string()),
            revision,
            bundle: accepted.and_then(BundleStatus::of),
            refused_bundle: report.refused.as_ref().map(ToString::to_string),
            objects: report
                .objects
                .iter()
                .map(|key| format!("{}/{}", key.kind.lowercase(), key.name))
                .collect(),
            problems: report.diagnostics.iter().take(PROBLEMS_LISTED).map(Problem::from).collect(),
            problem_count: report.diagnostics.len(),
            seen_at: Some(report.at),
        }
    }

    /// Why nothing can be published there, where that is so.
    pub fn read_only(&self) -> Option<String> {
        (self.takes_bundles == Some(false)).then(|| read_only(&self.from))
    }

    /// Whether both say the same, the time of reading aside.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        Self { seen_at: self.seen_at, ..other.clone() } == *self
    }

    /// Whether the manifests could be used whole at the last reading.
    pub fn is_ready(&self) -> bool {
        self.ready().is_some_and(|condition| condition.status == ConditionStatus::True)
    }

    /// The condition that says whether they could be used; nothing before the first reading.
    pub fn ready(&self) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == ConditionType::SourceReady)
    }

    /// Why, where they could not.
    pub fn reason(&self) -> Option<Reason> {
        self.ready().map(|condition| condition.reason)
    }
}

impl From<&Diagnostic> for Problem {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            code: diagnostic.code.to_string(),
            is_warning: diagnostic.severity == Severity::Warning,
            object: diagnostic.object.as_ref().map(|key| format!("{}/{}", key.kind.lowercase(), key.name)),
            location: diagnostic.location.to_string(),
            field: diagnostic.field.clone(),
            message: diagnostic.message.clone(),
        }
    }
}
