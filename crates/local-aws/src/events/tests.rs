//! Rules and what becomes of events on their way, every answer held against the table.

use coxswain_ecs_shapes::{Reading, check, events};

use super::*;
use crate::{ecs::Members, error::ApiError};

const START: Time = Time::from_millis(1_795_000_000_000);

fn bus() -> Bus {
    Bus::new("123456789012", "eu-central-1", Random::seeded(7))
}

fn ask(bus: &Bus, operation: &str, request: &Value) -> Result<Value, ApiError> {
    let known = events().operation(operation).unwrap();
    check(known.input, request, Reading::Wire, &mut |violation| {
        panic!("{operation}: the request's {}: {:?}", violation.path, violation.problem)
    });
    let answer = bus.call(operation, request, START)?;
    check(known.output, &answer, Reading::Wire, &mut |violation| {
        panic!("{operation}: the answer's {}: {:?}", violation.path, violation.problem)
    });
    Ok(answer)
}

fn call(bus: &Bus, operation: &str, request: &Value) -> Value {
    ask(bus, operation, request).unwrap()
}

fn refused(bus: &Bus, operation: &str, request: &Value) -> String {
    ask(bus, operation, request).unwrap_err().code.into_owned()
}

/// A bus whose rule `all` sends everything of ECS to the queue `q`.
fn listening() -> Bus {
    let bus = bus();
    let pattern = json!({"source": ["aws.ecs"]}).to_string();
    call(&bus, "PutRule", &json!({"Name": "all", "EventPattern": pattern}));
    let target = json!({"Id": "1", "Arn": "arn:aws:sqs:eu-central-1:123456789012:q"});
    let put = call(&bus, "PutTargets", &json!({"Rule": "all", "Targets": [target]}));
    assert_eq!(put["FailedEntryCount"], 0);
    bus
}

fn event(number: u64) -> Event {
    Event {
        source: "aws.ecs".into(),
        detail_type: "ECS Task State Change".into(),
        resources: vec!["arn:task".into()],
        detail: json!({"number": number}),
        at: START,
        of_reading: false,
    }
}

/// The numbers of the events that have arrived.
fn arrived(bus: &Bus, after: Duration) -> Vec<u64> {
    let number = |delivery: &Delivery| {
        let body: Value = serde_json::from_str(&delivery.message.body).unwrap();
        body["detail"].whole("number").unwrap()
    };
    bus.due(START.after(after)).iter().map(number).collect()
}

fn publish(bus: &Bus, numbers: std::ops::Range<u64>) {
    for number in numbers {
        bus.publish(&event(number), Duration::ZERO, START);
    }
}

#[test]
fn an_event_has_eventbridges_form() {
    let bus = listening();
    publish(&bus, 0..1);
    let delivered = bus.due(START).remove(0);
    assert_eq!(delivered.queue, "arn:aws:sqs:eu-central-1:123456789012:q");
    let body: Value = serde_json::from_str(&delivered.message.body).unwrap();
    let expected = json!({
        "version": "0", "id": body["id"], "detail-type": "ECS Task State Change", "source": "aws.ecs",
        "account": "123456789012", "time": "2026-11-18T11:06:40Z", "region": "eu-central-1",
        "resources": ["arn:task"], "detail": {"number": 0},
    });
    assert_eq!(body, expected);
}

#[test]
fn only_rules_that_listen_hear_and_reads_only_those_that_ask_for_them() {
    let bus = listening();
    let reading = Event { of_reading: true, ..event(1) };
    bus.publish(&reading, Duration::ZERO, START);
    assert_eq!(arrived(&bus, Duration::ZERO), [0_u64; 0]);
    let state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";
    let pattern = json!({"source": ["aws.ecs"]}).to_string();
    call(&bus, "PutRule", &json!({"Name": "all", "EventPattern": pattern, "State": state}));
    bus.publish(&reading, Duration::ZERO, START);
    assert_eq!(arrived(&bus, Duration::ZERO), [1], "the targets stay when a rule is put again");
    call(&bus, "DisableRule", &json!({"Name": "all"}));
    publish(&bus, 2..3);
    call(&bus, "EnableRule", &json!({"Name": "all"}));
    publish(&bus, 3..4);
    bus.publish(&Event { source: "aws.ec2".into(), ..event(4) }, Duration::ZERO, START);
    assert_eq!(arrived(&bus, Duration::ZERO), [3]);
}

#[test]
fn events_are_lost_doubled_overtaken_and_late_as_asked() {
    let with = |fault: &str, numbers: std::ops::Range<u64>| {
        let bus = listening();
        bus.add_fault(fault.parse().unwrap());
        publish(&bus, numbers);
        bus
    };
    let now = Duration::ZERO;
    assert_eq!(arrived(&with("lose-event:*:first=2", 0..4), now), [2, 3]);
    assert_eq!(arrived(&with("double-event:ECS Task State Change:every=2", 0..3), now), [0, 1, 1, 2]);
    assert_eq!(arrived(&with("reorder-event:*:first=1", 0..3), now), [1, 0, 2]);
    let alone = with("reorder-event:*", 0..1);
    assert_eq!(arrived(&alone, now), [0_u64; 0]);
    assert_eq!(alone.wakes_at(), Some(START.after(PATIENCE)));
    assert_eq!(arrived(&alone, PATIENCE), [0], "late, where none overtakes it");
    let late = with("delay-event=5000:*:first=1", 0..2);
    assert_eq!(arrived(&late, Duration::from_millis(4_999)), [1]);
    assert_eq!(arrived(&late, Duration::from_secs(5)), [0]);
    assert_eq!(arrived(&with("lose-event:ECS Service Action", 0..1), now), [0], "of another kind");
}

