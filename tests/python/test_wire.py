"""The protocol where no client would go, and faults."""

import json

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

ECS = "AmazonEC2ContainerServiceV20141113"


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        (f"{ECS}.CreateService", {"serviceName": "web", "desiredCount": "two"}, "SerializationException"),
        (f"{ECS}.CreateService", {"serviceName": "web", "desiredCount": 1, "launchType": "MOON"}, "InvalidParameterException"),
        (f"{ECS}.CreateService", {}, "InvalidParameterException"),
        (f"{ECS}.FlyToTheMoon", {}, "UnknownOperationException"),
        ("Moon_20141113.Fly", {}, "UnknownOperationException"),
        ("AmazonSSM.GetParameter", {}, "ValidationException"),
    ],
)
def test_a_wrong_request_is_refused_in_awss_words(local, target, body, code):
    status, answer = local.post(target, json.dumps(body).encode())
    assert (status, answer["__type"]) == (400, code)
    assert answer["message"]


def test_a_body_that_is_no_json_is_a_serialization_exception(local):
    status, answer = local.post(f"{ECS}.ListClusters", b"{")
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_members_that_nobody_knows_are_ignored(local):
    status, _ = local.post(f"{ECS}.ListClusters", json.dumps({"moon": 1}).encode())
    assert status == 200


def test_an_operation_that_is_not_done_says_so(local):
    ecs = local.client("ecs")
    with pytest.raises(ClientError) as refused:
        ecs.execute_command(cluster="nowhere", task="0" * 32, command="sh", interactive=True)
    assert "ExecuteCommand" in refused.value.response["Error"]["Message"]


@pytest.fixture
def faults(local):
    yield lambda rule: local.admin("POST", "faults", rule)
    local.admin("DELETE", "faults")


def test_a_throttled_call_is_tried_again_by_the_client(local, faults, name):
    faults("throttle:CreateCluster:first=1")
    with pytest.raises(ClientError) as refused:
        local.client("ecs").create_cluster(clusterName=name)
    assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    faults("throttle:DescribeClusters:first=1")
    assert local.client("ecs", retries=3).describe_clusters(clusters=[name])["failures"]


def test_a_server_error_is_http_500(local, faults):
    faults("server-error:ListClusters:first=1")
    with pytest.raises(ClientError) as refused:
        local.client("ecs").list_clusters()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


@pytest.mark.parametrize(("fault", "exists"), [("lose-answer", True), ("lose-request", False)])
def test_an_answer_is_lost_after_or_before_the_effect(local, faults, name, fault, exists):
    faults(f"{fault}:CreateCluster:first=1")
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        local.client("ecs").create_cluster(clusterName=name)
    found = local.client("ecs").describe_clusters(clusters=[name])["clusters"]
    assert bool(found) is exists
