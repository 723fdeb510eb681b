//! ECR through the wire, over a scripted driver and over an image map.

use std::{collections::BTreeMap, sync::Arc};

use coxswain_ecs_shapes::{Reading, check, ecr};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use crate::{
    Clock, Config, ImageEntry, ImageMap, LocalAws, ProcessConfig, ProcessDriver, Script, ScriptedDriver,
    SystemClock, TaskDriver,
};

const REGISTRY: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

fn local(driver: impl FnOnce(crate::TaskEventSender, Arc<dyn Clock>) -> Arc<dyn TaskDriver>) -> LocalAws {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (sender, events) = unbounded_channel();
    let driver = driver(sender, Arc::clone(&clock));
    LocalAws::new(Config::default(), clock, driver, events)
}

/// Over `*/api:*`, `*/web:1` and `*/web:2`.
fn mapped(state: &tempfile::TempDir) -> LocalAws {
    let entries = ["*/api:*", "*/web:1", "*/web:2"].map(|image| ImageEntry {
        image: image.into(),
        entry_point: vec!["true".into()],
        ..ImageEntry::default()
    });
    let images = ImageMap::new(entries.to_vec()).unwrap();
    local(|sender, clock| {
        let config = ProcessConfig {
            images,
            state: state.path().to_owned(),
            inherited: BTreeMap::new(),
            shim: None,
            clock,
        };
        Arc::new(ProcessDriver::new(config, sender))
    })
}

/// The answer, or code and message of a refusal.
async fn call(local: &LocalAws, operation: &str, body: Value) -> Result<Value, (String, String)> {
    let target = format!("{}.{operation}", ecr().target_prefix);
    let request = http::Request::post("/").header("x-amz-target", target).body(body.to_string().into());
    let answer = local.handle(request.unwrap()).await.unwrap();
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    if answer.status() != 200 {
        return Err((body["__type"].as_str().unwrap().into(), body["message"].as_str().unwrap().into()));
    }
    check(ecr().operation(operation).unwrap().output, &body, Reading::Wire, &mut |violation| {
        panic!("{}: {:?}", violation.path, violation.problem)
    });
    Ok(body)
}

fn by_tag(repository: &str, tag: &str) -> Value {
    json!({"repositoryName": repository, "imageIds": [{"imageTag": tag}]})
}

