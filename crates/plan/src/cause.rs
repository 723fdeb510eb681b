//! What a task died of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a task died of, as DescribeTasks says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The task's ARN.
    pub task_arn: String,
    /// ECS's `stopCode`, such as `EssentialContainerExited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_code: Option<String>,
    /// ECS's `stoppedReason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_reason: Option<String>,
    /// The container that failed first, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its exit code; absent where it never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The container's own reason, such as `OutOfMemoryError: ...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_reason: Option<String>,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.stop_code.as_deref().unwrap_or("stopped"))?;
        if let Some(container) = &self.container {
            write!(f, ", container {container}")?;
        }
        if let Some(code) = self.exit_code {
            write!(f, " exited with code {code}")?;
        }
        for text in [&self.stopped_reason, &self.container_reason].into_iter().flatten() {
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}
