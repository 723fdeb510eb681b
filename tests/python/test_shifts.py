"""Deployments that shift traffic, and their hooks and alarms, as boto3 sees them."""

import contextlib
import http.server
import json
import threading
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from local import until

PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:check"
LAMBDA = {
    "targetType": "AWS_LAMBDA",
    "hookTargetArn": FUNCTION,
    "roleArn": "arn:aws:iam::123456789012:role/hooks",
    "lifecycleStages": ["PRE_SCALE_UP"],
}


def blue_green(**more):
    return {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, **more}


def newest(ecs, stage):
    listed = ecs.list_service_deployments(cluster=stage.cluster, service="web")["serviceDeployments"]
    arn = listed[0]["serviceDeploymentArn"]
    return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def over(ecs, stage):
    def done():
        deployment = newest(ecs, stage)
        return deployment if "finishedAt" in deployment else None

    return until("the service deployment is over", done)


def tell(local, path, body):
    request = urllib.request.Request(f"{local.url}/_local/{path}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@contextlib.contextmanager
def function(*answers):
    """A function behind a URL that answers in turn; gives the URL and the events that it is told."""
    events = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            events.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps(answers[len(events) - 1]).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", events
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("action", "status"), [("CONTINUE", "SUCCESSFUL"), ("ROLLBACK", "ROLLBACK_SUCCESSFUL")])
def test_a_pause_is_continued_or_rolled_back(ecs, stage, action, status):
    old, new = stage.register("web:1"), stage.register("web:2")
    stage.create(old)
    stage.completed()
    stage.update(taskDefinition=new, deploymentConfiguration=blue_green(lifecycleHooks=[PAUSE]))

    def paused():
        deployment = newest(ecs, stage)
        hooks = deployment.get("lifecycleHookDetails", [])
        return deployment if [hook["status"] for hook in hooks] == ["AWAITING_ACTION"] else None

    deployment = until("the deployment pauses", paused)
    assert deployment["lifecycleStage"] == "POST_TEST_TRAFFIC_SHIFT"
    assert len(stage.running_tasks()) == 2
    arn, hook = deployment["serviceDeploymentArn"], deployment["lifecycleHookDetails"][0]["hookId"]
    answer = ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook, action=action)
    assert answer["serviceDeploymentArn"] == arn
    assert over(ecs, stage)["status"] == status
    assert stage.completed()["taskDefinition"] == (new if action == "CONTINUE" else old)
    with pytest.raises(ClientError, match="terminal states"):
        ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook)


def test_a_function_that_fails_rolls_back_with_its_reason(local, ecs, stage):
    tell(local, "hooks", {"function": "check", "answers": ["IN_PROGRESS=1", "FAILED"]})
    old, new = stage.register("web:1"), stage.register("web:2")
    stage.create(old)
    stage.completed()
    stage.update(taskDefinition=new, deploymentConfiguration=blue_green(lifecycleHooks=[LAMBDA]))
    deployment = over(ecs, stage)
    assert deployment["status"] == "ROLLBACK_SUCCESSFUL"
    assert deployment["statusReason"] == (
        "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed. "
        f"Lifecycle hook target {FUNCTION} returned FAILED status."
    )
    assert stage.completed()["taskDefinition"] == old


def test_a_function_behind_a_url_is_told_the_details_that_boto3_sent(local, ecs, stage):
    old, new = stage.register("web:1"), stage.register("web:2")
    stage.create(old)
    stage.completed()
    details = {"bucket": "b", "tries": [1, 2.5, None]}
    again = {"hookStatus": "IN_PROGRESS", "callBackDelay": 0, "hookDetails": {"seen": True}}
    with function(again, {"hookStatus": "SUCCEEDED"}) as (url, events):
        tell(local, "hooks", {"function": "check", "url": url})
        hook = LAMBDA | {"hookDetails": details}
        stage.update(taskDefinition=new, deploymentConfiguration=blue_green(lifecycleHooks=[hook]))
        assert over(ecs, stage)["status"] == "SUCCESSFUL"
    assert [event["hookDetails"] for event in events] == [details, details | {"seen": True}]
    service = ecs.describe_services(cluster=stage.cluster, services=["web"])["services"][0]
    kept = service["deploymentConfiguration"]["lifecycleHooks"][0]
    assert kept["hookDetails"] == details


def test_an_alarm_in_the_bake_rolls_back(local, ecs, stage, name):
    alarms = {"alarmNames": [name], "enable": True, "rollback": True}
    old, new = stage.register("web:1"), stage.register("web:2")
    stage.create(old)
    stage.completed()
    configuration = blue_green(alarms=alarms) | {"bakeTimeInMinutes": 60}
    stage.update(taskDefinition=new, deploymentConfiguration=configuration)
    until("the bake", lambda: newest(ecs, stage).get("lifecycleStage") == "BAKE_TIME")
    tell(local, "alarms", {"name": name, "state": "ALARM"})
    deployment = over(ecs, stage)
    assert (deployment["status"], deployment["alarms"]["status"]) == ("ROLLBACK_SUCCESSFUL", "TRIGGERED")
    assert deployment["alarms"]["triggeredAlarmNames"] == [name]
    assert stage.completed()["taskDefinition"] == old


def test_what_the_local_api_does_not_take_is_a_400(local):
    for path, body in [("alarms", {"name": "a", "state": "RED"}), ("zones", {"name": "mars", "state": "LOST"})]:
        with pytest.raises(urllib.error.HTTPError, match="400"):
            tell(local, path, body)


def test_account_settings_are_listed_with_their_defaults(ecs):
    effective = ecs.list_account_settings(effectiveSettings=True, name="defaultLogDriverMode")["settings"]
    assert [setting["value"] for setting in effective] == ["non-blocking"]
    ecs.put_account_setting(name="defaultLogDriverMode", value="blocking")
    names = {setting["name"] for setting in ecs.list_account_settings()["settings"]}
    assert "defaultLogDriverMode" in names
    setting = ecs.delete_account_setting(name="defaultLogDriverMode")["setting"]
    assert setting["value"] == "non-blocking"
