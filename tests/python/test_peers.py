"""The controller, unmodified, against emulators that we did not write.

They run no rollout, so what is judged is what the controller sends and what can be read back of it.
Where a peer loses a member, that is listed here and in `docs/fidelity.md`; one that it has learned to
keep fails the test, as one that it newly loses does.
"""

import pathlib
import shutil

import pytest

from controller import Controller
from local import ACCOUNT, CREDENTIALS, until
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


def edit(manifests, old, new):
    path = manifests / "web.yaml"
    text = path.read_text()
    assert old in text
    new_file = manifests / ".new"
    new_file.write_text(text.replace(old, new))
    new_file.rename(path)


def test_a_directory_of_manifests_becomes_a_service_and_an_edit_changes_it(peer, proxy, network, tmp_path):
    subnets, group = network
    manifests = tmp_path / "manifests"
    shutil.copytree(MANIFESTS, manifests)
    arguments = ("--manifests", str(manifests), "--store", str(tmp_path / "store"))
    controller = Controller(tmp_path, proxy.url, REGION, *arguments)
    try:
        until("CreateService", lambda: sent(proxy, "CreateService"))
        ecs = peer.client("ecs")
        service = describe(ecs)
        judge_definition(ecs, service["taskDefinition"], image("1.0"))
        judge_service(peer, service, subnets, group)
        until("the drift that the peer makes", lambda: drift(controller) == DRIFT[peer.name])

        edit(manifests, "web:1.0", "web:1.1")
        until("UpdateService", lambda: sent(proxy, "UpdateService"))
        arn = sent(proxy, "UpdateService")[-1]["taskDefinition"]
        assert describe(ecs)["taskDefinition"] == arn
        judge_definition(ecs, arn, image("1.1"))

        edit(manifests, "fixed: 2", "fixed: 3")
        if peer.name == "moto":
            # It knows nothing of the new deployment, and cannot list them: in doubt, nothing more is written.
            status = until("the doubt", lambda: unavailable(controller))
            assert "ListServiceDeployments: no answer: HTTP status 500" in status["summary"]
        else:
            until("three are wanted", lambda: describe(ecs)["desiredCount"] == 3)
        assert len(sent(proxy, "RegisterTaskDefinition")) == 2, "one revision a version"
        assert len(sent(proxy, "CreateService")) == 1
    finally:
        code = controller.stop()
    assert code == 0, controller.log()
    problems = [problem for seen in proxy.seen for problem in seen.problems]
    assert not problems, "\n".join(problems)


def drift(controller):
    """The members that differ, each by its first name."""
    differences = controller.get("/v1/services/web")["differences"]
    return {difference["path"].split(".")[0] for difference in differences}


def unavailable(controller):
    status = controller.get("/v1/services/web")
    return status if status["reason"] == "Unavailable" else None


def describe(ecs):
    services = ecs.describe_services(cluster="dev", services=["web"], include=["TAGS"])["services"]
    assert len(services) == 1
    return services[0]


def judge_definition(ecs, arn, image):
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
        "family": "web",
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
