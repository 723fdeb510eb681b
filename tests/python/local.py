"""A running coxswain-local, and the clients that judge it."""

import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

import boto3
import botocore.config

import shapes

ACCOUNT = "123456789012"
REGION = "eu-central-1"
DEADLINE = 60

# A service that runs until it is told to stop, jobs that end, and a program that crashes at its start.
SERVE = "trap 'echo bye; exit 0' TERM; echo serving as $VERSION on {address}; while :; do sleep 0.1; done"
IMAGES = {
    "web:crash": "echo cannot open the database >&2; exit 1",
    "web": SERVE,
    "*/shop": SERVE,
    "stubborn": "trap '' TERM; while :; do sleep 0.1; done",
    "job": "echo $GREETING; exit ${CODE:-0}",
}

# Beside the Python that runs this: never another one that the machine may have.
AWS = pathlib.Path(sys.executable).parent / "aws"

CREDENTIALS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "example"}


# What AWS leaves unsettled, away from its default: `coxswain-local --help` lists it.
SWITCHES = (
    "identical-update-deploys",
    "abort-stops",
    "breaker-watches-rolling-only",
    "breaker-counts-a-batch-once",
    "permutes-lists",
    "first-deployment-bakes",
    "shows-pre-production-stage",
)


def turned() -> list[str]:
    """Arguments that turn every switch, in the second pass of `cargo xtask python`."""
    if not os.environ.get("COXSWAIN_SWITCHES_TURNED"):
        return []
    return [word for switch in SWITCHES for word in ("--switch", switch)]


class Local:
    """coxswain-local as a process of its own on a free port."""

    def __init__(self, folder: pathlib.Path, *arguments: str, images: list | None = None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        entries = images or []
        for name, script in IMAGES.items():
            entry = {"image": name, "entryPoint": ["/bin/sh", "-c"], "command": [script]}
            entries.append(entry | {"environment": {"VERSION": "{tag}"}})
        # What a task can ask about itself is asked by clients that we did not write.
        entries.append({"image": "python", "entryPoint": [sys.executable, "-c"], "command": ["pass"]})
        entries.append({"image": "aws", "entryPoint": [sys.executable, str(AWS)], "command": ["help"]})
        image_file = folder / "images.json"
        image_file.write_text(json.dumps({"images": entries}))
        self.log_file = folder / "coxswain-local.log"
        self.journal = folder / "journal.jsonl"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    os.environ["COXSWAIN_LOCAL"],
                    *("--listen", "127.0.0.1:0", "--images", str(image_file), "--state", str(folder / "state")),
                    *("--region", REGION, "--account", ACCOUNT, "--healthy-after", "1"),
                    *("--journal", str(self.journal), *turned(), *arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.url = self._next_line("http://127.0.0.1:")
        self.dns = self._next_line("dns://127.0.0.1:") if "--dns" in arguments else None

    def _next_line(self, start: str) -> str:
        lines = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        try:
            line = lines.get(timeout=DEADLINE).strip()
        except queue.Empty:
            line = ""
        if not line.startswith(start):
            self.stop()
            raise AssertionError(f"no address but {line!r}; its log:\n{self.log()}")
        return line

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def stop(self) -> int:
        """Ends it as an operator would, and returns its exit code.

        Whatever it has answered, and to whom, is judged: clients that we did not write look at their own
        part of an answer alone.
        """
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        problems = shapes.judge_journal(json.loads(line) for line in lines)
        assert not problems, "\n\n".join(problems)
        return code

    def client(self, service: str, retries: int = 1, session=boto3):
        """A client whose every answer is held against botocore's own model."""
        client = session.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            config=botocore.config.Config(
                retries={"total_max_attempts": retries, "mode": "standard"},
                # DiscoverInstances would go to `data-127.0.0.1`.
                inject_host_prefix=False,
            ),
            **CREDENTIALS,
        )
        client.meta.events.register("before-parse.*.*", shapes.judge_answer)
        return client

    def aws(self, *arguments: str) -> "Answer":
        """Runs the unmodified AWS CLI."""
        return self.tool("aws", "--output", "json", *arguments)

    def tool(self, name: str, *arguments: str) -> "Answer":
        """Runs a program of this Python's environment on this ECS."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_PAGER": "",
        }
        program = shutil.which(name, path=str(pathlib.Path(sys.executable).parent))
        assert program, f"{name} is not beside this Python: install tests/python/requirements.txt"
        done = subprocess.run(
            [sys.executable, program, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def post(self, target: str, body: bytes) -> tuple[int, dict]:
        """Sends a request that no client would, and returns HTTP status and body."""
        request = urllib.request.Request(self.url, data=body, method="POST")
        request.add_header("X-Amz-Target", target)
        request.add_header("Content-Type", "application/x-amz-json-1.1")
        return self._send(request)

    def admin(self, method: str, path: str, body: str | None = None) -> tuple[int, dict]:
        """Asks the part of the wire that AWS does not have."""
        data = body.encode() if body is not None else None
        return self._send(urllib.request.Request(f"{self.url}/_local/{path}", data=data, method=method))

    @staticmethod
    def _send(request) -> tuple[int, dict]:
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


class Answer:
    """What a program printed."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err

    def json(self) -> dict:
        assert self.code == 0, f"exit {self.code}: {self.err}"
        return json.loads(self.out) if self.out.strip() else {}


def until(what: str, condition):
    """Waits until the condition gives something true, and returns that."""
    end = time.monotonic() + DEADLINE
    last = None
    while time.monotonic() < end:
        last = condition()
        if last:
            return last
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}; last seen: {last!r}")
