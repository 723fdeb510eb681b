"""Serves moto on a free port of the loopback, says which, and ends when its standard input does.

With `--journal FILE`, each distinct request is appended to that file as a line of JSON, for the judges in
tests/python. One request at a time: moto looks at a condition and then writes, with no lock between.
"""

import argparse
import io
import json
import os
import pathlib
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

# Of the signature and the attempt, and so new each time.
VOLATILE = {"authorization", "x-amz-date", "x-amz-content-sha256", "amz-sdk-invocation-id", "amz-sdk-request"}


class Journal:
    """An application of WSGI that writes down what is asked of another."""

    def __init__(self, application, path: pathlib.Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.application, self.file, self.lines = application, path.open("a"), set()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        request = {
            "client": headers.pop("user-agent", "").split(" ")[0],
            "method": environ["REQUEST_METHOD"],
            "target": environ["RAW_URI"],
            "headers": {name: value for name, value in headers.items() if name not in VOLATILE},
            "request": json.loads(body) if "x-amz-target" in headers else None,
        }
        line = json.dumps(request, sort_keys=True)
        if line not in self.lines:
            self.lines.add(line)
            self.file.write(line + "\n")
            self.file.flush()
        return self.application(environ, start_response)


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


arguments = argparse.ArgumentParser()
arguments.add_argument("--journal", type=pathlib.Path)
journal = arguments.parse_args().journal
application = DomainDispatcherApplication(create_backend_app)
if journal:
    application = Journal(application, journal)
# What a service consists of is imported at its first call, which takes seconds on a busy machine: longer than a
# client waits.
for service in ("s3", "ssm", "ecr"):
    create_backend_app(service)
server = make_server("127.0.0.1", 0, application, threaded=False)
print(server.server_port, flush=True)
threading.Thread(target=end_with_the_test, daemon=True).start()
server.serve_forever()
