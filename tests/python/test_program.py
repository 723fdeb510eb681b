"""The binary itself, and the project's own api as a task."""

import json
import os
import pathlib
import subprocess
import urllib.request

import boto3

from conftest import FAST, NETWORK
from local import CREDENTIALS, REGION, Local, until


def run(*arguments):
    return subprocess.run(
        [os.environ["COXSWAIN_LOCAL"], *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_other_machines_are_kept_out_unless_allowed():
    refused = run("--listen", "0.0.0.0:0")
    assert refused.returncode == 1
    assert "--allow-remote" in refused.stderr
    assert refused.stdout == ""


def test_a_wrong_image_map_is_told_with_its_place(tmp_path):
    (tmp_path / "images.json").write_text('{"images": [{"image": "a", "entrypoint": []}]}')
    refused = run("--images", str(tmp_path / "images.json"))
    assert refused.returncode == 1
    assert "unknown field `entrypoint`" in refused.stderr
    assert "line 1" in refused.stderr


def test_parameters_and_faults_are_given_on_the_command_line(tmp_path):
    local = Local(tmp_path, "--parameter", "/a=1", "--fault", "throttle:ListClusters:first=1")
    try:
        assert local.client("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "1"
        assert local.client("ecs", retries=2).list_clusters()["clusterArns"] == []
    finally:
        assert local.stop() == 0


def test_at_its_end_no_task_is_left(tmp_path):
    local = Local(tmp_path)
    marker = tmp_path / "pid"
    try:
        ecs = local.client("ecs")
        ecs.create_cluster(clusterName="c")
        ecs.register_task_definition(
            family="f",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[
                {"name": "web", "image": "web:1", "command": [f"echo $$ > {marker}; while :; do sleep 0.1; done"]}
            ],
        )
        ecs.run_task(cluster="c", taskDefinition="f", launchType="FARGATE", networkConfiguration=NETWORK)
        pid = until("the task runs", lambda: marker.exists() and marker.read_text().strip())
    finally:
        assert local.stop() == 0
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_the_api_runs_as_a_task_with_a_health_check(tmp_path):
    api = pathlib.Path(os.environ["COXSWAIN_API"]).resolve()
    entry = {
        "image": "*/api:*",
        "entryPoint": [str(api)],
        "bin": [str(api.parent)],
        "environment": {
            "API_LISTEN": "{address}:8000",
            "API_VERSION": "{tag}",
            "API_IDENTITY": "plain-headers",
            "API_STORE": "events",
            "API_GRACE": "0",
        },
    }
    local = Local(tmp_path, images=[entry])
    try:
        ecs = local.client("ecs")
        ecs.create_cluster(clusterName="c")
        container = {
            "name": "api",
            "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:1.4.0",
            "portMappings": [{"containerPort": 8000}],
            "healthCheck": {"command": ["CMD", "coxswain-api", "healthcheck"], "interval": 5, "retries": 2},
        }
        ecs.register_task_definition(
            family="api",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        ecs.create_service(
            cluster="c",
            serviceName="api",
            taskDefinition="api",
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
        )

        def healthy():
            arns = ecs.list_tasks(cluster="c", serviceName="api")["taskArns"]
            tasks = ecs.describe_tasks(cluster="c", tasks=arns)["tasks"] if arns else []
            return tasks if len(tasks) == 2 and all(t["healthStatus"] == "HEALTHY" for t in tasks) else None

        for task in until("two healthy tasks", healthy):
            address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
            with urllib.request.urlopen(f"http://{address}:8000/healthz", timeout=10) as answer:
                assert answer.status == 200
                told = json.load(answer)["task"]
            task_id = task["taskArn"].rsplit("/", 1)[1]
            expected = {"id": task_id, "definition": "api:1", "zone": task["availabilityZone"]}
            assert (told, answer.headers["x-api-task"]) == (expected, task_id)
        ecs.get_waiter("services_stable").wait(cluster="c", services=["api"], WaiterConfig=FAST)
    finally:
        assert local.stop() == 0, local.log()


def test_a_default_client_without_our_checks_works_too(local):
    client = boto3.client("ecs", endpoint_url=local.url, region_name=REGION, **CREDENTIALS)
    assert "clusterArns" in client.list_clusters()
