//! Plain files: a prefix comes to hold exactly the manifests of a folder.

use std::sync::Arc;

use coxswain_controller::source::{Folder, Upload};
use coxswain_manifest::{Loaded, ObjectChange, Provenance, SourceFile, changes};
use serde::Serialize;

use super::{
    answer::{change, short},
    refusal::upload_refusal,
};
use crate::{
    arguments::{OneOutput, PublishArguments},
    exit::{Exit, Failure},
    output::{Terminal, lines},
};

/// What was published, or would be. Plain files have no number: whoever reads them gives them one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    place: String,
    environment: String,
    /// Whether anything is or was to be written.
    is_new: bool,
    is_dry_run: bool,
    /// What a controller's status calls the manifests by, once it has taken them.
    documents_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Files that differ, or are new.
    written: Vec<String>,
    /// Files that are not among the manifests.
    removed: Vec<String>,
    /// Those of both that were not put there by `cox publish`.
    foreign: Vec<String>,
    objects: Vec<String>,
    /// Against what stood there.
    changes: Vec<ObjectChange>,
}

pub(super) async fn run(
    arguments: &PublishArguments,
    folder: Arc<dyn Folder>,
    files: Vec<SourceFile>,
    provenance: Provenance,
    loaded: &Loaded,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let place = &arguments.to;
    let preparing = Upload::prepare(folder, files);
    let upload = terminal.waiting(&format!("reading {place}"), preparing).await;
    let upload = upload.map_err(|error| upload_refusal(place, &error))?;
    let Provenance { commit, author, message } = provenance;
    let named = |path: &str| path.to_owned();
    let answer = Answer {
        place: place.to_string(),
        environment: upload.environment().to_owned(),
        is_new: upload.is_new(),
        is_dry_run: arguments.dry_run,
        documents_digest: upload.documents().to_string(),
        commit,
        author,
        message,
        written: upload.written().map(named).collect(),
        removed: upload.removed().map(named).collect(),
        foreign: upload.foreign().to_vec(),
        objects: loaded.keys().map(|key| format!("{}/{}", key.kind.lowercase(), key.name)).collect(),
        changes: changes(upload.before().as_ref(), loaded),
    };
    if !arguments.dry_run {
        let writing = upload.run(arguments.replace_foreign);
        let done = terminal.waiting(&format!("publishing to {place}"), writing).await;
        done.map_err(|error| upload_refusal(place, &error))?;
    }
    match arguments.output {
        OneOutput::Json => terminal.own_document("Publication", &answer)?,
        OneOutput::Text => terminal.answer(&answer.text())?,
    }
    Ok(Exit::Done)
}

impl Answer {
    /// For people.
    fn text(&self) -> String {
        let Self { place, environment, written, removed, .. } = self;
        if !self.is_new {
            let nothing = if self.is_dry_run { "nothing would be" } else { "nothing was" };
            return format!("{place}: {environment} has the same files there; {nothing} written");
        }
        let verb = if self.is_dry_run { "would be" } else { "is" };
        let commit = self.commit.as_deref().map(|commit| format!(", commit {}", short(commit)));
        let mut text = vec![format!(
            "{place}: {environment} {verb} published{}: {} written, {} removed",
            commit.unwrap_or_default(),
            count(written.len()),
            count(removed.len()),
        )];
        text.extend(self.changes.iter().map(change));
        if self.is_dry_run && !self.foreign.is_empty() {
            let files = self.foreign.join(", ");
            text.push(format!(
                "  refused without --replace-foreign, for it was not published there: {files}"
            ));
        }
        lines(text)
    }
}

fn count(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    }
}
