//! `/v1/services/{name}/logs`: the last lines of one container, fetched when asked for and never kept.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use coxswain_manifest::Key;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    problem::Problem,
    services::{key, object},
    v1::{Document, LogLine, LogTail},
};
use crate::aws::Operation;

/// The most lines of one answer.
pub const LINES_AT_MOST: usize = 100;

/// The most text of one answer. Units: bytes.
pub const BYTES_AT_MOST: usize = 64 * 1024;

/// The lines of an answer where the caller names no number.
const LINES_USUALLY: usize = 20;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// The container's name; without it that of the failure.
    container: Option<String>,
    /// The task's ARN or id; without it that of the failure.
    task: Option<String>,
    /// How many lines.
    limit: Option<usize>,
}

/// Where a container's lines are.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    container: String,
    group: String,
    stream: String,
}

/// `GET /v1/services/{name}/logs`
pub(crate) async fn tail(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(query): Query<LogQuery>,
) -> Result<Json<Document<LogTail>>, Problem> {
    let key = key(&api, &name)?;
    let limit = query.limit.unwrap_or(LINES_USUALLY).clamp(1, LINES_AT_MOST);
    let (task, container) = which(&api, &key, &query).await?;
    let definition = definition_of(&api, &key, &task).await?;
    let place = place(&definition, container.as_deref(), &task)?;
    let input = json!({
        "logGroupName": place.group,
        "logStreamName": place.stream,
        "limit": limit,
        "startFromHead": false,
    });
    let answer = api.aws.call(Operation::GetLogEvents, input).await?;
    let (lines, was_cut) = bounded(read_lines(&answer), limit);
    let is_cut = was_cut || lines.len() == limit;
    Ok(Json(Document::new(LogTail {
        object: object(&key),
        task,
        container: place.container,
        group: place.group,
        stream: place.stream,
        lines,
        is_cut,
    })))
}

/// The task that was asked for, or else the one whose failure is held, or else the last that failed.
async fn which(api: &Api, key: &Key, query: &LogQuery) -> Result<(String, Option<String>), Problem> {
    if let Some(task) = &query.task {
        return Ok((task.clone(), query.container.clone()));
    }
    let held = api.board.service(&key.name).and_then(|status| status.hold).and_then(|hold| hold.cause);
    let cause = match held {
        Some(cause) => Some(cause),
        None => api.board.history(key).await.into_iter().find_map(|entry| entry.cause),
    };
    let Some(cause) = cause else {
        return Err(Problem::nothing_to_show("no failed task is known; name one by ?task="));
    };
    Ok((cause.task_arn, query.container.clone().or(cause.container)))
}

/// The task definition that a task ran.
async fn definition_of(api: &Api, key: &Key, task: &str) -> Result<Value, Problem> {
    let known = api.board.rollout_of_task(key, task).await.map(|entry| entry.task_definition);
    let arn = if let Some(arn) = known { arn } else { revision_of(api, task).await? };
    let answer = api.aws.call(Operation::DescribeTaskDefinition, json!({ "taskDefinition": arn })).await?;
    answer
        .get("taskDefinition")
        .cloned()
        .ok_or_else(|| Problem::nothing_to_show(format!("ECS knows no {arn}")))
}

/// The revision that a task ran, as ECS says it.
async fn revision_of(api: &Api, task: &str) -> Result<String, Problem> {
    let input = match cluster_of(task) {
        Some(cluster) => json!({ "cluster": cluster, "tasks": [task] }),
        None => json!({ "tasks": [task] }),
    };
    let answer = api.aws.call(Operation::DescribeTasks, input).await?;
    let arn = answer.pointer("/tasks/0/taskDefinitionArn").and_then(Value::as_str);
    arn.map(str::to_owned).ok_or_else(|| {
        Problem::nothing_to_show(format!("ECS knows no task {task}; it forgets stopped tasks after an hour"))
    })
}

/// The cluster's name in `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
fn cluster_of(task: &str) -> Option<String> {
    let mut parts = task.split(":task/").nth(1)?.split('/');
    let cluster = parts.next()?;
    parts.next().map(|_| cluster.to_owned())
}

