"""One list of cases against the local Cloud Map, moto's and MiniStack's.

Where they differ, it is listed here with the page by which the local one is right; an unlisted difference
fails, as a listed one that has gone does.
"""

import pytest
from botocore.exceptions import ClientError

from local import Local, until
from peers import MiniStack, Moto

API = "https://docs.aws.amazon.com/cloud-map/latest/api"

BOTH_HEALTHY = {"1": "HEALTHY", "2": "HEALTHY"}

# What both answer instead, and the page that says otherwise.
OF_BOTH = {
    "services of a namespace": (None, f"{API}/API_Namespace.html"),
    "its http name": (None, f"{API}/API_HttpProperties.html"),
    "namespaces by type": (["main", "example.internal"], f"{API}/API_NamespaceFilter.html"),
    "type of a service with records": (None, f"{API}/API_Service.html"),
    "type of a service without": (None, f"{API}/API_Service.html"),
    "failure threshold": (5, f"{API}/API_HealthCheckCustomConfig.html"),
    "services by namespace": (["web", "plain"], f"{API}/API_ServiceFilter.html"),
    "instances of a service": (None, f"{API}/API_Service.html"),
    "initial health": (BOTH_HEALTHY, f"{API}/API_RegisterInstance.html"),
    "found by default": (["1", "2"], f"{API}/API_RegisterInstance.html"),
    "found unhealthy": ([], f"{API}/API_RegisterInstance.html"),
    "a service's name that is taken": ("done", f"{API}/API_CreateService.html"),
    "records in an http namespace": ("done", f"{API}/API_CreateService.html"),
    "no records in a dns namespace": ("done", f"{API}/API_CreateService.html"),
    "a multivalue alias": ("done", f"{API}/API_DnsRecord.html"),
    "a name with a space": ("done", f"{API}/API_CreateService.html"),
    "no address": ("done", f"{API}/API_RegisterInstance.html"),
    "a wrong address": ("done", f"{API}/API_RegisterInstance.html"),
    "no port": ("done", f"{API}/API_RegisterInstance.html"),
    "a service with instances": ("done", f"{API}/API_DeleteService.html"),
}

