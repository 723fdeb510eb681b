//! Clusters and tags.

use serde_json::json;

use crate::lab::Lab;

#[tokio::test(start_paused = true)]
async fn a_cluster_is_created_once_counted_and_deleted_when_empty() {
    let lab = Lab::start().await;
    lab.steady(2, json!({})).await;
    let body = json!({"clusters": ["main", "none"], "include": ["SETTINGS", "TAGS"]});
    let described = lab.call("DescribeClusters", body).await;
    let cluster = &described["clusters"][0];
    assert_eq!(cluster["status"], "ACTIVE");
    assert_eq!(cluster["runningTasksCount"], 2);
    assert_eq!(cluster["activeServicesCount"], 1);
    assert_eq!(described["failures"][0]["reason"], "MISSING");
    let (code, _) = lab.refused("DeleteCluster", json!({"cluster": "main"})).await;
    assert_eq!(code, "ClusterContainsServicesException");
    lab.call("DeleteService", json!({"cluster": "main", "service": "web", "force": true})).await;
    lab.until("is INACTIVE", |service| service["status"] == "INACTIVE").await;
    let (code, _) = lab.refused("DeleteCluster", json!({"cluster": "main"})).await;
    assert_eq!(code, "ClusterContainsTasksException");
    lab.pass(std::time::Duration::from_secs(10)).await;
    let gone = lab.call("DeleteCluster", json!({"cluster": "main"})).await;
    assert_eq!(gone["cluster"]["status"], "INACTIVE");
    assert_eq!(lab.call("ListClusters", json!({})).await["clusterArns"], json!([]));
    let (code, _) = lab.refused("ListServices", json!({"cluster": "main"})).await;
    assert_eq!(code, "ClusterNotFoundException");
    lab.call("CreateCluster", json!({"clusterName": "main"})).await;
    assert_eq!(lab.call("ListServices", json!({"cluster": "main"})).await["serviceArns"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn the_default_cluster_is_meant_where_none_is_named_and_does_not_exist_by_itself() {
    let lab = Lab::start().await;
    let (code, _) = lab.refused("ListServices", json!({})).await;
    assert_eq!(code, "ClusterNotFoundException");
    let created = lab.call("CreateCluster", json!({})).await;
    assert_eq!(created["cluster"]["clusterName"], "default");
    lab.call("ListServices", json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn a_clusters_default_strategy_is_copied_to_a_service_that_names_none() {
    let lab = Lab::start().await;
    let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]);
    let body = json!({"clusterName": "spot", "capacityProviders": ["FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": strategy});
    lab.call("CreateCluster", body).await;
    let arn = lab.register("web:1").await;
    let body = json!({"cluster": "spot", "serviceName": "web", "taskDefinition": arn, "desiredCount": 0,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    let service = lab.call("CreateService", body).await["service"].take();
    assert_eq!(service["capacityProviderStrategy"], strategy);
    assert_eq!(service.get("launchType"), None);
}

#[tokio::test(start_paused = true)]
async fn tags_are_put_taken_and_listed_by_arn_and_shown_only_when_asked_for() {
    let lab = Lab::start().await;
    let definition = lab.steady(1, json!({"tags": [{"key": "a", "value": "1"}]})).await;
    let service = lab.service().await["serviceArn"].clone();
    let task = lab.tasks("RUNNING").await[0]["taskArn"].clone();
    let cluster = lab.service().await["clusterArn"].clone();
    for resource in [service.clone(), task, cluster, json!(definition)] {
        let tags = json!([{"key": "b", "value": "2"}, {"key": "c", "value": "3"}]);
        lab.call("TagResource", json!({"resourceArn": resource, "tags": tags})).await;
        lab.call("UntagResource", json!({"resourceArn": resource, "tagKeys": ["c", "never"]})).await;
        let listed = lab.call("ListTagsForResource", json!({"resourceArn": resource})).await;
        assert!(listed["tags"].as_array().unwrap().contains(&json!({"key": "b", "value": "2"})));
        assert!(!listed["tags"].as_array().unwrap().contains(&json!({"key": "c", "value": "3"})));
    }
    let plain = lab.call("DescribeServices", json!({"cluster": "main", "services": ["web"]})).await;
    assert_eq!(plain["services"][0].get("tags"), None);
    assert_eq!(lab.service().await["tags"].as_array().unwrap().len(), 2);
    let reserved = json!({"resourceArn": service, "tags": [{"key": "aws:x", "value": "1"}]});
    lab.refused("TagResource", reserved).await;
}
