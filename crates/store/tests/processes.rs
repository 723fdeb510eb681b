//! The directory store between real processes: this test binary starts itself as the other ones.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test fail as tests do")]

use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path as FilePath;
use std::process::{Child, ChildStdout, Command, Stdio};

use coxswain_store::{DirectoryStore, Expect, Path, Store, StoreError};

/// Names the store's directory to a child.
const DIRECTORY: &str = "COXSWAIN_TEST_STORE";
/// Tells a child how often to increment; without it, until it is killed.
const TIMES: &str = "COXSWAIN_TEST_TIMES";
/// Begins the lines in which a child says what was acknowledged to it.
const ACKNOWLEDGED: &str = "acknowledged ";

fn counter() -> Path {
    Path::new("counters/shared").unwrap()
}

/// The counter's value and the padding behind it, which makes a torn write likely to be one.
async fn read(store: &DirectoryStore) -> u64 {
    let Some(entry) = store.get(&counter()).await.unwrap() else {
        return 0;
    };
    let text = String::from_utf8(entry.bytes).unwrap();
    text.trim_end().parse().unwrap()
}

async fn increment(store: &DirectoryStore) -> u64 {
    loop {
        let read = store.get(&counter()).await.unwrap();
        let expect = Expect::from(read.as_ref());
        let text = read.map_or_else(|| "0".to_owned(), |entry| String::from_utf8(entry.bytes).unwrap());
        let next: u64 = text.trim_end().parse::<u64>().unwrap() + 1;
        match store.put(&counter(), format!("{next:<20000}").into_bytes(), expect).await {
            Ok(_) => return next,
            Err(StoreError::Conflict { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// The body of a child process. Run by hand it finds no directory named, and has nothing to do.
#[tokio::test]
async fn child_process_that_increments() {
    let Some(directory) = env::var_os(DIRECTORY) else {
        return;
    };
    let times = env::var_os(TIMES).map_or(u64::MAX, |times| times.to_str().unwrap().parse().unwrap());
    let store = DirectoryStore::open(directory).await.unwrap();
    for _ in 0..times {
        // A line of its own: the harness prints the test's name without one.
        println!("\n{ACKNOWLEDGED}{}", increment(&store).await);
    }
}

/// A child, killed when the test ends before it does.
struct Incrementer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Incrementer {
    fn start(directory: &FilePath, times: Option<u64>) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["child_process_that_increments", "--exact", "--nocapture"]);
        command.env(DIRECTORY, directory).stdout(Stdio::piped());
        if let Some(times) = times {
            command.env(TIMES, times.to_string());
        }
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next value that was acknowledged to the child; `None` once it has ended.
    fn next(&mut self) -> Option<u64> {
        let line = self.lines.by_ref().map(Result::unwrap).find(|line| line.starts_with(ACKNOWLEDGED))?;
        Some(line.trim_start_matches(ACKNOWLEDGED).parse().unwrap())
    }

    /// Kills the child as kill -9 does, and returns the last value that was acknowledged to it.
    fn kill(mut self, seen: u64) -> u64 {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut last = seen;
        while let Some(value) = self.next() {
            last = value;
        }
        last
    }
}

impl Drop for Incrementer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn increments_of_racing_processes_are_all_kept_and_each_value_is_given_once() {
    const PROCESSES: u64 = 4;
    const TIMES_EACH: u64 = 40;
    let directory = tempfile::tempdir().unwrap();
    let start = |_| Incrementer::start(directory.path(), Some(TIMES_EACH));
    let mut children: Vec<Incrementer> = (0..PROCESSES).map(start).collect();
    let mut values = Vec::new();
    for child in &mut children {
        values.extend(std::iter::from_fn(|| child.next()));
        assert!(child.child.wait().unwrap().success());
    }
    values.sort_unstable();
    assert_eq!(values, (1..=PROCESSES * TIMES_EACH).collect::<Vec<_>>());
    let store = DirectoryStore::open(directory.path()).await.unwrap();
    assert_eq!(read(&store).await, PROCESSES * TIMES_EACH);
}

#[tokio::test]
async fn a_process_killed_at_any_point_loses_nothing_that_was_acknowledged_and_leaves_no_lock() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(directory.path()).await.unwrap();
    let mut last = 0;
    for round in 0..25 {
        let mut child = Incrementer::start(directory.path(), None);
        // Where in its next write the child is by then, nobody knows: that is the point.
        let mut seen = last;
        for _ in 0..=round % 5 {
            seen = child.next().expect("the child ended by itself");
        }
        let acknowledged = child.kill(seen);
        let kept = read(&store).await;
        // The write in flight may have taken effect; its answer was lost with the child.
        assert!((acknowledged..=acknowledged + 1).contains(&kept), "{kept} after {acknowledged}");
        assert_eq!(store.audit().await.unwrap(), []);
        last = increment(&store).await;
        assert_eq!(last, kept + 1);
    }
}
