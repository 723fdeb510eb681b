"""What a task learns about itself, and its role's credentials, by boto3 and the AWS CLI inside the task."""

import json
import re

import pytest

from local import REGION
from test_tasks import LOGS, read

ROLE = "arn:aws:iam::123456789012:role/task"

# The task asks, as any program on Fargate would, and tells what it was told.
ASK = """
import json, os, urllib.request
def ask(path):
    with urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + path, timeout=30) as answer:
        return json.load(answer)
print(json.dumps({"container": ask(""), "task": ask("/task"), "stats": ask("/stats"), "all": ask("/task/stats")}))
"""

BOTO3 = """
import json, os, boto3
session = boto3.Session()
credentials = session.get_credentials()
keys = credentials.get_frozen_credentials()
client = session.client("ecs", endpoint_url=os.environ["LOCAL"])
print(json.dumps({
    "method": credentials.method,
    "key": keys.access_key,
    "token": keys.token,
    "region": session.region_name,
    "user_agent": client.meta.config.user_agent,
    "clusters": client.list_clusters()["clusterArns"],
}))
"""


@pytest.fixture
def run(ecs, logs, stage):
    """Runs a task to its end and returns it with the last line that it wrote."""

    def run(image, command, role=None, **container):
        definition = ecs.register_task_definition(
            family=stage.cluster,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[
                {"name": "web", "image": image, "command": command, "logConfiguration": LOGS} | container
            ],
            **({"taskRoleArn": role} if role else {}),
        )["taskDefinition"]
        task = stage.stopped(stage.run(definition["taskDefinitionArn"]))
        lines = [event["message"] for event in read(logs, task["taskArn"])]
        assert task["containers"][0]["exitCode"] == 0, lines
        return task, lines

    return run


def test_a_task_is_told_who_it_is_and_what_it_uses(run):
    task, lines = run("python", [ASK])
    told = json.loads(lines[-1])
    assert told["task"]["TaskARN"] == task["taskArn"]
    assert told["task"]["Cluster"] == task["clusterArn"]
    assert f'{told["task"]["Family"]}:{told["task"]["Revision"]}' == task["taskDefinitionArn"].rsplit("/", 1)[1]
    assert told["task"]["AvailabilityZone"] == task["availabilityZone"]
    assert told["task"]["Limits"] == {"CPU": 0.25, "Memory": 512}
    assert told["container"]["DockerId"] == task["containers"][0]["runtimeId"]
    addresses = told["container"]["Networks"][0]["IPv4Addresses"]
    assert addresses == [task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]]
    stats = told["stats"]
    assert stats["memory_stats"]["usage"] > 1_000_000
    assert stats["memory_stats"]["limit"] == 512 * 1024 * 1024
    assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert stats["cpu_stats"]["system_cpu_usage"] > stats["cpu_stats"]["cpu_usage"]["total_usage"]
    assert list(told["all"]) == [told["container"]["DockerId"]]


def test_boto3_in_a_task_takes_the_tasks_credentials_and_region(local, run):
    environment = [{"name": "LOCAL", "value": local.url}]
    _, lines = run("python", [BOTO3], role=ROLE, environment=environment)
    told = json.loads(lines[-1])
    assert told["method"] == "container-role"
    assert told["region"] == REGION
    assert re.fullmatch(r"ASIA[0-9A-F]{16}", told["key"])
    assert told["clusters"], "the call was signed and answered"
    assert "exec-env/AWS_ECS_FARGATE" in told["user_agent"]


def test_the_aws_cli_in_a_task_takes_the_tasks_credentials(run):
    _, lines = run("aws", ["configure", "list"], role=ROLE)
    found = next(line for line in lines if "access_key" in line)
    assert "container-role" in found, lines


def test_a_task_without_a_role_has_no_credentials(run):
    script = "import boto3; print(boto3.Session().get_credentials())"
    environment = [{"name": "AWS_EC2_METADATA_DISABLED", "value": "true"}]
    _, lines = run("python", [script], environment=environment)
    assert lines[-1] == "None"


def test_the_keys_of_a_task_are_in_no_answer_and_no_log(local, ecs, run):
    environment = [{"name": "LOCAL", "value": local.url}]
    task, lines = run("python", [BOTO3], role=ROLE, environment=environment)
    token = json.loads(lines[-1])["token"]
    described = ecs.describe_tasks(cluster=task["clusterArn"], tasks=[task["taskArn"]])
    _, requests = local.admin("GET", "requests")
    for text in (json.dumps(described, default=str), local.log(), json.dumps(requests)):
        assert token not in text
