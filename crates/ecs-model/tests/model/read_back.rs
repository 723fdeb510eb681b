//! Registered, described, and nothing differs; edited anywhere, and it does.

use coxswain_ecs_model::{Part, canonical_task_definition, differences, task_definition_digest};
use coxswain_ecs_shapes::{Kind, Shape, ecs};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::properties::shaped;

/// What DescribeTaskDefinition answers after `registered`, written without the model's rules: empty lists
/// and defaults filled in, sets turned round, and what only ECS writes added.
fn described(registered: &Value) -> Value {
    let mut answer = registered.clone();
    let Some(root) = answer.as_object_mut() else { return answer };
    let text =
        |root: &Map<String, Value>, name: &str| root.get(name).and_then(Value::as_str).map(str::to_owned);
    let fargate =
        root.get("requiresCompatibilities").is_some_and(|list| list.to_string().contains("FARGATE"));
    let mode = text(root, "networkMode").or_else(|| fargate.then(|| "awsvpc".to_owned()));
    let own_network = matches!(mode.as_deref(), Some("awsvpc" | "host"));
    for list in ["volumes", "placementConstraints", "requiresCompatibilities", "inferenceAccelerators"] {
        turn(fill(root, list, &json!([])));
    }
    fill(root, "enableFaultInjection", &json!(false));
    for (name, value) in
        [("revision", json!(7)), ("status", json!("ACTIVE")), ("compatibilities", json!(["EC2"]))]
    {
        root.insert(name.to_owned(), value);
    }
    let containers = fill(root, "containerDefinitions", &json!([]));
    turn(containers);
    for container in containers.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        fill(container, "cpu", &json!(0));
        fill(container, "essential", &json!(true));
        fill(container, "versionConsistency", &json!("enabled"));
        for list in ["command", "entryPoint", "dnsServers", "dnsSearchDomains", "environmentFiles"] {
            fill(container, list, &json!([]));
        }
        for set in ["environment", "mountPoints", "volumesFrom", "links", "secrets", "ulimits", "extraHosts"]
        {
            turn(fill(container, set, &json!([])));
        }
        fill(container, "dockerLabels", &json!({}));
        let ports = fill(container, "portMappings", &json!([]));
        turn(ports);
        for port in ports.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            // Empty items do not come back.
            if !port.values().all(Value::is_null) {
                fill(port, "protocol", &json!("tcp"));
                let own = port.get("containerPort").filter(|_| own_network).cloned();
                fill(port, "hostPort", &own.unwrap_or(json!(0)));
            }
        }
        if let Some(check) = container.get_mut("healthCheck").and_then(Value::as_object_mut) {
            for (name, value) in [("interval", 30), ("timeout", 5), ("retries", 3)] {
                if check.values().any(|value| !value.is_null()) {
                    fill(check, name, &json!(value));
                }
            }
        }
    }
    answer
}

fn fill<'a>(object: &'a mut Map<String, Value>, name: &str, default: &Value) -> &'a mut Value {
    let value = object.entry(name).or_insert_with(|| default.clone());
    if value.is_null() {
        *value = default.clone();
    }
    value
}

fn turn(list: &mut Value) {
    if let Value::Array(items) = list {
        items.reverse();
    }
}

fn register() -> &'static Shape {
    ecs().operation("RegisterTaskDefinition").unwrap().input
}

proptest! {
    #[test]
    fn what_was_registered_comes_back_without_a_difference(written in shaped(register(), 5)) {
        let (desired, live) = (canonical_task_definition(&written), canonical_task_definition(&described(&written)));
        let listed = differences(Part::TaskDefinition, &desired, None, &live);
        prop_assert!(listed.is_empty(), "{listed:#?}");
        prop_assert_eq!(task_definition_digest(&desired), task_definition_digest(&live));
    }
}

/// A value of `shape` that names every member of it and is nowhere a default.
fn full(shape: &Shape) -> Value {
    match &shape.kind {
        Kind::Structure(members) => {
            Value::Object(members.iter().map(|member| (member.name.to_owned(), full(member.shape))).collect())
        }
        Kind::List { item, .. } => json!([full(item)]),
        Kind::Map { value, .. } => json!({"key": full(value)}),
        Kind::String { values: [.., last], .. } => json!(last),
        Kind::String { .. } | Kind::Blob => json!("text"),
        Kind::Boolean => json!(true),
        Kind::Document => json!({"key": [1, null, {"b": true}]}),
        Kind::Integer { .. } | Kind::Double { .. } | Kind::Timestamp => json!(1234),
    }
}

/// Every leaf's JSON pointer.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| leaves(item, &format!("{at}/{index}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

#[test]
fn any_single_edit_moves_the_digest_and_is_listed() {
    let written = full(register());
    let desired = canonical_task_definition(&written);
    let mut found = Vec::new();
    leaves(&written, "", &mut found);
    found.retain(|at| !at.starts_with("/tags") && at != "/family");
    assert!(found.len() > 100, "{} leaves", found.len());
    for at in found {
        let mut edited = written.clone();
        let leaf = edited.pointer_mut(&at).unwrap();
        *leaf = match leaf {
            Value::Bool(value) => json!(!*value),
            Value::Number(_) => json!(4321),
            // Another of what would be read as the same word would be no edit.
            _ if at.ends_with("/protocol") => json!("tcp"),
            _ => json!("other"),
        };
        let live = canonical_task_definition(&edited);
        assert_ne!(task_definition_digest(&desired), task_definition_digest(&live), "{at}");
        assert_ne!(differences(Part::TaskDefinition, &desired, None, &live), [], "{at}");
    }
}
