//! What one of several replicas answers.

use coxswain_store::fault::{Fault, FaultStore};

use super::*;

/// Where one leads, and the other reads what it has written.
fn two() -> (House, House) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let (one, two) = (house_on(store.clone()), house_on(store));
    let lease = LeaseReport { holder: Some("one/5f2c".to_owned()), epoch: 7, trouble: None };
    *one.engine.lease.lock().unwrap() = Some((lease.clone(), true));
    *two.engine.lease.lock().unwrap() = Some((lease, false));
    (one, two)
}

#[tokio::test(start_paused = true)]
async fn a_follower_says_of_services_what_the_leader_has_stored() {
    let (one, two) = two();
    let (status, body) = two.get("/v1/services").await;
    assert_eq!((status, &body["items"]), (StatusCode::OK, &json!([])));
    one.api.board.source(source(1)).await;
    one.api.board.object(in_sync(10)).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (_, body) = two.get("/v1/services").await;
    assert_eq!(body["items"][0]["sync"], "Synced", "{body:#}");
    assert_eq!(body["items"][0]["isCurrent"], true, "{body:#}");
    assert_eq!(two.get("/v1/source").await.1["revision"], "1.0");

    one.api.board.object(drifted(20)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (_, body) = two.get("/v1/services/api").await;
    assert_eq!(body["sync"], "Drifted", "one object is read afresh each second");
    let mut later = source(30);
    later.accepted.as_mut().unwrap().revision = "2.0".to_owned();
    one.api.board.source(later).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (_, body) = two.get("/v1/services/api").await;
    assert_eq!(body["isCurrent"], false, "the manifests have moved on");
}

#[tokio::test(start_paused = true)]
async fn a_follower_reads_the_store_so_often_and_no_more() {
    let store = FaultStore::new(MemoryStore::default());
    let two = house_on(Arc::new(store.clone()));
    let lease = LeaseReport { holder: None, epoch: 7, trouble: None };
    *two.engine.lease.lock().unwrap() = Some((lease, false));
    for _ in 0..50 {
        two.get("/v1/services").await;
        two.get("/v1/source").await;
    }
    assert_eq!(store.calls().len(), 1, "{:?}", store.calls());
}

#[tokio::test]
async fn a_follower_without_its_store_says_so() {
    let store = FaultStore::new(MemoryStore::default()).before(|_| Fault::FailBefore);
    let two = house_on(Arc::new(store));
    let lease = LeaseReport { holder: Some("one/5f2c".to_owned()), epoch: 7, trouble: None };
    *two.engine.lease.lock().unwrap() = Some((lease, false));
    assert_eq!(two.get("/readyz").await.0, StatusCode::OK, "nothing is known against it yet");
    let (status, body) = two.get("/v1/services").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body["detail"].as_str().unwrap().contains("this replica follows, and the store does not answer"));
    assert_eq!(two.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn events_are_with_the_leader_and_a_follower_says_with_whom() {
    let (one, two) = two();
    for path in ["/v1/events", "/v1/events/stream"] {
        let (status, body) = two.get(path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body:#}");
        assert!(body["type"].as_str().unwrap().ends_with("follows"), "{body:#}");
        assert!(body["detail"].as_str().unwrap().contains("one/5f2c leads"), "{body:#}");
    }
    assert_eq!(one.get("/v1/events").await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_intent_that_a_follower_takes_is_found_by_the_leader() {
    let (one, two) = two();
    one.api.board.source(source(1)).await;
    let body = json!({"id": "a", "kind": "reconcile", "object": "service/api"}).to_string();
    let request = Request::post("/v1/intents")
        .header("host", "127.0.0.1:7400")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    assert_eq!(two.ask(request).await.0, StatusCode::ACCEPTED);
    let found = one.engine.intents.load("dev", at(1)).await.unwrap();
    assert_eq!(found, [Key::service("dev", "api")]);
}

#[tokio::test]
async fn readiness_names_what_is_missing_and_who_leads() {
    let (one, two) = two();
    assert_eq!(one.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE, "no manifests stand");
    assert_eq!(two.get("/readyz").await.0, StatusCode::OK, "a follower needs none");
    let (status, body) = one.get("/readyz?verbose").await;
    assert_eq!((status, &body["isReady"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    let names: Vec<_> = body["dependencies"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["source", "store", "AWS", "lease"]);

    one.api.board.source(source(1)).await;
    assert_eq!(one.get("/readyz").await.0, StatusCode::OK);
    let (_, body) = one.get("/v1/controller").await;
    let said = (&body["role"], &body["leader"], &body["epoch"], &body["killSwitch"]);
    assert_eq!(said, (&json!("leader"), &json!("one/5f2c"), &json!(7), &json!("Off")));
    let (_, body) = two.get("/v1/controller").await;
    assert_eq!((&body["role"], &body["leader"]), (&json!("follower"), &json!("one/5f2c")));

    let trouble = Some("the store did not answer in time".to_owned());
    let lease = LeaseReport { holder: None, epoch: 7, trouble };
    *two.engine.lease.lock().unwrap() = Some((lease, false));
    assert_eq!(two.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE, "it does not know who leads");
}
