"""Cloud Map and its DNS server, as boto3, the AWS CLI and dnspython see them, and tasks in both."""

import json
import socket
import sys
import urllib.parse

import boto3
import botocore.loaders
import botocore.session
import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from local import ACCOUNT, REGION, Local, until

# Serves its version until it is told to stop, and then for so long as its record may outlive that.
SERVER = """
import signal, socketserver, sys, threading
address, version = sys.argv[1:]
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(version.encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 100
server = Server((address, 8080), Handler)
def stop(*_):
    threading.Timer(4, server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    server = {"image": "server", "entryPoint": [sys.executable, "-c", SERVER], "command": ["{address}", "{tag}"]}
    folder = tmp_path_factory.mktemp("local")
    local = Local(folder, "--dns", "127.0.0.1:0", "--cloud-map-health-delay", "0", images=[server])
    yield local
    code = local.stop()
    assert code == 0, local.log()


@pytest.fixture(scope="module")
def ecs(local):
    return local.client("ecs")


class CborFirst(botocore.loaders.Loader):
    """botocore's own preference is AWS JSON; the model's is CBOR, which newer SDKs follow."""

    def load_service_model(self, service_name, type_name, api_version=None):
        model = super().load_service_model(service_name, type_name, api_version)
        if type_name == "service-2":
            model["metadata"] |= {"protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor"]}
        return model


def client_of(local, protocol):
    if protocol == "json":
        return local.client("servicediscovery")
    session = botocore.session.Session()
    session.register_component("data_loader", CborFirst())
    client = local.client("servicediscovery", session=boto3.Session(botocore_session=session))
    assert client.meta.service_model.resolved_protocol == "smithy-rpc-v2-cbor"
    return client


@pytest.fixture(scope="module", params=["json", "cbor"])
def cloud_map(request, local):
    return client_of(local, request.param)


def finished(cloud_map, answer):
    """Waits for an operation; says its targets."""

    def over():
        operation = cloud_map.get_operation(OperationId=answer["OperationId"])["Operation"]
        assert operation["Status"] != "FAIL", operation
        return operation if operation["Status"] == "SUCCESS" else None

    return until("the operation's end", over)["Targets"]


def private_namespace(cloud_map, name):
    answer = cloud_map.create_private_dns_namespace(Name=f"{name}.internal", Vpc="vpc-0a1b2c3d")
    return finished(cloud_map, answer)["NAMESPACE"]


def service(cloud_map, namespace, name, *kinds, **more):
    records = [{"Type": kind, "TTL": 10} for kind in kinds]
    config = {"DnsConfig": {"DnsRecords": records, "RoutingPolicy": "MULTIVALUE"}} if kinds else {}
    return cloud_map.create_service(NamespaceId=namespace, Name=name, **config, **more)["Service"]


def register(cloud_map, service_id, instance, address, **attributes):
    answer = cloud_map.register_instance(
        ServiceId=service_id, InstanceId=instance, Attributes={"AWS_INSTANCE_IPV4": address} | attributes
    )
    finished(cloud_map, answer)


def test_a_namespace_a_service_and_its_instances_from_their_making_to_their_end(cloud_map, name):
    answer = cloud_map.create_private_dns_namespace(Name=f"{name}.internal", Vpc="vpc-0a1b2c3d")
    operation = cloud_map.get_operation(OperationId=answer["OperationId"])["Operation"]
    assert (operation["Type"], operation["Status"]) == ("CREATE_NAMESPACE", "PENDING")
    namespace = finished(cloud_map, answer)["NAMESPACE"]
    found = cloud_map.get_namespace(Id=namespace)["Namespace"]
    assert (found["Type"], found["Name"]) == ("DNS_PRIVATE", f"{name}.internal")
    assert found["CreateDate"].year >= 2025
    web = service(cloud_map, namespace, "web", "A", HealthCheckCustomConfig={"FailureThreshold": 1})
    assert web["Type"] == "DNS_HTTP" and web["Arn"].endswith(f":service/{web['Id']}")
    register(cloud_map, web["Id"], "one", "192.0.2.1", version="1")
    register(cloud_map, web["Id"], "two", "192.0.2.2", version="2")
    names = {"NamespaceName": f"{name}.internal", "ServiceName": "web"}
    found = cloud_map.discover_instances(**names, QueryParameters={"version": "2"})
    assert [instance["InstanceId"] for instance in found["Instances"]] == ["two"]
    assert found["Instances"][0]["Attributes"]["AWS_INSTANCE_IPV4"] == "192.0.2.2"
    assert cloud_map.discover_instances_revision(**names)["InstancesRevision"] == found["InstancesRevision"]
    cloud_map.update_instance_custom_health_status(ServiceId=web["Id"], InstanceId="one", Status="UNHEALTHY")
    found = cloud_map.discover_instances(**names, HealthStatus="UNHEALTHY")["Instances"]
    assert [instance["InstanceId"] for instance in found] == ["one"]
    health = cloud_map.get_instances_health_status(ServiceId=web["Id"])["Status"]
    assert health == {"one": "UNHEALTHY", "two": "HEALTHY"}
    pages = cloud_map.get_paginator("list_instances").paginate(
        ServiceId=web["Id"], PaginationConfig={"PageSize": 1}
    )
    assert [instance["Id"] for page in pages for instance in page["Instances"]] == ["one", "two"]
    for instance in ("one", "two"):
        finished(cloud_map, cloud_map.deregister_instance(ServiceId=web["Id"], InstanceId=instance))
    cloud_map.delete_service(Id=web["Id"])
    finished(cloud_map, cloud_map.delete_namespace(Id=namespace))
    filters = [{"Name": "NAME", "Values": [f"{name}.internal"]}]
    assert cloud_map.list_namespaces(Filters=filters)["Namespaces"] == []


def test_errors_are_clouds_maps_own_with_their_members(cloud_map, name):
    errors = cloud_map.exceptions
    with pytest.raises(errors.NamespaceNotFound):
        cloud_map.get_namespace(Id="ns-none")
    with pytest.raises(errors.ServiceNotFound):
        cloud_map.get_service(Id="srv-none")
    with pytest.raises(errors.OperationNotFound):
        cloud_map.get_operation(OperationId="none")
    with pytest.raises(errors.InvalidInput):
        cloud_map.create_service(NamespaceId="ns-none", Name="a b")
    answer = cloud_map.create_http_namespace(Name=name, CreatorRequestId="first")
    with pytest.raises(errors.DuplicateRequest) as caught:
        cloud_map.create_http_namespace(Name=name, CreatorRequestId="second")
    assert caught.value.response["DuplicateOperationId"] == answer["OperationId"]
    namespace = finished(cloud_map, answer)["NAMESPACE"]
    with pytest.raises(errors.NamespaceAlreadyExists) as caught:
        cloud_map.create_http_namespace(Name=name, CreatorRequestId="third")
    assert caught.value.response["NamespaceId"] == namespace
    assert caught.value.response["CreatorRequestId"] == "first"
    assert caught.value.response["Error"]["Message"]
    web = service(cloud_map, namespace, "web")
    with pytest.raises(errors.ResourceInUse):
        cloud_map.delete_namespace(Id=namespace)
    with pytest.raises(errors.ServiceAlreadyExists) as caught:
        service(cloud_map, namespace, "web")
    assert caught.value.response["ServiceId"] == web["Id"]
    with pytest.raises(errors.InstanceNotFound):
        cloud_map.deregister_instance(ServiceId=web["Id"], InstanceId="none")


def test_tags_and_attributes(cloud_map, name):
    namespace = finished(cloud_map, cloud_map.create_http_namespace(Name=name))["NAMESPACE"]
    web = service(cloud_map, namespace, "web", Tags=[{"Key": "team", "Value": "web"}])
    cloud_map.tag_resource(ResourceARN=web["Arn"], Tags=[{"Key": "tier", "Value": ""}])
    cloud_map.untag_resource(ResourceARN=web["Arn"], TagKeys=["team"])
    assert cloud_map.list_tags_for_resource(ResourceARN=web["Arn"])["Tags"] == [{"Key": "tier", "Value": ""}]
    cloud_map.update_service_attributes(ServiceId=web["Id"], Attributes={"port": "80", "zone": "a"})
    cloud_map.delete_service_attributes(ServiceId=web["Id"], Attributes=["zone"])
    found = cloud_map.get_service_attributes(ServiceId=web["Id"])["ServiceAttributes"]
    assert found == {"ServiceArn": web["Arn"], "ResourceOwner": ACCOUNT, "Attributes": {"port": "80"}}


def test_the_aws_cli_goes_all_the_way(local, name):
    def run(*arguments):
        return local.aws("servicediscovery", *arguments).json()

    operation = run("create-http-namespace", "--name", name)["OperationId"]
    done = until(
        "the operation's end",
        lambda: [
            found
            for found in [run("get-operation", "--operation-id", operation)["Operation"]]
            if found["Status"] == "SUCCESS"
        ],
    )
    namespace = done[0]["Targets"]["NAMESPACE"]
    web = run("create-service", "--name", "web", "--namespace-id", namespace)["Service"]
    attributes = "AWS_INSTANCE_IPV4=192.0.2.1,AWS_INSTANCE_PORT=80"
    run("register-instance", "--service-id", web["Id"], "--instance-id", "one", "--attributes", attributes)
    found = until(
        "the instance",
        lambda: run("discover-instances", "--namespace-name", name, "--service-name", "web")["Instances"],
    )
    assert found[0]["Attributes"] == {"AWS_INSTANCE_IPV4": "192.0.2.1", "AWS_INSTANCE_PORT": "80"}
    refused = local.aws("servicediscovery", "delete-service", "--id", web["Id"])
    assert refused.code != 0 and "ResourceInUse" in refused.err


class Resolver:
    """dnspython, which asks the server and judges its messages' form."""

    def __init__(self, local):
        at = urllib.parse.urlsplit(local.dns)
        self.where, self.port = at.hostname, at.port

    def ask(self, name, kind="A", ask=dns.query.udp, **more):
        query = dns.message.make_query(name, kind, **more)
        return ask(query, self.where, port=self.port, timeout=10)

    def addresses(self, name):
        answer = self.ask(name)
        return {str(record) for rrset in answer.answer for record in rrset}


