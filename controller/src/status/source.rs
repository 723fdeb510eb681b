//! What is said of the manifests themselves.

use coxswain_manifest::{Diagnostic, Severity};
use coxswain_plan::{ConditionType, Reason};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Condition, ConditionStatus};
use crate::report::SourceReport;

/// The number of problems that are listed; all are counted.
const PROBLEMS_LISTED: usize = 100;

/// What is said of the manifests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Where they are read from, for people.
    pub from: String,
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
            conditions: Vec::new(),
            seen_digest: None,
            digest: None,
            revision: None,
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
        let revision = report.accepted.as_ref().map(|(revision, _)| revision.clone());
        Self {
            from: report.from.clone(),
            conditions: super::condition::merged(&self.conditions, vec![found], revision.as_ref(), report.at),
            seen_digest: report.seen.as_ref().map(ToString::to_string),
            digest: report.accepted.as_ref().map(|(_, digest)| digest.to_string()),
            revision,
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

    /// Whether the manifests could be used whole at the last reading.
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().any(|condition| condition.status == ConditionStatus::True)
    }

    /// Why, where they could not.
    pub fn reason(&self) -> Option<Reason> {
        self.conditions.first().map(|condition| condition.reason)
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
