"""Holds raw requests and answers against botocore's model, more strictly than botocore itself does.

botocore drops what it does not know. A member, a type, an enumerated value or a size that the model
lacks is an error here.
"""

import re

import botocore.session
import botocore.validate

import protocols

SESSION = botocore.session.get_session()

API = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference"

# What AWS documents and the model does not hold: operation, member, most entries or characters.
DOCUMENTED_LIMITS = {
    ("DescribeServices", "services"): 10,  # API_DescribeServices.html
    ("DescribeTasks", "tasks"): 100,  # API_DescribeTasks.html
    ("DescribeClusters", "clusters"): 100,  # API_DescribeClusters.html
    ("DescribeServiceDeployments", "serviceDeploymentArns"): 20,  # API_DescribeServiceDeployments.html
    ("CreateService", "clientToken"): 36,  # API_CreateService.html
    ("RunTask", "clientToken"): 64,  # API_RunTask.html
}

# Errors that any API of AWS may answer with, and so no operation lists.
COMMON_ERRORS = {
    # SQS's, from before it spoke JSON: .../AWSSimpleQueueService/latest/APIReference/CommonErrors.html
    "InvalidParameterValue",
    "MissingParameter",
    "SerializationException",
    "ThrottlingException",
    "UnknownOperationException",
    # The query protocol's: .../elasticloadbalancing/latest/APIReference/CommonErrors.html
    "ValidationError",
    # Not AWS's: the local AWS answers it to operations that it does not do.
    "UnsupportedFeatureException",
    "ValidationException",
}

# Answers that AWS itself makes shorter than its model allows: the examples under
# https://docs.aws.amazon.com/cli/latest/reference/ssm/ of get-parameters, get-parameter-history, label-parameter-version
# and unlabel-parameter-version.
EMPTY_IN_AWS_TOO = {
    "GetParameters.InvalidParameters",
    "GetParameterHistory.Parameters.Labels",
    "LabelParameterVersion.InvalidLabels",
    "UnlabelParameterVersion.InvalidLabels",
    "UnlabelParameterVersion.RemovedLabels",
}

# The server's own fault, HTTP status 500, where the model does not say so.
SERVERS_FAULTS = {"ServerException", "InternalServerError"}


def judge_answer(operation_model, response_dict, **_):
    """botocore's hook `before-parse`: sees each answer's status and body."""
    service = operation_model.service_model
    protocol, body = service.resolved_protocol, response_dict["body"]
    problems = []
    if response_dict["status_code"] >= 300:
        code, message = protocols.read_error(protocol, body)
        judge_error(operation_model, code, message, response_dict["status_code"], problems)
    else:
        answer = protocols.read_answer(operation_model, protocol, body)
        judge(operation_model.output_shape, answer, operation_model.name, problems)
    content_type = response_dict["headers"].get("content-type")
    if content_type != protocols.content_type(service, protocol):
        problems.append(f"content type {content_type}")
    if not re.fullmatch(r"[0-9a-f-]{36}", response_dict["headers"].get("x-amzn-requestid", "")):
        problems.append("no request id")
    assert not problems, "\n".join(problems)


# Errors that AWS gives no text with. Source: what LocalStack's tests of KMS recorded of AWS (`test_kms.snapshot.json`).
WORDLESS = {"InvalidCiphertextException", "KMSInvalidSignatureException"}


def judge_error(operation_model, code, message, status, problems):
    """An error of the operation, or one that any operation may answer with."""
    known = {name: {400} for name in COMMON_ERRORS} | {name: {500} for name in SERVERS_FAULTS}
    for shape in operation_model.error_shapes:
        error = shape.metadata.get("error", {})
        usual = 500 if shape.metadata.get("fault") or shape.name in SERVERS_FAULTS else 400
        # Query XML has codes of its own; AWS JSON has the shape's name, and 400 whatever the model says.
        for name in (shape.name, error.get("code", shape.name)):
            known[name] = {usual, error.get("httpStatusCode", usual)}
    if code not in known:
        problems.append(f"{operation_model.name} has no error {code}: {message}")
    elif status not in known[code]:
        problems.append(f"{code} with HTTP status {status}")
    if not message and code not in WORDLESS:
        problems.append(f"{code} without a message")


def judge_journal(entries):
    """What is wrong with the answers that `coxswain-local --journal` wrote down, whoever asked."""
    found = {}
    for entry in entries:
        problems = []
        if "answer" in entry or "error" in entry:
            operation_model = SESSION.get_service_model(entry["service"]).operation_model(entry["operation"])
            if "answer" in entry:
                judge(operation_model.output_shape, entry["answer"], operation_model.name, problems)
            else:
                judge_journaled_error(operation_model, entry["error"], problems)
        if problems:
            found["\n".join(problems)] = entry
    return [f"{text}\n  in {entry}" for text, entry in found.items()]


def judge_journaled_error(operation_model, error, problems):
    judge_error(operation_model, error["code"], error["message"], error["status"], problems)
    for shape in operation_model.error_shapes:
        if shape.name == error["code"]:
            members = {name: value for name, value in error["members"].items() if name.lower() != "message"}
            judge(shape, members, shape.name, problems)


def judge_request(operation_model, request):
    """Every way in which AWS could refuse a request for its form, as far as the model and the pages say."""
    problems = []
    report = botocore.validate.ParamValidator().validate(request, operation_model.input_shape)
    if report.has_errors():
        problems.append(report.generate_report())
    judge(operation_model.input_shape, request, operation_model.name, problems)
    for (operation, member), most in DOCUMENTED_LIMITS.items():
        if operation == operation_model.name and len(request.get(member, "")) > most:
            problems.append(f"{operation}.{member}: more than {most}, see {API}/API_{operation}.html")
    if operation_model.name == "PutParameter":
        judge_parameter(request, problems)
    return problems


def judge_parameter(request, problems):
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""
    value = request.get("Value", "")
    most = 8192 if request.get("Tier") in ("Advanced", "Intelligent-Tiering") else 4096
    if len(value.encode()) > most:
        problems.append(f"PutParameter.Value: more than {most} bytes in this tier")
    if "{{" in value:
        problems.append("PutParameter.Value: it refers to another parameter, which is refused")


def judge(shape, value, path, problems):
    """Notes every way in which a value is not of its shape."""
    if shape is None:
        if value != {}:
            problems.append(f"{path}: there is no output but {value!r}")
        return
    if getattr(shape, "is_document_type", False):
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
        "blob": str,
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
    judge_size(shape, value, path, problems)


def judge_size(shape, value, path, problems):
    size = value if isinstance(value, (int, float)) else len(value)
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    may_be_empty = re.sub(r"\[\d+\]", "", path) in EMPTY_IN_AWS_TOO
    if least is not None and size < least and not may_be_empty:
        problems.append(f"{path}: {value!r} is under the least, {least}")
    if most is not None and size > most:
        problems.append(f"{path}: {value!r} is over the most, {most}")
    pattern = shape.metadata.get("pattern")
    if pattern and isinstance(value, str) and not understood(pattern).fullmatch(value):
        problems.append(f"{path}: {value!r} does not match {pattern}")


def understood(pattern):
    """The pattern, or one that lets all pass: some use classes of Java's that Python has no word for."""
    try:
        return re.compile(pattern)
    except re.error:
        return re.compile(r"[\s\S]*")