@pytest.fixture(scope="module")
def resolver(local):
    return Resolver(local)


@pytest.mark.parametrize("cloud_map", ["json"], indirect=True)
def test_dns_says_what_cloud_map_has(cloud_map, resolver, name):
    namespace = private_namespace(cloud_map, name)
    web = service(cloud_map, namespace, "web", "A")
    ports = service(cloud_map, namespace, "_web._tcp", "SRV")
    register(cloud_map, web["Id"], "one", "192.0.2.1")
    register(cloud_map, web["Id"], "two", "192.0.2.2")
    register(cloud_map, ports["Id"], "one", "192.0.2.1", AWS_INSTANCE_PORT="8080")
    for ask in (dns.query.udp, dns.query.tcp):
        answer = resolver.ask(f"WEB.{name}.internal", ask=ask)
        assert answer.rcode() == dns.rcode.NOERROR and answer.flags & dns.flags.AA
        assert {str(record) for record in answer.answer[0]} == {"192.0.2.1", "192.0.2.2"}
        assert answer.answer[0].ttl == 10
    srv = resolver.ask(f"_web._tcp.{name}.internal", "SRV").answer[0][0]
    assert (srv.priority, srv.weight, srv.port) == (1, 1, 8080)
    assert str(srv.target) == f"one._web._tcp.{name}.internal."
    assert resolver.addresses(srv.target) == {"192.0.2.1"}
    none = resolver.ask(f"none.{name}.internal")
    assert none.rcode() == dns.rcode.NXDOMAIN
    assert none.authority[0].rdtype == dns.rdatatype.SOA and none.authority[0][0].minimum == 15
    empty = resolver.ask(f"web.{name}.internal", "AAAA")
    assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, []) and empty.authority
    between = resolver.ask(f"_tcp.{name}.internal")
    assert (between.rcode(), between.answer) == (dns.rcode.NOERROR, [])
    assert resolver.ask("www.example.com").rcode() == dns.rcode.REFUSED
    zone = resolver.ask(f"{name}.internal", "SOA")
    assert zone.answer[0].rdtype == dns.rdatatype.SOA


