//! A store that records its calls and fails them on demand: for sweeps that try every step.
//!
//! Run a scenario once with [`FaultStore::new`] and read [`FaultStore::calls`]; then run it again for
//! each call and each [`Fault`], and compare what stands in the store at the end.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::{Entry, Expect, Operation, Path, Store, StoreError, Version};

/// One call of a store, as seen before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which call it is: 0 for the first since the wrapper was made.
    pub number: usize,
    /// What is asked.
    pub operation: Operation,
    /// The path, or the prefix of a list.
    pub subject: String,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It is passed on.
    None,
    /// It is refused: it has no effect, and the caller is told so.
    Refuse,
    /// It is lost on the way: no effect, and the caller cannot know.
    FailBefore,
    /// Its answer is lost: it has its effect, and the caller cannot know.
    FailAfter,
    /// It arrives twice, and the caller gets the second answer.
    Twice,
    /// The caller never hears of it again; no effect. A harness drops the caller then, as a kill does.
    DieBefore,
    /// The caller never hears of it again, after the effect.
    DieAfter,
}

impl Fault {
    /// Every way in which a call can go wrong.
    pub const ALL: [Self; 6] =
        [Self::Refuse, Self::FailBefore, Self::FailAfter, Self::Twice, Self::DieBefore, Self::DieAfter];
}

type Before = dyn Fn(&Call) -> Fault + Send + Sync;
type After = dyn Fn(&Call, Fault) + Send + Sync;

/// A wrapper around any store that records every call and asks a hook what becomes of it.
///
/// Clones share the record and the hooks. Calls are numbered in the order in which they are made.
#[derive(Clone)]
pub struct FaultStore<S> {
    inner: S,
    calls: Arc<Mutex<Vec<Call>>>,
    before: Arc<Before>,
    after: Arc<After>,
}

impl<S: Store> FaultStore<S> {
    /// A wrapper that records and lets every call pass.
    pub fn new(inner: S) -> Self {
        Self { inner, calls: Arc::default(), before: Arc::new(|_| Fault::None), after: Arc::new(|_, _| {}) }
    }

    /// Asks `hook` before each call what becomes of it.
    #[must_use]
    pub fn before(self, hook: impl Fn(&Call) -> Fault + Send + Sync + 'static) -> Self {
        Self { before: Arc::new(hook), ..self }
    }

    /// Tells `hook` after each call what became of it: after the effect, if it has one, and before
    /// the caller gets an answer. For the faults that kill, this is where a harness learns of the death.
    #[must_use]
    pub fn after(self, hook: impl Fn(&Call, Fault) + Send + Sync + 'static) -> Self {
        Self { after: Arc::new(hook), ..self }
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The store underneath, without faults: for looking at what stands there.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    async fn pass<T, F>(
        &self,
        operation: Operation,
        subject: &str,
        ask: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let call = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let call = Call { number: calls.len(), operation, subject: subject.to_owned() };
            calls.push(call.clone());
            call
        };
        let fault = (self.before)(&call);
        let answer = match fault {
            Fault::None | Fault::FailAfter | Fault::DieAfter => Some(ask().await),
            Fault::Twice => {
                drop(ask().await);
                Some(ask().await)
            }
            Fault::Refuse | Fault::FailBefore | Fault::DieBefore => None,
        };
        (self.after)(&call, fault);
        match (fault, answer) {
            (Fault::None | Fault::Twice, Some(answer)) => answer,
            (Fault::DieBefore | Fault::DieAfter, _) => pending().await,
            _ => Err(lost(&call, fault)),
        }
    }
}

/// The error of a call that was made to fail.
fn lost(call: &Call, fault: Fault) -> StoreError {
    let writes = matches!(call.operation, Operation::Put | Operation::Delete);
    StoreError::Unavailable {
        operation: call.operation,
        subject: call.subject.clone(),
        in_doubt: writes && fault != Fault::Refuse,
        source: format!("made to fail: {fault:?} at call {}", call.number).into(),
    }
}

#[async_trait]
impl<S: Store> Store for FaultStore<S> {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        self.pass(Operation::Get, path.as_str(), || self.inner.get(path)).await
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        self.pass(Operation::Put, path.as_str(), || self.inner.put(path, bytes.clone(), expect.clone())).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        self.pass(Operation::List, prefix, || self.inner.list(prefix)).await
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        self.pass(Operation::Delete, path.as_str(), || self.inner.delete(path, expect.clone())).await
    }
}

impl<S: fmt::Debug> fmt::Debug for FaultStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}
