//! Publishers that die, come late and overlap, and a reader in between: it takes whole sets only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use coxswain_manifest::SourceFile;
use coxswain_store::{
    Expect, StoreError, Version,
    s3::{Fetched, Listed, Written},
};
use fastrand::Rng;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use super::{FilesSource, Folder, Upload, UploadError, bucket::Bucket};
use crate::source::{Polling, Reading, Source as _};

/// A bucket far away: a call takes time, and one that was sent arrives, also where its sender is gone.
#[derive(Debug, Clone)]
struct Remote {
    bucket: Arc<Bucket>,
    network: TaskTracker,
    rng: Arc<Mutex<Rng>>,
}

impl Remote {
    /// Now and then much longer than anybody waits.
    fn delay(&self) -> Duration {
        let mut rng = self.rng.lock().unwrap();
        let most = if rng.u8(0..30) == 0 { 60_000 } else { 300 };
        Duration::from_millis(rng.u64(0..most))
    }

    async fn carry<T, F, Fut>(&self, call: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(Arc<Bucket>) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send,
    {
        let (there, back, bucket) = (self.delay(), self.delay(), self.bucket.clone());
        let journey = self.network.spawn(async move {
            sleep(there).await;
            let answer = call(bucket).await;
            sleep(back).await;
            answer
        });
        journey.await.unwrap()
    }
}

#[async_trait]
impl Folder for Remote {
    fn describe(&self) -> String {
        self.bucket.describe()
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.carry(|bucket| async move { bucket.list().await }).await
    }

    async fn get(&self, key: &str, at_most: u64) -> Result<Fetched, StoreError> {
        let key = key.to_owned();
        self.carry(move |bucket| async move { bucket.get(&key, at_most).await }).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, expect: &Expect) -> Result<Written, StoreError> {
        let (key, expect) = (key.to_owned(), expect.clone());
        self.carry(move |bucket| async move { bucket.put(&key, bytes, &expect).await }).await
    }

    async fn delete(&self, key: &str, expect: &Version) -> Result<Written<()>, StoreError> {
        let (key, expect) = (key.to_owned(), expect.clone());
        self.carry(move |bucket| async move { bucket.delete(&key, &expect).await }).await
    }
}

/// Files of few contents, so that sets share some of them and what was there comes back.
fn set(rng: &mut Rng) -> Vec<SourceFile> {
    let cluster = rng.u8(0..2);
    let environment = format!(
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec: {{ cluster: c{cluster} }}\n"
    );
    let mut files = vec![SourceFile { path: "environment.yaml".to_owned(), content: environment.into() }];
    for path in ["a.yaml", "b.yaml", "c.yaml", "d.yaml"] {
        let version = rng.u8(0..3);
        if version > 0 {
            files.push(SourceFile { path: path.to_owned(), content: format!("# {version}\n").into() });
        }
    }
    files
}

fn texts(files: &[SourceFile]) -> BTreeMap<String, String> {
    let text = |file: &SourceFile| (file.path.clone(), String::from_utf8(file.content.clone()).unwrap());
    files.iter().map(text).collect()
}

async fn publish(remote: &Remote, files: Vec<SourceFile>, replaces_foreign: bool) -> Result<(), UploadError> {
    Upload::prepare(Arc::new(remote.clone()), files).await?.run(replaces_foreign).await
}

/// One world: how many sets were taken.
async fn world(seed: u64) -> usize {
    let mut rng = Rng::with_seed(seed);
    let travel = Arc::new(Mutex::new(rng.fork()));
    let remote = Remote { bucket: Bucket::of(&[]), network: TaskTracker::new(), rng: travel };
    let offered: Arc<Mutex<BTreeSet<BTreeMap<String, String>>>> = Arc::default();
    for _ in 0..3 {
        let (mut rng, remote, offered) = (rng.fork(), remote.clone(), offered.clone());
        remote.network.clone().spawn(async move {
            for _ in 0..6 {
                sleep(Duration::from_millis(rng.u64(0..8_000))).await;
                let files = set(&mut rng);
                offered.lock().unwrap().insert(texts(&files));
                // Some are killed half-way.
                let patience = Duration::from_millis(rng.u64(0..4_000));
                drop(timeout(patience, publish(&remote, files, false)).await);
            }
        });
    }
    let polling = Polling { interval: Duration::from_secs(2), seed, ..Polling::default() };
    let mut source = FilesSource::new(Arc::new(remote.clone()), polling);
    let mut taken = 0;
    let check = |found: &[SourceFile]| {
        let found = texts(found);
        let is_whole = found.is_empty() || offered.lock().unwrap().contains(&found);
        assert!(is_whole, "seed {seed}: {found:?} was never published");
    };
    while let Ok(told) = timeout(Duration::from_secs(70), source.next()).await {
        if let Ok(Reading::Files(files)) = told {
            check(&files);
            taken += 1;
        }
    }
    let last = set(&mut rng);
    offered.lock().unwrap().insert(texts(&last));
    let mut attempts = 0;
    // What has arrived after somebody else had finished is nobody's that is known.
    while publish(&remote, last.clone(), true).await.is_err() {
        attempts += 1;
        assert!(attempts < 50, "seed {seed}: nobody else writes, and it does not end");
    }
    assert_eq!(remote.bucket.manifests(), texts(&last), "seed {seed}");
    taken
}

#[test]
fn in_two_hundred_worlds_of_publishers_that_die_and_overlap_only_whole_sets_are_taken() {
    let taken: usize = (0..200)
        .map(|seed| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(world(seed))
        })
        .sum();
    assert!(taken > 400, "only {taken} sets were taken: nothing was tested");
}
