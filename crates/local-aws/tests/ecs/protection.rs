//! Protection of tasks: what the scheduler then leaves alone, and for how long.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::Lab;

const MINUTE: Duration = Duration::from_mins(1);

async fn protect(lab: &Lab, task: &Value, minutes: u64) -> Value {
    let body = json!({"cluster": "main", "tasks": [task["taskArn"]], "protectionEnabled": true,
        "expiresInMinutes": minutes});
    let answer = lab.call("UpdateTaskProtection", body).await;
    assert_eq!(answer["failures"], json!([]));
    answer["protectedTasks"][0].clone()
}

async fn arns(lab: &Lab) -> Vec<Value> {
    lab.tasks("RUNNING").await.iter().map(|task| task["taskArn"].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_protected_task_is_not_scaled_in_until_its_protection_ends() {
    let lab = Lab::start().await;
    lab.steady(3, json!({})).await;
    let kept = lab.tasks("RUNNING").await.remove(1);
    let shown = protect(&lab, &kept, 10).await;
    assert_eq!(shown["protectionEnabled"], true);
    let ends = shown["expirationDate"].clone();
    lab.update(json!({"desiredCount": 0})).await;
    lab.pass(MINUTE * 9).await;
    assert_eq!(arns(&lab).await, [kept["taskArn"].clone()]);
    let held = "(service web) was unable to reach steady state because (taskSet ecs-svc/N) was unable to scale in due \
                to (reason 1 tasks under protection)";
    assert_eq!(lab.events().await.iter().filter(|event| *event == held).count(), 1);
    let body = json!({"cluster": "main", "tasks": [kept["taskArn"]]});
    let read = lab.call("GetTaskProtection", body.clone()).await;
    assert_eq!(read["protectedTasks"][0]["expirationDate"], ends);
    lab.pass(MINUTE * 2).await;
    assert!(arns(&lab).await.is_empty());
    let read = lab.call("GetTaskProtection", body).await;
    assert_eq!(read["failures"][0]["reason"], "TASK_NOT_VALID", "it is stopped");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_waits_for_a_protected_task_and_ends_when_it_is_released() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    let old = lab.tasks("RUNNING").await.remove(0);
    protect(&lab, &old, 2_880).await;
    let new = lab.register("web:new").await;
    lab.update(json!({"taskDefinition": new})).await;
    lab.pass(MINUTE * 30).await;
    let service = lab.service().await;
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(service["deployments"][0]["runningCount"], 2);
    assert!(arns(&lab).await.contains(&old["taskArn"]));
    assert_eq!(service["runningCount"], 3);
    let body = json!({"cluster": "main", "tasks": [old["taskArn"]], "protectionEnabled": false});
    let released = lab.call("UpdateTaskProtection", body).await;
    assert_eq!(released["protectedTasks"][0]["protectionEnabled"], false);
    assert!(released["protectedTasks"][0].get("expirationDate").is_none());
    lab.until_stable().await;
    assert!(!arns(&lab).await.contains(&old["taskArn"]));
}

#[tokio::test(start_paused = true)]
async fn protection_does_not_save_a_task_whose_health_check_fails_or_that_somebody_stops() {
    let lab = Lab::start().await;
    let arn = lab.register_checked("web:1").await;
    lab.create(&arn, 2, json!({})).await;
    lab.until_stable().await;
    let tasks = lab.tasks("RUNNING").await;
    for task in &tasks {
        protect(&lab, task, 2_880).await;
    }
    let id = tasks[0]["taskArn"].as_str().unwrap().rsplit('/').next().unwrap();
    lab.driver.set_health(id, "web", false);
    lab.call("StopTask", json!({"cluster": "main", "task": tasks[1]["taskArn"]})).await;
    lab.pass(MINUTE * 5).await;
    let now = arns(&lab).await;
    assert_eq!(now.len(), 2);
    assert!(tasks.iter().all(|task| !now.contains(&task["taskArn"])), "{now:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_protected_is_told_task_by_task() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    let body = json!({"cluster": "main", "taskDefinition": "web", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    let single = lab.call("RunTask", body).await["tasks"][0]["taskArn"].take();
    let ours = lab.tasks("RUNNING").await[0]["taskArn"].clone();
    let body = json!({"cluster": "main", "protectionEnabled": true, "tasks": [ours, single, "0"]});
    let answer = lab.call("UpdateTaskProtection", body).await;
    let reasons: Vec<&Value> =
        answer["failures"].as_array().unwrap().iter().map(|failure| &failure["reason"]).collect();
    assert_eq!(reasons, ["TASK_NOT_VALID", "MISSING"]);
    let shown = &answer["protectedTasks"];
    assert_eq!(shown.as_array().unwrap().len(), 1);
    for wrong in [json!({"expiresInMinutes": 0}), json!({"expiresInMinutes": 2_881}), json!({"tasks": []})] {
        let body = crate::lab::with(
            json!({"cluster": "main", "protectionEnabled": true, "tasks": ["0"]}),
            wrong.clone(),
        );
        assert_eq!(lab.refused("UpdateTaskProtection", body).await.0, "InvalidParameterException", "{wrong}");
    }
}
