//! A container's restart policy, as ECS shows it.

use std::time::Duration;

use coxswain_local_aws::Script;
use http::Request;
use serde_json::{Value, json};

use crate::lab::Lab;

const URL: &str = "http://127.0.0.1:4580";

/// What the container finds at its metadata path.
async fn metadata(lab: &Lab) -> Value {
    let started = lab.driver.started().pop().unwrap();
    let path = &started.containers[0].environment["ECS_CONTAINER_METADATA_URI_V4"];
    let path = path.strip_prefix(URL).unwrap();
    let answer = lab.local.handle(Request::get(path).body("".into()).unwrap()).await.unwrap();
    serde_json::from_slice(answer.body()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_restarted_container_is_the_same_task_and_its_metadata_counts() {
    let lab = Lab::start().await;
    lab.local.served_at(URL);
    lab.script("web:1", Script::exits(Duration::from_mins(6), 1));
    let policy = json!({"enabled": true, "restartAttemptPeriod": 300});
    let arn = lab.register_container(json!({"name": "web", "image": "web:1", "restartPolicy": policy})).await;
    lab.create(&arn, 1, json!({})).await;
    lab.until_stable().await;
    assert_eq!(metadata(&lab).await["RestartCount"], 0);
    lab.pass(Duration::from_mins(13)).await;
    let task = &lab.tasks("RUNNING").await[0];
    assert_eq!(
        (&task["lastStatus"], &task["containers"][0]["lastStatus"]),
        (&json!("RUNNING"), &json!("RUNNING"))
    );
    assert_eq!((lab.driver.started().len(), &metadata(&lab).await["RestartCount"]), (1, &json!(2)));
    assert_eq!(lab.service().await["deployments"][0]["failedTasks"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ends_before_its_attempt_period_ends_its_task() {
    let lab = Lab::start().await;
    lab.script("web:1", Script::exits(Duration::from_secs(299), 1));
    let policy = json!({"enabled": true});
    let arn = lab.register_container(json!({"name": "web", "image": "web:1", "restartPolicy": policy})).await;
    lab.create(&arn, 1, json!({})).await;
    lab.pass(Duration::from_mins(6)).await;
    let task = &lab.tasks("STOPPED").await[0];
    assert_eq!(
        (&task["stopCode"], &task["containers"][0]["exitCode"]),
        (&json!("EssentialContainerExited"), &json!(1))
    );
}
