//! The service, and what it says about the task definition.

use super::known::Known;
use crate::code::Code;
use crate::cursor::{Cursor, Report};
use crate::tree::Data;

pub(super) fn check(spec: &Cursor<'_>, report: &mut Report<'_>) {
    let service = spec.get("service");
    let strategy = service.as_ref().and_then(|service| service.get("schedulingStrategy"));
    count(spec, strategy.as_ref(), report);
    network(spec, report);
    let Some(service) = service else { return };
    if let Some(name) = service.get("serviceName") {
        report.name(&name, "the service's name");
    }
    super::tag::check(&service, report);
    if service.has("launchType") && !service.list("capacityProviderStrategy").is_empty() {
        let message = "launchType and capacityProviderStrategy exclude each other";
        let mut diagnostic =
            report.error_at_key(&service, "launchType", Code::Conflict, message).label("one of the two");
        if let Some(entry) = service.tree.entry("capacityProviderStrategy") {
            diagnostic = diagnostic.also(report.sources.location(entry.key_span), "the other");
        }
        report.push(diagnostic.help("remove one of them"));
    }
    report.at_most(&service, "placementConstraints", 10);
    report.at_most(&service, "placementStrategy", 5);
    // Source: Amazon ECS service quotas, "Target groups per service".
    report.at_most(&service, "loadBalancers", 5);
    percents(&service, report);
    if super::fargate::is_wanted(spec) {
        fargate(&service, strategy.as_ref(), report);
    }
    if let Some(definition) = spec.get("taskDefinition") {
        containers(&service, &definition, report);
    }
}

fn count(spec: &Cursor<'_>, strategy: Option<&Cursor<'_>>, report: &mut Report<'_>) {
    let is_daemon = strategy.is_some_and(|strategy| strategy.text() == Some("DAEMON"));
    let is_open = strategy.is_some_and(|strategy| strategy.tree.is_unknown());
    let Some(count) = spec.get("count") else {
        if !is_daemon && !is_open {
            let diagnostic = report.missing(spec, "count", "\"count\" is missing");
            report.push(
                diagnostic
                    .help("write count: { fixed: 2 }")
                    .help("or count: { unmanaged: true }, if somebody else decides it"),
            );
        }
        return;
    };
    if count.text_of("unmanaged") == Some("false") {
        let value = count.get("unmanaged").unwrap_or_else(|| count.clone());
        let diagnostic = report.error(&value, Code::ValueNotAllowed, "unmanaged can only be true");
        report.push(
            diagnostic.label("expected true").help("write count: { fixed: 2 } for a count of your own"),
        );
    }
    match (count.has("fixed"), count.has("unmanaged")) {
        (true, true) => {
            let message = "a count is either fixed or unmanaged";
            let diagnostic = report.error_at_key(spec, "count", Code::Conflict, message);
            report.push(diagnostic.label("has both").help("remove one of them"));
        }
        (false, false) if matches!(&count.tree.data, Data::Object(entries) if entries.is_empty()) => {
            let diagnostic = report.error_at_key(spec, "count", Code::MissingField, "count says nothing");
            report
                .push(diagnostic.label("needs \"fixed\" or \"unmanaged\"").help("write count: { fixed: 2 }"));
        }
        (true, false) if is_daemon => {
            let message = "a DAEMON service has no count of its own";
            let diagnostic = report.error_at_key(spec, "count", Code::Conflict, message);
            report.push(diagnostic.label("one task runs on each instance").help("remove count"));
        }
        _ => {}
    }
}

fn network(spec: &Cursor<'_>, report: &mut Report<'_>) {
    let Some(definition) = spec.get("taskDefinition") else {
        return;
    };
    let mode = definition.get("networkMode");
    let configuration = spec.at(&["service", "networkConfiguration"]);
    let is_awsvpc = mode.as_ref().and_then(super::super::cursor::Cursor::text).map(|text| text == "awsvpc");
    match (is_awsvpc, mode.as_ref(), configuration.as_ref()) {
        (Some(true), Some(mode), None) => {
            let diagnostic = report
                .error(mode, Code::NetworkConfiguration, "awsvpc needs the service's networkConfiguration")
                .label("each task gets a network interface of its own")
                .help("add spec.service.networkConfiguration.awsvpcConfiguration with subnets and securityGroups");
            report.push(diagnostic);
        }
        (Some(false), Some(mode), Some(_)) => {
            let diagnostic = report
                .error(
                    mode,
                    Code::NetworkConfiguration,
                    "networkConfiguration fits the network mode awsvpc only",
                )
                .label("expected awsvpc")
                .help("or remove spec.service.networkConfiguration");
            report.push(diagnostic);
        }
        _ => {}
    }
    let Some(vpc) = configuration.and_then(|configuration| configuration.get("awsvpcConfiguration")) else {
        return;
    };
    report.at_most(&vpc, "subnets", 16);
    report.at_most(&vpc, "securityGroups", 5);
    if vpc.get("subnets").is_some_and(|subnets| subnets.tree.is_empty_list()) {
        let diagnostic = report.error_at_key(&vpc, "subnets", Code::WrongLength, "subnets has 0 items");
        report.push(diagnostic.label("must have at least 1"));
    }
}

