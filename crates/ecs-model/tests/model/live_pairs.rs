//! What was declared and what live accounts answered is the same.

use std::{fs, path::Path};

use coxswain_ecs_model::{
    Part, canonical_service, canonical_task_definition, differences, unknown_members, update_members,
};
use serde_json::{Map, Value};

struct Pair {
    file: String,
    declared: Value,
    live: Value,
}

fn pairs(prefix: &str) -> Vec<Pair> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live-pairs");
    let mut pairs: Vec<Pair> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| {
            let pair: Value = serde_json::from_slice(&fs::read(entry.path()).unwrap()).unwrap();
            let side = |name: &str| api_names(&pair[name]);
            Pair {
                file: entry.file_name().to_string_lossy().into_owned(),
                declared: side("declared"),
                live: side("live"),
            }
        })
        .collect();
    pairs.sort_by(|left, right| left.file.cmp(&right.file));
    pairs
}

/// CloudFormation's names to the API's.
fn api_names(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(api_names).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (api_name(name), api_names(value))).collect::<Map<_, _>>(),
        ),
        other => other.clone(),
    }
}

fn api_name(name: &str) -> String {
    if name == "PlacementStrategies" {
        return "placementStrategy".to_owned();
    }
    let mut letters = name.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

#[test]
fn a_task_definition_read_back_is_the_one_declared() {
    let pairs = pairs("task-definition");
    assert_eq!(pairs.len(), 7);
    for Pair { file, declared, live } in pairs {
        let (declared, live) = (canonical_task_definition(&declared), canonical_task_definition(&live));
        assert_eq!(differences(Part::TaskDefinition, &declared, None, &live), [], "{file}");
        assert_eq!(declared, live, "{file}");
        assert_eq!(unknown_members(Part::TaskDefinition, &live), [""; 0], "{file}");
    }
}

#[test]
fn a_service_read_back_has_nothing_to_update() {
    let pairs = pairs("service");
    assert_eq!(pairs.len(), 5);
    for Pair { file, declared, live } in pairs {
        let (declared, live) = (canonical_service(&declared), canonical_service(&live));
        for last_sent in [None, Some(&declared)] {
            assert_eq!(differences(Part::Service, &declared, last_sent, &live), [], "{file}");
            assert!(update_members(&declared, last_sent, &live).is_empty(), "{file}");
        }
    }
}

#[test]
fn what_live_accounts_fill_in_equals_what_was_left_out() {
    // Taken as if all of it had been written: then each default must equal its absence.
    for Pair { file, declared, live } in pairs("service") {
        let (declared, live) = (canonical_service(&declared), canonical_service(&live));
        let mut told: Vec<_> = differences(Part::Service, &live, None, &declared)
            .into_iter()
            .map(|difference| difference.path)
            .collect();
        // CloudFormation's handler adds the name a second time.
        told.retain(|path| path != "name");
        assert_eq!(told, [""; 0], "{file}");
    }
}
