//! Publishing to real places and reading from them: S3 and Systems Manager as moto plays them, and Systems
//! Manager as the local AWS does, which holds values to their length.

#[cfg(test)]
mod moto;

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use coxswain_controller::{
        aws::{Aws, Location, Operation, SdkAws},
        source::{
            Clients, FilesSource, Keep, Kept, Look, Nudge, Offer, OpenPlace, Polling, PublishError, Reading,
            Shelf, Source, SourcePlace, SsmShelf, Upload, UploadError, publish, published,
        },
    };
    use coxswain_local_aws::{Config, InProcess, LocalAws, ScriptedDriver, Time};
    use coxswain_manifest::{Provenance, SourceFile};
    use coxswain_plan::Reason;
    use coxswain_runtime::SystemClock;
    use coxswain_store::{Expect, Version, s3::Objects};
    use serde_json::{Value, json};
    use tokio::time::timeout;

    use crate::moto;

    const PATIENCE: Duration = Duration::from_mins(1);

    fn files(cluster: &str, noise: usize) -> Vec<SourceFile> {
        let mut text = format!(
            "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec: {{ cluster: {cluster} }}\n# "
        );
        // What cannot be compressed, so that it fills parameters.
        let mut rng = fastrand::Rng::with_seed(7);
        text.extend(std::iter::repeat_with(|| rng.alphanumeric()).take(noise));
        vec![SourceFile { path: "environment.yaml".to_owned(), content: text.into() }]
    }

    fn offer(cluster: &str, noise: usize) -> Offer {
        let provenance = Provenance { commit: Some("0123abc".to_owned()), ..Provenance::default() };
        Offer { files: files(cluster, noise), provenance, ..Offer::default() }
    }

    async fn read(source: &mut Box<dyn Source>) -> u64 {
        match timeout(PATIENCE, source.next()).await.unwrap() {
            Ok(Reading::Bundle(bundle)) => bundle.sequence(),
            other => panic!("no bundle: {other:?}"),
        }
    }

    async fn refused(source: &mut Box<dyn Source>) -> Reason {
        timeout(PATIENCE, source.next()).await.unwrap().unwrap_err().reason()
    }

    /// What holds for every place: each change gets a number, the same none, the pointer moves last, and of
    /// two publishers one is told.
    async fn serves(place: &str, clients: &Clients, noise: usize) -> (OpenPlace, Nudge, Arc<dyn Shelf>) {
        let place: SourcePlace = place.parse().unwrap();
        let shelf = place.shelf(clients).unwrap().unwrap();
        let polling = Polling { interval: Duration::from_hours(1), ..Polling::default() };
        let nudge = polling.nudge.clone();
        let open = OpenPlace::new(&place, Some("dev"), clients, polling).unwrap();
        let mut source = open.source();
        assert_eq!(refused(&mut source).await, Reason::NothingPublished);

        let first = publish(shelf.as_ref(), offer("one", noise)).await.unwrap();
        assert_eq!((first.sequence, first.is_new), (1, true));
        assert!(first.untidied.is_none(), "{:?}", first.untidied);
        nudge.now();
        assert_eq!(read(&mut source).await, 1);
        assert!(!publish(shelf.as_ref(), offer("one", noise)).await.unwrap().is_new);

        let Look::Found { mark, .. } = shelf.pointer(None).await.unwrap() else { panic!("no pointer") };
        assert_eq!(shelf.pointer(Some(&mark)).await.unwrap(), Look::Unchanged);
        let (one, other) = tokio::join!(
            publish(shelf.as_ref(), offer("two", noise)),
            publish(shelf.as_ref(), offer("2", noise))
        );
        let is_overtaken = |end: &Result<_, PublishError>| matches!(end, Err(PublishError::Overtaken { .. }));
        assert!(is_overtaken(&one) != is_overtaken(&other), "{one:?} {other:?}");
        let winner = one.or(other).unwrap();
        assert_eq!(winner.sequence, 2);
        nudge.now();
        assert_eq!(read(&mut source).await, 2);
        let stands = published(shelf.as_ref(), "dev").await.unwrap();
        assert_eq!(stands.bundle.unwrap().digest(), &winner.digest);
        (open, nudge, shelf)
    }

    #[tokio::test]
    async fn bundles_go_through_a_bucket_and_each_damage_has_its_reason() {
        let clients = moto::clients().await;
        let bucket = moto::bucket(&clients).await;
        let (open, nudge, shelf) = serves(&format!("s3://{bucket}/prod"), &clients, 100).await;
        let objects = Objects::new(&clients.s3, &bucket, "prod/").unwrap();
        let pointer = published(shelf.as_ref(), "dev").await.unwrap().pointer.unwrap();
        let key = pointer.key.as_str();
        let Kept::Whole(bytes) = shelf.bundle(&pointer).await.unwrap() else { panic!("no bundle") };
        let etag = |key: &str| {
            let key = key.to_owned();
            let objects = objects.clone();
            async move {
                let listed = objects.list(&key).await.unwrap();
                Version::named(&listed.first().unwrap().etag)
            }
        };

        let torn = bytes[..bytes.len() / 2].to_vec();
        objects.put(key, torn, &Expect::Version(etag(key).await)).await.unwrap();
        let mut source = open.source();
        assert_eq!(refused(&mut source).await, Reason::BundleTorn);
        objects.delete(key, &etag(key).await).await.unwrap();
        assert_eq!(refused(&mut open.source()).await, Reason::BundleMissing);

        let mended = publish(shelf.as_ref(), offer("two", 100)).await.unwrap();
        assert_eq!(mended.sequence, 3);
        nudge.now();
        assert_eq!(read(&mut source).await, 3);
        let expect = Expect::Version(etag("pointer.json").await);
        objects.put("pointer.json", b"notes".to_vec(), &expect).await.unwrap();
        assert_eq!(refused(&mut open.source()).await, Reason::BundleMalformed);
    }

    #[tokio::test]
    async fn old_bundles_go_from_a_bucket_once_they_are_old_and_more_than_are_kept() {
        let clients = moto::clients().await;
        let bucket = moto::bucket(&clients).await;
        let place: SourcePlace = format!("s3://{bucket}/prod").parse().unwrap();
        let shelf = place.shelf(&clients).unwrap().unwrap();
        let objects = Objects::new(&clients.s3, &bucket, "prod/bundles/").unwrap();
        let mut keep = Keep { newest: 2, ..Keep::default() };
        for number in 1..=4 {
            publish(shelf.as_ref(), Offer { keep, ..offer(&format!("c{number}"), 10) }).await.unwrap();
        }
        assert_eq!(objects.list("").await.unwrap().len(), 4, "all are younger than an hour");
        keep.younger_than = Duration::ZERO;
        let last = publish(shelf.as_ref(), Offer { keep, ..offer("last", 10) }).await.unwrap();
        assert!(last.untidied.is_none(), "{:?}", last.untidied);
        assert_eq!(objects.list("").await.unwrap().len(), 2);
        let stands = published(shelf.as_ref(), "dev").await.unwrap();
        assert_eq!(stands.bundle.unwrap().digest(), &last.digest, "the pointer's is among them");
        // One bundle is never too many, whatever is asked for.
        keep.newest = 0;
        shelf.tidy(&stands.pointer.unwrap(), &keep).await.unwrap();
        let left = objects.list("").await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].key, format!("{}.json", last.digest.hexadecimal()));
    }

    #[tokio::test]
    async fn plain_manifests_are_taken_from_a_prefix_with_names_as_people_write_them() {
        let clients = moto::clients().await;
        let bucket = moto::bucket(&clients).await;
        let objects = Objects::new(&clients.s3, &bucket, "dev/").unwrap();
        for key in ["b.yaml", "a/x.json", "notes.txt"] {
            objects.put(key, key.into(), &Expect::Absent).await.unwrap();
        }
        let spaced = "dev/with a space.yml";
        clients.s3.put_object().bucket(&bucket).key(spaced).send().await.unwrap();
        let polling = Polling { interval: Duration::from_millis(50), ..Polling::default() };
        let mut source = FilesSource::new(Arc::new(objects.clone()), polling);
        let taken = timeout(PATIENCE, source.next()).await.unwrap();
        let Ok(Reading::Files(files)) = taken else { panic!("no files: {taken:?}") };
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a/x.json", "b.yaml", "with a space.yml"]);
        assert_eq!(files[0].content, b"a/x.json");
        objects.put("c.yaml", b"c".to_vec(), &Expect::Absent).await.unwrap();
        let taken = timeout(PATIENCE, source.next()).await.unwrap();
        assert!(matches!(&taken, Ok(Reading::Files(files)) if files.len() == 4), "{taken:?}");
    }

    #[tokio::test]
    async fn plain_files_are_published_to_a_bucket_as_one() {
        let clients = moto::clients().await;
        let bucket = moto::bucket(&clients).await;
        let place: SourcePlace = format!("s3-files://{bucket}/plain/").parse().unwrap();
        let folder = place.folder(&clients).unwrap().unwrap();
        let polling = Polling { interval: Duration::from_millis(50), ..Polling::default() };
        let mut source = OpenPlace::new(&place, None, &clients, polling).unwrap().source();
        let read = async |source: &mut Box<dyn Source>| match timeout(PATIENCE, source.next()).await.unwrap()
        {
            Ok(Reading::Files(files)) => files,
            other => panic!("no files: {other:?}"),
        };
        let with = |cluster: &str, path: &str| {
            let mut files = files(cluster, 10);
            files.push(SourceFile { path: path.to_owned(), content: b"# nothing".to_vec() });
            files.sort_by(|one, other| one.path.cmp(&other.path));
            files
        };
        let prepare = async |files: Vec<SourceFile>| Upload::prepare(folder.clone(), files).await.unwrap();
        let first = with("one", "a/with a space.yaml");
        let late = prepare(with("late", "b.yaml")).await;
        prepare(first.clone()).await.run(false).await.unwrap();
        // What it looked at before the first set was there is found by its first look.
        while read(&mut source).await != first {}
        let told = late.run(false).await.unwrap_err();
        assert!(matches!(told, UploadError::Overtaken { .. }), "{told:?}");

        let objects = Objects::new(&clients.s3, &bucket, "plain/").unwrap();
        objects.put("stray.yaml", b"# by hand".to_vec(), &Expect::Absent).await.unwrap();
        assert_eq!(refused(&mut source).await, Reason::SourceUnsettled);
        let second = with("two", "b.yaml");
        let upload = prepare(second.clone()).await;
        assert_eq!(upload.foreign(), ["stray.yaml"]);
        let told = upload.run(false).await.unwrap_err();
        assert!(matches!(told, UploadError::Foreign { .. }), "{told:?}");
        let upload = prepare(second.clone()).await;
        let removed: Vec<&str> = upload.removed().collect();
        assert_eq!(removed, ["a/with a space.yaml", "stray.yaml"]);
        upload.run(true).await.unwrap();
        assert_eq!(read(&mut source).await, second);
        assert!(!prepare(second).await.is_new());
    }

    /// Names of the parameters under a path.
    async fn names(aws: &dyn Aws, path: &str) -> Vec<String> {
        let (mut names, mut input) = (Vec::new(), json!({"Path": path, "Recursive": true}));
        loop {
            let answer = aws.call(Operation::GetParametersByPath, input.clone()).await.unwrap();
            let page = answer["Parameters"].as_array().unwrap();
            names.extend(page.iter().map(|found| found["Name"].as_str().unwrap().to_owned()));
            match &answer["NextToken"] {
                Value::String(token) => input["NextToken"] = json!(token),
                _ => return names,
            }
        }
    }

    async fn goes_through_parameters(clients: &Clients) {
        let aws = clients.aws.as_ref();
        let (open, nudge, shelf) = serves("ssm:/coxswain/dev", clients, 40_000).await;
        assert!(names(aws, "/coxswain/dev/bundles").await.len() > 20, "several pages of pieces");
        let mut source = open.source();
        assert_eq!(read(&mut source).await, 2);
        assert_eq!(
            names(aws, "/coxswain/dev/pointers").await.len(),
            2,
            "somebody may be reading each of them"
        );
        for (sequence, cluster) in [(3, "three"), (4, "four")] {
            // As if an hour went by between them.
            let keep = Keep { newest: 1, younger_than: Duration::ZERO };
            let publication =
                publish(shelf.as_ref(), Offer { keep, ..offer(cluster, 40_000) }).await.unwrap();
            assert_eq!(publication.sequence, sequence);
            assert!(publication.untidied.is_none(), "{:?}", publication.untidied);
        }
        nudge.now();
        assert_eq!(read(&mut source).await, 4);
        let mut pointers = names(aws, "/coxswain/dev/pointers").await;
        pointers.sort();
        assert_eq!(pointers, ["/coxswain/dev/pointers/3", "/coxswain/dev/pointers/4"]);
        let pieces = names(aws, "/coxswain/dev/bundles").await;
        let is_kept = |name: &String| name.contains("/bundles/3-") || name.contains("/bundles/4-");
        assert!(pieces.iter().all(is_kept), "{pieces:?}");

        let piece = pieces.iter().find(|name| name.contains("/bundles/4-")).unwrap();
        aws.call(Operation::DeleteParameters, json!({"Names": [piece]})).await.unwrap();
        assert_eq!(refused(&mut open.source()).await, Reason::BundleTorn);
        // An attempt that broke off is gone on with: the piece alone is written again.
        let pointer = published(shelf.as_ref(), "dev").await.unwrap().pointer.unwrap();
        let build = |sequence| {
            let parameters = std::collections::BTreeMap::new();
            let Offer { files, provenance, .. } = offer("four", 40_000);
            coxswain_manifest::Bundle::build(files, sequence, provenance, &parameters).unwrap()
        };
        assert_eq!(shelf.put_bundle(&build(4)).await.unwrap(), pointer);
        assert_eq!(read(&mut open.source()).await, 4);
    }

    #[tokio::test]
    async fn bundles_go_through_motos_parameters_in_pieces_and_old_ones_are_removed() {
        goes_through_parameters(&moto::clients().await).await;
    }

    #[tokio::test(start_paused = true)]
    async fn bundles_go_through_the_local_awss_parameters_in_pieces_and_old_ones_are_removed() {
        let clock: Arc<dyn coxswain_local_aws::Clock> =
            Arc::new(coxswain_local_aws::TokioClock::starting_at(Time::from_millis(1_767_225_600_000)));
        let (sender, events) = tokio::sync::mpsc::unbounded_channel();
        let driver = ScriptedDriver::new(sender, clock.clone());
        let local = Arc::new(LocalAws::new(Config::default(), clock, driver, events));
        let location = Location {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some("http://local.example.com".to_owned()),
            example_credentials: true,
            http_client: Some(aws_smithy_runtime_api::client::http::SharedHttpClient::new(
                InProcess::new(local).with_latency(Duration::from_millis(20)),
            )),
        };
        let config = location.load(Arc::new(SystemClock)).await;
        let aws: Arc<dyn Aws> = Arc::new(SdkAws::new(&config));
        goes_through_parameters(&Clients::new(aws, &config)).await;
    }

    #[tokio::test]
    async fn a_bundle_that_fills_too_many_parameters_is_refused_before_one_is_written() {
        let clients = moto::clients().await;
        let shelf = SsmShelf::new(clients.aws.clone(), "/coxswain/large");
        let mut large = offer("large", 0);
        large.files.extend((0..5).map(|number| {
            let comment = files("large", 900_000).pop().unwrap();
            let text = String::from_utf8(comment.content).unwrap();
            let (_, noise) = text.split_once('#').unwrap();
            SourceFile { path: format!("{number}.yaml"), content: format!("# {number}{noise}\n").into() }
        }));
        let refused = publish(&shelf, large).await.unwrap_err();
        let PublishError::Shelf { source, .. } = &refused else { panic!("{refused:?}") };
        assert!(source.to_string().contains("publish to S3"), "{source}");
        assert!(names(clients.aws.as_ref(), "/coxswain/large").await.is_empty());
    }
}
