"""The judge of answers, judged: it finds what botocore would let pass."""

import json

import pytest

import protocols
import shapes

SERVICE = shapes.SESSION.get_service_model("ecs")
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


def read(service, operation, protocol, body):
    model = shapes.SESSION.get_service_model(service).operation_model(operation)
    problems = []
    shapes.judge(model.output_shape, protocols.read_answer(model, protocol, body), operation, problems)
    return problems


XML = """<DescribeTargetGroupsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
  <DescribeTargetGroupsResult><TargetGroups><member>{}</member></TargetGroups></DescribeTargetGroupsResult>
  <ResponseMetadata><RequestId>6f1de5a2-3c8b-4f0e-9d53-6c1f1f0f7a11</RequestId></ResponseMetadata>
</DescribeTargetGroupsResponse>"""


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ("<Port>80</Port><HealthCheckEnabled>true</HealthCheckEnabled>", None),
        ("<Port>eighty</Port>", "is no integer"),
        ("<HealthCheckEnabled>yes</HealthCheckEnabled>", "is no boolean"),
        ("<Protocol>MOON</Protocol>", "is none of"),
        ("<port>80</port>", "no such member"),
        ("<LoadBalancerArns><arn>x</arn></LoadBalancerArns>", "is no string"),
    ],
)
def test_query_xml_is_read_without_losing_what_is_wrong(members, problem):
    problems = read("elbv2", "DescribeTargetGroups", "query", XML.format(members).encode())
    assert (problem or "") in "\n".join(problems)
    assert bool(problem) == bool(problems)


def test_an_error_of_query_xml_has_its_code_and_message():
    body = b"<ErrorResponse><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>no</Message></Error></ErrorResponse>"
    assert protocols.read_error("query", body) == ("TargetGroupNotFound", "no")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        # {"Service": {"Id": "srv-1", "CreateDate": 1(1.5), "InstanceCount": 3}}
        ("a16753657276696365a3624964657372762d316a43726561746544617465c1fb3ff80000000000006d496e7374616e6365436f756e7403", None),
        # {"Service": {"Moon": true}}
        ("bf6753657276696365a1644d6f6f6ef5ff", "no such member"),
        # {"Service": {"InstanceCount": "3"}}
        ("a16753657276696365a16d496e7374616e6365436f756e746133", "is no integer"),
    ],
)
def test_cbor_is_read_as_json_would_be(body, problem):
    problems = read("servicediscovery", "GetService", "smithy-rpc-v2-cbor", bytes.fromhex(body))
    assert (problem or "") in "\n".join(problems)
    assert bool(problem) == bool(problems)
