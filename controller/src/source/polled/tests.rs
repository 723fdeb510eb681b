use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use coxswain_manifest::SourceFile;
use coxswain_plan::Reason;
use coxswain_store::{Operation, StoreError};
use tokio::time::{Instant, timeout};

use super::*;
use crate::source::{Keep, MemoryShelf, Moved, Nudge, Offer, REMOTE_POLL_INTERVAL, publish};

/// Counts calls by the minute, and fails on demand.
#[derive(Debug)]
struct Counted {
    shelf: MemoryShelf,
    start: Instant,
    calls: Mutex<Vec<u64>>,
    is_down: AtomicBool,
    failures_left: AtomicU64,
}

impl Counted {
    fn new(shelf: &MemoryShelf) -> Arc<Self> {
        Arc::new(Self {
            shelf: shelf.clone(),
            start: Instant::now(),
            calls: Mutex::default(),
            is_down: AtomicBool::new(false),
            failures_left: AtomicU64::new(0),
        })
    }

    fn call(&self) -> Result<(), ShelfError> {
        self.calls.lock().unwrap().push(self.start.elapsed().as_secs() / 60);
        let left = self.failures_left.load(Ordering::Relaxed);
        self.failures_left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 || self.is_down.load(Ordering::Relaxed) {
            let source = "connection refused".into();
            let subject = "pointer.json".to_owned();
            let operation = Operation::Get;
            return Err(StoreError::Unavailable { operation, subject, in_doubt: false, source }.into());
        }
        Ok(())
    }

    /// The most calls of any minute from `first` on.
    fn most(&self, first: u64) -> usize {
        let calls = self.calls.lock().unwrap();
        let minutes = first..=*calls.last().unwrap();
        minutes.map(|minute| calls.iter().filter(|call| **call == minute).count()).max().unwrap()
    }
}

#[async_trait]
impl Shelf for Counted {
    fn describe(&self) -> String {
        self.shelf.describe()
    }

    async fn pointer(&self, known: Option<&Mark>) -> Result<Look, ShelfError> {
        self.call()?;
        self.shelf.pointer(known).await
    }

    async fn bundle(&self, pointer: &Pointer) -> Result<Kept, ShelfError> {
        self.call()?;
        self.shelf.bundle(pointer).await
    }

    async fn put_bundle(&self, bundle: &Bundle) -> Result<Pointer, ShelfError> {
        self.shelf.put_bundle(bundle).await
    }

    async fn move_pointer(&self, pointer: &Pointer, seen: Option<&Mark>) -> Result<Moved, ShelfError> {
        self.shelf.move_pointer(pointer, seen).await
    }

    async fn tidy(&self, pointer: &Pointer, keep: &Keep) -> Result<(), ShelfError> {
        self.shelf.tidy(pointer, keep).await
    }
}

async fn put(shelf: &MemoryShelf, cluster: &str) {
    let text = format!(
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec: {{ cluster: {cluster} }}\n"
    );
    let files = vec![SourceFile { path: "e.yaml".to_owned(), content: text.into() }];
    publish(shelf, Offer { files, ..Offer::default() }).await.unwrap();
}

fn source(shelf: &Arc<Counted>, environment: &str) -> PolledShelf {
    PolledShelf::new(shelf.clone(), environment, Polling::default())
}

async fn sequence(source: &mut PolledShelf) -> u64 {
    match timeout(Duration::from_hours(2), source.next()).await.unwrap() {
        Ok(Reading::Bundle(bundle)) => bundle.sequence(),
        other => panic!("no bundle: {other:?}"),
    }
}

async fn refusal(source: &mut PolledShelf) -> ReadError {
    timeout(Duration::from_hours(2), source.next()).await.unwrap().unwrap_err()
}

