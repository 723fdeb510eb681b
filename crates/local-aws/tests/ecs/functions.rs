//! Hooks' functions over HTTP: what they are told, what they may answer, and what becomes of no answer.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::post};
use coxswain_local_aws::{Config, Script, Timing};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle, time::timeout};
use tokio_util::task::TaskTracker;

use crate::lab::{Lab, with};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:check";

/// Far more than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// A function: answers in turn, the last one for ever, and remembers what it was told.
struct Function {
    address: SocketAddr,
    events: Arc<Mutex<Vec<Value>>>,
    serving: AbortHandle,
}

impl Function {
    async fn start(answers: &[(u16, &str)]) -> Self {
        let answers: Vec<_> = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let told = Arc::clone(&events);
        let answer = move |event: String| async move {
            let mut events = told.lock().unwrap();
            events.push(serde_json::from_str(&event).unwrap());
            let (status, body) = answers.get(events.len() - 1).or(answers.last()).unwrap().clone();
            (StatusCode::from_u16(status).unwrap(), body)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/run", post(answer));
        let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        Self { address, events, serving: serving.abort_handle() }
    }

    fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An ECS in real time, in which nothing takes time.
async fn lab() -> Lab {
    let zero = Duration::ZERO;
    let timing = Timing {
        provisioning: zero,
        deprovisioning: zero,
        healthy_after: zero,
        rollback: zero,
        ..Timing::default()
    };
    let lab = Lab::with(Config { timing, ..Config::default() }).await;
    lab.driver.script_others(Script { starts_after: zero, stops: (zero, 0), ..Script::serves() });
    lab
}

/// Creates `web` with the function as a hook of this stage; waits for the deployment's end.
async fn deploy(lab: &Lab, stage: &str, details: &Value) -> Value {
    let hook = json!({"hookTargetArn": FUNCTION, "roleArn": "arn:aws:iam::123456789012:role/hooks",
        "lifecycleStages": [stage], "hookDetails": details});
    let configuration = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [hook]});
    let arn = lab.register("web:1").await;
    lab.create(&arn, 1, json!({"deploymentConfiguration": configuration})).await;
    let over = async {
        loop {
            let deployment = lab.newest_deployment().await;
            if deployment.get("finishedAt").is_some() {
                return deployment;
            }
            lab.pass(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, over).await.expect("the deployment ends")
}

#[tokio::test]
async fn a_function_is_told_what_ecs_tells_and_again_what_it_asked_to_be_told() {
    let again = r#"{"hookStatus": "IN_PROGRESS", "callBackDelay": 0, "hookDetails": {"seen": 1}}"#;
    let function = Function::start(&[(200, again), (200, r#"{"hookStatus": "SUCCEEDED"}"#)]).await;
    let lab = lab().await;
    lab.local.ask_hooks("check", format!("http://{}/run", function.address).parse().unwrap());
    let done = deploy(&lab, "POST_SCALE_UP", &json!({"bucket": "b", "seen": null})).await;
    assert_eq!(done["status"], "SUCCESSFUL");
    let events = function.events();
    let (first, second) = (&events[0], &events[1]);
    assert_eq!(events.len(), 2);
    let service = "arn:aws:ecs:us-east-1:123456789012:service/main/web";
    let expected = json!({
        "executionId": first["executionId"],
        "lifecycleStage": "POST_SCALE_UP",
        "resourceArn": done["serviceDeploymentArn"],
        "executionDetails": {
            "serviceArn": service,
            "targetServiceRevisionArn": done["targetServiceRevision"]["arn"],
            "testTrafficWeights": {},
            "productionTrafficWeights": {},
        },
        "hookDetails": {"bucket": "b", "seen": null},
    });
    assert_eq!(*first, expected);
    assert_eq!(first["executionId"].as_str().unwrap().len(), 36);
    assert_eq!(*second, with(expected, json!({"hookDetails": {"bucket": "b", "seen": 1}})));
}

#[tokio::test]
async fn a_function_that_does_not_answer_as_it_should_fails_the_deployment_and_is_named() {
    let unable =
        format!("ECS was unable to parse the response from {FUNCTION} due to HookStatus must not be");
    let cannot = format!("ECS was unable to invoke hook target {FUNCTION} due to");
    for (answer, end) in [
        (
            Some((200, r#"{"hookStatus": "FAILED"}"#)),
            format!("Lifecycle hook target {FUNCTION} returned FAILED status."),
        ),
        (Some((200, r#"{"errorMessage": "boom", "errorType": "Error"}"#)), format!("{unable} null")),
        (Some((200, "no JSON")), format!("{unable} null")),
        (Some((200, r#"{"hookStatus": "MAYBE"}"#)), format!("{unable} MAYBE")),
        (Some((503, r#"{"hookStatus": "SUCCEEDED"}"#)), format!("{cannot} its answer with HTTP status 503")),
        (None, format!("{cannot} 127.0.0.1:1 not being reached: Connection refused (os error 111)")),
    ] {
        let lab = lab().await;
        let function = match answer {
            Some(answer) => Some(Function::start(&[answer]).await),
            None => None,
        };
        let address =
            function.as_ref().map_or("127.0.0.1:1".to_owned(), |function| function.address.to_string());
        lab.local.ask_hooks("*", format!("http://{address}/run").parse().unwrap());
        deploy(&lab, "PRE_SCALE_UP", &Value::Null).await;
        let failed = format!(
            "(service web) (deployment ecs-svc/N) deployment failed: Service deployment rolled back because \
             PRE_SCALE_UP lifecycle hook(s) failed. {end}"
        );
        let events = lab.events().await;
        assert!(events.contains(&failed), "{failed} is not in {events:#?}");
    }
}

#[tokio::test]
async fn who_is_asked_is_set_over_the_local_api() {
    let function = Function::start(&[(200, r#"{"hookStatus": "SUCCEEDED"}"#)]).await;
    let lab = lab().await;
    for wrong in [
        json!({"function": "check", "url": "ftp://example.com/"}),
        json!({"function": "check"}),
        json!({"function": "check", "url": "http://localhost/", "answers": ["FAILED"]}),
    ] {
        assert_eq!(lab.local_api("POST", "/hooks", &wrong.to_string()).await.0, 400, "{wrong}");
    }
    let body = json!({"function": "check", "url": format!("http://{}/run", function.address)});
    assert_eq!(lab.local_api("POST", "/hooks", &body.to_string()).await.0, 200);
    assert_eq!(deploy(&lab, "PRE_SCALE_UP", &Value::Null).await["status"], "SUCCESSFUL");
    let event = &function.events()[0];
    assert!(event.get("hookDetails").is_none(), "{event}");
}