/// Source: CreateService refuses a minimum and maximum of 100 together, as nothing could move.
fn percents(service: &Cursor<'_>, report: &mut Report<'_>) {
    let Some(configuration) = service.get("deploymentConfiguration") else {
        return;
    };
    let least = configuration.number_of("minimumHealthyPercent");
    let most = configuration.number_of("maximumPercent");
    if (least, most) == (Some(100), Some(100)) {
        let message =
            "with minimumHealthyPercent 100 and maximumPercent 100 no task can be started or stopped";
        let diagnostic = report.error_at_key(&configuration, "maximumPercent", Code::Conflict, message);
        report.push(diagnostic.label("expected more than 100").help("the usual pair is 100 and 200"));
    }
}

fn fargate(service: &Cursor<'_>, strategy: Option<&Cursor<'_>>, report: &mut Report<'_>) {
    if let Some(strategy) = strategy.filter(|strategy| strategy.text() == Some("DAEMON")) {
        let diagnostic = report.error(strategy, Code::NotOnFargate, "Fargate has no DAEMON services");
        report.push(diagnostic.label("expected REPLICA"));
    }
    for field in ["placementConstraints", "placementStrategy"] {
        if !service.list(field).is_empty() {
            let message = format!("Fargate does not have \"{field}\"");
            let diagnostic = report.error_at_key(service, field, Code::NotOnFargate, message);
            report.push(diagnostic.label("needs a host of one's own").help(format!("remove \"{field}\"")));
        }
    }
}

/// Containers and ports that the service refers to.
fn containers(service: &Cursor<'_>, definition: &Cursor<'_>, report: &mut Report<'_>) {
    let known = Known::in_list("container", definition, "containerDefinitions");
    for list in ["loadBalancers", "serviceRegistries"] {
        for item in service.list(list) {
            known.check(&item, "containerName", report);
            mapped(&item, definition, report);
        }
    }
    let mappings: Vec<_> = definition
        .list("containerDefinitions")
        .iter()
        .flat_map(|container| container.list("portMappings"))
        .collect();
    let ports = Known::of("port mapping", &mappings);
    if let Some(connect) = service.get("serviceConnectConfiguration") {
        for item in connect.list("services") {
            ports.check(&item, "portName", report);
        }
    }
}

/// The port of a load balancer's or registry's container has to be mapped.
fn mapped(item: &Cursor<'_>, definition: &Cursor<'_>, report: &mut Report<'_>) {
    let (Some(name), Some(value), Some(port)) =
        (item.text_of("containerName"), item.get("containerPort"), item.number_of("containerPort"))
    else {
        return;
    };
    let containers = definition.list("containerDefinitions");
    let Some(container) = containers.iter().find(|container| container.text_of("name") == Some(name)) else {
        return;
    };
    let mappings = container.list("portMappings");
    let is_open =
        mappings.iter().any(|mapping| mapping.has("containerPortRange") || mapping.tree.is_unknown());
    if !is_open && !mappings.iter().any(|mapping| mapping.number_of("containerPort") == Some(port)) {
        let diagnostic = report
            .error(&value, Code::UnknownName, format!("container \"{name}\" does not map port {port}"))
            .label("not among its portMappings");
        let ports: Vec<_> = mappings.iter().filter_map(|mapping| mapping.text_of("containerPort")).collect();
        report.push(if ports.is_empty() {
            diagnostic.help(format!("add portMappings: [{{ containerPort: {port} }}] to the container"))
        } else {
            diagnostic.help(format!("it maps {}", ports.join(", ")))
        });
    }
}
