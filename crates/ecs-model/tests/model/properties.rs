//! What holds for any input.

use coxswain_ecs_model::{
    Canonical, Part, canonical_service, canonical_task_definition, differences, redact, rollout_digest,
    task_definition_digest, unknown_members, update_members,
};
use coxswain_ecs_shapes::{Kind, Shape, ecs};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// Any JSON at all.
fn anything() -> BoxedStrategy<Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_map(|number| serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)),
        "(?s).{0,8}".prop_map(Value::from),
        select(vec!["0.25 vCPU", "1 GB", "FARGATE", "awsvpc", "PRIMARY", "tcp"]).prop_map(Value::from),
    ];
    scalar
        .prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                vec((name(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
        .boxed()
}

/// Names that the walk knows, and others.
fn name() -> BoxedStrategy<String> {
    prop_oneof![
        select(vec![
            "containerDefinitions",
            "environment",
            "name",
            "value",
            "portMappings",
            "hostPort",
            "containerPort",
            "cpu",
            "deploymentConfiguration",
            "deployments",
            "status",
            "networkConfiguration",
            "launchType",
            "volumes",
            "capacityProviderStrategy",
            "requiresCompatibilities",
            "serviceConnectConfiguration",
            "deploymentCircuitBreaker",
        ])
        .prop_map(str::to_owned),
        "[a-z\n]{1,4}",
    ]
    .boxed()
}

/// JSON that fits a shape of the table, more or less.
pub(crate) fn shaped(shape: &'static Shape, depth: u32) -> BoxedStrategy<Value> {
    let fitting = match &shape.kind {
        Kind::Structure(members) if depth > 0 && !members.is_empty() => {
            let member = select(members.iter().collect::<Vec<_>>())
                .prop_flat_map(move |member| (Just(member.name.to_owned()), shaped(member.shape, depth - 1)));
            vec(member, 0..5).prop_map(|members| Value::Object(members.into_iter().collect())).boxed()
        }
        Kind::List { item, .. } if depth > 0 => {
            vec(shaped(item, depth - 1), 0..4).prop_map(Value::from).boxed()
        }
        Kind::Map { value, .. } if depth > 0 => vec(("[a-z]{1,3}", shaped(value, depth - 1)), 0..3)
            .prop_map(|entries| Value::Object(entries.into_iter().collect()))
            .boxed(),
        Kind::Structure(_) | Kind::Map { .. } => Just(json!({})).boxed(),
        Kind::List { .. } => Just(json!([])).boxed(),
        Kind::String { values, .. } if !values.is_empty() => {
            select(values.to_vec()).prop_map(Value::from).boxed()
        }
        Kind::String { .. } | Kind::Blob => {
            select(vec!["a", "b", "256", "0.5 GB", ""]).prop_map(Value::from).boxed()
        }
        Kind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Integer { .. } => (0_i64..4).prop_map(Value::from).boxed(),
        Kind::Document => anything(),
        Kind::Double { .. } | Kind::Timestamp => {
            (0_u8..4).prop_map(|number| json!(f64::from(number) / 2.0)).boxed()
        }
    };
    prop_oneof![19 => fitting, 1 => Just(Value::Null)].boxed()
}

fn input(operation: &str) -> &'static Shape {
    ecs().operation(operation).unwrap().input
}

fn definition() -> BoxedStrategy<Value> {
    prop_oneof![4 => shaped(input("RegisterTaskDefinition"), 5), 1 => anything()].boxed()
}

fn service() -> BoxedStrategy<Value> {
    prop_oneof![4 => shaped(input("CreateService"), 5), 1 => anything()].boxed()
}

/// The same with every keyed list and set turned round, by their names on the wire.
fn turned(value: &Value) -> Value {
    const UNORDERED: &[&str] = &[
        "containerDefinitions",
        "environment",
        "secrets",
        "portMappings",
        "mountPoints",
        "volumesFrom",
        "volumes",
        "links",
        "ulimits",
        "systemControls",
        "dependsOn",
        "extraHosts",
        "requiresCompatibilities",
        "placementConstraints",
        "loadBalancers",
        "serviceRegistries",
        "subnets",
        "securityGroups",
    ];
    match value {
        Value::Array(items) => items.iter().map(turned).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let mut value = turned(value);
                if let (true, Value::Array(items)) = (UNORDERED.contains(&name.as_str()), &mut value) {
                    items.reverse();
                }
                (name.clone(), value)
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn a_canonical_task_definition_is_its_own_canonical_form(input in definition()) {
        let form = canonical_task_definition(&input);
        prop_assert_eq!(&canonical_task_definition(form.as_value()), &form);
    }

    #[test]
    fn a_canonical_service_is_its_own_canonical_form(input in service()) {
        let form = canonical_service(&input);
        prop_assert_eq!(&canonical_service(form.as_value()), &form);
    }

    #[test]
    fn sets_may_come_in_any_order(
        definition in shaped(input("RegisterTaskDefinition"), 5),
        service in shaped(input("CreateService"), 5),
    ) {
        prop_assert_eq!(canonical_task_definition(&turned(&definition)), canonical_task_definition(&definition));
        prop_assert_eq!(canonical_service(&turned(&service)), canonical_service(&service));
    }

    #[test]
    fn task_definitions_differ_exactly_when_a_difference_is_listed(left in definition(), right in definition()) {
        let (left, right) = (canonical_task_definition(&left), canonical_task_definition(&right));
        prop_assert!(differences(Part::TaskDefinition, &left, None, &left).is_empty());
        let unknown = [&left, &right].iter().any(|form| !unknown_members(Part::TaskDefinition, form).is_empty());
        let differ = !differences(Part::TaskDefinition, &left, None, &right).is_empty();
        prop_assert!(unknown || differ == (left != right), "{left:?} {right:?}");
        prop_assert_eq!(left == right, task_definition_digest(&left) == task_definition_digest(&right));
    }

    #[test]
    fn a_service_never_differs_from_itself(input in service(), sent in service()) {
        let (form, sent) = (canonical_service(&input), canonical_service(&sent));
        prop_assert!(differences(Part::Service, &form, None, &form).is_empty());
        prop_assert!(differences(Part::Service, &form, Some(&form), &form).is_empty());
        prop_assert!(update_members(&form, Some(&form), &form).is_empty());
        // What is not named and never was is nobody's business.
        let nothing = canonical_service(&json!({}));
        prop_assert!(differences(Part::Service, &nothing, None, &sent).is_empty());
    }

    #[test]
    fn an_update_has_members_of_update_service_only(desired in service(), sent in service(), live in service()) {
        let [desired, sent, live] = [&desired, &sent, &live].map(canonical_service);
        let listed = differences(Part::Service, &desired, Some(&sent), &live);
        let members = update_members(&desired, Some(&sent), &live);
        if listed.is_empty() {
            prop_assert!(members.is_empty());
        }
        let known = input("CreateService");
        for name in members.keys().filter(|name| known.member(name).is_some()) {
            prop_assert!(input("UpdateService").member(name).is_some(), "{}", name);
            prop_assert!(!matches!(name.as_str(), "taskDefinition" | "desiredCount"));
        }
    }

    #[test]
    fn nothing_makes_it_panic(left in anything(), right in anything(), third in anything()) {
        for part in [Part::TaskDefinition, Part::Service] {
            let form: fn(&Value) -> Canonical = match part {
                Part::TaskDefinition => canonical_task_definition,
                Part::Service => canonical_service,
            };
            let (left, right, third) = (form(&left), form(&right), form(&third));
            let listed = differences(part, &left, Some(&third), &right);
            for difference in &listed {
                prop_assert!(!difference.path.is_empty());
                prop_assert!(!difference.to_string().contains(char::is_control));
            }
            prop_assert!(left.union(&right).union(&left) == left.union(&right));
            rollout_digest(&task_definition_digest(&left), &right);
            update_members(&left, Some(&third), &right);
        }
        redact(Part::TaskDefinition, &left);
    }

    #[test]
    fn no_environment_value_is_ever_shown(name in "[A-Z]{1,3}", live in definition()) {
        const SECRET: &str = "hunter2-and-more";
        let written = json!({"containerDefinitions": [{"name": "a", "environment": [{"name": name, "value": SECRET}]}]});
        let (desired, live) = (canonical_task_definition(&written), canonical_task_definition(&live));
        for (desired, live) in [(&desired, &live), (&live, &desired)] {
            let listed = differences(Part::TaskDefinition, desired, None, live);
            prop_assert!(!serde_json::to_string(&listed).unwrap().contains(SECRET));
        }
        prop_assert!(!redact(Part::TaskDefinition, &written).to_string().contains(SECRET));
    }
}
