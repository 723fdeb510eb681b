//! Capacity providers, and the clusters that have them.

use serde_json::{Value, json};

use crate::lab::Lab;

async fn create(lab: &Lab, name: &str, group: Value) -> Value {
    let body = json!({"name": name, "autoScalingGroupProvider": group, "tags": [{"key": "a", "value": "1"}]});
    lab.call("CreateCapacityProvider", body).await["capacityProvider"].take()
}

async fn put(lab: &Lab, providers: &[&str], strategy: Value) -> Value {
    let body = json!({"cluster": "main", "capacityProviders": providers, "defaultCapacityProviderStrategy": strategy});
    lab.call("PutClusterCapacityProviders", body).await["cluster"].take()
}

#[tokio::test(start_paused = true)]
async fn an_auto_scaling_group_reads_back_with_defaults_and_an_update_keeps_what_it_does_not_name() {
    let lab = Lab::start().await;
    let created = create(&lab, "group", json!({"autoScalingGroupArn": "g"})).await;
    assert_eq!(created["capacityProviderArn"], "arn:aws:ecs:us-east-1:123456789012:capacity-provider/group");
    let group = json!({"autoScalingGroupArn": "g", "managedTerminationProtection": "DISABLED", "managedDraining": "ENABLED",
        "managedScaling": {"status": "DISABLED", "targetCapacity": 100, "minimumScalingStepSize": 1,
            "maximumScalingStepSize": 10_000, "instanceWarmupPeriod": 300}});
    assert_eq!(created["autoScalingGroupProvider"], group);
    let change = json!({"managedScaling": {"targetCapacity": 80}});
    let body = json!({"name": "group", "autoScalingGroupProvider": change});
    let updated = lab.call("UpdateCapacityProvider", body).await["capacityProvider"].take();
    assert_eq!(updated["updateStatus"], "UPDATE_COMPLETE");
    let scaling = &updated["autoScalingGroupProvider"]["managedScaling"];
    assert_eq!((&scaling["targetCapacity"], &scaling["instanceWarmupPeriod"]), (&json!(80), &json!(300)));
}

#[tokio::test(start_paused = true)]
async fn providers_are_described_by_name_and_arn_with_those_of_fargate_and_tags_only_when_asked_for() {
    let lab = Lab::start().await;
    let arn = create(&lab, "group", json!({"autoScalingGroupArn": "g"})).await["capacityProviderArn"].take();
    let all = lab.call("DescribeCapacityProviders", json!({})).await;
    let names: Vec<&Value> =
        all["capacityProviders"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["FARGATE", "FARGATE_SPOT", "group"]);
    let page = lab.call("DescribeCapacityProviders", json!({"maxResults": 2})).await;
    let rest = json!({"maxResults": 2, "nextToken": page["nextToken"]});
    assert_eq!(lab.call("DescribeCapacityProviders", rest).await["capacityProviders"][0]["name"], "group");
    let body = json!({"capacityProviders": [arn, "none"], "include": ["TAGS"]});
    let some = lab.call("DescribeCapacityProviders", body).await;
    assert_eq!(some["capacityProviders"][0]["tags"], json!([{"key": "a", "value": "1"}]));
    assert_eq!(some["failures"][0]["reason"], "MISSING");
    assert_eq!(all["capacityProviders"][2]["tags"], json!([]));
    lab.call("TagResource", json!({"resourceArn": arn, "tags": [{"key": "b", "value": "2"}]})).await;
    let listed = lab.call("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(listed["tags"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clusters_providers_are_replaced_as_a_whole_and_none_that_a_service_uses_is_taken_away() {
    let lab = Lab::start().await;
    create(&lab, "group", json!({"autoScalingGroupArn": "g"})).await;
    let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    let cluster = put(&lab, &["FARGATE_SPOT", "group"], strategy).await;
    assert_eq!(cluster["capacityProviders"], json!(["FARGATE_SPOT", "group"]));
    let filled = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]);
    assert_eq!(cluster["defaultCapacityProviderStrategy"], filled);
    let (code, _) = lab.refused("DeleteCapacityProvider", json!({"capacityProvider": "group"})).await;
    assert_eq!(code, "ClientException");

    let arn = lab.register("web:1").await;
    let service = json!({"cluster": "main", "serviceName": "web", "taskDefinition": arn, "desiredCount": 0,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    let service = lab.call("CreateService", service).await["service"].take();
    assert_eq!(service["capacityProviderStrategy"], filled);
    let none = json!({"cluster": "main", "capacityProviders": [], "defaultCapacityProviderStrategy": []});
    let (code, _) = lab.refused("PutClusterCapacityProviders", none).await;
    assert_eq!(code, "ResourceInUseException");
    put(&lab, &["FARGATE_SPOT"], json!([])).await;
    let gone = lab.call("DeleteCapacityProvider", json!({"capacityProvider": "group"})).await;
    assert_eq!(gone["capacityProvider"]["status"], "INACTIVE");
    lab.refused("DeleteCapacityProvider", json!({"capacityProvider": "group"})).await;
    lab.refused("DeleteCapacityProvider", json!({"capacityProvider": "FARGATE"})).await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_is_refused() {
    let lab = Lab::start().await;
    create(&lab, "group", json!({"autoScalingGroupArn": "g"})).await;
    let group = json!({"autoScalingGroupArn": "g"});
    for body in [
        json!({"name": "group", "autoScalingGroupProvider": group}),
        json!({"name": "fargate-mine", "autoScalingGroupProvider": group}),
        json!({"name": "ECS-mine", "autoScalingGroupProvider": group}),
        json!({"name": "no spaces", "autoScalingGroupProvider": group}),
        json!({"name": "nothing"}),
    ] {
        lab.refused("CreateCapacityProvider", body).await;
    }
    for (providers, strategy) in [
        (json!(["nobody"]), json!([])),
        (json!(["FARGATE"]), json!([{"capacityProvider": "group", "weight": 1}])),
    ] {
        let body = json!({"cluster": "main", "capacityProviders": providers, "defaultCapacityProviderStrategy": strategy});
        lab.refused("PutClusterCapacityProviders", body).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clusters_settings_are_changed_and_what_is_not_named_stays() {
    let lab = Lab::start().await;
    let settings = json!([{"name": "containerInsights", "value": "enabled"}]);
    let body = json!({"cluster": "main", "settings": settings});
    assert_eq!(lab.call("UpdateClusterSettings", body).await["cluster"]["settings"], settings);
    let configuration = json!({"executeCommandConfiguration": {"logging": "NONE"}});
    let body = json!({"cluster": "main", "configuration": configuration});
    let cluster = lab.call("UpdateCluster", body).await["cluster"].take();
    assert_eq!((&cluster["settings"], &cluster["configuration"]), (&settings, &configuration));
    let (code, _) = lab.refused("UpdateCluster", json!({"cluster": "none"})).await;
    assert_eq!(code, "ClusterNotFoundException");
}
