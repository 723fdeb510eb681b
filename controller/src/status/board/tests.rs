use std::sync::Arc;

use coxswain_store::{MemoryStore, Path};

use super::*;
use crate::status::{
    MASK, Outcome,
    fixture::{at, drifted, failed, in_sync, key, source},
};

fn board(store: &Arc<MemoryStore>) -> StatusBoard {
    StatusBoard::new(store.clone(), Arc::new(Metrics::new()), at(0))
}

fn messages(board: &StatusBoard) -> Vec<String> {
    board.events(None, 100).into_iter().map(|event| format!("{}: {}", event.reason, event.message)).collect()
}

async fn version(store: &MemoryStore) -> String {
    let path = Path::new("v1/dev/status/service/api.json").unwrap();
    store.get(&path).await.unwrap().unwrap().version.to_string()
}

#[tokio::test]
async fn transition_times_survive_a_restart() {
    let store = Arc::new(MemoryStore::default());
    board(&store).object(in_sync(1)).await;
    let restarted = board(&store);
    restarted.object(in_sync(500)).await;
    let status = restarted.service("api").unwrap();
    let synced = status.condition(ConditionType::Synced).unwrap();
    assert_eq!(synced.last_transition_time, at(1));
    assert_eq!(status.seen_at, Some(at(500)));
}

#[tokio::test]
async fn after_a_restart_nothing_is_claimed_before_the_first_look() {
    let store = Arc::new(MemoryStore::default());
    board(&store).object(in_sync(1)).await;
    let restarted = board(&store);
    restarted.source(source(2)).await;
    let status = restarted.service("api").unwrap();
    assert_eq!((status.sync, status.health), (Sync::Unknown, Health::Unknown));
    assert_eq!(restarted.words(), [(Sync::Unknown, Health::Unknown)]);
}

#[tokio::test]
async fn a_look_that_finds_nothing_new_writes_nothing() {
    let store = Arc::new(MemoryStore::default());
    let board = board(&store);
    board.object(in_sync(1)).await;
    let first = version(&store).await;
    board.object(in_sync(2)).await;
    assert_eq!(version(&store).await, first);
    board.object(drifted(3)).await;
    assert_ne!(version(&store).await, first);
}

#[tokio::test]
async fn drift_is_named_field_by_field_and_no_secret_is_kept_or_shown() {
    let store = Arc::new(MemoryStore::default());
    let board = board(&store);
    board.object(drifted(1)).await;
    let status = board.service("api").unwrap();
    assert_eq!(status.sync, Sync::Drifted);
    assert_eq!(status.summary, "desiredCount and 1 more differ");
    let paths: Vec<_> = status.differences.iter().map(|difference| difference.path.as_str()).collect();
    assert_eq!(paths, ["desiredCount", "containerDefinitions[api].environment[TOKEN]"]);
    assert_eq!(status.differences[1].live, Some(MASK.into()));
    for path in store.list("").await.unwrap() {
        let entry = store.get(&path).await.unwrap().unwrap();
        let text = String::from_utf8(entry.bytes).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("letmein"), "{path}");
    }
}

#[tokio::test]
async fn what_a_look_changed_is_told_once() {
    let store = Arc::new(MemoryStore::default());
    let board = board(&store);
    board.object(in_sync(1)).await;
    let before = board.events(None, 100).len();
    board.object(drifted(2)).await;
    let told = messages(&board).split_off(before);
    assert_eq!(
        told,
        [
            "Drifted: desiredCount and 1 more differ",
            "Drifted: UpdateService: somebody else changed desiredCount"
        ]
    );
    board.object(in_sync(3)).await;
    board.object(in_sync(4)).await;
    assert_eq!(messages(&board).split_off(before + 2), ["InSync: every field of the manifest is live"]);
}

#[tokio::test]
async fn a_failed_rollout_is_in_the_history_once_and_over_a_restart() {
    let store = Arc::new(MemoryStore::default());
    let first = board(&store);
    first.object(failed(100)).await;
    assert_eq!(first.service("api").unwrap().sync, Sync::Held);
    let restarted = board(&store);
    restarted.object(failed(100)).await;
    let history = restarted.history(&key()).await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].outcome, Outcome::Failed);
    assert_eq!(history[0].cause.as_ref().and_then(|cause| cause.exit_code), Some(2));
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_left_alone() {
    let store = Arc::new(MemoryStore::default());
    let path = Path::new("v1/dev/history/service/api.json").unwrap();
    let foreign = br#"{"schema": 99, "value": []}"#.to_vec();
    store.put(&path, foreign.clone(), coxswain_store::Expect::Absent).await.unwrap();
    let board = board(&store);
    board.object(failed(100)).await;
    assert_eq!(store.get(&path).await.unwrap().unwrap().bytes, foreign);
    assert_eq!(board.history(&key()).await.len(), 1);
}

#[tokio::test]
async fn a_program_that_ends_says_nothing_of_its_objects() {
    let store = Arc::new(MemoryStore::default());
    let board = board(&store);
    board.object(in_sync(1)).await;
    let mut report = Report::begin(&key(), at(2));
    report.error = Some(PhaseError::Draining);
    board.object(report).await;
    assert_eq!(board.service("api").unwrap().sync, Sync::Synced);
}

#[tokio::test]
async fn followers_hear_of_every_report() {
    let store = Arc::new(MemoryStore::default());
    let board = board(&store);
    let mut follower = board.follow();
    follower.mark_unchanged();
    board.object(in_sync(1)).await;
    assert!(follower.has_changed().unwrap());
}
