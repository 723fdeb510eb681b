//! Creation, deletion, and names used again.

use std::time::Duration;

use serde_json::json;

use crate::lab::{Lab, create_request};

const DELETE: &str = "DeleteService";

#[tokio::test(start_paused = true)]
async fn the_same_request_again_gets_the_same_service_and_another_is_refused() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    let first = lab.create(&arn, 2, json!({"clientToken": "one"})).await;
    let again = lab.create(&arn, 2, json!({"clientToken": "two"})).await;
    assert_eq!(first["deployments"][0]["id"], again["deployments"][0]["id"]);
    assert_eq!(first["createdAt"], again["createdAt"]);
    lab.pass(Duration::from_secs(10)).await;
    assert_eq!(lab.driver.started().len(), 2);
    let (code, message) =
        lab.refused("CreateService", create_request(&arn, 3, json!({"clientToken": "one"}))).await;
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(message, "Creation of service was not idempotent.");
}

#[tokio::test(start_paused = true)]
async fn a_service_above_zero_is_deleted_only_by_force() {
    let lab = Lab::start().await;
    lab.steady(1, json!({})).await;
    let body = json!({"cluster": "main", "service": "web"});
    let (code, message) = lab.refused(DELETE, body.clone()).await;
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(message, "The service cannot be stopped while it is scaled above 0.");
    let next = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": next, "desiredCount": 0})).await;
    let (_, message) = lab.refused(DELETE, body.clone()).await;
    assert_eq!(message, "The service cannot be stopped while deployments are active.");
    lab.pass(Duration::from_secs(10)).await;
    assert_eq!(lab.call(DELETE, body).await["service"]["status"], "DRAINING");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_drains_is_gone_from_the_list_and_ends_inactive() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    lab.call(DELETE, json!({"cluster": "main", "service": "web", "force": true})).await;
    let draining = lab.service().await;
    assert_eq!(draining["status"], "DRAINING");
    assert_eq!(draining["desiredCount"], 0);
    assert_eq!(lab.call("ListServices", json!({"cluster": "main"})).await["serviceArns"], json!([]));
    let update = json!({"cluster": "main", "service": "web", "desiredCount": 1});
    let (code, message) = lab.refused("UpdateService", update.clone()).await;
    assert_eq!((code.as_str(), message.as_str()), ("ServiceNotActiveException", "Service was not ACTIVE."));
    let create = create_request("web", 1, json!({}));
    let (_, message) = lab.refused("CreateService", create).await;
    assert_eq!(message, "Unable to Start a service that is still Draining.");
    lab.pass(Duration::from_secs(5)).await;
    let inactive = lab.service().await;
    assert_eq!(inactive["status"], "INACTIVE");
    assert_eq!(inactive["deployments"], json!([]));
    assert_eq!(inactive["runningCount"], 0);
    assert_eq!(lab.refused("UpdateService", update).await.0, "ServiceNotActiveException");
    let gone = lab.refused(DELETE, json!({"cluster": "main", "service": "web"})).await;
    assert_eq!(gone.0, "ServiceNotFoundException");
    assert!(lab.tasks("STOPPED").await.len() == 2);
    lab.pass(Duration::from_hours(2)).await;
    let body = json!({"cluster": "main", "services": ["web"]});
    let described = lab.call("DescribeServices", body).await;
    assert_eq!(described["services"], json!([]));
    assert_eq!(described["failures"][0]["reason"], "MISSING");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_used_again_after_inactive_with_the_same_arn_and_another_creation_time() {
    let lab = Lab::start().await;
    let arn = lab.steady(1, json!({})).await;
    let first = lab.service().await;
    lab.call(DELETE, json!({"cluster": "main", "service": "web", "force": true})).await;
    lab.until("is INACTIVE", |service| service["status"] == "INACTIVE").await;
    let second = lab.create(&arn, 1, json!({})).await;
    assert_eq!(second["serviceArn"], first["serviceArn"]);
    assert!(second["createdAt"].as_f64() > first["createdAt"].as_f64());
    lab.until_stable().await;
    assert_eq!(lab.tasks("RUNNING").await.len(), 1);
    // The old service's end must not take the new one away.
    lab.pass(Duration::from_hours(3)).await;
    assert_eq!(lab.service().await["status"], "ACTIVE");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_refused_by_its_own_code() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    for (operation, body, code) in [
        ("CreateService", create_request(&arn, 1, json!({"cluster": "none"})), "ClusterNotFoundException"),
        ("CreateService", create_request("none:1", 1, json!({})), "ClientException"),
        ("UpdateService", json!({"cluster": "main", "service": "none"}), "ServiceNotFoundException"),
        ("UpdateService", json!({"service": "web"}), "ClusterNotFoundException"),
        ("DeleteService", json!({"cluster": "main", "service": "none"}), "ServiceNotFoundException"),
        ("DescribeServices", json!({"cluster": "none", "services": ["web"]}), "ClusterNotFoundException"),
        ("ListTasks", json!({"cluster": "main", "serviceName": "none"}), "ServiceNotFoundException"),
        ("ListServiceDeployments", json!({"cluster": "main", "service": "none"}), "ServiceNotFoundException"),
        ("StopTask", json!({"cluster": "main", "task": "none"}), "InvalidParameterException"),
        ("RunTask", json!({"cluster": "main", "taskDefinition": "none"}), "ClientException"),
        ("ListTagsForResource", json!({"resourceArn": "nonsense"}), "InvalidParameterException"),
        ("CreateTaskSet", json!({"cluster": "main"}), "UnsupportedFeatureException"),
    ] {
        assert_eq!(lab.refused(operation, body.clone()).await.0, code, "{operation} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_could_not_run_is_refused() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    let strategy = json!([{"capacityProvider": "FARGATE", "weight": 1}]);
    for (more, words) in [
        (json!({"networkConfiguration": null}), "Network Configuration must be provided"),
        (
            json!({"capacityProviderStrategy": strategy}),
            "Specifying both a launch type and capacity provider",
        ),
        (json!({"desiredCount": -1}), "desiredCount cannot be negative"),
        (json!({"desiredCount": 5_001}), "desiredCount cannot exceed 5000"),
        (json!({"desiredCount": null}), "desiredCount is required"),
        (json!({"serviceName": "no spaces"}), "Service name must be"),
        (json!({"schedulingStrategy": "DAEMON"}), "does not support a desired count"),
        (json!({"schedulingStrategy": "DAEMON", "desiredCount": null}), "not supported on Fargate"),
        (
            json!({"loadBalancers": [{"containerName": "other", "containerPort": 80}]}),
            "The container other does not exist in the task definition.",
        ),
        (
            json!({"loadBalancers": [{"containerName": "web", "containerPort": 81}]}),
            "did not have a container port 81 defined",
        ),
        (json!({"launchType": "MOON"}), "Value 'MOON' at 'launchType'"),
        (json!({"clientToken": "x".repeat(37)}), "clientToken"),
    ] {
        let (code, message) = lab.refused("CreateService", create_request(&arn, 1, more.clone())).await;
        assert_eq!(code, "InvalidParameterException", "{more}");
        assert!(message.contains(words), "{more}: {message}");
    }
    assert_eq!(lab.call("ListServices", json!({"cluster": "main"})).await["serviceArns"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn services_are_described_ten_at_a_time_and_listed_in_pages() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    for number in 0..25 {
        let name = format!("web-{number:02}");
        lab.call("CreateService", create_request(&arn, 0, json!({"serviceName": name}))).await;
    }
    let eleven: Vec<String> = (0..11).map(|number| format!("web-{number:02}")).collect();
    let (code, _) = lab.refused("DescribeServices", json!({"cluster": "main", "services": eleven})).await;
    assert_eq!(code, "InvalidParameterException");
    let mut sizes = Vec::new();
    let mut body = json!({"cluster": "main"});
    loop {
        let page = lab.call("ListServices", body.clone()).await;
        sizes.push(page["serviceArns"].as_array().unwrap().len());
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    let all = lab.call("ListServices", json!({"cluster": "main", "maxResults": 100})).await;
    assert_eq!(all["serviceArns"].as_array().unwrap().len(), 25);
    lab.refused("ListServices", json!({"cluster": "main", "maxResults": 101})).await;
    lab.refused("ListServices", json!({"cluster": "main", "nextToken": "nonsense"})).await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_service_counts_the_instances_of_which_there_are_none() {
    let lab = Lab::start().await;
    let arn = lab.register("web:1").await;
    let daemon = json!({"launchType": "EC2", "schedulingStrategy": "DAEMON", "desiredCount": null});
    lab.call("CreateService", create_request(&arn, 1, daemon)).await;
    lab.pass(Duration::from_secs(1)).await;
    let service = lab.service().await;
    assert_eq!((&service["desiredCount"], &service["runningCount"]), (&json!(0), &json!(0)));
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(service["availabilityZoneRebalancing"], "DISABLED");
    assert_eq!(service["deploymentConfiguration"]["minimumHealthyPercent"], 0);
    let body = json!({"cluster": "main", "service": "web", "desiredCount": 1});
    let (_, message) = lab.refused("UpdateService", body).await;
    assert_eq!(message, "The daemon scheduling strategy does not support a desired count");
    let deleted = lab.call(DELETE, json!({"cluster": "main", "service": "web"})).await;
    assert_eq!(deleted["service"]["status"], "DRAINING", "without force: it is at 0");
    lab.until("is INACTIVE", |service| service["status"] == "INACTIVE").await;
}

#[tokio::test(start_paused = true)]
async fn a_service_deleted_in_a_rollout_ends_its_deployment_and_its_tasks() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    let next = lab.register("web:2").await;
    lab.update(json!({"taskDefinition": next})).await;
    lab.pass(Duration::from_secs(3)).await;
    lab.call(DELETE, json!({"cluster": "main", "service": "web", "force": true})).await;
    lab.until("is INACTIVE", |service| service["status"] == "INACTIVE").await;
    let deployment = lab.newest_deployment().await;
    assert_eq!(deployment["status"], "STOPPED");
    lab.pass(Duration::from_mins(1)).await;
    assert!(lab.tasks("RUNNING").await.is_empty());
}
