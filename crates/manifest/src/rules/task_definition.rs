//! The task definition as a whole.

use super::known::Known;
use crate::code::Code;
use crate::cursor::{Cursor, Report};

/// Source: Amazon ECS service quotas, "Containers per task definition".
const MOST_CONTAINERS: usize = 10;

pub(super) fn check(definition: &Cursor<'_>, is_fargate: bool, report: &mut Report<'_>) {
    if let Some(family) = definition.get("family") {
        report.name(&family, "the family");
    }
    if is_fargate {
        super::fargate::task_definition(definition, report);
    }
    super::tag::check(definition, report);
    if let Some(storage) = definition.get("ephemeralStorage") {
        report.range(&storage, "sizeInGiB", 21, 200);
    }
    report.at_most(definition, "placementConstraints", 10);
    report.at_most(definition, "containerDefinitions", MOST_CONTAINERS);
    let volumes = definition.list("volumes");
    report.unique(&volumes, "name", Code::DuplicateName, |name| {
        format!("two volumes have the name \"{name}\"")
    });
    containers(definition, is_fargate, report);
}

fn containers(definition: &Cursor<'_>, is_fargate: bool, report: &mut Report<'_>) {
    let containers = definition.list("containerDefinitions");
    if definition.get("containerDefinitions").is_some_and(|list| list.tree.is_empty_list()) {
        let message = "the task definition has no container";
        let diagnostic = report.error_at_key(definition, "containerDefinitions", Code::WrongLength, message);
        report.push(diagnostic.label("must have at least one"));
    }
    report.unique(&containers, "name", Code::DuplicateContainer, |name| {
        format!("two containers have the name \"{name}\"")
    });
    let is_essential = |container: &Cursor<'_>| container.text_of("essential") != Some("false");
    if !containers.is_empty() && !containers.iter().any(is_essential) {
        let message = "no container is essential";
        let diagnostic =
            report.error_at_key(definition, "containerDefinitions", Code::NoEssentialContainer, message);
        report.push(
            diagnostic
                .label("a task lives as long as its essential containers")
                .help("set essential: true on one (it is the default)"),
        );
    }
    let volumes = Known::in_list("volume", definition, "volumes");
    let siblings = Known::of("container", &containers);
    for container in &containers {
        super::container::check(container, report);
        for mount in container.list("mountPoints") {
            volumes.check(&mount, "sourceVolume", report);
        }
        for source in container.list("volumesFrom") {
            siblings.check(&source, "sourceContainer", report);
        }
        if is_fargate {
            super::fargate::container(container, report);
        } else {
            super::container::memory(container, definition, report);
        }
    }
    super::port::check(&containers, definition, report);
    // Too many are refused already, and the search for cycles is made for few.
    if containers.len() <= MOST_CONTAINERS {
        super::dependency::check(&containers, report);
    }
}
