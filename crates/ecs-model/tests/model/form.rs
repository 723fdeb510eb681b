//! The canonical form as a value.

use coxswain_ecs_model::{Canonical, Part, canonical_service, canonical_task_definition, unknown_members};
use coxswain_ecs_shapes::{Path, Segment};
use serde_json::{Value, json};

#[test]
fn a_form_is_read_by_path() {
    let form = canonical_service(
        &json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 2}]}),
    );
    let path = |item| {
        let member = |name: &str| Segment::Member(name.to_owned());
        Path(vec![member("capacityProviderStrategy"), Segment::Index(item), member("weight")])
    };
    assert_eq!(form.get(&path(0)), Some(&json!(2)));
    assert_eq!(form.get(&path(1)), None);
    assert_eq!(form.get(&Path::default()), Some(form.as_value()));
}

#[test]
fn a_union_names_what_either_names() {
    let over = canonical_service(
        &json!({"propagateTags": "SERVICE", "deploymentConfiguration": {"maximumPercent": 150}}),
    );
    let under = canonical_service(&json!({"propagateTags": "NONE", "platformVersion": "LATEST",
        "deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 200}}));
    assert_eq!(
        *over.union(&under).as_value(),
        json!({"propagateTags": "SERVICE", "platformVersion": "LATEST",
        "deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 150}})
    );
}

#[test]
fn a_form_is_stored_as_the_json_it_holds() {
    let form = canonical_service(&json!({"platformVersion": "1.4.0"}));
    let stored = serde_json::to_string(&form).unwrap();
    assert_eq!(stored, r#"{"platformVersion":"1.4.0"}"#);
    assert_eq!(serde_json::from_str::<Canonical>(&stored).unwrap(), form);
}

#[test]
fn identity_and_what_is_compared_apart_is_left_out() {
    let service = json!({"cluster": "c", "serviceName": "s", "taskDefinition": "t", "desiredCount": 1, "clientToken": "x",
        "tags": [], "role": "r", "forceNewDeployment": true, "serviceArn": "a", "runningCount": 1, "roleArn": "r"});
    assert_eq!(*canonical_service(&service).as_value(), json!({}));
    let definition =
        json!({"family": "f", "tags": [], "revision": 1, "status": "ACTIVE", "registeredBy": "me"});
    assert_eq!(*canonical_task_definition(&definition).as_value(), json!({}));
    assert_eq!(*canonical_service(&Value::Null).as_value(), json!({}));
}

#[test]
fn a_written_default_of_a_service_is_kept_because_it_says_that_it_is_owned() {
    let written = json!({"enableExecuteCommand": false, "loadBalancers": [], "platformVersion": "LATEST"});
    assert_eq!(*canonical_service(&written).as_value(), written);
}

#[test]
fn members_that_the_table_does_not_know_are_told() {
    let form = canonical_service(
        &json!({"fromTheFuture": 1, "networkConfiguration": {"awsvpcConfiguration": {"new": []}}}),
    );
    assert_eq!(
        unknown_members(Part::Service, &form),
        ["fromTheFuture", "networkConfiguration.awsvpcConfiguration.new"],
    );
    // A hook's details are a document of the hook's own: nothing in it is unknown, and nothing is lost.
    let hook = json!({"deploymentConfiguration": {"lifecycleHooks": [{"hookTargetArn": "a", "hookDetails": {"any": [1, null, {"b": null}]}}]}});
    let form = canonical_service(&hook);
    assert_eq!(unknown_members(Part::Service, &form), [""; 0]);
    assert_eq!(form.as_value(), &hook);
}