@pytest.mark.parametrize("cloud_map", ["json"], indirect=True)
def test_eight_at_most_are_answered_and_what_does_not_fit_is_asked_again_by_tcp(cloud_map, resolver, name):
    namespace = private_namespace(cloud_map, name)
    ports = service(cloud_map, namespace, "a-service-with-a-very-long-name", "SRV")
    answers = [
        cloud_map.register_instance(
            ServiceId=ports["Id"],
            InstanceId=f"an-instance-with-a-rather-long-name-{number}",
            Attributes={"AWS_INSTANCE_IPV4": f"192.0.2.{number}", "AWS_INSTANCE_PORT": "80"},
        )
        for number in range(12)
    ]
    for answer in answers:
        finished(cloud_map, answer)
    asked = f"a-service-with-a-very-long-name.{name}.internal"
    short = resolver.ask(asked, "SRV")
    assert short.flags & dns.flags.TC and not short.answer
    whole = resolver.ask(asked, "SRV", ask=dns.query.tcp)
    assert not whole.flags & dns.flags.TC and len(whole.answer[0]) == 8
    assert len(whole.additional) == 8
    roomy = resolver.ask(asked, "SRV", use_edns=0, payload=4096)
    assert (roomy.edns, roomy.payload) == (0, 1232) and len(roomy.answer[0]) == 8
    seen = {str(record.target) for _ in range(40) for record in resolver.ask(asked, "SRV", ask=dns.query.tcp).answer[0]}
    assert len(seen) == 12
    assert resolver.ask(asked, "SRV", use_edns=1).rcode() == dns.rcode.BADVERS
    assert resolver.ask(asked, "SRV", want_dnssec=True, payload=4096).rcode() == dns.rcode.NOERROR
    assert resolver.ask(asked, "TLSA").rcode() == dns.rcode.NOERROR


