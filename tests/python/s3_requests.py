"""Reads a request of S3 back into botocore's words, and holds it against the model.

S3 names no operation: method, path, query and headers do.
"""

import re
import urllib.parse

import botocore.session

import shapes

S3 = botocore.session.get_session().get_service_model("s3")

# Of HTTP and of the signature, not of an operation.
COMMON_HEADERS = re.compile(
    r"host|content-(length|type|encoding)|user-agent|accept.*|authorization|connection|expect|te|transfer-encoding"
    r"|amz-sdk-.*|x-amz-(date|content-sha256|user-agent|security-token|decoded-content-length|trailer)"
)

# In the body, which is not looked at.
BODIES = {"Body", "CreateBucketConfiguration", "Delete"}


def judge(method, target, headers):
    """Which operation of S3's a request is, its parameters, and what the model does not know of it."""
    parts = urllib.parse.urlsplit(target)
    query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    path = urllib.parse.unquote(parts.path).lstrip("/")
    bucket, _, key = path.partition("/")
    candidates = []
    for name in S3.operation_names:
        model = S3.operation_model(name)
        uri = model.http["requestUri"]
        places = ("{Bucket}" in uri, "{Key+}" in uri)
        if model.http["method"] != method or places != (bool(bucket), bool(key)):
            continue
        fixed = urllib.parse.urlsplit(uri).query
        fixed = dict(urllib.parse.parse_qsl(fixed, keep_blank_values=True))
        fixed.pop("x-id", None)
        if fixed.items() <= query.items():
            candidates.append((len(fixed), name, model, fixed))
    if not candidates:
        return method, {}, [f"no operation of S3 is {method} {target}"]
    found = [read(model, fixed, query, headers, bucket, key) for _, _, model, fixed in candidates]
    best = min(range(len(found)), key=lambda index: (-candidates[index][0], len(found[index][1])))
    request, problems = found[best]
    return candidates[best][1], request, problems


def read(model, fixed, query, headers, bucket, key):
    places = {"querystring": {}, "header": {}}
    for name, shape in model.input_shape.members.items():
        location = shape.serialization.get("location")
        if location in places:
            places[location][shape.serialization["name"].lower()] = (name, shape)
    request, problems = {name: text for name, text in (("Bucket", bucket), ("Key", key)) if text}, []
    sent = [("querystring", name, value) for name, value in query.items() if name not in fixed and name != "x-id"]
    sent += [("header", name.lower(), value) for name, value in headers.items()]
    for place, given, value in sent:
        member = places[place].get(given.lower())
        if member and member[1].type_name in ("integer", "long") and not value.isdigit():
            problems.append(f"{model.name}: {given} is no number")
        elif member:
            name, shape = member
            request[name] = int(value) if shape.type_name in ("integer", "long") else value
            if shape.type_name == "boolean":
                request[name] = value == "true"
        elif place == "querystring" or not COMMON_HEADERS.fullmatch(given):
            problems.append(f"{model.name} has no {place} {given}")
    missing = set(model.input_shape.required_members) - set(request) - BODIES
    if missing:
        problems.append(f"{model.name} lacks {sorted(missing)}")
    for name, value in request.items():
        shape = model.input_shape.members[name]
        if shape.type_name != "timestamp":  # HTTP's form, which botocore's JSON does not have
            shapes.judge(shape, value, f"{model.name}.{name}", problems)
    return request, problems
