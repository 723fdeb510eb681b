//! Buckets on paused time: how long callers have waited says how fast they were let through.

use std::sync::Arc;

use futures::future::join_all;
use tokio::time::{advance, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const NONE: Quota = Quota { burst: 1, per_second: 1e-9 };

fn limiter(burst: u32, per_second: f64) -> Limiter<&'static str> {
    Limiter::new([("calls", Quota { burst, per_second })], NONE)
}

/// How long `calls` calls of a bucket take, in seconds.
async fn seconds_for(calls: u32, limiter: &Limiter<&'static str>) -> f64 {
    let begin = Instant::now();
    for _ in 0..calls {
        limiter.acquire(&"calls").await;
    }
    begin.elapsed().as_secs_f64()
}

/// Whether a time is as expected, with the millisecond a call to which timers round up.
fn is_about(seconds: f64, expected: f64, calls: u32) -> bool {
    seconds > expected - 0.001 && seconds < expected + 0.002 * f64::from(calls) + 0.001
}

#[tokio::test(start_paused = true)]
async fn a_full_bucket_lets_a_burst_through_at_once() {
    assert!(is_about(seconds_for(50, &limiter(50, 5.0)).await, 0.0, 0));
}

#[tokio::test(start_paused = true)]
async fn after_the_burst_calls_go_at_the_quotas_speed() {
    let seconds = seconds_for(50 + 25, &limiter(50, 5.0)).await;
    assert!(is_about(seconds, 5.0, 25), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_refills_the_bucket_up_to_its_burst_and_no_further() {
    let limiter = limiter(10, 2.0);
    seconds_for(10, &limiter).await;
    advance(SECOND * 3600).await;
    let seconds = seconds_for(10 + 4, &limiter).await;
    assert!(is_about(seconds, 2.0, 4), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn callers_go_in_the_order_in_which_they_asked() {
    let limiter = Arc::new(limiter(1, 10.0));
    let order = Mutex::new(Vec::new());
    join_all((0..10).map(|caller| {
        let (limiter, order) = (Arc::clone(&limiter), &order);
        async move {
            limiter.acquire(&"calls").await;
            order.lock().unwrap().push(caller);
        }
    }))
    .await;
    assert_eq!(order.into_inner().unwrap(), (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_latecomer_does_not_take_the_token_that_another_waits_for() {
    let limiter = limiter(1, 1.0);
    limiter.acquire(&"calls").await;
    let order = Mutex::new(Vec::new());
    // The latecomer's timer is set first, so it wakes first, at the moment of the next token.
    let latecomer = async {
        tokio::time::sleep(SECOND).await;
        limiter.acquire(&"calls").await;
        order.lock().unwrap().push("latecomer");
    };
    let first = async {
        limiter.acquire(&"calls").await;
        order.lock().unwrap().push("first");
    };
    tokio::join!(biased; latecomer, first);
    assert_eq!(order.into_inner().unwrap(), ["first", "latecomer"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_takes_no_token_and_holds_up_nobody() {
    let limiter = limiter(1, 1.0);
    limiter.acquire(&"calls").await;
    assert!(timeout(SECOND / 2, limiter.acquire(&"calls")).await.is_err());
    let seconds = seconds_for(1, &limiter).await;
    assert!(is_about(seconds, 0.5, 1), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn buckets_do_not_wait_for_each_other_and_unknown_names_share_one() {
    let shared = Quota { burst: 2, per_second: 1e-9 };
    let limiter = Limiter::new([("slow", NONE), ("fast", Quota { burst: 100, per_second: 1.0 })], shared);
    limiter.acquire(&"slow").await;
    let waits = |name| {
        let limiter = &limiter;
        async move { timeout(SECOND, limiter.acquire(&name)).await.is_err() }
    };
    assert_eq!(tokio::join!(waits("slow"), waits("fast")), (true, false));
    assert!(!waits("unknown").await && !waits("foreign").await);
    assert!(waits("other").await);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_empties_the_bucket_and_halves_its_speed_and_ten_seconds_mend_it() {
    let limiter = limiter(100, 10.0);
    limiter.throttled(&"calls");
    // Speed 0.5 grows to 1 in 10 s: 7.5 s worth of tokens.
    let seconds = seconds_for(75, &limiter).await;
    assert!(is_about(seconds, 10.0, 2), "{seconds}");
    let seconds = seconds_for(100, &limiter).await;
    assert!(is_about(seconds, 10.0, 2), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn throttles_at_the_same_moment_slow_down_once() {
    let (once, often) = (limiter(100, 10.0), limiter(100, 10.0));
    once.throttled(&"calls");
    (0..20).for_each(|_| often.throttled(&"calls"));
    let (once, often) = tokio::join!(seconds_for(50, &once), seconds_for(50, &often));
    assert!(is_about(often, once, 1), "{often} instead of {once}");
}

#[tokio::test(start_paused = true)]
async fn throttles_that_go_on_slow_down_to_a_twentieth_and_no_further() {
    let limiter = limiter(100, 10.0);
    for _ in 0..60 {
        limiter.throttled(&"calls");
        advance(SECOND).await;
    }
    limiter.throttled(&"calls");
    // At a speed of 0.05, one token at 10/s is 1.236 s away, while the speed recovers.
    let seconds = seconds_for(1, &limiter).await;
    assert!(is_about(seconds, 1.236, 1), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_slows_down_a_caller_that_is_waiting_already() {
    let limiter = limiter(1, 1.0);
    limiter.acquire(&"calls").await;
    let (seconds, ()) = tokio::join!(seconds_for(1, &limiter), async {
        tokio::time::sleep(SECOND / 2).await;
        limiter.throttled(&"calls");
    });
    assert!(seconds > 1.5, "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_nothing_is_slow_and_does_no_harm() {
    let limiter = Limiter::new([("calls", Quota { burst: 0, per_second: 0.0 })], NONE);
    limiter.acquire(&"calls").await;
    assert!(timeout(SECOND * 3600, limiter.acquire(&"calls")).await.is_err());
}
