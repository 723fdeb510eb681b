//! Publishers, a place to publish to, and the controller's side of it, with an oracle that knows every
//! bundle that was ever made.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use coxswain_controller::{
    aws::{Aws, AwsError, Operation},
    desired::Wanted,
    resolve::{References, resolve},
    source::{
        Bundles, Expected, Keep, Kept, Look, Mark, Moved, Offer, PolledShelf, Polling, Shelf, ShelfError,
        Source as _, publish,
    },
};
use coxswain_manifest::{Bundle, Key, Pointer, SourceFile};
use coxswain_plan::Reason;
use coxswain_runtime::TokioClock;
use coxswain_store::MemoryStore;
use fastrand::Rng;
use serde_json::Value;

/// An AWS that nobody has to ask anything.
#[derive(Debug)]
struct NoAws;

#[async_trait]
impl Aws for NoAws {
    async fn call(&self, operation: Operation, _: Value) -> Result<Value, AwsError> {
        panic!("{operation} was called")
    }
}

/// Notes every bundle that is put, and yields before each call, so that two publishers take turns.
#[derive(Debug, Clone)]
struct Noted<S> {
    shelf: S,
    made: Arc<Mutex<Vec<Bundle>>>,
}

#[async_trait]
impl<S: Shelf> Shelf for Noted<S> {
    fn describe(&self) -> String {
        self.shelf.describe()
    }

    async fn pointer(&self, known: Option<&Mark>) -> Result<Look, ShelfError> {
        tokio::task::yield_now().await;
        self.shelf.pointer(known).await
    }

    async fn bundle(&self, pointer: &Pointer) -> Result<Kept, ShelfError> {
        tokio::task::yield_now().await;
        self.shelf.bundle(pointer).await
    }

    async fn put_bundle(&self, bundle: &Bundle) -> Result<Pointer, ShelfError> {
        self.made.lock().unwrap().push(bundle.clone());
        tokio::task::yield_now().await;
        self.shelf.put_bundle(bundle).await
    }

    async fn move_pointer(&self, pointer: &Pointer, seen: Option<&Mark>) -> Result<Moved, ShelfError> {
        tokio::task::yield_now().await;
        self.shelf.move_pointer(pointer, seen).await
    }

    async fn tidy(&self, pointer: &Pointer, keep: &Keep) -> Result<(), ShelfError> {
        tokio::task::yield_now().await;
        self.shelf.tidy(pointer, keep).await
    }
}

/// What stands with the controller.
#[derive(Debug, Clone, PartialEq)]
struct Stands {
    sequence: u64,
    bundle: String,
    objects: BTreeMap<Key, Wanted>,
}

pub(crate) struct World<S> {
    pub(crate) rng: Rng,
    shelf: Noted<S>,
    store: MemoryStore,
    bundles: Bundles,
    stands: Option<Stands>,
    edits: u64,
    reasons: BTreeSet<Reason>,
    accepted: u64,
    refused: u64,
}

