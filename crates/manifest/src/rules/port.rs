//! Port mappings, by network mode.

use crate::code::Code;
use crate::cursor::{Cursor, Report};

pub(super) fn check(containers: &[Cursor<'_>], definition: &Cursor<'_>, report: &mut Report<'_>) {
    let mode = definition.get("networkMode");
    // Absent means bridge on EC2; a reference leaves it open.
    let mode = mode.as_ref().map_or(Some("bridge"), super::super::cursor::Cursor::text);
    let mut used: Vec<(i64, &str, Cursor<'_>)> = Vec::new();
    for container in containers {
        if mode == Some("none") && !container.list("portMappings").is_empty() {
            let message = "the network mode none has no ports";
            let diagnostic = report.error_at_key(container, "portMappings", Code::PortConflict, message);
            report.push(diagnostic.label("remove the mappings, or change networkMode"));
        }
        for mapping in container.list("portMappings") {
            report.range(&mapping, "containerPort", 1, 65_535);
            report.range(&mapping, "hostPort", 0, 65_535);
            if !mapping.has("containerPort")
                && !mapping.has("containerPortRange")
                && !mapping.tree.is_unknown()
            {
                let diagnostic = report.error(&mapping, Code::MissingField, "\"containerPort\" is missing");
                report.push(diagnostic.label("a mapping needs containerPort or containerPortRange"));
            }
            if matches!(mode, Some("awsvpc" | "host")) {
                same_port(&mapping, report);
            }
            host_port(&mapping, mode, &mut used, report);
        }
    }
}

/// Where the task's network is the container's, both sides of a mapping are one port.
fn same_port(mapping: &Cursor<'_>, report: &mut Report<'_>) {
    let (Some(container), Some(host)) = (mapping.number_of("containerPort"), mapping.number_of("hostPort"))
    else {
        return;
    };
    if host != container && host != 0 {
        let message = format!("hostPort {host} differs from containerPort {container}");
        let diagnostic = report.error_at_key(mapping, "hostPort", Code::PortConflict, message);
        report.push(
            diagnostic.label(format!("must be {container} in this network mode")).help("leave hostPort out"),
        );
    }
}

/// A port of the task's (or instance's) network belongs to one mapping.
fn host_port<'a>(
    mapping: &Cursor<'a>,
    mode: Option<&str>,
    used: &mut Vec<(i64, &'a str, Cursor<'a>)>,
    report: &mut Report<'_>,
) {
    let field = match mode {
        Some("awsvpc" | "host") => "containerPort",
        Some("bridge") => "hostPort",
        _ => return,
    };
    let (Some(port), Some(value)) = (mapping.number_of(field), mapping.get(field)) else {
        return;
    };
    if port == 0 {
        return;
    }
    // Source: PortMapping `protocol`: the default is tcp.
    let protocol = mapping.text_of("protocol").unwrap_or("tcp");
    match used.iter().find(|(other, kind, _)| (*other, *kind) == (port, protocol)) {
        Some((_, _, first)) => {
            let diagnostic = report
                .error(
                    &value,
                    Code::PortConflict,
                    format!("port {port}/{protocol} is used twice in this task"),
                )
                .label("again here")
                .also(report.sources.location(first.tree.span), "first here");
            report.push(
                diagnostic.help("the containers of a task share one network; give one of them another port"),
            );
        }
        None => used.push((port, protocol, value)),
    }
}
