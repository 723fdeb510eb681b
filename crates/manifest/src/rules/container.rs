//! One container.

use crate::code::Code;
use crate::cursor::{Cursor, Report};

pub(super) fn check(container: &Cursor<'_>, report: &mut Report<'_>) {
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
