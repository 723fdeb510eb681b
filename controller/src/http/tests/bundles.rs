//! `POST /v1/bundles`.

use super::*;
use crate::source::{MemoryShelf, Nudge, Publisher, published};

fn manifests(cluster: &str) -> Value {
    let text = format!(
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec: {{ cluster: {cluster} }}\n"
    );
    json!({ "files": [{ "path": "environment.yaml", "text": text }], "commit": "0123abc", "author": "Ann" })
}

fn publishing() -> (House, MemoryShelf) {
    let mut house = house();
    let shelf = MemoryShelf::new();
    let nudge = Nudge::default();
    let environment = "dev".to_owned();
    house.api.publisher = Some(Publisher { shelf: Arc::new(shelf.clone()), environment, nudge });
    (house, shelf)
}

async fn post(house: &House, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post("/v1/bundles")
        .header("host", "127.0.0.1:7400")
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap();
    let (status, _, body) = house.ask(request).await;
    (status, body)
}

#[tokio::test]
async fn manifests_are_published_once_with_their_origin_and_the_revision_to_wait_for() {
    let (house, shelf) = publishing();
    let (status, first) = post(&house, manifests("one").to_string()).await;
    assert_eq!(
        (status, &first["sequence"], &first["revision"]),
        (StatusCode::ACCEPTED, &json!(1), &json!("1.0"))
    );
    let bundle = published(&shelf, "dev").await.unwrap().bundle.unwrap();
    assert_eq!(first["bundle"], bundle.digest().to_string());
    assert_eq!(first["digest"], bundle.documents_digest().to_string());
    assert_eq!(bundle.provenance().commit.as_deref(), Some("0123abc"));

    let (status, again) = post(&house, manifests("one").to_string()).await;
    assert_eq!((status, &again["isDuplicate"]), (StatusCode::OK, &json!(true)));
    assert_eq!((&again["sequence"], &again["bundle"]), (&first["sequence"], &first["bundle"]));
    let (_, second) = post(&house, manifests("two").to_string()).await;
    assert_eq!(second["revision"], "2.0");
}

#[tokio::test]
async fn every_fault_of_manifests_is_answered_and_nothing_is_published() {
    let (house, shelf) = publishing();
    let mut wrong = manifests("one");
    wrong["files"].as_array_mut().unwrap().extend([
        json!({ "path": "api.yaml", "text": "kind: Sevrice" }),
        json!({ "path": "web.yaml", "text": "a: [" }),
    ]);
    let (status, problem) = post(&house, wrong.to_string()).await;
    assert_eq!((status, &problem["reason"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("InvalidManifest")));
    let places: Vec<&str> = problem["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["location"].as_str().unwrap())
        .collect();
    for file in ["api.yaml:1:7", "web.yaml:1:"] {
        assert!(places.iter().any(|place| place.starts_with(file)), "{file} is not in {places:?}");
    }
    let other = manifests("one").to_string().replace("name: dev", "name: prod");
    let (status, problem) = post(&house, other).await;
    assert_eq!((status, &problem["reason"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("OtherEnvironment")));
    assert_eq!(shelf.pointer_bytes(), None);
}

#[tokio::test]
async fn a_source_that_nothing_is_published_to_is_refused_with_what_to_do() {
    let house = house();
    house.api.board.source(source(1)).await;
    let (status, problem) = post(&house, manifests("one").to_string()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["type"], "https://coxswain.dev/problems/read-only-source");
    assert!(problem["detail"].as_str().unwrap().contains("manifests/example"), "{problem}");
}

#[tokio::test]
async fn a_body_that_is_too_large_or_none_is_refused_unread() {
    let (house, _) = publishing();
    let more_than_an_intent = format!("{{\"files\": []{}}}", " ".repeat(100_000));
    assert_eq!(post(&house, more_than_an_intent).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let huge = vec![b' '; crate::http::bundles::BODY_AT_MOST + 1];
    assert_eq!(post(&house, huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post(&house, "[]").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(&house, r#"{"files": [], "files2": []}"#).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_new_shelf_goes_on_after_the_number_that_stands() {
    let (house, _) = publishing();
    let mut stands = source(1);
    let accepted = stands.accepted.as_mut().unwrap();
    accepted.sequence = 41;
    let bundle = coxswain_manifest::Bundle::reread(b"").unwrap_err();
    accepted.origin = Some(crate::source::Origin {
        digest: bundle.digest,
        provenance: coxswain_manifest::Provenance::default(),
    });
    house.api.board.source(stands).await;
    let (_, published) = post(&house, manifests("one").to_string()).await;
    assert_eq!(published["revision"], "42.0");
}
