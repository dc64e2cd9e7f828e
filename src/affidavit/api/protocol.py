"""Audit Manager's protocol (rest-json), derived from botocore's service model at start.

Nothing is written per operation: a member or an operation that a newer botocore brings is served as
soon as it is installed. A form of member that is not served (streams, header members, blobs) stops
the start, not a request.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from affidavit.api import parse, serialise
from affidavit.api.errors import Answer, faulted
from affidavit.api.routes import Route, Router, route
from affidavit.api.validate import Problems, Reader, reader
from affidavit.operations.faults import Fault

SERVICE: Final = "auditmanager"

Headers = Sequence[tuple[bytes, bytes]]
"""As ASGI gives them: lower-case names, in the order sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """One HTTP request as it came: nothing decoded."""

    method: str
    raw_path: bytes
    """The path with its percent-escapes, without the query."""
    query: bytes
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the API, compiled."""

    name: str
    read: Reader
    labels: Mapping[str, str]
    """Label in the path -> member."""
    query: Mapping[str, tuple[str, Callable[[str], Any], bool]]
    """Key in the query -> (member, how its text becomes a value, whether it may be repeated)."""
    body_members: frozenset[str]
    status: int
    output: Shape | None
    write: Callable[[Mapping[str, Any]], bytes]
    """Writes an answer's JSON."""


class Protocol:
    """The compiled model: made once, safe to share between threads."""

    def __init__(self, model: ServiceModel | None = None) -> None:
        self.model = model or botocore.session.get_session().get_service_model(SERVICE)
        self.operations: Mapping[str, Operation] = {
            name: _compiled(self.model.operation_model(name)) for name in self.model.operation_names
        }
        self._router = Router(map(self._route, self.model.operation_names))
        self._statuses: Mapping[str, int] = {
            shape.name: int(shape.metadata["error"]["httpStatusCode"])
            for shape in self.model.error_shapes
        }

    def _route(self, name: str) -> Route:
        http = self.model.operation_model(name).http
        return route(name, http["method"], http["requestUri"])

    def match(self, method: str, raw_path: bytes) -> tuple[Operation, dict[str, str]]:
        """Return the operation of a method and undecoded path, and the decoded labels."""
        found, labels = self._router.match(method, raw_path)
        return self.operations[found.operation], labels

    def request(
        self, operation: Operation, labels: Mapping[str, str], raw: RawRequest
    ) -> dict[str, Any]:
        """Return the request's members, checked; raises ApiError or ValidationFault."""
        given: dict[str, Any] = {}
        if operation.body_members and raw.body:
            parse.check_content(dict(raw.headers))
            sent = parse.json_object(raw.body)
            given = {name: sent[name] for name in operation.body_members & sent.keys()}
        for label, text in labels.items():
            given[operation.labels[label]] = text
        with Problems() as problems:
            for key, values in parse.query_values(raw.query).items():
                if key not in operation.query:
                    continue
                member, convert, repeated = operation.query[key]
                if len(values) > 1 and not repeated:
                    problems.add(member, "Member must be given once")
                given[member] = convert(values[0]) if not repeated else list(map(convert, values))
            members: dict[str, Any] = operation.read(given, "", problems)
        return members

    def members(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return an operation's members as a request's are read; raises ValidationFault."""
        with Problems() as problems:
            members: dict[str, Any] = self.operations[name].read(given, "", problems)
        return members

    def answer(self, operation: Operation, answer: Mapping[str, Any]) -> Answer:
        """Return the HTTP answer for what an operation returned."""
        return Answer(status=operation.status, body=operation.write(answer))

    def fault(self, fault: Fault) -> Answer:
        """Return the HTTP answer for a modelled error that an operation raised."""
        return faulted(fault, self._statuses[fault.code])


def _compiled(model: OperationModel) -> Operation:
    shape = model.input_shape
    if shape is None or model.has_streaming_input or model.has_streaming_output:
        raise ValueError(f"{model.name} has no input or a stream: not served")
    labels: dict[str, str] = {}
    query: dict[str, tuple[str, Callable[[str], Any], bool]] = {}
    body: set[str] = set()
    for name, member in shape.members.items():
        where = member.serialization.get("location")
        wire = member.serialization.get("name", name)
        if where == "uri":
            labels[wire] = name
        elif where == "querystring":
            query[wire] = (name, *_text(model.name, member))
        elif where is None and wire == name:
            body.add(name)
        else:
            raise ValueError(f"{model.name}: the member {name} is not served ({where}, {wire})")
    return Operation(
        name=model.name,
        read=reader(shape),
        labels=labels,
        query=query,
        body_members=frozenset(body),
        status=int(model.http.get("responseCode", 200)),
        output=model.output_shape,
        write=serialise.writer(model.output_shape),
    )


def _text(operation: str, member: Any) -> tuple[Callable[[str], Any], bool]:
    repeated = member.type_name == "list"
    kind = member.member.type_name if repeated else member.type_name
    converters: Mapping[str, Callable[[str], Any]] = {"string": str, "integer": parse.integer}
    if kind not in converters:
        raise ValueError(f"{operation}: a {kind} in the query is not served")
    return converters[kind], repeated
