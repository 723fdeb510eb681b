"""The judge on the way to a peer, judged: it finds nothing in what boto3 sends, and what is wrong."""

import boto3
import botocore.config
import pytest

import s3_requests
from local import CREDENTIALS
from peers import REGION, Moto
from proxy import Proxy


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    peer = Moto(tmp_path_factory.mktemp("moto"))
    proxy = Proxy(peer.url, CREDENTIALS)
    yield proxy
    proxy.close()
    peer.stop()


def client(proxy, service, **credentials):
    config = botocore.config.Config(s3={"addressing_style": "path"})
    return boto3.client(
        service, endpoint_url=proxy.url, region_name=REGION, config=config, **CREDENTIALS | credentials
    )


def test_what_boto3_sends_is_right_and_is_known_by_its_operation(proxy):
    proxy.seen.clear()
    client(proxy, "ecs").create_cluster(clusterName="dev")
    client(proxy, "ssm").put_parameter(Name="/a", Value="1", Type="String")
    s3 = client(proxy, "s3")
    s3.create_bucket(Bucket="bundles", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="bundles", Key="a b/c+d~é.json", Body=b"{}", IfNoneMatch="*")
    s3.get_object(Bucket="bundles", Key="a b/c+d~é.json")
    s3.list_objects_v2(Bucket="bundles", Prefix="a b/", MaxKeys=5)
    s3.delete_object(Bucket="bundles", Key="a b/c+d~é.json")
    assert [(seen.operation, seen.problems) for seen in proxy.seen] == [
        ("CreateCluster", []),
        ("PutParameter", []),
        ("CreateBucket", []),
        ("PutObject", []),
        ("GetObject", []),
        ("ListObjectsV2", []),
        ("DeleteObject", []),
    ]
    assert proxy.seen[3].request["IfNoneMatch"] == "*"
    assert proxy.seen[5].request["MaxKeys"] == 5


@pytest.mark.parametrize("service", ["ecs", "s3"])
def test_a_signature_by_another_key_is_wrong(proxy, service):
    proxy.seen.clear()
    wrong = client(proxy, service, aws_secret_access_key="another")
    wrong.list_clusters() if service == "ecs" else wrong.list_buckets()
    assert "the signature is wrong" in proxy.seen[0].problems[0]


def test_a_body_that_is_not_the_one_that_was_signed_is_found(proxy):
    proxy.seen.clear()
    s3 = client(proxy, "s3")
    s3.create_bucket(Bucket="changed", CreateBucketConfiguration={"LocationConstraint": REGION})

    def change(request, **_):
        request.body = b"two"

    s3.meta.events.register("before-send.s3.PutObject", change)
    s3.put_object(Bucket="changed", Key="a", Body=b"one")
    assert "is not the one that was signed" in proxy.seen[-1].problems[0]


@pytest.mark.parametrize(
    ("method", "target", "headers", "problem"),
    [
        ("PUT", "/bundles/a", {"x-amz-moon": "1"}, "PutObject has no header x-amz-moon"),
        ("GET", "/bundles/a?moon=1", {}, "GetObject has no querystring moon"),
        ("GET", "/bundles?list-type=2&max-keys=moon", {}, "max-keys is no number"),
        ("PUT", "/bundles/a", {"x-amz-storage-class": "MOON"}, "is none of"),
        ("PATCH", "/bundles/a", {}, "no operation of S3"),
    ],
)
def test_what_s3_does_not_know_is_found(method, target, headers, problem):
    _, _, problems = s3_requests.judge(method, target, headers)
    assert problem in "\n".join(problems)
