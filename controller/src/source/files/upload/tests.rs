use std::time::Duration;

use coxswain_store::fault::Fault;
use tokio::time::timeout;

use super::*;
use crate::source::{FilesSource, Polling, ReadError, Reading, Source as _, files::bucket::Bucket};

const HOUR: Duration = Duration::from_hours(1);

/// An environment, and files beside it that say nothing.
fn set(cluster: &str, others: &[(&str, &str)]) -> Vec<SourceFile> {
    let text = format!(
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec: {{ cluster: {cluster} }}\n"
    );
    let others = others.iter().map(|(path, text)| ((*path).to_owned(), format!("# {text}\n")));
    let environment = ("environment.yaml".to_owned(), text);
    let file = |(path, text): (String, String)| SourceFile { path, content: text.into_bytes() };
    std::iter::once(environment).chain(others).map(file).collect()
}

fn texts(files: &[SourceFile]) -> BTreeMap<String, String> {
    let text = |file: &SourceFile| (file.path.clone(), String::from_utf8(file.content.clone()).unwrap());
    files.iter().map(text).collect()
}

async fn upload(bucket: &Arc<Bucket>, files: Vec<SourceFile>) -> Result<(), UploadError> {
    Upload::prepare(bucket.clone(), files).await?.run(false).await
}

fn source(bucket: &Arc<Bucket>) -> FilesSource {
    FilesSource::new(bucket.clone(), Polling::default())
}

