mod bundles;
mod replicas;
mod stream;

use std::sync::Mutex;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use coxswain_runtime::TokioClock;
use coxswain_store::MemoryStore;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::{
    aws::{AwsError, Failure, Operation},
    health::WatchedStore,
    intents::Intents,
    report::Reporter as _,
    status::fixture::{TASK, at, drifted, failed, in_sync, source},
};

#[derive(Debug)]
struct Still {
    intents: Intents,
    looked_at: Mutex<Vec<Key>>,
    stands: Mutex<Result<String, Reason>>,
    /// Where it is one of several: who leads, and whether that is this one.
    lease: Mutex<Option<(LeaseReport, bool)>>,
}

#[async_trait]
impl Engine for Still {
    async fn submit(&self, intent: Intent) -> Result<bool, SubmitError> {
        self.intents.submit(intent).await
    }

    fn look_now(&self, key: Key) {
        self.looked_at.lock().unwrap().push(key);
    }

    fn depth(&self) -> Depth {
        Depth { due: 0, delayed: 1, in_work: 0 }
    }

    fn stands(&self, _: &Key) -> Option<Result<String, Reason>> {
        let follows = self.epoch().is_none();
        (!follows).then(|| self.stands.lock().unwrap().clone())
    }

    fn epoch(&self) -> Option<u64> {
        match &*self.lease.lock().unwrap() {
            None => Some(0),
            Some((report, leads)) => leads.then_some(report.epoch),
        }
    }

    fn lease(&self) -> Option<LeaseReport> {
        self.lease.lock().unwrap().as_ref().map(|(report, _)| report.clone())
    }

    fn kill_switch(&self) -> Position {
        Position::Off
    }

    fn withheld(&self) -> u64 {
        3
    }
}

/// Answers as AWS would for one failed task.
#[derive(Debug, Default)]
struct Logs {
    asked: Mutex<Vec<(Operation, Value)>>,
}

#[async_trait]
impl Aws for Logs {
    async fn call(&self, operation: Operation, input: Value) -> Result<Value, AwsError> {
        self.asked.lock().unwrap().push((operation, input));
        match operation {
            Operation::DescribeTaskDefinition => Ok(json!({ "taskDefinition": { "containerDefinitions": [{
                "name": "api",
                "logConfiguration": { "logDriver": "awslogs", "options": {
                    "awslogs-group": "/coxswain/dev/api", "awslogs-stream-prefix": "ecs" } },
            }] } })),
            Operation::GetLogEvents => Ok(json!({ "events": [
                { "timestamp": 1_800_000_000_000_i64, "message": "error: API_IDENTITY is not set" },
            ] })),
            _ => {
                let failure = Failure::Unavailable { message: "not in this test".to_owned() };
                Err(AwsError { operation, failure, request_id: None })
            }
        }
    }
}

struct House {
    api: Api,
    engine: Arc<Still>,
    aws: Arc<Logs>,
}

fn house() -> House {
    house_on(Arc::new(MemoryStore::default()))
}

fn house_on(store: Arc<dyn Store>) -> House {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(at(0)));
    let vitals = Vitals::new(&clock);
    let store: Arc<dyn Store> = Arc::new(WatchedStore::new(store, vitals.store.clone()));
    let metrics = Arc::new(Metrics::new());
    let engine = Arc::new(Still {
        intents: Intents::new(store.clone()),
        looked_at: Mutex::default(),
        stands: Mutex::new(Ok("1.0".to_owned())),
        lease: Mutex::default(),
    });
    let aws = Arc::new(Logs::default());
    let api = Api {
        board: Arc::new(StatusBoard::new(store.clone(), metrics.clone(), at(0))),
        metrics,
        store,
        engine: engine.clone(),
        aws: aws.clone(),
        publisher: None,
        streams: Streams::new(coxswain_runtime::Drain::new().watch()),
        replica: "one/5f2c".into(),
        vitals,
        freshness: Freshness::default(),
        clock,
    };
    House { api, engine, aws }
}

impl House {
    async fn ask(&self, request: Request<Body>) -> (StatusCode, String, Value) {
        let guard = Guard::new("127.0.0.1:7400".parse().unwrap(), None, None).unwrap();
        let response = router(self.api.clone(), guard).oneshot(request).await.unwrap();
        let status = response.status();
        let content = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
        (status, content.unwrap_or_default(), body)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("host", "127.0.0.1:7400").body(Body::empty()).unwrap();
        let (status, _, body) = self.ask(request).await;
        (status, body)
    }

