"""Emulators of AWS that we did not write, each as a process on a free port: moto and MiniStack.

Neither moves a rollout forward. They judge what the controller sends and what can be read back of it,
never how a rollout ends; `docs/fidelity.md` lists what else they cannot do.
"""

import os
import pathlib
import queue
import re
import subprocess
import sys
import threading

import boto3
import botocore.config

from local import ACCOUNT, CREDENTIALS, DEADLINE

REGION = "eu-west-1"
ROOT = pathlib.Path(__file__).parents[2]


class Peer:
    """A running emulator."""

    name = ""

    def __init__(self, command: list[str], line: str, folder: pathlib.Path, **environment: str):
        self.log_file = folder / f"{self.name}.log"
        self.process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
        )
        self.url = self._find(re.compile(line))

    def _find(self, line: re.Pattern) -> str:
        found = queue.Queue()

        def read():
            with self.log_file.open("w") as log:
                for text in self.process.stdout:
                    log.write(text)
                    log.flush()
                    if match := line.search(text):
                        found.put(match[1])

        threading.Thread(target=read, daemon=True).start()
        try:
            return f"http://127.0.0.1:{found.get(timeout=DEADLINE)}"
        except queue.Empty:
            self.stop()
            raise AssertionError(f"{self.name} did not start:\n{self.log_file.read_text()}") from None

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def client(self, service: str):
        config = botocore.config.Config(
            retries={"total_max_attempts": 1, "mode": "standard"}, inject_host_prefix=False
        )
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=config, **CREDENTIALS)

    def network(self) -> tuple[list[str], str]:
        """Two subnets and a security group."""
        raise NotImplementedError

    def mend(self, answer: dict) -> dict:
        """Puts into an answer that which the controller does not do without and the peer does not have."""
        return answer


class PlainMoto(Peer):
    """moto as it comes."""

    name = "moto"

    def __init__(self, folder: pathlib.Path, **environment: str):
        command = [sys.executable, str(ROOT / "crates/store/tests/moto/serve.py")]
        super().__init__(command, r"^(\d+)$", folder, **environment)

    def network(self):
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{part}.0/24")["Subnet"]["SubnetId"] for part in (1, 2)
        ]
        group = ec2.create_security_group(GroupName="api", Description="api", VpcId=vpc)
        return subnets, group["GroupId"]


class Moto(PlainMoto):
    """moto, told what it needs to be looked after by the controller."""

    def __init__(self, folder: pathlib.Path):
        # So many tasks of any service are said to run: with none a deployment is never COMPLETED, and
        # with more than are wanted a negative number is pending.
        super().__init__(folder, MOTO_ECS_SERVICE_RUNNING="2")

    def mend(self, answer):
        # A service's identity is its ARN and when it was created, which moto does not say.
        for service in answer.get("services", []) + [answer.get("service")]:
            if service:
                service.setdefault("createdAt", service["deployments"][-1]["createdAt"])
        return answer


class MiniStack(Peer):
    name = "ministack"

    def __init__(self, folder: pathlib.Path):
        python = os.environ["COXSWAIN_MINISTACK"]
        command = [python, "-m", "hypercorn", "ministack.app:app", "--bind", "127.0.0.1:0"]
        super().__init__(
            command,
            r"Running on http://127\.0\.0\.1:(\d+)",
            folder,
            MINISTACK_REGION=REGION,
            MINISTACK_ACCOUNT_ID=ACCOUNT,
            SERVICES="ecs,s3,servicediscovery,ssm,sqs,events,logs,sts,secretsmanager,kms",
            LOG_LEVEL="WARNING",
        )

    def network(self):
        return ["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"], "sg-0a1b2c3d4e5f60001"
