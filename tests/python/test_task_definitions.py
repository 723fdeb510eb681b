"""Task definitions, as boto3 sees them."""

import datetime

import pytest
from botocore.exceptions import ClientError

CONTAINER = {"name": "web", "image": "web:1"}
FARGATE = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}


def register(ecs, family, **more):
    definition = FARGATE | {"containerDefinitions": [CONTAINER]} | more
    return ecs.register_task_definition(family=family, **definition)["taskDefinition"]


def test_one_line_reads_back_with_ecs_defaults(ecs, name):
    registered = register(ecs, name)
    described = ecs.describe_task_definition(taskDefinition=name)
    assert described["taskDefinition"] == registered
    assert "tags" not in described or described["tags"] == []
    container = registered["containerDefinitions"][0]
    defaults = {"cpu": 0, "essential": True, "portMappings": [], "environment": [], "mountPoints": []}
    defaults |= {"volumesFrom": [], "systemControls": []}
    assert container == CONTAINER | defaults | {
        key: container[key] for key in container.keys() - CONTAINER.keys() - defaults.keys()
    }
    assert registered["taskDefinitionArn"] == f"arn:aws:ecs:eu-central-1:123456789012:task-definition/{name}:1"
    assert (registered["revision"], registered["status"], registered["family"]) == (1, "ACTIVE", name)
    assert (registered["volumes"], registered["placementConstraints"]) == ([], [])
    assert "FARGATE" in registered["compatibilities"]
    assert isinstance(registered["registeredAt"], datetime.datetime)
    assert "runtimePlatform" not in registered


def test_sizes_with_units_are_stored_as_numbers_and_ports_are_filled_in(ecs, name):
    container = CONTAINER | {"portMappings": [{"containerPort": 8000}], "healthCheck": {"command": ["CMD", "true"]}}
    registered = register(ecs, name, cpu="0.25 vCPU", memory="1GB", containerDefinitions=[container])
    assert (registered["cpu"], registered["memory"]) == ("256", "1024")
    stored = registered["containerDefinitions"][0]
    assert stored["portMappings"] == [{"containerPort": 8000, "hostPort": 8000, "protocol": "tcp"}]
    assert stored["healthCheck"] == {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}


def test_tags_come_only_when_asked_for(ecs, name):
    register(ecs, name, tags=[{"key": "team", "value": "blue"}])
    assert not ecs.describe_task_definition(taskDefinition=name).get("tags")
    tagged = ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
    assert tagged["tags"] == [{"key": "team", "value": "blue"}]


def test_revisions_count_up_are_listed_in_pages_and_never_restart(ecs, name):
    for revision in range(1, 6):
        assert register(ecs, name)["revision"] == revision
    pages = ecs.get_paginator("list_task_definitions").paginate(
        familyPrefix=name, sort="DESC", PaginationConfig={"PageSize": 2}
    )
    pages = [[arn.rsplit(":", 1)[1] for arn in page["taskDefinitionArns"]] for page in pages]
    assert pages == [["5", "4"], ["3", "2"], ["1"]]
    for revision in range(1, 6):
        ecs.deregister_task_definition(taskDefinition=f"{name}:{revision}")
    ecs.delete_task_definitions(taskDefinitions=[f"{name}:{revision}" for revision in range(1, 6)])
    assert register(ecs, name)["revision"] == 6


def test_a_deregistered_revision_is_inactive_and_the_family_means_the_newest_active_one(ecs, name):
    register(ecs, name)
    register(ecs, name)
    gone = ecs.deregister_task_definition(taskDefinition=f"{name}:2")["taskDefinition"]
    assert gone["status"] == "INACTIVE"
    assert ecs.describe_task_definition(taskDefinition=f"{name}:2")["taskDefinition"]["status"] == "INACTIVE"
    assert ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]["revision"] == 1
    active = ecs.list_task_definitions(familyPrefix=name)["taskDefinitionArns"]
    assert [arn.rsplit(":", 1)[1] for arn in active] == ["1"]
    inactive = ecs.list_task_definitions(familyPrefix=name, status="INACTIVE")["taskDefinitionArns"]
    assert [arn.rsplit(":", 1)[1] for arn in inactive] == ["2"]


def test_families_are_listed_by_prefix_and_status(ecs, name):
    register(ecs, name)
    assert ecs.list_task_definition_families(familyPrefix=name)["families"] == [name]
    ecs.deregister_task_definition(taskDefinition=f"{name}:1")
    assert ecs.list_task_definition_families(familyPrefix=name, status="ACTIVE")["families"] == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"cpu": "256", "memory": "8192"}, "No Fargate configuration exists for given values"),
        ({"cpu": "300"}, "No Fargate configuration exists for given values"),
        ({"networkMode": "bridge"}, "awsvpc"),
        ({"containerDefinitions": []}, "ontainer"),
        ({"containerDefinitions": [CONTAINER | {"links": ["x"]}]}, "links"),
        (
            {"containerDefinitions": [CONTAINER | {"dependsOn": [{"containerName": "no", "condition": "START"}]}]},
            "no",
        ),
        (
            {
                "containerDefinitions": [
                    CONTAINER | {"secrets": [{"name": "A", "valueFrom": "x"}, {"name": "A", "valueFrom": "y"}]}
                ]
            },
            "Duplicate secret names found: A",
        ),
    ],
)
def test_what_ecs_refuses_is_refused(ecs, name, change, text):
    with pytest.raises(ClientError) as refused:
        register(ecs, name, **change)
    assert text in refused.value.response["Error"]["Message"]


def test_a_task_definition_that_does_not_exist_is_a_client_exception(ecs):
    with pytest.raises(ClientError) as refused:
        ecs.describe_task_definition(taskDefinition="nothing:1")
    assert refused.value.response["Error"]["Code"] == "ClientException"
