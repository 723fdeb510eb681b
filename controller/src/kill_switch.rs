//! The kill switch: an entry in the store that stops every write to AWS, whoever put it there.

use std::{sync::Arc, time::Duration};

use coxswain_runtime::DrainWatch;
use coxswain_store::{Path, PathError, Store, StoreError};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// Where it stands in the store.
pub const PATH: &str = "v1/kill-switch";

/// How often it is looked at without a write: what the status says of it is at most so old.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long a look may take; without an answer nothing is sent.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// What is known of the kill switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// The store has not said, for this reason.
    Unknown(String),
    /// There is nothing: AWS may be written to.
    Off,
    /// Something stands there: nothing is sent.
    Set,
}

/// The kill switch of a store. Clones share what is known of it.
///
/// *Anything* at its path means stop, also what no program of ours has written: a person in need has
/// `aws s3 cp`, or `touch`.
#[derive(Debug, Clone)]
pub struct KillSwitch {
    store: Arc<dyn Store>,
    position: watch::Sender<Position>,
}

impl KillSwitch {
    /// That of this store, not looked at yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, position: watch::Sender::new(Position::Unknown("it was not looked at yet".to_owned())) }
    }

    /// Looks at it now.
    pub async fn read(&self) -> Position {
        let found = match timeout(LOOK_WITHIN, look(self.store.as_ref())).await {
            Ok(found) => found,
            Err(_) => Position::Unknown(format!("the store did not answer within {LOOK_WITHIN:?}")),
        };
        self.position.send_if_modified(|known| {
            let is_new = *known != found;
            if is_new {
                tell(known, &found);
                known.clone_from(&found);
            }
            is_new
        });
        found
    }

    /// As it was when it was looked at last.
    pub fn position(&self) -> Position {
        self.position.borrow().clone()
    }

    /// Changes with what is known.
    pub fn changes(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    /// Looks at it from time to time, until the program ends.
    pub(crate) async fn run(self, drain: DrainWatch) {
        let look = async {
            loop {
                self.read().await;
                sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            () = drain.signalled() => {}
            () = look => {}
        }
    }
}

async fn look(store: &dyn Store) -> Position {
    let path = Path::new(PATH).map_err(|error: PathError| error.to_string());
    let path = match path {
        Ok(path) => path,
        Err(why) => return Position::Unknown(why),
    };
    match store.get(&path).await {
        Ok(None) => Position::Off,
        // Whatever is no entry of ours was put there by a person.
        Ok(Some(_)) | Err(StoreError::Corrupt { .. }) => Position::Set,
        Err(error) => Position::Unknown(crate::status::chain(&error)),
    }
}

fn tell(before: &Position, now: &Position) {
    match (before, now) {
        (_, Position::Set) => {
            tracing::warn!(
                reason = "KillSwitch",
                path = PATH,
                "the kill switch is set: nothing is sent to AWS"
            );
        }
        (Position::Set, Position::Off) => {
            tracing::info!(path = PATH, "the kill switch was removed: writes go on");
        }
        (_, Position::Unknown(why)) => {
            tracing::warn!(reason = "Unavailable", %why, "the kill switch cannot be read: nothing is sent to AWS");
        }
        (_, Position::Off) => {}
    }
}

#[cfg(test)]
mod tests {
    use coxswain_store::{
        DirectoryStore, Expect, MemoryStore,
        fault::{Fault, FaultStore},
    };

    use super::*;

    #[tokio::test]
    async fn an_entry_of_ours_and_any_bytes_at_all_mean_stop() {
        let root = tempfile::tempdir().unwrap();
        let store = Arc::new(DirectoryStore::open(root.path()).await.unwrap());
        let switch = KillSwitch::new(store.clone());
        assert_eq!(switch.read().await, Position::Off);
        let path = Path::new(PATH).unwrap();
        let version = store.put(&path, b"since 10:00".to_vec(), Expect::Absent).await.unwrap();
        assert_eq!(switch.read().await, Position::Set);
        store.delete(&path, version).await.unwrap();
        assert_eq!(switch.read().await, Position::Off);

        let file = root.path().join(format!("{PATH}+entry"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        for bytes in [b"".as_slice(), b"\n", b"stop", b"coxswain-store 1 v1/kill-switch"] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(switch.read().await, Position::Set, "{bytes:?}");
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(switch.read().await, Position::Off);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_leaves_it_unknown() {
        for fault in [Fault::FailBefore, Fault::DieBefore] {
            let store = FaultStore::new(MemoryStore::new()).before(move |_| fault);
            let switch = KillSwitch::new(Arc::new(store));
            assert!(matches!(switch.read().await, Position::Unknown(_)), "{fault:?}");
        }
    }
}
