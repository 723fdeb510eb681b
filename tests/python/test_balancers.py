"""Load balancers: ELBv2 by boto3 and the AWS CLI, the local ALB by curl."""

import concurrent.futures
import contextlib
import itertools
import json
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.parse

import pytest
from botocore.exceptions import ClientError

from certificates import NOW, Authority, pem
from conftest import FAST, Stage
from local import Local, until

BEHIND = pathlib.Path(__file__).parent / "behind.py"
WEB, API = (f"arn:aws:acm:eu-central-1:123456789012:certificate/{one}" for one in ("web", "api"))
SUBNETS = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nobody"}}]

_ports = itertools.count(18_000)


class House:
    """A local AWS with programs to put behind load balancers, and what ACM and S3 would hold."""

    def __init__(self, folder):
        self.folder = folder
        self.authority, self.stranger = Authority(folder, "Test CA"), Authority(folder, "Stranger")
        web = self.authority.issue("web", names=["web.example.com"], is_server=True)
        api = self.authority.issue("api", names=["*.api.example.com"], is_server=True)
        bucket = folder / "bucket"
        bucket.mkdir()
        (bucket / "ca.pem").write_text(pem(self.authority.certificate))
        entry = {
            "image": "behind",
            "entryPoint": [sys.executable, str(BEHIND)],
            "environment": {"ADDRESS": "{address}", "VERSION": "{tag}"},
        }
        self.local = Local(
            folder / "local",
            *("--certificate", f"{WEB}={web.chain_file},{web.key_file}"),
            *("--certificate", f"{API}={api.chain_file},{api.key_file}"),
            *("--bucket", f"trust={bucket}"),
            images=[entry],
        )
        self.elb, self.ecs = self.local.client("elbv2"), self.local.client("ecs")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    assert house.local.stop() == 0, house.local.log()


@pytest.fixture
def elb(house):
    return house.elb


class Site:
    """A load balancer of a test's own."""

    def __init__(self, house, name):
        self.house, self.elb, self.name = house, house.elb, name
        made = self.elb.create_load_balancer(Name=name, Subnets=SUBNETS)["LoadBalancers"][0]
        self.arn, self.address = made["LoadBalancerArn"], made["DNSName"]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[self.arn], WaiterConfig=FAST)

    def group(self, name="web", **more):
        settings = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2}
        made = self.elb.create_target_group(
            Name=f"{self.name}-{name}", Protocol="HTTP", Port=8080, VpcId="vpc-1", TargetType="ip", **settings, **more
        )
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return arn

    def listen(self, actions, port=None, **more):
        port = port or next(_ports)
        settings = {"Protocol": "HTTP"} | more
        made = self.elb.create_listener(LoadBalancerArn=self.arn, Port=port, DefaultActions=actions, **settings)
        arn = made["Listeners"][0]["ListenerArn"]

        def served():
            listeners = self.house.local.admin("GET", "balancers")[1]["listeners"]
            return [one for one in listeners if one["listener"] == arn and "address" in one]

        until("the listener is served", served)
        return arn, port

    def url(self, port, path="/", scheme="http", host="web.example.com"):
        return f"{scheme}://{host}:{port}{path}"

    def curl(self, port, path="/", *arguments, scheme="http", host="web.example.com"):
        """Runs curl; says its exit code, the status, and the body."""
        command = [
            *("curl", "--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}"),
            *("--cacert", str(self.house.authority.chain_file), "--resolve", f"{host}:{port}:{self.address}"),
            *arguments,
            self.url(port, path, scheme, host),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        body, _, status = done.stdout.rpartition("\n")
        return done.returncode, int(status or 0), body

    def get(self, port, path="/", *arguments, **more):
        code, status, body = self.curl(port, path, *arguments, **more)
        assert (code, status) == (0, 200), (code, status, body)
        return json.loads(body)


@pytest.fixture
def site(house, name):
    return Site(house, name)


@pytest.fixture
def behind(house, name):
    """ECS's side: a cluster whose services are gone when the test is over."""
    house.ecs.create_cluster(clusterName=name)
    yield Stage(house.ecs, name)
    for arn in house.ecs.list_services(cluster=name)["serviceArns"]:
        house.ecs.delete_service(cluster=name, service=arn, force=True)
    until("no task is left", lambda: not house.ecs.list_tasks(cluster=name)["taskArns"])


def forward(*groups):
    tuples = [{"TargetGroupArn": group, "Weight": weight} for group, weight in groups]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}]


