//! `cox publish` into parameters of a local Systems Manager, over real sockets, and from real work trees.
#![cfg(feature = "dev")]
#![expect(clippy::unwrap_used, reason = "a failure of the test's own scaffolding is a failure of the test")]

use std::{path::Path, sync::Arc};

use coxswain_controller::{
    aws::{Location, SdkAws},
    http::serve,
    source::{Clients, SourcePlace, published},
};
use coxswain_local_aws::{Config, Journal, LocalAws, Script, ScriptedDriver, SystemClock};
use coxswain_manifest::ParameterValue;
use coxswain_runtime::Drain;
use serde_json::Value;
use tokio::{net::TcpListener, process::Command, sync::mpsc::unbounded_channel};

/// An image that is not in the registry.
const MISSING_IMAGE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello:2.0";

const PLACE: &str = "ssm:/coxswain/dev/bundles";

/// What the manifests refer to.
const PARAMETERS: [&str; 3] = ["execution-role", "private-subnets", "security-group"];

/// A Systems Manager without any parameter, and an environment as `cox init` writes it.
struct World {
    local: Arc<LocalAws>,
    endpoint: String,
    folder: tempfile::TempDir,
    _drain: Drain,
}

impl World {
    async fn open() -> Self {
        let (sender, events) = unbounded_channel();
        let driver = ScriptedDriver::new(sender, Arc::new(SystemClock));
        driver.script(MISSING_IMAGE, Script::cannot_start("CannotPullContainerError: not found"));
        let journal = format!("requests/publish-{}.jsonl", std::process::id());
        let journal = Journal::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(journal)).unwrap();
        let config =
            Config { region: "eu-west-1".to_owned(), journal: Some(Arc::new(journal)), ..Config::default() };
        let local = Arc::new(LocalAws::new(config, Arc::new(SystemClock), driver, events));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let drain = Drain::new();
        drop(drain.watch().spawn(serve(listener, local.clone().server(), drain.watch())));
        let world = Self { local, endpoint, folder: tempfile::tempdir().unwrap(), _drain: drain };
        assert_eq!(world.cox(&["init", "shop"]).await.0, 0);
        world
    }

    async fn cox(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_cox"))
            .args(arguments)
            .envs([("AWS_ACCESS_KEY_ID", "example"), ("AWS_SECRET_ACCESS_KEY", "example"), ("NO_COLOR", "1")])
            .current_dir(self.folder.path())
            .output()
            .await
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    async fn publish(&self, more: &[&str], code: i32) -> (String, String) {
        let arguments =
            [&["publish", "shop", "--to", PLACE, "--endpoint-url", &self.endpoint], more].concat();
        let (found, out, err) = self.cox(&arguments).await;
        assert_eq!(found, code, "{arguments:?}\nstdout:\n{out}\nstderr:\n{err}");
        (out, err)
    }

    async fn published(&self, more: &[&str]) -> Value {
        let (out, _) = self.publish(&[&["-o", "json"], more].concat(), 0).await;
        serde_json::from_str(&out).unwrap()
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.folder.path().join("shop").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    async fn git(&self, arguments: &[&str]) {
        let settings =
            ["-c", "user.name=A. Person", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        let output = Command::new("git")
            .args(settings)
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    async fn put(&self, name: &str, value: &str) {
        let input = serde_json::json!({"Name": format!("/coxswain/dev/infra/{name}"), "Value": value,
            "Type": "String", "Overwrite": true});
        let request = http::Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AmazonSSM.PutParameter")
            .body(hyper::body::Bytes::from(input.to_string()))
            .unwrap();
        assert!(self.local.handle(request).await.unwrap().status().is_success());
    }

    fn writes(&self) -> usize {
        self.local.requests().iter().filter(|request| request.operation == "PutParameter").count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_published_once_and_told_field_by_field() {
    let world = World::open().await;
    let (out, _) = world.publish(&[], 0).await;
    assert_eq!(out, format!("{PLACE}: dev is now at 1\n  + environment/dev\n  + service/hello\n"));
    let writes = world.writes();
    let (out, _) = world.publish(&[], 0).await;
    assert_eq!(out, format!("{PLACE}: dev stands at 1 with the same manifests; nothing was published\n"));
    assert_eq!(world.writes(), writes, "something was written");

    world.edit("hello.yaml", "value: hello", "value: hunter2");
    let document = world.published(&[]).await;
    assert_eq!((&document["kind"], &document["sequence"]), (&"Publication".into(), &2.into()));
    assert_eq!(document["revision"], "2.0");
    let field = "taskDefinition.containerDefinitions[hello].environment[GREETING].value";
    assert_eq!(document["changes"][0]["fields"][0], field, "{document:#}");
    assert!(!document.to_string().contains("hunter2"), "a variable's value is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_be_published_and_writes_nothing() {
    let world = World::open().await;
    let (out, _) = world.publish(&["--dry-run"], 0).await;
    assert!(out.starts_with(&format!("{PLACE}: dev would become 1\n")), "{out}");
    assert_eq!(world.writes(), 0);
    world.publish(&[], 0).await;
    let (out, _) = world.publish(&["--dry-run"], 0).await;
    assert!(out.ends_with("nothing would be published\n"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_is_refused_and_what_is_has_commit_author_and_message() {
    let world = World::open().await;
    world.git(&["init", "--quiet"]).await;
    let (_, err) = world.publish(&[], 8).await;
    assert!(err.contains("environment.yaml and 1 more are not as committed"), "{err}");
    assert!(err.contains("--allow-dirty"), "{err}");
    let without = world.published(&["--dry-run", "--allow-dirty"]).await;
    assert_eq!(without["commit"], Value::Null, "there is no commit yet");

    world.git(&["add", "shop"]).await;
    world.git(&["commit", "--quiet", "--message", "Greet people"]).await;
    // What is not among the manifests does not count.
    std::fs::write(world.folder.path().join("shop/notes.md"), "to do").unwrap();
    let document = world.published(&[]).await;
    let commit = document["commit"].as_str().unwrap();
    assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{commit}");
    assert_eq!(document["author"], "A. Person <a@example.com>");
    assert_eq!(document["message"], "Greet people");

    world.edit("hello.yaml", "value: hello", "value: goodbye");
    world.publish(&[], 8).await;
    let document = world.published(&["--allow-dirty"]).await;
    assert_eq!(document["commit"], format!("{commit}-dirty"));
    std::fs::remove_file(world.folder.path().join("shop/hello.yaml")).unwrap();
    let (_, err) = world.publish(&[], 8).await;
    assert!(err.contains("hello.yaml is not as committed"), "a file that is gone: {err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_another_environments_is_left_alone() {
    let world = World::open().await;
    world.publish(&[], 0).await;
    let writes = world.writes();
    world.edit("environment.yaml", "name: dev", "name: prod");
    let (_, err) = world.publish(&[], 8).await;
    assert!(err.contains("holds the environment \"dev\""), "{err}");
    assert_eq!(world.writes(), writes, "something was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn references_are_looked_up_where_that_is_asked_for_and_a_changed_value_is_a_change() {
    let world = World::open().await;
    let (_, err) = world.publish(&["--resolve"], 6).await;
    assert!(err.contains("/coxswain/dev/infra/") && err.contains("without --resolve"), "{err}");
    for name in PARAMETERS {
        world.put(name, "one").await;
    }
    assert_eq!(world.published(&["--resolve"]).await["sequence"], 1);
    assert_eq!(world.published(&["--resolve"]).await["isNew"], false);
    world.put("security-group", "other").await;
    assert_eq!(world.published(&["--resolve"]).await["sequence"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_published_by_the_digest_of_its_tag_and_one_without_a_digest_is_not() {
    let world = World::open().await;
    for name in PARAMETERS {
        world.put(name, "one").await;
    }
    world.edit("hello.yaml", "public.ecr.aws/docker/library/busybox:1.37", "\"${image:hello:2.0}\"");
    let writes = world.writes();
    let (_, err) = world.publish(&["--resolve"], 6).await;
    assert!(err.contains("hello has no tag 2.0"), "{err}");
    assert_eq!(world.writes(), writes, "something was written");
    world.edit("hello.yaml", "hello:2.0", "hello:1.0");
    world.publish(&["--resolve"], 0).await;

    let location = Location {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(world.endpoint.clone()),
        example_credentials: true,
        ..Location::default()
    };
    let config = location.load(Arc::new(coxswain_runtime::SystemClock)).await;
    let clients = Clients::new(Arc::new(SdkAws::new(&config)), &config);
    let shelf = PLACE.parse::<SourcePlace>().unwrap().shelf(&clients).unwrap().unwrap();
    let values = published(shelf.as_ref(), "dev").await.unwrap().bundle.unwrap().parameters();
    let image = values.iter().find(|(name, _)| name.contains("hello")).map(|(_, value)| value);
    let Some(ParameterValue::String(image)) = image else { panic!("no image among {values:?}") };
    let (repository, _) = MISSING_IMAGE.split_once(':').unwrap();
    assert!(image.starts_with(&format!("{repository}@sha256:")), "{image}");
}