#[test]
fn a_target_has_its_own_input_and_a_group_in_a_fifo_queue() {
    let bus = listening();
    let fifo = json!({"Id": "f", "Arn": "arn:aws:sqs:eu-central-1:123456789012:q.fifo"});
    let put = |target: &Value| json!({"Rule": "all", "Targets": [target]});
    assert_eq!(refused(&bus, "PutTargets", &put(&fifo)), "ValidationException");
    let mut grouped = fifo;
    grouped["SqsParameters"] = json!({"MessageGroupId": "ecs"});
    grouped["InputPath"] = json!("$.detail.number");
    call(&bus, "PutTargets", &put(&grouped));
    publish(&bus, 7..8);
    let message = bus.due(START).remove(1).message;
    assert_eq!((message.body.as_str(), message.group.as_deref()), ("7", Some("ecs")));
    assert!(message.deduplication.is_some());
    let elsewhere = json!({"Id": "l", "Arn": "arn:aws:lambda:eu-central-1:123456789012:function:f"});
    assert_eq!(refused(&bus, "PutTargets", &put(&elsewhere)), "UnsupportedFeatureException");
}

#[test]
fn rules_and_targets_are_listed_removed_and_deleted() {
    let bus = listening();
    let pattern = json!({"source": ["x"]}).to_string();
    let tags = json!([{"Key": "team", "Value": "web"}]);
    let rule = json!({"Name": "b", "EventPattern": pattern, "Description": "of x", "State": "DISABLED", "Tags": tags});
    let arn = call(&bus, "PutRule", &rule)["RuleArn"].take();
    assert_eq!(arn, "arn:aws:events:eu-central-1:123456789012:rule/b");
    assert_eq!(call(&bus, "ListTagsForResource", &json!({"ResourceARN": arn}))["Tags"], tags);
    let shown = call(&bus, "DescribeRule", &json!({"Name": "b"}));
    assert_eq!((&shown["State"], &shown["Description"]), (&json!("DISABLED"), &json!("of x")));
    let first = call(&bus, "ListRules", &json!({"Limit": 1}));
    assert_eq!(first["Rules"][0]["Name"], "all");
    let rest = call(&bus, "ListRules", &json!({"Limit": 1, "NextToken": first["NextToken"]}));
    assert_eq!((&rest["Rules"][0]["Name"], rest.get("NextToken")), (&json!("b"), None));
    let target = "arn:aws:sqs:eu-central-1:123456789012:q";
    assert_eq!(
        call(&bus, "ListRuleNamesByTarget", &json!({"TargetArn": target}))["RuleNames"],
        json!(["all"])
    );
    assert_eq!(call(&bus, "ListTargetsByRule", &json!({"Rule": "all"}))["Targets"][0]["Arn"], target);
    assert_eq!(refused(&bus, "DeleteRule", &json!({"Name": "all"})), "ValidationException");
    let removed = call(&bus, "RemoveTargets", &json!({"Rule": "all", "Ids": ["1", "2"]}));
    assert_eq!(
        (&removed["FailedEntryCount"], &removed["FailedEntries"][0]["TargetId"]),
        (&json!(1), &json!("2"))
    );
    for name in ["all", "b", "b"] {
        call(&bus, "DeleteRule", &json!({"Name": name}));
    }
    assert!(!bus.is_heard());
    assert_eq!(refused(&bus, "DescribeRule", &json!({"Name": "b"})), "ResourceNotFoundException");
    let broken = json!({"Name": "c", "EventPattern": r#"{"source": "x"}"#});
    assert_eq!(refused(&bus, "PutRule", &broken), "InvalidEventPatternException");
    let elsewhere = json!({"Name": "c", "EventPattern": pattern, "EventBusName": "other"});
    assert_eq!(refused(&bus, "PutRule", &elsewhere), "ResourceNotFoundException");
    assert_eq!(refused(&bus, "CreateEventBus", &json!({"Name": "other"})), "UnsupportedFeatureException");
}

#[test]
fn a_pattern_is_tested_and_own_events_are_put() {
    let bus = listening();
    let event = json!({"id": "1", "account": "123456789012", "source": "shop", "time": "2026-01-01T00:00:00Z",
        "region": "eu-central-1", "resources": [], "detail-type": "order", "detail": {"size": 3}});
    let test = |pattern: Value, event: &Value| json!({"EventPattern": pattern.to_string(), "Event": event.to_string()});
    let is_large = json!({"detail": {"size": [{"numeric": [">", 2]}]}});
    assert_eq!(call(&bus, "TestEventPattern", &test(is_large.clone(), &event))["Result"], true);
    assert_eq!(call(&bus, "TestEventPattern", &test(json!({"source": ["x"]}), &event))["Result"], false);
    assert_eq!(
        refused(&bus, "TestEventPattern", &test(is_large.clone(), &json!({"id": "1"}))),
        "ValidationException"
    );
    call(&bus, "PutRule", &json!({"Name": "all", "EventPattern": is_large.to_string()}));
    let entry =
        |source: &str, detail: &str| json!({"Source": source, "DetailType": "order", "Detail": detail});
    let entries = json!([
        entry("shop", r#"{"size": 3}"#),
        entry("shop", r#"{"size": 1}"#),
        entry("aws.ecs", "{}"),
        entry("shop", "[]")
    ]);
    let put = call(&bus, "PutEvents", &json!({"Entries": entries}));
    assert_eq!(put["FailedEntryCount"], 2);
    assert_eq!(put["Entries"][2]["ErrorCode"], "NotAuthorizedForSourceException");
    assert_eq!(put["Entries"][3]["ErrorCode"], "MalformedDetail");
    assert_eq!(bus.due(START).len(), 1);
}
