"""A program behind a load balancer: says what it was asked, over HTTP/1.1.

Its version is what the image's tag says; `sick` fails its checks. An upgrade is answered with an echo.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS, VERSION = os.environ["ADDRESS"], os.environ["VERSION"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "echo":
            return self.echo()
        path, _, query = self.path.partition("?")
        if path == "/slow":
            time.sleep(float(query))
        status = 503 if VERSION == "sick" and path == "/health" else 200
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"version": VERSION, "path": self.path, "headers": headers}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def echo(self):
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "echo")
        self.end_headers()
        self.wfile.flush()
        while line := self.rfile.readline():
            self.wfile.write(line.upper())
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer((ADDRESS, 8080), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
sys.exit(0)
