//! What the directory store promises beyond the others: about files that are not as it left them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test fail as tests do")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use coxswain_store::{Damage, DirectoryStore, Expect, Finding, Path, Remedy, Store, StoreError};
use tempfile::TempDir;

fn path(text: &str) -> Path {
    Path::new(text).unwrap()
}

struct Fixture {
    directory: TempDir,
    store: DirectoryStore,
}

impl Fixture {
    /// A store in `state` of a temporary directory, with `records/api` in it.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(directory.path().join("state")).await.unwrap();
        store.put(&path("records/api"), b"{\"good\":true}".into(), Expect::Absent).await.unwrap();
        Self { directory, store }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("state").join(name)
    }
}

/// The file and the damage of a refusal.
fn damage<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> (String, Damage) {
    let error = answer.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Mend);
    match error {
        StoreError::Corrupt { location, damage, .. } => (location, damage),
        other => panic!("not about damage: {other:?}"),
    }
}

#[tokio::test]
async fn entries_outlive_the_store_that_wrote_them() {
    let fixture = Fixture::new().await;
    let before = fixture.store.get(&path("records/api")).await.unwrap();
    drop(fixture.store);
    let store = DirectoryStore::open(fixture.directory.path().join("state")).await.unwrap();
    assert_eq!(store.get(&path("records/api")).await.unwrap(), before);
    assert!(before.is_some());
}

#[tokio::test]
async fn a_torn_partial_file_is_never_seen_and_the_next_open_takes_it_away() {
    let fixture = Fixture::new().await;
    let partial = fixture.file("+partial");
    fs::write(&partial, "coxswain-store 1 records/api 0123 half a ch").unwrap();
    let names = fixture.store.list("").await.unwrap();
    assert_eq!(names, [path("records/api")]);
    assert_eq!(fixture.store.audit().await.unwrap(), []);
    DirectoryStore::open(fixture.directory.path().join("state")).await.unwrap();
    assert!(!partial.exists());
}

#[tokio::test]
async fn a_write_over_a_torn_partial_file_keeps_nothing_of_it() {
    let fixture = Fixture::new().await;
    fs::write(fixture.file("+partial"), "x".repeat(10_000)).unwrap();
    fixture.store.put(&path("new"), b"short".into(), Expect::Absent).await.unwrap();
    assert_eq!(fixture.store.get(&path("new")).await.unwrap().unwrap().bytes, b"short");
    assert!(!fixture.file("+partial").exists());
}

#[tokio::test]
async fn an_edited_entry_is_refused_by_name_and_neither_overwritten_nor_deleted() {
    let fixture = Fixture::new().await;
    let file = fixture.file("records/api+entry");
    let at = path("records/api");
    let version = fixture.store.get(&at).await.unwrap().unwrap().version;
    let edited = fs::read_to_string(&file).unwrap().replace("true", "false");
    fs::write(&file, &edited).unwrap();

    let expected = (file.display().to_string(), Damage::Checksum);
    assert_eq!(damage(fixture.store.get(&at).await), expected);
    let expect = Expect::Version(version.clone());
    assert_eq!(damage(fixture.store.put(&at, b"new".into(), expect).await), expected);
    assert_eq!(damage(fixture.store.put(&at, b"new".into(), Expect::Absent).await), expected);
    assert_eq!(damage(fixture.store.delete(&at, version).await), expected);
    assert_eq!(fs::read_to_string(&file).unwrap(), edited);
}

#[tokio::test]
async fn an_entry_that_was_copied_to_another_name_is_refused() {
    let fixture = Fixture::new().await;
    fs::copy(fixture.file("records/api+entry"), fixture.file("records/web+entry")).unwrap();
    let (_, damage) = damage(fixture.store.get(&path("records/web")).await);
    assert_eq!(damage, Damage::Moved { found: "records/api".to_owned() });
}