DIFFERENCES = {
    "moto": OF_BOTH
    | {
        "revision raised": (False, f"{API}/API_DiscoverInstances.html"),
        "no service to delete": ("done", f"{API}/API_DeleteService.html"),
        "a name that is taken": ("done", f"{API}/API_CreateHttpNamespace.html"),
        "a service in no namespace": ("done", f"{API}/API_CreateService.html"),
        "a namespace with services": ("done", f"{API}/API_DeleteNamespace.html"),
    },
    "ministack": OF_BOTH
    | {
        "routing policy after an update": (None, f"{API}/API_UpdateService.html"),
        "found by attribute": (["1", "2"], f"{API}/API_DiscoverInstances.html"),
        "found by what may be": (["1", "2"], f"{API}/API_DiscoverInstances.html"),
        "found where none is healthy": ([], f"{API}/API_DiscoverInstances.html"),
        "no instance to deregister": ("done", f"{API}/API_DeregisterInstance.html"),
    },
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    local = Local(tmp_path_factory.mktemp("local"), "--cloud-map-delay", "0", "--cloud-map-health-delay", "0")
    yield Cases(local.client("servicediscovery")).run()
    assert local.stop() == 0, local.log()


@pytest.fixture(scope="module", params=[Moto, MiniStack])
def peer(request, tmp_path_factory):
    peer = request.param(tmp_path_factory.mktemp(request.param.name))
    yield peer
    peer.stop()


def code_of(call, **request):
    """The code of a refusal, or that there was none."""
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


class Cases:
    """The cases, each with what is seen of it; ids and times are left out."""

    def __init__(self, client):
        self.client, self.seen = client, {}

    def run(self) -> dict:
        http = self.namespaces()
        self.services(http)
        self.instances(http)
        self.refusals(http)
        return self.seen

    def finished(self, answer) -> dict:
        def over():
            operation = self.client.get_operation(OperationId=answer["OperationId"])["Operation"]
            return operation if operation["Status"] in ("SUCCESS", "FAIL") else None

        return until("the operation's end", over)

    def namespaces(self) -> str:
        client, seen = self.client, self.seen
        operation = self.finished(client.create_http_namespace(Name="main", Description="ours"))
        seen["operation"] = (operation["Type"], operation["Status"], sorted(operation["Targets"]))
        http = operation["Targets"]["NAMESPACE"]
        found = client.get_namespace(Id=http)["Namespace"]
        seen["http namespace"] = (found["Name"], found["Type"], found["Description"])
        seen["http name"] = found["Properties"]["HttpProperties"].get("HttpName")
        seen["services of a namespace"] = found.get("ServiceCount")
        private = self.finished(client.create_private_dns_namespace(Name="example.internal", Vpc="vpc-0a1b2c3d"))
        self.private = private["Targets"]["NAMESPACE"]
        found = client.get_namespace(Id=self.private)["Namespace"]
        seen["private namespace"] = (found["Name"], found["Type"])
        seen["its http name"] = found["Properties"].get("HttpProperties", {}).get("HttpName")
        seen["its zone"] = bool(found["Properties"]["DnsProperties"].get("HostedZoneId"))
        filters = [{"Name": "TYPE", "Values": ["HTTP"]}]
        listed = client.list_namespaces(Filters=filters)["Namespaces"]
        seen["namespaces by type"] = [namespace["Name"] for namespace in listed]
        client.tag_resource(ResourceARN=found["Arn"], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        client.untag_resource(ResourceARN=found["Arn"], TagKeys=["a"])
        seen["tags"] = client.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]
        return http

    def services(self, http):
        client, seen = self.client, self.seen
        records = [{"Type": "A", "TTL": 10}]
        web = client.create_service(
            Name="web",
            NamespaceId=self.private,
            DnsConfig={"DnsRecords": records, "RoutingPolicy": "MULTIVALUE"},
            HealthCheckCustomConfig={"FailureThreshold": 5},
        )["Service"]
        self.web = web["Id"]
        seen["type of a service with records"] = web.get("Type")
        seen["failure threshold"] = web["HealthCheckCustomConfig"].get("FailureThreshold")
        plain = client.create_service(Name="plain", NamespaceId=http)["Service"]
        seen["type of a service without"] = plain.get("Type")
        change = {"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 60}]}}
        self.finished(client.update_service(Id=self.web, Service=change))
        found = client.get_service(Id=self.web)["Service"]
        seen["updated records"] = found["DnsConfig"]["DnsRecords"]
        seen["routing policy after an update"] = found["DnsConfig"].get("RoutingPolicy")
        filters = [{"Name": "NAMESPACE_ID", "Values": [http]}]
        listed = client.list_services(Filters=filters)["Services"]
        seen["services by namespace"] = [service["Name"] for service in listed]
        client.update_service_attributes(ServiceId=self.web, Attributes={"port": "80"})
        found = client.get_service_attributes(ServiceId=self.web)["ServiceAttributes"]
        seen["attributes of a service"] = found["Attributes"]

    def instances(self, http):
        client, seen = self.client, self.seen
        names = {"NamespaceName": "example.internal", "ServiceName": "web"}
        for number, more in (("1", {}), ("2", {"AWS_INIT_HEALTH_STATUS": "UNHEALTHY"})):
            attributes = {"AWS_INSTANCE_IPV4": f"192.0.2.{number}", "version": number} | more
            answer = client.register_instance(ServiceId=self.web, InstanceId=number, Attributes=attributes)
            self.finished(answer)

        def found(**more):
            return sorted(
                instance["InstanceId"] for instance in client.discover_instances(**names, **more)["Instances"]
            )

        seen["instance"] = client.get_instance(ServiceId=self.web, InstanceId="1")["Instance"]["Attributes"]
        seen["instances of a service"] = client.get_service(Id=self.web)["Service"].get("InstanceCount")
        seen["initial health"] = client.get_instances_health_status(ServiceId=self.web)["Status"]
        seen["found by default"] = found()
        seen["found whatever their health"] = found(HealthStatus="ALL")
        seen["found unhealthy"] = found(HealthStatus="UNHEALTHY")
        seen["found by attribute"] = found(HealthStatus="ALL", QueryParameters={"version": "2"})
        seen["found by what may be"] = found(HealthStatus="ALL", OptionalParameters={"version": "1"})
        seen["found by what none has"] = found(HealthStatus="ALL", OptionalParameters={"version": "9"})
        for number in ("1", "2"):
            client.update_instance_custom_health_status(ServiceId=self.web, InstanceId=number, Status="UNHEALTHY")
        seen["found where none is healthy"] = found(HealthStatus="HEALTHY_OR_ELSE_ALL")
        first = client.discover_instances_revision(**names)["InstancesRevision"]
        self.finished(client.deregister_instance(ServiceId=self.web, InstanceId="2"))
        seen["revision raised"] = client.discover_instances_revision(**names)["InstancesRevision"] > first
        seen["left"] = [instance["Id"] for instance in client.list_instances(ServiceId=self.web)["Instances"]]

    def refusals(self, http):
        client, private, web = self.client, self.private, self.web
        records = {"DnsRecords": [{"Type": "A", "TTL": 10}]}
        ports = {"DnsRecords": [{"Type": "SRV", "TTL": 10}]}
        alias = {"DnsRecords": [{"Type": "CNAME", "TTL": 10}], "RoutingPolicy": "MULTIVALUE"}
        cases = {
            "no namespace": (client.get_namespace, {"Id": "ns-none"}),
            "no service": (client.get_service, {"Id": "srv-none"}),
            "no instance": (client.get_instance, {"ServiceId": web, "InstanceId": "none"}),
            "no operation": (client.get_operation, {"OperationId": "none"}),
            "no instance to deregister": (client.deregister_instance, {"ServiceId": web, "InstanceId": "none"}),
            "no service to delete": (client.delete_service, {"Id": "srv-none"}),
            "no namespace to delete": (client.delete_namespace, {"Id": "ns-none"}),
            "a name that is taken": (client.create_http_namespace, {"Name": "main"}),
            "a service's name that is taken": (
                client.create_service,
                {"Name": "web", "NamespaceId": private, "DnsConfig": records},
            ),
            "a service in no namespace": (client.create_service, {"Name": "x", "NamespaceId": "ns-none"}),
            "records in an http namespace": (
                client.create_service,
                {"Name": "x", "NamespaceId": http, "DnsConfig": records},
            ),
            "no records in a dns namespace": (client.create_service, {"Name": "x", "NamespaceId": private}),
            "a multivalue alias": (client.create_service, {"Name": "x", "NamespaceId": private, "DnsConfig": alias}),
            "a name with a space": (client.create_service, {"Name": "a b", "NamespaceId": http}),
            "no address": (
                client.register_instance,
                {"ServiceId": web, "InstanceId": "x", "Attributes": {"version": "1"}},
            ),
            "a wrong address": (
                client.register_instance,
                {"ServiceId": web, "InstanceId": "x", "Attributes": {"AWS_INSTANCE_IPV4": "192.0.2.256"}},
            ),
        }
        for name, (call, request) in cases.items():
            self.seen[name] = code_of(call, **request)
        srv = client.create_service(Name="ports", NamespaceId=private, DnsConfig=ports)["Service"]["Id"]
        request = {"ServiceId": srv, "InstanceId": "x", "Attributes": {"AWS_INSTANCE_IPV4": "192.0.2.1"}}
        self.seen["no port"] = code_of(client.register_instance, **request)
        # Last: a peer may do it.
        self.seen["a service with instances"] = code_of(client.delete_service, Id=web)
        self.seen["a namespace with services"] = code_of(client.delete_namespace, Id=private)


def test_the_peers_see_the_same_but_for_what_is_listed(ours, peer):
    theirs = Cases(peer.client("servicediscovery")).run()
    assert set(theirs) == set(ours)
    found = {case: theirs[case] for case in ours if theirs[case] != ours[case]}
    expected = {case: answer for case, (answer, _) in DIFFERENCES[peer.name].items()}
    assert found == expected