    async fn post(&self, body: impl Into<String>) -> (StatusCode, Value) {
        let request = Request::post("/v1/intents")
            .header("host", "127.0.0.1:7400")
            .header("content-type", "application/json")
            .body(Body::from(body.into()))
            .unwrap();
        let (status, _, body) = self.ask(request).await;
        (status, body)
    }
}

fn retry(id: &str) -> String {
    json!({ "id": id, "kind": "retry", "object": "service/api", "reason": "mended" }).to_string()
}

#[tokio::test]
async fn a_service_is_answered_with_its_version_and_kind() {
    let house = house();
    house.api.board.object(drifted(1)).await;
    let (status, body) = house.get("/v1/services/api").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["apiVersion"], "coxswain.dev/v1");
    assert_eq!(body["kind"], "Service");
    assert_eq!(body["sync"], "Drifted");
    assert_eq!(body["conditions"][0]["lastTransitionTime"], at(1).to_string());
    let (_, list) = house.get("/v1/services").await;
    assert_eq!(list["kind"], "ServiceList");
    assert_eq!(list["items"][0]["name"], "api");
}

#[tokio::test]
async fn a_status_is_current_once_a_look_was_made_by_the_manifests_that_stand() {
    let house = house();
    house.api.board.source(source(1)).await;
    let is_current = async |house: &House| house.get("/v1/services/api").await.1["isCurrent"].clone();
    assert_eq!(is_current(&house).await, false);
    house.api.board.object(in_sync(2)).await;
    *house.engine.stands.lock().unwrap() = Ok("2.0".to_owned());
    assert_eq!(is_current(&house).await, false);
    *house.engine.stands.lock().unwrap() = Ok("1.0".to_owned());
    assert_eq!(is_current(&house).await, true);
    *house.engine.stands.lock().unwrap() = Err(Reason::InvalidManifest);
    assert_eq!(is_current(&house).await, false);
}

#[tokio::test]
async fn an_unknown_name_is_a_problem_that_names_the_nearest() {
    let house = house();
    house.api.board.object(in_sync(1)).await;
    let request = Request::get("/v1/services/apu").header("host", "localhost").body(Body::empty()).unwrap();
    let (status, content, body) = house.ask(request).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(content, "application/problem+json");
    assert_eq!(body["detail"], "there is no service \"apu\"; did you mean api?");
    let (status, body) = house.get("/v1/nothing").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body["detail"].as_str().unwrap().contains("/v1/services"), "{body}");
}

#[tokio::test]
async fn it_is_alive_at_once_and_ready_when_manifests_stand() {
    let house = house();
    assert_eq!(house.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(house.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    house.api.board.source(source(1)).await;
    assert_eq!(house.get("/readyz").await.0, StatusCode::OK);
    let (_, body) = house.get("/v1/source").await;
    assert_eq!((&body["revision"], &body["objects"][0]), (&json!("1.0"), &json!("service/api")));
    assert_eq!(body["takesBundles"], false);
}

#[tokio::test]
async fn metrics_count_objects_by_their_words() {
    let house = house();
    house.api.board.object(in_sync(1)).await;
    let (_, text) = house.get("/metrics").await;
    let text = text.as_str().unwrap();
    assert!(text.contains("coxswain_objects{sync=\"Synced\",health=\"Healthy\"} 1"), "{text}");
    assert!(text.contains("coxswain_reconcile_total{result=\"Unchanged\"} 1"), "{text}");
}

#[tokio::test]
async fn history_and_record_are_answered_for_a_known_service() {
    let house = house();
    house.api.board.object(failed(100)).await;
    let (_, history) = house.get("/v1/services/api/history").await;
    assert_eq!(history["items"][0]["outcome"], "Failed");
    assert_eq!(history["items"][0]["cause"]["exit_code"], 2);
    let (status, record) = house.get("/v1/services/api/record").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(record["record"]["key"], "dev/service/api");
}

#[tokio::test]
async fn the_crashs_last_lines_are_fetched_when_asked_for_and_kept_nowhere() {
    let house = house();
    house.api.board.object(failed(100)).await;
    let (status, body) = house.get("/v1/services/api/logs?limit=5").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["task"], TASK);
    assert_eq!(body["lines"][0]["message"], "error: API_IDENTITY is not set");
    let asked = house.aws.asked.lock().unwrap().clone();
    let (_, input) = asked.iter().find(|(operation, _)| *operation == Operation::GetLogEvents).unwrap();
    assert_eq!(input["logStreamName"], "ecs/api/0123456789abcdef0123456789abcdef");
    assert_eq!(input["limit"], 5);
    for path in house.api.store.list("").await.unwrap() {
        let entry = house.api.store.get(&path).await.unwrap().unwrap();
        assert!(!String::from_utf8(entry.bytes).unwrap().contains("API_IDENTITY"), "{path}");
    }
}

#[tokio::test]
async fn logs_of_a_service_without_a_failure_say_what_to_name() {
    let house = house();
    house.api.board.object(in_sync(1)).await;
    let (status, body) = house.get("/v1/services/api/logs").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body["detail"].as_str().unwrap().contains("?task="), "{body}");
}

