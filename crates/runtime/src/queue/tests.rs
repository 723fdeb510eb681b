//! The rules of the queue, one by one. Most are kube-runtime's, and so are the names of their tests.

use std::time::Duration;

use tokio::time::{Instant, advance, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn seconds(n: u64) -> Duration {
    SECOND * u32::try_from(n).unwrap()
}

/// The next key, if there is one without waiting.
async fn now(queue: &Queue<&'static str>) -> Option<Work<&'static str>> {
    timeout(Duration::ZERO, queue.next()).await.ok().flatten()
}

/// Everything that is due without waiting, each finished at once.
async fn drain(queue: &Queue<&'static str>) -> Vec<&'static str> {
    let mut keys = Vec::new();
    while let Some(work) = now(queue).await {
        keys.push(*work.key());
        work.finish(None);
    }
    keys
}

/// Takes the next key, however long it takes, and says after how long.
async fn next_after(queue: &Queue<&'static str>) -> (&'static str, Duration) {
    let begin = Instant::now();
    let work = queue.next().await.unwrap();
    let key = *work.key();
    work.finish(None);
    (key, begin.elapsed())
}

/// Whether `delay` has passed, to the millisecond to which tokio rounds its timers up.
fn is_about(elapsed: Duration, delay: Duration) -> bool {
    elapsed >= delay && elapsed <= delay + Duration::from_millis(2)
}

#[tokio::test(start_paused = true)]
async fn queue_should_hand_out_a_key_that_was_added() {
    let queue = Queue::new();
    queue.add("a");
    assert_eq!(drain(&queue).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn queue_should_be_empty_after_a_key_is_finished_and_nothing_is_asked_for() {
    let queue = Queue::new();
    queue.add("a");
    now(&queue).await.unwrap().finish(None);
    assert_eq!(queue.depth(), Depth { due: 0, delayed: 0, in_work: 0 });
    assert!(timeout(MAX_DELAY, queue.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn queue_should_dedupe_a_key_that_is_added_many_times() {
    let queue = Queue::new();
    for _ in 0..10 {
        queue.add("a");
    }
    assert_eq!(drain(&queue).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn queue_should_hand_out_keys_in_the_order_in_which_they_were_added() {
    let queue = Queue::new();
    for key in ["c", "a", "b", "a"] {
        queue.add(key);
    }
    assert_eq!(drain(&queue).await, ["c", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn queue_should_not_hand_out_a_key_before_its_time() {
    let queue = Queue::new();
    queue.add_after("a", seconds(5));
    advance(Duration::from_millis(4_999)).await;
    assert!(now(&queue).await.is_none());
    assert_eq!(queue.depth(), Depth { due: 0, delayed: 1, in_work: 0 });
    advance(Duration::from_millis(1)).await;
    assert_eq!(queue.depth(), Depth { due: 1, delayed: 0, in_work: 0 });
    assert_eq!(drain(&queue).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn queue_should_wake_a_waiter_when_a_delay_ends() {
    let queue = Queue::new();
    queue.add_after("a", seconds(5));
    let (key, elapsed) = next_after(&queue).await;
    assert!(key == "a" && is_about(elapsed, seconds(5)), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn earliest_time_wins_when_the_later_one_comes_second() {
    let queue = Queue::new();
    queue.add_after("a", seconds(1));
    queue.add_after("a", seconds(5));
    assert!(is_about(next_after(&queue).await.1, seconds(1)));
    assert_eq!(queue.depth(), Depth { due: 0, delayed: 0, in_work: 0 }, "the later one is gone");
}

#[tokio::test(start_paused = true)]
async fn earliest_time_wins_when_the_earlier_one_comes_second() {
    let queue = Queue::new();
    queue.add_after("a", seconds(5));
    queue.add_after("a", seconds(1));
    assert!(is_about(next_after(&queue).await.1, seconds(1)));
    assert_eq!(queue.depth(), Depth { due: 0, delayed: 0, in_work: 0 }, "the later one is gone");
}

#[tokio::test(start_paused = true)]
async fn queue_should_wake_a_waiter_early_when_an_earlier_time_is_asked_for() {
    let queue = Queue::new();
    queue.add_after("a", seconds(60));
    let (waited, ()) = tokio::join!(next_after(&queue), async {
        tokio::time::sleep(seconds(1)).await;
        queue.add_after("a", seconds(1));
    });
    assert!(waited.1 < seconds(3), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn queue_should_keep_its_place_in_line_when_a_due_key_is_added_again() {
    let queue = Queue::new();
    queue.add("a");
    queue.add("b");
    advance(seconds(1)).await;
    queue.add("a");
    assert_eq!(drain(&queue).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_due_longer_goes_first_so_that_none_starves() {
    let queue = Queue::new();
    queue.add("patient");
    let mut order = Vec::new();
    for _ in 0..3 {
        advance(seconds(1)).await;
        queue.add("busy");
        let work = now(&queue).await.unwrap();
        order.push(*work.key());
        work.finish(None);
    }
    assert_eq!(order, ["patient", "busy", "busy"]);
}

#[tokio::test(start_paused = true)]
async fn queue_should_never_hand_out_a_key_that_is_in_work() {
    let queue = Queue::new();
    queue.add("a");
    let work = now(&queue).await.unwrap();
    queue.add("a");
    queue.add_after("a", seconds(1));
    assert!(timeout(seconds(3600), queue.next()).await.is_err());
    assert_eq!(queue.depth(), Depth { due: 0, delayed: 0, in_work: 1 });
    work.finish(None);
    assert_eq!(drain(&queue).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn pending_while_running_runs_exactly_once_more() {
    let queue = Queue::new();
    queue.add("a");
    let work = now(&queue).await.unwrap();
    for _ in 0..10 {
        queue.add("a");
    }
    work.finish(None);
    assert_eq!(drain(&queue).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn pending_while_running_keeps_its_delay_from_when_it_was_asked_for() {
    let queue = Queue::new();
    queue.add("a");
    let work = now(&queue).await.unwrap();
    queue.add_after("a", seconds(10));
    advance(seconds(4)).await;
    work.finish(None);
    assert!(is_about(next_after(&queue).await.1, seconds(6)));
}

#[tokio::test(start_paused = true)]
async fn earliest_time_wins_among_those_pending_while_running() {
    for delays in [[30, 10, 20], [10, 20, 30], [30, 20, 10]] {
        let queue = Queue::new();
        queue.add("a");
        let work = now(&queue).await.unwrap();
        for delay in delays {
            queue.add_after("a", seconds(delay));
        }
        work.finish(None);
        assert!(is_about(next_after(&queue).await.1, seconds(10)), "{delays:?}");
        assert!(timeout(seconds(60), queue.next()).await.is_err(), "{delays:?}: more than once");
    }
}

#[tokio::test(start_paused = true)]
async fn earliest_time_wins_between_the_runs_own_wish_and_what_is_pending() {
    for (pending, wish) in [(10, 300), (300, 10)] {
        let queue = Queue::new();
        queue.add("a");
        let work = now(&queue).await.unwrap();
        queue.add_after("a", seconds(pending));
        work.finish(Some(seconds(wish)));
        assert!(is_about(next_after(&queue).await.1, seconds(10)));
        assert!(timeout(seconds(600), queue.next()).await.is_err(), "the later one is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn head_of_line_in_work_never_blocks_the_others() {
    let queue = Queue::new();
    queue.add("a");
    let work = now(&queue).await.unwrap();
    queue.add("a");
    queue.add("b");
    assert_eq!(drain(&queue).await, ["b"]);
    work.finish(None);
}

#[tokio::test(start_paused = true)]
async fn head_of_line_delayed_never_blocks_the_others() {
    let queue = Queue::new();
    queue.add_after("a", seconds(3600));
    queue.add("b");
    assert_eq!(drain(&queue).await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn queue_should_cut_delays_that_would_overflow_the_timer() {
    let queue = Queue::new();
    queue.add_after("a", Duration::MAX);
    let (key, elapsed) = next_after(&queue).await;
    assert!(key == "a" && is_about(elapsed, MAX_DELAY), "{elapsed:?}");
    queue.add("a");
    now(&queue).await.unwrap().finish(Some(Duration::MAX));
    assert!(is_about(next_after(&queue).await.1, MAX_DELAY));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_unfinished_is_handed_out_again_at_once() {
    let queue = Queue::new();
    queue.add("a");
    drop(now(&queue).await.unwrap());
    assert_eq!(drain(&queue).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_next_that_is_dropped_while_it_waits_loses_no_key() {
    let queue = Queue::new();
    assert!(timeout(seconds(1), queue.next()).await.is_err());
    queue.add("a");
    assert_eq!(drain(&queue).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn several_waiters_share_the_keys_and_none_is_left_asleep() {
    let queue = Queue::new();
    let (first, second, ()) = tokio::join!(next_after(&queue), next_after(&queue), async {
        queue.add("a");
        queue.add("b");
    });
    assert_ne!(first.0, second.0);
    assert_eq!((first.1, second.1), (Duration::ZERO, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_hands_out_nothing_and_wakes_every_waiter() {
    let queue = Queue::new();
    let wait = || timeout(seconds(1), queue.next());
    let (first, second, third, ()) = tokio::join!(wait(), wait(), wait(), async { queue.close() });
    assert!(matches!((first, second, third), (Ok(None), Ok(None), Ok(None))));
    queue.add("a");
    assert!(matches!(wait().await, Ok(None)));
}

#[tokio::test(start_paused = true)]
async fn a_key_in_work_may_be_finished_after_the_queue_is_closed() {
    let queue = Queue::new();
    queue.add("a");
    let work = now(&queue).await.unwrap();
    queue.close();
    work.finish(Some(seconds(1)));
    assert_eq!(queue.depth(), Depth { due: 0, delayed: 1, in_work: 0 });
}

/// Against a model that is too simple to be wrong: whatever the order of calls, a key that was asked for
/// is handed out after its earliest time, never twice at once, and never without having been asked for.
#[tokio::test(start_paused = true)]
async fn random_orders_of_calls_obey_the_rules() {
    const KEYS: [&str; 4] = ["a", "b", "c", "d"];
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let queue = Queue::new();
        let mut asked: HashMap<&str, Instant> = HashMap::new();
        let mut in_work: Vec<Work<&'static str>> = Vec::new();
        for _ in 0..200 {
            match rng.u8(0..4) {
                0 | 1 => {
                    let key = KEYS[rng.usize(0..KEYS.len())];
                    let delay = seconds(rng.u64(0..5));
                    queue.add_after(key, delay);
                    let at = Instant::now() + delay;
                    let earliest = asked.entry(key).or_insert(at);
                    *earliest = at.min(*earliest);
                }
                2 => advance(SECOND).await,
                _ if !in_work.is_empty() && rng.bool() => {
                    in_work.swap_remove(rng.usize(0..in_work.len())).finish(None);
                }
                _ => {
                    let is_free = |key: &str| in_work.iter().all(|work| *work.key() != key);
                    let due: Vec<_> = asked
                        .iter()
                        .filter(|(key, at)| is_free(key) && **at <= Instant::now())
                        .map(|(key, at)| (*at, *key))
                        .collect();
                    let taken = queue.shared.state().take_due(Instant::now());
                    match taken {
                        Ok(key) => {
                            let at = asked.remove(key).expect("handed out without being asked for");
                            assert!(is_free(key), "seed {seed}: {key} is in work");
                            assert_eq!(
                                Some(at),
                                due.iter().map(|(at, _)| *at).min(),
                                "seed {seed}: not the earliest"
                            );
                            in_work.push(Work { key, finished: false, queue: queue.clone() });
                        }
                        Err(_) => assert!(due.is_empty(), "seed {seed}: {due:?} not handed out"),
                    }
                }
            }
            let places = queue.shared.state().places.len();
            let in_work = in_work.len();
            assert!(places >= in_work && places <= KEYS.len(), "seed {seed}: a key is there twice or lost");
        }
    }
}
