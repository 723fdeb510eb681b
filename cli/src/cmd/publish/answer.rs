//! What was published, or would be.

use coxswain_controller::source::{Publication, Published, SourcePlace};
use coxswain_manifest::{Bundle, ChangeKind, Loaded, ObjectChange, changes};
use serde::Serialize;

use crate::output::lines;

/// Fields of one object that are named in a line.
const MOST_FIELDS: usize = 8;

/// What was published, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    place: String,
    environment: String,
    /// Whether it differs from what stands there.
    is_new: bool,
    pub(super) is_dry_run: bool,
    sequence: u64,
    /// What to wait for.
    revision: String,
    /// Nothing where it is not published.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    objects: Vec<String>,
    /// Against what stood there.
    changes: Vec<ObjectChange>,
}

impl Answer {
    /// What publishing would do.
    pub(super) fn new(place: &SourcePlace, draft: &Bundle, before: &Published, loaded: &Loaded) -> Self {
        // One that is missing or broken, or that this version cannot read, is replaced: all of it is new.
        let standing = before.bundle.as_ref().and_then(|bundle| bundle.load().ok());
        let is_new = !before.holds(draft);
        let pointer = before.pointer.as_ref();
        let sequence = pointer.map_or(0, |pointer| pointer.sequence) + u64::from(is_new);
        let provenance = draft.provenance();
        Self {
            place: place.to_string(),
            environment: draft.environment().to_owned(),
            is_new,
            is_dry_run: false,
            sequence,
            revision: revision(sequence),
            digest: pointer.filter(|_| !is_new).map(|pointer| pointer.digest.to_string()),
            commit: provenance.commit,
            author: provenance.author,
            message: provenance.message,
            objects: loaded.keys().map(|key| format!("{}/{}", key.kind.lowercase(), key.name)).collect(),
            changes: changes(standing.as_ref(), loaded),
        }
    }

    /// It is done, as the place says.
    pub(super) fn is_done(&mut self, done: &Publication) {
        self.is_new = done.is_new;
        self.sequence = done.sequence;
        self.revision = revision(done.sequence);
        self.digest = Some(done.digest.to_string());
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Self { place, environment, sequence, .. } = self;
        if !self.is_new {
            let nothing = if self.is_dry_run { "nothing would be" } else { "nothing was" };
            return format!(
                "{place}: {environment} stands at {sequence} with the same manifests; {nothing} published"
            );
        }
        let verb = if self.is_dry_run { "would become" } else { "is now at" };
        let commit = self.commit.as_deref().map(|commit| format!(", commit {}", short(commit)));
        let commit = commit.unwrap_or_default();
        let mut text = vec![format!("{place}: {environment} {verb} {sequence}{commit}")];
        if self.changes.is_empty() {
            text.push("  no object differs; what moved within or between the files does".to_owned());
        }
        text.extend(self.changes.iter().map(change));
        lines(text)
    }
}

/// As much of a commit's hash as tells it from others.
pub(super) fn short(commit: &str) -> String {
    let (hash, dirty) = commit.split_at(commit.find('-').unwrap_or(commit.len()));
    hash.chars().take(12).collect::<String>() + dirty
}

/// The revision of a bundle whose inputs are as they were when it was taken.
fn revision(sequence: u64) -> String {
    format!("{sequence}.0")
}

pub(super) fn change(change: &ObjectChange) -> String {
    let object = &change.object;
    match change.change {
        ChangeKind::Added => format!("  + {object}"),
        ChangeKind::Removed => format!("  - {object}"),
        ChangeKind::Changed => {
            let named = change.fields.iter().take(MOST_FIELDS).cloned().collect::<Vec<_>>().join(", ");
            let more = change.fields.len().saturating_sub(MOST_FIELDS);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("  ~ {object}: {named}{more}")
        }
    }
}