#[tokio::test]
async fn an_intent_is_taken_once_by_its_id_and_looked_at_at_once() {
    let house = house();
    house.api.board.object(in_sync(1)).await;
    let (status, body) = house.post(retry("a")).await;
    assert_eq!((status, &body["isDuplicate"]), (StatusCode::ACCEPTED, &json!(false)));
    let (status, body) = house.post(retry("a")).await;
    assert_eq!((status, &body["isDuplicate"]), (StatusCode::OK, &json!(true)));
    assert_eq!(house.api.store.list("v1/dev/intents/").await.unwrap().len(), 1);
    assert_eq!(house.engine.looked_at.lock().unwrap().len(), 2);
    let asked = house
        .api
        .board
        .events(None, 100)
        .into_iter()
        .filter(|event| event.message.contains("asked to retry"));
    assert_eq!(asked.count(), 1);
    let other = json!({ "id": "a", "kind": "reconcile", "object": "service/api" }).to_string();
    assert_eq!(house.post(other).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_is_no_intent_is_refused_with_what_there_is() {
    let house = house();
    house.api.board.object(in_sync(1)).await;
    let cases = [
        (json!({"id": "a", "kind": "suspend", "object": "service/api"}), 422, "not built yet"),
        (json!({"id": "a", "kind": "dance", "object": "service/api"}), 400, "retry and reconcile"),
        (json!({"id": "a", "kind": "retry", "object": "api"}), 400, "service/NAME"),
        (json!({"id": "a", "kind": "retry", "object": "service/apo"}), 404, "did you mean api?"),
        (json!({"id": "../x", "kind": "retry", "object": "service/api"}), 400, "id"),
        (json!({"id": "a", "kind": "retry", "object": "service/api", "force": true}), 400, "force"),
        (
            json!({"id": "a", "kind": "retry", "object": "service/api", "reason": "x".repeat(2_000)}),
            400,
            "longer",
        ),
    ];
    for (body, expected, text) in cases {
        let (status, answer) = house.post(body.to_string()).await;
        assert_eq!(status.as_u16(), expected, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(text), "{answer}");
    }
}

#[tokio::test]
async fn a_form_of_another_page_cannot_post_and_a_large_body_is_refused() {
    let house = house();
    let plain = Request::post("/v1/intents")
        .header("host", "127.0.0.1:7400")
        .header("content-type", "text/plain")
        .body(Body::from(retry("a")))
        .unwrap();
    assert_eq!(house.ask(plain).await.0, StatusCode::BAD_REQUEST);
    let (status, _) = house.post("x".repeat(BODY_AT_MOST + 1)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn every_route_is_behind_the_guard() {
    let house = house();
    for path in ["/healthz", "/metrics", "/v1/services", "/v1/events", "/nothing"] {
        let request = Request::get(path).header("host", "rebound.example.com").body(Body::empty()).unwrap();
        assert_eq!(house.ask(request).await.0, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn events_go_on_after_an_id_and_can_be_those_of_one_object() {
    let house = house();
    house.api.board.source(source(1)).await;
    house.api.board.object(drifted(2)).await;
    let (_, all) = house.get("/v1/events").await;
    let ids: Vec<u64> =
        all["items"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect();
    let (_, rest) = house.get(&format!("/v1/events?after={}&limit=1", ids[0])).await;
    assert_eq!(rest["items"][0]["id"], ids[1]);
    let (_, own) = house.get("/v1/events?object=service/api").await;
    assert!(own["items"].as_array().unwrap().iter().all(|event| event["object"] == "service/api"));
    assert_eq!(house.get("/v1/events?since=1").await.0, StatusCode::BAD_REQUEST);
}

#[test]
fn the_schema_of_every_document_is_as_it_was() {
    let schema = serde_json::to_string_pretty(&v1::schema()).unwrap();
    insta::assert_snapshot!("v1", schema);
}
