"""The ASGI application of the API: body in, engine in a worker thread, answer out, one log line.

The server in front writes the `Date` header (uvicorn does, from the same clock); it must pass
`raw_path` and must not decode it.
"""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affidavit.api.anonymous import anonymous
from affidavit.api.engine import Engine, Handler, Record, signed
from affidavit.api.errors import INTERNAL, Answer, ApiError, faulted, internal, refused, too_large
from affidavit.api.hosts import LOOPBACK, HostAllowList
from affidavit.api.limits import Limits
from affidavit.api.protocol import Protocol, RawRequest
from affidavit.api.sigv4 import KeyLookup, Verifier
from affidavit.api.workers import Workers
from affidavit.operations.faults import ThrottlingFault

HEALTH: Final = "/_affidavit/health"
READY: Final = "/_affidavit/ready"
_HEALTHS: Final = (HEALTH, "/healthz")
_READIES: Final = (READY, "/readyz")
"""Also under the names that orchestrators ask for; the API has no such paths."""
_OPEN: Final = frozenset({*_HEALTHS, *_READIES})
_TOO_MANY: Final = 429
_CLIENT_GONE: Final = 499
"""Never sent; in the access log, as other servers write it."""
_MAX_LENGTH_DIGITS: Final = 15
_FAILED: Final = Answer(status=500, body=b"", code=INTERNAL)
"""What the access log says of a failure that nobody expected."""
_log: Final = logging.getLogger("affidavit.api")
_access: Final = logging.getLogger("affidavit.api.access")


def create_app(
    handlers: Mapping[str, Handler],
    keys: KeyLookup,
    limits: Limits | None = None,
    *,
    insecure: bool = False,
    hosts: Iterable[str] | None = LOOPBACK,
    ready: Callable[[], bool] = lambda: True,
) -> ASGIApp:
    """Return the API as an ASGI application.

    `handlers` maps operation names (`CreateAssessment`) to functions; an operation without one is
    answered with ValidationException and reason `unknownOperation`, the only modelled error that
    says so and that no SDK repeats. `insecure` takes requests without a signature: loopback only,
    which is for the caller to see to. `hosts`: those that requests may name; None: who stands in
    front looks. `ready` says whether the server can do work; it is called on
    the event loop.
    """
    protocol = Protocol()
    identify = anonymous(keys) if insecure else signed(Verifier(keys))
    api = Api(Engine(protocol, handlers, identify), limits or Limits(), ready)
    caught = ServerErrorMiddleware(api, handler=_failed)
    return caught if hosts is None else HostAllowList(caught, hosts)


class DisconnectedError(ConnectionError):
    """The client went away before its request was whole."""


