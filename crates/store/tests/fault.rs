//! The wrapper that loses calls and answers: each fault has the effect, and the answer, that it names.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as tests do")]

use std::sync::{Arc, Mutex};

use coxswain_store::fault::{Call, Fault, FaultStore};
use coxswain_store::{Expect, MemoryStore, Operation, Path, Remedy, Store, StoreError};

fn path() -> Path {
    Path::new("record").unwrap()
}

/// A store whose first call meets `fault`, and the hook's notes of what became of each.
fn failing(fault: Fault) -> (FaultStore<MemoryStore>, Arc<Mutex<Vec<Fault>>>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let after = Arc::clone(&notes);
    let store = FaultStore::new(MemoryStore::new())
        .before(move |call: &Call| if call.number == 0 { fault } else { Fault::None })
        .after(move |_, fault| after.lock().unwrap().push(fault));
    (store, notes)
}

async fn stands(store: &FaultStore<MemoryStore>) -> bool {
    store.inner().get(&path()).await.unwrap().is_some()
}

#[tokio::test]
async fn every_call_is_recorded_in_its_order_and_passed_on() {
    let store = FaultStore::new(Arc::new(MemoryStore::new()));
    let version = store.put(&path(), b"x".into(), Expect::Absent).await.unwrap();
    assert_eq!(store.get(&path()).await.unwrap().unwrap().bytes, b"x");
    assert_eq!(store.list("rec").await.unwrap(), [path()]);
    store.delete(&path(), version).await.unwrap();
    let expected = [
        (Operation::Put, "record"),
        (Operation::Get, "record"),
        (Operation::List, "rec"),
        (Operation::Delete, "record"),
    ];
    let calls = store.calls();
    for (number, (operation, subject)) in expected.into_iter().enumerate() {
        assert_eq!(calls[number], Call { number, operation, subject: subject.to_owned() });
    }
    assert_eq!(calls.len(), expected.len());
}

#[tokio::test]
async fn faults_that_answer_differ_in_effect_and_in_what_the_caller_can_know() {
    let cases = [
        (Fault::Refuse, false, Remedy::Repeat),
        (Fault::FailBefore, false, Remedy::ObserveFirst),
        (Fault::FailAfter, true, Remedy::ObserveFirst),
        // The second arrival finds what the first has written.
        (Fault::Twice, true, Remedy::ReadAgain),
    ];
    for (fault, has_effect, remedy) in cases {
        let (store, notes) = failing(fault);
        let error = store.put(&path(), b"x".into(), Expect::Absent).await.unwrap_err();
        assert_eq!((stands(&store).await, error.remedy()), (has_effect, remedy), "{fault:?}");
        assert_eq!(*notes.lock().unwrap(), [fault]);
    }
}

#[tokio::test]
async fn a_lost_read_is_not_in_doubt_because_it_has_no_effect() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let (store, _) = failing(fault);
        let error = store.get(&path()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { in_doubt: false, .. }), "{fault:?}: {error:?}");
    }
}

#[tokio::test]
async fn faults_that_kill_never_answer_and_the_hook_hears_of_them_first() {
    for (fault, has_effect) in [(Fault::DieBefore, false), (Fault::DieAfter, true)] {
        let (store, notes) = failing(fault);
        let at = path();
        let death = async {
            while notes.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            answer = store.put(&at, b"x".into(), Expect::Absent) => panic!("it answered: {answer:?}"),
            () = death => {}
        }
        assert_eq!(stands(&store).await, has_effect, "{fault:?}");
        // The next life of the caller works on what is left.
        assert_eq!(store.get(&path()).await.unwrap().is_some(), has_effect, "{fault:?}");
    }
}

#[tokio::test]
async fn a_sweep_over_every_call_and_every_fault_ends_in_the_same_state() {
    // The smallest caller that is safe to repeat: read, and create what is missing.
    async fn ensure(store: &impl Store) -> Result<(), StoreError> {
        if store.get(&path()).await?.is_none() {
            store.put(&path(), b"x".into(), Expect::Absent).await?;
        }
        Ok(())
    }
    let recording = FaultStore::new(MemoryStore::new());
    ensure(&recording).await.unwrap();
    let calls = recording.calls().len();
    assert_eq!(calls, 2);
    let answering =
        Fault::ALL.into_iter().filter(|fault| !matches!(fault, Fault::DieBefore | Fault::DieAfter));
    for (fault, number) in answering.flat_map(|fault| (0..calls).map(move |number| (fault, number))) {
        let store = FaultStore::new(MemoryStore::new())
            .before(move |call| if call.number == number { fault } else { Fault::None });
        let mut lives = 1;
        while ensure(&store).await.is_err() {
            lives += 1;
        }
        assert!(lives <= 2, "{fault:?} at {number} took {lives} lives");
        assert!(stands(&store).await);
    }
}