/// What a source tells within an hour, if anything.
async fn told(source: &mut FilesSource) -> Option<Result<BTreeMap<String, String>, ReadError>> {
    match timeout(HOUR, source.next()).await.ok()? {
        Ok(Reading::Files(files)) => Some(Ok(texts(&files))),
        Ok(Reading::Bundle(_)) => panic!("a bundle from plain files"),
        Err(error) => Some(Err(error)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_comes_to_hold_exactly_the_files_and_the_same_again_writes_nothing() {
    let bucket = Bucket::of(&[("notes.txt", "-")]);
    let one = set("one", &[("a.yaml", "a"), ("b/c.json.yaml", "c")]);
    upload(&bucket, one.clone()).await.unwrap();
    let two = set("two", &[("a.yaml", "a"), ("d.yaml", "d")]);
    let next = Upload::prepare(bucket.clone(), two.clone()).await.unwrap();
    assert_eq!(next.written().collect::<Vec<_>>(), ["environment.yaml", "d.yaml"]);
    assert_eq!(next.removed().collect::<Vec<_>>(), ["b/c.json.yaml"]);
    assert_eq!(next.before().unwrap().environment().unwrap().cluster, "one");
    next.run(false).await.unwrap();
    let mut wanted = texts(&two);
    wanted.insert("notes.txt".to_owned(), "-".to_owned());
    assert_eq!(bucket.manifests(), wanted, "what is no manifest is nobody's business");

    let again = Upload::prepare(bucket.clone(), two).await.unwrap();
    assert!(!again.is_new());
    let calls = bucket.calls();
    again.run(false).await.unwrap();
    assert_eq!(bucket.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_published_is_neither_replaced_nor_removed_unless_that_is_said() {
    let bucket =
        Bucket::of(&[("stray.yaml", "# by hand\n"), ("a.yaml", "# by hand\n"), ("same.yaml", "# s\n")]);
    let one = set("one", &[("a.yaml", "a"), ("same.yaml", "s")]);
    let before = bucket.manifests();
    let refused = upload(&bucket, one.clone()).await.unwrap_err();
    let UploadError::Foreign { files, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(files, &["a.yaml", "stray.yaml"]);
    assert_eq!(bucket.manifests(), before);
    Upload::prepare(bucket.clone(), one.clone()).await.unwrap().run(true).await.unwrap();
    assert_eq!(bucket.manifests(), texts(&one));

    // What is ours and was edited by hand is somebody's again.
    bucket.write("a.yaml", Some("# edited by hand\n"));
    let refused = upload(&bucket, set("two", &[("same.yaml", "s")])).await.unwrap_err();
    assert!(matches!(&refused, UploadError::Foreign { files, .. } if files == &["a.yaml"]), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn what_another_environment_has_and_what_cannot_be_read_there_is_refused_before_a_write() {
    let other =
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: prod }\nspec: { cluster: x }\n";
    let bucket = Bucket::of(&[("environment.yaml", other)]);
    let refused = Upload::prepare(bucket.clone(), set("one", &[])).await.unwrap_err();
    assert!(
        matches!(&refused, UploadError::OtherEnvironment { found, .. } if found == "prod"),
        "{refused:?}"
    );

    let bucket = Bucket::of(&[(LIST, "{\"list\":2}")]);
    let refused = Upload::prepare(bucket.clone(), set("one", &[])).await.unwrap_err();
    assert!(matches!(&refused, UploadError::Read(ReadError::NoList { .. })), "{refused:?}");
    let told = told(&mut source(&bucket)).await.unwrap().unwrap_err();
    assert!(
        told.to_string().starts_with("what stands at s3://example-bucket/.coxswain/files.json is no list")
    );

    let hidden = set("one", &[(".hidden/a.yaml", "a")]);
    let refused = Upload::prepare(Bucket::of(&[]), hidden).await.unwrap_err();
    assert!(matches!(&refused, UploadError::Unnameable { path } if path == ".hidden/a.yaml"), "{refused:?}");
}

/// Each call of a publication is lost, doubled or survived by nobody: no reader takes a part, whoever publishes
/// again ends it, and nobody is told that it is done where it is not.
#[tokio::test(start_paused = true)]
async fn wherever_a_publication_breaks_off_no_part_is_taken_and_the_next_one_ends_it() {
    let old = set("old", &[("a.yaml", "old a"), ("b.yaml", "b"), ("old.yaml", "old")]);
    let new = set("new", &[("a.yaml", "new a"), ("b.yaml", "b"), ("c.yaml", "c")]);
    let stage = async || {
        let bucket = Bucket::of(&[]);
        upload(&bucket, old.clone()).await.unwrap();
        let mut source = source(&bucket);
        assert_eq!(told(&mut source).await.unwrap().unwrap(), texts(&old));
        (bucket, source)
    };
    let (bucket, _) = stage().await;
    let before = bucket.calls();
    upload(&bucket, new.clone()).await.unwrap();
    let calls = bucket.calls() - before;
    assert_eq!(
        calls,
        2 + 4 + 1 + 3 + 1 + 1,
        "list, its object, four files; list, three files, a removal, a look"
    );
    let mut half_written = 0;
    for number in 0..calls {
        for fault in Fault::ALL {
            let (bucket, mut source) = stage().await;
            bucket.harm(number, fault);
            let end = timeout(HOUR, upload(&bucket, new.clone())).await;
            let is_done = matches!(end, Ok(Ok(())));
            let holds = bucket.manifests();
            assert!(!is_done || holds == texts(&new), "{fault:?} at {number}: {holds:?}");
            let told_of = told(&mut source).await;
            match &told_of {
                Some(Ok(taken)) => assert_eq!(taken, &texts(&new), "{fault:?} at {number}"),
                Some(Err(ReadError::Unsettled { .. })) => half_written += 1,
                Some(Err(error)) => panic!("{fault:?} at {number}: {error}"),
                None => assert_eq!(holds, texts(&old), "{fault:?} at {number}"),
            }
            upload(&bucket, new.clone()).await.unwrap();
            assert_eq!(bucket.manifests(), texts(&new), "{fault:?} at {number}");
            if !matches!(told_of, Some(Ok(_))) {
                assert_eq!(told(&mut source).await.unwrap().unwrap(), texts(&new), "{fault:?} at {number}");
            }
        }
    }
    assert!(half_written > 10, "only {half_written} were half written: nothing was tested");
}

#[tokio::test(start_paused = true)]
async fn what_changes_between_the_look_and_the_write_is_not_lost() {
    let new = set("new", &[("a.yaml", "new a")]);
    for (key, text) in
        [("a.yaml", Some("# theirs\n")), ("old.yaml", Some("# theirs\n")), ("more.yaml", Some("# theirs\n"))]
    {
        let bucket = Bucket::of(&[]);
        upload(&bucket, set("old", &[("a.yaml", "old a"), ("old.yaml", "old")])).await.unwrap();
        let prepared = Upload::prepare(bucket.clone(), new.clone()).await.unwrap();
        bucket.write(key, text);
        let told = prepared.run(false).await.unwrap_err();
        assert!(matches!(&told, UploadError::Overtaken { key: found, .. } if found == key), "{told:?}");
        assert_eq!(bucket.manifests()[key], "# theirs\n", "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_publishers_at_most_one_is_told_that_it_is_done() {
    let bucket = Bucket::of(&[]);
    upload(&bucket, set("old", &[("a.yaml", "old")])).await.unwrap();
    let one = Upload::prepare(bucket.clone(), set("one", &[("a.yaml", "one")])).await.unwrap();
    let other = Upload::prepare(bucket.clone(), set("other", &[("a.yaml", "other")])).await.unwrap();
    one.run(false).await.unwrap();
    let told = other.run(false).await.unwrap_err();
    assert!(matches!(&told, UploadError::Overtaken { key, .. } if key == LIST), "{told:?}");
    assert_eq!(bucket.manifests(), texts(&set("one", &[("a.yaml", "one")])));
}

#[tokio::test(start_paused = true)]
async fn what_an_overtaken_publisher_has_written_stands_in_nobodys_way() {
    let bucket = Bucket::of(&[]);
    upload(&bucket, set("old", &[("a.yaml", "old")])).await.unwrap();
    // One dies behind its list; another begins, and what the first has sent arrives then.
    let one = set("one", &[("a.yaml", "one")]);
    bucket.harm(5, Fault::DieBefore);
    bucket.harm(6, Fault::DieBefore);
    drop(timeout(HOUR, upload(&bucket, one)).await);
    let other = Upload::prepare(bucket.clone(), set("other", &[("a.yaml", "other")])).await.unwrap();
    bucket.before_call(1, "a.yaml", Some("# one\n"));
    let told = other.run(false).await.unwrap_err();
    assert!(matches!(&told, UploadError::Overtaken { key, .. } if key == "a.yaml"), "{told:?}");
    upload(&bucket, set("other", &[("a.yaml", "other")])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_set_that_stays_unfinished_is_told_once_and_not_read_again() {
    let bucket = Bucket::of(&[]);
    upload(&bucket, set("old", &[])).await.unwrap();
    let mut source = source(&bucket);
    told(&mut source).await.unwrap().unwrap();
    bucket.write("stray.yaml", Some("# stray\n"));
    let error = told(&mut source).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "s3://example-bucket/ is not, or not yet, what its publisher's list says: stray.yaml is not on it"
    );
    let before = bucket.calls();
    assert!(told(&mut source).await.is_none());
    assert!(bucket.calls() - before <= 60 * 4, "{} calls in an hour", bucket.calls() - before);
    bucket.write("stray.yaml", None);
    assert_eq!(told(&mut source).await.unwrap().unwrap(), texts(&set("old", &[])));
}
