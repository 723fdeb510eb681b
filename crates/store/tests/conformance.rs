//! What every kind of store promises: one list of cases, run over each.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of a test fail as tests do"
)]

mod moto;

use std::future::Future;
use std::sync::Arc;

use coxswain_store::{
    DirectoryStore, Entry, Expect, MemoryStore, Path, Remedy, S3Store, Store, StoreError, Version,
};

fn path(text: &str) -> Path {
    Path::new(text).unwrap()
}

async fn create(store: &dyn Store, at: &str, bytes: &str) -> Version {
    store.put(&path(at), bytes.into(), Expect::Absent).await.unwrap()
}

async fn text(store: &dyn Store, at: &str) -> Option<String> {
    let entry = store.get(&path(at)).await.unwrap();
    entry.map(|Entry { bytes, .. }| String::from_utf8(bytes).unwrap())
}

async fn names(store: &dyn Store, prefix: &str) -> Vec<String> {
    store.list(prefix).await.unwrap().iter().map(ToString::to_string).collect()
}

/// The version that a refused call says stands there.
fn conflict<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Option<Version> {
    let error = answer.unwrap_err();
    assert_eq!(error.remedy(), Remedy::ReadAgain);
    match error {
        StoreError::Conflict { current, .. } => current,
        other => panic!("not a conflict: {other:?}"),
    }
}

async fn an_entry_comes_back_as_it_was_put_under_the_version_of_its_put(store: Arc<dyn Store>) {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let version = store.put(&path("a/b"), bytes.clone(), Expect::Absent).await.unwrap();
    assert_eq!(store.get(&path("a/b")).await.unwrap(), Some(Entry { bytes, version }));
}

async fn an_empty_entry_is_an_entry(store: Arc<dyn Store>) {
    create(&*store, "empty", "").await;
    assert_eq!(text(&*store, "empty").await.as_deref(), Some(""));
    assert_eq!(names(&*store, "").await, ["empty"]);
}

async fn what_was_never_put_is_absent(store: Arc<dyn Store>) {
    assert_eq!(store.get(&path("nothing/here")).await.unwrap(), None);
    create(&*store, "a/b", "x").await;
    assert_eq!(store.get(&path("a")).await.unwrap(), None);
    assert_eq!(store.get(&path("a/b/c")).await.unwrap(), None);
}

async fn creating_what_exists_is_a_conflict_and_changes_nothing(store: Arc<dyn Store>) {
    let version = create(&*store, "a", "first").await;
    let again = store.put(&path("a"), b"second".into(), Expect::Absent).await;
    assert_eq!(conflict(again), Some(version));
    assert_eq!(text(&*store, "a").await.as_deref(), Some("first"));
}

async fn replacing_takes_the_version_that_stands_and_no_other(store: Arc<dyn Store>) {
    let first = create(&*store, "a", "first").await;
    let second = store.put(&path("a"), b"second".into(), Expect::Version(first.clone())).await.unwrap();
    let late = store.put(&path("a"), b"late".into(), Expect::Version(first)).await;
    assert_eq!(conflict(late), Some(second.clone()));
    assert_eq!(text(&*store, "a").await.as_deref(), Some("second"));
    store.put(&path("a"), b"third".into(), Expect::Version(second)).await.unwrap();
    assert_eq!(text(&*store, "a").await.as_deref(), Some("third"));
}

async fn replacing_what_is_absent_is_a_conflict_and_creates_nothing(store: Arc<dyn Store>) {
    let elsewhere = create(&*store, "a", "x").await;
    assert_eq!(conflict(store.put(&path("b"), b"x".into(), Expect::Version(elsewhere)).await), None);
    assert_eq!(names(&*store, "").await, ["a"]);
}

async fn the_same_bytes_again_are_another_version(store: Arc<dyn Store>) {
    let mut versions = vec![create(&*store, "a", "A").await];
    for bytes in ["B", "A", "A"] {
        let last = versions.last().unwrap().clone();
        versions.push(store.put(&path("a"), bytes.into(), Expect::Version(last)).await.unwrap());
    }
    for (index, version) in versions.iter().enumerate() {
        assert!(!versions[..index].contains(version), "version {index} was there before");
    }
    let stale = store.put(&path("a"), b"C".into(), Expect::Version(versions[0].clone())).await;
    assert_eq!(conflict(stale).as_ref(), versions.last());
}

async fn an_entry_created_after_a_delete_is_another_version(store: Arc<dyn Store>) {
    let first = create(&*store, "a", "A").await;
    store.delete(&path("a"), first.clone()).await.unwrap();
    let second = create(&*store, "a", "A").await;
    assert_ne!(first, second);
    assert_eq!(conflict(store.delete(&path("a"), first).await), Some(second));
}

async fn deleting_takes_the_version_that_stands_and_no_other(store: Arc<dyn Store>) {
    let first = create(&*store, "a", "first").await;
    let second = store.put(&path("a"), b"second".into(), Expect::Version(first.clone())).await.unwrap();
    assert_eq!(conflict(store.delete(&path("a"), first).await), Some(second.clone()));
    assert_eq!(text(&*store, "a").await.as_deref(), Some("second"));
    store.delete(&path("a"), second.clone()).await.unwrap();
    assert_eq!(text(&*store, "a").await, None);
    assert_eq!(conflict(store.delete(&path("a"), second).await), None);
}

