//! Service deployments and service revisions.

use std::time::Duration;

use serde_json::json;

use crate::lab::Lab;

#[tokio::test(start_paused = true)]
async fn each_deployment_has_a_record_and_a_revision_that_ends_in_its_number() {
    let lab = Lab::start().await;
    let first = lab.steady(1, json!({"monitoring": {}})).await;
    let next = lab.register("web:2").await;
    let service = lab.update(json!({"taskDefinition": next})).await;
    assert_eq!(lab.service_deployments().await[0]["status"], "PENDING");
    lab.pass(Duration::from_millis(10)).await;
    let deployments = lab.service_deployments().await;
    assert_eq!(deployments.len(), 2);
    let newest = &deployments[0];
    assert_eq!(newest["status"], "IN_PROGRESS");
    assert_eq!(service["currentServiceDeployment"], newest["serviceDeploymentArn"]);
    assert_eq!(deployments[1]["status"], "SUCCESSFUL");
    let number = |id: &serde_json::Value| id.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let target = newest["targetServiceRevision"]["arn"].clone();
    assert_eq!(number(&target), number(&service["deployments"][0]["id"]));
    assert_eq!(newest["sourceServiceRevisions"][0]["arn"], deployments[1]["targetServiceRevision"]["arn"]);
    let arns = json!([target, deployments[1]["targetServiceRevision"]["arn"]]);
    let revisions = lab.call("DescribeServiceRevisions", json!({"serviceRevisionArns": arns})).await;
    assert_eq!(revisions["serviceRevisions"][0]["taskDefinition"], next.as_str());
    assert_eq!(revisions["serviceRevisions"][1]["taskDefinition"], first.as_str());
    let image = &revisions["serviceRevisions"][0]["containerImages"][0];
    assert_eq!(
        (&image["image"], image.get("imageDigest")),
        (&json!("web:2"), None),
        "no task was started yet"
    );
    assert_eq!(revisions["serviceRevisions"][0]["platformVersion"], "1.4.0");
    lab.until_stable().await;
    let revisions = lab.call("DescribeServiceRevisions", json!({"serviceRevisionArns": arns})).await;
    let digest = &revisions["serviceRevisions"][0]["containerImages"][0]["imageDigest"];
    assert!(digest.is_string(), "{revisions}");
    assert_eq!(*digest, lab.tasks("RUNNING").await[0]["containers"][0]["imageDigest"]);
    let done = &lab.service_deployments().await[0];
    assert_eq!(done["status"], "SUCCESSFUL");
    assert_eq!(done["targetServiceRevision"]["runningTaskCount"], 1);
}

#[tokio::test(start_paused = true)]
async fn the_list_is_filtered_by_time_and_status_and_comes_in_pages() {
    let lab = Lab::start().await;
    lab.steady(0, json!({})).await;
    for _ in 0..4 {
        lab.pass(Duration::from_mins(1)).await;
        lab.update(json!({"forceNewDeployment": true})).await;
    }
    let list = |more: serde_json::Value| {
        let mut body = json!({"cluster": "main", "service": "web"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let all = lab.call("ListServiceDeployments", list(json!({}))).await;
    let all = all["serviceDeployments"].as_array().unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|one, other| one["createdAt"].as_f64() >= other["createdAt"].as_f64()));
    let after = json!({"createdAt": {"after": all[1]["createdAt"]}});
    let newer = lab.call("ListServiceDeployments", list(after)).await;
    assert_eq!(newer["serviceDeployments"].as_array().unwrap().len(), 2);
    let none = lab.call("ListServiceDeployments", list(json!({"status": ["STOPPED"]}))).await;
    assert_eq!(none["serviceDeployments"], json!([]));
    let page = lab.call("ListServiceDeployments", list(json!({"maxResults": 3}))).await;
    let rest = lab.call("ListServiceDeployments", list(json!({"nextToken": page["nextToken"]}))).await;
    assert_eq!(rest["serviceDeployments"].as_array().unwrap().as_slice(), &all[3..]);
}

#[tokio::test(start_paused = true)]
async fn history_is_kept_ninety_days_and_the_revision_that_a_rollback_needs_longer() {
    let lab = Lab::start().await;
    lab.steady(0, json!({})).await;
    lab.pass(Duration::from_hours(24 * 100)).await;
    lab.update(json!({"forceNewDeployment": true})).await;
    assert_eq!(lab.service_deployments().await.len(), 1);
    let unknown = json!(["arn:aws:ecs:us-east-1:123456789012:service-revision/main/web/1"]);
    let answer = lab.call("DescribeServiceRevisions", json!({"serviceRevisionArns": unknown})).await;
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
}
