"""What ECS and CloudTrail tell EventBridge, as boto3 receives it from a queue."""

import json

import pytest

from local import Local, until
from peers import MiniStack


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


EVENT = {
    "id": "1",
    "account": "123456789012",
    "source": "aws.ecs",
    "time": "2026-01-01T00:00:00Z",
    "region": "eu-central-1",
    "resources": ["arn:a"],
    "detail-type": "x",
    "detail": {"number": 3, "status": "RUNNING", "address": "10.0.7.9"},
}

# A pattern's part for a member of the detail, and whether it matches.
COMPARISONS = [
    ("status", ["RUNNING", "PENDING"], True),
    ("status", ["running"], False),
    ("status", [{"prefix": "RUN"}], True),
    ("status", [{"prefix": "UN"}], False),
    ("status", [{"suffix": "ING"}], True),
    ("status", [{"anything-but": "PENDING"}], True),
    ("status", [{"anything-but": ["RUNNING", "PENDING"]}], False),
    ("status", [{"anything-but": {"prefix": "R"}}], False),
    ("status", [{"equals-ignore-case": "running"}], True),
    ("status", [{"wildcard": "R*G"}], True),
    ("status", [{"wildcard": "R*X"}], False),
    ("status", [{"exists": True}], True),
    ("nothing", [{"exists": False}], True),
    ("nothing", ["x"], False),
    ("number", [3], True),
    ("number", ["3"], False),
    ("number", [{"numeric": [">", 2, "<=", 3]}], True),
    ("number", [{"numeric": ["<", 3]}], False),
    ("address", [{"cidr": "10.0.0.0/16"}], True),
    ("address", [{"cidr": "10.1.0.0/16"}], False),
]


@pytest.fixture(scope="module")
def ministack(tmp_path_factory):
    peer = MiniStack(tmp_path_factory.mktemp("ministack"))
    yield peer.client("events")
    peer.stop()


def test_flags_make_queues_that_hear_ecs_and_lose_what_they_are_told_to(tmp_path):
    flags = ("--queue", "jobs.fifo", "--events", "house", "--api-call-delivery", "0")
    local = Local(tmp_path, *flags, "--fault", "lose-event:AWS API Call via CloudTrail:first=1")
    try:
        sqs = local.client("sqs")
        urls = sqs.list_queues()["QueueUrls"]
        assert [url.rsplit("/")[-1] for url in urls] == ["house", "jobs.fifo"]
        ecs = local.client("ecs")
        for cluster in ("lost", "told"):
            ecs.create_cluster(clusterName=cluster)
        told = until("an event", lambda: receive(sqs, urls[0]))
        assert [event["detail"]["requestParameters"] for event in told] == [{"clusterName": "told"}]
    finally:
        assert local.stop() == 0


def test_patterns_match_what_ministack_matches(events, ministack):
    """moto answers TestEventPattern without a result."""
    patterns = [({"detail": {member: comparison}}, matches) for member, comparison, matches in COMPARISONS]
    patterns.append(({"$or": [{"source": ["x"]}, {"detail": {"number": [3]}}]}, True))
    patterns.append(({"source": ["aws.ecs"], "resources": ["arn:a", "arn:b"]}, True))
    for pattern, matches in patterns:
        asked = {"EventPattern": json.dumps(pattern), "Event": json.dumps(EVENT)}
        for client in (events, ministack):
            assert client.test_event_pattern(**asked)["Result"] is matches, pattern


def test_the_cli_tests_a_pattern_and_lists_rules(local, events, name):
    events.put_rule(Name=name, EventPattern='{"source": ["aws.ecs"]}', State="DISABLED")
    listed = local.aws("events", "list-rules", "--name-prefix", name).json()["Rules"]
    assert [(rule["Name"], rule["State"]) for rule in listed] == [(name, "DISABLED")]
    pattern = json.dumps({"detail": {"number": [{"numeric": [">", 2]}]}})
    tested = local.aws("events", "test-event-pattern", "--event-pattern", pattern, "--event", json.dumps(EVENT))
    assert tested.json() == {"Result": True}
    with pytest.raises(events.exceptions.InvalidEventPatternException):
        events.put_rule(Name=name, EventPattern='{"source": "aws.ecs"}')
    local.aws("events", "delete-rule", "--name", name).json()
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_rule(Name=name)
