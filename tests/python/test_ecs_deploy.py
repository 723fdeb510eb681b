"""`ecs` of the package ecs-deploy, a deployment tool in wide use, unmodified."""

import pytest

from conftest import NETWORK
from local import until


@pytest.fixture
def ecs_deploy(local, stage):
    """Runs `ecs VERB CLUSTER ...` and holds its exit code."""

    def run(verb, *arguments, code=0):
        answer = local.tool("ecs", verb, stage.cluster, *map(str, arguments))
        assert answer.code == code, answer.out + answer.err
        return answer.out + answer.err

    return run


@pytest.fixture
def first(stage):
    """The revision of a service of two tasks that is stable."""
    revision = stage.register(environment=[{"name": "KEPT", "value": "1"}])
    stage.create(revision, count=2)
    stage.completed()
    return revision


def environment(container):
    return {entry["name"]: entry["value"] for entry in container["environment"]}


def test_deploy_registers_what_it_read_with_the_change_and_waits_for_it(ecs_deploy, stage, first):
    told = ecs_deploy("deploy", "web", "-i", "web", "web:2", "-e", "web", "GREETING", "hi")
    assert "Deployment successful" in told
    service = stage.completed()
    assert service["taskDefinition"] != first
    new = stage.ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    old = stage.ecs.describe_task_definition(taskDefinition=first)["taskDefinition"]
    container = new["containerDefinitions"][0]
    assert (container["image"], environment(container)) == ("web:2", {"KEPT": "1", "GREETING": "hi"})
    assert old["status"] == "INACTIVE", "it deregisters the old revision"
    changed = {"taskDefinitionArn", "revision", "registeredAt", "deregisteredAt", "status", "containerDefinitions"}
    # A role that is not there is sent as an empty text.
    kept = [
        {name: value for name, value in definition.items() if name not in changed and value != ""}
        for definition in (new, old)
    ]
    assert kept[0] == kept[1], "what it was not asked to change comes back as it was"
    assert {task["taskDefinitionArn"] for task in stage.running_tasks()} == {service["taskDefinition"]}


def test_deploy_goes_back_where_the_new_version_does_not_start(ecs_deploy, stage, first):
    deploy = ("deploy", "web", "-i", "web", "web:crash", "--rollback", "--timeout", 5, "--no-deregister")
    told = ecs_deploy(*deploy, code=1)
    assert "Deployment failed due to timeout" in told
    assert "service has been rolled back" in told
    assert stage.completed()["taskDefinition"] == first


def test_deploy_says_why_the_circuit_breaker_gave_up(ecs_deploy, stage):
    breaker = {"enable": True, "rollback": False}
    stage.create(stage.register(), deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    stage.completed()
    told = ecs_deploy("deploy", "web", "-i", "web", "web:crash", code=1)
    assert "Deployment Failed! ECS deployment circuit breaker: " in told
    stage.update(desiredCount=0)


def test_a_forced_deployment_replaces_every_task_by_one_of_the_same_revision(ecs_deploy, stage, first):
    before = {task["taskArn"] for task in stage.running_tasks()}
    ecs_deploy("deploy", "web", "--task", first, "--force-new-deployment", "--no-deregister")
    after = stage.completed()
    assert before.isdisjoint(task["taskArn"] for task in stage.running_tasks())
    assert after["runningCount"] == 2


def test_scale_waits_until_so_many_run(ecs_deploy, stage, first):
    for count in (3, 1, 0):
        assert "Scaling successful" in ecs_deploy("scale", "web", count)
        service = stage.service()
        assert (service["desiredCount"], service["runningCount"], len(service["deployments"])) == (count, count, 1)


def test_run_starts_tasks_with_overrides(ecs_deploy, stage):
    stage.register(image="job", family=f"{stage.cluster}-job")
    subnet = NETWORK["awsvpcConfiguration"]["subnets"][0]
    told = ecs_deploy(
        *("run", f"{stage.cluster}-job", 2, "-e", "web", "CODE", "7", "--launchtype", "FARGATE"),
        *("--subnet", subnet, "--securitygroup", "sg-0a1b2c3d"),
    )
    assert "Successfully started 2 instances" in told

    def both():
        arns = stage.ecs.list_tasks(cluster=stage.cluster, desiredStatus="STOPPED")["taskArns"]
        tasks = [stage.task(arn) for arn in arns]
        return tasks if [task["lastStatus"] for task in tasks] == ["STOPPED"] * 2 else None

    stopped = until("two tasks to stop", both)
    assert [task["containers"][0]["exitCode"] for task in stopped] == [7, 7]
    assert {task["startedBy"] for task in stopped} == {"ECS Deploy"}


def test_diff_shows_what_differs_between_two_revisions(local, stage):
    stage.register()
    stage.register(image="web:2")
    answer = local.tool("ecs", "diff", stage.cluster, "1", "2")
    assert answer.code == 0, answer.err
    assert "web:1" in answer.out and "web:2" in answer.out
