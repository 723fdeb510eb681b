//! `dependsOn` between the containers of a task.

use std::collections::BTreeMap;

use super::known::Known;
use crate::code::Code;
use crate::cursor::{Cursor, Report};

pub(super) fn check(containers: &[Cursor<'_>], report: &mut Report<'_>) {
    let by_name: BTreeMap<&str, &Cursor<'_>> =
        containers.iter().filter_map(|container| Some((container.text_of("name")?, container))).collect();
    let known = Known::of("container", containers);
    for container in containers {
        for dependency in container.list("dependsOn") {
            match dependency.text_of("containerName").and_then(|name| Some((name, by_name.get(name)?))) {
                Some((name, other)) => condition(&dependency, name, other, report),
                None => known.check(&dependency, "containerName", report),
            }
        }
    }
    for (name, container) in &by_name {
        if let Some(round) = cycle(name, &by_name)
            // A cycle is told once, at its first container.
            && round.iter().min() == Some(name)
        {
            let message = format!("containers wait for one another: {} -> {name}", round.join(" -> "));
            let diagnostic = report.error_at_key(container, "dependsOn", Code::InvalidDependency, message);
            report.push(diagnostic.label("none of them can ever start"));
        }
    }
}

fn condition(dependency: &Cursor<'_>, name: &str, other: &Cursor<'_>, report: &mut Report<'_>) {
    let Some(condition) = dependency.get("condition") else {
        return;
    };
    let refuse = |message: String, help: String, report: &mut Report<'_>| {
        let diagnostic = report.error(&condition, Code::InvalidDependency, message);
        report.push(diagnostic.label("can never come true").help(help));
    };
    match condition.text() {
        Some("HEALTHY") if !other.has("healthCheck") => {
            let message = format!("HEALTHY needs a health check, and container \"{name}\" has none");
            refuse(message, format!("add healthCheck to \"{name}\", or wait for START"), report);
        }
        Some(text @ ("COMPLETE" | "SUCCESS")) if is_essential(other) => {
            let message = format!(
                "{text} waits for the end of \"{name}\", which is essential: the task would end with it"
            );
            refuse(message, format!("set essential: false on \"{name}\""), report);
        }
        _ => {}
    }
}

/// Absent means essential; a reference leaves it open.
fn is_essential(container: &Cursor<'_>) -> bool {
    container.get("essential").is_none_or(|essential| essential.text() == Some("true"))
}

/// The way from a container back to itself, if there is one.
fn cycle<'a>(start: &'a str, by_name: &BTreeMap<&'a str, &Cursor<'a>>) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = vec![start];
    while let Some(way) = ways.pop() {
        let last = way.last().and_then(|name| by_name.get(name))?;
        for next in last.list("dependsOn").iter().filter_map(|dependency| dependency.text_of("containerName"))
        {
            if next == start {
                return Some(way);
            }
            if by_name.contains_key(next) && !seen.contains(&next) {
                seen.push(next);
                ways.push(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}
