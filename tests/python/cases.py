"""One list of cases of ECS: what AWS does, who says so, and how to see what a server does.

A case is a function of a `Stand`; what it returns is compared with what AWS would give. `docs/fidelity.md` has
the table of all of them, checked by `test_cases.py`.
"""

import collections
import itertools
import time

from botocore.exceptions import BotoCoreError, ClientError

DEV = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"
API = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference"
READ_BACKS = "`crates/local-aws/tests/live-pairs`"

Case = collections.namedtuple("Case", "title right source look")
CASES: list[Case] = []

_numbers = itertools.count(1)


def case(title, right, source):
    def keep(look):
        CASES.append(Case(title, right, source, look))
        return look

    return keep


def refusal(call, *arguments, **request):
    """The code of the error, or `accepted`."""
    return tried(lambda: call(*arguments, **request) and "accepted")


def tried(look):
    """What a look sees; where the server does not let it, the error's code."""
    try:
        return look()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        return f"HTTP {status}" if code.isdecimal() or code == "InternalError" else code
    except BotoCoreError as error:
        return type(error).__name__


class Stand:
    """A server, and a cluster of its own for each case."""

    def __init__(self, ecs, unchecked, network, patience):
        """`unchecked` sends what botocore would not; `patience` is for what happens by itself, in seconds."""
        self.ecs, self.unchecked, self.patience = ecs, unchecked, patience
        subnets, group = network
        self.network = {"awsvpcConfiguration": {"subnets": subnets[:1], "securityGroups": [group]}}
        self.cluster = ""

    def begin(self):
        self.cluster = f"case-{next(_numbers)}"
        self.ecs.create_cluster(clusterName=self.cluster)

    def register(self, **more):
        request = {
            "family": self.cluster,
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 256, "stopTimeout": 2}],
        }
        return self.ecs.register_task_definition(**request | more)["taskDefinition"]

    def request(self, **more):
        request = {
            "cluster": self.cluster,
            "serviceName": "web",
            "taskDefinition": self.cluster,
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": self.network,
        } | more
        return {name: value for name, value in request.items() if value is not None}

    def create(self, **more):
        self.register()
        return self.ecs.create_service(**self.request(**more))["service"]

    def service(self, **more):
        return self.ecs.describe_services(cluster=self.cluster, services=["web"], **more)["services"][0]

    def tasks(self):
        return self.ecs.list_tasks(cluster=self.cluster)["taskArns"]

    def until(self, condition):
        """Whether the condition comes true in time."""
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.2)
        return False


# == Task definitions


@case("a container of name and image reads back with", "cpu 0, environment [], essential, mountPoints [], portMappings [], systemControls [], volumesFrom []", READ_BACKS)
def _(stand):
    container = stand.register(containerDefinitions=[{"name": "web", "image": "web:1"}])["containerDefinitions"][0]
    shown = {True: lambda name: name, False: lambda name: f"{name} false", 0: lambda name: f"{name} 0"}
    parts = []
    for name, value in sorted(container.items()):
        if name not in ("name", "image"):
            parts.append(f"{name} []" if value == [] else shown[value](name))
    return ", ".join(parts) or "nothing"


@case("`hostPort` under awsvpc, left out", "the containerPort", f"{DEV}/task_definition_parameters.html")
def _(stand):
    container = {"name": "web", "image": "web:1", "memory": 256, "portMappings": [{"containerPort": 80}]}
    port = stand.register(containerDefinitions=[container])["containerDefinitions"][0]["portMappings"][0]
    return {80: "the containerPort", None: "absent"}.get(port.get("hostPort"), str(port.get("hostPort")))


@case("a size of `0.25 vCPU` and `0.5 GB`", "256, 512", f"{DEV}/task_definition_parameters.html#task_size")
def _(stand):
    definition = stand.register(cpu="0.25 vCPU", memory="0.5 GB")
    return f"{definition['cpu']}, {definition['memory']}"


@case("Fargate with 256 CPU units and 8192 MiB", "ClientException", f"{DEV}/task_definition_parameters.html#task_size")
def _(stand):
    return refusal(stand.register, memory="8192")


@case("`dependsOn` a container that is not there", "ClientException", f"{DEV}/task_definition_parameters.html")
def _(stand):
    depends = [{"containerName": "nobody", "condition": "START"}]
    return refusal(stand.register, containerDefinitions=[{"name": "web", "image": "web:1", "memory": 256, "dependsOn": depends}])


