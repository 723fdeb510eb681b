//! What RegisterTaskDefinition refuses beyond the shape.
//!
//! Source, unless said otherwise:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html>

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    super::{Members, service::check_name},
    container::{health_check, is_essential},
    fargate::{check_size, cpu_units, memory_mib},
    limits::check as check_limits,
};
use crate::error::ApiError;

/// Most containers of a task definition. Source: Amazon ECS service quotas.
const MOST_CONTAINERS: usize = 10;

/// Refuses the first thing that ECS would refuse.
pub(super) fn check(body: &Map<String, Value>) -> Result<(), ApiError> {
    check_name("Family", body.text("family").unwrap_or_default())?;
    if body.get("tags").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        return Err(ApiError::invalid("Tags can not be empty."));
    }
    let containers = body.items("containerDefinitions");
    if containers.is_empty() {
        return Err(ApiError::client("Container definitions should not be null or empty."));
    }
    if containers.len() > MOST_CONTAINERS {
        return Err(ApiError::client(format!("Too many containers: {MOST_CONTAINERS} is the maximum.")));
    }
    if !containers.iter().any(is_essential) {
        return Err(ApiError::client("At least one container has to be marked as essential."));
    }
    let mut names = BTreeSet::new();
    for container in containers {
        let name = container.text("name").unwrap_or_default();
        check_name("Container name", name)?;
        if !names.insert(name) {
            return Err(ApiError::client(format!("Container.name should be unique within a task: {name}.")));
        }
        if container.text("image").is_none_or(str::is_empty) {
            return Err(ApiError::client("Container.image should not be null or empty."));
        }
        environment(container)?;
        limits(container)?;
        dependencies(container, containers)?;
    }
    check_limits(body)?;
    sizes(body)?;
    ports(body)?;
    if body.texts("requiresCompatibilities").any(|name| name == "FARGATE") {
        fargate(body)?;
    }
    Ok(())
}

fn sizes(body: &Map<String, Value>) -> Result<(), ApiError> {
    for (member, units) in
        [("cpu", body.text("cpu").map(cpu_units)), ("memory", body.text("memory").map(memory_mib))]
    {
        if units.is_some_and(|units| units.is_none()) {
            return Err(ApiError::client(format!("Invalid '{member}' setting for task.")));
        }
    }
    Ok(())
}

fn environment(container: &Value) -> Result<(), ApiError> {
    let mut secrets = BTreeSet::new();
    for secret in container.items("secrets") {
        let name = secret.text("name").unwrap_or_default();
        if !secrets.insert(name) {
            return Err(ApiError::client(format!(
                "Duplicate secret names found: {name}. Each secret name must be unique."
            )));
        }
    }
    let mut variables = container.items("environment").iter().filter_map(|variable| variable.text("name"));
    if let Some(name) = variables.find(|name| secrets.contains(name)) {
        return Err(ApiError::client(format!(
            "The secret name must be unique and not shared with any new or existing environment variables set \
             on the container, such as '{name}'."
        )));
    }
    Ok(())
}

fn limits(container: &Value) -> Result<(), ApiError> {
    if let Some(check) = container.member("healthCheck") {
        for (name, least, most) in
            [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)]
        {
            if check.whole(name).is_some_and(|value| !(least..=most).contains(&value)) {
                return Err(ApiError::client(format!(
                    "Health check {name} needs to be between {least} and {most}."
                )));
            }
        }
    }
    if let Some(period) =
        container.member("restartPolicy").and_then(|policy| policy.whole("restartAttemptPeriod"))
        && !(60..=1_800).contains(&period)
    {
        return Err(ApiError::client("restartAttemptPeriod must be between 60 and 1800 seconds."));
    }
    Ok(())
}

fn dependencies(container: &Value, containers: &[Value]) -> Result<(), ApiError> {
    let name = container.text("name").unwrap_or_default();
    for dependency in container.items("dependsOn") {
        let other = dependency.text("containerName").unwrap_or_default();
        let found = containers.iter().find(|container| container.text("name") == Some(other));
        let Some(found) = found.filter(|_| other != name) else {
            return Err(ApiError::client(format!(
                "Container '{name}' depends on '{other}', which is no other container of the task definition."
            )));
        };
        match dependency.text("condition") {
            Some("COMPLETE" | "SUCCESS") if is_essential(found) => {
                return Err(ApiError::client(format!(
                    "Container '{name}' depends on essential container '{other}' with a condition that it \
                     ends."
                )));
            }
            Some("HEALTHY") if health_check(found).is_none() => {
                return Err(ApiError::client(format!(
                    "Container '{name}' depends on '{other}' to be HEALTHY, which has no health check."
                )));
            }
            _ => {}
        }
    }
    if circular(name, name, containers, &mut BTreeSet::new()) {
        return Err(ApiError::client("Dependency cycles are not allowed."));
    }
    Ok(())
}

