//! The runner on paused time, with looks that record what happens to them.

use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{Batcher, Drain, Limiter, Policy, Quota, TokioClock, Window};

const SECOND: Duration = Duration::from_secs(1);
const BASE: &str = "2026-01-01T00:00:00Z";
const POLICY: Policy = Policy { base: SECOND, max: Duration::from_mins(1) };

/// What looks have written down: which key, and how long after the beginning.
#[derive(Debug, Clone)]
struct Log {
    begin: Instant,
    looks: Arc<Mutex<Vec<(&'static str, Duration)>>>,
}

impl Log {
    fn new() -> Self {
        Self { begin: Instant::now(), looks: Arc::default() }
    }

    /// Writes a look down, and says how many of this key came before.
    fn note(&self, key: &'static str) -> usize {
        let mut looks = self.looks.lock().unwrap();
        let earlier = looks.iter().filter(|(other, _)| *other == key).count();
        looks.push((key, self.begin.elapsed()));
        earlier
    }

    fn keys(&self) -> Vec<&'static str> {
        self.looks.lock().unwrap().iter().map(|(key, _)| *key).collect()
    }

    /// The seconds at which `key` was looked at; timers round up by a millisecond at most.
    fn seconds(&self, key: &str) -> Vec<u64> {
        self.looks.lock().unwrap().iter().filter(|(k, _)| *k == key).map(|(_, at)| at.as_secs()).collect()
    }
}

