"""The examples of answers that AWS publishes with its API, as botocore carries them: each is asked again here.

Every member of the published answer has to be there, and its value the same unless it hangs on time, place or
chance. What cannot be had here is in `NOT_HERE`, with why.
"""

import gzip
import json
import pathlib

import botocore
import pytest

from local import Local, SERVE, until

DATA = pathlib.Path(botocore.__file__).parent / "data/ecs/2014-11-13"

# Hang on time, place or chance.
VOLATILE = {"createdAt", "events", "id", "pendingCount", "principalArn", "revision", "runningCount", "startedBy", "updatedAt"}
VOLATILE |= {"activeServicesCount", "runningTasksCount", "pendingTasksCount", "lastStatus", "families", "hostPort"}

NO_INSTANCES = "there are no container instances"
NOT_HERE = {
    ("DescribeContainerInstances", None): NO_INSTANCES,
    ("ListContainerInstances", None): NO_INSTANCES,
    ("DeregisterContainerInstance", None): NO_INSTANCES,
    ("DescribeTasks", "containerInstanceArn"): NO_INSTANCES,
    ("RunTask", "containerInstanceArn"): NO_INSTANCES,
    ("DescribeTasks", "networkBindings"): "no port of a task is bound on an instance",
    ("DescribeTasks", "containerOverrides"): "only containers that were named in a request are shown",
    ("RunTask", "containerOverrides"): "only containers that were named in a request are shown",
    # The example is older than the settings that every account has by now.
    ("ListAccountSettings", "value"): "long ARNs are the default since 2021",
}


def examples():
    path = DATA / "examples-1.json"
    text = path.read_text() if path.exists() else gzip.open(f"{path}.gz", "rt").read()
    found = []
    for operation, listed in json.loads(text)["examples"].items():
        for example in listed:
            if (operation, None) not in NOT_HERE and "containerInstance" not in example.get("input", {}):
                found.append(pytest.param(operation, example, id=f"{operation}-{example['id'][:40]}"))
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A server in which what the examples speak of exists."""
    image = {"image": "*", "entryPoint": ["/bin/sh", "-c"], "command": [SERVE]}
    local = Local(tmp_path_factory.mktemp("published"), images=[image])
    ecs = local.client("ecs")
    for cluster in ("default", "test"):
        ecs.create_cluster(clusterName=cluster)
    ecs.create_cluster(clusterName="dev", tags=[{"key": "team", "value": "dev"}])
    blog = [
        {"name": "wordpress", "cpu": 10, "image": "wordpress", "links": ["mysql"], "memory": 500, "essential": True}
        | {"portMappings": [{"containerPort": 80, "hostPort": 80}]},
        {"name": "mysql", "cpu": 10, "image": "mysql", "memory": 500, "essential": True}
        | {"environment": [{"name": "MYSQL_ROOT_PASSWORD", "value": "password"}]},
    ]
    for _ in range(8):
        ecs.register_task_definition(family="hello_world", containerDefinitions=blog)
    ports = {"portMappings": [{"containerPort": 80}]}
    for family, container in (
        ("console-sample-app-static", {"name": "simple-app"} | ports),
        ("amazon-ecs-sample", {"name": "ecs-demo"} | ports),
        ("sleep360", {"name": "sleep"}),
        ("wordpress", {"name": "wordpress"}),
        ("hpcc", {"name": "hpcc"}),
    ):
        container |= {"image": "busybox", "memory": 10}
        ecs.register_task_definition(family=family, containerDefinitions=[container])
    yield ecs
    assert local.stop() == 0


def service(ecs, name, count=1):
    ecs.create_service(serviceName=name, taskDefinition="hello_world", desiredCount=count)


def prepared(ecs, operation, request):
    """The example's input in this world, in which what it speaks of has come to be."""
    request = dict(request)
    if "principalArn" in request:
        request["principalArn"] = "arn:aws:iam::123456789012:user/principalName"
    if "resourceArn" in request:
        request["resourceArn"] = ecs.describe_clusters(clusters=["dev"])["clusters"][0]["clusterArn"]
    if operation == "DeleteCluster":
        ecs.create_cluster(clusterName=request["cluster"])
    if operation in ("DescribeServices", "UpdateService", "DeleteService", "ListServices"):
        name = request.get("service") or request.get("services", ["my-http-service"])[0]
        service(ecs, name, count=0 if operation == "DeleteService" else 1)
    if operation in ("DescribeTasks", "ListTasks"):
        task = ecs.run_task(taskDefinition="amazon-ecs-sample", startedBy="somebody")["tasks"][0]["taskArn"]
        if "tasks" in request:
            request["tasks"] = [task]
            ecs.get_waiter("tasks_running").wait(tasks=[task], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return request


def same_name(one, other):
    return isinstance(one, dict) and isinstance(other, dict) and one.get("name") == other.get("name")


def lacks(operation, expected, found, path):
    """Every way in which an answer is not as the published one."""
    name = path.rsplit(".", 1)[-1].split("[")[0]
    if (operation, name) in NOT_HERE:
        return
    if isinstance(expected, dict):
        for member, value in expected.items():
            if (operation, member) in NOT_HERE:
                continue
            if member not in found:
                yield f"{path}.{member} is not there"
            else:
                yield from lacks(operation, value, found[member], f"{path}.{member}")
    elif isinstance(expected, list):
        if name in VOLATILE:
            return
        if expected and not found:
            yield f"{path} is empty"
        elif expected:
            # The one of the same name, where they have names.
            named = [item for item in found if same_name(item, expected[0])]
            yield from lacks(operation, expected[0], (named or found)[0], f"{path}[0]")
        elif found:
            yield f"{path} is {found!r} and not empty"
    elif name not in VOLATILE and not name.lower().endswith("arn") and not name.endswith("Arns"):
        if expected != found and not str(expected).startswith("arn:"):
            yield f"{path} is {found!r} and not {expected!r}"


@pytest.mark.parametrize(("operation", "example"), examples())
def test_the_answer_is_as_published(world, operation, example):
    ecs = world
    request = prepared(ecs, operation, example.get("input", {}))
    answer = getattr(ecs, botocore.xform_name(operation))(**request)
    problems = list(lacks(operation, example.get("output") or {}, answer, operation))
    for arn in ecs.list_services()["serviceArns"]:
        ecs.delete_service(service=arn, force=True)
        name = arn.rsplit("/", 1)[-1]
        until("it is gone", lambda: ecs.describe_services(services=[name])["services"][0]["status"] == "INACTIVE")
    for arn in ecs.list_tasks()["taskArns"]:
        ecs.stop_task(task=arn)
    assert not problems, "\n".join(problems)