#[tokio::test]
async fn an_audit_names_every_file_that_is_no_sound_entry() {
    let fixture = Fixture::new().await;
    let files = [".DS_Store", "notes.txt", "records/+entry", "records/api.yaml", "records/cut+entry"];
    for file in files {
        fs::write(fixture.file(file), "whatever").unwrap();
    }
    fs::create_dir(fixture.file("lost+found")).unwrap();
    std::os::unix::fs::symlink("/", fixture.file("root")).unwrap();

    let findings = fixture.store.audit().await.unwrap();
    let mut expected: Vec<Finding> = files
        .iter()
        .chain(&["lost+found", "root"])
        .map(|file| Finding { location: fixture.file(file), damage: Damage::Foreign })
        .collect();
    expected.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    assert_eq!(findings, expected);
    // Foreign files are left out of lists; what has an entry's name is listed, and refused when read.
    assert_eq!(fixture.store.list("").await.unwrap(), [path("records/api"), path("records/cut")]);
}

#[tokio::test]
async fn a_store_whose_directory_has_gone_is_unavailable_and_not_empty() {
    let fixture = Fixture::new().await;
    let at = path("records/api");
    let version = fixture.store.get(&at).await.unwrap().unwrap().version;
    fs::rename(fixture.file(""), fixture.directory.path().join("moved")).unwrap();
    // An unmounted file system leaves its empty mount point behind.
    fs::create_dir(fixture.file("")).unwrap();

    let refused = |error: StoreError| {
        assert!(matches!(error, StoreError::Unavailable { in_doubt: false, .. }), "{error:?}");
        assert_eq!(error.remedy(), Remedy::Repeat);
    };
    refused(fixture.store.get(&at).await.unwrap_err());
    refused(fixture.store.list("").await.unwrap_err());
    refused(fixture.store.put(&path("new"), b"x".into(), Expect::Absent).await.unwrap_err());
    refused(fixture.store.delete(&at, version).await.unwrap_err());
    assert_eq!(fs::read_dir(fixture.file("")).unwrap().count(), 0, "something was written");
}

#[tokio::test]
async fn a_write_that_fails_before_its_effect_says_so_and_leaves_the_old_entry() {
    let fixture = Fixture::new().await;
    // A file in the way of a directory: the rename cannot be reached.
    fs::write(fixture.file("records/blocked"), "in the way").unwrap();
    let answer = fixture.store.put(&path("records/blocked/api"), b"x".into(), Expect::Absent).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { in_doubt: false, .. }), "{error:?}");
    assert_eq!(fixture.store.list("").await.unwrap(), [path("records/api")]);
}

#[tokio::test]
async fn directories_that_a_delete_leaves_empty_go_with_it_and_the_root_stays() {
    let fixture = Fixture::new().await;
    let deep = path("records/prod/Service/api");
    let version = fixture.store.put(&deep, b"x".into(), Expect::Absent).await.unwrap();
    fixture.store.delete(&deep, version).await.unwrap();
    assert!(!fixture.file("records/prod").exists());
    let at = path("records/api");
    let version = fixture.store.get(&at).await.unwrap().unwrap().version;
    fixture.store.delete(&at, version).await.unwrap();
    assert!(!fixture.file("records").exists());
    assert_eq!(fixture.store.list("").await.unwrap(), []);
}

#[tokio::test]
async fn files_and_directories_are_their_owners_alone() {
    let fixture = Fixture::new().await;
    for (name, mode) in [("", 0o700), ("records", 0o700), ("records/api+entry", 0o600), ("+lock", 0o600)] {
        let actual = fs::metadata(fixture.file(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(actual, mode, "of {name:?}");
    }
}

#[tokio::test]
async fn errors_name_the_path_and_leave_the_cause_to_their_source() {
    let fixture = Fixture::new().await;
    let conflict = fixture.store.put(&path("records/api"), Vec::new(), Expect::Absent).await.unwrap_err();
    let text = conflict.to_string();
    assert!(text.starts_with("`records/api` is not as expected: it has version "), "{text}");

    fs::write(fixture.file("records/api+entry"), "no entry at all\n").unwrap();
    let corrupt = fixture.store.get(&path("records/api")).await.unwrap_err();
    let file = fixture.file("records/api+entry");
    assert_eq!(
        corrupt.to_string(),
        format!("`records/api` is not an entry of this store ({})", file.display())
    );
    let source = std::error::Error::source(&corrupt).unwrap().to_string();
    assert_eq!(source, "it does not begin with the line of an entry");
}
