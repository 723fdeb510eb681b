//! Queues as a client sees them, in virtual time; every answer is held against the table.

use std::sync::Arc;

use coxswain_ecs_shapes::{Reading, check, sqs};
use tokio_util::task::TaskTracker;

use super::{neighbour::amended, *};
use crate::clock::TokioClock;

/// SQS on tokio's clock.
struct Lab {
    queues: Queues,
    clock: TokioClock,
}

impl Lab {
    fn new() -> Arc<Self> {
        let queues = Queues::new("123456789012", "eu-central-1", Random::seeded(7));
        let clock = TokioClock::starting_at(Time::from_millis(1_795_000_000_000));
        Arc::new(Self { queues, clock })
    }

    async fn ask(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        let known = sqs().operation(operation).unwrap();
        let request = amended(operation, &request).into_owned();
        check(known.input, &request, Reading::Wire, &mut |violation| {
            panic!("{operation}: the request's {}: {:?}", violation.path, violation.problem)
        });
        let at = At { url: Some("http://127.0.0.1:4580"), clock: &self.clock };
        let answer = self.queues.call(operation, &request, at).await?;
        check(known.output, &answer, Reading::Wire, &mut |violation| {
            panic!("{operation}: the answer's {}: {:?}", violation.path, violation.problem)
        });
        Ok(answer)
    }

    async fn call(&self, operation: &str, request: Value) -> Value {
        self.ask(operation, request).await.unwrap()
    }

    async fn refused(&self, operation: &str, request: Value) -> String {
        self.ask(operation, request).await.unwrap_err().code.into_owned()
    }

    async fn create(&self, name: &str, attributes: Value) -> String {
        let answer = self.call("CreateQueue", json!({"QueueName": name, "Attributes": attributes})).await;
        answer["QueueUrl"].as_str().unwrap().to_owned()
    }

    async fn send(&self, url: &str, body: &str) -> Value {
        self.call("SendMessage", json!({"QueueUrl": url, "MessageBody": body})).await
    }

    async fn send_to_group(&self, url: &str, body: &str, group: &str) -> Value {
        self.call("SendMessage", json!({"QueueUrl": url, "MessageBody": body, "MessageGroupId": group})).await
    }

    /// The bodies of up to ten messages, and their receipts.
    async fn receive(&self, url: &str) -> Vec<(String, String)> {
        let request = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
        let answer = self.call("ReceiveMessage", request).await;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let text = |message: &Value, name: &str| message[name].as_str().unwrap().to_owned();
        messages.iter().map(|message| (text(message, "Body"), text(message, "ReceiptHandle"))).collect()
    }

    async fn bodies(&self, url: &str) -> Vec<String> {
        self.receive(url).await.into_iter().map(|(body, _)| body).collect()
    }

