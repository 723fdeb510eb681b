"""What was sent and answered in the Rust tests, held against botocore's model.

The tests that run before write every distinct request and every form of answer down: `Journal` in `crates/local-aws`, and in
`crates/store/tests/moto/serve.py`.
"""

import json
import os
import pathlib

import pytest

import s3_requests
import shapes

# Whatever else changes: without these the controller of the tests did not do its work.
SURELY_SENT = {
    "CreateService",
    "DescribeServices",
    "DescribeTaskDefinition",
    "GetParameters",
    "GetObject",
    "ListObjectsV2",
    "ListServiceDeployments",
    "PutObject",
    "RegisterTaskDefinition",
    "UpdateService",
}


# The servers that write a journal: the local ECS knows the operation, moto's has the request of HTTP.
TARGETS = {shapes.SESSION.get_service_model(name).metadata["targetPrefix"]: name for name in ("ecs", "ssm", "logs", "ecr")}


def model(service, operation):
    return shapes.SESSION.get_service_model(service).operation_model(operation)


def judge(entry):
    """The operation, the request, and its problems."""
    request = entry["request"]
    if "operation" not in entry and request is None:
        return s3_requests.judge(entry["method"], entry["target"], entry["headers"])
    if "operation" in entry:
        service, operation = entry["service"], entry["operation"]
    else:
        prefix, operation = entry["headers"]["x-amz-target"].split(".")
        service = TARGETS[prefix]
    return operation, request, shapes.judge_request(model(service, operation), request)


@pytest.fixture(scope="module")
def journal():
    """Every distinct line."""
    folder = pathlib.Path(os.environ["COXSWAIN_REQUESTS"])
    files = sorted(folder.glob("*.jsonl"))
    assert files, f"no journal in {folder}: run `cargo test --workspace` first, as `cargo xtask ci` does"
    distinct = {line for file in files for line in file.read_text().splitlines()}
    entries = [json.loads(line) for line in distinct]
    assert {"full": True} not in entries, "a journal had no room for all requests"
    return entries


@pytest.fixture(scope="module")
def sent(journal):
    """Every distinct request of the AWS SDK for Rust, which is what our programs use, judged."""
    requests = [entry for entry in journal if "request" in entry]
    return [judge(request) for request in requests if (request["client"] or "").startswith("aws-sdk-rust/")]


def test_every_request_is_one_that_the_model_allows(sent):
    assert SURELY_SENT <= {operation for operation, _, _ in sent}
    found = {"\n".join(problems): (operation, request) for operation, request, problems in sent if problems}
    assert not found, "\n\n".join(f"{text}\n  in {one}" for text, one in found.items())
    forms = {(operation, *sorted(members(request))) for operation, request, _ in sent}
    print(f"\n{len(sent)} distinct requests of {len(forms)} forms")


def test_every_answer_is_one_that_the_model_allows(journal):
    answers = [entry for entry in journal if "answer" in entry or "error" in entry]
    assert {"CreateService", "DescribeServices", "GetParameters"} <= {entry["operation"] for entry in answers}
    found = shapes.judge_journal(answers)
    assert not found, "\n\n".join(found)
    print(f"\n{len(answers)} answers")


def members(value, path=""):
    """The paths of all members that a request has."""
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from members(member, f"{path}.{name}")
    elif isinstance(value, list):
        for member in value:
            yield from members(member, f"{path}[]")


REGISTER = {"family": "web", "containerDefinitions": [{"name": "web", "image": "web:1"}]}


@pytest.mark.parametrize(
    ("service", "operation", "request_", "problem"),
    [
        ("ecs", "RegisterTaskDefinition", REGISTER | {"moon": 1}, "no such member"),
        ("ecs", "RegisterTaskDefinition", {"family": "web"}, "containerDefinitions"),
        ("ecs", "RegisterTaskDefinition", REGISTER | {"networkMode": "moon"}, "is none of"),
        ("ecs", "RegisterTaskDefinition", REGISTER | {"cpu": 256}, "is no string"),
        ("ecs", "UpdateService", {"service": "web", "desiredCount": "2"}, "is no integer"),
        ("ecs", "UpdateService", {"service": "web", "forceNewDeployment": 1}, "is no boolean"),
        ("ecs", "ListServices", {"maxResults": None}, "is no integer"),
        ("ecs", "DescribeServices", {"services": ["web"] * 11}, "more than 10"),
        ("ssm", "GetParameters", {"Names": ["/a"] * 11}, "over the most, 10"),
        ("ssm", "GetParameters", {"Names": []}, "under the least, 1"),
        ("ssm", "PutParameter", {"Name": "/a", "Value": "x" * 4097}, "more than 4096 bytes"),
        ("ssm", "PutParameter", {"Name": "/a", "Value": "{{b}}"}, "refers to another"),
        ("logs", "GetLogEvents", {"logStreamName": "a:b"}, "does not match"),
    ],
)
def test_the_judge_finds_what_is_wrong(service, operation, request_, problem):
    problems = shapes.judge_request(model(service, operation), request_)
    assert problem in "\n".join(problems)


ERROR = {"code": "ParameterNotFound", "message": "x", "status": 400, "members": {}}


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        ({"answer": {"parameter": {}}}, "no such member"),
        ({"answer": {"Parameter": {"Version": "1"}}}, "is no long"),
        ({"answer": {"Parameter": {"Type": "Text"}}}, "is none of"),
        ({"error": ERROR | {"code": "ServiceNotFoundException"}}, "has no error"),
        ({"error": ERROR | {"status": 404}}, "HTTP status 404"),
        ({"error": ERROR | {"message": ""}}, "without a message"),
        ({"error": ERROR | {"members": {"moon": 1}}}, "no such member"),
    ],
)
def test_the_judge_of_answers_finds_what_is_wrong(outcome, problem):
    told = shapes.judge_journal([{"service": "ssm", "operation": "GetParameter", "client": None} | outcome])
    assert problem in "\n".join(told)


def test_the_judge_finds_nothing_in_what_is_right():
    assert shapes.judge_request(model("ecs", "RegisterTaskDefinition"), REGISTER) == []
