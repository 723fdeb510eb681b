//! Batches on paused time. Every test counts the calls that were made.

use std::sync::{Arc, Mutex};

use futures::future::join_all;
use tokio::time::sleep;

use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Failure(&'static str);

type Calls = Arc<Mutex<Vec<Vec<u32>>>>;
type Doubler = Batcher<u32, u32, Failure>;

/// A batcher whose values are twice their keys, and the calls that it makes, each with its keys sorted.
fn doubler(window: Window) -> (Arc<Doubler>, Calls) {
    doubler_that_takes(Duration::ZERO, window)
}

fn doubler_that_takes(time: Duration, window: Window) -> (Arc<Doubler>, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let fetch = move |mut keys: Vec<u32>| {
        keys.sort_unstable();
        seen.lock().unwrap().push(keys.clone());
        async move {
            sleep(time).await;
            Ok(keys.into_iter().map(|key| (key, Ok(key * 2))).collect())
        }
    };
    (Arc::new(Batcher::new(window, fetch)), calls)
}

fn made(calls: &Calls) -> Vec<Vec<u32>> {
    calls.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn keys_wanted_at_the_same_time_are_one_call() {
    let (batcher, calls) = doubler(Window::default());
    let values = join_all((0..5).map(|key| batcher.get(key))).await;
    assert_eq!(values, [Ok(0), Ok(2), Ok(4), Ok(6), Ok(8)]);
    assert_eq!(made(&calls), [[0, 1, 2, 3, 4]]);
}

#[tokio::test(start_paused = true)]
async fn a_single_key_waits_for_the_idle_window_and_no_longer() {
    let (batcher, calls) = doubler(Window::default());
    let begin = Instant::now();
    assert_eq!(batcher.get(1).await, Ok(2));
    let waited = begin.elapsed();
    assert!(waited >= MILLISECOND * 5 && waited < MILLISECOND * 10, "{waited:?}");
    assert_eq!(made(&calls), [[1]]);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_does_not_wait() {
    let (batcher, calls) = doubler(Window::default());
    let begin = Instant::now();
    join_all((0..20).map(|key| batcher.get(key))).await;
    assert!(begin.elapsed() < MILLISECOND * 5, "{:?}", begin.elapsed());
    assert_eq!(made(&calls), [(0..10).collect::<Vec<_>>(), (10..20).collect()]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_keys_are_a_hundred_calls() {
    let (batcher, calls) = doubler(Window::default());
    join_all((0..1_000).map(|key| batcher.get(key))).await;
    assert_eq!(made(&calls).len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_key_after_the_idle_window_is_a_second_call() {
    let (batcher, calls) = doubler(Window::default());
    let late = async {
        sleep(MILLISECOND * 8).await;
        batcher.get(2).await
    };
    assert_eq!(tokio::join!(batcher.get(1), late), (Ok(2), Ok(4)));
    assert_eq!(made(&calls), [[1], [2]]);
}

#[tokio::test(start_paused = true)]
async fn a_trickle_of_keys_is_cut_at_the_longest_window() {
    let window = Window { most: 1_000, ..Window::default() };
    let (batcher, calls) = doubler(window);
    // One key every 3 ms never leaves 5 ms idle.
    join_all((0..40).map(|key| {
        let batcher = Arc::clone(&batcher);
        async move {
            sleep(MILLISECOND * 3 * key).await;
            batcher.get(key).await
        }
    }))
    .await;
    let calls = made(&calls);
    let longest = calls.iter().map(Vec::len).max().unwrap();
    assert!((2..=17).contains(&longest), "{calls:?}");
    assert_eq!(calls.concat(), (0..40).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_same_key_wanted_twice_is_fetched_once_and_takes_one_place() {
    let (batcher, calls) = doubler(Window { most: 2, ..Window::default() });
    let values = join_all([7, 7, 7, 8].map(|key| batcher.get(key))).await;
    assert_eq!(values, [Ok(14), Ok(14), Ok(14), Ok(16)]);
    assert_eq!(made(&calls), [[7, 8]]);
}

#[tokio::test(start_paused = true)]
async fn a_read_is_never_older_than_its_question() {
    let (batcher, calls) = doubler_that_takes(Duration::from_secs(1), Window::default());
    let during = async {
        sleep(MILLISECOND * 500).await;
        batcher.get(1).await
    };
    assert_eq!(tokio::join!(batcher.get(1), during), (Ok(2), Ok(2)));
    assert_eq!(made(&calls), [[1], [1]], "the second question joined a fetch that had begun before it");
}

#[tokio::test(start_paused = true)]
async fn batches_do_not_wait_for_each_other() {
    let (batcher, calls) = doubler_that_takes(Duration::from_secs(1), Window::default());
    let begin = Instant::now();
    join_all((0..50).map(|key| batcher.get(key))).await;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(made(&calls).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_cancel_the_others() {
    let (batcher, calls) = doubler_that_takes(Duration::from_secs(1), Window::default());
    let impatient = tokio::time::timeout(MILLISECOND, batcher.get(1));
    let halfway = tokio::time::timeout(MILLISECOND * 500, batcher.get(2));
    let (first, second, third) = tokio::join!(impatient, halfway, batcher.get(3));
    assert!(first.is_err() && second.is_err());
    assert_eq!(third, Ok(6));
    assert_eq!(made(&calls), [[1, 2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_a_call_reaches_every_caller() {
    let batcher: Batcher<u32, u32, Failure> =
        Batcher::new(Window::default(), |_| async { Err(Failure("throttled")) });
    let values = join_all([1, 1, 2].map(|key| batcher.get(key))).await;
    assert_eq!(values, vec![Err(BatchError::Fetch(Failure("throttled"))); 3]);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_a_key_reaches_its_callers_only_and_silence_is_told_from_it() {
    let batcher: Batcher<u32, u32, Failure> = Batcher::new(Window::default(), |_| async {
        Ok(HashMap::from([(1, Ok(10)), (2, Err(Failure("missing")))]))
    });
    let values = join_all([1, 2, 3].map(|key| batcher.get(key))).await;
    assert_eq!(values, [Ok(10), Err(BatchError::Fetch(Failure("missing"))), Err(BatchError::Unmentioned)]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_lost_and_the_next_one_works() {
    let batcher: Batcher<u32, u32, Failure> = Batcher::new(Window::default(), |keys| async move {
        assert_ne!(keys, [13], "on purpose");
        Ok(keys.into_iter().map(|key| (key, Ok(key))).collect())
    });
    assert_eq!(batcher.get(13).await, Err(BatchError::Lost));
    assert_eq!(batcher.get(1).await, Ok(1));
}
