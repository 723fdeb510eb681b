"""A running coxswain-controller."""

import json
import os
import pathlib
import queue
import subprocess
import threading
import urllib.request

from local import CREDENTIALS, DEADLINE


def environment(folder: pathlib.Path) -> dict:
    """What our programs find around them: example credentials, and nothing of whoever runs the tests."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
    }


class Controller:
    """The controller as a process of its own, its status endpoint on a free port."""

    def __init__(self, folder: pathlib.Path, endpoint: str, region: str, *arguments: str):
        self.log_file = folder / "coxswain-controller.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    str(pathlib.Path(os.environ["COXSWAIN_PROGRAMS"]) / "coxswain-controller"),
                    *("--endpoint-url", endpoint, "--region", region, "--listen", "127.0.0.1:0"),
                    *("--sweep-interval", "2s", "--rollout-interval", "1s", *arguments),
                ],
                env=environment(folder),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        self.url = lines.get(timeout=DEADLINE).strip()
        if not self.url.startswith("http://127.0.0.1:"):
            self.stop()
            raise AssertionError(f"no URL but {self.url!r}; its log:\n{self.log()}")

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=DEADLINE) as answer:
            return json.loads(answer.read())

    def stop(self) -> int:
        """Ends it as an operator would, and returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
