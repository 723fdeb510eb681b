//! One situation at a time, on paused time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coxswain_store::fault::{Fault, FaultStore};
use coxswain_store::{Expect, MemoryStore, Operation, Path, Store};
use tokio::time::{Instant, advance, sleep};

use super::*;
use crate::Drain;

const SECOND: Duration = Duration::from_secs(1);

fn path() -> Path {
    Path::new("leases/prod").unwrap()
}

/// What happens to the calls of one replica from now on.
type Weather = Arc<Mutex<Fault>>;

struct Replica {
    view: LeaseView,
    weather: Weather,
    drain: Drain,
    task: tokio::task::JoinHandle<()>,
}

fn join(store: &MemoryStore, name: &str) -> Replica {
    let weather: Weather = Arc::new(Mutex::new(Fault::None));
    let now = Arc::clone(&weather);
    let store = FaultStore::new(store.clone()).before(move |_| *now.lock().unwrap());
    let lease = Lease::new(Arc::new(store), path(), name, LeaseTimes::default()).unwrap();
    let (view, drain) = (lease.view(), Drain::new());
    let watch = drain.watch();
    let task = drain.watch().spawn(async move { lease.run(watch.signalled()).await });
    Replica { view, weather, drain, task }
}

impl Replica {
    fn meets(&self, fault: Fault) {
        *self.weather.lock().unwrap() = fault;
    }

    async fn acquired(&mut self) -> Term {
        self.view.acquired().await.unwrap()
    }
}

async fn record(store: &MemoryStore) -> Record {
    Record::parse(&store.get(&path()).await.unwrap().unwrap().bytes).unwrap()
}

/// Lets every task do what it can do now.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_replica_waits_the_missing_record_out_and_then_holds() {
    let store = MemoryStore::new();
    let begin = Instant::now();
    let mut one = join(&store, "one");
    let term = one.acquired().await;
    assert_eq!((begin.elapsed(), term.epoch()), (LeaseTimes::default().take_after, 1));
    assert_eq!(record(&store).await, Record::new(1, Some("one".to_owned()), 0));
    assert_eq!(one.view.report(), LeaseReport { holder: Some("one".to_owned()), epoch: 1, trouble: None });
}

