//! What ECS adds to a task definition when it is read back.
//!
//! As read from published answers of RegisterTaskDefinition and DescribeTaskDefinition of 2025 and
//! 2026: lists of a container that are always there, the few scalars with a default, and nothing for
//! what may be absent (`runtimePlatform` among it).

use serde_json::{Map, Value, json};

use super::{
    super::{Members, member::fill},
    fargate::{cpu_units, memory_mib},
};

/// Fills the defaults of a checked request in.
pub(super) fn defaults(body: &mut Map<String, Value>) {
    for (size, read) in
        [("cpu", cpu_units as fn(&str) -> Option<u64>), ("memory", memory_mib as fn(&str) -> Option<u64>)]
    {
        if let Some(units) = body.text(size).and_then(read) {
            body.insert(size.to_owned(), units.to_string().into());
        }
    }
    for list in ["volumes", "placementConstraints", "requiresAttributes"] {
        fill(body, list, json!([]));
    }
    let fargate = body.texts("requiresCompatibilities").any(|name| name == "FARGATE");
    if !fargate && body.text("networkMode").is_none() {
        fill(body, "networkMode", "bridge");
    }
    let mode = body.text("networkMode").unwrap_or("bridge").to_owned();
    if let Some(Value::Array(volumes)) = body.get_mut("volumes") {
        for volume in volumes.iter_mut().filter_map(Value::as_object_mut) {
            if volume.len() == 1 {
                fill(volume, "host", json!({}));
            }
        }
    }
    if let Some(Value::Array(containers)) = body.get_mut("containerDefinitions") {
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            container_defaults(container, &mode);
        }
    }
    let compatible: &[&str] =
        if mode == "awsvpc" { &["EC2", "FARGATE", "MANAGED_INSTANCES"] } else { &["EC2", "EXTERNAL"] };
    body.insert("compatibilities".into(), json!(compatible));
}

fn container_defaults(container: &mut Map<String, Value>, network_mode: &str) {
    fill(container, "cpu", 0);
    fill(container, "essential", true);
    for list in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
        fill(container, list, json!([]));
    }
    if let Some(Value::Array(mappings)) = container.get_mut("portMappings") {
        for mapping in mappings.iter_mut().filter_map(Value::as_object_mut) {
            // Anything that is not udp is taken for tcp.
            if mapping.text("protocol") != Some("udp") {
                mapping.insert("protocol".into(), "tcp".into());
            }
            if mapping.contains_key("containerPortRange") {
                continue;
            }
            let port = mapping.get("containerPort").cloned().unwrap_or_else(|| json!(0));
            let host = if matches!(network_mode, "awsvpc" | "host") { port } else { json!(0) };
            fill(mapping, "hostPort", host);
        }
    }
    if let Some(check) = container.get_mut("healthCheck").and_then(Value::as_object_mut) {
        fill(check, "interval", 30);
        fill(check, "timeout", 5);
        fill(check, "retries", 3);
    }
    if let Some(linux) = container.get_mut("linuxParameters").and_then(Value::as_object_mut) {
        for list in ["devices", "tmpfs"] {
            fill(linux, list, json!([]));
        }
        if let Some(capabilities) = linux.get_mut("capabilities").and_then(Value::as_object_mut) {
            for list in ["add", "drop"] {
                fill(capabilities, list, json!([]));
            }
        }
    }
    if let Some(log) = container.get_mut("logConfiguration").and_then(Value::as_object_mut) {
        fill(log, "secretOptions", json!([]));
    }
    if let Some(policy) = container.get_mut("restartPolicy").and_then(Value::as_object_mut) {
        fill(policy, "ignoredExitCodes", json!([]));
        fill(policy, "restartAttemptPeriod", 300);
    }
}