class Api:
    """The ASGI application proper, inside the host check and the net for failures."""

    def __init__(self, engine: Engine, limits: Limits, ready: Callable[[], bool]) -> None:
        self._engine = engine
        self._limits = limits
        self._ready = ready
        self._workers = Workers(limits.threads)
        self._under_way = 0
        self._held = 0
        """Bytes of bodies in memory."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (or take part in the server's start and stop)."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        if scope["path"] in _OPEN:
            answer = replace(self._health(scope["path"]), close=_has_body(scope))
            await _send(send, answer, "")
            return
        started = time.perf_counter()
        record = Record(request_id=_new_request_id())
        scope.setdefault("state", {})["request_id"] = record.request_id
        answer = _FAILED
        try:
            answer = await self._answer(scope, receive, record)
            await _send(send, answer, record.request_id)
        except DisconnectedError:
            answer = Answer(status=_CLIENT_GONE, body=b"")
        finally:
            _log_access(scope, record, answer, time.perf_counter() - started)

    def _health(self, path: str) -> Answer:
        if path in _READIES and not self._ready():
            return Answer(status=503, body=b'{"status":"not ready"}')
        return Answer(status=200, body=b'{"status":"ok"}')

    async def _answer(self, scope: Scope, receive: Receive, record: Record) -> Answer:
        held = _Held(self)
        try:
            body = await self._body(scope, receive, held)
            return await self._answer_whole(scope, body, record)
        except ApiError as error:
            return replace(refused(error), close=True)
        finally:
            held.give_back()

    async def _answer_whole(self, scope: Scope, body: bytes, record: Record) -> Answer:
        request = RawRequest(
            method=scope["method"],
            raw_path=scope["raw_path"],
            query=scope["query_string"],
            headers=scope["headers"],
            body=body,
        )
        if self._under_way >= self._limits.threads + self._limits.waiting:
            return faulted(ThrottlingFault(), _TOO_MANY)
        self._under_way += 1
        try:
            return await self._workers.run(self._engine.handle, request, record)
        finally:
            self._under_way -= 1

    def hold(self, length: int) -> None:
        """Count bytes that are kept in memory; ApiError where all requests keep too many."""
        self._held += length
        if self._held > self._limits.held_bytes:
            what = "The server is reading too much at once. Try again."
            raise ApiError("ThrottlingException", what, _TOO_MANY)

    def let_go(self, length: int) -> None:
        """Count bytes that are kept no more."""
        self._held -= length

    async def _body(self, scope: Scope, receive: Receive, held: "_Held") -> bytes:
        total, announced = 0, 0
        chunked = False
        for name, value in scope["headers"]:
            total += len(name) + len(value)
            if name == b"content-length":
                announced = _announced(value)
            chunked = chunked or name == b"transfer-encoding"
        if total > self._limits.header_bytes:
            what = f"The headers are longer than {self._limits.header_bytes} bytes together."
            raise ApiError("RequestHeaderSectionTooLargeException", what, 431)
        if announced > self._limits.body_bytes:
            raise too_large(self._limits.body_bytes)
        if not announced and not chunked:
            return b""
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await _read(receive, self._limits.body_bytes, held)
        except TimeoutError:
            raise ApiError("RequestTimeoutException", "The body took too long.", 408) from None

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Take part in the server's start and stop; operations under way are finished."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self._workers.close()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return


class _Held:
    """What one request keeps in memory."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._length = 0

    def add(self, length: int) -> None:
        """Keep more bytes; ApiError where there is no room."""
        self._length += length
        self._api.hold(length)

    def give_back(self) -> None:
        """Keep nothing more."""
        self._api.let_go(self._length)


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def _new_request_id() -> str:
    """Return a random id in a UUID's form, as AWS's request ids are."""
    text = secrets.token_hex(16)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _announced(value: bytes) -> int:
    """Return a Content-Length; whatever is not a sane number counts as far too long."""
    sane = value.isdigit() and len(value) <= _MAX_LENGTH_DIGITS
    return int(value) if sane else 10**_MAX_LENGTH_DIGITS


async def _read(receive: Receive, limit: int, held: _Held) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    held.add(len(body))
    if message["type"] == "http.request" and not message.get("more_body", False):
        return body
    parts, length = [body], len(body)
    while message["type"] != "http.disconnect" and message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        held.add(len(parts[-1]))
        if length > limit:
            raise too_large(limit)
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    return b"".join(parts)


async def _send(send: Send, answer: Answer, request_id: str) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer.body)).encode("ascii")),
        (b"x-amzn-requestid", request_id.encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
    if answer.code:
        headers.append((b"x-amzn-errortype", answer.code.encode("ascii")))
    if answer.close:
        headers.append((b"connection", b"close"))
    if answer.retry_after is not None:
        headers.append((b"retry-after", str(answer.retry_after).encode("ascii")))
    start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})


def _failed(request: Request, _: Exception) -> Response:
    """Answer a failure that nobody expected; ServerErrorMiddleware raises it again for the log."""
    request_id = getattr(request.state, "request_id", "")
    _log.error("Request %s failed unexpectedly; the trace follows", request_id)
    answer = internal(request_id)
    headers = {"x-amzn-requestid": request_id, "x-amzn-errortype": answer.code}
    return Response(
        answer.body, status_code=answer.status, headers=headers, media_type="application/json"
    )


def _log_access(scope: Scope, record: Record, answer: Answer, seconds: float) -> None:
    """Write one JSON line: no query (it may hold a signature), no header, no body."""
    if not _access.isEnabledFor(logging.INFO):
        return
    client = scope.get("client")
    line = {
        "time": round(time.time(), 3),
        "requestId": record.request_id,
        "client": client[0] if client else "",
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1"),
        "operation": record.operation,
        "accountId": record.account_id,
        "region": record.region,
        "accessKeyId": record.access_key_id,
        "status": answer.status,
        "error": answer.code,
        "bytes": len(answer.body),
        "ms": round(seconds * 1000, 3),
    }
    _access.info("%s", json.dumps(line))