fn circular<'a>(start: &str, at: &str, containers: &'a [Value], seen: &mut BTreeSet<&'a str>) -> bool {
    let here = containers.iter().find(|container| container.text("name") == Some(at));
    let next = here.map(|container| container.items("dependsOn")).unwrap_or_default();
    next.iter()
        .filter_map(|dependency| dependency.text("containerName"))
        .any(|name| name == start || (seen.insert(name) && circular(start, name, containers, seen)))
}

fn ports(body: &Map<String, Value>) -> Result<(), ApiError> {
    let mode = body.text("networkMode").unwrap_or("bridge");
    let mut taken = BTreeSet::new();
    for container in body.items("containerDefinitions") {
        let mappings = container.items("portMappings");
        if mode == "none" && !mappings.is_empty() {
            return Err(ApiError::client("Port mappings are not allowed with network mode none."));
        }
        if !matches!(mode, "awsvpc" | "host") {
            continue;
        }
        for mapping in mappings {
            let Some(port) = mapping.whole("containerPort") else { continue };
            if mapping.whole("hostPort").is_some_and(|host| host != port) {
                return Err(ApiError::client(format!(
                    "When networkMode={mode}, the host ports and container ports in port mappings must match."
                )));
            }
            let protocol = if mapping.text("protocol") == Some("udp") { "udp" } else { "tcp" };
            if !taken.insert((port, protocol)) {
                return Err(ApiError::client(format!(
                    "Port {port} is mapped twice; with network mode {mode} a port belongs to one container."
                )));
            }
        }
    }
    Ok(())
}

/// What a task on Fargate may not have.
fn fargate(body: &Map<String, Value>) -> Result<(), ApiError> {
    check_size(body.text("cpu").and_then(cpu_units), body.text("memory").and_then(memory_mib))?;
    let system = body.member("runtimePlatform").and_then(|platform| platform.text("operatingSystemFamily"));
    let units = body.text("cpu").and_then(cpu_units);
    if system.is_some_and(|system| system.starts_with("WINDOWS")) && units.is_some_and(|units| units < 1_024)
    {
        return Err(ApiError::client("No Fargate configuration exists for given values."));
    }
    let refuse = |what: &str| {
        Err(ApiError::client(format!("Fargate compatible task definitions do not support {what}")))
    };
    if body.text("networkMode") != Some("awsvpc") {
        return Err(ApiError::client("Fargate only supports network mode 'awsvpc'."));
    }
    if body.text("ipcMode").is_some() {
        return refuse("ipcMode");
    }
    if body.text("pidMode").is_some_and(|mode| mode != "task") {
        return refuse("a pidMode other than task");
    }
    if !body.items("placementConstraints").is_empty() {
        return refuse("placementConstraints");
    }
    for volume in body.items("volumes") {
        if volume.member("dockerVolumeConfiguration").is_some() {
            return refuse("dockerVolumeConfiguration");
        }
        if volume.member("host").is_some_and(|host| host.text("sourcePath").is_some()) {
            return refuse("host.sourcePath");
        }
    }
    if let Some(storage) = body.member("ephemeralStorage").and_then(|storage| storage.whole("sizeInGiB"))
        && !(21..=200).contains(&storage)
    {
        return Err(ApiError::client("Ephemeral storage must be between 21 and 200 GiB."));
    }
    body.items("containerDefinitions").iter().try_for_each(fargate_container)
}

fn fargate_container(container: &Value) -> Result<(), ApiError> {
    let refuse = |what: &str| {
        Err(ApiError::client(format!("Fargate compatible task definitions do not support {what}")))
    };
    for list in ["dnsSearchDomains", "dnsServers", "dockerSecurityOptions", "extraHosts", "links"] {
        if !container.items(list).is_empty() {
            return refuse(list);
        }
    }
    for flag in ["disableNetworking", "privileged"] {
        if container.flag(flag) == Some(true) {
            return refuse(flag);
        }
    }
    if container.items("resourceRequirements").iter().any(|needed| needed.text("type") == Some("GPU")) {
        return refuse("GPU");
    }
    if let Some(linux) = container.member("linuxParameters") {
        for list in ["devices", "tmpfs"] {
            if !linux.items(list).is_empty() {
                return refuse(list);
            }
        }
        for member in ["maxSwap", "swappiness", "sharedMemorySize"] {
            if linux.member(member).is_some() {
                return refuse(member);
            }
        }
        let added =
            linux.member("capabilities").map(|capabilities| capabilities.items("add")).unwrap_or_default();
        if added.iter().any(|name| name != "SYS_PTRACE") {
            return refuse("added capabilities other than SYS_PTRACE");
        }
    }
    let log = container.member("logConfiguration").filter(|log| log.text("logDriver") == Some("awslogs"));
    if let Some(log) = log
        && log.member("options").and_then(|options| options.text("awslogs-stream-prefix")).is_none()
    {
        return Err(ApiError::client(
            "Log driver awslogs requires options: awslogs-stream-prefix for Fargate compatible task definitions.",
        ));
    }
    if container.whole("stopTimeout").is_some_and(|timeout| timeout > 120) {
        return Err(ApiError::client("stopTimeout must be at most 120 seconds on Fargate."));
    }
    Ok(())
}