@case("tags of a definition that are not asked for", "hidden", f"{API}/API_DescribeTaskDefinition.html")
def _(stand):
    stand.register(tags=[{"key": "team", "value": "blue"}])
    return "shown" if stand.ecs.describe_task_definition(taskDefinition=stand.cluster).get("tags") else "hidden"


@case("definitions by `sort=DESC`", "newest first", f"{API}/API_ListTaskDefinitions.html")
def _(stand):
    for _ in range(3):
        stand.register()
    listed = stand.ecs.list_task_definitions(familyPrefix=stand.cluster, sort="DESC")["taskDefinitionArns"]
    numbers = [int(arn.rsplit(":", 1)[1]) for arn in listed]
    return {(3, 2, 1): "newest first", (1, 2, 3): "oldest first"}.get(tuple(numbers), "in no order")


@case("three definitions by `maxResults=2`", "2 and a token", f"{API}/API_ListTaskDefinitions.html")
def _(stand):
    for _ in range(3):
        stand.register()
    page = stand.ecs.list_task_definitions(familyPrefix=stand.cluster, maxResults=2)
    return f"{len(page['taskDefinitionArns'])} and {'a token' if page.get('nextToken') else 'no token'}"


@case("a family whose revisions are all INACTIVE, described", "ClientException", f"{API}/API_DeregisterTaskDefinition.html")
def _(stand):
    stand.ecs.deregister_task_definition(taskDefinition=stand.register()["taskDefinitionArn"])
    return refusal(stand.ecs.describe_task_definition, taskDefinition=stand.cluster)


@case("deletion of an ACTIVE definition", "a failure", f"{API}/API_DeleteTaskDefinitions.html")
def _(stand):
    arn = stand.register()["taskDefinitionArn"]
    found = refusal(stand.ecs.delete_task_definitions, taskDefinitions=[arn])
    if found != "accepted":
        return found
    return "a failure" if stand.ecs.delete_task_definitions(taskDefinitions=[arn])["failures"] else "deleted"


# == What CreateService keeps and refuses

KEPT = {
    "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50},
    "enableECSManagedTags": True,
    "enableExecuteCommand": True,
    "propagateTags": "SERVICE",
    "availabilityZoneRebalancing": "DISABLED",
    "platformVersion": "1.4.0",
}


@case("members of CreateService that are lost", "none", f"{API}/API_CreateService.html")
def _(stand):
    stand.create(**KEPT)
    service = stand.service()
    lost = [name for name, value in KEPT.items() if name != "deploymentConfiguration" and service.get(name) != value]
    found = service.get("deploymentConfiguration", {})
    if any(found.get(name) != value for name, value in KEPT["deploymentConfiguration"].items()):
        lost.append("deploymentConfiguration")
    return ", ".join(sorted(lost)) or "none"


@case("a capacity provider strategy", "kept, with no launchType", READ_BACKS)
def _(stand):
    strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}]
    service = stand.create(launchType=None, capacityProviderStrategy=strategy)
    kept = "kept" if service.get("capacityProviderStrategy") == strategy else "lost"
    return f"{kept}, with {service.get('launchType') or 'no launchType'}"


@case("tags of a service that are not asked for", "hidden", f"{API}/API_DescribeServices.html")
def _(stand):
    stand.create(tags=[{"key": "team", "value": "blue"}])
    return "shown" if stand.service().get("tags") else "hidden"


@case("CreateService in a cluster that is not there", "ClusterNotFoundException", f"{API}/API_CreateService.html")
def _(stand):
    stand.register()
    return refusal(stand.ecs.create_service, **stand.request(cluster="nowhere"))


@case("CreateService of a definition that is not there", "ClientException", f"{API}/API_CreateService.html")
def _(stand):
    return refusal(stand.ecs.create_service, **stand.request(taskDefinition="nothing:1"))


@case("CreateService of an INACTIVE definition", "ClientException", f"{API}/API_DeregisterTaskDefinition.html")
def _(stand):
    arn = stand.register()["taskDefinitionArn"]
    stand.ecs.deregister_task_definition(taskDefinition=arn)
    return refusal(stand.ecs.create_service, **stand.request(taskDefinition=arn))


@case("awsvpc without a network configuration", "InvalidParameterException", f"{API}/API_CreateService.html")
def _(stand):
    return refusal(stand.create, networkConfiguration=None)