    async fn attributes(&self, url: &str) -> Value {
        let request = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        self.call("GetQueueAttributes", request).await["Attributes"].take()
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_queues_url_names_this_server_and_its_attributes_have_sqs_defaults() {
    let lab = Lab::new();
    let url = lab.create("events", json!({"VisibilityTimeout": "60"})).await;
    assert_eq!(url, "http://127.0.0.1:4580/123456789012/events");
    assert_eq!(lab.call("GetQueueUrl", json!({"QueueName": "events"})).await["QueueUrl"], url.as_str());
    let expected = json!({
        "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0", "CreatedTimestamp": "1795000000",
        "LastModifiedTimestamp": "1795000000", "DelaySeconds": "0", "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "60",
        "SqsManagedSseEnabled": "true", "QueueArn": "arn:aws:sqs:eu-central-1:123456789012:events",
    });
    assert_eq!(lab.attributes(&url).await, expected);
    let one = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
    let one = lab.call("GetQueueAttributes", one).await;
    assert_eq!(one, json!({"Attributes": {"QueueArn": "arn:aws:sqs:eu-central-1:123456789012:events"}}));
    assert_eq!(lab.refused("GetQueueUrl", json!({"QueueName": "none"})).await, "QueueDoesNotExist");
}

#[tokio::test(start_paused = true)]
async fn the_same_queue_is_created_once_and_its_name_rests_a_minute_after_it() {
    let lab = Lab::new();
    let url = lab.create("events", json!({})).await;
    assert_eq!(lab.create("events", json!({"VisibilityTimeout": "30"})).await, url);
    let other = json!({"QueueName": "events", "Attributes": {"VisibilityTimeout": "31"}});
    assert_eq!(lab.refused("CreateQueue", other).await, "QueueNameExists");
    lab.call("DeleteQueue", json!({"QueueUrl": url})).await;
    assert_eq!(lab.refused("CreateQueue", json!({"QueueName": "events"})).await, "QueueDeletedRecently");
    pass(60).await;
    lab.create("events", json!({})).await;
    let wrong = [
        (json!({"QueueName": "a b"}), "InvalidParameterValue"),
        (json!({"QueueName": "a.fifo"}), "InvalidParameterValue"),
        (json!({"QueueName": "a", "Attributes": {"VisibilityTimeout": "43201"}}), "InvalidAttributeValue"),
        (json!({"QueueName": "a", "Attributes": {"QueueArn": "x"}}), "InvalidAttributeName"),
        (
            json!({"QueueName": "a", "Attributes": {"ContentBasedDeduplication": "true"}}),
            "InvalidAttributeName",
        ),
        (json!({"QueueName": "a", "Attributes": {"RedrivePolicy": "{}"}}), "InvalidParameterValue"),
    ];
    for (request, code) in wrong {
        assert_eq!(lab.refused("CreateQueue", request.clone()).await, code, "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_hidden_while_somebody_has_it_and_comes_again_unless_deleted() {
    let lab = Lab::new();
    let url = lab.create("events", json!({})).await;
    lab.send(&url, "one").await;
    let (_, first) = lab.receive(&url).await.remove(0);
    assert!(lab.bodies(&url).await.is_empty());
    assert_eq!(lab.attributes(&url).await["ApproximateNumberOfMessagesNotVisible"], "1");
    pass(30).await;
    let (_, second) = lab.receive(&url).await.remove(0);
    assert_ne!(first, second);
    // An old receipt deletes nothing, without an error.
    lab.call("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": first})).await;
    let hide = json!({"QueueUrl": url, "ReceiptHandle": second, "VisibilityTimeout": 0});
    lab.call("ChangeMessageVisibility", hide.clone()).await;
    assert_eq!(lab.refused("ChangeMessageVisibility", hide).await, "MessageNotInflight");
    let (body, third) = lab.receive(&url).await.remove(0);
    assert_eq!(body, "one");
    lab.call("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": third})).await;
    pass(60).await;
    assert!(lab.bodies(&url).await.is_empty());
    let handle = json!({"QueueUrl": url, "ReceiptHandle": "nonsense"});
    assert_eq!(lab.refused("DeleteMessage", handle).await, "ReceiptHandleIsInvalid");
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_with_the_message_that_comes_or_at_its_time() {
    let lab = Lab::new();
    let url = lab.create("events", json!({"ReceiveMessageWaitTimeSeconds": "20"})).await;
    let before = lab.clock.now();
    assert!(lab.bodies(&url).await.is_empty());
    assert_eq!(lab.clock.now().since(before), Duration::from_secs(20));

    let tracker = TaskTracker::new();
    let (sender, to) = (Arc::clone(&lab), url.clone());
    tracker.spawn(async move {
        pass(7).await;
        sender.send(&to, "late").await;
    });
    let before = lab.clock.now();
    assert_eq!(lab.bodies(&url).await, ["late"]);
    assert_eq!(lab.clock.now().since(before), Duration::from_secs(7));
    // What becomes visible again ends the wait as well.
    assert_eq!(lab.bodies(&url).await, Vec::<String>::new());
    assert_eq!(lab.bodies(&url).await, ["late"]);
    assert_eq!(lab.clock.now().since(before), Duration::from_secs(37));
    let short = json!({"QueueUrl": url, "WaitTimeSeconds": 0});
    assert_eq!(lab.call("ReceiveMessage", short).await, json!({}));
    let wrong = json!({"QueueUrl": url, "WaitTimeSeconds": 21});
    assert_eq!(lab.refused("ReceiveMessage", wrong).await, "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_and_an_old_one_are_not_seen() {
    let lab = Lab::new();
    let url = lab.create("events", json!({"DelaySeconds": "5", "MessageRetentionPeriod": "60"})).await;
    lab.send(&url, "usual").await;
    let later = json!({"QueueUrl": url, "MessageBody": "later", "DelaySeconds": 10});
    lab.call("SendMessage", later).await;
    assert_eq!(lab.attributes(&url).await["ApproximateNumberOfMessagesDelayed"], "2");
    assert!(lab.bodies(&url).await.is_empty());
    pass(5).await;
    assert_eq!(lab.bodies(&url).await, ["usual"]);
    pass(54).await;
    assert_eq!(lab.attributes(&url).await["ApproximateNumberOfMessages"], "2");
    pass(1).await;
    assert!(lab.bodies(&url).await.is_empty());
    assert_eq!(lab.attributes(&url).await["ApproximateNumberOfMessages"], "0");
}

#[tokio::test(start_paused = true)]
async fn attributes_come_as_they_are_asked_for_with_their_digests() {
    let lab = Lab::new();
    let url = lab.create("events", json!({})).await;
    let attributes = json!({
        "kind.name": {"DataType": "String", "StringValue": "task"},
        "kind.size": {"DataType": "Number", "StringValue": "3"},
        "raw": {"DataType": "Binary", "BinaryValue": "AQI="},
    });
    let request = json!({"QueueUrl": url, "MessageBody": "x", "MessageAttributes": attributes});
    let sent = lab.call("SendMessage", request).await;
    let wanted = json!({"QueueUrl": url, "VisibilityTimeout": 0, "AttributeNames": ["SentTimestamp"],
        "MessageSystemAttributeNames": ["ApproximateReceiveCount"], "MessageAttributeNames": ["All"]});
    let message = lab.call("ReceiveMessage", wanted).await["Messages"][0].take();
    assert_eq!(message["MessageAttributes"], attributes);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    let expected = json!({"SentTimestamp": "1795000000000", "ApproximateReceiveCount": "1"});
    assert_eq!(message["Attributes"], expected);
    let some = json!({"QueueUrl": url, "VisibilityTimeout": 0, "MessageAttributeNames": ["kind.*"]});
    let message = lab.call("ReceiveMessage", some).await["Messages"][0].take();
    assert_eq!(message["MessageAttributes"].as_object().unwrap().len(), 2);
    assert_ne!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    let none = lab.call("ReceiveMessage", json!({"QueueUrl": url})).await["Messages"][0].take();
    assert!(none.get("MessageAttributes").is_none() && none.get("Attributes").is_none());
    for attribute in [
        json!({"AWS.x": {"DataType": "String", "StringValue": "x"}}),
        json!({"x": {"DataType": "Moon", "StringValue": "x"}}),
        json!({"x": {"DataType": "Number", "StringValue": "x"}}),
        json!({"x": {"DataType": "Binary", "StringValue": "x"}}),
    ] {
        let request = json!({"QueueUrl": url, "MessageBody": "x", "MessageAttributes": attribute});
        assert_eq!(lab.refused("SendMessage", request).await, "InvalidParameterValue", "{attribute}");
    }
    let control = json!({"QueueUrl": url, "MessageBody": "\u{1}"});
    assert_eq!(lab.refused("SendMessage", control).await, "InvalidMessageContents");
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_keeps_order_within_a_group_and_takes_a_duplicate_once() {
    let lab = Lab::new();
    let url = lab.create("a.fifo", json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"})).await;
    let first = lab.send_to_group(&url, "a1", "a").await;
    assert_eq!(lab.send_to_group(&url, "a1", "a").await, first, "a duplicate");
    let second = lab.send_to_group(&url, "a2", "a").await;
    assert!(second["SequenceNumber"].as_str().unwrap() > first["SequenceNumber"].as_str().unwrap());
    lab.send_to_group(&url, "b1", "b").await;
    let one = lab.call("ReceiveMessage", json!({"QueueUrl": url})).await;
    assert_eq!(one["Messages"][0]["Body"], "a1");
    assert_eq!(lab.bodies(&url).await, ["b1"], "a2 waits for a1");
    pass(30).await;
    let again = lab.receive(&url).await;
    assert_eq!(again.iter().map(|(body, _)| body.as_str()).collect::<Vec<_>>(), ["a1", "a2", "b1"]);
    for (_, handle) in again {
        lab.call("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": handle})).await;
    }
    lab.send_to_group(&url, "a1", "a").await;
    assert!(lab.bodies(&url).await.is_empty(), "it is known for five minutes, also when it is gone");
    pass(300).await;
    lab.send_to_group(&url, "a1", "a").await;
    assert_eq!(lab.bodies(&url).await, ["a1"]);
    let wrong = [
        (json!({"QueueUrl": url, "MessageBody": "x"}), "MissingParameter"),
        (
            json!({"QueueUrl": url, "MessageBody": "x", "MessageGroupId": "a", "DelaySeconds": 1}),
            "InvalidParameterValue",
        ),
    ];
    for (request, code) in wrong {
        assert_eq!(lab.refused("SendMessage", request).await, code);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_received_too_often_goes_to_the_dead_letter_queue() {
    let lab = Lab::new();
    let dead = lab.create("dead", json!({})).await;
    let policy =
        json!({"deadLetterTargetArn": "arn:aws:sqs:eu-central-1:123456789012:dead", "maxReceiveCount": 2});
    let url = lab.create("events", json!({"RedrivePolicy": policy.to_string()})).await;
    lab.send(&url, "poison").await;
    for _ in 0..2 {
        assert_eq!(lab.bodies(&url).await, ["poison"]);
        pass(30).await;
    }
    assert!(lab.bodies(&url).await.is_empty());
    let wanted = json!({"QueueUrl": dead, "MessageSystemAttributeNames": ["DeadLetterQueueSourceArn"]});
    let message = lab.call("ReceiveMessage", wanted).await["Messages"][0].take();
    assert_eq!(message["Body"], "poison");
    let source = "arn:aws:sqs:eu-central-1:123456789012:events";
    assert_eq!(message["Attributes"]["DeadLetterQueueSourceArn"], source);
    let sources = lab.call("ListDeadLetterSourceQueues", json!({"QueueUrl": dead})).await;
    assert_eq!(sources, json!({"queueUrls": [url]}));
}

#[tokio::test(start_paused = true)]
async fn an_entry_of_a_batch_fails_for_itself() {
    let lab = Lab::new();
    let url = lab.create("events", json!({})).await;
    let entries = json!([{"Id": "1", "MessageBody": "one"}, {"Id": "2", "MessageBody": "\u{2}"}]);
    let sent = lab.call("SendMessageBatch", json!({"QueueUrl": url, "Entries": entries})).await;
    assert_eq!(sent["Successful"][0]["Id"], "1");
    assert_eq!(
        (&sent["Failed"][0]["Id"], &sent["Failed"][0]["Code"]),
        (&json!("2"), &json!("InvalidMessageContents"))
    );
    let (_, handle) = lab.receive(&url).await.remove(0);
    let entries = json!([{"Id": "a", "ReceiptHandle": handle}, {"Id": "b", "ReceiptHandle": "x"}]);
    let deleted = lab.call("DeleteMessageBatch", json!({"QueueUrl": url, "Entries": entries})).await;
    assert_eq!(deleted["Successful"], json!([{"Id": "a"}]));
    assert_eq!(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    let entry = |id: &str| json!({"Id": id, "MessageBody": "x"});
    let many: Vec<Value> = (0..11).map(|number| entry(&number.to_string())).collect();
    for (entries, code) in [
        (json!([]), "EmptyBatchRequest"),
        (json!(many), "TooManyEntriesInBatchRequest"),
        (json!([entry("a"), entry("a")]), "BatchEntryIdsNotDistinct"),
        (json!([entry("a b")]), "InvalidBatchEntryId"),
    ] {
        let request = json!({"QueueUrl": url, "Entries": entries});
        assert_eq!(lab.refused("SendMessageBatch", request).await, code);
    }
    let long = "x".repeat(600_000);
    let entries = json!([{"Id": "1", "MessageBody": long}, {"Id": "2", "MessageBody": long}]);
    let request = json!({"QueueUrl": url, "Entries": entries});
    assert_eq!(lab.refused("SendMessageBatch", request).await, "BatchRequestTooLong");
}

#[tokio::test(start_paused = true)]
async fn purge_tags_and_lists() {
    let lab = Lab::new();
    for name in ["b", "a", "c"] {
        lab.create(name, json!({})).await;
    }
    let first = lab.call("ListQueues", json!({"MaxResults": 2})).await;
    assert_eq!(first["QueueUrls"].as_array().unwrap().len(), 2);
    let rest = lab.call("ListQueues", json!({"MaxResults": 2, "NextToken": first["NextToken"]})).await;
    assert_eq!(rest, json!({"QueueUrls": ["http://127.0.0.1:4580/123456789012/c"]}));
    assert_eq!(lab.call("ListQueues", json!({"QueueNamePrefix": "x"})).await, json!({}));
    let url = json!({"QueueUrl": "http://127.0.0.1:4580/123456789012/a"});
    let name = url["QueueUrl"].as_str().unwrap();
    lab.send(name, "x").await;
    lab.call("PurgeQueue", url.clone()).await;
    assert!(lab.bodies(name).await.is_empty());
    assert_eq!(lab.refused("PurgeQueue", url.clone()).await, "PurgeQueueInProgress");
    lab.call("TagQueue", json!({"QueueUrl": name, "Tags": {"team": "web", "tier": "1"}})).await;
    lab.call("UntagQueue", json!({"QueueUrl": name, "TagKeys": ["tier"]})).await;
    assert_eq!(lab.call("ListQueueTags", url.clone()).await, json!({"Tags": {"team": "web"}}));
    let not_done = json!({"SourceArn": "arn:aws:sqs:eu-central-1:123456789012:a"});
    assert_eq!(lab.refused("StartMessageMoveTask", not_done).await, "UnsupportedFeatureException");
}
