//! Bundles from a shelf: published, rolled out, replayed, and stood on without it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use coxswain_controller::{
    app::{Dependencies, OpenSource, Running},
    aws::{Aws, AwsError, Operation as Call},
    source::{
        Keep, Kept, Look, Mark, MemoryShelf, Moved, Offer, PolledShelf, Polling, Publication, Shelf,
        ShelfError, SsmShelf, publish,
    },
};
use coxswain_manifest::{Bundle, ParameterValue, Pointer, SourceFile};
use coxswain_plan::Reason;
use coxswain_store::{Operation, StoreError};
use serde_json::{Value, json};

use crate::stage::{ENVIRONMENT, Stage, pass, service};

/// A shelf that does not answer.
#[derive(Debug)]
struct Gone;

impl Gone {
    fn error<T>() -> Result<T, ShelfError> {
        let (operation, subject) = (Operation::Get, "pointer.json".to_owned());
        Err(StoreError::Unavailable {
            operation,
            subject,
            in_doubt: false,
            source: "no route to host".into(),
        }
        .into())
    }
}

#[async_trait]
impl Shelf for Gone {
    fn describe(&self) -> String {
        "s3://example-manifests/dev/".to_owned()
    }

    async fn pointer(&self, _: Option<&Mark>) -> Result<Look, ShelfError> {
        Self::error()
    }

    async fn bundle(&self, _: &Pointer) -> Result<Kept, ShelfError> {
        Self::error()
    }

    async fn put_bundle(&self, _: &Bundle) -> Result<Pointer, ShelfError> {
        Self::error()
    }

    async fn move_pointer(&self, _: &Pointer, _: Option<&Mark>) -> Result<Moved, ShelfError> {
        Self::error()
    }

    async fn tidy(&self, _: &Pointer, _: &Keep) -> Result<(), ShelfError> {
        Self::error()
    }
}

fn offer(services: &[String]) -> Offer {
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), content: text.into() };
    let files =
        vec![file("environment.yaml", ENVIRONMENT.to_owned()), file("all.yaml", services.join("---\n"))];
    Offer { files, ..Offer::default() }
}

async fn put(shelf: &dyn Shelf, services: &[String]) -> Publication {
    publish(shelf, offer(services)).await.unwrap()
}