@case("a launch type and a capacity provider strategy", "InvalidParameterException", f"{API}/API_CreateService.html")
def _(stand):
    return refusal(stand.create, capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])


@case("a desired count of -1", "InvalidParameterException", f"{API}/API_CreateService.html")
def _(stand):
    return refusal(stand.create, desiredCount=-1)


@case("a desired count of `two`", "SerializationException", "https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html")
def _(stand):
    stand.register()
    return refusal(stand.unchecked.create_service, **stand.request(desiredCount="two"))


@case("a launch type of `MOON`", "InvalidParameterException", f"{API}/API_CreateService.html")
def _(stand):
    return refusal(stand.create, launchType="MOON")


@case("the same client token twice", "the same service", f"{API}/API_CreateService.html")
def _(stand):
    first = stand.create(clientToken="once")
    found = refusal(stand.ecs.create_service, **stand.request(clientToken="once"))
    if found != "accepted":
        return found
    again = stand.ecs.create_service(**stand.request(clientToken="once"))["service"]
    same = [service["deployments"][0]["id"] for service in (first, again)]
    return "the same service" if same[0] == same[1] else "a new service"


# == What happens by itself


@case("a new deployment", "PRIMARY, IN_PROGRESS, ecs-svc/N", f"{API}/API_Deployment.html")
def _(stand):
    deployment = stand.create()["deployments"][0]
    form = "ecs-svc/N" if deployment["id"].removeprefix("ecs-svc/").isdigit() else "another id"
    return f"{deployment['status']}, {deployment.get('rolloutState')}, {form}"


def rollout(stand):
    return [deployment.get("rolloutState") for deployment in stand.service()["deployments"]]


@case("a service of one task, a while later", "COMPLETED, 1 running", f"{DEV}/deployment-type-ecs.html")
def _(stand):
    stand.create()
    stand.until(lambda: rollout(stand) == ["COMPLETED"] and stand.service()["runningCount"] == 1)
    return f"{' '.join(map(str, rollout(stand)))}, {stand.service()['runningCount']} running"


@case("the tasks of a service", "listed", f"{API}/API_ListTasks.html")
def _(stand):
    stand.create()
    return "listed" if stand.until(stand.tasks) else "none"


@case("a service's task that is stopped", "replaced", f"{DEV}/service-scheduler-replica.html")
def _(stand):
    stand.create()
    if not stand.until(stand.tasks):
        return "no task"
    old = stand.tasks()[0]
    stand.ecs.stop_task(cluster=stand.cluster, task=old)
    return "replaced" if stand.until(lambda: [arn for arn in stand.tasks() if arn != old]) else "gone"


@case("the events of a service at rest", "steady state", f"{DEV}/service-event-messages-list.html")
def _(stand):
    stand.create()

    def steady():
        return any("has reached a steady state" in event["message"] for event in stand.service()["events"])

    return "steady state" if stand.until(steady) else "none"


@case("UpdateService of `family:2` shows the definition by", "ARN", f"{API}/API_Service.html")
def _(stand):
    stand.create()
    stand.register()
    service = stand.ecs.update_service(cluster=stand.cluster, service="web", taskDefinition=f"{stand.cluster}:2")
    return "ARN" if service["service"]["taskDefinition"].startswith("arn:") else "the text that was sent"


@case("the deployments right after an update", "PRIMARY, ACTIVE", f"{API}/API_Deployment.html")
def _(stand):
    stand.create()
    stand.until(lambda: stand.service()["runningCount"] == 1)
    stand.register()
    stand.ecs.update_service(cluster=stand.cluster, service="web", taskDefinition=f"{stand.cluster}:2")
    return ", ".join(deployment["status"] for deployment in stand.service()["deployments"])


@case("ListServiceDeployments of a new service", "1", f"{API}/API_ListServiceDeployments.html")
def _(stand):
    stand.create()
    found = refusal(stand.ecs.list_service_deployments, cluster=stand.cluster, service="web")
    if found != "accepted":
        return found
    return str(len(stand.ecs.list_service_deployments(cluster=stand.cluster, service="web")["serviceDeployments"]))


@case("RunTask of a container without memory on Fargate", "accepted", f"{API}/API_ContainerDefinition.html")
def _(stand):
    stand.register(containerDefinitions=[{"name": "web", "image": "web:1"}])
    request = {"cluster": stand.cluster, "taskDefinition": stand.cluster, "launchType": "FARGATE"}
    return refusal(stand.ecs.run_task, networkConfiguration=stand.network, **request)


