"""A proxy between a client and an emulator: passes all on as it is, and judges each request on the way.

A request is judged by its signature, which emulators do not look at, and by botocore's model: AWS JSON
by its target, S3 by method, path, query and headers.
"""

import collections
import hashlib
import http.client
import http.server
import json
import re
import threading
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

import s3_requests
import shapes

SESSION = botocore.session.get_session()
SERVICES = {
    model.metadata["targetPrefix"]: model
    for model in map(SESSION.get_service_model, ("ecs", "ssm", "logs", "ecr", "sts"))
    if "targetPrefix" in model.metadata
}

Seen = collections.namedtuple("Seen", "service operation request status problems")


class Proxy:
    """Serves until it is closed; `seen` is what came through, oldest first."""

    def __init__(self, upstream: str, credentials: dict, mend=None):
        """`mend` is given each answer of AWS JSON that is none of an error, and may put into it what is missing."""
        self.upstream = urllib.parse.urlsplit(upstream)
        self.credentials = botocore.credentials.Credentials(
            credentials["aws_access_key_id"], credentials["aws_secret_access_key"]
        )
        self.mend = mend
        self.seen: list[Seen] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                try:
                    proxy.pass_on(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client was ended, or waits no longer

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def pass_on(self, client):
        body = client.rfile.read(int(client.headers.get("content-length", 0)))
        connection = http.client.HTTPConnection(self.upstream.netloc, timeout=60)
        try:
            connection.putrequest(client.command, client.path, skip_host=True, skip_accept_encoding=True)
            for name, value in client.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        seen = self.judge(client, body, answer.status)
        if self.mend and seen.service != "s3" and answer.status == 200:
            content = json.dumps(self.mend(json.loads(content))).encode()
        self.seen.append(seen)
        client.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                client.send_header(name, value)
        length = answer.getheader("content-length") if client.command == "HEAD" else len(content)
        client.send_header("Content-Length", str(length or 0))
        client.end_headers()
        client.wfile.write(content)

    def judge(self, client, body, status) -> Seen:
        problems = self.judge_signature(client, body)
        target = client.headers.get("x-amz-target")
        if target:
            prefix, operation = target.split(".")
            model = SERVICES[prefix]
            request = json.loads(body)
            problems += shapes.judge_request(model.operation_model(operation), request)
            return Seen(model.service_name, operation, request, status, problems)
        operation, request, found = s3_requests.judge(client.command, client.path, client.headers)
        return Seen("s3", operation, request, status, problems + found)

    def judge_signature(self, client, body) -> list[str]:
        """Signs the same request by botocore and holds the signatures against each other."""
        given = client.headers.get("authorization", "")
        parts = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, "
            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
            given,
        )
        if not parts:
            return [f"no signature: {given!r}"]
        _, region, service, names, signature = parts.groups()
        headers = {name: client.headers[name] for name in names.split(";")}
        kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
        signer = kind(self.credentials, service, region)
        url = f"http://{client.headers['host']}{client.path}"
        request = botocore.awsrequest.AWSRequest(client.command, url, data=body, headers=headers)
        request.context["timestamp"] = client.headers["x-amz-date"]
        real = hashlib.sha256(body).hexdigest()
        hashed = client.headers.get("x-amz-content-sha256", real)
        if hashed not in (real, "UNSIGNED-PAYLOAD") and not hashed.startswith("STREAMING-"):
            return [f"the body of {client.command} {client.path} is not the one that was signed"]
        canonical = "\n".join(
            [
                client.command,
                signer._normalize_url_path(urllib.parse.urlsplit(url).path),
                signer.canonical_query_string(request),
                signer.canonical_headers(signer.headers_to_sign(request)) + "\n",
                names,
                hashed,
            ]
        )
        expected = signer.signature(signer.string_to_sign(request, canonical), request)
        return [] if expected == signature else [f"the signature is wrong for {client.command} {client.path}"]
