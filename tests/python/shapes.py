"""Holds raw answers against botocore's model, more strictly than botocore's parser does.

botocore drops what it does not know. A member, a type or an enumerated value that the model lacks is
an error here.
"""

import json
import re

# Errors that any API of AWS may answer with, and so no operation lists.
COMMON_ERRORS = {
    "SerializationException",
    "ThrottlingException",
    "UnknownOperationException",
    # Not AWS's: the local AWS answers it to operations that it does not do.
    "UnsupportedFeatureException",
    "ValidationException",
}


def judge_answer(operation_model, response_dict, **_):
    """botocore's hook `before-parse`: sees each answer's status and body."""
    body = json.loads(response_dict["body"])
    problems = []
    if response_dict["status_code"] >= 300:
        judge_error(operation_model, response_dict, body, problems)
    else:
        judge(operation_model.output_shape, body, operation_model.name, problems)
    content_type = response_dict["headers"].get("content-type")
    if content_type != "application/x-amz-json-1.1":
        problems.append(f"content type {content_type}")
    if not re.fullmatch(r"[0-9a-f-]{36}", response_dict["headers"].get("x-amzn-requestid", "")):
        problems.append("no request id")
    assert not problems, "\n".join(problems)


def judge_error(operation_model, response_dict, body, problems):
    code = body.get("__type", "")
    known = {shape.name for shape in operation_model.error_shapes} | COMMON_ERRORS
    if code not in known:
        problems.append(f"{operation_model.name} has no error {code}: {body.get('message')}")
    if not body.get("message"):
        problems.append(f"{code} without a message")
    wanted = 500 if code in ("ServerException", "InternalServerError") else 400
    if response_dict["status_code"] != wanted:
        problems.append(f"{code} with HTTP status {response_dict['status_code']}")


def judge(shape, value, path, problems):
    """Notes every way in which a value is not of its shape."""
    if shape is None:
        if value != {}:
            problems.append(f"{path}: there is no output but {value!r}")
        return
    kind = shape.type_name
    expected = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "long": int,
        "double": (int, float),
        "float": (int, float),
        "timestamp": (int, float),
    }[kind]
    is_boolean = isinstance(value, bool)
    if not isinstance(value, expected) or (is_boolean and kind != "boolean"):
        problems.append(f"{path}: {value!r} is no {kind}")
        return
    if kind == "structure":
        for name, member in value.items():
            if name not in shape.members:
                problems.append(f"{path}.{name}: {shape.name} has no such member")
            else:
                judge(shape.members[name], member, f"{path}.{name}", problems)
        missing = set(shape.required_members) - set(value)
        if missing:
            problems.append(f"{path}: {shape.name} lacks {sorted(missing)}")
    elif kind == "map":
        for name, member in value.items():
            judge(shape.value, member, f"{path}.{name}", problems)
    elif kind == "list":
        for index, member in enumerate(value):
            judge(shape.member, member, f"{path}[{index}]", problems)
    elif kind == "string" and shape.enum and value not in shape.enum:
        problems.append(f"{path}: {value!r} is none of {shape.enum}")
