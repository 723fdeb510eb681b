//! What git says of a folder of manifests: which commit it is, and what is not in it.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    process::Output,
};

use coxswain_manifest::{Provenance, SourceFile};
use tokio::process::Command;

/// A folder in a work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// The commit that is checked out, where there is one yet.
    pub(crate) commit: Option<Commit>,
    /// Manifests that differ from the commit, are not in it, or are gone from it.
    pub(crate) uncommitted: Vec<String>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    hash: String,
    author: String,
    message: String,
}

/// Why git does not say it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// It cannot be run.
    #[error("git cannot be run")]
    Start(#[source] io::Error),
    /// It refuses.
    #[error("git refuses: {0}")]
    Refused(String),
}

impl Checkout {
    /// What git says of the folder and of the files that were read from it; nothing outside of a work tree.
    ///
    /// Only the folder counts: what somebody edits beside it is not published.
    pub(crate) async fn of(folder: &Path, files: &[SourceFile]) -> Result<Option<Self>, GitError> {
        let Ok(folder) = folder.canonicalize() else { return Ok(None) };
        if !folder.ancestors().any(|above| above.join(".git").exists()) {
            return Ok(None);
        }
        let prefix = text(&git(&folder, &["rev-parse", "--show-prefix"]).await?);
        let arguments = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignored", "--", "."];
        let status = git(&folder, &arguments).await?;
        let names = files.iter().map(|file| file.path.as_str()).collect();
        let uncommitted = uncommitted(&status.stdout, prefix.trim_end(), &names);
        // A repository without a commit has no HEAD.
        let has_commit = run(&folder, &["rev-parse", "--quiet", "--verify", "HEAD"]).await?.status.success();
        let commit = if has_commit {
            Commit::parse(&text(&git(&folder, &["log", "-1", "--format=%H%x00%an <%ae>%x00%B"]).await?))
        } else {
            None
        };
        Ok(Some(Self { commit, uncommitted }))
    }

    /// Where the manifests come from; a commit that is not all of it is marked as git itself does.
    pub(crate) fn provenance(&self) -> Provenance {
        let Some(commit) = &self.commit else { return Provenance::default() };
        let dirty = if self.uncommitted.is_empty() { "" } else { "-dirty" };
        Provenance {
            commit: Some(format!("{}{dirty}", commit.hash)),
            author: Some(commit.author.clone()),
            message: Some(commit.message.clone()),
        }
    }
}

impl Commit {
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(3, '\0').map(|field| field.trim().to_owned());
        Some(Self { hash: fields.next()?, author: fields.next()?, message: fields.next()? })
    }
}

async fn run(folder: &Path, arguments: &[&str]) -> Result<Output, GitError> {
    // Its own index is refreshed by whoever works in the tree, and not by us.
    let output = Command::new("git")
        .arg("--no-optional-locks")
        .args(arguments)
        .current_dir(folder)
        .kill_on_drop(true)
        .output();
    output.await.map_err(GitError::Start)
}

async fn git(folder: &Path, arguments: &[&str]) -> Result<Output, GitError> {
    let output = run(folder, arguments).await?;
    if output.status.success() {
        return Ok(output);
    }
    Err(GitError::Refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The manifests among the entries of `git status --porcelain=v1 -z`, as paths from the folder on.
///
/// Format: <https://git-scm.com/docs/git-status#_porcelain_format_version_1>
fn uncommitted(status: &[u8], prefix: &str, files: &BTreeSet<&str>) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut entries = status.split(|byte| *byte == 0);
    while let Some(entry) = entries.next() {
        let entry = String::from_utf8_lossy(entry);
        let Some((state, path)) = entry.split_at_checked(3) else { continue };
        let mut paths = vec![path.to_owned()];
        if state.contains(['R', 'C']) {
            // Where it was before follows as an entry of its own.
            paths.extend(entries.next().map(|from| String::from_utf8_lossy(from).into_owned()));
        }
        let is_tracked = !state.starts_with(['?', '!']);
        for path in paths {
            let Some(path) = path.strip_prefix(prefix) else { continue };
            if files.contains(path) || is_tracked && is_manifest(path) {
                found.insert(path.to_owned());
            }
        }
    }
    found.into_iter().collect()
}

/// Whether a file that is gone may have been a manifest.
fn is_manifest(path: &str) -> bool {
    let path = PathBuf::from(path);
    path.extension().and_then(|end| end.to_str()).is_some_and(|end| matches!(end, "yaml" | "yml" | "json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_that_differ_from_the_commit_are_named_and_other_files_are_not() {
        let status = b" M deploy/api.yaml\0?? deploy/new.yaml\0?? deploy/notes.yaml.swp\0!! deploy/secret.yaml\0\
            !! deploy/.coxswain/x.json\0 D deploy/gone.yaml\0R  deploy/b.yaml\0deploy/a.yaml\0 M deploy/README.md\0\
            ?? elsewhere/x.yaml\0";
        let files = BTreeSet::from(["api.yaml", "new.yaml", "secret.yaml", "b.yaml", "same.yaml"]);
        assert_eq!(
            uncommitted(status, "deploy/", &files),
            ["a.yaml", "api.yaml", "b.yaml", "gone.yaml", "new.yaml", "secret.yaml"]
        );
        assert_eq!(uncommitted(b"", "", &files), [""; 0]);
    }

    #[test]
    fn a_commit_that_is_not_all_of_it_is_marked() {
        let commit = Commit::parse("1a2b\0A. Person <a@example.com>\0Roll api\n\nBecause.\n").unwrap();
        let mut checkout = Checkout { commit: Some(commit), uncommitted: Vec::new() };
        let provenance = checkout.provenance();
        assert_eq!(provenance.commit.as_deref(), Some("1a2b"));
        assert_eq!(provenance.author.as_deref(), Some("A. Person <a@example.com>"));
        assert_eq!(provenance.message.as_deref(), Some("Roll api\n\nBecause."));
        checkout.uncommitted.push("api.yaml".to_owned());
        assert_eq!(checkout.provenance().commit.as_deref(), Some("1a2b-dirty"));
    }
}
