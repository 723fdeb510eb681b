//! Which ECS task this process is, by the task metadata endpoint, version 4.
//!
//! It is shown and decides nothing. So a program that cannot learn it serves all the same, and says
//! `unknown`: a task that refused to start for it would turn a fault of the endpoint into an outage.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html>

use std::time::Duration;

use http::{HeaderValue, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::target::Target;

/// How long the start may wait for the endpoint, all attempts together.
const PATIENCE: Duration = Duration::from_secs(3);

/// From a failed attempt to the next one.
const PAUSE: Duration = Duration::from_millis(200);

/// The longest answer that is read: that of a task with ten containers is a tenth of it. Units: bytes.
const MAX_ANSWER: u64 = 256 * 1024;

/// The longest part of an identity that is shown. Units: bytes.
const MAX_PART: usize = 300;

const UNKNOWN: &str = "unknown";

/// The task, as answers and the log show it; each part may be `unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// The last part of the task's ARN.
    id: String,
    /// Family and revision of the task definition, such as `api:7`.
    definition: String,
    /// The availability zone.
    zone: String,
}

/// Why the endpoint could not tell.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error("{0} is not a URL of the form http://host:port/path")]
    Url(String),
    #[error("cannot talk to the task metadata endpoint")]
    Io(#[from] std::io::Error),
    #[error("the task metadata endpoint does not answer 200: {0:?}")]
    Status(String),
    #[error("the answer of the task metadata endpoint is not of the documented form")]
    Form(#[from] serde_json::Error),
}

/// What is read of the endpoint's answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "TaskARN")]
    task_arn: String,
    family: String,
    revision: String,
    availability_zone: Option<String>,
}

impl Task {
    /// Asks the endpoint under the URL of `ECS_CONTAINER_METADATA_URI_V4` until it answers or patience ends.
    pub(crate) async fn read(endpoint: &str) -> Self {
        let mut last = None;
        let attempts = async {
            loop {
                match ask(endpoint).await {
                    Ok(metadata) => return Self::of(metadata),
                    Err(error) => last = Some(error),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        if let Ok(task) = tokio::time::timeout(PATIENCE, attempts).await {
            return task;
        }
        let reason = last.map_or_else(|| "no answer in time".to_owned(), |error| chain(&error));
        tracing::warn!(reason, "which task this is stays unknown; serving all the same");
        Self { id: UNKNOWN.to_owned(), definition: UNKNOWN.to_owned(), zone: UNKNOWN.to_owned() }
    }

    fn of(metadata: Metadata) -> Self {
        let id = metadata.task_arn.rsplit_once('/').map_or(metadata.task_arn.as_str(), |(_, id)| id);
        Self {
            id: shown(id.to_owned()),
            definition: shown(format!("{}:{}", metadata.family, metadata.revision)),
            zone: metadata.availability_zone.map_or_else(|| UNKNOWN.to_owned(), shown),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "id": self.id, "definition": self.definition, "zone": self.zone })
    }

    /// The id as a header field's value.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.id).unwrap_or(HeaderValue::from_static(UNKNOWN))
    }

    pub(crate) fn definition(&self) -> &str {
        &self.definition
    }

    pub(crate) fn zone(&self) -> &str {
        &self.zone
    }
}

/// A part as it may stand in a header and a log line.
fn shown(part: String) -> String {
    let is_fit =
        !part.is_empty() && part.len() <= MAX_PART && part.bytes().all(|byte| byte.is_ascii_graphic());
    if is_fit { part } else { UNKNOWN.to_owned() }
}

async fn ask(endpoint: &str) -> Result<Metadata, Untold> {
    let url = format!("{}/task", endpoint.trim_end_matches('/'));
    let target = url.parse::<Uri>().ok().and_then(|url| Target::parse(&url));
    let target = target.ok_or(Untold::Url(url))?;
    let mut answer = Vec::new();
    target.get().await?.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> Result<Metadata, Untold> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let (head, body) = answer.split_at(end);
    let line = String::from_utf8_lossy(head);
    let line = line.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) != Some("200") {
        return Err(Untold::Status(line.chars().take(MAX_PART).collect()));
    }
    Ok(serde_json::from_slice(body)?)
}

fn chain(error: &Untold) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:task/main/0123456789abcdef0123456789abcdef";

    fn answer(status: &str, body: &Value) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n\r\n{body}").into_bytes()
    }

    #[test]
    fn the_documented_answer_is_understood_whatever_else_it_holds() {
        let body = json!({"Cluster": "main", "TaskARN": ARN, "Family": "api", "Revision": "7",
            "AvailabilityZone": "eu-west-1b", "Limits": {"CPU": 0.25}, "Containers": [{"Name": "api"}]});
        let task = Task::of(parse(&answer("200 OK", &body)).unwrap());
        let expected =
            json!({"id": "0123456789abcdef0123456789abcdef", "definition": "api:7", "zone": "eu-west-1b"});
        assert_eq!(task.to_json(), expected);
        assert_eq!(task.header(), "0123456789abcdef0123456789abcdef");
    }

    #[test]
    fn what_cannot_be_shown_or_is_absent_is_unknown() {
        let body = json!({"TaskARN": "arn/x\r\ny", "Family": "a".repeat(400), "Revision": "7"});
        let task = Task::of(parse(&answer("200 OK", &body)).unwrap());
        assert_eq!(task.to_json(), json!({"id": "unknown", "definition": "unknown", "zone": "unknown"}));
    }

    #[test]
    fn an_answer_of_another_form_is_told_apart() {
        let told = |bytes: &[u8]| parse(bytes).err().map(|error| chain(&error)).unwrap();
        let refused = told(&answer("404 Not Found", &json!({})));
        assert_eq!(refused, "the task metadata endpoint does not answer 200: \"HTTP/1.1 404 Not Found\"");
        assert!(told(b"").contains("does not answer 200"));
        assert!(told(&answer("200 OK", &json!({"TaskARN": 1}))).contains("documented form: "));
        assert!(told(b"HTTP/1.1 200 OK\r\n\r\n").contains("documented form: "));
    }

    #[tokio::test]
    async fn a_url_that_is_none_is_named() {
        let error = ask("ftp://169.254.170.2/v4/x").await.err().unwrap();
        assert_eq!(
            error.to_string(),
            "ftp://169.254.170.2/v4/x/task is not a URL of the form http://host:port/path"
        );
    }
}
