"""Fixtures: one local ECS for all tests, a cluster of its own for each."""

import itertools
import time

import pytest

from local import Local, until

# botocore polls every 15 s where nobody says otherwise.
FAST = {"Delay": 1, "MaxAttempts": 60}

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}}

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    local = Local(tmp_path_factory.mktemp("local"))
    yield local
    code = local.stop()
    assert code == 0, local.log()


@pytest.fixture(scope="session")
def ecs(local):
    return local.client("ecs")


@pytest.fixture(scope="session")
def ssm(local):
    return local.client("ssm")


@pytest.fixture(scope="session")
def logs(local):
    return local.client("logs")


@pytest.fixture
def name():
    """A name that no other test has."""
    return f"t{next(_numbers)}"


@pytest.fixture
def cluster(ecs, name):
    """A cluster whose services are gone when the test is over, so that the next one has the machine."""
    ecs.create_cluster(clusterName=name)
    yield name
    for arn in ecs.list_services(cluster=name)["serviceArns"]:
        ecs.delete_service(cluster=name, service=arn, force=True)
    for arn in ecs.list_tasks(cluster=name)["taskArns"]:
        ecs.stop_task(cluster=name, task=arn)
    until("no task is left", lambda: not ecs.list_tasks(cluster=name)["taskArns"])


class Stage:
    """What most tests need, in ECS's own words."""

    def __init__(self, ecs, cluster):
        self.ecs, self.cluster = ecs, cluster

    def register(self, image="web:1", family=None, **container):
        definition = {"name": "web", "image": image, "stopTimeout": 5} | container
        answer = self.ecs.register_task_definition(
            family=family or self.cluster,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::123456789012:role/execution",
            containerDefinitions=[definition],
        )
        return answer["taskDefinition"]["taskDefinitionArn"]

    def create(self, task_definition, name="web", count=1, **more):
        answer = self.ecs.create_service(
            cluster=self.cluster,
            serviceName=name,
            taskDefinition=task_definition,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            **more,
        )
        return answer["service"]

    def update(self, name="web", **changes):
        return self.ecs.update_service(cluster=self.cluster, service=name, **changes)["service"]

    def service(self, name="web", **more):
        answer = self.ecs.describe_services(cluster=self.cluster, services=[name], **more)
        assert not answer["failures"], answer["failures"]
        return answer["services"][0]

    def stable(self, name="web"):
        waiter = self.ecs.get_waiter("services_stable")
        waiter.wait(cluster=self.cluster, services=[name], WaiterConfig=FAST)
        return self.service(name)

    def completed(self, name="web"):
        """Waits until the service has one deployment, and that is COMPLETED."""

        def done():
            service = self.service(name)
            states = [deployment["rolloutState"] for deployment in service["deployments"]]
            return service if states == ["COMPLETED"] else None

        return until("one deployment, COMPLETED", done)

    def run(self, task_definition, **more):
        answer = self.ecs.run_task(
            cluster=self.cluster,
            taskDefinition=task_definition,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            **more,
        )
        assert not answer["failures"]
        return answer["tasks"][0]["taskArn"]

    def task(self, arn, **more):
        return self.ecs.describe_tasks(cluster=self.cluster, tasks=[arn], **more)["tasks"][0]

    def stopped(self, arn):
        self.ecs.get_waiter("tasks_stopped").wait(cluster=self.cluster, tasks=[arn], WaiterConfig=FAST)
        return self.task(arn)

    def running_tasks(self, name="web"):
        arns = self.ecs.list_tasks(cluster=self.cluster, serviceName=name, desiredStatus="RUNNING")["taskArns"]
        if not arns:
            return []
        return self.ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]


@pytest.fixture
def stage(ecs, cluster):
    return Stage(ecs, cluster)


@pytest.fixture
def now():
    """Seconds since the epoch, before the test."""
    return time.time()
