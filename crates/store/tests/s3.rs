//! What the S3 store makes of answers, and of their lack: scripted in process, on paused time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test fail as tests do")]

mod moto;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use coxswain_store::s3::Client;
use coxswain_store::{Damage, Expect, Path, Remedy, S3Store, Store, StoreError};

/// What happens to one request.
#[derive(Debug, Clone)]
enum Answer {
    Status(u16, String),
    Broken,
    Never,
}

/// A connector that plays a script and writes down what it was asked.
#[derive(Debug, Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let condition = ["if-match", "if-none-match"]
            .iter()
            .filter_map(|name| Some(format!(" {name}: {}", request.headers().get(*name)?)))
            .collect::<String>();
        let uri = request.uri().split('?').next().unwrap_or_default();
        self.asked.lock().unwrap().push(format!("{} {uri}{condition}", request.method()));
        let answer = self.answers.lock().unwrap().pop_front().unwrap();
        HttpConnectorFuture::new(async move {
            match answer {
                Answer::Status(status, body) => {
                    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                    answer.headers_mut().insert("x-amz-request-id", "REQUEST1");
                    Ok(answer)
                }
                Answer::Broken => Err(ConnectorError::io("connection reset".into())),
                Answer::Never => std::future::pending().await,
            }
        })
    }
}

fn no(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>in S3's words</Message></Error>");
    Answer::Status(status, body)
}

/// A store that meets these answers, and its script.
fn scripted(answers: impl IntoIterator<Item = Answer>) -> (S3Store, Script) {
    let script = Script { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Script::default() };
    let connector = SharedHttpConnector::new(script.clone());
    let config = moto::config()
        .endpoint_url("http://s3.example.com")
        .http_client(http_client_fn(move |_, _| connector.clone()))
        // The store has to switch these off by itself.
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::standard().with_max_attempts(5))
        .build();
    (S3Store::new(&Client::from_conf(config), "b", "state/").unwrap(), script)
}

fn path() -> Path {
    Path::new("record").unwrap()
}

async fn put(store: &S3Store) -> StoreError {
    store.put(&path(), b"x".into(), Expect::Absent).await.unwrap_err()
}

