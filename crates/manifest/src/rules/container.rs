//! One container.

use crate::code::Code;
use crate::cursor::{Cursor, Report};

pub(super) fn check(container: &Cursor<'_>, definition: &Cursor<'_>, report: &mut Report<'_>) {
    match container.get("name") {
        Some(name) => report.name(&name, "the container's name"),
        None => missing(container, "name", report),
    }
    match container.get("image") {
        Some(image) => image_length(&image, report),
        None => missing(container, "image", report),
    }
    variables(container, report);
    if let Some(health) = container.get("healthCheck") {
        health_check(&health, report);
    }
    if let Some(policy) = container.get("restartPolicy") {
        report.range(&policy, "restartAttemptPeriod", 60, 1800);
        report.at_most(&policy, "ignoredExitCodes", 50);
    }
    report.at_most(container, "environmentFiles", 10);
    names(container, definition, report);
}

fn missing(owner: &Cursor<'_>, field: &str, report: &mut Report<'_>) {
    let diagnostic = report.missing(owner, field, format!("\"{field}\" is missing"));
    report.push(diagnostic);
}

/// The part before a digest has at most 255 characters.
fn image_length(image: &Cursor<'_>, report: &mut Report<'_>) {
    let Some(text) = image.text() else { return };
    let length = text.split('@').next().unwrap_or("").chars().count();
    if length > 255 {
        let diagnostic = report.error(image, Code::WrongLength, format!("the image has {length} characters"));
        report.push(diagnostic.label("must have at most 255 before the digest"));
    }
}

fn variables(container: &Cursor<'_>, report: &mut Report<'_>) {
    let environment = container.list("environment");
    for variable in environment.iter().filter(|variable| !variable.has("name") && !variable.tree.is_unknown())
    {
        missing(variable, "name", report);
    }
    report.unique(&environment, "name", Code::DuplicateVariable, |name| {
        format!("the environment variable \"{name}\" stands twice")
    });
    let secrets = container.list("secrets");
    report.unique(&secrets, "name", Code::DuplicateSecret, |name| {
        format!("the secret \"{name}\" stands twice")
    });
    for secret in &secrets {
        let Some(value) = secret.get("name") else { continue };
        let Some(name) = value.text() else { continue };
        let shared = environment.iter().find(|variable| variable.text_of("name") == Some(name));
        if let Some(variable) = shared.and_then(|variable| variable.get("name")) {
            let message = format!("\"{name}\" is both a secret and an environment variable");
            let diagnostic = report
                .error(&value, Code::DuplicateSecret, message)
                .label("the secret")
                .also(report.sources.location(variable.tree.span), "the environment variable");
            report.push(diagnostic);
        }
    }
}

fn health_check(health: &Cursor<'_>, report: &mut Report<'_>) {
    report.range(health, "interval", 5, 300);
    report.range(health, "timeout", 2, 60);
    report.range(health, "retries", 1, 10);
    report.range(health, "startPeriod", 0, 300);
    let Some(first) = health.list("command").into_iter().next() else {
        return;
    };
    if let Some(text) = first.text().filter(|text| !matches!(*text, "CMD" | "CMD-SHELL" | "NONE")) {
        let diagnostic = report
            .error(&first, Code::ValueNotAllowed, "a health check's command says first how it is run")
            .label("expected CMD or CMD-SHELL")
            .help(format!("write [CMD-SHELL, \"{text} ...\"] to run it by the shell"));
        report.push(diagnostic);
    }
}

/// Volumes and containers that are referred to by name.
fn names(container: &Cursor<'_>, definition: &Cursor<'_>, report: &mut Report<'_>) {
    for mount in container.list("mountPoints") {
        known(&mount, "sourceVolume", definition, "volumes", "volume", report);
    }
    for source in container.list("volumesFrom") {
        known(&source, "sourceContainer", definition, "containerDefinitions", "container", report);
    }
}

/// Refuses a name that none of the definition's items in `list` has.
pub(super) fn known(
    owner: &Cursor<'_>,
    field: &str,
    definition: &Cursor<'_>,
    list: &str,
    what: &str,
    report: &mut Report<'_>,
) {
    let Some(value) = owner.get(field) else { return };
    let Some(name) = value.text() else { return };
    let items = definition.list(list);
    // An item whose name waits for a reference may be the one.
    let is_open = definition.get(list).is_some_and(|list| list.tree.is_unknown())
        || items.iter().any(|item| item.get("name").is_some_and(|name| name.tree.is_unknown()));
    let names: Vec<&str> = items.iter().filter_map(|item| item.text_of("name")).collect();
    if is_open || names.contains(&name) {
        return;
    }
    let diagnostic = report
        .error(&value, Code::UnknownName, format!("there is no {what} \"{name}\""))
        .label(format!("no {what} of this name"));
    let help = match (crate::suggest::nearest(name, names.iter().copied()), names.is_empty()) {
        (Some(best), _) => format!("did you mean \"{best}\"?"),
        (None, true) => format!("the task definition has no {list}"),
        (None, false) => format!("known are {}", names.join(", ")),
    };
    report.push(diagnostic.help(help));
}

/// Memory where the task may run on EC2: without memory for the task, each container says how much.
pub(super) fn memory(container: &Cursor<'_>, definition: &Cursor<'_>, report: &mut Report<'_>) {
    let limit = container.number_of("memory");
    let reservation = container.number_of("memoryReservation");
    if let (Some(limit), Some(reservation)) = (limit, reservation)
        && reservation >= limit
    {
        let message = format!("memoryReservation {reservation} is not below memory {limit}");
        let diagnostic = report.error_at_key(container, "memoryReservation", Code::Conflict, message);
        report.push(diagnostic.label(format!("must be less than {limit}")));
    }
    if !definition.has("memory") && !container.has("memory") && !container.has("memoryReservation") {
        let message = "neither the task nor this container says how much memory it has";
        let diagnostic = report.error(container, Code::MissingField, message);
        report.push(
            diagnostic.label("needs memory or memoryReservation").help("or set spec.taskDefinition.memory"),
        );
    }
}
