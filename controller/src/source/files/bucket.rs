//! A bucket in memory for tests, where an ETag follows from the content as in S3, and calls can be harmed.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use coxswain_store::{
    Expect, Operation, StoreError, Version,
    fault::Fault,
    s3::{Fetched, Listed, Object, Written},
};

use super::Folder;

/// Objects that are changed, or calls that are harmed, at the calls that a test names.
#[derive(Debug, Default)]
pub(super) struct Bucket(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, String>,
    calls: usize,
    /// What is written before the call of that number.
    writes: BTreeMap<usize, (String, Option<String>)>,
    faults: BTreeMap<usize, Fault>,
}

impl State {
    fn write(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => drop(self.objects.insert(key.to_owned(), text.to_owned())),
            None => drop(self.objects.remove(key)),
        }
    }

    fn holds(&self, key: &str, expect: &Expect) -> bool {
        match (self.objects.get(key), expect) {
            (Some(text), Expect::Version(version)) => *version == etag(text),
            (found, Expect::Absent) => found.is_none(),
            (None, Expect::Version(_)) => false,
        }
    }
}

fn etag(text: &str) -> Version {
    Version::named(text)
}

impl Bucket {
    pub(super) fn of(objects: &[(&str, &str)]) -> Arc<Self> {
        let bucket = Self::default();
        for (key, text) in objects {
            bucket.write(key, Some(text));
        }
        Arc::new(bucket)
    }

    pub(super) fn write(&self, key: &str, text: Option<&str>) {
        self.state().write(key, text);
    }

    pub(super) fn before_call(&self, number: usize, key: &str, text: Option<&str>) {
        let mut state = self.state();
        let number = state.calls + number;
        state.writes.insert(number, (key.to_owned(), text.map(str::to_owned)));
    }

    pub(super) fn harm(&self, number: usize, fault: Fault) {
        let mut state = self.state();
        let number = state.calls + number;
        state.faults.insert(number, fault);
    }

    pub(super) fn calls(&self) -> usize {
        self.state().calls
    }

    /// The texts by key, without what begins with a dot.
    pub(super) fn manifests(&self) -> BTreeMap<String, String> {
        let objects = self.state().objects.clone();
        objects.into_iter().filter(|(key, _)| !key.starts_with('.')).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn pass<T>(&self, operation: Operation, ask: impl Fn(&mut State) -> T) -> Result<T, StoreError> {
        let fault = {
            let mut state = self.state();
            let number = state.calls;
            state.calls += 1;
            if let Some((key, text)) = state.writes.remove(&number) {
                state.write(&key, text.as_deref());
            }
            state.faults.remove(&number).unwrap_or(Fault::None)
        };
        let mut answer = None;
        if !matches!(fault, Fault::Refuse | Fault::FailBefore | Fault::DieBefore) {
            answer = Some(ask(&mut self.state()));
        }
        match (fault, answer) {
            (Fault::None, Some(answer)) => Ok(answer),
            (Fault::Twice, _) => Ok(ask(&mut self.state())),
            (Fault::DieBefore | Fault::DieAfter, _) => pending().await,
            _ => Err(StoreError::Unavailable {
                operation,
                subject: "an object".to_owned(),
                in_doubt: matches!(operation, Operation::Put | Operation::Delete) && fault != Fault::Refuse,
                source: format!("made to fail: {fault:?}").into(),
            }),
        }
    }
}

#[async_trait]
impl Folder for Bucket {
    fn describe(&self) -> String {
        "s3://example-bucket/".to_owned()
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let listed = |(key, text): (&String, &String)| Listed {
            key: key.clone(),
            etag: text.clone(),
            bytes: text.len() as u64,
        };
        self.pass(Operation::List, |state| state.objects.iter().map(listed).collect()).await
    }

    async fn get(&self, key: &str, _: u64) -> Result<Fetched, StoreError> {
        let found = |state: &mut State| match state.objects.get(key) {
            Some(text) => Fetched::Found(Object { bytes: text.clone().into_bytes(), version: etag(text) }),
            None => Fetched::Absent,
        };
        self.pass(Operation::Get, found).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, expect: &Expect) -> Result<Written, StoreError> {
        let text = String::from_utf8(bytes).unwrap();
        let put = |state: &mut State| {
            if !state.holds(key, expect) {
                return Written::Refused;
            }
            state.write(key, Some(&text));
            Written::Done(etag(&text))
        };
        self.pass(Operation::Put, put).await
    }

    async fn delete(&self, key: &str, expect: &Version) -> Result<Written<()>, StoreError> {
        let delete = |state: &mut State| {
            if !state.holds(key, &Expect::Version(expect.clone())) {
                return Written::Refused;
            }
            state.write(key, None);
            Written::Done(())
        };
        self.pass(Operation::Delete, delete).await
    }
}
