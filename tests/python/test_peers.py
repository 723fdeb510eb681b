"""The controller, unmodified, against emulators that we did not write.

They run no rollout, so what is judged is what the controller sends and what can be read back of it.
Where a peer loses a member, that is listed here and in `docs/fidelity.md`; one that it has learned to
keep fails the test, as one that it newly loses does.
"""

import base64
import gzip
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from controller import Controller, environment
from local import ACCOUNT, CREDENTIALS, DEADLINE, until
from peers import REGION, MiniStack, Moto
from proxy import Proxy

MANIFESTS = pathlib.Path(__file__).parent / "peer"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/execution"

# What cannot be read back of CreateService, although it was sent.
LOST = {
    "moto": {"deploymentConfiguration", "enableExecuteCommand", "enableECSManagedTags", "availabilityZoneRebalancing"},
    "ministack": {"availabilityZoneRebalancing"},
}

# What the controller therefore takes for drift, and MiniStack's empty texts where AWS says nothing.
DRIFT = {
    "moto": LOST["moto"],
    "ministack": LOST["ministack"] | {"ipcMode", "pidMode"},
}

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module", params=[Moto, MiniStack])
def peer(request, tmp_path_factory):
    peer = request.param(tmp_path_factory.mktemp(request.param.name))
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def network(peer):
    """Subnets and security group, and the parameters that the manifests refer to."""
    subnets, group = peer.network()
    ssm = peer.client("ssm")
    infra = "/coxswain/dev/infra"
    ssm.put_parameter(Name=f"{infra}/private-subnets", Type="StringList", Value=",".join(subnets))
    ssm.put_parameter(Name=f"{infra}/security-group", Type="String", Value=group)
    ssm.put_parameter(Name=f"{infra}/execution-role", Type="String", Value=ROLE)
    peer.client("ecs").create_cluster(clusterName="dev")
    return subnets, group


@pytest.fixture(scope="module")
def proxy(peer):
    proxy = Proxy(peer.url, CREDENTIALS, peer.mend)
    yield proxy
    proxy.close()


def image(tag):
    return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/web:{tag}"


def sent(proxy, operation):
    """The requests of an operation that were answered well."""
    return [seen.request for seen in proxy.seen if seen.operation == operation and seen.status == 200]


