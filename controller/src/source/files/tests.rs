use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use coxswain_plan::Reason;
use tokio::time::timeout;

use super::*;

/// Objects that a hook may change before each call.
#[derive(Debug, Default)]
struct Bucket {
    objects: Mutex<BTreeMap<String, String>>,
    calls: AtomicUsize,
    /// What is written before the call of that number.
    writes: Mutex<BTreeMap<usize, (String, Option<String>)>>,
}

impl Bucket {
    fn of(objects: &[(&str, &str)]) -> Arc<Self> {
        let bucket = Self::default();
        for (key, text) in objects {
            bucket.write(key, Some(text));
        }
        Arc::new(bucket)
    }

    fn write(&self, key: &str, text: Option<&str>) {
        let mut objects = self.objects.lock().unwrap();
        match text {
            Some(text) => drop(objects.insert(key.to_owned(), text.to_owned())),
            None => drop(objects.remove(key)),
        }
    }

    fn before_call(&self, number: usize, key: &str, text: Option<&str>) {
        let write = (key.to_owned(), text.map(str::to_owned));
        self.writes.lock().unwrap().insert(self.calls() + number, write);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn call(&self) {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let write = self.writes.lock().unwrap().remove(&number);
        if let Some((key, text)) = write {
            self.write(&key, text.as_deref());
        }
    }
}

#[async_trait]
impl Folder for Bucket {
    fn describe(&self) -> String {
        "s3-files://example-bucket/".to_owned()
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.call();
        let objects = self.objects.lock().unwrap();
        let listed = |(key, text): (&String, &String)| Listed {
            key: key.clone(),
            etag: text.clone(),
            bytes: text.len() as u64,
        };
        Ok(objects.iter().map(listed).collect())
    }

    async fn get(&self, listed: &Listed) -> Result<Option<Vec<u8>>, StoreError> {
        self.call();
        let text = self.objects.lock().unwrap().get(&listed.key).cloned();
        Ok(text.filter(|text| *text == listed.etag).map(String::into_bytes))
    }
}

async fn texts(source: &mut FilesSource) -> Vec<String> {
    match timeout(Duration::from_hours(1), source.next()).await.unwrap() {
        Ok(Reading::Files(files)) => {
            files.into_iter().map(|file| String::from_utf8(file.content).unwrap()).collect()
        }
        other => panic!("no files: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn manifests_are_taken_by_their_names_once_they_have_settled_and_again_when_they_change() {
    let bucket =
        Bucket::of(&[("b.yaml", "two"), ("a/x.json", "one"), ("notes.txt", "-"), (".git/c.yaml", "-")]);
    let mut source = FilesSource::new(bucket.clone(), Polling::default());
    assert_eq!(texts(&mut source).await, ["one", "two"]);
    assert_eq!(bucket.calls(), 5, "two looks, two objects, and one look more");
    let quiet = timeout(Duration::from_hours(1), source.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert!(bucket.calls() <= 5 + 60 * 4, "{} calls", bucket.calls());
    bucket.write("b.yaml", Some("three"));
    assert_eq!(texts(&mut source).await, ["one", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_changes_at_any_point_of_its_reading_is_not_taken_in_part() {
    // Two looks, two objects, one look: a second file appears, or one of two goes, before each of them.
    for number in 0..=4 {
        let bucket = Bucket::of(&[("a.yaml", "old a"), ("b.yaml", "old b")]);
        bucket.before_call(number, "a.yaml", Some("new a"));
        let mut source = FilesSource::new(bucket.clone(), Polling::default());
        assert_eq!(texts(&mut source).await, ["new a", "old b"], "a write before call {number}");

        let bucket = Bucket::of(&[("a.yaml", "old a"), ("b.yaml", "old b")]);
        bucket.before_call(number, "a.yaml", None);
        let mut source = FilesSource::new(bucket.clone(), Polling::default());
        assert_eq!(texts(&mut source).await, ["old b"], "a removal before call {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_file_by_file_is_taken_as_one() {
    let bucket = Bucket::of(&[("a.yaml", "old a"), ("b.yaml", "old b")]);
    let mut source = FilesSource::new(bucket.clone(), Polling::default());
    assert_eq!(texts(&mut source).await, ["old a", "old b"]);
    bucket.before_call(0, "a.yaml", Some("new a"));
    bucket.before_call(1, "b.yaml", Some("new b"));
    assert_eq!(texts(&mut source).await, ["new a", "new b"]);
}

#[tokio::test(start_paused = true)]
async fn more_than_is_read_is_refused_by_its_name_before_it_is_read() {
    let bucket = Bucket::of(&[("a.yaml", "one")]);
    let mut source = FilesSource::new(bucket.clone(), Polling::default());
    assert_eq!(texts(&mut source).await, ["one"]);
    let huge = "x".repeat(usize::try_from(MOST_BYTES_OF_A_FILE).unwrap() + 1);
    bucket.write("huge.yaml", Some(&huge));
    let error = timeout(Duration::from_mins(1), source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::SourceUnreadable);
    assert!(error.to_string().contains("huge.yaml"), "{error}");
    bucket.write("huge.yaml", None);
    assert_eq!(texts(&mut source).await, ["one"], "its end is told");
}
