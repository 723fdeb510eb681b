"""Tags, as boto3 sees them."""

import pytest
from botocore.exceptions import ClientError


def tags(ecs, arn):
    return {tag["key"]: tag["value"] for tag in ecs.list_tags_for_resource(resourceArn=arn)["tags"]}


def test_a_service_is_tagged_untagged_and_shows_tags_only_when_asked(ecs, stage):
    arn = stage.create(stage.register(), count=0, tags=[{"key": "team", "value": "blue"}])["serviceArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "red"}, {"key": "cost", "value": "7"}])
    assert tags(ecs, arn) == {"team": "red", "cost": "7"}
    assert not stage.service().get("tags")
    shown = stage.service(include=["TAGS"])["tags"]
    assert {tag["key"] for tag in shown} == {"team", "cost"}
    ecs.untag_resource(resourceArn=arn, tagKeys=["team", "absent"])
    assert tags(ecs, arn) == {"cost": "7"}


def test_task_definitions_and_clusters_have_tags_too(ecs, stage):
    definition = stage.register()
    cluster = ecs.describe_clusters(clusters=[stage.cluster])["clusters"][0]["clusterArn"]
    for arn in (definition, cluster):
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}])
        assert tags(ecs, arn) == {"a": "1"}


def test_tags_are_no_deployment(ecs, stage):
    arn = stage.create(stage.register(), count=0)["serviceArn"]
    before = [deployment["id"] for deployment in stage.completed()["deployments"]]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}])
    assert [deployment["id"] for deployment in stage.service()["deployments"]] == before


def test_an_unknown_resource_and_a_reserved_key_are_refused(ecs, stage):
    arn = stage.create(stage.register(), count=0)["serviceArn"]
    for resource, key in ((arn, "aws:mine"), (arn + "x", "a"), ("not-an-arn", "a")):
        with pytest.raises(ClientError):
            ecs.tag_resource(resourceArn=resource, tags=[{"key": key, "value": "1"}])
