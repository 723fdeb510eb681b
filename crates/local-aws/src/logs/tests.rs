//! Reading logs as a client does; every answer is held against the table.

use coxswain_ecs_shapes::{Reading, check, logs};
use serde_json::{Value, json};

use super::*;
use crate::clock::Time;

fn streams() -> Streams {
    let stream = |task: &str| LogStream {
        task_id: task.into(),
        container: "web".into(),
        created_at: Time::from_millis(5),
    };
    [("app/web/b", "b"), ("app/web/a", "a"), ("job/web/c", "c")]
        .map(|(name, task)| (name.to_owned(), stream(task)))
        .into()
}

/// Lines `0`, `1`, ... of the task `a`, two to each millisecond; the task `b` wrote one `ERROR`.
fn lines(stream: &LogStream, from: i64, to: i64) -> Vec<LogLine> {
    if stream.task_id == "b" {
        return vec![LogLine { timestamp_ms: 101, message: "ERROR of b".into() }];
    }
    (from..to).map(|n| LogLine { timestamp_ms: 100 + n / 2, message: n.to_string() }).collect()
}

fn call_with(operation: &str, input: &Value, from: i64, to: i64) -> Result<Value, ApiError> {
    let known = logs().operation(operation).unwrap();
    let streams = streams();
    let group = (group_name(input)? == "/ecs/api").then_some(&streams);
    let answer = call(operation, input, group, &|stream| lines(stream, from, to))?;
    for (shape, value) in [(known.input, input), (known.output, &answer)] {
        check(shape, value, Reading::Wire, &mut |violation| {
            panic!("{operation}: {}: {:?}", violation.path, violation.problem)
        });
    }
    Ok(answer)
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

fn get(more: &Value, from: i64, to: i64) -> Value {
    let mut input = json!({"logGroupName": "/ecs/api", "logStreamName": "app/web/a"});
    input.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
    call_with("GetLogEvents", &input, from, to).unwrap()
}

#[test]
fn the_newest_lines_come_without_a_wish_and_the_oldest_from_the_head() {
    assert_eq!(messages(&get(&json!({"limit": 3}), 0, 10)), ["7", "8", "9"]);
    assert_eq!(messages(&get(&json!({"limit": 3, "startFromHead": true}), 0, 10)), ["0", "1", "2"]);
    assert_eq!(messages(&get(&json!({}), 0, 3)), ["0", "1", "2"]);
}

#[test]
fn an_empty_line_is_no_event() {
    let line = |message: &str| LogLine { timestamp_ms: 100, message: message.into() };
    let input = json!({"logGroupName": "/ecs/api", "logStreamName": "app/web/a"});
    for operation in ["GetLogEvents", "FilterLogEvents"] {
        let read = |_: &LogStream| vec![line("one"), line(""), line("two")];
        let answer = call(operation, &input, Some(&streams()), &read).unwrap();
        let told = messages(&answer);
        assert!(told.starts_with(&["one", "two"]) && !told.contains(&""), "{operation}: {told:?}");
    }
}

#[test]
fn a_forward_token_reads_on_comes_back_at_the_end_and_finds_what_is_new() {
    let first = get(&json!({"limit": 3, "startFromHead": true}), 0, 5);
    let token = first["nextForwardToken"].clone();
    let second = get(&json!({"nextToken": token, "limit": 3, "startFromHead": true}), 0, 5);
    assert_eq!(messages(&second), ["3", "4"]);
    let token = second["nextForwardToken"].clone();
    let end = get(&json!({"nextToken": token, "startFromHead": true}), 0, 5);
    assert!(messages(&end).is_empty());
    assert_eq!(end["nextForwardToken"], token);
    assert_eq!(messages(&get(&json!({"nextToken": token, "startFromHead": true}), 0, 7)), ["5", "6"]);
}

#[test]
fn a_forward_token_stays_right_when_older_lines_were_dropped() {
    let token = get(&json!({"limit": 4, "startFromHead": true}), 0, 8)["nextForwardToken"].clone();
    assert_eq!(messages(&get(&json!({ "nextToken": token }), 4, 8)), ["4", "5", "6", "7"]);
    assert_eq!(messages(&get(&json!({ "nextToken": token }), 6, 8)), ["6", "7"]);
}

#[test]
fn a_backward_token_reads_towards_the_head_and_comes_back_there() {
    let last = get(&json!({"limit": 3}), 0, 5);
    let token = last["nextBackwardToken"].clone();
    let before = get(&json!({"nextToken": token, "limit": 3}), 0, 5);
    assert_eq!(messages(&before), ["0", "1"]);
    let token = before["nextBackwardToken"].clone();
    let head = get(&json!({"nextToken": token, "limit": 3}), 0, 5);
    assert!(messages(&head).is_empty());
    assert_eq!(head["nextBackwardToken"], token);
}

#[test]
fn times_include_the_start_and_exclude_the_end() {
    assert_eq!(messages(&get(&json!({"startTime": 101, "endTime": 102}), 0, 10)), ["2", "3"]);
}

#[test]
fn a_group_or_stream_that_does_not_exist_is_told() {
    for input in [
        json!({"logGroupName": "/ecs/no", "logStreamName": "app/web/a"}),
        json!({"logGroupName": "/ecs/api", "logStreamName": "app/web/no"}),
    ] {
        let error = call_with("GetLogEvents", &input, 0, 1).unwrap_err();
        assert_eq!(error.code, "ResourceNotFoundException");
    }
    let wrong = json!({"logGroupName": "/ecs/api", "logStreamName": "app/web/a", "nextToken": "f/x/s"});
    assert_eq!(call_with("GetLogEvents", &wrong, 0, 1).unwrap_err().code, "InvalidParameterException");
    let nameless = call_with("DescribeLogStreams", &json!({}), 0, 1).unwrap_err();
    assert_eq!(nameless.code, "InvalidParameterException");
}

#[test]
fn a_group_may_be_named_by_its_arn() {
    let arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/api:*";
    let input = json!({"logGroupIdentifier": arn, "logStreamName": "app/web/b"});
    assert_eq!(messages(&call_with("GetLogEvents", &input, 0, 1).unwrap()), ["ERROR of b"]);
}

#[test]
fn filtering_looks_at_all_streams_by_time_and_pages() {
    let all = json!({"logGroupName": "/ecs/api", "logStreamNamePrefix": "app/", "limit": 3});
    let first = call_with("FilterLogEvents", &all, 0, 4).unwrap();
    assert_eq!(messages(&first), ["0", "1", "2"]);
    let mut next = all.clone();
    next["nextToken"] = first["nextToken"].clone();
    let second = call_with("FilterLogEvents", &next, 0, 4).unwrap();
    assert_eq!(messages(&second), ["3", "ERROR of b"]);
    assert_eq!(second.get("nextToken"), None);

    let errors = json!({"logGroupName": "/ecs/api", "filterPattern": "ERROR"});
    assert_eq!(messages(&call_with("FilterLogEvents", &errors, 0, 4).unwrap()), ["ERROR of b"]);
    let one = json!({"logGroupName": "/ecs/api", "logStreamNames": ["app/web/b"]});
    assert_eq!(messages(&call_with("FilterLogEvents", &one, 0, 4).unwrap()), ["ERROR of b"]);
    let json_pattern = json!({"logGroupName": "/ecs/api", "filterPattern": "{ $.x = 1 }"});
    assert!(call_with("FilterLogEvents", &json_pattern, 0, 4).is_err());
}

#[test]
fn streams_are_listed_by_name_or_by_their_last_event() {
    let names = |more: &Value| {
        let mut input = json!({"logGroupName": "/ecs/api"});
        input.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        let answer = call_with("DescribeLogStreams", &input, 0, 2).unwrap();
        let streams = answer["logStreams"].as_array().unwrap().clone();
        streams.iter().map(|stream| stream["logStreamName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&json!({})), ["app/web/a", "app/web/b", "job/web/c"]);
    assert_eq!(names(&json!({"logStreamNamePrefix": "job"})), ["job/web/c"]);
    assert_eq!(names(&json!({"orderBy": "LastEventTime", "descending": true, "limit": 1})), ["app/web/b"]);
}