impl<S: Shelf + Clone + 'static> World<S> {
    pub(crate) fn new(shelf: S, seed: u64) -> Self {
        let store = MemoryStore::new();
        Self {
            rng: Rng::with_seed(seed),
            shelf: Noted { shelf, made: Arc::default() },
            bundles: bundles(&store),
            store,
            stands: None,
            edits: 0,
            reasons: BTreeSet::new(),
            accepted: 0,
            refused: 0,
        }
    }

    /// Manifests that nobody has published yet: some services that are always there and one that is new.
    fn offer(&mut self) -> Offer {
        self.edits += 1;
        let edit = self.edits;
        let mut text = "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: dev }\nspec: { cluster: dev }\n".to_owned();
        for name in ["api".to_owned(), format!("only-{edit}")] {
            text += &service(&name, edit);
        }
        if self.rng.u8(0..4) == 0 {
            // What cannot be compressed fills more than one parameter.
            text.push_str("# ");
            text.extend(std::iter::repeat_with(|| self.rng.alphanumeric()).take(6_000));
            text.push('\n');
        }
        let after = self.stands.as_ref().map_or(0, |stands| stands.sequence);
        Offer {
            files: vec![SourceFile { path: "all.yaml".to_owned(), content: text.into() }],
            after,
            ..Offer::default()
        }
    }

    /// Somebody publishes and is not disturbed.
    pub(crate) async fn publish(&mut self) -> bool {
        let offer = self.offer();
        publish(&self.shelf, offer).await.is_ok()
    }

    /// Two publish at once; how their steps fall between each other differs from case to case.
    pub(crate) fn publish_twice_at_once(&mut self) {
        let (one, other) = (self.offer(), self.offer());
        let place = self.shelf.clone();
        let (mut one, mut other) = (pin!(publish(&place, one)), pin!(publish(&place, other)));
        let (mut first, mut second) = (None, None);
        while first.is_none() || second.is_none() {
            if first.is_none() && self.rng.bool() {
                first = step(&mut one);
            }
            if second.is_none() && self.rng.bool() {
                second = step(&mut other);
            }
        }
        let (first, second) = (first.unwrap(), second.unwrap());
        if let (Ok(first), Ok(second)) = (&first, &second) {
            assert_ne!(first.sequence, second.sequence, "both were told that they have the same number");
        }
    }

    /// Somebody publishes and dies half-way.
    pub(crate) fn publish_in_part(&mut self) {
        let offer = self.offer();
        let place = self.shelf.clone();
        let mut publishing = pin!(publish(&place, offer));
        for _ in 0..self.rng.usize(0..12) {
            if step(&mut publishing).is_some() {
                return;
            }
        }
    }

    /// One of the bundles that were made, whenever.
    pub(crate) fn any_bundle(&mut self) -> Option<Bundle> {
        let made = self.shelf.made.lock().unwrap();
        // The youngest ones matter most.
        let skip = made.len().saturating_sub(8);
        self.rng.choice(made.iter().skip(skip)).cloned()
    }

    /// The controller reads the source, now and then after a restart, and the oracle judges what stands.
    pub(crate) async fn read(&mut self, case: u64) {
        if self.rng.u8(..) < 8 {
            self.bundles = bundles(&self.store);
        }
        let place = Arc::new(self.shelf.shelf.clone());
        let read = PolledShelf::new(place, "dev", Polling::default()).next().await;
        let taken = self.bundles.take(read).await;
        let report = &taken.report;
        self.reasons.insert(report.reason);
        if report.is_ready {
            self.accepted += 1;
        } else {
            self.refused += 1;
        }
        let after = match (taken.objects, &report.accepted) {
            (None, None) => None,
            (Some(objects), Some(accepted)) => {
                let bundle = accepted.origin.as_ref().unwrap().digest.to_string();
                Some(Stands { sequence: accepted.sequence, bundle, objects })
            }
            (objects, accepted) => panic!("case {case}: {objects:?} stand as {accepted:?}"),
        };
        match (&self.stands, &after) {
            (None, None) => {}
            (Some(before), after) if !report.is_ready => {
                assert_eq!(Some(before), after.as_ref(), "case {case}: refused, and changed something");
            }
            (None, Some(_)) if !report.is_ready => panic!("case {case}: refused, and something stands"),
            (before, Some(after)) => {
                let before = before.as_ref().map_or(0, |before| before.sequence);
                assert!(after.sequence >= before, "case {case}: {} after {before}", after.sequence);
                assert_eq!(after.objects, self.objects_of(after), "case {case}: not one bundle's objects");
                assert!(taken.is_whole, "case {case}");
            }
            (Some(_), None) => panic!("case {case}: what stood is gone"),
        }
        self.stands = after;
    }

    /// What the bundle asks that is said to stand: as its publisher made it.
    fn objects_of(&self, stands: &Stands) -> BTreeMap<Key, Wanted> {
        let made = self.shelf.made.lock().unwrap();
        let is_it = |bundle: &&Bundle| bundle.digest().as_str() == stands.bundle;
        let bundle = made.iter().rev().find(is_it).expect("a publisher has made it");
        assert_eq!(bundle.sequence(), stands.sequence);
        let revision = format!("{}.0", stands.sequence);
        resolve(&bundle.load().unwrap(), &References::default(), &revision).unwrap()
    }

    /// That the cases were worth playing: these ends were seen, and many of both kinds.
    pub(crate) fn saw(&self, reasons: &[Reason]) {
        let Self { accepted, refused, edits, .. } = self;
        println!("{accepted} readings taken, {refused} refused, {edits} publications: {:?}", self.reasons);
        for reason in reasons {
            assert!(self.reasons.contains(reason), "{reason} was never met");
        }
        assert!(*accepted > 300 && *refused > 3_000);
    }
}

fn service(name: &str, edit: u64) -> String {
    format!(
        "---\napiVersion: coxswain.dev/v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec:\n  count: {{ fixed: 1 }}\n  taskDefinition: {{ containerDefinitions: [{{ name: x, image: \"x:{edit}\", memory: 64 }}] }}\n"
    )
}

/// A bundle of another environment.
pub(crate) fn foreign(sequence: u64) -> Bundle {
    let text =
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: prod }\nspec: { cluster: prod }\n";
    let file = SourceFile { path: "e.yaml".to_owned(), content: text.into() };
    Bundle::build(vec![file], sequence, coxswain_manifest::Provenance::default(), &BTreeMap::new()).unwrap()
}

fn bundles(store: &MemoryStore) -> Bundles {
    let clock = Arc::new(TokioClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
    let expected = Expected {
        from: "a hostile place".to_owned(),
        environment: Some("dev".to_owned()),
        ..Expected::default()
    };
    Bundles::new(Arc::new(store.clone()), Arc::new(NoAws), clock, expected)
}

/// One turn of a publisher: from one call to the next.
fn step<F: Future>(future: &mut std::pin::Pin<&mut F>) -> Option<F::Output> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