impl Stage {
    fn start_on(&self, place: impl Shelf + 'static) -> Running {
        let place = Arc::new(place);
        self.start_from(move || Box::new(PolledShelf::new(place.clone(), "dev", Polling::default())))
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_published_runs_and_carries_the_bundles_own_number() {
    let stage = Stage::new().await;
    let shelf = MemoryShelf::new();
    put(&shelf, &[service("api", "api:1.0", "")]).await;
    let _running = stage.start_on(shelf.clone());
    stage.settled("api", "1.0").await;
    put(&shelf, &[service("api", "api:1.1", "")]).await;
    stage.settled("api", "2.0").await;
    let source = stage.reports.last_source().unwrap();
    let verification = source.accepted.unwrap().verification.unwrap();
    assert_eq!(verification.reason, Reason::SourceUnverified, "said as long as it is so");
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_restarted_without_its_source_stands_on_what_was_published_last() {
    let stage = Stage::new().await;
    let shelf = MemoryShelf::new();
    put(&shelf, &[service("api", "api:1.0", ""), service("web", "web:1.0", "")]).await;
    let running = stage.start_on(shelf);
    stage.settled("api", "1.0").await;
    stage.settled("web", "1.0").await;
    running.stop().await.unwrap();

    stage.reports.forget();
    stage.ecs("UpdateService", json!({"cluster": "dev", "service": "api", "desiredCount": 4})).await;
    let _running = stage.start_on(Gone);
    pass(Duration::from_mins(2)).await;
    assert_eq!(stage.live("api").await["desiredCount"], 2, "drift is still corrected");
    let source = stage.reports.last_source().unwrap();
    assert_eq!((source.is_ready, source.reason), (false, Reason::SourceUnreadable));
    assert!(source.message.contains("no route to host; the last good ones stand"), "{}", source.message);
    assert_eq!(source.accepted.unwrap().revision, "1.0");
    assert!(stage.reports.of("web").unwrap().error.is_none(), "nothing is called gone");
}

#[tokio::test(start_paused = true)]
async fn a_replay_and_a_bundle_without_a_service_that_was_damaged_move_nothing() {
    let stage = Stage::new().await;
    let shelf = MemoryShelf::new();
    put(&shelf, &[service("api", "api:1.0", ""), service("web", "web:1.0", "")]).await;
    let first = shelf.pointer_bytes();
    let _running = stage.start_on(shelf.clone());
    stage.settled("web", "1.0").await;
    put(&shelf, &[service("api", "api:1.1", ""), service("web", "web:1.0", "")]).await;
    stage.settled("api", "2.0").await;
    stage.settled("web", "2.0").await;
    let writes = stage.writes().len();

    shelf.damage_pointer(first);
    let refused = |reason| {
        move |reports: &crate::stage::Reports| reports.last_source().filter(|report| report.reason == reason)
    };
    let report = stage.reports.until("the replay is refused", refused(Reason::BundleReplayed)).await;
    assert!(report.refused.is_some() && report.message.contains("the last good ones stand"), "{report:?}");

    let next = publish(&shelf, Offer { after: 2, ..offer(&[service("api", "api:1.2", "")]) }).await.unwrap();
    let key = format!("bundles/{}.json", next.digest.hexadecimal());
    let mut torn = shelf.bundles()[&key].clone();
    torn.truncate(torn.len() - 100);
    shelf.damage_bundle(&key, Some(torn));
    stage.reports.until("the torn bundle is refused", refused(Reason::BundleTorn)).await;
    pass(Duration::from_mins(10)).await;
    assert_eq!(stage.writes().len(), writes);
    assert!(stage.reports.of("web").unwrap().error.is_none(), "nothing is called gone");
}

#[tokio::test(start_paused = true)]
async fn values_that_a_bundle_brings_are_used_as_published_and_the_rest_is_looked_up_once() {
    let stage = Stage::new().await;
    let aws = stage.aws.clone();
    for (name, value) in [("/dev/one", "now"), ("/dev/two", "now")] {
        let input = json!({"Name": name, "Value": value, "Type": "String"});
        aws.call(coxswain_controller::aws::Operation::PutParameter, input).await.unwrap();
    }
    let with_references = service("api", "api:1.0", "").replace(
        "healthCheck:",
        "environment: [{ name: ONE, value: \"${param:/dev/one}\" }, { name: TWO, value: \"${param:/dev/two}\" }]\n        healthCheck:",
    );
    let shelf = SsmShelf::new(aws, "/coxswain/dev");
    let parameters =
        BTreeMap::from([("/dev/one".to_owned(), ParameterValue::String("published".to_owned()))]);
    publish(&shelf, Offer { parameters, ..offer(&[with_references]) }).await.unwrap();
    let running = stage.start_on(shelf.clone());
    stage.settled("api", "1.0").await;
    running.stop().await.unwrap();
    let _running = stage.start_on(shelf);
    pass(Duration::from_hours(1)).await;

    let family = stage.ecs("DescribeTaskDefinition", json!({"taskDefinition": "api"})).await;
    let environment = &family["taskDefinition"]["containerDefinitions"][0]["environment"];
    assert_eq!(environment, &json!([{"name": "ONE", "value": "published"}, {"name": "TWO", "value": "now"}]));
    let looked_up = stage.local.requests().iter().filter(|asked| asked.operation == "GetParameters").count();
    assert_eq!(looked_up, 1);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_changes_is_another_input_only_where_the_environment_asks_for_it() {
    for (refreshes, revision, image) in [(false, "1.0", "api:1.0"), (true, "1.1", "api:1.1")] {
        let stage = Stage::new().await;
        let parameter =
            |value: &str| json!({"Name": "/dev/tag", "Value": value, "Type": "String", "Overwrite": true});
        let put = coxswain_controller::aws::Operation::PutParameter;
        stage.aws.call(put, parameter("1.0")).await.unwrap();
        let mut offer =
            offer(&[service("api", "\"api:${param:/dev/tag}\"", ""), service("web", "web:1.0", "")]);
        if refreshes {
            let environment = format!("{ENVIRONMENT}  references: {{ refreshSeconds: 300 }}\n");
            offer.files[0].content = environment.into();
        }
        let shelf = MemoryShelf::new();
        publish(&shelf, offer).await.unwrap();
        let running = stage.start_on(shelf.clone());
        stage.settled("api", "1.0").await;
        stage.settled("web", "1.0").await;
        pass(Duration::from_mins(20)).await;
        let source = stage.reports.last_source().unwrap();
        assert_eq!(source.accepted.unwrap().revision, "1.0", "looking again is no change by itself");

        stage.aws.call(put, parameter("1.1")).await.unwrap();
        pass(Duration::from_mins(20)).await;
        let report = stage.settled("api", revision).await;
        let definition = stage.ecs("DescribeTaskDefinition", json!({"taskDefinition": "api"})).await;
        assert_eq!(definition["taskDefinition"]["containerDefinitions"][0]["image"], image, "{report:?}");
        assert_eq!(stage.revisions("web").await, 1, "what refers to nothing that changed is left alone");
        let accepted = stage.reports.last_source().unwrap().accepted.unwrap();
        assert_eq!(accepted.changed, if refreshes { vec!["/dev/tag".to_owned()] } else { Vec::new() });

        running.stop().await.unwrap();
        let _running = stage.start_on(Gone);
        pass(Duration::from_mins(2)).await;
        let accepted = stage.reports.last_source().unwrap().accepted.unwrap();
        assert_eq!(accepted.revision, revision, "and is kept over a restart");
    }
}

/// The registry's tag, which moves to another image when somebody pushes.
#[derive(Debug)]
struct Registry {
    inner: Arc<dyn Aws>,
    was_pushed: AtomicBool,
}

const PUSHED: &str = "sha256:9999999999999999999999999999999999999999999999999999999999999999";

#[async_trait]
impl Aws for Registry {
    async fn call(&self, operation: Call, input: Value) -> Result<Value, AwsError> {
        let mut answer = self.inner.call(operation, input).await?;
        if operation == Call::DescribeImages && self.was_pushed.load(Ordering::Relaxed) {
            answer["imageDetails"][0]["imageDigest"] = PUSHED.into();
        }
        Ok(answer)
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_moves_is_another_input_only_where_the_environment_asks_for_it() {
    for (refreshes, revision) in [(false, "1.0"), (true, "1.1")] {
        let stage = Stage::new().await;
        let mut offer = offer(&[service("api", "\"${image:api:1.0}\"", "")]);
        if refreshes {
            let environment = format!("{ENVIRONMENT}  references: {{ refreshSeconds: 300 }}\n");
            offer.files[0].content = environment.into();
        }
        let shelf = MemoryShelf::new();
        publish(&shelf, offer).await.unwrap();
        let registry = Arc::new(Registry { inner: stage.aws.clone(), was_pushed: AtomicBool::new(false) });
        let place = Arc::new(shelf);
        let open = move || -> Box<dyn coxswain_controller::source::Source> {
            Box::new(PolledShelf::new(place.clone(), "dev", Polling::default()))
        };
        let part = Dependencies { aws: registry.clone(), source: OpenSource::new(open), ..stage.part() };
        let _running = stage.start_as(part);
        stage.settled("api", "1.0").await;

        registry.was_pushed.store(true, Ordering::Relaxed);
        pass(Duration::from_mins(20)).await;
        stage.settled("api", revision).await;
        let definition = stage.ecs("DescribeTaskDefinition", json!({"taskDefinition": "api"})).await;
        let image = definition["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap();
        assert!(image.contains("/api@sha256:"), "{image}");
        assert_eq!(image.ends_with(PUSHED), refreshes, "{image}");
        let accepted = stage.reports.last_source().unwrap().accepted.unwrap();
        assert_eq!(accepted.changed, if refreshes { vec!["image:api:1.0".to_owned()] } else { Vec::new() });
    }
}