/// Where the awslogs driver writes: `PREFIX/CONTAINER/TASK-ID`.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>
fn place(definition: &Value, container: Option<&str>, task: &str) -> Result<Place, Problem> {
    let containers = definition.get("containerDefinitions").and_then(Value::as_array);
    let name_of = |definition: &&Value| definition.get("name").and_then(Value::as_str).map(str::to_owned);
    let is_asked_for = |definition: &&Value| {
        container.is_none_or(|wanted| definition.get("name").and_then(Value::as_str) == Some(wanted))
    };
    let found = containers.into_iter().flatten().find(is_asked_for);
    let Some((definition, name)) = found.and_then(|found| Some((found, name_of(&found)?))) else {
        return Err(Problem::nothing_to_show(format!(
            "the task has no container {}",
            container.unwrap_or("at all")
        )));
    };
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str);
    match text("/logConfiguration/logDriver") {
        Some("awslogs") => {}
        Some(other) => {
            let detail =
                format!("container {name} logs by the driver {other}; only awslogs can be read from here");
            return Err(Problem::nothing_to_show(detail));
        }
        None => {
            let detail = format!("container {name} has no logConfiguration, so its lines are kept nowhere");
            return Err(Problem::nothing_to_show(detail));
        }
    }
    let group = text("/logConfiguration/options/awslogs-group");
    let prefix = text("/logConfiguration/options/awslogs-stream-prefix");
    let (Some(group), Some(prefix)) = (group, prefix) else {
        let detail = format!("container {name} names no awslogs-group or awslogs-stream-prefix");
        return Err(Problem::nothing_to_show(detail));
    };
    let id = task.rsplit('/').next().unwrap_or(task);
    Ok(Place { stream: format!("{prefix}/{name}/{id}"), group: group.to_owned(), container: name })
}

fn read_lines(answer: &Value) -> Vec<LogLine> {
    let events = answer.get("events").and_then(Value::as_array).into_iter().flatten();
    let line = |event: &Value| {
        let at = Timestamp::from_millisecond(event.get("timestamp")?.as_i64()?).ok()?;
        Some(LogLine { at, message: event.get("message")?.as_str()?.to_owned() })
    };
    events.filter_map(line).collect()
}

/// The newest lines within both bounds, and whether any was left out or cut.
fn bounded(lines: Vec<LogLine>, limit: usize) -> (Vec<LogLine>, bool) {
    let count = lines.len();
    let mut left = BYTES_AT_MOST;
    let mut kept: Vec<LogLine> = Vec::new();
    for line in lines.into_iter().rev().take(limit) {
        let message = upto(&line.message, left);
        left -= message.len();
        let is_whole = message.len() == line.message.len();
        if is_whole || !message.is_empty() {
            kept.push(LogLine { at: line.at, message: message.to_owned() });
        }
        if !is_whole {
            kept.reverse();
            return (kept, true);
        }
    }
    kept.reverse();
    let was_cut = kept.len() < count;
    (kept, was_cut)
}

/// The longest beginning of `text` that has at most `bytes` bytes.
fn upto(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/dev/0123456789abcdef0123456789abcdef";

    fn definition() -> Value {
        json!({ "containerDefinitions": [
            { "name": "api", "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/coxswain/dev/api", "awslogs-stream-prefix": "ecs" } } },
            { "name": "router", "logConfiguration": { "logDriver": "awsfirelens" } },
            { "name": "quiet" },
        ] })
    }

    #[test]
    fn the_stream_is_where_the_awslogs_driver_writes() {
        let expected = Place {
            container: "api".to_owned(),
            group: "/coxswain/dev/api".to_owned(),
            stream: "ecs/api/0123456789abcdef0123456789abcdef".to_owned(),
        };
        assert_eq!(place(&definition(), None, TASK).unwrap(), expected);
        assert_eq!(place(&definition(), Some("api"), TASK).unwrap(), expected);
        assert_eq!(cluster_of(TASK).as_deref(), Some("dev"));
    }

    #[test]
    fn a_container_without_lines_says_why() {
        for (container, expected) in
            [("router", "awsfirelens"), ("quiet", "kept nowhere"), ("other", "no container")]
        {
            let problem = format!("{:?}", place(&definition(), Some(container), TASK).unwrap_err());
            assert!(problem.contains(expected), "{problem}");
        }
    }

    fn lines(count: usize, bytes: usize) -> Vec<LogLine> {
        (0..count).map(|n| LogLine { at: Timestamp::UNIX_EPOCH, message: format!("{n:0bytes$}") }).collect()
    }

    #[test]
    fn an_answer_is_bounded_by_lines_and_by_bytes_and_keeps_the_newest() {
        let (kept, was_cut) = bounded(lines(30, 5), 20);
        assert_eq!((kept.len(), was_cut), (20, true));
        assert_eq!(kept.last().unwrap().message, "00029");
        let (kept, was_cut) = bounded(lines(3, 5), 20);
        assert_eq!((kept.len(), was_cut), (3, false));
        let (kept, was_cut) = bounded(lines(4, BYTES_AT_MOST / 2 - 1), 20);
        assert!(was_cut);
        assert!(kept.iter().map(|line| line.message.len()).sum::<usize>() <= BYTES_AT_MOST);
    }

    #[test]
    fn text_is_never_cut_inside_a_character() {
        assert_eq!(upto("aäb", 2), "a");
        assert_eq!(upto("aäb", 3), "aä");
        assert_eq!(upto("a", 9), "a");
    }
}
