use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use coxswain_store::fault::{Fault, FaultStore};
use coxswain_store::{MemoryStore, Operation};
use futures::FutureExt;
use hyper::body::Frame;

use super::*;
use crate::caller::CallerCheck;
use crate::config::Version;
use crate::readiness::Readiness;

fn app(store: impl Store + 'static) -> Arc<App> {
    Arc::new(App {
        store: Arc::new(store),
        callers: CallerCheck::Anyone,
        version: Version::parse("1.4.0").unwrap(),
        task: None,
        max_body: 1024,
        readiness: Readiness::default(),
        clock: || "2026-11-25T12:00:00Z".parse().unwrap(),
    })
}

async fn post(app: &Arc<App>, body: Body) -> StatusCode {
    let request = Request::post("/webhooks/shop").header("webhook-id", "a").body(body).unwrap();
    let source = Ok(PathParameter("shop".to_owned()));
    match receive(State(Arc::clone(app)), source, request).await {
        Ok(response) => response.status(),
        Err(problem) => problem.into_response().status(),
    }
}

/// A body that never comes.
struct Silent;

impl HttpBody for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// Takes the only event away, as a consumer does once it has dealt with it.
async fn consume(store: &Arc<MemoryStore>) {
    let path = store.list("events/").await.unwrap().remove(0);
    let entry = store.get(&path).await.unwrap().unwrap();
    store.delete(&path, entry.version).await.unwrap();
}

async fn events(store: &Arc<MemoryStore>) -> usize {
    store.list("events/").await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up_after_its_timeout() {
    let status = post(&app(MemoryStore::default()), Body::new(Silent)).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
}

/// Whatever becomes of a store call, a sender that repeats itself until it is told 202 finds its event kept once.
/// The calls are counted by recording them: a first delivery has one, a repetition two.
#[tokio::test(start_paused = true)]
async fn no_fault_of_the_store_loses_an_accepted_event_or_keeps_it_twice() {
    let mut tried = 0;
    for delivered_before in [false, true] {
        for number in 0..=usize::from(delivered_before) {
            for fault in Fault::ALL {
                let memory = Arc::new(MemoryStore::default());
                if delivered_before {
                    assert_eq!(post(&app(Arc::clone(&memory)), Body::from("{}")).await, StatusCode::ACCEPTED);
                }
                let faulty = FaultStore::new(Arc::clone(&memory))
                    .before(move |call| if call.number == number { fault } else { Fault::None });
                let recorded = faulty.clone();
                let first = post(&app(faulty), Body::from("{}")).await;
                assert!(recorded.calls().len() > number, "call {number} was never made");
                if first == StatusCode::ACCEPTED {
                    assert_eq!(events(&memory).await, 1, "{fault:?} at call {number}");
                }
                let again = post(&app(Arc::clone(&memory)), Body::from("{}")).await;
                assert_eq!(again, StatusCode::ACCEPTED, "{fault:?} at call {number}");
                assert_eq!(events(&memory).await, 1, "{fault:?} at call {number}");
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 3 * Fault::ALL.len());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_told_as_try_again() {
    for fault in [Fault::Refuse, Fault::FailBefore, Fault::FailAfter, Fault::DieBefore, Fault::DieAfter] {
        let store = FaultStore::new(MemoryStore::default()).before(move |_| fault);
        assert_eq!(post(&app(store), Body::from("{}")).await, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
    }
}

#[tokio::test]
async fn an_event_that_a_consumer_takes_away_meanwhile_is_kept_anew() {
    let memory = Arc::new(MemoryStore::default());
    assert_eq!(post(&app(Arc::clone(&memory)), Body::from("{}")).await, StatusCode::ACCEPTED);
    let emptied = Arc::clone(&memory);
    let store = FaultStore::new(Arc::clone(&memory)).after(move |call, _| {
        // After the put that met a conflict: what it met is gone when it is read.
        if call.number == 0 && call.operation == Operation::Put {
            consume(&emptied).now_or_never().expect("a store in memory never waits");
        }
    });
    assert_eq!(post(&app(store), Body::from("[]")).await, StatusCode::ACCEPTED);
    assert_eq!(events(&memory).await, 1);
}