def register(stage, version):
    return stage.register(f"behind:{version}", portMappings=[{"containerPort": 8080}])


def balanced(group, **advanced):
    one = {"targetGroupArn": group, "containerName": "web", "containerPort": 8080}
    return [one | ({"advancedConfiguration": advanced} if advanced else {})]


def serve(stage, group, version="1", count=1, **more):
    stage.create(register(stage, version), count=count, loadBalancers=balanced(group), **more)
    return stage.completed()


def test_everything_is_made_read_back_in_pages_and_deleted(elb, site):
    group = site.group()
    listener, port = site.listen(FIXED)
    rules = [
        elb.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}/*"]}],
            Actions=forward((group, 1)),
        )["Rules"][0]["RuleArn"]
        for priority in (3, 1, 2)
    ]
    # botocore has no paginator for rules that knows of page sizes; this is its own.
    pages = list(elb.get_paginator("describe_rules").paginate(ListenerArn=listener, PaginationConfig={"PageSize": 2}))
    assert [[rule["Priority"] for rule in page["Rules"]] for page in pages] == [["1", "2"], ["3", "default"]]
    assert elb.describe_target_groups(LoadBalancerArn=site.arn)["TargetGroups"][0]["TargetGroupArn"] == group
    elb.add_tags(ResourceArns=[site.arn, rules[0]], Tags=[{"Key": "team", "Value": "a & b"}])
    tags = elb.describe_tags(ResourceArns=[rules[0]])["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "team", "Value": "a & b"}]
    idle = {"Key": "idle_timeout.timeout_seconds", "Value": "90"}
    elb.modify_load_balancer_attributes(LoadBalancerArn=site.arn, Attributes=[idle])
    assert idle in elb.describe_load_balancer_attributes(LoadBalancerArn=site.arn)["Attributes"]
    with pytest.raises(elb.exceptions.ResourceInUseException):
        elb.delete_target_group(TargetGroupArn=group)
    with pytest.raises(elb.exceptions.DuplicateListenerException):
        elb.create_listener(LoadBalancerArn=site.arn, Port=port, Protocol="HTTP", DefaultActions=forward((group, 1)))
    elb.delete_load_balancer(LoadBalancerArn=site.arn)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[site.arn], WaiterConfig=FAST)
    elb.delete_target_group(TargetGroupArn=group)


def test_what_is_not_done_or_not_allowed_says_so(elb, site):
    for code, call in [
        ("UnsupportedFeatureException", lambda: elb.describe_capacity_reservation(LoadBalancerArn=site.arn)),
        ("UnsupportedFeatureException", lambda: elb.create_load_balancer(Name="n", Subnets=SUBNETS, Type="network")),
        ("ValidationError", lambda: elb.create_load_balancer(Name="n", Subnets=SUBNETS[:1])),
        ("TargetGroupNotFound", lambda: elb.describe_target_health(TargetGroupArn="arn:none")),
    ]:
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == code


def test_rules_decide_and_the_first_in_order_wins(elb, site):
    listener, port = site.listen(FIXED)
    answers = itertools.count(201)

    def rule(priority, condition):
        status = str(next(answers))
        actions = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status}}]
        elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=[condition], Actions=actions)
        return int(status)

    host = rule(10, {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.shop.example.com"]}})
    header = {"HttpHeaderName": "X-Colour", "Values": ["gr?en"]}
    colour = rule(20, {"Field": "http-header", "HttpHeaderConfig": header})
    query = {"Values": [{"Key": "v", "Value": "2*"}]}
    version = rule(30, {"Field": "query-string", "QueryStringConfig": query})
    method = rule(40, {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["DELETE"]}})
    path = rule(50, {"Field": "path-pattern", "Values": ["/img/*.png"]})
    for arguments, expected in [
        (("/", "--header", "Host: a.shop.example.com"), host),
        (("/", "--header", "x-colour: Green"), colour),
        (("/?V=2.1",), version),
        (("/", "--request", "DELETE"), method),
        (("/img/a/b.png",), path),
        (("/img/a/b.gif",), 404),
        (("/img/a.png?v=2", "--header", "x-colour: green"), colour),
        (("/", "--request", "TRACE"), 405),
    ]:
        assert site.curl(port, *arguments)[:2] == (0, expected), arguments


def test_http_is_redirected_and_certificates_are_chosen_by_name(elb, site):
    secure = {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": WEB}], "SslPolicy": POLICY}
    listener, tls_port = site.listen(FIXED, **secure)
    redirect = {"Protocol": "HTTPS", "Port": str(tls_port), "StatusCode": "HTTP_301"}
    _, port = site.listen([{"Type": "redirect", "RedirectConfig": redirect}])
    where = site.curl(port, "/a/b?c=d", "--head")[2]
    assert f"location: https://web.example.com:{tls_port}/a/b?c=d" in where.lower()
    assert site.curl(tls_port, scheme="https") == (0, 404, "nobody")
    version = site.curl(tls_port, "/", "--output", "/dev/null", "--write-out", "%{http_version}\n404", scheme="https")
    assert version[2] == "2"
    # 60 is curl's for a certificate of another name.
    assert site.curl(tls_port, scheme="https", host="one.api.example.com")[0] == 60
    elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": API}])
    shown = elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
    assert {one["CertificateArn"]: one["IsDefault"] for one in shown} == {WEB: True, API: False}
    named = lambda: site.curl(tls_port, scheme="https", host="one.api.example.com")[:2] == (0, 404)
    until("the second certificate is served", named)


def test_a_target_is_told_of_the_client(house, elb, site, behind):
    group = site.group()
    _, port = site.listen(forward((group, 1)))
    serve(behind, group)
    elb.get_waiter("target_in_service").wait(TargetGroupArn=group, WaiterConfig=FAST)
    headers = site.get(port, "/x?y=1", "--header", "X-Forwarded-For: 192.0.2.1", "--header", "Connection: x-a", "--header", "X-A: 1")["headers"]
    assert headers["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", str(port))
    assert headers["host"] == f"web.example.com:{port}"
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert "x-a" not in headers


def test_nobody_a_dead_one_and_a_slow_one_are_503_502_and_504(elb, site, behind):
    group = site.group()
    _, port = site.listen(forward((group, 1)))
    code, status, body = site.curl(port)
    assert (status, "503 Service Temporarily Unavailable" in body) == (503, True)
    # Nothing listens there: every target is unhealthy, which is as good as all of them.
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": 9}])
    assert site.curl(port)[1] == 502
    elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": 9}])
    assert site.curl(port)[1] == 503
    serve(behind, group)
    attribute = {"Key": "idle_timeout.timeout_seconds", "Value": "1"}
    elb.modify_load_balancer_attributes(LoadBalancerArn=site.arn, Attributes=[attribute])
    until("the timeout is in force", lambda: site.curl(port, "/slow?3")[1] == 504)


@contextlib.contextmanager
def upgraded(site, port):
    """A connection through the load balancer to a target that echoes in capitals."""
    with socket.create_connection((site.address, port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        stream = connection.makefile("rwb")
        assert stream.readline().startswith(b"HTTP/1.1 101")
        while stream.readline().strip():
            pass
        yield stream


def test_an_upgraded_connection_goes_through(site, behind):
    group = site.group()
    _, port = site.listen(forward((group, 1)))
    serve(behind, group)
    with upgraded(site, port) as stream:
        stream.write(b"hello\n")
        stream.flush()
        assert stream.readline() == b"HELLO\n"


def test_a_roll_under_load_loses_no_request(site, behind):
    group = site.group()
    _, port = site.listen(forward((group, 1)))
    serve(behind, group, "1", count=2)
    stop, seen = threading.Event(), []

    def ask():
        while not stop.is_set():
            seen.append(site.curl(port, "/"))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            behind.update(taskDefinition=register(behind, "2"))
            behind.completed()
        finally:
            stop.set()
        for one in asking:
            one.result()
    failed = [answer for answer in seen if answer[:2] != (0, 200)]
    assert not failed, f"{len(failed)} of {len(seen)}: {failed[:3]}"
    assert {json.loads(body)["version"] for _, _, body in seen} == {"1", "2"}
    events = [event["message"] for event in behind.service()["events"]]
    for part in ("registered", "deregistered"):
        assert any(f"{part} 1 targets in (target-group {group})" in event for event in events), events
    assert any("has begun draining connections on 1 tasks." in event for event in events), events


def test_a_connection_in_use_outlives_its_targets_deregistration(elb, site, behind):
    group = site.group()
    _, port = site.listen(forward((group, 1)))
    serve(behind, group)
    with upgraded(site, port) as stream:
        behind.update(desiredCount=0)

        def drains():
            targets = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            return [one["TargetHealth"]["State"] for one in targets] == ["draining"]

        until("the target is drained", drains)
        stream.write(b"still here\n")
        stream.flush()
        assert stream.readline() == b"STILL HERE\n"
    assert site.curl(port)[1] == 503


def test_a_service_that_fails_its_checks_is_replaced_with_a_reason(elb, site, behind):
    group = site.group()
    site.listen(forward((group, 1)))
    behind.create(register(behind, "sick"), loadBalancers=balanced(group))
    reason = "Health checks failed with these codes: [503]"

    def said():
        events = [event["message"] for event in behind.service()["events"]]
        end = f"(port 8080) is unhealthy in (target-group {group}) due to (reason {reason})"
        return [event for event in events if event.endswith(end)]

    until("the event", said)
    arns = lambda: behind.ecs.list_tasks(cluster=behind.cluster, desiredStatus="STOPPED")["taskArns"]
    task = behind.task(until("a stopped task", arns)[0])
    assert task["stoppedReason"] == f"Task failed ELB health checks in (target-group {group})"


def test_a_client_sees_the_traffic_shift(elb, site, behind):
    blue, green = site.group("blue"), site.group("green")
    listener, port = site.listen(FIXED)
    rule = elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=forward((blue, 1), (green, 0)),
    )["Rules"][0]["RuleArn"]
    advanced = {
        "alternateTargetGroupArn": green,
        "productionListenerRule": rule,
        "roleArn": "arn:aws:iam::123456789012:role/balancer",
    }
    pause = {"targetType": "PAUSE", "lifecycleStages": ["POST_PRODUCTION_TRAFFIC_SHIFT"]}
    configuration = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}
    behind.create(register(behind, "1"), loadBalancers=balanced(blue, **advanced), deploymentConfiguration=configuration)
    behind.completed()
    assert site.get(port)["version"] == "1"
    behind.update(
        taskDefinition=register(behind, "2"), deploymentConfiguration=configuration | {"lifecycleHooks": [pause]}
    )
    until("the new version serves", lambda: site.get(port)["version"] == "2")
    tuples = elb.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert {one["TargetGroupArn"]: one["Weight"] for one in tuples} == {blue: 0, green: 100}
    listed = behind.ecs.list_service_deployments(cluster=behind.cluster, service="web")["serviceDeployments"]
    arn = listed[0]["serviceDeploymentArn"]
    behind.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    until("the old version serves again", lambda: site.get(port)["version"] == "1")


def client(pair):
    return ("--cert", str(pair.chain_file), "--key", str(pair.key_file))


def test_passthrough_tells_the_target_of_any_certificate(house, site, behind):
    group = site.group()
    secure = {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": WEB}], "SslPolicy": POLICY}
    _, port = site.listen(forward((group, 1)), **secure, MutualAuthentication={"Mode": "passthrough"})
    serve(behind, group)
    anybody = house.stranger.issue("anybody")
    headers = site.get(port, "/", *client(anybody), scheme="https")["headers"]
    assert urllib.parse.unquote(headers["x-amzn-mtls-clientcert"]) == pem(anybody.certificate)
    assert headers["x-amzn-mtls-clientcert"].startswith("-----BEGIN%20CERTIFICATE-----%0A")
    assert "x-amzn-mtls-clientcert" not in site.get(port, scheme="https")["headers"]
    forged = ("--header", "X-Amzn-Mtls-Clientcert: forged")
    assert site.get(port, "/", *client(anybody), *forged, scheme="https")["headers"] | {"x-amzn-trace-id": ""} == (
        headers | {"x-amzn-trace-id": ""}
    )


def test_verify_takes_only_certificates_of_the_trust_store(house, elb, site, behind):
    group = site.group()
    stored = {"CaCertificatesBundleS3Bucket": "trust", "CaCertificatesBundleS3Key": "ca.pem"}
    store = elb.create_trust_store(Name=site.name, **stored)["TrustStores"][0]
    assert (store["Status"], store["NumberOfCaCertificates"]) == ("ACTIVE", 1)
    arn = store["TrustStoreArn"]
    secure = {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": WEB}], "SslPolicy": POLICY}
    mutual = {"Mode": "verify", "TrustStoreArn": arn}
    listener, port = site.listen(forward((group, 1)), **secure, MutualAuthentication=mutual)
    serve(behind, group)
    known = house.authority.issue("known", serial=0x03A5B1)
    other = house.authority.issue("other")
    expired = house.authority.issue("expired", after=NOW - (NOW - known.certificate.not_valid_before_utc) / 2)
    headers = site.get(port, "/", *client(known), scheme="https")["headers"]
    prefix = "x-amzn-mtls-clientcert"
    assert headers[f"{prefix}-serial-number"] == "03A5B1"
    assert headers[f"{prefix}-subject"] == known.certificate.subject.rfc4514_string()
    assert headers[f"{prefix}-issuer"] == house.authority.certificate.subject.rfc4514_string()
    before, after = known.certificate.not_valid_before_utc, known.certificate.not_valid_after_utc
    times = [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (before, after)]
    assert headers[f"{prefix}-validity"] == f"NotBefore={times[0]};NotAfter={times[1]}"
    assert urllib.parse.unquote(headers[f"{prefix}-leaf"]) == pem(known.certificate)

    def is_refused(*arguments):
        code, status, _ = site.curl(port, "/", *arguments, scheme="https")
        # Not found, not reached, and not trusted would be failures of another kind.
        assert code not in (6, 7, 60), code
        return code != 0 and status == 0

    assert is_refused()
    assert is_refused(*client(house.stranger.issue("stranger-leaf")))
    assert is_refused(*client(expired))
    elb.modify_listener(ListenerArn=listener, MutualAuthentication=mutual | {"IgnoreClientCertificateExpiry": True})
    until("expiry is ignored", lambda: not is_refused(*client(expired)))

    house.local.admin("PUT", "objects/trust/revoked.crl", house.authority.revoke(other))
    content = [{"S3Bucket": "trust", "S3Key": "revoked.crl", "RevocationType": "CRL"}]
    revocation = elb.add_trust_store_revocations(TrustStoreArn=arn, RevocationContents=content)["TrustStoreRevocations"][0]
    assert revocation["NumberOfRevokedEntries"] == 1
    until("what is revoked is refused", lambda: is_refused(*client(other)))
    assert not is_refused(*client(known))
    elb.remove_trust_store_revocations(TrustStoreArn=arn, RevocationIds=[revocation["RevocationId"]])
    until("it is taken again", lambda: not is_refused(*client(other)))
    with pytest.raises(elb.exceptions.TrustStoreInUseException):
        elb.delete_trust_store(TrustStoreArn=arn)
    associations = elb.describe_trust_store_associations(TrustStoreArn=arn)["TrustStoreAssociations"]
    assert [one["ResourceArn"] for one in associations] == [listener]


def test_the_aws_cli_makes_and_describes_a_load_balancer(house, name):
    elbv2 = lambda *arguments: house.local.aws("elbv2", *arguments)
    made = elbv2("create-load-balancer", "--name", name, "--subnets", *SUBNETS).json()["LoadBalancers"][0]
    assert (made["Type"], made["State"]["Code"]) == ("application", "provisioning")
    waited = elbv2("wait", "load-balancer-available", "--load-balancer-arns", made["LoadBalancerArn"])
    assert waited.code == 0, waited.err
    listener = elbv2(
        *("create-listener", "--load-balancer-arn", made["LoadBalancerArn"], "--protocol", "HTTP"),
        *("--port", str(next(_ports)), "--default-actions", json.dumps(FIXED)),
    ).json()["Listeners"][0]
    assert listener["DefaultActions"] == FIXED
    refused = elbv2("describe-load-balancers", "--names", "none")
    assert "(LoadBalancerNotFound) when calling the DescribeLoadBalancers operation" in refused.err
