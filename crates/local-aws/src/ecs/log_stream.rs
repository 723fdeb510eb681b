//! Which task's container stands behind a CloudWatch log stream.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::Members;
use crate::clock::Time;

/// Streams that are remembered; the oldest are forgotten first, so that a service that crashes for
/// days does not fill the memory.
const MOST: usize = 10_000;

/// The log stream of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogStream {
    /// The task's id.
    pub(crate) task_id: String,
    /// The container's name.
    pub(crate) container: String,
    /// When the task was started.
    pub(crate) created_at: Time,
}

/// The streams by group and name.
#[derive(Debug, Default)]
pub(crate) struct LogStreams {
    groups: BTreeMap<String, BTreeMap<String, LogStream>>,
    oldest_first: VecDeque<(String, String)>,
}

impl LogStreams {
    /// Remembers the stream of a container, where its log driver is `awslogs`.
    ///
    /// The stream's name is `prefix/container/task`. Source:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>
    pub(super) fn add(&mut self, definition: &Value, task_id: &str, now: Time) {
        let log =
            definition.member("logConfiguration").filter(|log| log.text("logDriver") == Some("awslogs"));
        let options = log.and_then(|log| log.member("options"));
        let group = options.and_then(|options| options.text("awslogs-group"));
        let prefix = options.and_then(|options| options.text("awslogs-stream-prefix"));
        let (Some(group), Some(prefix), Some(container)) = (group, prefix, definition.text("name")) else {
            return;
        };
        let name = format!("{prefix}/{container}/{task_id}");
        let stream =
            LogStream { task_id: task_id.to_owned(), container: container.to_owned(), created_at: now };
        self.groups.entry(group.to_owned()).or_default().insert(name.clone(), stream);
        self.oldest_first.push_back((group.to_owned(), name));
        if self.oldest_first.len() > MOST
            && let Some((group, name)) = self.oldest_first.pop_front()
            && let Some(streams) = self.groups.get_mut(&group)
        {
            streams.remove(&name);
        }
    }

    /// The streams of a group by name; `None` for a group that no task has written to.
    pub(crate) fn group(&self, group: &str) -> Option<&BTreeMap<String, LogStream>> {
        self.groups.get(group)
    }
}