def test_what_is_no_message_gets_an_error_or_nothing_and_the_next_one_is_answered(resolver, local):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(10)
        udp.sendto(b"\x12\x34", (resolver.where, resolver.port))
        udp.sendto(b"\x12\x34" + b"\0" * 2 + b"\xff" * 20, (resolver.where, resolver.port))
        answer = dns.message.from_wire(udp.recv(512))
        assert (answer.id, answer.rcode()) == (0x1234, dns.rcode.FORMERR)
    with socket.create_connection((resolver.where, resolver.port), timeout=10) as tcp:
        tcp.sendall(b"\0\3abc")
        assert tcp.recv(1) == b"", "the connection is closed"
    assert resolver.ask("www.example.com", ask=dns.query.tcp).rcode() == dns.rcode.REFUSED


def call(address):
    with socket.create_connection((address, 8080), timeout=10) as connection:
        return connection.recv(100).decode()


@pytest.mark.parametrize("cloud_map", ["json"], indirect=True)
def test_a_client_that_resolves_anew_never_fails_in_a_rolling_deployment(cloud_map, resolver, stage, name):
    namespace = private_namespace(cloud_map, name)
    registry = service(cloud_map, namespace, "web", "A")["Arn"]
    port = [{"containerPort": 8080}]
    check = {"command": ["CMD-SHELL", "true"], "interval": 5}
    first = stage.register("server:1", portMappings=port, healthCheck=check, stopTimeout=30)
    stage.create(first, count=2, serviceRegistries=[{"registryArn": registry}])
    stage.completed()
    asked = f"web.{name}.internal"
    until("two addresses", lambda: len(resolver.addresses(asked)) == 2)
    stage.update(taskDefinition=stage.register("server:2", portMappings=port, healthCheck=check, stopTimeout=30))
    versions = []

    def only_the_new_one():
        addresses = resolver.addresses(asked)
        assert addresses, "nobody is found"
        versions.extend(call(address) for address in addresses)
        return len(addresses) == 2 and versions[-2:] == ["2", "2"] and len(stage.service()["deployments"]) == 1

    until("the new version alone", only_the_new_one)
    assert {"1", "2"} == set(versions)
    tasks = {task["taskArn"].rsplit("/", 1)[1]: task for task in stage.running_tasks()}
    listed = cloud_map.list_instances(ServiceId=registry)["Instances"]
    assert {instance["Id"] for instance in listed} == set(tasks)
    for instance in listed:
        attributes = instance["Attributes"]
        assert attributes["ECS_CLUSTER_NAME"] == stage.cluster and attributes["ECS_SERVICE_NAME"] == "web"
        assert attributes["AVAILABILITY_ZONE"] == tasks[instance["Id"]]["availabilityZone"]
        assert attributes["REGION"] == REGION
    print(f"\n{len(versions)} calls, {json.dumps({version: versions.count(version) for version in '12'})}")


@pytest.mark.parametrize("cloud_map", ["json"], indirect=True)
def test_service_connect_registers_in_a_namespace_of_the_cluster(cloud_map, ecs, stage, name):
    port = [{"name": "http", "containerPort": 8080}]
    definition = stage.register("server:1", portMappings=port)
    connect = {"enabled": True, "namespace": name, "services": [{"portName": "http", "clientAliases": [{"port": 80}]}]}
    stage.create(definition, serviceConnectConfiguration=connect)
    deployment = stage.completed()["deployments"][0]
    resource = deployment["serviceConnectResources"][0]
    assert resource["discoveryName"] == "http"
    found = until(
        "the task", lambda: cloud_map.discover_instances(NamespaceName=name, ServiceName="http")["Instances"]
    )
    assert found[0]["Attributes"]["AWS_INSTANCE_PORT"] == "8080"
    arns = ecs.list_services_by_namespace(namespace=name)["serviceArns"]
    assert [arn.rsplit("/", 1)[1] for arn in arns] == ["web"]
    with pytest.raises(ecs.exceptions.NamespaceNotFoundException):
        ecs.list_services_by_namespace(namespace="none")