async fn a_path_and_paths_below_it_are_entries_of_their_own(store: Arc<dyn Store>) {
    let above = create(&*store, "a", "above").await;
    let below = create(&*store, "a/b", "below").await;
    assert_eq!(text(&*store, "a").await.as_deref(), Some("above"));
    assert_eq!(text(&*store, "a/b").await.as_deref(), Some("below"));
    store.delete(&path("a"), above).await.unwrap();
    assert_eq!(names(&*store, "").await, ["a/b"]);
    store.delete(&path("a/b"), below).await.unwrap();
    assert_eq!(names(&*store, "").await, Vec::<String>::new());
}

async fn a_list_is_complete_and_in_byte_order(store: Arc<dyn Store>) {
    let paths = ["b", "a/z", "a.b", "a-b", "a", "a/b/c", "B", "a=1", "a_1", "a/b"];
    for at in paths {
        create(&*store, at, at).await;
    }
    let mut sorted = paths;
    sorted.sort_unstable();
    assert_eq!(names(&*store, "").await, sorted);
}

async fn a_prefix_is_compared_by_character_and_a_slash_ends_a_segment(store: Arc<dyn Store>) {
    for at in ["records/prod/api", "records/prod/api2", "records/prod2/api", "records/prod", "other"] {
        create(&*store, at, "x").await;
    }
    let cases: [(&str, &[&str]); 7] = [
        ("records/prod/", &["records/prod/api", "records/prod/api2"]),
        ("records/prod", &["records/prod", "records/prod/api", "records/prod/api2", "records/prod2/api"]),
        ("records/prod/api", &["records/prod/api", "records/prod/api2"]),
        ("rec", &["records/prod", "records/prod/api", "records/prod/api2", "records/prod2/api"]),
        ("records/prod/api/", &[]),
        ("nothing", &[]),
        ("nothing/at/all/", &[]),
    ];
    for (prefix, expected) in cases {
        assert_eq!(names(&*store, prefix).await, expected, "under {prefix:?}");
    }
}

async fn a_prefix_that_is_no_part_of_a_path_lists_nothing(store: Arc<dyn Store>) {
    create(&*store, "a/b", "x").await;
    for prefix in ["/", "../", "a/../", "..", "a//", "/etc/", "a/./", "*", "a/b\0/", "+"] {
        assert_eq!(names(&*store, prefix).await, Vec::<String>::new(), "under {prefix:?}");
    }
}

async fn of_many_writers_that_create_exactly_one_succeeds(store: Arc<dyn Store>) {
    let at = path("lease");
    let puts = (0..16).map(|writer: u8| store.put(&at, vec![writer], Expect::Absent));
    let answers = futures::future::join_all(puts).await;
    let winners: Vec<usize> = (0..16).filter(|writer| answers[*writer].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    assert_eq!(usize::from(store.get(&at).await.unwrap().unwrap().bytes[0]), winners[0]);
}

async fn no_increment_of_many_tasks_is_lost(store: Arc<dyn Store>) {
    let increment = || async {
        let at = path("counter");
        for _ in 0..10 {
            loop {
                let read = store.get(&at).await.unwrap();
                let expect = Expect::from(read.as_ref());
                let count = read.map_or(0, |entry| u32::from_be_bytes(entry.bytes.try_into().unwrap()));
                match store.put(&at, (count + 1).to_be_bytes().into(), expect).await {
                    Ok(_) => break,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    };
    futures::future::join_all((0..8).map(|_| increment())).await;
    assert_eq!(store.get(&path("counter")).await.unwrap().unwrap().bytes, 80_u32.to_be_bytes());
}

/// Makes a test of each case over each kind of store.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $case() { super::on_memory(super::$case).await; })*
        }
        mod directory {
            $(#[tokio::test] async fn $case() { super::on_directory(super::$case).await; })*
        }
        mod s3 {
            $(#[tokio::test] async fn $case() { super::on_s3(super::$case).await; })*
        }
    };
}

async fn on_memory<F: Future<Output = ()>>(case: impl Fn(Arc<dyn Store>) -> F) {
    case(Arc::new(MemoryStore::new())).await;
}

async fn on_directory<F: Future<Output = ()>>(case: impl Fn(Arc<dyn Store>) -> F) {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(directory.path().join("state")).await.unwrap();
    case(Arc::new(store.clone())).await;
    assert_eq!(store.audit().await.unwrap(), [], "the case left something unsound behind");
}

/// Under a prefix, beside a namesake's objects, which no case may see.
async fn on_s3<F: Future<Output = ()>>(case: impl Fn(Arc<dyn Store>) -> F) {
    let (client, bucket) = moto::bucket().await;
    let beside = S3Store::new(&client, bucket.as_str(), "state2/").unwrap();
    create(&beside, "a/b", "beside").await;
    let store = S3Store::new(&client, bucket, "state/").unwrap();
    case(Arc::new(store)).await;
    assert_eq!(names(&beside, "").await, ["a/b"], "the case reached beyond its prefix");
}

cases! {
    an_entry_comes_back_as_it_was_put_under_the_version_of_its_put,
    an_empty_entry_is_an_entry,
    what_was_never_put_is_absent,
    creating_what_exists_is_a_conflict_and_changes_nothing,
    replacing_takes_the_version_that_stands_and_no_other,
    replacing_what_is_absent_is_a_conflict_and_creates_nothing,
    the_same_bytes_again_are_another_version,
    an_entry_created_after_a_delete_is_another_version,
    deleting_takes_the_version_that_stands_and_no_other,
    a_path_and_paths_below_it_are_entries_of_their_own,
    a_list_is_complete_and_in_byte_order,
    a_prefix_is_compared_by_character_and_a_slash_ends_a_segment,
    a_prefix_that_is_no_part_of_a_path_lists_nothing,
    of_many_writers_that_create_exactly_one_succeeds,
    no_increment_of_many_tasks_is_lost,
}
