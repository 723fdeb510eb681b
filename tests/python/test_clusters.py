"""Clusters, as boto3 sees them."""

import pytest
from botocore.exceptions import ClientError


def test_a_cluster_is_created_described_listed_and_deleted(ecs, name):
    created = ecs.create_cluster(clusterName=name)["cluster"]
    assert created["status"] == "ACTIVE"
    assert created["clusterArn"] == f"arn:aws:ecs:eu-central-1:123456789012:cluster/{name}"
    described = ecs.describe_clusters(clusters=[name])
    assert [cluster["clusterName"] for cluster in described["clusters"]] == [name]
    assert created["clusterArn"] in list_all(ecs)
    assert ecs.delete_cluster(cluster=name)["cluster"]["status"] == "INACTIVE"
    assert created["clusterArn"] not in list_all(ecs)


def list_all(ecs):
    pages = ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 1})
    return [arn for page in pages for arn in page["clusterArns"]]


def test_creating_a_cluster_twice_gives_the_same_one(ecs, name):
    first = ecs.create_cluster(clusterName=name)["cluster"]
    assert ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"] == first["clusterArn"]


def test_a_cluster_that_does_not_exist_is_a_failure_or_an_error(ecs):
    failures = ecs.describe_clusters(clusters=["nowhere"])["failures"]
    assert [failure["reason"] for failure in failures] == ["MISSING"]
    with pytest.raises(ecs.exceptions.ClusterNotFoundException):
        ecs.list_services(cluster="nowhere")


def test_a_cluster_with_services_is_not_deleted(ecs, stage):
    stage.create(stage.register(), count=0)
    with pytest.raises(ecs.exceptions.ClusterContainsServicesException):
        ecs.delete_cluster(cluster=stage.cluster)


def test_counts_of_a_cluster_follow_its_tasks(ecs, stage):
    stage.create(stage.register(), count=2)
    stage.stable()
    cluster = ecs.describe_clusters(clusters=[stage.cluster])["clusters"][0]
    assert (cluster["runningTasksCount"], cluster["activeServicesCount"]) == (2, 1)


def test_a_name_that_is_none_is_refused(ecs):
    with pytest.raises(ClientError) as refused:
        ecs.create_cluster(clusterName="no spaces")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