#[tokio::test(start_paused = true)]
async fn a_new_holder_may_act_only_after_the_longest_call_of_an_earlier_one() {
    let mut one = join(&MemoryStore::new(), "one");
    let term = one.acquired().await;
    assert_eq!(term.ready_at() - Instant::now(), LeaseTimes::default().call_timeout);
    assert!(term.is_held() && !term.may_act());
    tokio::time::sleep_until(term.ready_at()).await;
    assert!(term.may_act());
    sleep(60 * SECOND).await;
    assert!(term.may_act(), "renewals do not move it");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_renews_is_followed_for_ever() {
    let store = MemoryStore::new();
    let (mut one, two) = (join(&store, "one"), join(&store, "two"));
    let mut first = one.view.clone();
    let term =
        tokio::select! { biased; term = one.acquired() => term, () = sleep(9 * SECOND) => panic!("nobody") };
    sleep(3_600 * SECOND).await;
    assert!(term.is_held() && first.acquired().await.unwrap().epoch() == 1 && !two.view.is_held());
    assert!(record(&store).await.beat >= 1_700);
    assert_eq!(two.view.report().holder.as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_replaced_within_eight_seconds_and_its_successor_acts_within_twelve() {
    for after in 0..40 {
        let store = MemoryStore::new();
        let mut one = join(&store, "one");
        one.acquired().await;
        let mut two = join(&store, "two");
        sleep(Duration::from_millis(7_000 + 97 * after)).await;
        one.task.abort();
        let death = Instant::now();
        let term = two.acquired().await;
        assert_eq!(term.epoch(), 2);
        assert!(!one.view.is_held(), "what is left of the dead one still believes in it");
        assert!(death.elapsed() <= 8 * SECOND, "taken after {:?}", death.elapsed());
        assert!(term.ready_at() - death <= 12 * SECOND, "ready after {:?}", term.ready_at() - death);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_given_back_is_taken_at_the_next_look_and_the_epoch_still_grows() {
    let store = MemoryStore::new();
    let mut one = join(&store, "one");
    let term = one.acquired().await;
    let mut two = join(&store, "two");
    sleep(3 * SECOND).await;
    one.drain.finish(SECOND).await.unwrap();
    assert!(!term.is_held());
    assert_eq!(record(&store).await.holder, None);
    let begin = Instant::now();
    let next = two.acquired().await;
    assert_eq!(next.epoch(), 2);
    assert!(begin.elapsed() <= SECOND);
    assert!(next.may_act(), "nothing that was sent before has to be waited for");
    assert!(one.view.acquired().await.is_none(), "nothing more comes of a part that has ended");
}

#[tokio::test(start_paused = true)]
async fn a_holder_without_its_store_is_none_once_it_cannot_be_sure() {
    for fault in [Fault::Refuse, Fault::FailBefore, Fault::DieBefore] {
        let mut one = join(&MemoryStore::new(), "one");
        let term = one.acquired().await;
        let taken = Instant::now();
        one.meets(fault);
        term.lost().await;
        assert_eq!(taken.elapsed(), LeaseTimes::DEFAULT.hold_for, "{fault:?}");
        assert!(!one.view.is_held() && !term.is_held());
        assert!(one.view.report().trouble.is_some());
        one.meets(Fault::None);
        let again = one.acquired().await;
        assert!(
            !term.may_act() || again.epoch() == term.epoch(),
            "an old term does not come to life by a new one"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_fault_of_any_kind_does_not_cost_the_lease() {
    for fault in Fault::ALL {
        let store = MemoryStore::new();
        let mut one = join(&store, "one");
        let term = one.acquired().await;
        sleep(SECOND).await;
        one.meets(fault);
        sleep(Duration::from_millis(1_100)).await;
        one.meets(Fault::None);
        sleep(30 * SECOND).await;
        assert!(term.is_held(), "{fault:?}");
        assert_eq!(record(&store).await.epoch, 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_takeover_whose_answer_is_lost_counts_from_when_it_was_sent() {
    let store = MemoryStore::new();
    let puts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&puts);
    let faulty = FaultStore::new(store.clone()).before(move |call| {
        let is_first_put = call.operation == Operation::Put && counted.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first_put { Fault::DieAfter } else { Fault::None }
    });
    let lease = Lease::new(Arc::new(faulty), path(), "one", LeaseTimes::default()).unwrap();
    let mut view = lease.view();
    let begin = Instant::now();
    let drain = Drain::new();
    drop(drain.watch().spawn(lease.run(std::future::pending())));
    let term = view.acquired().await.unwrap();
    // Sent after 6.75 s, given up after 1.5 more, read half a second later.
    assert_eq!(begin.elapsed(), Duration::from_millis(8_750));
    assert_eq!(term.ready_at() - begin, Duration::from_millis(10_750), "4 s after it was sent first");
    assert_eq!(record(&store).await.epoch, 1);
}

#[tokio::test(start_paused = true)]
async fn a_takeover_that_is_refused_for_a_while_does_not_wait_for_calls_a_second_time() {
    let store = MemoryStore::new();
    let one = join(&store, "one");
    one.meets(Fault::Refuse);
    let mut two = join(&store, "two");
    sleep(6 * SECOND).await;
    two.meets(Fault::Refuse);
    sleep(5 * SECOND).await;
    two.meets(Fault::None);
    let term = two.acquired().await;
    assert!(term.may_act(), "whoever was there before it was seen to be gone 11 s ago");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_meets_anothers_record_stops_at_once() {
    let store = MemoryStore::new();
    let mut one = join(&store, "one");
    let term = one.acquired().await;
    let entry = store.get(&path()).await.unwrap().unwrap();
    let other = Record::new(7, Some("other".to_owned()), 0);
    store.put(&path(), other.to_bytes(), Expect::Version(entry.version)).await.unwrap();
    let begin = Instant::now();
    term.lost().await;
    assert_eq!(begin.elapsed().as_secs(), 2, "at its next renewal");
    assert_eq!(one.acquired().await.epoch(), 8, "later than every epoch that was seen");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_alone_ends_the_hold_before_anybody_could_read_what_it_met() {
    let store = MemoryStore::new();
    let is_deaf = Arc::new(AtomicBool::new(false));
    let deaf = Arc::clone(&is_deaf);
    let faulty = FaultStore::new(store.clone()).before(move |call| {
        let is_lost = call.operation == Operation::Get && deaf.load(Ordering::Relaxed);
        if is_lost { Fault::DieBefore } else { Fault::None }
    });
    let lease = Lease::new(Arc::new(faulty), path(), "one", LeaseTimes::default()).unwrap();
    let (mut view, drain) = (lease.view(), Drain::new());
    drop(drain.watch().spawn(lease.run(std::future::pending())));
    let term = view.acquired().await.unwrap();
    is_deaf.store(true, Ordering::Relaxed);
    let entry = store.get(&path()).await.unwrap().unwrap();
    store.put(&path(), entry.bytes, Expect::Version(entry.version)).await.unwrap();
    let begin = Instant::now();
    term.lost().await;
    assert_eq!(begin.elapsed().as_secs(), 2, "at its next renewal, long before its deadline");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_deletes_is_waited_out_before_it_is_made_anew() {
    let store = MemoryStore::new();
    let mut one = join(&store, "one");
    one.acquired().await;
    let mut two = join(&store, "two");
    sleep(3 * SECOND).await;
    one.task.abort();
    settle().await;
    let entry = store.get(&path()).await.unwrap().unwrap();
    store.delete(&path(), entry.version).await.unwrap();
    let begin = Instant::now();
    let term = two.acquired().await;
    assert!(begin.elapsed() >= LeaseTimes::DEFAULT.take_after, "the one before may not know yet");
    assert_eq!(term.epoch(), 2, "this replica has seen epoch 1");
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_version_is_left_alone() {
    let store = MemoryStore::new();
    let newer = br#"{"schema":2,"term":3}"#;
    store.put(&path(), newer.to_vec(), Expect::Absent).await.unwrap();
    let one = join(&store, "one");
    sleep(300 * SECOND).await;
    assert!(!one.view.is_held());
    assert_eq!(store.get(&path()).await.unwrap().unwrap().bytes, newer);
    let trouble = one.view.report().trouble.unwrap();
    assert_eq!(trouble, "the lease's record has schema 2, and this version knows 1");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_was_stopped_is_none_when_it_wakes() {
    let mut one = join(&MemoryStore::new(), "one");
    let term = one.acquired().await;
    // Time passes while no task runs, as for a process that was stopped.
    advance(20 * SECOND).await;
    assert!(!term.is_held() && !one.view.is_held());
}

#[test]
fn times_that_could_make_two_holders_or_none_are_refused() {
    let with = |change: fn(&mut LeaseTimes)| {
        let mut times = LeaseTimes::default();
        change(&mut times);
        times.check()
    };
    assert_eq!(LeaseTimes::default().check(), Ok(()));
    assert_eq!(with(|times| times.retry_every = Duration::ZERO), Err(InvalidTimes::OutOfRange));
    assert_eq!(with(|times| times.take_after = Duration::MAX), Err(InvalidTimes::OutOfRange));
    assert_eq!(with(|times| times.take_after = times.hold_for), Err(InvalidTimes::TakenTooEarly));
    assert_eq!(with(|times| times.store_timeout = 5 * SECOND), Err(InvalidTimes::LostTooEarly));
    assert_eq!(with(|times| times.call_timeout = 7 * SECOND), Err(InvalidTimes::CallsTooLong));
}

#[tokio::test(start_paused = true)]
async fn a_term_that_is_outgrown_ends_and_the_next_one_counts_on_from_there() {
    let store = MemoryStore::new();
    let mut one = join(&store, "one");
    let first = one.acquired().await;
    let begin = Instant::now();
    first.outgrow(57);
    first.lost().await;
    let second = one.acquired().await;
    assert_eq!((second.epoch(), begin.elapsed().as_secs()), (58, 0), "nobody has to be waited for");
    assert!(!first.is_held() && !second.may_act());
    second.outgrow(57);
    sleep(60 * SECOND).await;
    assert!(second.may_act(), "what is no higher changes nothing");
}
