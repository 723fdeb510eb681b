//! The rules fit the shape table, and none is missing where silence would be an opinion.

use std::collections::{BTreeSet, HashSet};

use coxswain_ecs_shapes::{Kind, Shape};

use super::*;
use crate::canonical::{Part, operation_input};

/// The structures that the two parts are made of.
fn structures() -> Vec<&'static Shape> {
    fn visit(shape: &'static Shape, seen: &mut HashSet<&'static str>, found: &mut Vec<&'static Shape>) {
        if !seen.insert(shape.name) {
            return;
        }
        if !shape.members().is_empty() {
            found.push(shape);
        }
        shape.element().into_iter().for_each(|element| visit(element, seen, found));
        shape.members().iter().for_each(|member| visit(member.shape, seen, found));
    }
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    for part in [Part::TaskDefinition, Part::Service] {
        visit(part.request(), &mut seen, &mut found);
    }
    found
}

fn shape(name: &str) -> &'static Shape {
    structures().into_iter().find(|shape| shape.name == name).unwrap_or_else(|| panic!("no structure {name}"))
}

#[test]
fn every_rule_is_of_a_member_that_the_table_has_and_names_its_source() {
    let mut seen = BTreeSet::new();
    for rule in all() {
        let of = (rule.shape, rule.member);
        assert!(shape(rule.shape).member(rule.member).is_some(), "{of:?}");
        assert!(rule.source.starts_with("https://"), "{of:?}");
        assert!(seen.insert(of), "{of:?} twice");
    }
}

#[test]
fn a_rules_order_spelling_and_default_fit_the_members_shape() {
    for rule in all() {
        let of = (rule.shape, rule.member);
        let member = shape(rule.shape).member(rule.member).unwrap().shape;
        match (rule.order, &member.kind) {
            (Order::Kept, _) => {}
            (Order::Set, Kind::List { item, .. }) => assert!(item.members().is_empty(), "{of:?}"),
            (Order::Keyed(by), Kind::List { item, .. }) => {
                assert!(by.iter().all(|key| item.member(key).is_some()), "{of:?}");
            }
            (Order::Set | Order::Keyed(_), _) => panic!("{of:?} is no list"),
        }
        assert!(rule.spelling == Spelling::Verbatim || matches!(member.kind, Kind::String { .. }), "{of:?}");
        let defaults = match rule.absent {
            Absent::Is(one) | Absent::When(_, one) => vec![one],
            Absent::Either(_, one, other) => vec![one, other],
            Absent::SameAs(sibling) | Absent::HostPort(sibling) => {
                assert!(shape(rule.shape).member(sibling).is_some(), "{of:?}");
                Vec::new()
            }
            Absent::ByKind => Vec::new(),
        };
        let resets = match rule.reset {
            Reset::To(one) => Some(one),
            Reset::Default | Reset::Impossible => None,
        };
        for constant in defaults.into_iter().chain(resets) {
            let mut problems = Vec::new();
            let value = constant.value();
            coxswain_ecs_shapes::check(
                member,
                &value,
                coxswain_ecs_shapes::Reading::Wire,
                &mut |violation| {
                    problems.push(violation.problem);
                },
            );
            assert!(problems.is_empty(), "{of:?}: {problems:?}");
        }
    }
}

#[test]
fn a_list_of_structures_has_a_key_or_an_order_on_purpose() {
    // Precedence, top down; strategies are tried in their order; overlays of one mount.
    const ORDERED: &[(&str, &str)] = &[
        ("ContainerDefinition", "environmentFiles"),
        ("CreateServiceRequest", "capacityProviderStrategy"),
        ("CreateServiceRequest", "placementStrategy"),
        // Nothing is known of the order of these.
        ("MonitoringConfiguration", "metricConfigurations"),
        ("ServiceConnectConfiguration", "containerConfigurations"),
    ];
    // Compared apart.
    const APART: &[(&str, &str)] =
        &[("RegisterTaskDefinitionRequest", "tags"), ("CreateServiceRequest", "tags")];
    let mut ordered = BTreeSet::new();
    for structure in structures() {
        for member in structure.members() {
            let of_structures = member.shape.element().is_some_and(|item| !item.members().is_empty());
            let keyed = rule(structure, member.name).is_some_and(|rule| rule.order != Order::Kept);
            if of_structures && !keyed && !APART.contains(&(structure.name, member.name)) {
                ordered.insert((structure.name, member.name));
            }
        }
    }
    assert_eq!(ordered.into_iter().collect::<Vec<_>>(), ORDERED);
}

#[test]
fn every_member_of_a_service_says_whose_it_is_and_what_changing_it_does() {
    const APART: &[&str] =
        &["clientToken", "cluster", "desiredCount", "role", "serviceName", "tags", "taskDefinition"];
    let update = operation_input("UpdateService");
    for member in Part::Service.request().members() {
        let rule = rule(Part::Service.request(), member.name);
        if APART.contains(&member.name) {
            assert!(rule.is_none(), "{}", member.name);
            continue;
        }
        let rule = rule.unwrap_or_else(|| panic!("no rule for {}", member.name));
        assert_eq!(rule.omission, Omission::Unowned, "{}", member.name);
        let effect = rule.effect.unwrap_or_else(|| panic!("no effect for {}", member.name));
        assert_eq!(effect == Effect::Recreate, update.member(member.name).is_none(), "{}", member.name);
    }
    for member in shape("DeploymentConfiguration").members() {
        assert!(rule(shape("DeploymentConfiguration"), member.name).is_some(), "{}", member.name);
    }
}

#[test]
fn the_table_has_the_operations_that_are_asked_for() {
    for part in [Part::TaskDefinition, Part::Service] {
        assert!(!part.request().members().is_empty());
        assert!(!part.answer().members().is_empty());
    }
    assert!(!operation_input("UpdateService").members().is_empty());
}

#[test]
fn a_source_is_found_by_name() {
    assert!(
        rule_source("PortMapping", "hostPort").is_some_and(|source| source.ends_with("API_PortMapping.html"))
    );
    assert_eq!(rule_source("PortMapping", "nothing"), None);
}

#[test]
fn what_ecs_takes_for_an_absent_member_is_told_with_its_condition() {
    let cases = [
        ("HealthCheck", "interval", Some("30")),
        (
            "PortMapping",
            "hostPort",
            Some("that of containerPort in the network modes awsvpc and host, else 0"),
        ),
        (
            "DeploymentConfiguration",
            "maximumPercent",
            Some("100 where the scheduling strategy is DAEMON, else 200"),
        ),
        ("PortMapping", "nothing", None),
    ];
    for (shape, member, expected) in cases {
        assert_eq!(default_in_words(shape, member).as_deref(), expected, "{shape}.{member}");
    }
}