async fn tags(local: &LocalAws, body: Value) -> Vec<String> {
    let listed = call(local, "DescribeImages", body).await.unwrap();
    let details = listed["imageDetails"].as_array().unwrap();
    details.iter().map(|detail| detail["imageTags"][0].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_tag_has_a_digest_and_the_digest_leads_back_to_it() {
    let state = tempfile::tempdir().unwrap();
    let local = mapped(&state);
    let found = call(&local, "DescribeImages", by_tag("api", "1.4")).await.unwrap();
    let detail = &found["imageDetails"][0];
    assert_eq!((&detail["repositoryName"], &detail["imageTags"]), (&json!("api"), &json!(["1.4"])));
    assert_eq!(detail["registryId"], "123456789012");
    let digest = detail["imageDigest"].as_str().unwrap();
    let id = json!({"repositoryName": "api", "imageIds": [{"imageDigest": digest}]});
    assert_eq!(call(&local, "DescribeImages", id).await.unwrap(), found);
    let again = call(&local, "DescribeImages", by_tag("api", "1.4")).await.unwrap();
    assert_eq!(again, found);
    assert!(local.driver.image(&format!("{REGISTRY}/api@{digest}")).is_some());

    // Known by its name in the map alone: nobody asked for it by tag yet.
    let other = mapped(&state);
    let web = call(&local, "DescribeImages", by_tag("web", "2")).await.unwrap();
    let digest = &web["imageDetails"][0]["imageDigest"];
    let id = json!({"repositoryName": "web", "imageIds": [{"imageDigest": digest}]});
    assert_eq!(call(&other, "DescribeImages", id).await.unwrap(), web);
}

#[tokio::test]
async fn a_repository_is_described_by_name_with_the_uri_that_image_references_use() {
    let state = tempfile::tempdir().unwrap();
    let local = mapped(&state);
    let found =
        call(&local, "DescribeRepositories", json!({"repositoryNames": ["web", "api"]})).await.unwrap();
    assert_eq!(found["repositories"][0]["repositoryUri"], format!("{REGISTRY}/web"));
    assert_eq!(
        found["repositories"][1]["repositoryArn"],
        "arn:aws:ecr:us-east-1:123456789012:repository/api"
    );
    let one_is_missing = json!({"repositoryNames": ["web", "shop"]});
    let (code, message) = call(&local, "DescribeRepositories", one_is_missing).await.unwrap_err();
    assert_eq!(code, "RepositoryNotFoundException");
    assert!(message.contains("'shop'"), "{message}");
    let (code, _) = call(&local, "DescribeRepositories", json!({})).await.unwrap_err();
    assert_eq!(code, "UnsupportedFeatureException");
}

#[tokio::test]
async fn what_does_not_exist_is_told_in_ecrs_words() {
    let state = tempfile::tempdir().unwrap();
    let local = mapped(&state);
    let (code, message) = call(&local, "DescribeImages", by_tag("web", "3")).await.unwrap_err();
    assert_eq!(code, "ImageNotFoundException");
    assert_eq!(
        message,
        "The image with imageId {imageDigest:null, imageTag:'3'} does not exist within the repository with \
         name 'web' in the registry with id '123456789012'"
    );
    let (code, message) = call(&local, "DescribeImages", by_tag("shop", "1")).await.unwrap_err();
    assert_eq!(code, "RepositoryNotFoundException");
    assert!(message.contains(&format!("{REGISTRY}/shop")), "{message}");

    let wrong = json!({"repositoryName": "web", "imageIds": [{"imageTag": "1", "imageDigest": "sha256:0"}]});
    assert_eq!(call(&local, "DescribeImages", wrong).await.unwrap_err().0, "ImageNotFoundException");
    let empty = json!({"repositoryName": "web", "imageIds": [{}]});
    assert_eq!(call(&local, "DescribeImages", empty).await.unwrap_err().0, "InvalidParameterException");
    let id = json!({"repositoryName": "web", "imageIds": [{"imageTag": "1"}]});
    let (code, message) = call(&local, "BatchGetImage", id).await.unwrap_err();
    assert_eq!(code, "UnsupportedFeatureException");
    assert!(message.contains("BatchGetImage"), "{message}");
}

#[tokio::test]
async fn a_repository_lists_the_tags_of_the_map_and_those_that_were_asked_for_in_pages() {
    let state = tempfile::tempdir().unwrap();
    let local = mapped(&state);
    assert_eq!(tags(&local, json!({"repositoryName": "web"})).await, ["1", "2"]);
    assert!(tags(&local, json!({"repositoryName": "api"})).await.is_empty());
    for tag in ["1.4", "1.3"] {
        call(&local, "DescribeImages", by_tag("api", tag)).await.unwrap();
    }
    assert_eq!(tags(&local, json!({"repositoryName": "api"})).await, ["1.3", "1.4"]);
    let first = call(&local, "DescribeImages", json!({"repositoryName": "web", "maxResults": 1})).await;
    let token = first.unwrap()["nextToken"].take();
    assert_eq!(tags(&local, json!({"repositoryName": "web", "nextToken": token})).await, ["2"]);
    let untagged = json!({"repositoryName": "web", "filter": {"tagStatus": "UNTAGGED"}});
    assert!(tags(&local, untagged).await.is_empty());
    let both = json!({"repositoryName": "web", "imageIds": [{"imageTag": "1"}], "maxResults": 1});
    assert_eq!(call(&local, "DescribeImages", both).await.unwrap_err().0, "InvalidParameterException");
}

#[tokio::test]
async fn a_scripted_image_exists_unless_its_script_says_that_it_cannot_be_pulled() {
    let driver = |sender, clock| {
        let driver = ScriptedDriver::new(sender, clock);
        driver.script(format!("{REGISTRY}/api:gone"), Script::cannot_start("CannotPullContainerError: no"));
        driver as Arc<dyn TaskDriver>
    };
    let local = local(driver);
    let found = call(&local, "DescribeImages", by_tag("api", "1")).await.unwrap();
    let digest = &found["imageDetails"][0]["imageDigest"];
    let id = json!({"repositoryName": "api", "imageIds": [{"imageDigest": digest}]});
    assert_eq!(call(&local, "DescribeImages", id).await.unwrap(), found);
    let (code, _) = call(&local, "DescribeImages", by_tag("api", "gone")).await.unwrap_err();
    assert_eq!(code, "ImageNotFoundException");
}