class Road:
    """From manifests to a controller. All that it makes on the peer has its own name."""

    def __init__(self, kind, peer, proxy, folder):
        self.kind, self.peer, self.proxy, self.folder = kind, peer, proxy, folder
        self.name = f"{kind}-{next(NUMBERS)}"
        self.manifests = folder / "manifests"
        shutil.copytree(MANIFESTS, self.manifests)
        self.edit("web.yaml", "metadata: { name: web }", f"metadata: {{ name: {self.name} }}")
        self.place = {
            "directory": str(self.manifests),
            "s3": f"s3://{self.name}/dev/",
            "ssm": f"ssm:/coxswain/{self.name}",
            "s3-files": f"s3-files://{self.name}/dev/",
        }[kind]
        self.s3 = peer.client("s3")
        if kind.startswith("s3"):
            location = {"LocationConstraint": REGION}
            self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=location)
        # In a bucket with what comes from there, and so under a lease.
        store = f"s3://{self.name}/state/" if kind == "s3" else str(folder / "store")
        self.arguments = ["--source", self.place, "--store", store]
        if kind != "directory":
            self.arguments += ["--environment", "dev", "--poll-interval", "1s"]

    def edit(self, name, old, new):
        text = (self.manifests / name).read_text()
        assert old in text
        changed = self.manifests / ".new"
        changed.write_text(text.replace(old, new))
        changed.rename(self.manifests / name)

    def publish(self):
        if self.kind == "directory":
            return
        if self.kind == "s3-files":
            for path in self.manifests.glob("*.yaml"):
                self.s3.upload_file(str(path), self.name, f"dev/{path.name}")
            return
        done = subprocess.run(
            [str(pathlib.Path(os.environ["COXSWAIN_PROGRAMS"]) / "cox"), "publish", str(self.manifests), "--to", self.place],
            env=environment(self.folder) | {"AWS_ENDPOINT_URL": self.proxy.url, "AWS_REGION": REGION},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def service(self):
        ecs = self.peer.client("ecs")
        services = ecs.describe_services(cluster="dev", services=[self.name], include=["TAGS"])["services"]
        assert len(services) == 1
        return services[0]


@pytest.fixture
def road(kind, peer, proxy, network, tmp_path):
    proxy.seen.clear()
    road = Road(kind, peer, proxy, tmp_path)
    road.publish()
    yield road
    problems = [problem for seen in proxy.seen for problem in seen.problems]
    assert not problems, "\n".join(problems)


def s3_bundle(road):
    """The pointer, and the bytes that it leads to."""
    read = lambda key: road.s3.get_object(Bucket=road.name, Key=f"dev/{key}")["Body"].read()
    pointer = json.loads(read("pointer.json"))
    return pointer, read(pointer["key"])


def ssm_bundle(road):
    """The same, of parameters: the newest pointer, and gzip in base64, cut into pieces."""
    pages = road.peer.client("ssm").get_paginator("get_parameters_by_path").paginate
    found = pages(Path=road.place.removeprefix("ssm:"), Recursive=True).search("Parameters")
    values = {parameter["Name"].removeprefix(road.place.removeprefix("ssm:") + "/"): parameter["Value"] for parameter in found}
    newest = max(int(name.split("/")[1]) for name in values if name.startswith("pointers/"))
    pieces = [values[name] for name in sorted(values) if name.startswith(f"bundles/{newest}-")]
    return json.loads(values[f"pointers/{newest}"]), gzip.decompress(base64.b64decode("".join(pieces)))


@pytest.mark.parametrize(("kind", "read"), [("s3", s3_bundle), ("ssm", ssm_bundle)])
def test_what_was_published_is_what_the_pointer_says(road, proxy, read):
    def published():
        pointer, bundle = read(road)
        header, body = bundle.splitlines()
        digest = f"v1:sha256:{hashlib.sha256(body).hexdigest()}"
        header = json.loads(header)
        assert (header["digest"], header["bytes"], pointer["digest"]) == (digest, len(body), digest)
        return pointer, json.loads(body)

    first, bundle = published()
    assert (first["environment"], first["sequence"], bundle["sequence"]) == ("dev", 1, 1)
    assert "web:1.0" in json.dumps(bundle)

    writes = lambda: [seen for seen in proxy.seen if seen.operation.startswith("Put")]
    before = len(writes())
    road.publish()
    assert published()[0] == first
    assert len(writes()) == before, "what stands already is not written again"

    for edit in (1, 2):
        road.edit("web.yaml", f"web:1.{edit - 1}", f"web:1.{edit}")
        road.publish()
    last, bundle = published()
    assert (last["sequence"], bundle["sequence"]) == (3, 3)
    assert "web:1.2" in json.dumps(bundle)


@pytest.mark.parametrize("kind", ["directory", "s3", "ssm", "s3-files"])
def test_manifests_become_a_service_and_an_edit_changes_it(road, peer, proxy, network, tmp_path):
    controller = Controller(tmp_path, proxy.url, REGION, *road.arguments)
    try:
        until("CreateService", lambda: sent(proxy, "CreateService"))
        ecs, service = peer.client("ecs"), road.service()
        judge_definition(ecs, service["taskDefinition"], road.name, image("1.0"))
        judge_service(peer, service, *network)
        until("the drift that the peer makes", lambda: drift(road, controller) == DRIFT[peer.name])

        road.edit("web.yaml", "web:1.0", "web:1.1")
        road.publish()
        until("UpdateService", lambda: sent(proxy, "UpdateService"))
        arn = sent(proxy, "UpdateService")[-1]["taskDefinition"]
        assert road.service()["taskDefinition"] == arn
        judge_definition(ecs, arn, road.name, image("1.1"))

        road.edit("web.yaml", "fixed: 2", "fixed: 3")
        road.publish()
        if peer.name == "moto":
            # It knows nothing of the new deployment, and cannot list them: in doubt, nothing more is written.
            status = until("the doubt", lambda: unavailable(road, controller))
            assert "ListServiceDeployments: no answer that can be used: HTTP status 500" in status["summary"]
        else:
            until("three are wanted", lambda: road.service()["desiredCount"] == 3)
        assert len(sent(proxy, "RegisterTaskDefinition")) == 2, "one revision a version"
        assert len(sent(proxy, "CreateService")) == 1
    finally:
        code = controller.stop()
    assert code == 0, controller.log()


def drift(road, controller):
    """The members that differ, each by its first name."""
    differences = controller.get(f"/v1/services/{road.name}")["differences"]
    return {difference["path"].split(".")[0] for difference in differences}


def unavailable(road, controller):
    status = controller.get(f"/v1/services/{road.name}")
    return status if status["reason"] == "Unavailable" else None


def judge_definition(ecs, arn, family, image):
    """Every member that the manifest has, as this test says it, not as the controller does."""
    answer = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    definition, tags = answer["taskDefinition"], {tag["key"]: tag["value"] for tag in answer["tags"]}
    web = {
        "name": "web",
        "image": image,
        "command": ["serve", "--port", "8000"],
        "environment": [{"name": "MODE", "value": "production"}],
        "secrets": [{"name": "TOKEN", "valueFrom": "/dev/web/token"}],
        "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
        "ulimits": [{"name": "nofile", "softLimit": 4096, "hardLimit": 8192}],
        "linuxParameters": {"initProcessEnabled": True},
        "readonlyRootFilesystem": True,
        "stopTimeout": 20,
        "healthCheck": {"command": ["CMD", "check"], "interval": 10, "timeout": 3, "retries": 2, "startPeriod": 5},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/dev/web", "awslogs-region": REGION, "awslogs-stream-prefix": "web"},
        },
    }
    task = {
        "family": family,
        "taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/web",
        "executionRoleArn": ROLE,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "512",
        "memory": "1024",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 30},
    }
    containers = {container["name"]: container for container in definition["containerDefinitions"]}
    assert part(definition, task) == task
    assert part(containers["web"], web) == web
    assert containers["web"]["mountPoints"][0]["containerPath"] == "/scratch"
    assert part(containers["web"]["portMappings"][0], ("containerPort", "name", "appProtocol")) == {
        "containerPort": 8000,
        "name": "http",
        "appProtocol": "http",
    }
    assert containers["init"]["essential"] is False
    assert containers["init"]["dockerLabels"] == {"part": "init"}
    assert [volume["name"] for volume in definition["volumes"]] == ["scratch"]
    assert part(tags, ("team", "coxswain.dev/environment")) == {"team": "web", "coxswain.dev/environment": "dev"}
    assert tags["coxswain.dev/digest"].startswith("v1:sha256:")


def judge_service(peer, service, subnets, group):
    expected = {
        "desiredCount": 2,
        "launchType": "FARGATE",
        "propagateTags": "SERVICE",
        "enableExecuteCommand": True,
        "enableECSManagedTags": True,
        "availabilityZoneRebalancing": "DISABLED",
        "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50},
    }
    found = part(service, expected)
    if isinstance(found.get("deploymentConfiguration"), dict):
        breaker = service["deploymentConfiguration"].pop("deploymentCircuitBreaker", None)
        assert breaker == {"enable": True, "rollback": True}
        found["deploymentConfiguration"] = part(service["deploymentConfiguration"], expected["deploymentConfiguration"])
    assert {name for name in expected if found.get(name) != expected[name]} == LOST[peer.name]
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    assert (network["subnets"], network["securityGroups"]) == (subnets, [group])
    tags = {tag["key"]: tag["value"] for tag in service["tags"]}
    assert tags == {"team": "web", "coxswain.dev/environment": "dev"}


def part(value, names):
    return {name: value[name] for name in names if name in value}
