"""The judge of answers, judged: it finds what botocore would let pass."""

import json

import botocore.session
import pytest

import shapes

SERVICE = botocore.session.get_session().get_service_model("ecs")
HEADERS = {
    "content-type": "application/x-amz-json-1.1",
    "x-amzn-requestid": "6f1de5a2-3c8b-4f0e-9d53-6c1f1f0f7a11",
}


def judge(body, status=200, headers=None, operation="ListClusters"):
    model = SERVICE.operation_model(operation)
    answer = {"status_code": status, "headers": headers or HEADERS, "body": json.dumps(body).encode()}
    shapes.judge_answer(model, answer)


def test_right_answers_pass():
    judge({"clusterArns": ["arn"], "nextToken": "x"})
    judge({"__type": "InvalidParameterException", "message": "why"}, status=400)
    judge({"service": {"launchType": "FARGATE", "createdAt": 1.5}}, operation="CreateService")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"body": {"clusterArns": [], "moon": 1}}, "no such member"),
        ({"body": {"clusterArns": "arn"}}, "is no list"),
        ({"body": {"clusterArns": [None]}}, "is no string"),
        ({"body": {"service": {"launchType": "MOON"}}, "operation": "CreateService"}, "is none of"),
        ({"body": {"service": {"desiredCount": True}}, "operation": "CreateService"}, "is no integer"),
        ({"body": {"service": {"createdAt": "today"}}, "operation": "CreateService"}, "is no timestamp"),
        ({"body": {"__type": "ServiceNotFoundException", "message": "x"}, "status": 400}, "has no error"),
        ({"body": {"__type": "ClientException", "message": ""}, "status": 400}, "without a message"),
        ({"body": {"__type": "ServerException", "message": "x"}, "status": 400}, "HTTP status 400"),
        ({"body": {}, "headers": {"content-type": "text/html"}}, "content type"),
    ],
)
def test_each_deviation_is_found(answer, text):
    with pytest.raises(AssertionError, match=text):
        judge(**answer)
