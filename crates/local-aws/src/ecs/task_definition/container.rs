//! What running a container definition means.

use std::time::Duration;

use serde_json::Value;

use super::super::Members;
use crate::task_spec::HealthCheck;

/// ECS's default of `essential` is true.
pub(super) fn is_essential(container: &Value) -> bool {
    container.flag("essential").unwrap_or(true)
}

/// A member in seconds.
pub(in crate::ecs) fn seconds(value: &Value, name: &str, default: u64) -> Duration {
    Duration::from_secs(value.whole(name).unwrap_or(default))
}

/// The health check, unless it is `NONE` or empty.
pub(in crate::ecs) fn health_check(container: &Value) -> Option<HealthCheck> {
    let check = container.member("healthCheck")?;
    let command: Vec<String> = check.texts("command").map(str::to_owned).collect();
    if command.is_empty() || command.first().is_some_and(|first| first == "NONE") {
        return None;
    }
    Some(HealthCheck {
        command,
        interval: seconds(check, "interval", 30),
        timeout: seconds(check, "timeout", 5),
        retries: check.whole("retries").and_then(|retries| u32::try_from(retries).ok()).unwrap_or(3),
        start_period: seconds(check, "startPeriod", 0),
    })
}
