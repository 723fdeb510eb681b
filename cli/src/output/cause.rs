//! Why a rollout failed, as people read it: codes, ECS's words, the crash's last lines.

use coxswain_controller::{
    http::v1::LogTail,
    status::{Hold, ServiceStatus},
};
use coxswain_plan::Cause;

use super::{BOLD, Terminal, short, styled};
use crate::client::{Client, Refusal};

/// The lines of a crash that are shown.
const LINES: usize = 20;

/// What a task died of, line by line.
pub(crate) fn cause(cause: &Cause) -> Vec<String> {
    let mut lines = vec![format!("task {}", short(&cause.task_arn))];
    let mut push = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{name}: {value}"));
        }
    };
    push("stop code", cause.stop_code.clone());
    push("stopped reason", cause.stopped_reason.clone());
    let exited = match (&cause.container, cause.exit_code) {
        (Some(container), Some(code)) => {
            Some(format!("{container} exited with code {code}{}", meaning(code)))
        }
        (Some(container), None) => Some(format!("{container} did not exit by itself")),
        (None, Some(code)) => Some(format!("code {code}{}", meaning(code))),
        (None, None) => None,
    };
    push("container", exited);
    push("container's reason", cause.container_reason.clone());
    let checked = cause.stopped_reason.as_deref().is_some_and(|reason| reason.contains("health check"));
    if checked {
        lines.push("failing check: the health check that the stopped reason names".to_owned());
    }
    lines
}

/// What an exit code stands for, where it is a signal's.
fn meaning(code: i32) -> &'static str {
    match code {
        137 => " (killed: out of memory, or its stop timeout ran out)",
        139 => " (segmentation fault)",
        143 => " (SIGTERM)",
        126 => " (the command cannot be run)",
        127 => " (the command was not found)",
        _ => "",
    }
}

/// The crash's last lines, fetched now; where there are none, why.
pub(crate) async fn last_lines(client: &Client, name: &str) -> Vec<String> {
    match client.get::<LogTail>(&format!("/v1/services/{name}/logs?limit={LINES}")).await {
        Ok(tail) if tail.lines.is_empty() => {
            vec![format!("container {} wrote nothing to {}", tail.container, tail.stream)]
        }
        Ok(tail) => {
            let lines = if tail.lines.len() == 1 {
                "last line".to_owned()
            } else {
                format!("last {} lines", tail.lines.len())
            };
            let mut lines = vec![format!("{lines} of container {}:", tail.container)];
            lines.extend(tail.lines.iter().map(|line| format!("  | {}", printable(&line.message))));
            lines
        }
        Err(Refusal::NotFound(detail)) => vec![format!("no log lines: {detail}")],
        Err(Refusal::Other(failure)) => vec![format!("no log lines: {failure}")],
    }
}

/// Without what would move a terminal's cursor or change its colours.
fn printable(text: &str) -> String {
    let plain = anstream::adapter::strip_str(text).to_string();
    plain.chars().map(|letter| if letter.is_control() && letter != '\t' { ' ' } else { letter }).collect()
}

impl Terminal {
    /// A hold, line by line: what, why, since when, and what it died of.
    pub(crate) fn hold(&self, status: &ServiceStatus, hold: &Hold) -> Vec<String> {
        let mut lines = vec![
            format!("{} since {}: {}", styled(BOLD, hold.reason.name()), self.ago(hold.since), hold.message),
            format!("digest: {}", hold.digest),
        ];
        if let Some(id) = &hold.deployment_id {
            lines.push(format!("deployment: {id}"));
        }
        lines.extend(hold.cause.iter().flat_map(cause));
        if let (Some(counts), Some(arn)) = (status.counts, &status.task_definition) {
            let (running, desired) = (counts.running, counts.desired);
            lines.push(format!("still running: {}, {running} of {desired} tasks", short(arn)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_names_stop_code_exit_code_and_ecss_words() {
        let lines = cause(&Cause {
            task_arn: "arn:aws:ecs:eu-west-1:123456789012:task/dev/abc".to_owned(),
            stop_code: Some("EssentialContainerExited".to_owned()),
            stopped_reason: Some("Essential container in task exited".to_owned()),
            container: Some("api".to_owned()),
            exit_code: Some(2),
            container_reason: None,
        });
        assert_eq!(
            lines,
            [
                "task abc",
                "stop code: EssentialContainerExited",
                "stopped reason: Essential container in task exited",
                "container: api exited with code 2",
            ]
        );
    }

    #[test]
    fn log_lines_cannot_move_the_cursor() {
        assert_eq!(printable("\u{1b}[2Jerror\u{7}\tx\r"), "error\tx ");
    }
}
