//! Digests: the same for the same, other for another.

use coxswain_ecs_model::{
    RolloutDigest, TaskDefinitionDigest, canonical_service, canonical_task_definition, rollout_digest,
    task_definition_digest,
};
use serde_json::{Value, json};

fn digest(definition: &Value) -> TaskDefinitionDigest {
    task_definition_digest(&canonical_task_definition(definition))
}

fn rollout(service: &Value) -> RolloutDigest {
    rollout_digest(&digest(&json!({})), &canonical_service(service))
}

#[test]
fn a_digest_is_what_sha256sum_says_of_the_form() {
    // printf '%s' '{"containerDefinitions":[{"image":"api:1","name":"api"}],"cpu":"256"}' | sha256sum
    let definition = json!({"family": "api", "cpu": "0.25 vCPU", "containerDefinitions": [
        {"name": "api", "image": "api:1", "essential": true}]});
    assert_eq!(
        canonical_task_definition(&definition).as_value().to_string(),
        r#"{"containerDefinitions":[{"image":"api:1","name":"api"}],"cpu":"256"}"#,
    );
    assert_eq!(
        digest(&definition).to_string(),
        "v1:sha256:f05c9ee175436877c97cd232f9c23df5a19cd89d7617c71950fba37b34e7274e"
    );
    // printf '%s' '{"service":{"platformVersion":"1.4.0"},"taskDefinition":"v1:sha256:f05c9ee175436877c97cd232f9c23df5a19cd89d7617c71950fba37b34e7274e"}' | sha256sum
    let service = canonical_service(&json!({"platformVersion": "1.4.0", "propagateTags": "SERVICE"}));
    assert_eq!(
        rollout_digest(&digest(&definition), &service).to_string(),
        "v1:sha256:5c8f15e987a04534a2aca5a17a00bc448863960dc231833567aab9aa9576a222"
    );
}

#[test]
fn tags_family_and_defaults_do_not_move_a_definitions_digest() {
    let plain = json!({"containerDefinitions": [{"name": "api", "image": "api:1"}]});
    let dressed = json!({"family": "other", "tags": [{"key": "team", "value": "a"}], "volumes": [],
        "containerDefinitions": [{"name": "api", "image": "api:1", "essential": true, "environment": []}]});
    assert_eq!(digest(&plain), digest(&dressed));
    let moved = json!({"containerDefinitions": [{"name": "api", "image": "api:2"}]});
    assert_ne!(digest(&plain), digest(&moved));
}

#[test]
fn only_what_starts_a_deployment_moves_a_rollouts_digest() {
    let still = [
        json!({"desiredCount": 5, "tags": [{"key": "team", "value": "a"}]}),
        json!({"deploymentConfiguration": {"maximumPercent": 150}}),
        json!({"healthCheckGracePeriodSeconds": 60, "enableExecuteCommand": true, "propagateTags": "SERVICE"}),
        json!({"platformVersion": "LATEST", "loadBalancers": [], "serviceConnectConfiguration": {"enabled": false}}),
    ];
    for service in still {
        assert_eq!(rollout(&service), rollout(&json!({})), "{service}");
    }
    let moving = [
        json!({"platformVersion": "1.4.0"}),
        json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a"]}}}),
        json!({"loadBalancers": [{"targetGroupArn": "tg"}]}),
        json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}),
        json!({"serviceConnectConfiguration": {"enabled": true}}),
    ];
    for service in moving {
        assert_ne!(rollout(&service), rollout(&json!({})), "{service}");
    }
}

#[test]
fn the_definition_moves_a_rollouts_digest() {
    let service = canonical_service(&json!({}));
    let other = digest(&json!({"cpu": "256"}));
    assert_ne!(rollout_digest(&other, &service), rollout_digest(&digest(&json!({})), &service));
}

#[test]
fn a_digest_survives_text_and_json_and_nothing_else_is_one() {
    let digest = digest(&json!({}));
    assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
    assert_eq!(serde_json::from_value::<TaskDefinitionDigest>(json!(digest)).unwrap(), digest);
    let hex = "0".repeat(64);
    for text in ["", "sha256:0", &hex, &format!("v2:sha256:{hex}"), &format!("v1:sha256:{}", "A".repeat(64))]
    {
        assert!(text.parse::<TaskDefinitionDigest>().is_err(), "{text}");
        assert!(serde_json::from_value::<RolloutDigest>(json!(text)).is_err(), "{text}");
    }
}
