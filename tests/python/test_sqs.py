"""Queues, as boto3 and the AWS CLI see them, and as moto and MiniStack have them."""

import hashlib
import json

import botocore.exceptions
import pytest

from peers import MiniStack, Moto


@pytest.fixture(scope="session")
def sqs(local):
    return local.client("sqs")


# What a peer does otherwise than AWS, see docs/fidelity.md.
DIFFERS = {"moto": {"a duplicate has an id of its own"}, "ministack": set(), "local": set()}


@pytest.fixture(scope="module", params=["local", Moto, MiniStack])
def place(request, tmp_path_factory):
    """The local AWS, and each peer."""
    if request.param == "local":
        yield "local", request.getfixturevalue("local").client("sqs")
        return
    peer = request.param(tmp_path_factory.mktemp(request.param.name))
    yield peer.name, peer.client("sqs")
    peer.stop()


@pytest.fixture
def anyones(place):
    """SQS of that place."""
    return place[1]


@pytest.fixture
def holds(place):
    """Holds a statement of what AWS does against what is listed of the place."""

    def hold(difference: str, is_as_in_aws: bool):
        listed = difference in DIFFERS[place[0]]
        assert is_as_in_aws != listed, f"{place[0]}: {difference}: {'gone from it' if listed else 'not listed'}"

    return hold


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def test_a_message_goes_through_a_queue_with_its_attributes_and_digests(anyones, name):
    url = anyones.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    assert anyones.get_queue_url(QueueName=name)["QueueUrl"] == url
    attributes = {
        "kind": {"DataType": "String", "StringValue": "task"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x01\x02"},
        "size": {"DataType": "Number", "StringValue": "3"},
    }
    # botocore holds MD5OfMessageBody against the body by itself.
    sent = anyones.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
    got = anyones.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"], WaitTimeSeconds=1
    )["Messages"][0]
    assert (got["Body"], got["MessageAttributes"]) == ("hello", attributes)
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in anyones.receive_message(QueueUrl=url)
    anyones.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
    again = anyones.receive_message(QueueUrl=url)["Messages"][0]
    anyones.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    found = anyones.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["ApproximateNumberOfMessages"] == "0"
    assert found["VisibilityTimeout"] == "60"
    assert found["QueueArn"].endswith(f":{name}")


def test_a_fifo_queue_takes_a_duplicate_once_and_keeps_order(anyones, holds, name):
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = anyones.create_queue(QueueName=f"{name}.fifo", Attributes=attributes)["QueueUrl"]
    ids = [anyones.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g") for body in ("1", "1", "2")]
    holds("a duplicate has an id of its own", ids[0]["MessageId"] == ids[1]["MessageId"])
    got = anyones.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in got] == ["1", "2"]


def test_what_is_received_too_often_is_in_the_dead_letter_queue(anyones, name):
    dead = anyones.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = anyones.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    attributes = {"RedrivePolicy": policy, "VisibilityTimeout": "0"}
    url = anyones.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    anyones.send_message(QueueUrl=url, MessageBody="poison")
    assert anyones.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "poison"
    assert "Messages" not in anyones.receive_message(QueueUrl=url)
    assert anyones.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "poison"


def test_errors_have_the_names_and_the_codes_that_clients_know(sqs, name):
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as error:
        sqs.get_queue_url(QueueName=name)
    assert code(error) == "AWS.SimpleQueueService.NonExistentQueue"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    with pytest.raises(sqs.exceptions.QueueNameExists) as error:
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})
    assert code(error) == "QueueAlreadyExists"
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[])
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="x")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    assert code(error) == "InvalidParameterValue"


def test_the_queues_url_names_this_server(local, sqs, name):
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == f"{local.url}/123456789012/{name}"


def test_the_cli_sends_and_receives(local, name):
    def aws(*arguments):
        # For SQS the CLI takes an old name of the endpoint over the one in its environment.
        return local.aws("--endpoint-url", local.url, "sqs", *arguments)

    url = aws("create-queue", "--queue-name", name).json()["QueueUrl"]
    aws("send-message", "--queue-url", url, "--message-body", "hello").json()
    got = aws("receive-message", "--queue-url", url, "--attribute-names", "SentTimestamp").json()
    assert got["Messages"][0]["Body"] == "hello"
    assert int(got["Messages"][0]["Attributes"]["SentTimestamp"]) > 0
    aws("purge-queue", "--queue-url", url).json()
    missing = aws("get-queue-url", "--queue-name", "none")
    assert "AWS.SimpleQueueService.NonExistentQueue" in missing.err
