"""Whole journeys with the unmodified AWS CLI."""

import json

from local import until

NETWORK = "awsvpcConfiguration={subnets=[subnet-0a1b2c3d]}"
CONTAINERS = json.dumps([{"name": "web", "image": "web:1", "stopTimeout": 5}])


def register(local, family):
    return local.aws(
        *("ecs", "register-task-definition", "--family", family, "--network-mode", "awsvpc"),
        *("--requires-compatibilities", "FARGATE", "--cpu", "256", "--memory", "512"),
        *("--container-definitions", CONTAINERS),
    ).json()["taskDefinition"]["taskDefinitionArn"]


def test_a_service_is_created_waited_for_rolled_and_deleted(local, name):
    assert local.aws("ecs", "create-cluster", "--cluster-name", name).json()["cluster"]["status"] == "ACTIVE"
    first, second = register(local, name), register(local, name)
    here = ("--cluster", name, "--service", "web")
    created = local.aws(
        *("ecs", "create-service", "--cluster", name, "--service-name", "web", "--task-definition", first),
        *("--desired-count", "1", "--launch-type", "FARGATE", "--network-configuration", NETWORK),
    ).json()["service"]
    assert created["deployments"][0]["rolloutState"] == "IN_PROGRESS"

    def deployments():
        services = local.aws("ecs", "describe-services", "--cluster", name, "--services", "web").json()["services"]
        return [(one["rolloutState"], one["taskDefinition"]) for one in services[0]["deployments"]]

    until("the first deployment is over", lambda: deployments() == [("COMPLETED", first)])
    # What a pipeline does: it names the revision, and waits for what is stable.
    local.aws("ecs", "update-service", *here, "--task-definition", f"{name}:2").json()
    waited = local.aws("ecs", "wait", "services-stable", "--cluster", name, "--services", "web")
    assert waited.code == 0, waited.err
    assert [definition for _, definition in deployments()] == [second]
    tasks = local.aws("ecs", "list-tasks", "--cluster", name, "--service-name", "web").json()["taskArns"]
    described = local.aws("ecs", "describe-tasks", "--cluster", name, "--tasks", *tasks).json()["tasks"]
    assert {task["taskDefinitionArn"] for task in described} == {second}

    local.aws("ecs", "delete-service", *here, "--force").json()
    waited = local.aws("ecs", "wait", "services-inactive", "--cluster", name, "--services", "web")
    assert waited.code == 0, waited.err
    assert local.aws("ecs", "delete-cluster", "--cluster", name).json()["cluster"]["status"] == "INACTIVE"


def test_an_error_reads_as_the_cli_shows_it(local):
    answer = local.aws("ecs", "list-services", "--cluster", "nowhere")
    assert answer.code != 0
    assert "(ClusterNotFoundException) when calling the ListServices operation" in answer.err


def test_tags_are_set_and_shown(local, name):
    local.aws("ecs", "create-cluster", "--cluster-name", name).json()
    arn = register(local, name)
    local.aws("ecs", "tag-resource", "--resource-arn", arn, "--tags", "key=team,value=blue").json()
    shown = local.aws("ecs", "list-tags-for-resource", "--resource-arn", arn).json()["tags"]
    assert shown == [{"key": "team", "value": "blue"}]


def test_parameters_are_put_and_listed_by_path(local, name):
    local.aws("ssm", "put-parameter", "--name", f"/{name}/a", "--value", "1", "--type", "String").json()
    found = local.aws("ssm", "get-parameters-by-path", "--path", f"/{name}").json()["Parameters"]
    assert [parameter["Value"] for parameter in found] == ["1"]
