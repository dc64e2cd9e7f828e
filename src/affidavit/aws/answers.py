"""Is an HTTP answer what the operation's protocol promises? Asked before botocore parses it.

botocore reads leniently: a successful answer whose JSON is cut off, or a web page in its place, is
parsed as an empty answer, and an empty answer may be read as "nothing configured". Such answers are
refused here, so that they become gaps.
"""

import json
import re
from typing import Any

from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

_FIRST_ERROR_STATUS = 300
_CBOR_MAP = 5
"""Major type of a CBOR map (RFC 8949, section 3.1): the upper three bits of the first byte."""

_XML_ROOT = re.compile(rb"\s*(?:<\?xml.*?\?>\s*)?(?:<!--.*?-->\s*)*<([A-Za-z_][\w.:-]*)", re.DOTALL)
_HTML = re.compile(rb"\s*(?:<!doctype\s+html|<html)", re.IGNORECASE)


def is_html(body: Any) -> bool:
    """Return whether an answer's body is a web page: an error page of a proxy or an emulator."""
    return isinstance(body, bytes) and _HTML.match(body) is not None


def check(operation: OperationModel, response: dict[str, Any]) -> None:
    """Return when a successful answer is of its protocol's form, else `ResponseParserError`."""
    if response["status_code"] >= _FIRST_ERROR_STATUS or not _has_body(operation):
        return
    body: bytes = response["body"]
    promised = response["headers"].get("content-length")
    if promised and "content-encoding" not in response["headers"] and int(promised) != len(body):
        raise ResponseParserError(f"{operation.name}: {len(body)} of {promised} bytes arrived")
    if not body.strip():
        raise ResponseParserError(f"{operation.name} answered with an empty body")
    if is_html(body):
        raise ResponseParserError(f"{operation.name} answered with a web page")
    if _is_raw(operation):
        return
    _CHECKS[operation.service_model.resolved_protocol](operation, body)


def _has_body(operation: OperationModel) -> bool:
    """Return whether any member of the answer travels in a body that is read at once."""
    shape = operation.output_shape
    if shape is None or operation.has_streaming_output or operation.has_event_stream_output:
        return False
    places = {member.serialization.get("location") for member in shape.members.values()}
    return bool(places - {"header", "headers", "statusCode"})


def _is_raw(operation: OperationModel) -> bool:
    """Return whether the body is one string or blob, without form (s3:GetBucketPolicy)."""
    shape: Any = operation.output_shape
    payload = shape.serialization.get("payload")
    return payload is not None and shape.members[payload].type_name in {"string", "blob"}


def _json(operation: OperationModel, body: bytes) -> None:
    name = operation.name
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ResponseParserError(
            f"{name} answered with JSON that cannot be read: {error}"
        ) from error
    if not isinstance(value, dict):
        raise ResponseParserError(f"{name} answered with JSON that is not an object")


def _cbor(operation: OperationModel, body: bytes) -> None:
    if body[0] >> 5 != _CBOR_MAP:
        raise ResponseParserError(f"{operation.name} answered with no CBOR map")


def _rest_xml(operation: OperationModel, body: bytes) -> None:
    root = _root(operation.name, body)
    # S3 does so on purpose, and botocore's handler for S3 makes an error of it.
    if root == "Error" and operation.service_model.service_name != "s3":
        raise ResponseParserError(f"{operation.name} answered with success and an error in it")


def _query(operation: OperationModel, body: bytes) -> None:
    root = _root(operation.name, body)
    if root != f"{operation.name}Response":
        raise ResponseParserError(f"{operation.name} answered with the XML element {root}")


def _root(name: str, body: bytes) -> str:
    match = _XML_ROOT.match(body)
    if match is None:
        raise ResponseParserError(f"{name} answered with something that is not XML")
    return match.group(1).decode("ascii", "replace").rpartition(":")[2]


_CHECKS = {
    "json": _json,
    "rest-json": _json,
    "smithy-rpc-v2-cbor": _cbor,
    "rest-xml": _rest_xml,
    "query": _query,
    "ec2": _query,
}
