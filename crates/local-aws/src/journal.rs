//! The journal: what was asked and answered, in a file, for whoever judges client and server later.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::error::ApiError;

/// How many lines a journal has at most; the last of a full one says that it is full.
const MOST_LINES: usize = 50_000;

/// A file of the requests that came in, each distinct one once, and of the answers, one of each form:
/// JSON, one to a line.
///
/// A line has `service` and `operation` in botocore's and AWS's names, `client`, the first word of
/// what the client calls itself, and either `request`, the body as it came, or `answer`, or `error`
/// with code, message, HTTP status and what else it has. A line `{"full": true}` is the last where there was no room for
/// more, so that a reader does not take a part for the whole.
///
/// Two answers are of one form where they have the same members of the same types and the same words;
/// numbers, times, ids and how long lists are make no other form.
///
/// Guarantees: a line is written whole, by one write to a file that is open for appending, so that
/// several programs can share a file; and before its request is answered.
#[derive(Debug)]
pub struct Journal {
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    file: File,
    /// Hashes of the lines' keys, not the lines: of ten billion full journals, one lacks a line for it.
    lines: HashSet<u64>,
    most: usize,
}

impl Journal {
    /// Opens the file for appending, and makes it and its folder where they are missing.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with_room_for(MOST_LINES, path)
    }

    fn with_room_for(most: usize, path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { written: Mutex::new(Written { file, lines: HashSet::new(), most }) })
    }

    /// Writes a request down, unless one like it stands there already.
    pub(crate) fn request(&self, names: (&str, &str), client: Option<&str>, request: &Value) {
        let line = entry(names, client, "request", request).to_string();
        self.write(&line, &line);
    }

    /// Writes an answer down, unless one of its form stands there already.
    pub(crate) fn answer(
        &self,
        names: (&str, &str),
        client: Option<&str>,
        outcome: Result<Value, &ApiError>,
    ) {
        let (kind, value) = match outcome {
            Ok(answer) => ("answer", answer),
            Err(ApiError { code, message, status, members }) => {
                let status = status.as_u16();
                ("error", json!({"code": code, "message": message, "status": status, "members": members}))
            }
        };
        let key = entry(names, client, kind, &form(&value)).to_string();
        self.write(&key, &entry(names, client, kind, &value).to_string());
    }

    /// Writes a line, unless one with that key was written.
    fn write(&self, key: &str, line: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = written.line(key, line) {
            tracing::error!(%error, "the journal has a gap");
        }
    }
}

fn entry((service, operation): (&str, &str), client: Option<&str>, kind: &str, value: &Value) -> Value {
    let client = client.and_then(|client| client.split_whitespace().next());
    json!({"service": service, "operation": operation, "client": client, kind: value})
}

/// What is the same of two answers that differ in their names, numbers and times alone.
fn form(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), form(value))).collect())
        }
        Value::Array(items) => {
            let mut forms: Vec<Value> = items.iter().map(form).collect();
            forms.sort_by_cached_key(Value::to_string);
            forms.dedup();
            Value::Array(forms)
        }
        // A word of capitals may be one of an enumeration; everything else is somebody's name or text.
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => {
            value.clone()
        }
        Value::String(_) => Value::from("text"),
        Value::Number(number) if number.is_f64() => Value::from(0.5),
        Value::Number(_) => Value::from(0),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

impl Written {
    fn line(&mut self, key: &str, line: &str) -> io::Result<()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        if self.lines.len() > self.most || !self.lines.insert(hasher.finish()) {
            return Ok(());
        }
        let line = if self.lines.len() > self.most { r#"{"full":true}"# } else { line };
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_request_stands_there_once_however_often_it_comes_and_beside_those_of_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/requests.jsonl");
        let (first, second) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
        for _ in 0..3 {
            let names = ("ecs", "ListTasks");
            first.request(names, Some("aws-sdk-rust/1.3 os/linux"), &json!({"cluster": "dev"}));
            second.request(names, None, &json!({"cluster": "dev"}));
        }
        let line = |client: Option<&str>| json!({"service": "ecs", "operation": "ListTasks", "client": client, "request": {"cluster": "dev"}});
        assert_eq!(lines(&path), [line(Some("aws-sdk-rust/1.3")), line(None)]);
    }

    #[test]
    fn an_answer_stands_there_once_for_its_form_and_a_new_member_word_or_error_is_another_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.jsonl");
        let journal = Journal::open(&path).unwrap();
        let service = |name: &str, at: f64, status: &str| json!({"services": [{"serviceName": name, "createdAt": at, "status": status}]});
        let refused = ApiError::invalid("no");
        for answer in [
            Ok(service("one", 1.5, "ACTIVE")),
            Ok(service("two", 2.5, "ACTIVE")),
            Ok(service("one", 1.5, "DRAINING")),
            Ok(json!({"services": [{"serviceName": "one", "status": "ACTIVE"}]})),
            Err(&refused),
        ] {
            journal.answer(("ecs", "DescribeServices"), None, answer);
        }
        let told = lines(&path);
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!(told[0]["answer"], service("one", 1.5, "ACTIVE"));
        let error =
            json!({"code": "InvalidParameterException", "message": "no", "status": 400, "members": {}});
        assert_eq!(told[3]["error"], error);
    }

    #[test]
    fn a_full_journal_says_so_and_grows_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.jsonl");
        let journal = Journal::with_room_for(2, &path).unwrap();
        for number in 0..5 {
            journal.request(("ecs", "ListTasks"), None, &json!({"maxResults": number}));
        }
        let told = lines(&path);
        assert_eq!((told.len(), &told[2]), (3, &json!({"full": true})));
    }
}