@case("a task that somebody stopped", "UserInitiated, why not", f"{API}/API_StopTask.html")
def _(stand):
    stand.register()
    request = {"cluster": stand.cluster, "taskDefinition": stand.cluster, "launchType": "FARGATE"}
    task = stand.ecs.run_task(networkConfiguration=stand.network, **request)["tasks"][0]["taskArn"]
    stand.ecs.stop_task(cluster=stand.cluster, task=task, reason="why not")

    def task_now():
        return stand.ecs.describe_tasks(cluster=stand.cluster, tasks=[task])["tasks"][0]

    stand.until(lambda: task_now()["lastStatus"] == "STOPPED")
    return f"{task_now().get('stopCode')}, {task_now().get('stoppedReason')}"


# == Names, pages, ends


@case("UpdateService of a service that is not there", "ServiceNotFoundException", f"{API}/API_UpdateService.html")
def _(stand):
    return refusal(stand.ecs.update_service, cluster=stand.cluster, service="nobody", desiredCount=1)


@case("DescribeServices of a service that is not there", "MISSING", f"{API}/API_DescribeServices.html")
def _(stand):
    failures = stand.ecs.describe_services(cluster=stand.cluster, services=["nobody"])["failures"]
    return ", ".join(failure["reason"] for failure in failures) or "no failure"


@case("DescribeServices of 11 names", "InvalidParameterException", f"{API}/API_DescribeServices.html")
def _(stand):
    return refusal(stand.ecs.describe_services, cluster=stand.cluster, services=[f"s{n}" for n in range(11)])


@case("the first page of 12 services", "10", f"{API}/API_ListServices.html")
def _(stand):
    stand.register()
    for number in range(12):
        stand.ecs.create_service(**stand.request(serviceName=f"s{number}", desiredCount=0))
    return str(len(stand.ecs.list_services(cluster=stand.cluster)["serviceArns"]))


@case("DeleteService of a service with tasks, not forced", "InvalidParameterException", f"{API}/API_DeleteService.html")
def _(stand):
    stand.create()
    return refusal(stand.ecs.delete_service, cluster=stand.cluster, service="web")


@case("UpdateService of a service that was deleted", "ServiceNotActiveException", f"{API}/API_UpdateService.html")
def _(stand):
    stand.create(desiredCount=0)
    stand.ecs.delete_service(cluster=stand.cluster, service="web")
    return refusal(stand.ecs.update_service, cluster=stand.cluster, service="web", desiredCount=1)


@case("a deleted service's name, used again", "accepted", f"{API}/API_DeleteService.html")
def _(stand):
    stand.create(desiredCount=0)
    stand.ecs.delete_service(cluster=stand.cluster, service="web")
    stand.until(lambda: stand.service()["status"] == "INACTIVE")
    return refusal(stand.ecs.create_service, **stand.request())


@case("DeleteCluster with a service in it", "ClusterContainsServicesException", f"{API}/API_DeleteCluster.html")
def _(stand):
    stand.create(desiredCount=0)
    return refusal(stand.ecs.delete_cluster, cluster=stand.cluster)


@case("capacity providers of a new account", "FARGATE, FARGATE_SPOT", f"{API}/API_CreateCapacityProvider.html")
def _(stand):
    found = refusal(stand.ecs.describe_capacity_providers, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    if found != "accepted":
        return found
    answer = stand.ecs.describe_capacity_providers(capacityProviders=["FARGATE", "FARGATE_SPOT"])
    return ", ".join(sorted(provider["name"] for provider in answer["capacityProviders"])) or "none"


@case("a cluster's capacity provider that nobody made", "InvalidParameterException", f"{API}/API_PutClusterCapacityProviders.html")
def _(stand):
    request = {"capacityProviders": ["nobody"], "defaultCapacityProviderStrategy": []}
    return refusal(stand.ecs.put_cluster_capacity_providers, cluster=stand.cluster, **request)


@case("tags put, taken away and listed", "b", f"{API}/API_TagResource.html")
def _(stand):
    arn = stand.create(desiredCount=0)["serviceArn"]
    stand.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    stand.ecs.untag_resource(resourceArn=arn, tagKeys=["a"])
    return ", ".join(tag["key"] for tag in stand.ecs.list_tags_for_resource(resourceArn=arn)["tags"]) or "none"
