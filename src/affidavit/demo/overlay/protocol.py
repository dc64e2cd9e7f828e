"""AWS's wire protocols: from a request to botocore's members, and from an answer to bytes.

Routing, parsing and serialising are moto's, driven by botocore's models; errors are ours, because
the answers' errors carry codes that are not all modelled.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import PROTOCOL_ROUTERS
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from affidavit.demo.overlay.registry import ANSWERERS, Answer, AwsError

_BY_SIGNING_NAME: Mapping[str, tuple[str, ...]] = {
    "bedrock": ("bedrock", "bedrock-agent"),
    "monitoring": ("cloudwatch",),
    "s3": ("s3control", "s3"),
}
"""botocore's names of the services that sign with one name; others sign with their own."""

_S3_CONTROL_PATH = "/v20180820/"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood."""

    service: str
    operation: str
    model: Any
    """moto's OperationModel."""
    protocol: str
    uri_labels: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@cache
def _router(service: str, protocol: str) -> Any:
    return PROTOCOL_ROUTERS[protocol](get_service_model(service))


def route(request: Any, signing_name: str) -> Asked | None:
    """Return which operation is asked, or None where it is none that we answer."""
    for service in _BY_SIGNING_NAME.get(signing_name, (signing_name,)):
        if service not in {known for known, _ in ANSWERERS}:
            continue
        if service == "s3control" and not request.path.startswith(_S3_CONTROL_PATH):
            continue
        protocol = determine_request_protocol(get_service_model(service), request.content_type)
        if protocol not in PROTOCOL_ROUTERS:
            continue
        try:
            model, labels = _router(service, protocol).match(request)
        except NotFound:
            continue
        if (service, model.name) in ANSWERERS:
            return Asked(service, model.name, model, protocol, labels)
    return None


def as_request(environ: dict[str, Any]) -> Any:
    """Return moto's request over a WSGI environment."""
    return Request(environ)


def parse(asked: Asked, request: Any) -> dict[str, Any]:
    """Return the members of the request, those that were given."""
    parser = PROTOCOL_PARSERS[asked.protocol](asked.model)
    labels = {name: unquote(str(value)) for name, value in asked.uri_labels.items()}
    parsed = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": labels,
        }
    )
    return dict(parsed)


def serialise(asked: Asked, answer: Answer, request_id: str) -> Reply:
    """Return the answer in the protocol that was asked in."""
    serializer = get_serializer_class(asked.service, asked.protocol)
    context = SerializationContext(request_id)
    reply = serializer(asked.model, context=context).serialize(answer)
    body = reply["body"]
    return Reply(
        status=int(reply["status_code"]),
        headers={**reply["headers"], **_ids(request_id)},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def refuse(protocol: str, error: AwsError, request_id: str) -> Reply:
    """Return an error in the form of `protocol`."""
    ids = _ids(request_id)
    if protocol in {"json", "rest-json"}:
        body = json.dumps({"__type": error.code, "message": error.message})
        kind = "application/json" if protocol == "rest-json" else "application/x-amz-json-1.1"
        headers = {"Content-Type": kind, "x-amzn-errortype": error.code, **ids}
        return Reply(error.status, headers, body.encode())
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    forms = {
        "query": "<ErrorResponse><Error><Type>Sender</Type>{0}</Error>"
        "<RequestId>{1}</RequestId></ErrorResponse>",
        "ec2": "<Response><Errors><Error>{0}</Error></Errors><RequestID>{1}</RequestID></Response>",
        "s3control": "<ErrorResponse><Error>{0}</Error><RequestId>{1}</RequestId></ErrorResponse>",
        "rest-xml": "<Error>{0}<RequestId>{1}</RequestId></Error>",
    }
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + forms[protocol].format(inner, request_id)
    return Reply(error.status, {"Content-Type": "text/xml", **ids}, text.encode())


def error_form(signing_name: str, path: str) -> str:
    """Return the form of errors for a service that is known only by its signing name."""
    if signing_name == "s3":
        return "s3control" if path.startswith(_S3_CONTROL_PATH) else "rest-xml"
    known = {"ec2": "ec2", "iam": "query", "sts": "query", "bedrock": "rest-json"}
    return known.get(signing_name, "json")


def _ids(request_id: str) -> dict[str, str]:
    return {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id}