fn runner(queue: &Queue<&'static str>, concurrency: usize) -> Runner<&'static str> {
    let clock = TokioClock::starting_at(BASE.parse().unwrap());
    let backoffs = Backoffs::new(POLICY, Rng::with_seed(1));
    Runner::new(queue.clone(), NonZeroUsize::new(concurrency).unwrap(), backoffs, Arc::new(clock))
}

/// Runs `look` over `queue` for `time`, then drains with a second to finish.
async fn run_for<F, Fut>(
    time: Duration,
    queue: &Queue<&'static str>,
    concurrency: usize,
    look: F,
) -> Vec<&'static str>
where
    F: Fn(&'static str) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = NextLook> + Send,
{
    let drain = Drain::new();
    let (drained, ()) = tokio::join!(runner(queue, concurrency).run(drain.watch(), SECOND, look), async {
        sleep(time).await;
        drain.signal();
    });
    drained.abandoned
}

#[tokio::test(start_paused = true)]
async fn runner_should_look_at_every_key_once_and_then_only_after_a_change() {
    let (queue, log) = (Queue::new(), Log::new());
    queue.add("a");
    queue.add("b");
    let look = {
        let log = log.clone();
        move |key| {
            log.note(key);
            async { NextLook::AfterChange }
        }
    };
    run_for(SECOND * 3600, &queue, 1, look).await;
    assert_eq!(log.keys(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn runner_should_come_back_when_a_look_asks_for_it() {
    let (queue, log) = (Queue::new(), Log::new());
    queue.add("after a delay");
    queue.add("at a time");
    queue.add("at a time that has passed");
    let look = {
        let log = log.clone();
        move |key| {
            let next = match (key, log.note(key)) {
                ("after a delay", 0) => NextLook::In(SECOND * 30),
                ("at a time", 0) => NextLook::At("2026-01-01T00:01:00Z".parse().unwrap()),
                ("at a time that has passed", 0) => NextLook::At("1999-01-01T00:00:00Z".parse().unwrap()),
                _ => NextLook::AfterChange,
            };
            async move { next }
        }
    };
    run_for(SECOND * 3600, &queue, 3, look).await;
    assert_eq!(log.seconds("after a delay"), [0, 30]);
    assert_eq!(log.seconds("at a time"), [0, 60]);
    assert_eq!(log.seconds("at a time that has passed"), [0, 0]);
}

/// Counts the looks that run at the same time, over all keys and by key.
#[derive(Debug, Default)]
struct Gauge {
    running: Vec<&'static str>,
    most: usize,
    twice: bool,
}

#[tokio::test(start_paused = true)]
async fn runner_should_never_run_two_looks_of_a_key_at_once_nor_more_than_its_limit() {
    let queue = Queue::new();
    let gauge = Arc::new(Mutex::new(Gauge::default()));
    let keys = ["a", "b", "c", "d", "e", "f"];
    let look = {
        let (gauge, queue) = (Arc::clone(&gauge), queue.clone());
        move |key| {
            let (gauge, queue) = (Arc::clone(&gauge), queue.clone());
            async move {
                {
                    let mut gauge = gauge.lock().unwrap();
                    gauge.twice |= gauge.running.contains(&key);
                    gauge.running.push(key);
                    gauge.most = gauge.most.max(gauge.running.len());
                }
                for other in keys {
                    queue.add(other);
                }
                sleep(SECOND).await;
                gauge.lock().unwrap().running.retain(|other| *other != key);
                NextLook::In(Duration::ZERO)
            }
        }
    };
    queue.add("a");
    run_for(SECOND * 60, &queue, 3, look).await;
    let gauge = gauge.lock().unwrap();
    assert!(!gauge.twice, "a key was looked at twice at once");
    assert_eq!(gauge.most, 3, "the limit was not used, or not kept");
}

#[tokio::test(start_paused = true)]
async fn triggers_during_a_look_are_one_more_look() {
    let (queue, log) = (Queue::new(), Log::new());
    queue.add("a");
    let look = {
        let (log, queue) = (log.clone(), queue.clone());
        move |key| {
            let (first, queue) = (log.note(key) == 0, queue.clone());
            async move {
                if first {
                    (0..5).for_each(|_| queue.add(key));
                }
                sleep(SECOND).await;
                NextLook::AfterChange
            }
        }
    };
    run_for(SECOND * 60, &queue, 4, look).await;
    assert_eq!(log.keys(), ["a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn one_slow_key_does_not_hold_up_the_others() {
    let (queue, log) = (Queue::new(), Log::new());
    queue.add("slow");
    queue.add("quick");
    let look = {
        let log = log.clone();
        move |key| {
            let log = log.clone();
            async move {
                if key == "slow" {
                    sleep(SECOND * 30).await;
                }
                log.note(key);
                NextLook::AfterChange
            }
        }
    };
    run_for(SECOND * 60, &queue, 2, look).await;
    assert_eq!((log.seconds("quick"), log.seconds("slow")), (vec![0], vec![30]));
}

#[tokio::test(start_paused = true)]
async fn failures_wait_longer_each_time_and_a_success_starts_over() {
    let (queue, log) = (Queue::new(), Log::new());
    queue.add("a");
    // Ten failures, a success that comes back at once, and failures again.
    let look = {
        let log = log.clone();
        move |key| {
            let next = match log.note(key) {
                10 => NextLook::In(Duration::ZERO),
                _ => NextLook::Backoff,
            };
            async move { next }
        }
    };
    run_for(SECOND * 3600, &queue, 1, look).await;
    let looks: Vec<Duration> = log.looks.lock().unwrap().iter().map(|(_, at)| *at).collect();
    let waits: Vec<Duration> = looks.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let rounding = Duration::from_millis(2);
    for (index, wait) in waits.iter().enumerate().take(16) {
        let failures = u32::try_from(if index < 10 { index + 1 } else { index - 10 }).unwrap();
        let ceiling = if index == 10 { Duration::ZERO } else { POLICY.ceiling(failures) };
        assert!(*wait <= ceiling + rounding, "wait {index} is {wait:?}, more than {ceiling:?}");
    }
    assert!(waits[..10].iter().any(|wait| *wait > SECOND * 8), "they did not grow: {waits:?}");
    assert!(looks.len() > 60, "an hour of failures has only {} looks", looks.len());
}

#[tokio::test(start_paused = true)]
async fn a_panic_counts_as_a_failure_of_its_key_and_of_no_other() {
    let (queue, log) = (Queue::new(), Log::new());
    queue.add("bad");
    queue.add("worse");
    queue.add("good");
    let look = {
        let log = log.clone();
        move |key| {
            let first = log.note(key) == 0;
            assert!(!(first && key == "worse"), "on purpose, before the look's first await");
            async move {
                assert!(!(first && key == "bad"), "on purpose, within the look");
                NextLook::AfterChange
            }
        }
    };
    run_for(SECOND * 60, &queue, 1, look).await;
    assert_eq!(log.seconds("good"), [0]);
    assert_eq!(log.seconds("bad").len(), 2);
    assert_eq!(log.seconds("worse").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn drain_takes_no_new_key_and_lets_the_running_ones_finish() {
    let (queue, log) = (Queue::new(), Log::new());
    queue.add("running");
    queue.add("waiting");
    let look = {
        let log = log.clone();
        move |key| {
            let log = log.clone();
            async move {
                sleep(SECOND * 10).await;
                log.note(key);
                NextLook::In(Duration::ZERO)
            }
        }
    };
    // Drained half a second before the first look ends; it has a second to finish.
    let abandoned = run_for(Duration::from_millis(9_500), &queue, 1, look).await;
    assert_eq!(abandoned, Vec::<&str>::new());
    assert_eq!(log.keys(), ["running"]);
    assert!(queue.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn drain_stops_and_names_what_does_not_finish_in_time() {
    let queue = Queue::new();
    queue.add("endless");
    queue.add("done");
    let begin = Instant::now();
    let look = |key| async move {
        if key == "endless" {
            pending::<()>().await;
        }
        NextLook::AfterChange
    };
    let abandoned = run_for(SECOND, &queue, 2, look).await;
    assert_eq!(abandoned, ["endless"]);
    assert!(begin.elapsed() < SECOND * 3);
}

/// How a program is put together: one batcher and one limiter for all looks, the runner a task of the drain.
#[tokio::test(start_paused = true)]
async fn a_runner_is_a_task_of_the_drain_and_its_looks_share_batches_and_buckets() {
    let (queue, drain) = (Queue::new(), Drain::new());
    let quota = Quota { burst: 1, per_second: 1.0 };
    let limiter = Arc::new(Limiter::new([("reads", quota)], quota));
    let calls = Arc::new(Mutex::new(Vec::new()));
    let fetch = {
        let calls = Arc::clone(&calls);
        move |keys: Vec<&'static str>| {
            let (calls, limiter) = (Arc::clone(&calls), Arc::clone(&limiter));
            async move {
                limiter.acquire(&"reads").await;
                calls.lock().unwrap().push(keys.len());
                Ok::<_, std::fmt::Error>(keys.into_iter().map(|key| (key, Ok(()))).collect())
            }
        }
    };
    let reads = Arc::new(Batcher::new(Window::default(), fetch));
    let look = move |key| {
        let reads = Arc::clone(&reads);
        async move { reads.get(key).await.map_or(NextLook::Backoff, |()| NextLook::AfterChange) }
    };
    for key in ["a", "b", "c"] {
        queue.add(key);
    }
    let task = drain.watch().spawn(runner(&queue, 10).run(drain.watch(), SECOND, look));
    sleep(SECOND).await;
    drain.finish(SECOND).await.unwrap();
    assert_eq!(task.await.unwrap(), Drained { abandoned: Vec::new() });
    assert_eq!(*calls.lock().unwrap(), [3]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_ends_the_runner_too() {
    let queue = Queue::new();
    queue.close();
    let look = |_| async { NextLook::AfterChange };
    let drained = runner(&queue, 1).run(Drain::new().watch(), SECOND, look).await;
    assert_eq!(drained, Drained { abandoned: Vec::new() });
}
