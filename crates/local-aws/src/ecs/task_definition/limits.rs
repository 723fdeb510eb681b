//! How much a task definition may hold, and what its parts may name.
//!
//! Source, unless said otherwise: Amazon ECS service quotas, and
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html>

use serde_json::{Map, Value};

use super::super::Members;
use crate::error::ApiError;

/// The whole of a definition. Units: bytes.
const LARGEST: usize = 64 * 1024;

/// Lists of a container, and the most that each may hold.
const MOST_OF_CONTAINER: [(&str, usize); 2] = [("environmentFiles", 10), ("portMappings", 100)];

/// The longest image without its digest, and the longest name of a port.
const LONGEST_IMAGE: usize = 255;
const LONGEST_PORT_NAME: usize = 64;

/// Refuses what is too much, or names what there is not.
pub(super) fn check(body: &Map<String, Value>) -> Result<(), ApiError> {
    if serde_json::to_string(body).is_ok_and(|text| text.len() > LARGEST) {
        return Err(ApiError::client("A task definition can have at most 64 KiB."));
    }
    at_most(body.items("placementConstraints"), "placementConstraints", 10)?;
    let containers = body.items("containerDefinitions");
    for container in containers {
        for (list, most) in MOST_OF_CONTAINER {
            at_most(container.items(list), list, most)?;
        }
        if let Some(policy) = container.member("restartPolicy") {
            at_most(policy.items("ignoredExitCodes"), "ignoredExitCodes", 50)?;
        }
        image(container.text("image").unwrap_or_default())?;
        container
            .items("portMappings")
            .iter()
            .filter_map(|mapping| mapping.text("name"))
            .try_for_each(port_name)?;
        volumes(container, body.items("volumes"), containers)?;
    }
    Ok(())
}

fn at_most(items: &[Value], list: &str, most: usize) -> Result<(), ApiError> {
    if items.len() <= most {
        return Ok(());
    }
    Err(ApiError::client(format!("{list} can have at most {most} items.")))
}

fn image(image: &str) -> Result<(), ApiError> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let is_digest = |digest: &str| {
        let digits = digest.strip_prefix("sha256:");
        digits.is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if name.chars().count() > LONGEST_IMAGE || digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(ApiError::client(format!("Container.image is not valid: {image}.")));
    }
    Ok(())
}

/// Source: the API's description of `PortMapping`.
fn port_name(name: &str) -> Result<(), ApiError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if (1..=LONGEST_PORT_NAME).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(plain) {
        return Ok(());
    }
    Err(ApiError::client(format!(
        "A port's name can have up to 64 small letters, digits, underscores and hyphens, and not begin with a \
         hyphen: {name}"
    )))
}

/// The first text is one that others published of AWS; the second is worded after it.
fn volumes(container: &Value, volumes: &[Value], containers: &[Value]) -> Result<(), ApiError> {
    let named = |items: &[Value], name: Option<&str>| items.iter().any(|item| item.text("name") == name);
    for point in container.items("mountPoints") {
        let volume = point.text("sourceVolume");
        if volume.is_some() && !named(volumes, volume) {
            return Err(ApiError::client(format!("Unknown volume '{}'.", volume.unwrap_or_default())));
        }
    }
    for from in container.items("volumesFrom") {
        let source = from.text("sourceContainer");
        if source.is_some() && !named(containers, source) {
            return Err(ApiError::client(format!("Unknown container '{}'.", source.unwrap_or_default())));
        }
    }
    Ok(())
}
