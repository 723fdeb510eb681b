"""What ECS and CloudTrail tell EventBridge, as boto3 receives it from a queue."""

import json

import pytest

from local import until


@pytest.fixture(scope="session")
def sqs(local):
    return local.client("sqs")


@pytest.fixture(scope="session")
def events(local):
    return local.client("events")


def receive(sqs, url) -> list[dict]:
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
    for message in got:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in got]


@pytest.fixture
def listening(sqs, events, cluster):
    """A queue that hears of the test's cluster alone, and a way to wait for an event."""
    url = sqs.create_queue(QueueName=cluster)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.ecs"],
        "$or": [
            {"resources": [{"wildcard": f"*/{cluster}/*"}]},
            {"detail": {"requestParameters": {"cluster": [cluster]}}},
        ],
    }
    events.put_rule(Name=cluster, EventPattern=json.dumps(pattern))
    failed = events.put_targets(Rule=cluster, Targets=[{"Id": "queue", "Arn": arn}])["FailedEntryCount"]
    assert failed == 0
    seen = []

    def heard(what: str, wanted):
        def look():
            seen.extend(receive(sqs, url))
            return next((event for event in seen if wanted(event)), None)

        return until(what, look)

    yield heard
    events.remove_targets(Rule=cluster, Ids=["queue"])
    events.delete_rule(Name=cluster)


def test_a_deployment_is_told_from_its_call_to_its_steady_state(listening, stage):
    arn = stage.create(stage.register())["serviceArn"]
    call = listening("the call", lambda event: event["detail"].get("eventName") == "CreateService")
    assert call["detail-type"] == "AWS API Call via CloudTrail"
    assert "Boto3" in call["detail"]["userAgent"]
    assert call["detail"]["userIdentity"]["accessKeyId"] == "AKIAIOSFODNN7EXAMPLE"
    running = listening("a task that runs", lambda event: event["detail"].get("lastStatus") == "RUNNING")
    assert running["detail-type"] == "ECS Task State Change"
    assert running["resources"] == [running["detail"]["taskArn"]]
    done = listening(
        "the deployment's end", lambda event: event["detail"].get("eventName") == "SERVICE_DEPLOYMENT_COMPLETED"
    )
    assert (done["detail-type"], done["resources"]) == ("ECS Deployment State Change", [arn])
    steady = listening("the steady state", lambda event: event["detail"].get("eventName") == "SERVICE_STEADY_STATE")
    assert steady["detail"]["eventType"] == "INFO"


def test_the_cli_tests_a_pattern_and_lists_rules(local, events, name):
    events.put_rule(Name=name, EventPattern='{"source": ["aws.ecs"]}', State="DISABLED")
    listed = local.aws("events", "list-rules", "--name-prefix", name).json()["Rules"]
    assert [(rule["Name"], rule["State"]) for rule in listed] == [(name, "DISABLED")]
    event = {
        "id": "1",
        "account": "123456789012",
        "source": "aws.ecs",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail-type": "x",
        "detail": {"n": 3},
    }
    pattern = json.dumps({"detail": {"n": [{"numeric": [">", 2]}]}})
    tested = local.aws("events", "test-event-pattern", "--event-pattern", pattern, "--event", json.dumps(event))
    assert tested.json() == {"Result": True}
    with pytest.raises(events.exceptions.InvalidEventPatternException):
        events.put_rule(Name=name, EventPattern='{"source": "aws.ecs"}')
    local.aws("events", "delete-rule", "--name", name).json()
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_rule(Name=name)
