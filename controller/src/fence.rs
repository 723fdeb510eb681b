//! The fence before every write: of AWS, and of what one replica alone may write in the store.

use std::sync::Arc;

use async_trait::async_trait;
use coxswain_store::{Entry, Expect, Operation as StoreOperation, Path, Store, StoreError, Version};
use serde_json::Value;

use crate::{
    authority::{Authority, Leadership, Right, Withheld},
    aws::{Aws, AwsError, Failure, Operation},
};

/// AWS that is written to under an authority only. It stands behind the rate limits, so that it is asked
/// after the wait for them.
#[derive(Debug)]
pub(crate) struct Fenced<A> {
    inner: A,
    authority: Authority,
}

impl<A> Fenced<A> {
    pub(crate) fn new(inner: A, authority: Authority) -> Self {
        Self { inner, authority }
    }
}

#[async_trait]
impl<A: Aws> Aws for Fenced<A> {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        if !operation.only_reads()
            && let Err(withheld) = self.authority.may_send().await
        {
            tracing::warn!(%operation, reason = %withheld, "withheld");
            return Err(AwsError { operation, failure: Failure::Withheld(withheld), request_id: None });
        }
        self.inner.call(operation, input).await
    }
}

/// A store that is written to while somebody's right lasts; everybody may read.
#[derive(Debug)]
pub struct FencedStore {
    inner: Arc<dyn Store>,
    right: Arc<dyn Right>,
}

impl FencedStore {
    /// Writes as long as this replica leads, in whichever term.
    pub fn of_leader(inner: Arc<dyn Store>, leadership: Leadership) -> Self {
        Self { inner, right: Arc::new(leadership) }
    }

    /// Writes in one term only.
    pub(crate) fn of_term(inner: Arc<dyn Store>, authority: Authority) -> Self {
        Self { inner, right: Arc::new(authority) }
    }

    fn may(&self, operation: StoreOperation, path: &Path) -> Result<(), StoreError> {
        self.right.may_write().map_err(|withheld: Withheld| StoreError::Unavailable {
            operation,
            subject: path.to_string(),
            in_doubt: false,
            source: withheld.into(),
        })
    }
}

#[async_trait]
impl Store for FencedStore {
    async fn get(&self, path: &Path) -> Result<Option<Entry>, StoreError> {
        self.inner.get(path).await
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>, expect: Expect) -> Result<Version, StoreError> {
        self.may(StoreOperation::Put, path)?;
        self.inner.put(path, bytes, expect).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Path>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, path: &Path, expect: Version) -> Result<(), StoreError> {
        self.may(StoreOperation::Delete, path)?;
        self.inner.delete(path, expect).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    use coxswain_runtime::{Drain, Lease, LeaseTimes, Term};
    use coxswain_store::{
        MemoryStore,
        fault::{Call, Fault, FaultStore},
    };

    use super::*;
    use crate::kill_switch::{self, KillSwitch};

    /// An AWS that takes everything and writes down what.
    #[derive(Debug, Clone, Default)]
    struct Taken(Arc<Mutex<Vec<Operation>>>);

    #[async_trait]
    impl Aws for Taken {
        async fn call(&self, operation: Operation, _: Value) -> Result<Value, AwsError> {
            self.0.lock().unwrap().push(operation);
            Ok(Value::Null)
        }
    }

    struct World {
        store: MemoryStore,
        /// Whether the lease's record is out of reach.
        is_cut: Arc<AtomicBool>,
        taken: Taken,
        authority: Authority,
        _drain: Drain,
    }

    /// A replica that has just taken the lease.
    async fn leading() -> (World, Term) {
        let (store, is_cut) = (MemoryStore::new(), Arc::new(AtomicBool::new(false)));
        let cut = is_cut.clone();
        let faulty = FaultStore::new(store.clone()).before(move |call: &Call| {
            let is_lease = call.subject == "lease";
            if is_lease && cut.load(Ordering::Relaxed) { Fault::FailBefore } else { Fault::None }
        });
        let path = Path::new("lease").unwrap();
        let lease = Lease::new(Arc::new(faulty), path, "one", LeaseTimes::DEFAULT).unwrap();
        let (mut view, drain) = (lease.view(), Drain::new());
        drop(drain.watch().spawn(lease.run(std::future::pending())));
        let term = view.acquired().await.unwrap();
        let kill_switch = KillSwitch::new(Arc::new(store.clone()));
        let authority = Leadership::default().begin(Some(term.clone()), kill_switch);
        (World { store, is_cut, taken: Taken::default(), authority, _drain: drain }, term)
    }

    impl World {
        async fn send(&self, operation: Operation) -> Result<Value, AwsError> {
            Fenced::new(self.taken.clone(), self.authority.clone()).call(operation, Value::Null).await
        }

        async fn put(&self) -> Result<Version, StoreError> {
            let store = FencedStore::of_term(Arc::new(self.store.clone()), self.authority.clone());
            store.put(&Path::new("record").unwrap(), Vec::new(), Expect::Absent).await
        }
    }

    fn withheld(answer: Result<Value, AwsError>) -> Withheld {
        match answer.unwrap_err().failure {
            Failure::Withheld(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_written_before_the_term_may_act_nor_once_its_time_is_over() {
        let (world, term) = leading().await;
        assert_eq!(withheld(world.send(Operation::UpdateService).await), Withheld::NotLeading);
        assert!(world.put().await.is_err());
        world.send(Operation::DescribeServices).await.unwrap();

        tokio::time::sleep_until(term.ready_at()).await;
        world.send(Operation::UpdateService).await.unwrap();
        world.put().await.unwrap();

        // Whatever it is that holds this look up: by its own clock, the time of the term is over.
        world.is_cut.store(true, Ordering::Relaxed);
        tokio::time::sleep(LeaseTimes::DEFAULT.hold_for).await;
        assert_eq!(withheld(world.send(Operation::UpdateService).await), Withheld::NotLeading);
        let late = world.put().await.unwrap_err();
        assert!(matches!(late, StoreError::Unavailable { in_doubt: false, .. }), "{late:?}");
        world.send(Operation::DescribeServices).await.unwrap();

        // Another term of the same replica is another authority's.
        world.is_cut.store(false, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(withheld(world.send(Operation::UpdateService).await), Withheld::NotLeading);
        let taken = world.taken.0.lock().unwrap().clone();
        assert_eq!(
            taken,
            [Operation::DescribeServices, Operation::UpdateService, Operation::DescribeServices]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn under_the_kill_switch_the_store_is_written_and_aws_is_not() {
        let (world, term) = leading().await;
        tokio::time::sleep_until(term.ready_at()).await;
        let path = Path::new(kill_switch::PATH).unwrap();
        let version = world.store.put(&path, b"stop".to_vec(), Expect::Absent).await.unwrap();
        assert_eq!(withheld(world.send(Operation::UpdateService).await), Withheld::KillSwitch);
        world.put().await.unwrap();
        world.store.delete(&path, version).await.unwrap();
        world.send(Operation::UpdateService).await.unwrap();
    }
}
