"""Reads an answer's body as the value that the model describes: AWS JSON, query XML, RPC v2 CBOR.

botocore's own parsers drop what they do not know; these keep it, so that a judge can find it.
"""

import base64
import json
import struct
import xml.etree.ElementTree

import botocore.utils

CONTENT_TYPES = {"query": "text/xml", "ec2": "text/xml", "smithy-rpc-v2-cbor": "application/cbor"}


def content_type(service_model, protocol) -> str:
    return CONTENT_TYPES.get(protocol) or f"application/x-amz-json-{service_model.metadata['jsonVersion']}"


def read_answer(operation_model, protocol, body: bytes):
    """The operation's output, as the model's JSON would have it."""
    shape = operation_model.output_shape
    if protocol == "smithy-rpc-v2-cbor":
        return Cbor(body).whole() if body else {}
    if protocol != "query":
        return json.loads(body)
    root = xml.etree.ElementTree.fromstring(body)
    names = [local_name(child) for child in root]
    wrapper = f"{operation_model.name}Result"
    if local_name(root) != f"{operation_model.name}Response" or not set(names) <= {wrapper, "ResponseMetadata"}:
        return {f"<{local_name(root)}>": names}
    found = [child for child in root if local_name(child) == wrapper]
    return read_xml(shape, found[0]) if shape and found else {}


def read_error(protocol, body: bytes) -> tuple[str, str]:
    """The error's code and message."""
    if protocol == "query":
        root = xml.etree.ElementTree.fromstring(body)
        texts = {local_name(element): element.text or "" for element in root.iter()}
        return texts.get("Code", ""), texts.get("Message", "")
    error = Cbor(body).whole() if protocol == "smithy-rpc-v2-cbor" else json.loads(body)
    # The shape's whole name is allowed: com.amazonaws.example#ServiceNotFound.
    code = error.get("__type", "").rsplit("#", 1)[-1]
    return code, error.get("message") or error.get("Message") or ""


def local_name(element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def read_xml(shape, element):
    kind, children = shape.type_name, list(element)
    if kind == "structure":
        return read_structure(shape, children)
    if kind == "list":
        item = shape.member.serialization.get("name", "member")
        return [
            read_xml(shape.member, child) if local_name(child) == item else {f"<{local_name(child)}>": None}
            for child in children
        ]
    if kind == "map":
        key, value = (part.serialization.get("name", name) for part, name in ((shape.key, "key"), (shape.value, "value")))
        entries = [{local_name(part): part for part in child} for child in children]
        return {entry[key].text: read_xml(shape.value, entry[value]) for entry in entries}
    text = element.text or ""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("double", "float"):
            return float(text)
        if kind == "timestamp":
            return botocore.utils.parse_timestamp(text).timestamp()
    except ValueError:
        return text
    return text


def read_structure(shape, children):
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    read = {}
    for child in children:
        name = names.get(local_name(child))
        if name is None:
            read[f"<{local_name(child)}>"] = None
        elif shape.members[name].serialization.get("flattened"):
            read.setdefault(name, []).append(read_xml(shape.members[name].member, child))
        else:
            read[name] = read_xml(shape.members[name], child)
    return read


class Cbor:
    """RFC 8949, as far as the protocol uses it: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html"""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def whole(self):
        value = self.item()
        assert self.at == len(self.data), f"{len(self.data) - self.at} bytes behind the value"
        return value

    def take(self, count: int) -> bytes:
        self.at += count
        assert self.at <= len(self.data), "the value is cut off"
        return self.data[self.at - count : self.at]

    def item(self):
        first = self.take(1)[0]
        major, minor = first >> 5, first & 31
        if major == 7:
            return self.simple(minor)
        if minor == 31:
            return self.indefinite(major)
        size = minor if minor < 24 else int.from_bytes(self.take(1 << (minor - 24)), "big")
        if major in (2, 3):
            return self.text(major, self.take(size))
        if major == 4:
            return [self.item() for _ in range(size)]
        if major == 5:
            return {self.item(): self.item() for _ in range(size)}
        if major == 6:
            # 1: seconds since the epoch, the protocol's timestamp.
            value = self.item()
            return value if size == 1 else {f"tag {size}": value}
        return size if major == 0 else -1 - size

    def simple(self, minor: int):
        if minor in (25, 26, 27):
            form = {25: ">e", 26: ">f", 27: ">d"}[minor]
            return struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return {20: False, 21: True, 22: None, 23: None}[minor]

    @staticmethod
    def text(major: int, data: bytes):
        # A blob is base64 in JSON.
        return data.decode() if major == 3 else base64.b64encode(data).decode()

    def indefinite(self, major: int):
        items = []
        while self.data[self.at] != 0xFF:
            items.append(self.item())
        self.take(1)
        if major == 4:
            return items
        if major == 5:
            return dict(zip(items[::2], items[1::2], strict=True))
        return "".join(items)