async fn says_nothing_for(source: &mut PolledShelf, time: Duration) {
    let said = timeout(time, source.next()).await;
    assert!(said.is_err(), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hour_costs_at_most_four_calls_a_minute() {
    let shelf = MemoryShelf::new();
    put(&shelf, "one").await;
    let counted = Counted::new(&shelf);
    let mut source = source(&counted, "dev");
    assert_eq!(sequence(&mut source).await, 1);
    says_nothing_for(&mut source, Duration::from_hours(1)).await;
    assert!(counted.most(1) <= 4, "{} calls in a minute", counted.most(1));
    assert!(counted.calls.lock().unwrap().len() > 180, "it looks all the same");
}

#[tokio::test(start_paused = true)]
async fn what_is_published_is_handed_over_within_an_interval_and_at_once_after_a_nudge() {
    let shelf = MemoryShelf::new();
    put(&shelf, "one").await;
    let nudge = Nudge::default();
    let polling = Polling { nudge: nudge.clone(), ..Polling::default() };
    let mut source = PolledShelf::new(Arc::new(shelf.clone()), "dev", polling);
    assert_eq!(sequence(&mut source).await, 1);

    let start = Instant::now();
    put(&shelf, "two").await;
    assert_eq!(sequence(&mut source).await, 2);
    assert!(start.elapsed() <= REMOTE_POLL_INTERVAL.mul_f64(1.2));

    let start = Instant::now();
    put(&shelf, "three").await;
    nudge.now();
    assert_eq!(sequence(&mut source).await, 3);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_again_and_again_still_comes_to_its_end() {
    let shelf = MemoryShelf::new();
    put(&shelf, "one").await;
    let mut source = PolledShelf::new(Arc::new(shelf.clone()), "dev", Polling::default());
    assert_eq!(sequence(&mut source).await, 1);
    put(&shelf, "two").await;
    for _ in 0..9 {
        if let Ok(read) = timeout(Duration::from_secs(2), source.next()).await {
            assert!(matches!(read, Ok(Reading::Bundle(bundle)) if bundle.sequence() == 2));
            return;
        }
    }
    panic!("18 s of waits of 2 s did not add up to a turn");
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_what_is_published_has_its_own_reason_and_is_told_once() {
    let shelf = MemoryShelf::new();
    put(&shelf, "one").await;
    let pointer = shelf.pointer_bytes().unwrap();
    let (key, whole) = shelf.bundles().pop_first().unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() = b'x';
    let cases = [
        ("dev", None, Some(whole.clone()), Reason::NothingPublished),
        ("dev", Some(b"{}".to_vec()), Some(whole.clone()), Reason::BundleMalformed),
        ("prod", Some(pointer.clone()), Some(whole.clone()), Reason::OtherEnvironment),
        ("dev", Some(pointer.clone()), None, Reason::BundleMissing),
        ("dev", Some(pointer.clone()), Some(whole[..whole.len() - 9].to_vec()), Reason::BundleTorn),
        ("dev", Some(pointer.clone()), Some(flipped), Reason::BundleTampered),
    ];
    for (environment, pointer, bundle, reason) in cases {
        shelf.damage_pointer(pointer);
        shelf.damage_bundle(&key, bundle);
        let counted = Counted::new(&shelf);
        let mut source = source(&counted, environment);
        let error = refusal(&mut source).await;
        assert_eq!(error.reason(), reason, "{error}");
        assert_eq!(error.digest().is_some(), reason != Reason::NothingPublished, "{error}");
        says_nothing_for(&mut source, Duration::from_mins(30)).await;
        let calls = counted.calls.lock().unwrap().len();
        assert!(calls <= 30 * 4, "{reason}: {calls} calls in half an hour");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bundle_that_is_put_right_under_the_same_pointer_is_handed_over() {
    let shelf = MemoryShelf::new();
    put(&shelf, "one").await;
    let (key, whole) = shelf.bundles().pop_first().unwrap();
    shelf.damage_bundle(&key, None);
    let mut source = source(&Counted::new(&shelf), "dev");
    assert_eq!(refusal(&mut source).await.reason(), Reason::BundleMissing);
    says_nothing_for(&mut source, Duration::from_mins(5)).await;
    shelf.damage_bundle(&key, Some(whole));
    assert_eq!(sequence(&mut source).await, 1);
}

#[tokio::test(start_paused = true)]
async fn one_lost_answer_is_no_news_and_an_outage_and_its_end_are_told_once() {
    let shelf = MemoryShelf::new();
    put(&shelf, "one").await;
    let counted = Counted::new(&shelf);
    let mut source = source(&counted, "dev");
    assert_eq!(sequence(&mut source).await, 1);
    counted.failures_left.store(1, Ordering::Relaxed);
    says_nothing_for(&mut source, Duration::from_mins(2)).await;

    counted.is_down.store(true, Ordering::Relaxed);
    let error = refusal(&mut source).await;
    assert_eq!(error.reason(), Reason::SourceUnreadable);
    assert!(error.to_string().contains("connection refused"), "{error}");
    says_nothing_for(&mut source, Duration::from_mins(10)).await;
    counted.is_down.store(false, Ordering::Relaxed);
    assert_eq!(sequence(&mut source).await, 1, "it stands again");
    says_nothing_for(&mut source, Duration::from_mins(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_be_reached_at_the_start_is_told_at_once() {
    let counted = Counted::new(&MemoryShelf::new());
    counted.is_down.store(true, Ordering::Relaxed);
    let start = Instant::now();
    assert_eq!(refusal(&mut source(&counted, "dev")).await.reason(), Reason::SourceUnreadable);
    assert_eq!(start.elapsed(), Duration::ZERO);
}
