use coxswain_plan::Reason;
use tokio::time::timeout;

use super::{bucket::Bucket, *};

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