/// An error with its causes, as a log shows it.
fn told(error: &StoreError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_in_doubt_and_what_was_refused_is_not() {
    let cases = [
        (no(403, "AccessDenied"), Remedy::Repeat),
        (no(404, "NoSuchBucket"), Remedy::Repeat),
        (no(503, "SlowDown"), Remedy::Repeat),
        (no(503, "ServiceUnavailable"), Remedy::ObserveFirst),
        (no(500, "InternalError"), Remedy::ObserveFirst),
        (Answer::Status(200, String::new()), Remedy::ObserveFirst),
        (Answer::Broken, Remedy::ObserveFirst),
        (Answer::Never, Remedy::ObserveFirst),
    ];
    for (answer, remedy) in cases {
        let (store, script) = scripted([answer.clone()]);
        assert_eq!(put(&store).await.remedy(), remedy, "{answer:?}");
        assert_eq!(script.asked.lock().unwrap().len(), 1, "a call was repeated after {answer:?}");
        let (store, _) = scripted([answer.clone()]);
        let read = store.get(&path()).await.unwrap_err();
        assert_eq!(read.remedy(), Remedy::Repeat, "a read has no effect to doubt: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_says_what_s3_said_and_names_the_request() {
    let (store, _) = scripted([no(403, "AccessDenied"), Answer::Broken]);
    assert_eq!(
        told(&put(&store).await),
        "cannot put `record`: S3 answered 403 AccessDenied: in S3's words (request REQUEST1)"
    );
    let broken = told(&put(&store).await);
    assert!(broken.contains("in doubt") && broken.contains("connection reset"), "{broken}");
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_does_not_hold_and_a_write_that_met_another_are_conflicts() {
    for refusal in
        [no(412, "PreconditionFailed"), no(409, "ConditionalRequestConflict"), no(409, "OperationAborted")]
    {
        let (store, script) = scripted([refusal, no(404, "NoSuchKey")]);
        assert!(matches!(put(&store).await, StoreError::Conflict { current: None, .. }));
        let asked = script.asked.lock().unwrap().clone();
        assert_eq!(
            asked,
            [
                "PUT http://s3.example.com/b/state/record if-none-match: *",
                "GET http://s3.example.com/b/state/record",
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_whose_reason_cannot_be_read_was_still_refused() {
    let (store, _) = scripted([no(412, "PreconditionFailed"), Answer::Never]);
    assert_eq!(put(&store).await.remedy(), Remedy::Repeat);
}

#[tokio::test(start_paused = true)]
async fn a_list_follows_every_page_and_leaves_foreign_keys_out() {
    let page = |keys: &[&str], next: Option<&str>| {
        let contents = keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>"));
        let next = next.map(|token| format!("<NextContinuationToken>{token}</NextContinuationToken>"));
        let more = next.is_some();
        let body = format!(
            "<ListBucketResult><IsTruncated>{more}</IsTruncated>{}{}</ListBucketResult>",
            contents.collect::<String>(),
            next.unwrap_or_default()
        );
        Answer::Status(200, body)
    };
    let (store, _) = scripted([
        page(&["state/b", "state/", "state/not ours"], Some("2")),
        page(&["state/a/", "elsewhere/c"], Some("3")),
        page(&["state/a"], None),
    ]);
    let listed: Vec<String> = store.list("").await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(listed, ["a", "b"]);

    let (store, _) = scripted([page(&["state/a"], Some("2")), Answer::Broken]);
    assert!(store.list("").await.is_err(), "a list without its second page is no list");
}

#[tokio::test(start_paused = true)]
async fn a_store_waits_no_longer_than_it_was_told_to() {
    let (store, _) = scripted([Answer::Never]);
    let begin = tokio::time::Instant::now();
    store.with_timeout(Duration::from_secs(2)).get(&path()).await.unwrap_err();
    assert_eq!(begin.elapsed().as_secs(), 2);
}

#[test]
fn a_prefix_that_could_cut_a_segment_is_refused() {
    let (client, accepted) = (Client::from_conf(moto::config().build()), ["", "a/", "a/b/"]);
    for prefix in ["a", "/", "/a/", "a//", "../", "a b/"] {
        assert!(S3Store::new(&client, "b", prefix).is_err(), "{prefix:?} was accepted");
    }
    for prefix in accepted {
        assert!(S3Store::new(&client, "b", prefix).is_ok(), "{prefix:?} was refused");
    }
}

#[tokio::test]
async fn an_object_that_is_no_entry_is_named_and_never_overwritten() {
    let (client, bucket) = moto::bucket().await;
    let store = S3Store::new(&client, bucket.as_str(), "state/").unwrap();
    let version = store.put(&path(), b"x".into(), Expect::Absent).await.unwrap();
    let foreign = ByteStream::from_static(b"somebody else's");
    client.put_object().bucket(&bucket).key("state/record").body(foreign).send().await.unwrap();

    let read = store.get(&path()).await.unwrap_err();
    let StoreError::Corrupt { location, damage: Damage::Foreign, .. } = &read else { panic!("{read:?}") };
    assert_eq!(*location, format!("s3://{bucket}/state/record"));
    for refused in [
        put(&store).await,
        store.put(&path(), b"y".into(), Expect::Version(version.clone())).await.unwrap_err(),
        store.delete(&path(), version).await.unwrap_err(),
    ] {
        assert_eq!(refused.remedy(), Remedy::Mend, "{refused:?}");
    }
}

#[tokio::test]
async fn an_entry_that_was_copied_to_another_key_is_not_taken_for_one() {
    let (client, bucket) = moto::bucket().await;
    let store = S3Store::new(&client, bucket.as_str(), "").unwrap();
    store.put(&path(), b"x".into(), Expect::Absent).await.unwrap();
    let copy = client.copy_object().bucket(&bucket).copy_source(format!("{bucket}/record")).key("other");
    copy.send().await.unwrap();
    let read = store.get(&Path::new("other").unwrap()).await;
    assert!(matches!(read, Err(StoreError::Corrupt { damage: Damage::Moved { .. }, .. })), "{read:?}");
}
